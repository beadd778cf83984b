//! What a person at a terminal gets: completions, manual pages, topics, a pager, colours.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::Repo;

/// What a command prints when its stdout is a terminal.
fn on_terminal(repo: &Repo, args: &[&str], variables: &[(&str, &str)]) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = repo.command(crate::support::jit_path());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::from(slave)).stderr(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("PAGER").env_remove("GIT_PAGER").env("TERM", "xterm");
    command.envs(variables.iter().copied());
    let mut child = command.spawn().unwrap();
    drop(command);
    // A terminal whose other end is closed reads as an error.
    let mut printed = Vec::new();
    let mut master = File::from(master);
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        printed.extend_from_slice(&buffer[..count]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8(printed).unwrap().replace("\r\n", "\n")
}

#[test]
fn long_results_go_through_the_pager_that_git_would_use() {
    let repo = Repo::new();
    repo.create("a");
    let mark = "sed 's/^/| /'";
    for (args, paged) in [
        (&["list"][..], true),
        (&["log"], true),
        (&["events", "query"], true),
        (&["help", "states"], true),
        (&["graph", "show"], true),
        (&["status"], false),
        (&["--no-pager", "list"], false),
        (&["list", "--json"], false),
    ] {
        let printed = on_terminal(&repo, args, &[("GIT_PAGER", mark)]);
        assert_eq!(printed.starts_with("| "), paged, "{args:?}: {printed}");
    }
    assert!(on_terminal(&repo, &["list"], &[("JIT_PAGER", "sed 's/^/J /'"), ("GIT_PAGER", mark)]).starts_with("J "));
    assert!(on_terminal(&repo, &["list"], &[("PAGER", mark)]).starts_with("| "));
    repo.git(&["config", "core.pager", "sed 's/^/C /'"]).ok();
    assert!(on_terminal(&repo, &["list"], &[("PAGER", mark)]).starts_with("C "));
    for none in ["cat", "true"] {
        on_terminal(&repo, &["list"], &[("GIT_PAGER", none)]);
    }
    // What less is told, unless the user has told it something else.
    assert!(on_terminal(&repo, &["list"], &[("GIT_PAGER", "cat >/dev/null; echo $LESS")]).starts_with("FRX"));
    assert!(
        on_terminal(&repo, &["list"], &[("GIT_PAGER", "cat >/dev/null; echo $LESS"), ("LESS", "-S")]).starts_with("-S")
    );
    assert!(
        on_terminal(&repo, &["list"], &[("JIT_PAGER", "/no/such/pager")]).contains("open"),
        "the result is not lost"
    );
    // Not a terminal: no pager.
    assert!(!repo.run(&["list"]).env("GIT_PAGER", mark).output().ok().stdout.starts_with("| "));
}

#[test]
fn colours_are_used_as_git_uses_them() {
    let repo = Repo::new();
    repo.create("a");
    let coloured = |args: &[&str], variables: &[(&str, &str)]| {
        on_terminal(&repo, args, &[variables, &[("GIT_PAGER", "cat")]].concat()).contains("\u{1b}[")
    };
    assert!(coloured(&["log"], &[]));
    assert!(!coloured(&["log"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["log"], &[("TERM", "dumb")]));
    assert!(!coloured(&["--color", "never", "log"], &[]));
    repo.git(&["config", "color.ui", "false"]).ok();
    assert!(!coloured(&["log"], &[]));
    assert!(coloured(&["--color", "always", "log"], &[]));
    repo.git(&["config", "color.ui", "always"]).ok();
    assert!(repo.jit(&["log"]).ok().stdout.contains("\u{1b}["), "also where it is no terminal");
    assert!(!repo.run(&["log"]).env("NO_COLOR", "1").output().ok().stdout.contains("\u{1b}["));
}

/// What bash would offer for the last of these words.
fn offered(repo: &Repo, words: &[&str]) -> Vec<String> {
    let mut args = vec!["--", "jit"];
    args.extend(words);
    let output = repo
        .run(&args)
        .env("_JIT_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "false")
        .env("_CLAP_IFS", "\n")
        .output()
        .ok();
    output.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn completions_know_commands_options_ids_gates_labels_and_actors() {
    let repo = Repo::new();
    let id = repo.out(&["issue", "create", "a", "-l", "area/api", "--ready"]);
    repo.jit(&["issue", "claim", &id, "copilot:worker-1"]).ok();
    let has = |words: &[&str], wanted: &str| {
        let offered = offered(&repo, words);
        assert!(offered.iter().any(|word| word == wanted), "{wanted} for {words:?} in {offered:?}");
    };
    has(&["iss"], "issue");
    has(&["issue", "cl"], "claim-next");
    has(&["issue", "list", "--pri"], "--priority");
    has(&["issue", "show", &id[..3]], &id[..8]);
    has(&["issue", "show", ""], &id[..8]);
    has(&["issue", "show", &id[..10]], &id);
    has(&["gate", "show", "unit"], "unit-tests");
    has(&["issue", "create", "x", "--gate", "rev"], "review");
    has(&["list", "--label", "ar"], "area/api");
    has(&["list", "--assignee", "cop"], "copilot:worker-1");
    has(&["list", "--state", "in"], "in_progress");
    has(&["issue", "create", "x", "--priority", "c"], "critical");
    repo.jit(&["sink", "add", "chat", "--exec", "true"]).ok();
    has(&["sink", "rm", "c"], "chat");
    has(&["graph", "export", "--format", "s"], "svg");
    assert_eq!(offered(&repo, &["issue", "show", "zzz"]), Vec::<String>::new());
    let outside = Repo::bare_folder();
    let from_elsewhere = offered(&outside, &["-C", &repo.path().display().to_string(), "issue", "show", ""]);
    assert!(from_elsewhere.contains(&id[..8].to_owned()), "{from_elsewhere:?}");
    assert_eq!(offered(&outside, &["issue", "show", ""]).iter().filter(|word| !word.starts_with('-')).count(), 0);
}

#[test]
fn every_shell_gets_a_script_that_asks_the_program() {
    let repo = Repo::bare_folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = repo.out(&["completions", shell]);
        assert!(script.contains("_JIT_COMPLETE"), "{shell}: {script}");
    }
    repo.jit(&["completions", "tcsh"]).code(2);
    // bash takes it, and offers what the program says.
    let repo = Repo::new();
    let script = "source <(jit completions bash) && complete -p jit";
    let output = repo.command("bash").args(["-c", script]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("jit"), "{output:?}");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let repo = Repo::bare_folder();
    let page = repo.out(&["man", "issue", "create"]);
    assert!(page.contains(".TH JIT-ISSUE-CREATE 1") && page.contains("\\-\\-depends\\-on"), "{page}");
    repo.jit(&["man", "--dir", "pages/man1"]).ok();
    let files: Vec<String> = std::fs::read_dir(repo.path().join("pages/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for file in ["jit.1", "jit-issue-create.1", "jit-apply.1", "jit-graph-critical-path.1"] {
        assert!(files.iter().any(|known| known == file), "{file} in {files:?}");
    }
    repo.jit(&["man", "nonsense"]).code(3);
}

#[test]
fn every_topic_has_a_page_and_help_names_them() {
    let repo = Repo::bare_folder();
    let help = repo.out(&["help"]);
    let topics = help.lines().find_map(|line| line.strip_prefix("Topics: jit help ")).expect("help names the topics");
    for topic in topics.split('|') {
        let page = repo.out(&["help", topic]);
        assert!(page.lines().count() > 3, "{topic}: {page}");
        assert!(page.lines().all(|line| line.chars().count() <= 118), "{topic} is too wide");
        assert!(repo.out(&["help", "help"]).contains(topic), "{topic}");
    }
    // The sample in the page on plans is one.
    let plans = repo.out(&["help", "plans"]);
    let sample: Vec<&str> =
        plans.lines().skip_while(|line| !line.starts_with("  name:")).take_while(|line| !line.is_empty()).collect();
    let tracker = Repo::new();
    let sample = sample.iter().map(|line| &line[2..]).collect::<Vec<_>>().join("\n");
    assert_eq!(tracker.run(&["apply", "-", "--json"]).input(sample).ok().json()["created"], 2);
}
