//! The ref that holds the tracker: reading it, and the compare-and-swap.
//!
//! gix's own ref transaction is not used: it compares with a snapshot of `packed-refs` that may be
//! stale, and takes `packed-refs.lock`, which a killed process leaves behind for everybody. Here the
//! ref's own lock file is taken, as git takes it, and the ref is read again under it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::git_process::Git;
use crate::steps;
use crate::store::{CommitId, StoreError, StoreResult, Unpublished};

use super::objects::Durability;

/// How long to wait for a lock that somebody outside the writers' queue holds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Access to the tracker's ref.
pub struct Refs {
    name: String,
    common_dir: PathBuf,
    state_dir: PathBuf,
    loose: PathBuf,
    /// git itself, for repositories that keep refs in a format only git reads.
    reftable: Option<Git>,
    durability: Durability,
}

impl Refs {
    /// Prepares access to `name` in the repository at `common_dir`.
    pub fn new(
        common_dir: &Path,
        state_dir: &Path,
        name: &str,
        reftable: Option<Git>,
        durability: Durability,
    ) -> StoreResult<Self> {
        let valid = name.starts_with("refs/")
            && gix::validate::reference::name(name.into()).is_ok()
            && !["refs/heads/", "refs/tags/", "refs/worktree/", "refs/bisect/"]
                .iter()
                .any(|taken| name.starts_with(taken));
        if !valid {
            return Err(StoreError::Unsupported(format!(
                "the ref `{name}` for the tracker (git configuration key jit.ref)"
            )));
        }
        Ok(Self {
            name: name.to_owned(),
            common_dir: common_dir.to_owned(),
            state_dir: state_dir.to_owned(),
            loose: common_dir.join(name),
            reftable,
            durability,
        })
    }

    /// The ref's full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commit the ref points to.
    pub fn read(&self) -> StoreResult<Option<CommitId>> {
        if let Some(git) = &self.reftable {
            return Ok(git.rev_parse(&self.name)?.map(CommitId));
        }
        // While refs are packed, the loose file goes away after the packed one has the value: what is
        // found in neither may just have been written anew, so the loose file is looked at once more.
        if let Some(id) = self.read_loose()? {
            return Ok(Some(id));
        }
        match self.read_packed()? {
            Some(id) => Ok(Some(self.read_loose()?.unwrap_or(id))),
            None => self.read_loose(),
        }
    }

    fn read_loose(&self) -> StoreResult<Option<CommitId>> {
        match fs::read_to_string(&self.loose) {
            Ok(text) => self.parse(&text).map(Some),
            Err(why) if is_absence(&why) => Ok(None),
            Err(why) => Err(StoreError::Io { doing: format!("reading {}", self.name), source: why }),
        }
    }

    fn read_packed(&self) -> StoreResult<Option<CommitId>> {
        let text = match fs::read_to_string(self.common_dir.join("packed-refs")) {
            Ok(text) => text,
            Err(why) if is_absence(&why) => return Ok(None),
            Err(why) => return Err(StoreError::Io { doing: "reading packed-refs".to_owned(), source: why }),
        };
        let line = text.lines().find_map(|line| line.strip_suffix(&self.name)?.strip_suffix(' '));
        line.map(|id| self.parse(id)).transpose()
    }

    fn parse(&self, text: &str) -> StoreResult<CommitId> {
        let id = text.trim_end();
        if matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(CommitId(id.to_owned()));
        }
        let why = if id.starts_with("ref:") { "is a symbolic ref; it must be a direct one" } else { "holds no id" };
        Err(StoreError::Unreadable(crate::store::codec::unreadable(&self.name, why)))
    }

    /// Points the ref to `commit` if it still points to the commit's parent.
    ///
    /// INVARIANT: called only by the one process whose turn it is in the writers' queue.
    pub fn swap(&self, commit: &Unpublished) -> StoreResult<()> {
        if let Some(git) = &self.reftable {
            return self.swap_by_git(git, commit);
        }
        let lock = RefLock::take(self, &commit.id)?;
        steps::reached("ref-locked");
        if self.read()? != commit.parent {
            return Err(StoreError::Moved);
        }
        self.append_reflog(commit)?;
        steps::reached("reflog-written");
        lock.commit(self)?;
        steps::reached("ref-moved");
        Ok(())
    }

    fn swap_by_git(&self, git: &Git, commit: &Unpublished) -> StoreResult<()> {
        let old = commit.parent.as_ref().map(|parent| parent.0.as_str());
        let identity = (commit.author.0.as_str(), commit.author.1.as_str());
        match git.update_ref(&self.name, &commit.id.0, old, &commit.subject, identity) {
            Ok(()) => Ok(()),
            Err(_) if self.read()? != commit.parent => Err(StoreError::Moved),
            Err(why) => Err(why),
        }
    }

    fn reflog(&self) -> PathBuf {
        self.common_dir.join("logs").join(&self.name)
    }

    /// git keeps no reflog for such refs by itself, so it is written here.
    fn append_reflog(&self, commit: &Unpublished) -> StoreResult<()> {
        let path = self.reflog();
        let open = || OpenOptions::new().create(true).append(true).open(&path);
        let mut file = open()
            .or_else(|_| {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                open()
            })
            .map_err(StoreError::io("writing the reflog"))?;
        let old = commit.parent.as_ref().map_or_else(|| "0".repeat(commit.id.0.len()), ToString::to_string);
        let (name, email) = &commit.author;
        let line =
            format!("{old} {} {name} <{email}> {} +0000\t{}\n", commit.id, commit.time.seconds(), commit.subject);
        file.write_all(line.as_bytes()).map_err(StoreError::io("writing the reflog"))
    }

    /// Ids the ref held before, newest first, as far as the reflog goes back.
    pub fn earlier_tips(&self) -> Vec<CommitId> {
        let text = fs::read_to_string(self.reflog()).unwrap_or_default();
        text.lines().rev().filter_map(|line| self.parse(line.split(' ').nth(1)?).ok()).collect()
    }
}

/// The ref's lock file, made in one step from a file that already holds the new value.
///
/// The marker beside it tells a lock of ours from one of git's: a marker that is found by the process
/// whose turn it is belongs to a dead one, and so does a lock file of equal content.
#[must_use]
struct RefLock {
    marker: PathBuf,
    lock: PathBuf,
    committed: bool,
}

impl RefLock {
    fn take(refs: &Refs, value: &CommitId) -> StoreResult<Self> {
        let doing = || format!("locking {}", refs.name);
        let marker = refs.state_dir.join("ref-lock");
        let lock = PathBuf::from(format!("{}.lock", refs.loose.display()));
        clear_dead_lock(&marker, &lock);
        write_marker(&marker, value, refs.durability).map_err(StoreError::io(doing()))?;
        steps::reached("marker-written");
        let taken = Self { marker, lock, committed: false };
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match link(&taken.marker, &taken.lock) {
                Ok(()) => return Ok(taken),
                Err(why) if why.kind() == ErrorKind::AlreadyExists => {}
                Err(why) if why.kind() == ErrorKind::NotFound && taken.marker.exists() => {
                    let folder = taken.lock.parent().unwrap_or(&taken.lock);
                    fs::create_dir_all(folder).map_err(StoreError::io(doing()))?;
                    continue;
                }
                Err(source) => {
                    taken.give_up();
                    return Err(StoreError::Io { doing: doing(), source });
                }
            }
            if start.elapsed() > PATIENCE {
                let age = fs::metadata(&taken.lock).and_then(|lock| lock.modified()).ok();
                let age = age.and_then(|modified| modified.elapsed().ok());
                let what = format!("{} (the file {} is there)", refs.name, taken.lock.display());
                taken.give_up();
                return Err(StoreError::Busy { what, age });
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Makes the lock file the ref.
    fn commit(mut self, refs: &Refs) -> StoreResult<()> {
        let doing = || format!("moving {}", refs.name);
        let moved = fs::rename(&self.lock, &refs.loose).or_else(|why| {
            // An empty folder of that name is what is left of refs below it; git clears it away too.
            match fs::remove_dir(&refs.loose) {
                Ok(()) => fs::rename(&self.lock, &refs.loose),
                Err(_) => Err(why),
            }
        });
        moved.map_err(StoreError::io(doing()))?;
        self.committed = true;
        if refs.durability != Durability::Off
            && let Some(folder) = refs.loose.parent()
        {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::io(doing()))?;
        }
        Ok(())
    }

    /// Takes only the marker away: the lock is somebody else's.
    fn give_up(mut self) {
        self.committed = true;
    }
}

impl Drop for RefLock {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.lock);
        }
        let _ = fs::remove_file(&self.marker);
    }
}

/// Removes what a killed writer left: its lock file, recognised by the marker, and the marker.
fn clear_dead_lock(marker: &Path, lock: &Path) {
    let Ok(marked) = fs::read(marker) else { return };
    if !marked.is_empty() && fs::read(lock).is_ok_and(|held| held == marked) {
        let _ = fs::remove_file(lock);
    }
    let _ = fs::remove_file(marker);
}

fn write_marker(marker: &Path, value: &CommitId, durability: Durability) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(marker)?;
    file.write_all(format!("{value}\n").as_bytes())?;
    if durability == Durability::Off { Ok(()) } else { file.sync_data() }
}

/// Gives `from` a second name, or copies it where the file system knows no such thing.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(from, to) {
        Err(why) if matches!(why.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let content = fs::read(from)?;
            OpenOptions::new().write(true).create_new(true).open(to)?.write_all(&content)
        }
        other => other,
    }
}

fn is_absence(why: &std::io::Error) -> bool {
    matches!(why.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}
