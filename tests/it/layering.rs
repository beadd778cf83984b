//! What may name what: each outside crate has its home, and no module reaches up.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files
}

fn collect(root: &Path, dir: &PathBuf, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).expect("the sources are there") {
        let path = entry.expect("the sources are there").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).expect("a source is text")));
        }
    }
}

/// Lines of code, without comments and without the tests at the end of a file.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.lines().enumerate().take_while(|(_, line)| *line != "#[cfg(test)]");
    lines.map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Words that may stand only in files whose path begins with one of the homes.
const HOMES: &[(&str, &[&str])] = &[
    ("gix::", &["store/git/"]),
    ("flate2", &["store/git/"]),
    ("clap::", &["cli/"]),
    ("petgraph", &["domain/graph.rs"]),
    ("glob::", &["domain/filter/", "domain/settings.rs", "hooks/push.rs"]),
    ("signal_hook", &["environment.rs"]),
    ("rustix::process", &["processes.rs", "coordinator/", "gates/process.rs", "git_process/"]),
    ("notify::", &["watch.rs"]),
    ("rusqlite", &["store/search/"]),
    ("csv::Writer", &["report/metrics/csv.rs"]),
    ("saphyr_parser", &["document.rs"]),
    ("jsonc_parser", &["document.rs"]),
    ("shlex", &["coordinator/config/"]),
    ("serde_path_to_error", &["coordinator/config/"]),
    ("unicode_width", &["report/text.rs"]),
    ("anstyle", &["report/"]),
    ("indicatif", &["report/progress.rs"]),
    ("layout::core", &["report/graph/svg.rs"]),
    ("similar::", &["report/history.rs"]),
    ("tempfile", &["store/git/", "store/derived.rs", "mirror/files.rs", "git_process/", "gates/", "hooks/", "sinks/"]),
    ("ureq", &["sinks/"]),
    ("hmac::", &["sinks/send.rs"]),
    ("sha2::", &["sinks/send.rs"]),
    ("zerocopy", &["domain/table/row.rs", "store/index/file.rs", "store/lookup/pages.rs"]),
    ("crc32fast", &["store/index/file.rs", "store/lookup/pages.rs"]),
    ("chrono::", &["domain/time.rs"]),
    ("std::env::", &["environment.rs", "lib.rs", "steps.rs"]),
    (
        "std::process::",
        &[
            "git_process/",
            "plugins.rs",
            "pager.rs",
            "gates/process.rs",
            "coordinator/runner.rs",
            "coordinator/start.rs",
            "coordinator/care.rs",
            "coordinator/control.rs",
            "coordinator/daemon.rs",
            "coordinator/deliver.rs",
            "lib.rs",
            "main.rs",
            "steps.rs",
        ],
    ),
    ("io::stdout", &["report/printer.rs"]),
    ("io::stderr", &["report/", "git_process/"]),
];

#[test]
fn outside_names_stay_in_their_homes() {
    let mut strays = Vec::new();
    for (file, source) in sources() {
        for (at, line) in code(&source) {
            for (word, homes) in HOMES {
                if line.contains(word) && !homes.iter().any(|home| file.starts_with(home)) {
                    strays.push(format!("src/{file}:{at}: {word} belongs to {homes:?}: {}", line.trim()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

/// Which modules each module may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain/", &["domain"]),
    ("document.rs", &[]),
    ("plan/", &["plan", "document", "domain"]),
    ("progress.rs", &[]),
    ("steps.rs", &[]),
    ("file_lock.rs", &[]),
    ("processes.rs", &[]),
    ("watch.rs", &[]),
    ("pager.rs", &["environment"]),
    ("plugins.rs", &["domain"]),
    ("git_process/", &["git_process", "store"]),
    ("environment.rs", &["domain"]),
    ("store/", &["store", "domain", "steps", "progress", "file_lock", "git_process"]),
    ("error/", &["error", "domain", "store"]),
    ("mirror/", &["mirror", "store", "domain", "steps", "progress", "file_lock"]),
    ("session/", &["session", "environment", "store", "mirror", "domain", "error", "progress", "steps", "watch"]),
    ("recovery.rs", &["session", "store", "error", "sync"]),
    (
        "coordinator/",
        &[
            "coordinator",
            "document",
            "sinks",
            "worktree",
            "sync",
            "session",
            "store",
            "domain",
            "error",
            "environment",
            "file_lock",
            "git_process",
            "processes",
            "watch",
        ],
    ),
    ("history/", &["history", "session", "store", "domain", "error"]),
    ("sinks/", &["sinks", "history", "gates", "session", "store", "domain", "error", "file_lock"]),
    ("worktree.rs", &["session", "store", "domain", "error", "file_lock", "git_process"]),
    ("sync/", &["sync", "session", "store", "domain", "error", "environment", "git_process"]),
    (
        "gates/",
        &[
            "gates",
            "session",
            "store",
            "domain",
            "error",
            "environment",
            "file_lock",
            "git_process",
            "processes",
            "progress",
        ],
    ),
    ("land/", &["land", "hooks", "verify", "sync", "session", "store", "domain", "error", "git_process", "progress"]),
    ("verify.rs", &["gates", "session", "store", "domain", "error", "git_process", "progress"]),
    (
        "hooks/",
        &[
            "hooks",
            "worktree",
            "sync",
            "verify",
            "gates",
            "session",
            "store",
            "domain",
            "error",
            "git_process",
            "progress",
        ],
    ),
    (
        "report/",
        &[
            "report", "pager", "sinks", "history", "domain", "error", "store", "progress", "verify", "sync", "land",
            "worktree",
        ],
    ),
    (
        "cli/",
        &[
            "cli",
            "session",
            "report",
            "error",
            "domain",
            "store",
            "mirror",
            "environment",
            "git_process",
            "recovery",
            "gates",
            "hooks",
            "verify",
            "sync",
            "land",
            "coordinator",
            "worktree",
            "history",
            "plan",
            "plugins",
            "sinks",
            "progress",
        ],
    ),
];

#[test]
fn no_module_reaches_up() {
    let mut strays = Vec::new();
    for (file, source) in sources() {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(prefix, _)| file.starts_with(prefix)) else {
            assert!(["lib.rs", "main.rs"].contains(&file.as_str()), "{file} has no row in the table");
            continue;
        };
        for (at, line) in code(&source) {
            for named in line.split("crate::").skip(1) {
                let module: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !allowed.contains(&module.as_str()) {
                    strays.push(format!("src/{file}:{at}: {module} is above it: {}", line.trim()));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn files_and_functions_stay_short() {
    let mut long = Vec::new();
    for (file, source) in sources() {
        let lines = source.lines().count();
        if lines > 400 {
            long.push(format!("src/{file} has {lines} lines"));
        }
        let mut start: Option<(usize, usize)> = None;
        for (at, line) in source.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let opens = line.contains("fn ") && line.trim_end().ends_with('{') && !line.trim_start().starts_with("//");
            match start {
                None if opens => start = Some((at, indent)),
                Some((from, depth)) if indent == depth && line.trim() == "}" => {
                    if at - from > 60 {
                        long.push(format!("src/{file}:{}: a function of {} lines", from + 1, at - from));
                    }
                    start = None;
                }
                _ => {}
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
