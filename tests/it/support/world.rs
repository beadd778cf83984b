//! A tracker in a repository, changed in this process: quicker than by starting the program each time.

use jit::domain::draft::{Context, Draft};
use jit::domain::id::{IdPrefix, IssueId};
use jit::domain::name::OpId;
use jit::domain::refusal::Decision;
use jit::domain::time::Timestamp;
use jit::environment::RandomIds;
use jit::store::git::GitStore;
use jit::store::transact::{Request, transact};
use jit::store::{Backend, CommitId};

use super::Repo;

/// A tracker in a repository, changed in this process.
pub struct World {
    /// The repository.
    pub repo: Repo,
    /// Its store.
    pub store: GitStore,
    /// Every issue that was made.
    pub issues: Vec<IssueId>,
    clock: i64,
}

impl World {
    /// A new tracker, without waits for the disk.
    pub fn new() -> Self {
        let repo = Repo::new();
        repo.git(&["config", "jit.fsync", "off"]).ok();
        let store = GitStore::open(repo.path(), None).expect("the repository opens");
        Self { repo, store, clock: 1_900_000_000_000, issues: Vec::new() }
    }

    /// Makes a change; one that the rules refuse changes nothing.
    pub fn change(&mut self, decide: impl FnMut(&mut Draft<'_>) -> Decision<IssueId>) {
        self.change_once(None, decide);
    }

    /// Makes a change under a key; a repeated one changes nothing.
    pub fn change_once(
        &mut self,
        op_id: Option<&str>,
        mut decide: impl FnMut(&mut Draft<'_>) -> Decision<IssueId>,
    ) -> Option<CommitId> {
        self.clock += 10_000;
        let now = Timestamp::from_millis(self.clock);
        let context = Context {
            actor: "human:a".parse().expect("a valid actor"),
            named: false,
            token: None,
            work: None,
            force: true,
            host: None,
            worktree: None,
            op_id: op_id.map(|key| key.parse::<OpId>().expect("a valid key")),
            clock: now,
            now,
        };
        let author = ("a".to_owned(), "a@b".to_owned());
        let request = Request { command: "test", words: "test", context, author, clock: &|| now };
        let made = transact(&self.store, &request, &mut RandomIds::default(), |draft| decide(draft).map(|id| vec![id]));
        let change = made.ok()?;
        for id in &change.subjects {
            if !self.issues.contains(id) {
                self.issues.push(*id);
            }
        }
        Some(change.commit)
    }

    /// One of the issues; `None` while there are none.
    pub fn one(&self, n: usize) -> Option<IdPrefix> {
        (!self.issues.is_empty()).then(|| self.issues[n % self.issues.len()].into())
    }

    /// The tip.
    pub fn tip(&self) -> CommitId {
        self.store.tip().expect("the ref can be read").expect("there is a tracker")
    }
}
