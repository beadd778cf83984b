//! Programs called `jit-NAME`, and types of gates.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::support::{Output, Repo};

/// A folder of plugins beside the repository.
fn plugin(repo: &Repo, name: &str, script: &str) -> PathBuf {
    let folder = repo.outside().join("plugins");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("jit-{name}"));
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn with(repo: &Repo, folder: &Path, args: &[&str]) -> Output {
    let run = repo.run(args);
    let path = std::env::var("PATH").unwrap();
    let jit = crate::support::jit_path();
    run.env("PATH", format!("{}:{}:{path}", folder.display(), jit.parent().unwrap().display())).output()
}

const TELLS: &str = r#"echo "$0 $#: $*"; pwd; env | grep ^JIT_ | sort; exit 42"#;

#[test]
fn a_program_called_jit_name_runs_as_jit_name() {
    let repo = Repo::new();
    let folder = plugin(&repo, "tells", TELLS);
    let output = with(&repo, &folder, &["--json", "--as", "x:1", "tells", "--flag", "a b", "--json"]).code(42);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(lines[0].ends_with("jit-tells 3: --flag a b --json"), "{}", output.stdout);
    let top = std::fs::canonicalize(repo.path()).unwrap();
    for line in ["JIT_ACTOR=x:1", "JIT_AGENT=x:1", "JIT_JSON=1"] {
        assert!(lines.contains(&line), "{line} in {}", output.stdout);
    }
    assert!(
        lines
            .iter()
            .any(|line| line.strip_prefix("JIT_REPO=").is_some_and(|repo| std::fs::canonicalize(repo).unwrap() == top))
    );
    assert!(lines.iter().any(|line| line.starts_with("JIT_PROGRAM=") && line.ends_with("/jit")));
    // A person stays a person in what the plugin calls.
    let output = with(&repo, &folder, &["-q", "tells"]).code(42);
    assert!(output.stdout.contains("JIT_ACTOR=human:Ada") && !output.stdout.contains("JIT_AGENT"), "{}", output.stdout);
    assert!(output.stdout.contains("JIT_QUIET=1") && !output.stdout.contains("JIT_JSON"), "{}", output.stdout);
}

#[test]
fn a_plugin_runs_where_it_is_told_and_outside_of_repositories() {
    let repo = Repo::new();
    let folder = plugin(&repo, "tells", TELLS);
    std::fs::create_dir(repo.path().join("sub")).unwrap();
    let output = with(&repo, &folder, &["-C", "sub", "tells"]).code(42);
    assert!(output.stdout.lines().nth(1).unwrap().ends_with("/sub"), "{}", output.stdout);
    let outside = Repo::bare_folder();
    let output = with(&outside, &folder, &["tells"]).code(42);
    assert!(!output.stdout.contains("JIT_REPO"), "{}", output.stdout);
}

#[test]
fn a_plugin_takes_no_commands_place_and_a_wrong_word_is_told_as_ever() {
    let repo = Repo::new();
    let folder = plugin(&repo, "list", TELLS);
    plugin(&repo, "status", TELLS);
    assert_eq!(with(&repo, &folder, &["list", "--json"]).ok().json()["count"], 0);
    with(&repo, &folder, &["status"]).ok();
    let wrong = with(&repo, &folder, &["statsu", "--json"]).code(2);
    assert!(wrong.stderr.contains("did you mean status?"), "{}", wrong.stderr);
    // Not a program, or a name that is not a name.
    std::fs::write(folder.join("jit-text"), "text").unwrap();
    with(&repo, &folder, &["text"]).code(2);
    with(&repo, &folder, &["../plugins/jit-list"]).code(2);
    // What lies in the folder one stands in is not a plugin.
    repo.write("jit-here", "#!/bin/sh\n");
    std::fs::set_permissions(repo.path().join("jit-here"), std::fs::Permissions::from_mode(0o755)).unwrap();
    repo.run(&["here"]).env("PATH", format!(".::{}", std::env::var("PATH").unwrap())).output().code(2);
    // One that cannot be started says so.
    std::fs::write(folder.join("jit-broken"), "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(folder.join("jit-broken"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let broken = with(&repo, &folder, &["broken"]).code(10);
    assert!(broken.stderr.contains("could not be started"), "{}", broken.stderr);
}

#[test]
fn help_lists_plugins_and_types_of_gates() {
    let repo = Repo::new();
    let folder = plugin(&repo, "standup", "true");
    plugin(&repo, "gate-words", "true");
    let help = with(&repo, &folder, &["--help"]).ok().stdout;
    assert!(help.contains("Plugins: standup\nTypes of gates: words\n"), "{help}");
    assert!(help.contains("Topics: jit help states|"), "{help}");
    let near = with(&repo, &folder, &["standap"]).code(2);
    assert!(near.stderr.contains("did you mean standup?"), "{}", near.stderr);
    let own = with(&repo, &folder, &["help", "standup"]).code(3);
    assert!(own.stderr.contains("hint: jit standup --help"), "{}", own.stderr);
}

#[test]
fn a_type_of_gate_is_a_plugin_that_judges() {
    let repo = Repo::new();
    let folder = plugin(&repo, "gate-has", r#"[ -e "$1" ] || { echo "$1 is missing for $JIT_GATE"; exit 1; }"#);
    let id = repo.create("a");
    with(&repo, &folder, &["gate", "define", "has", "--title", "Has it", "--type", "has", "--arg", "the file"]).ok();
    let gate = repo.jit(&["gate", "show", "has", "--json"]).ok().json();
    assert_eq!((&gate["command"], &gate["auto"]), (&json!("jit-gate-has 'the file'"), &json!(true)));
    repo.jit(&["gate", "add", &id, "has"]).ok();
    let failed = with(&repo, &folder, &["gate", "run", &id]).code(4);
    assert!(failed.stderr.contains("the file is missing for has"), "{}", failed.stderr);
    repo.write("the file", "x");
    with(&repo, &folder, &["gate", "run", &id]).ok();
    // Where the plugin is missing there is no verdict.
    repo.write("other", "x");
    repo.jit(&["gate", "run", &id]).code(10);
    let unknown = with(&repo, &folder, &["gate", "define", "x", "--title", "X", "--type", "hass", "--json"]).code(3);
    assert_eq!(unknown.error_code(), "plugin_not_found");
    repo.jit(&["gate", "define", "x", "--title", "X", "--type", "a", "--command", "b"]).code(2);
    repo.jit(&["gate", "define", "x", "--title", "X", "--timeout", "1s"]).code(2);
    repo.jit(&["gate", "define", "x", "--title", "X", "--arg", "y"]).code(2);
}

#[test]
fn the_sample_plugins_do_what_they_say() {
    let repo = Repo::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");
    let done = repo.ready("finished thing");
    repo.jit(&["issue", "update", &done, "--state", "done"]).ok();
    let held = repo.ready("held thing");
    repo.jit(&["issue", "claim", &held, "x:1"]).ok();
    let told = with(&repo, &folder, &["standup"]).ok().stdout;
    let place = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text} in\n{told}"));
    assert!(place("Done since 1d:") < place("finished thing") && place("finished thing") < place("At work:"));
    assert!(place("At work:") < place("held thing"));
    assert_eq!(with(&repo, &folder, &["--json", "standup", "2d"]).ok().json()["completed"], 1);
    with(&repo, &folder, &["gate", "define", "no-todo", "--title", "No TODO", "--type", "no-words", "--arg", "TODO"])
        .ok();
    repo.jit(&["gate", "add", &held, "no-todo"]).ok();
    repo.write("code", "fine\n");
    with(&repo, &folder, &["gate", "run", &held]).ok();
    repo.write("code", "TODO: more\n");
    assert!(with(&repo, &folder, &["gate", "run", &held]).code(4).stderr.contains("code:1:TODO: more"));
}
