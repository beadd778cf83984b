//! Gates with a command, and commits with the hooks in place, next to the bare command and the bare commit.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::tracker::{JIT, Tracker, jit};
use crate::{Row, time};

/// Times runs, verdicts that are known, and commits.
pub fn time_gates(tracker: &Tracker, runs: usize) -> Vec<Row> {
    let dir = tracker.dir.as_path();
    let set_up = |args: &[&str]| assert!(jit(dir, args).status().expect("jit can be started").success(), "{args:?}");
    let issue = |n: usize| tracker.free[n % (tracker.free.len() / 2)].as_str();
    set_up(&["gate", "define", "quick", "--title", "Quick", "--command", "true", "--stage", "commit"]);
    for n in 0..runs.min(tracker.free.len() / 2) {
        set_up(&["gate", "add", issue(n), "quick"]);
    }
    set_up(&["hooks", "install"]);
    // The hooks find the program on the PATH.
    let mut path = Path::new(JIT).parent().expect("a program has a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let commit = |more: &[&str], agent: &str| {
        let mut command = Command::new("git");
        command.current_dir(dir).args(more).args(["commit", "--quiet", "--allow-empty", "-m", "timed"]);
        command.env("PATH", &path).env("JIT_AGENT", agent).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let bare = || {
        let mut command = Command::new("sh");
        command.current_dir(dir).args(["-c", "true"]);
        command
    };
    let own = tracker.free[tracker.free.len() / 2].as_str();
    set_up(&["gate", "add", own, "quick"]);
    set_up(&["issue", "claim", own, "bot:holder"]);
    type Make<'a> = Box<dyn Fn(usize) -> Command + 'a>;
    let makes: Vec<(&str, Make<'_>)> = vec![
        ("sh -c true", Box::new(|_| bare())),
        ("gate run, the command is true", Box::new(|n| jit(dir, &["gate", "run", issue(n), "quick", "--force"]))),
        ("gate run, known from another issue", Box::new(|n| jit(dir, &["gate", "run", issue(n + 1), "quick"]))),
        ("gate run, known for this issue", Box::new(|n| jit(dir, &["gate", "run", issue(n), "quick"]))),
        ("git commit, no hooks", Box::new(|_| commit(&["-c", "core.hooksPath=/dev/null"], "bot:nobody"))),
        ("git commit, nothing to check", Box::new(|_| commit(&[], "bot:nobody"))),
        ("git commit, the gate is known", Box::new(|_| commit(&[], "bot:holder"))),
    ];
    let mut rows: Vec<Row> = makes.iter().map(|(what, _)| ((*what).to_owned(), Vec::new())).collect();
    for n in 0..runs {
        for ((_, make), (_, times)) in makes.iter().zip(&mut rows) {
            times.push(time(&mut make(n)));
        }
    }
    set_up(&["hooks", "uninstall"]);
    rows
}
