//! A tracker to measure on: 1.5 dependencies an issue, a third finished, gates, labels, descriptions of
//! some 300 bytes, packed, with mirror and index.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jit::domain::draft::Context;
use jit::domain::event::Edit;
use jit::domain::id::{IdPrefix, IssueId};
use jit::domain::ops::issue::{Update, update};
use jit::domain::ops::state::Finish;
use jit::environment::{RandomIds, system_clock};
use jit::store::git::GitStore;
use jit::store::transact::{Request, transact};
use uuid::Uuid;

/// The program.
pub const JIT: &str = env!("CARGO_BIN_EXE_jit");

/// How often issues were changed: each time to something new.
static ROUND: AtomicUsize = AtomicUsize::new(1);

/// A tracker, and some of its issues.
pub struct Tracker {
    pub dir: PathBuf,
    pub size: usize,
    /// Every issue.
    pub ids: Vec<IssueId>,
    /// Unfinished issues that wait for nothing.
    pub free: Vec<String>,
    /// Unfinished issues that wait for others.
    pub waiting: Vec<String>,
    /// How long the import took.
    pub imported: Duration,
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(dir).args(args).output().expect("git can be started");
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).expect("git prints text")
}

/// `jit` in a folder, with nobody to listen.
pub fn jit(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(JIT);
    command.current_dir(dir).args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Tracker {
    /// Makes a tracker in an empty folder.
    pub fn make(dir: &Path, size: usize) -> Self {
        git(dir, &["init", "--quiet"]);
        git(dir, &["config", "user.name", "Bench"]);
        git(dir, &["config", "user.email", "bench@example.org"]);
        // What is timed by itself is not disturbed by work in the background.
        git(dir, &["config", "gc.auto", "0"]);
        git(dir, &["commit", "--quiet", "--allow-empty", "-m", "first"]);
        assert!(jit(dir, &["init"]).status().expect("jit can be started").success());
        let ids: Vec<IssueId> = (0..size).map(id).collect();
        let lines: String = (0..size).map(|n| line(n, &ids)).collect();
        let start = Instant::now();
        let mut import = jit(dir, &["import", "-"]).stdin(Stdio::piped()).spawn().expect("jit can be started");
        import.stdin.take().expect("stdin is piped").write_all(lines.as_bytes()).expect("jit reads");
        assert!(import.wait().expect("jit ends").success());
        let imported = start.elapsed();
        assert!(jit(dir, &["gc"]).status().expect("jit can be started").success());
        // Every fourth issue waits for nothing, every third is finished. The critical ones are left to
        // `claim-next`.
        let every_fourth = |first: usize| {
            let unfinished = (first..size).step_by(4).filter(|n| !n.is_multiple_of(3) && n / 4 % 4 > 0);
            unfinished.map(|n| ids[n].to_string()).collect()
        };
        let (free, waiting) = (every_fourth(0), every_fourth(1));
        Self { dir: dir.to_owned(), size, ids, free, waiting, imported }
    }

    /// Changes `count` issues, a commit each, as somebody else would who leaves mirror and index alone.
    pub fn change(&self, count: usize) {
        let round = ROUND.fetch_add(1, Ordering::Relaxed);
        let store = GitStore::open(&self.dir, None).expect("the repository opens");
        for n in 0..count {
            let id = self.ids[(round * 7919 + n * 104_729) % self.ids.len()];
            change(&store, id, &format!("round {round}, {n}"));
        }
    }

    /// Changes a shared setting.
    pub fn set(&self, setting: &[&str; 2]) {
        let set = jit(&self.dir, &["config", "set", setting[0], setting[1]]).status();
        assert!(set.expect("jit can be started").success());
    }

    /// Lets the tracker tidy up in the background, as it does by itself.
    pub fn tidy_again(&self) {
        assert!(jit(&self.dir, &["gc"]).status().expect("jit can be started").success());
        git(&self.dir, &["config", "--unset", "gc.auto"]);
    }

    /// How much room the tracker takes.
    pub fn print_sizes(&self) {
        let index = std::fs::metadata(self.dir.join(".git/jit/index-1")).map_or(0, |meta| meta.len());
        let counted = git(&self.dir, &["count-objects", "-v"]).replace('\n', ", ");
        println!("{} issues: index {} KiB; {counted}", self.size, index / 1024);
    }
}

/// Changes the context of an issue, through the transaction alone.
pub fn change(store: &GitStore, id: IssueId, value: &str) {
    let now = system_clock();
    let context = Context {
        actor: "human:bench".parse().expect("a valid actor"),
        named: false,
        token: None,
        work: None,
        force: false,
        host: None,
        worktree: None,
        op_id: None,
        clock: now,
        now,
    };
    let author = ("Bench".to_owned(), "bench@example.org".to_owned());
    let request = Request { command: "bench", words: "bench", context, author, clock: &system_clock };
    let edit = Edit { context_set: [("bench".to_owned(), value.to_owned())].into(), ..Edit::default() };
    let what = Update { edit, state: None };
    let made = transact(store, &request, &mut RandomIds::default(), |draft| {
        update(draft, &[IdPrefix::from(id)], &what, &Finish::default())
    });
    made.map(drop).map_err(|_| "refused").expect("an issue can be changed");
}

/// Ids that look random and are the same in every run.
fn id(n: usize) -> IssueId {
    let digest = Uuid::new_v5(&Uuid::NAMESPACE_OID, &n.to_be_bytes()).into_bytes();
    IssueId::new(uuid::Builder::from_random_bytes(digest).into_uuid())
}

fn line(n: usize, ids: &[IssueId]) -> String {
    let finished = n.is_multiple_of(3);
    let on = |k: usize| (n > 0 && !finished).then(|| format!("\"{}\"", ids[(n * 7 + k * 13) % n]));
    let mut dependencies: Vec<String> = (0..n % 4).filter_map(on).collect();
    dependencies.sort();
    dependencies.dedup();
    let gates = if !finished && n.is_multiple_of(2) { "\"unit-tests\"" } else { "" };
    let state = if finished { "done" } else { "ready" };
    let priority = ["critical", "high", "normal", "low"][n / 4 % 4];
    let description = "What is to be done, why, and how one knows that it is. ".repeat(5);
    format!(
        "{{\"id\":\"{}\",\"title\":\"Issue number {n} of the benchmark\",\"description\":\"{description}\",\
         \"state\":\"{state}\",\"priority\":\"{priority}\",\"labels\":[\"area/{}\"],\
         \"dependencies\":[{}],\"gates\":[{gates}]}}\n",
        ids[n],
        n % 20,
        dependencies.join(",")
    )
}
