//! The composition root: repository, environment, actor, clock, ids, store and mirror, put together once.

mod acting;
mod await_change;
mod view;
mod who;

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::domain::draft::{Context, Draft, resolve};
use crate::domain::event::Event;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::{Actor, OpId};
use crate::domain::refusal::Decision;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::Timestamp;
use crate::environment::{Environment, RandomIds, system_clock};
use crate::error::{Class, Error, Result};
use crate::mirror::{Manner, Mirror};
use crate::progress::{Echo, Progress, Silent};
use crate::store::git::GitStore;
use crate::store::transact::{self, Change, Failure, Request};
use crate::store::{Backend, CommitId, StoreError, Unpublished};
use crate::store::{events, history, message};

pub use acting::Acting;
pub use view::View;

/// What the caller said for every command.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// `--as`.
    pub actor: Option<Actor>,
    /// `--op-id`.
    pub op_id: Option<OpId>,
    /// The command line without what does not change its meaning, to tell whether a repeated `--op-id`
    /// stands for the same request.
    pub request: String,
    /// `-C`.
    pub dir: Option<PathBuf>,
    /// `--quiet`.
    pub quiet: bool,
    /// `--json`: the result is wanted as a document, with everything that belongs to it.
    pub wants_json: bool,
}

/// A command at work: everything it reaches the world through.
pub struct Session {
    /// The environment.
    pub environment: Environment,
    /// The repository's store.
    pub store: GitStore,
    /// How long work tells that it goes on.
    pub progress: Rc<dyn Progress>,
    /// Takes what the commands of gates print while they run.
    pub echo: Arc<dyn Echo>,
    caller: Caller,
    clock: Box<dyn Fn() -> Timestamp>,
    notices: RefCell<Vec<String>>,
    /// What the command read besides its arguments, a digest each.
    inputs: RefCell<String>,
    /// The whole request; see [`Caller::request`].
    words: OnceCell<String>,
    /// Whom the work tree was made for; see [`Session::acting_here`].
    acting: OnceCell<Option<Acting>>,
    /// Whether a git repository was made for this session.
    pub made_repository: Cell<bool>,
}

/// What is special about one change.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// The actor the command itself names; such an actor is held to its claims.
    pub actor: Option<Actor>,
    /// `--by`: who judges. Such an actor may judge what others hold.
    pub by: Option<Actor>,
    /// `--force`.
    pub force: bool,
}

/// Refuses a place to work in (`-C`) that is not a folder.
pub fn check_folder(place: &Path) -> Result<()> {
    if place.is_dir() {
        return Ok(());
    }
    Err(Error::new(Class::NotFound, "no_folder", format!("{} is not a folder", place.display())))
}

/// Why a tracker was not begun.
#[derive(Debug)]
pub enum BeginError {
    /// There is one already: somebody was faster.
    Exists,
    /// Something else.
    Other(Error),
}

impl Session {
    /// Opens the repository that the caller stands in.
    pub fn open(environment: Environment, caller: Caller, progress: Rc<dyn Progress>) -> Result<Self> {
        let start = caller.dir.clone().unwrap_or_else(|| PathBuf::from("."));
        check_folder(&start)?;
        let (git_dir, ref_name) = (environment.git_dir.as_deref(), environment.ref_name.as_deref());
        let store = GitStore::open_at(&start, git_dir, ref_name)?;
        let clock: Box<dyn Fn() -> Timestamp> = match environment.clock.as_deref() {
            Some(text) => who::clock(text)?,
            None => Box::new(system_clock),
        };
        Ok(Self {
            environment,
            store,
            progress,
            echo: Arc::new(Silent),
            caller,
            clock,
            notices: RefCell::default(),
            inputs: RefCell::default(),
            words: OnceCell::new(),
            acting: OnceCell::new(),
            made_repository: Cell::default(),
        })
    }

    /// Another session on the same repository, for work that outlives this one.
    pub fn reopen(&self) -> Result<Self> {
        let opened = Self::open(self.environment.clone(), self.caller.clone(), self.progress.clone())?;
        Ok(Self { echo: self.echo.clone(), ..opened })
    }

    /// Opens sessions on the same repository elsewhere: in another thread.
    pub fn opener(&self) -> impl Fn() -> Result<Session> + Clone + Send + 'static + use<> {
        let (environment, caller) = (self.environment.clone(), self.caller.clone());
        move || Self::open(environment.clone(), caller.clone(), Rc::new(Silent))
    }

    /// Another session, on another store.
    pub fn over(&self, store: GitStore) -> Result<Self> {
        Ok(Self { store, ..self.reopen()? })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The folder the caller stands in.
    pub fn start(&self) -> &Path {
        self.caller.dir.as_deref().unwrap_or(Path::new("."))
    }

    /// Whether the result is wanted as a document.
    pub fn wants_json(&self) -> bool {
        self.caller.wants_json
    }

    /// Whether confirmations and hints are to be left out.
    pub fn is_quiet(&self) -> bool {
        self.caller.quiet
    }

    /// Something the caller should know that is not the result.
    pub fn notice(&self, text: impl Into<String>) {
        self.notices.borrow_mut().push(text.into());
    }

    /// Notes what the command was given besides its arguments: a repeated `--op-id` with other input is
    /// another request. To be called before the change.
    pub fn note_input(&self, bytes: &[u8]) {
        if self.caller.op_id.is_none() {
            return;
        }
        let digest = message::fingerprint(bytes);
        self.inputs.borrow_mut().push_str(&format!("\n{digest}"));
    }

    /// Takes what has been noted so far.
    pub fn take_notices(&self) -> Vec<String> {
        self.notices.take()
    }

    /// A commit that is there already, to be pointed to in place of `parent`.
    pub fn existing(&self, id: &CommitId, parent: Option<&CommitId>, subject: String) -> Result<Unpublished> {
        let time = self.store.info(id)?.time;
        Ok(Unpublished { id: id.clone(), parent: parent.cloned(), subject, author: self.author(), time })
    }

    fn context(&self, manners: &Manners) -> Result<Context> {
        let (mut actor, mut named) = self.actor(manners.actor.as_ref())?;
        if let Some(by) = &manners.by {
            (actor, named) = (by.clone(), false);
        }
        let token = self.claim_token()?;
        let work = self.acting_here().filter(|acting| acting.actor == actor).map(|acting| (acting.issue, acting.token));
        let now = self.now();
        Ok(Context {
            actor,
            named,
            token,
            work,
            force: manners.force,
            host: self.environment.host(),
            worktree: self.store.work_tree().map(|path| path.to_string_lossy().into_owned()),
            op_id: self.caller.op_id.clone(),
            clock: now,
            now,
        })
    }

    /// Decides and commits a change. `command` is recorded with it.
    pub fn change(
        &self,
        command: &str,
        manners: &Manners,
        decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    ) -> Result<Change> {
        let request = self.request(command, manners)?;
        let change = transact::transact(&self.store, &request, &mut RandomIds::default(), decide);
        let change = change.map_err(|failure| self.explain(failure))?;
        if let Some(lag) = change.clock_lag {
            let minutes = lag.as_secs() / 60;
            self.notice(format!("the newest event lies {minutes} minutes ahead of this machine's clock"));
        }
        crate::steps::reached("queue-left");
        if let Some(program) = self.environment.program.as_ref().filter(|_| !change.events.is_empty()) {
            self.store.tidy_up(program);
        }
        Ok(change)
    }

    /// Decides as [`Session::change`] does and writes the commit, which nothing points to yet: the tip that it builds
    /// on, and the commit.
    pub fn prepare(
        &self,
        command: &str,
        manners: &Manners,
        decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    ) -> Result<(CommitId, Unpublished)> {
        let request = self.request(command, manners)?;
        let prepared = transact::prepare(&self.store, &request, &mut RandomIds::default(), decide);
        prepared.map_err(|failure| self.explain(failure))
    }

    /// Puts issues into folders so many levels deep.
    pub fn rearrange(&self, command: &str, manners: &Manners, fanout: u8) -> Result<Change> {
        let request = self.request(command, manners)?;
        let change = transact::rearrange(&self.store, &request, &mut RandomIds::default(), fanout);
        change.map_err(|failure| self.explain(failure))
    }

    /// The events of the operation with the caller's key, where it was carried out before in the history of `tip`.
    pub fn done_before(&self, tip: &CommitId) -> Result<Option<Vec<Event>>> {
        let Some(op_id) = &self.caller.op_id else { return Ok(None) };
        let Some(info) = history::operation(&self.store, tip, op_id)? else { return Ok(None) };
        let events = events::all(&self.store.tree(&info.id)?, &info.id);
        Ok(Some(events.map_err(StoreError::from)?))
    }

    /// Decides as [`Session::change`] does, and changes nothing. Gives the tip on which it was decided.
    pub fn rehearse(
        &self,
        command: &str,
        manners: &Manners,
        decide: impl FnOnce(&mut Draft<'_>) -> Decision<()>,
    ) -> Result<CommitId> {
        let request = self.request(command, manners)?;
        let tip = transact::rehearse(&self.store, &request, &mut RandomIds::default(), decide);
        tip.map_err(|failure| self.explain(failure))
    }

    fn explain(&self, failure: Failure) -> Error {
        match failure {
            Failure::Store(StoreError::NotInitialised) => self.absence().into(),
            failure => Error::from(failure),
        }
    }

    /// Decides and commits the beginning of a tracker.
    pub fn begin(
        &self,
        command: &str,
        decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    ) -> std::result::Result<Change, BeginError> {
        let request = self.request(command, &Manners::default()).map_err(BeginError::Other)?;
        transact::begin(&self.store, &request, &mut RandomIds::default(), decide).map_err(|why| match why {
            Failure::Store(StoreError::Moved) => BeginError::Exists,
            why => BeginError::Other(why.into()),
        })
    }

    fn request<'a>(&'a self, command: &'a str, manners: &Manners) -> Result<Request<'a>> {
        Ok(Request {
            command,
            words: self.words.get_or_init(|| self.caller.request.clone() + &self.inputs.borrow()),
            context: self.context(manners)?,
            author: self.author(),
            clock: &*self.clock,
        })
    }

    /// The living issue that `prefix` names.
    pub fn resolve(&self, state: &dyn Snapshot, prefix: &IdPrefix) -> Result<Issue> {
        Ok(resolve(state, prefix)?)
    }

    /// The mirror of this work tree; `None` in a bare repository, unless a folder was chosen.
    pub fn mirror(&self) -> Option<Mirror> {
        if let Some(dir) = &self.environment.data_dir {
            return Some(Mirror::at(std::path::absolute(self.start().join(dir)).unwrap_or_else(|_| dir.clone())));
        }
        self.store.work_tree().map(|top| Mirror::in_work_tree(&top, self.store.common_dir()))
    }

    /// Brings the mirror up to date, where there is one. A failure is a notice: the tracker is as it is.
    pub fn refresh_mirror(&self) {
        let Some(mirror) = self.mirror() else { return };
        if self.store.work_tree().is_some_and(|top| !top.is_dir()) {
            // The command took the work tree away.
            return;
        }
        let Ok(Some(tip)) = self.store.tip() else { return };
        if mirror.shows(&tip) {
            return;
        }
        let enabled =
            self.view_at(tip).and_then(|view| Ok(view.state.settings().map_err(StoreError::from)?.mirror_enabled()));
        if !enabled.unwrap_or(false) {
            return;
        }
        match mirror.update(&self.store, &Manner::default(), &*self.progress) {
            Ok(update) if update.kept.is_empty() => {}
            Ok(update) => {
                let files = update.kept.join(", ");
                self.notice(format!("changed by hand and kept: {files}; jit mirror import takes it in"));
            }
            Err(why) => self.notice(format!("the mirror at {} is not up to date: {why}", mirror.dir().display())),
        }
    }
}
