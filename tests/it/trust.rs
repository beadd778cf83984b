//! Nothing that came from elsewhere runs without this user's consent to its exact text.

use std::path::PathBuf;

use serde_json::json;

use crate::support::{Output, Repo};

/// A repository whose gate would leave a trace, and a clone that adopted its tracker.
struct Pair {
    repo: Repo,
    clone: PathBuf,
    id: String,
}

impl Pair {
    fn new(command: &str) -> Self {
        let repo = Repo::new();
        repo.gate("lint", command, &["--stage", "commit"]);
        let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
        let hub = repo.hub();
        let clone = repo.outside().join("clone");
        repo.git(&["clone", "--quiet", &hub, clone.to_str().expect("text")]).ok();
        repo.run_in(&clone, &["init"]).output().ok();
        Self { repo, clone, id }
    }

    fn jit(&self, args: &[&str]) -> Output {
        self.repo.run_in(&self.clone, args).env("JIT_AGENT", "a:b").output()
    }

    fn git(&self, args: &[&str]) -> Output {
        self.repo.git_as_in("a:b", &self.clone, args)
    }
}

#[test]
fn a_fetched_command_is_not_run_before_somebody_agreed_to_its_text() {
    let pair = Pair::new("touch ../pwned");
    let output = pair.jit(&["gate", "run", &pair.id, "--json"]).code(4);
    assert_eq!(output.error_code(), "gate_not_trusted");
    assert!(output.stderr.contains("touch ../pwned"), "the exact text is shown: {output:#?}");
    assert!(output.json()["error"]["hint"].as_str().expect("a hint").contains("jit gate trust lint"));
    assert_eq!(pair.jit(&["gate", "show", "lint", "--json"]).ok().json()["trusted"], false);
    pair.jit(&["hooks", "install"]).ok();
    pair.jit(&["issue", "claim", &pair.id]).ok();
    let refused = pair.git(&["commit", "--quiet", "--allow-empty", "-m", "work"]).code(1);
    assert!(
        refused.stderr.contains("touch ../pwned") && refused.stderr.contains("jit gate trust lint"),
        "{refused:#?}"
    );
    assert_eq!(pair.jit(&["verify", "HEAD", "--run"]).code, Some(4));
    assert!(!pair.repo.outside().join("pwned").exists());
    let listed = pair.jit(&["gate", "trust", "--list", "--json"]).ok().json();
    assert_eq!(listed["gates"][0]["trusted"], false);
    let agreed = pair.jit(&["gate", "trust", "lint"]).ok();
    assert!(agreed.stdout.contains("touch ../pwned"), "{agreed:#?}");
    pair.git(&["commit", "--quiet", "--allow-empty", "-m", "work"]).ok();
    assert!(pair.repo.outside().join("pwned").exists());
}

#[test]
fn a_changed_text_asks_again_however_small_the_change() {
    let pair = Pair::new("true");
    pair.jit(&["gate", "trust"]).ok();
    pair.jit(&["gate", "run", &pair.id]).ok();
    let gate = pair.repo.git_in(&pair.clone, &["show", "refs/jit:gates/lint.json"]).ok().json();
    for (field, value) in [("command", json!("true ")), ("env_key", json!("touch ../pwned"))] {
        let mut other = gate.clone();
        other[field] = value;
        let text = serde_json::to_string_pretty(&other).expect("JSON");
        // As a merge would bring it.
        let planted = "b=$(git hash-object -w --stdin) && export GIT_INDEX_FILE=$PWD/../i && rm -f $GIT_INDEX_FILE && git read-tree refs/jit && \
             git update-index --cacheinfo 100644,$b,gates/lint.json && \
             c=$(git commit-tree $(git write-tree) -p refs/jit -m x) && git update-ref refs/jit $c";
        let script = format!("cd '{}' && printf '%s\\n' '{text}' | {{ {planted}; }}", pair.clone.display());
        pair.repo.run_script(&script);
        let output = pair.jit(&["gate", "run", &pair.id, "--force", "--json"]).code(4);
        assert_eq!(output.error_code(), "gate_not_trusted", "{field}");
    }
    assert!(!pair.repo.outside().join("pwned").exists());
}

#[test]
fn files_of_the_branch_define_nothing() {
    let repo = Repo::new();
    repo.gate("lint", "test -e fixed", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint"]);
    // Neither the mirror nor anything else in the work tree is asked what to run.
    let gates = repo.read(".jit/gates.json").replace("test -e fixed", "touch ../pwned");
    repo.write(".jit/gates.json", gates);
    repo.jit(&["gate", "run", &id]).code(4);
    assert!(!repo.outside().join("pwned").exists());
    // Taking the edit in does not agree to it.
    repo.jit(&["mirror", "import"]).ok();
    assert_eq!(repo.jit(&["gate", "run", &id, "--json"]).code(4).error_code(), "gate_not_trusted");
    let line =
        r#"{"gate": {"key": "loaded", "title": "t", "description": "", "auto": true, "command": "touch ../pwned"}}"#;
    repo.run(&["import", "-"]).input(line).ok();
    repo.jit(&["gate", "add", &id, "loaded"]).ok();
    assert_eq!(repo.jit(&["gate", "run", &id, "loaded", "--json"]).code(4).error_code(), "gate_not_trusted");
    assert!(!repo.outside().join("pwned").exists());
}

#[test]
fn what_is_agreed_holds_in_all_work_trees_and_a_damaged_list_agrees_to_nothing() {
    let repo = Repo::new();
    repo.gate("one", "true", &[]);
    repo.gate("two", "exit 0", &[]);
    let id = repo.out(&["issue", "create", "x", "-g", "one", "-g", "two"]);
    let tree = repo.worktree("second");
    repo.run_in(&tree, &["gate", "run", &id]).output().ok();
    let trust = repo.path().join(".git/jit/trust");
    let text = std::fs::read_to_string(&trust).expect("the list is there");
    std::fs::write(&trust, text.replace("exit 0", "exit \\")).expect("the list can be written");
    let output = repo.jit(&["gate", "run", &id, "--force", "--json"]).code(4);
    assert_eq!(output.json()["error"]["details"]["gate"], "two");
    // A line cut short takes no other with it.
    let text = std::fs::read_to_string(&trust).expect("the list is there");
    std::fs::write(&trust, text.trim_end()).expect("the list can be written");
    repo.jit(&["gate", "trust", "two"]).ok();
    repo.jit(&["gate", "run", &id, "--force"]).ok();
    std::fs::remove_file(&trust).expect("the list is there");
    assert_eq!(repo.jit(&["gate", "run", &id, "--force"]).code, Some(4));
}

#[test]
fn a_command_is_shown_without_what_a_terminal_would_take_for_orders() {
    let pair = Pair::new("echo \u{1b}[2J; # \r hidden");
    let output = pair.jit(&["gate", "run", &pair.id]).code(4);
    assert!(!output.stderr.contains('\u{1b}') && !output.stderr.contains('\r'), "{output:#?}");
    let output = pair.jit(&["gate", "trust"]).ok();
    assert!(!output.stdout.contains('\u{1b}') && !output.stdout.contains('\r'), "{output:#?}");
}

#[test]
fn consent_is_to_a_text_in_a_folder() {
    let repo = Repo::new();
    repo.write("good/r.sh", "true\n");
    repo.write("evil/r.sh", "touch ../../pwned\n");
    repo.gate("lint", "sh r.sh", &["--workdir", "good"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint"]);
    repo.jit(&["gate", "run", &id]).ok();
    let gates = repo.read(".jit/gates.json").replace("\"good\"", "\"evil\"");
    repo.write(".jit/gates.json", gates);
    repo.jit(&["mirror", "import"]).ok();
    let refused = repo.jit(&["gate", "run", &id, "--json"]).code(4);
    assert_eq!(refused.error_code(), "gate_not_trusted");
    assert!(refused.stderr.contains("in evil"), "{refused:#?}");
    assert!(!repo.outside().join("pwned").exists());
}

#[test]
fn what_an_issue_was_claimed_with_can_be_agreed_to() {
    let repo = Repo::new();
    repo.gate("lint", "true # old", &["--stage", "commit"]);
    let id = repo.out(&["issue", "create", "x", "-g", "lint", "--ready"]);
    repo.jit_as("a:b", &["issue", "claim", &id]).ok();
    let gate = repo.git(&["show", "refs/jit:gates/lint.json"]).ok().stdout.replace("# old", "# new");
    repo.plant(&[("100644", "gates/lint.json", gate.as_bytes())]);
    std::fs::remove_file(repo.path().join(".git/jit/trust")).expect("it is there");
    let refused = repo.jit_as("a:b", &["gate", "run", &id, "--json"]).code(4);
    let hint = refused.json()["error"]["hint"].as_str().expect("a hint").to_owned();
    let command = hint.split(": ").nth(1).expect("a command");
    let output = repo.run_script(command);
    assert!(output.contains("true # old"), "{output}");
    repo.jit_as("a:b", &["gate", "run", &id]).ok();
}
