//! A tree read as the tracker's state.

use std::cell::OnceCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use crate::domain::gate::Gate;
use crate::domain::id::{IdPrefix, IssueId};
use crate::domain::issue::Issue;
use crate::domain::name::GateKey;
use crate::domain::search::Query;
use crate::domain::settings::Settings;
use crate::domain::snapshot::{Read, Snapshot};
use crate::domain::table::{Summary, Table};

use super::codec::{decode, decode_gate, decode_issue, unreadable};
use super::index::{self, Home, Thrift};
use super::layout::{
    CONFIG_FILE, DEEPEST_FANOUT, FORMAT, FORMAT_FILE, Format, GATES, ISSUES, gate_path, issue_folder, issue_path,
};
use super::{Entry, EntryKind, StoreError, StoreResult, Tree, search};

/// The state in one commit, read on demand.
pub struct TreeSnapshot<T: Tree> {
    tree: T,
    format: Format,
    index: Option<Home>,
    table: OnceCell<Rc<Table>>,
}

impl<T: Tree> TreeSnapshot<T> {
    /// Opens a tree. Refused when its format is newer than this version reads.
    pub fn open(tree: T) -> StoreResult<Self> {
        let bytes = read_file(&tree, FORMAT_FILE)?
            .ok_or_else(|| unreadable(FORMAT_FILE, "missing: this commit holds no tracker"))?;
        let format: Format = decode(FORMAT_FILE, &bytes)?;
        if format.min_reader > FORMAT {
            return Err(StoreError::TooNew { needed: format.min_reader, readable: false });
        }
        if format.fanout > DEEPEST_FANOUT {
            return Err(unreadable(FORMAT_FILE, format!("a fan-out of {} is too deep", format.fanout)).into());
        }
        Ok(Self { tree, format, index: None, table: OnceCell::new() })
    }

    /// The format of the tracker.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// The files below.
    pub fn tree(&self) -> &T {
        &self.tree
    }

    /// Uses the index in `home` for [`Snapshot::table`].
    pub fn with_index(mut self, home: Home) -> Self {
        self.index = Some(home);
        self
    }

    /// Writes down for the next reader what [`Snapshot::table`] had to read besides the index.
    pub fn keep_index(&mut self) {
        if let Some(home) = &mut self.index {
            home.keep = Some(Thrift::default());
        }
    }

    /// A summary of every issue that somebody holds. Reads the list of them, and the issues that became different
    /// since it was made.
    pub fn held(&self) -> Read<Table> {
        match &self.index {
            Some(home) => index::held(self, home),
            None => Ok(self.read_table()),
        }
    }

    /// The issues whose texts fit a query, the best first; see [`search::search`]. `is_present` says that this is the
    /// state of the tip.
    pub fn search(
        &self,
        is_present: bool,
        query: &Query,
        wanted: Option<search::Wanted<'_>>,
        limit: usize,
    ) -> StoreResult<search::Found> {
        let home = self.index.as_ref().map(|home| search::Home { dir: home.dir.clone(), keep: is_present });
        search::search(self, home.as_ref(), query, wanted, limit)
    }

    /// Reads every issue, tombstones included, in the order of paths, until `visit` breaks off.
    pub fn each_issue<B>(&self, visit: &mut dyn FnMut(Read<Issue>) -> ControlFlow<B>) -> ControlFlow<B> {
        self.each_below(ISSUES, visit)
    }

    fn each_below<B>(&self, folder: &str, visit: &mut dyn FnMut(Read<Issue>) -> ControlFlow<B>) -> ControlFlow<B> {
        let entries = match self.tree.list(folder) {
            Ok(entries) => entries,
            Err(why) => return visit(Err(why)),
        };
        for entry in entries {
            let path = format!("{folder}/{}", entry.name);
            if self.is_branch(&path, &entry) {
                self.each_below(&path, visit)?;
            } else {
                visit(self.issue_at(&path, &entry))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The paths of all issues that stand in their places.
    pub fn issue_paths(&self) -> Read<Vec<String>> {
        let (mut folders, mut paths) = (vec![ISSUES.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in self.tree.list(&folder)? {
                let path = format!("{folder}/{}", entry.name);
                if self.is_branch(&path, &entry) {
                    folders.push(path);
                } else if entry.kind == EntryKind::File
                    && super::issue_of_path(&path).is_some_and(|id| issue_path(id, self.format.fanout) == path)
                {
                    paths.push(path);
                }
            }
        }
        Ok(paths)
    }

    /// Whether `path` is a folder of the fan-out.
    fn is_branch(&self, path: &str, entry: &Entry<T::Id>) -> bool {
        entry.kind == EntryKind::Folder
            && (path.len() - ISSUES.len()) / 2 <= usize::from(self.format.fanout)
            && entry.name.len() == 1
            && entry.name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// What stands at `path`, below the folder of issues: `None` for nothing, and for a folder of the
    /// fan-out.
    pub(super) fn look_at(&self, path: &str) -> Read<Option<Issue>> {
        let entry = self.tree.entry(path)?.filter(|entry| !self.is_branch(path, entry));
        entry.map(|entry| self.issue_at(path, &entry)).transpose()
    }

    /// A summary of every issue, from the documents themselves.
    pub fn read_table(&self) -> Table {
        let mut table = Table::default();
        let mut damaged = Vec::new();
        let _: ControlFlow<()> = self.each_issue(&mut |issue| {
            match issue {
                Ok(issue) => table.put(&Summary::from(&issue)),
                Err(why) => damaged.push(why),
            }
            ControlFlow::Continue(())
        });
        table.set_damaged(damaged);
        table.compact()
    }

    fn issue_at(&self, path: &str, entry: &Entry<T::Id>) -> Read<Issue> {
        let id = super::issue_of_path(path)
            .ok_or_else(|| unreadable(path, "its name is not an issue's: a UUID and `.json`"))?;
        if issue_path(id, self.format.fanout) != path {
            return Err(unreadable(path, "stands in the wrong folder"));
        }
        decode_issue(path, id, &read_entry(&self.tree, path, entry)?)
    }
}

/// Reads the file at `path`.
pub fn read_file<T: Tree>(tree: &T, path: &str) -> Read<Option<Vec<u8>>> {
    tree.entry(path)?.map(|entry| read_entry(tree, path, &entry)).transpose()
}

fn read_entry<T: Tree>(tree: &T, path: &str, entry: &Entry<T::Id>) -> Read<Vec<u8>> {
    match entry.kind {
        EntryKind::File => tree.read(path, &entry.id),
        EntryKind::Folder => Err(unreadable(path, "is a folder where a file should be")),
        EntryKind::Other => Err(unreadable(path, "is not a regular file")),
    }
}

impl<T: Tree> Snapshot for TreeSnapshot<T> {
    fn issue(&self, id: IssueId) -> Read<Option<Issue>> {
        let path = issue_path(id, self.format.fanout);
        self.tree.entry(&path)?.map(|entry| self.issue_at(&path, &entry)).transpose()
    }

    fn ids_with_prefix(&self, prefix: &IdPrefix) -> Read<Vec<IssueId>> {
        let folder = issue_folder(prefix.as_str(), self.format.fanout);
        let entries = self.tree.list(&folder)?;
        let ids = entries.iter().filter_map(|entry| super::issue_of_path(&entry.name));
        Ok(ids.filter(|id| prefix.matches(*id)).collect())
    }

    fn gate(&self, key: &GateKey) -> Read<Option<Gate>> {
        let path = gate_path(key);
        read_file(&self.tree, &path)?.map(|bytes| decode_gate(&path, key, &bytes)).transpose()
    }

    fn gate_keys(&self) -> Read<Vec<GateKey>> {
        let entries = self.tree.list(GATES)?;
        let mut keys: Vec<GateKey> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File)
            .filter_map(|entry| entry.name.strip_suffix(".json")?.parse().ok())
            .collect();
        keys.sort();
        Ok(keys)
    }

    fn settings(&self) -> Read<Settings> {
        let bytes = read_file(&self.tree, CONFIG_FILE)?;
        bytes.map_or_else(|| Ok(Settings::default()), |bytes| decode(CONFIG_FILE, &bytes))
    }

    fn table(&self) -> Read<Rc<Table>> {
        if let Some(table) = self.table.get() {
            return Ok(table.clone());
        }
        let table = match &self.index {
            Some(home) => index::table(self, home)?,
            None => self.read_table(),
        };
        Ok(self.table.get_or_init(|| Rc::new(table)).clone())
    }
}
