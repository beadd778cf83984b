//! The database behind a search.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use uuid::Uuid;

use crate::domain::id::IssueId;
use crate::domain::search::{BETWEEN, Query, Term, apart};

use super::{BEGIN, END, Found, Hit, Texts, Wanted};

/// The columns that are searched, in the order of the table. A hit in an earlier one counts for more.
const FIELDS: [&str; 4] = ["title", "description", "comments", "context"];

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS meta (reflects TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS issues (row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS unread (id BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(
        title, description, comments, context, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );
    INSERT INTO texts(texts, rank) VALUES ('rank', 'bm25(10.0, 3.0, 2.0, 2.0)');
";

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A row of the database, its issue, and the rank that FTS5 gives it.
type Ranked = (i64, IssueId, f64);

/// The texts of issues.
pub struct Database {
    connection: Connection,
}

/// Whether a database is of no use, so that it is made anew.
pub fn is_damaged(why: &rusqlite::Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure,
    };
    let code = why.sqlite_error_code();
    let in_use = matches!(code, Some(DatabaseBusy | DatabaseLocked));
    let surroundings =
        matches!(code, Some(CannotOpen | DiskFull | OutOfMemory | PermissionDenied | ReadOnly | SystemIoFailure));
    !in_use && !surroundings
}

impl Database {
    /// Opens the database in a file, which is made where it is missing.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let is_new = !path.exists();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        // It can be made anew: a loss of power may damage it, an end of the process does not.
        connection
            .execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 268435456;")?;
        let there: Option<String> = connection
            .query_row("SELECT name FROM sqlite_master WHERE name = 'unread'", [], |row| row.get(0))
            .optional()?;
        if there.is_none() {
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
        }
        if is_new {
            // As open as the folder around it. A failure costs others time only.
            let around = path.parent().and_then(|folder| fs::metadata(folder).ok());
            let mode = around.map_or(0o600, |folder| folder.permissions().mode() & 0o666);
            let _ = fs::set_permissions(path, Permissions::from_mode(mode));
        }
        Ok(Self { connection })
    }

    /// A database that is gone with this value.
    pub fn in_memory() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    /// From now on one state is read, whatever others write.
    pub fn begin_reading(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN DEFERRED")
    }

    /// From now on nobody else writes.
    pub fn begin_writing(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")
    }

    /// Keeps what was written.
    pub fn commit(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("COMMIT")
    }

    /// Forgets what was written.
    pub fn roll_back(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("ROLLBACK")
    }

    /// What the texts reflect, as [`Database::set_reflects`] said; `None` for nothing.
    pub fn reflects(&self) -> rusqlite::Result<Option<String>> {
        self.connection.query_row("SELECT reflects FROM meta", [], |row| row.get(0)).optional()
    }

    /// Says what the texts reflect.
    pub fn set_reflects(&self, reflects: &str) -> rusqlite::Result<()> {
        self.connection.execute("DELETE FROM meta", [])?;
        self.connection.execute("INSERT INTO meta VALUES (?1)", [reflects]).map(drop)
    }

    /// Takes all texts out.
    pub fn clear(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch(&format!(
            "DROP TABLE texts; DROP TABLE issues; DELETE FROM meta; DELETE FROM unread; {SCHEMA}"
        ))
    }

    /// The issues that could not be read when they were looked at last.
    pub fn unread(&self) -> rusqlite::Result<Vec<IssueId>> {
        let mut statement = self.connection.prepare_cached("SELECT id FROM unread ORDER BY id")?;
        let ids = statement.query_map([], |row| issue_id(row, 0))?;
        ids.collect()
    }

    /// Takes the texts of an issue out, and notes that it could not be read.
    pub fn put_unread(&self, id: IssueId) -> rusqlite::Result<()> {
        self.put(id, None)?;
        self.connection.prepare_cached("INSERT INTO unread VALUES (?1)")?.execute([&id.bytes()[..]]).map(drop)
    }

    /// Puts the texts of an issue in place of those that were there; `None` takes them out.
    pub fn put(&self, id: IssueId, texts: Option<&Texts>) -> rusqlite::Result<()> {
        let bytes = id.bytes();
        self.connection.prepare_cached("DELETE FROM unread WHERE id = ?1")?.execute([&bytes[..]])?;
        let row: Option<i64> = self
            .connection
            .prepare_cached("SELECT row FROM issues WHERE id = ?1")?
            .query_row([&bytes[..]], |row| row.get(0))
            .optional()?;
        if let Some(row) = row {
            self.connection.prepare_cached("DELETE FROM texts WHERE rowid = ?1")?.execute([row])?;
            self.connection.prepare_cached("DELETE FROM issues WHERE row = ?1")?.execute([row])?;
        }
        let Some(texts) = texts else { return Ok(()) };
        self.connection.prepare_cached("INSERT INTO issues(id) VALUES (?1)")?.execute([&bytes[..]])?;
        let row = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached(
                "INSERT INTO texts(rowid, title, description, comments, context) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![row, texts.title, texts.description, texts.comments, texts.context])
            .map(drop)
    }

    /// The issues that fit and are `wanted`, the best first, at most `limit` of them; and how many there are in all.
    pub fn search(&self, query: &Query, wanted: Option<Wanted<'_>>, limit: usize) -> rusqlite::Result<Found> {
        let words = expression(query);
        let (best, total) = match wanted {
            Some(wanted) => self.best_of(&words, wanted, limit)?,
            None => self.best(&words, limit)?,
        };
        let hits: rusqlite::Result<Vec<Hit>> =
            best.into_iter().map(|(row, id, rank)| self.hit(&words, row, id, rank)).collect();
        Ok(Found { hits: hits?, total, unread: self.unread()? })
    }

    /// The best of all that fit: FTS5 sorts by itself, and tells of no more than are wanted.
    fn best(&self, words: &str, limit: usize) -> rusqlite::Result<(Vec<Ranked>, usize)> {
        let count = "SELECT count(*) FROM texts WHERE texts MATCH ?1";
        let total: i64 = self.connection.prepare_cached(count)?.query_row([words], |row| row.get(0))?;
        let limit = i64::try_from(limit).unwrap_or(-1);
        let mut ranked = self.connection.prepare_cached(
            "SELECT best.row, issues.id, best.rank
             FROM (SELECT rowid AS row, rank FROM texts WHERE texts MATCH ?1 ORDER BY rank LIMIT ?2) AS best
             JOIN issues ON issues.row = best.row ORDER BY best.rank, issues.id",
        )?;
        let best = ranked.query_map(params![words, limit], |row| Ok((row.get(0)?, issue_id(row, 1)?, row.get(2)?)))?;
        Ok((best.collect::<rusqlite::Result<_>>()?, usize::try_from(total).unwrap_or(0)))
    }

    /// The best of those that fit and are wanted. Each that fits is looked at.
    fn best_of(&self, words: &str, wanted: Wanted<'_>, limit: usize) -> rusqlite::Result<(Vec<Ranked>, usize)> {
        let mut ranked = self.connection.prepare_cached(
            "SELECT texts.rowid, issues.id, rank FROM texts JOIN issues ON issues.row = texts.rowid
             WHERE texts MATCH ?1 ORDER BY rank, issues.id",
        )?;
        let mut rows = ranked.query([words])?;
        let (mut best, mut total) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let id = issue_id(row, 1)?;
            if wanted(id) {
                total += 1;
                if best.len() < limit {
                    best.push((row.get::<_, i64>(0)?, id, row.get::<_, f64>(2)?));
                }
            }
        }
        Ok((best, total))
    }

    /// A hit with its excerpt: of the first field in which something was found.
    fn hit(&self, words: &str, row: i64, id: IssueId, rank: f64) -> rusqlite::Result<Hit> {
        // Where each character is a word, a place has more of them.
        let most = if words.contains(BETWEEN) { 48 } else { 16 };
        let snippet = |column: usize| format!("snippet(texts, {column}, char(1), char(2), '…', {most})");
        let columns: Vec<String> = (0..FIELDS.len()).map(snippet).collect();
        let sql = format!("SELECT {} FROM texts WHERE texts MATCH ?1 AND rowid = ?2", columns.join(", "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let excerpts: [String; 4] =
            statement.query_row(params![words, row], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
        let found = excerpts.iter().position(|excerpt| excerpt.contains(BEGIN) && excerpt.contains(END)).unwrap_or(0);
        let [title, description, comments, context] = excerpts;
        let excerpt = match found {
            0 => title,
            1 => description,
            2 => comments,
            _ => context,
        };
        let excerpt = excerpt.replace(BETWEEN, "");
        // What the rank of FTS5 calls better is smaller.
        Ok(Hit { id, score: -rank, field: FIELDS[found], excerpt })
    }
}

/// The issue in a column.
fn issue_id(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<IssueId> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(IssueId::new(Uuid::from_bytes(bytes)))
}

/// A query in the language of FTS5: every term quoted, so that nothing in it means anything else.
fn expression(query: &Query) -> String {
    let term = |term: &Term| {
        let quoted = format!("\"{}\"", apart(&term.words).replace('"', "\"\"").replace('\0', " "));
        if term.prefix { format!("{quoted}*") } else { quoted }
    };
    let wanted: Vec<String> = query.wanted.iter().map(term).collect();
    let mut expression = format!("({})", wanted.join(" AND "));
    for left_out in &query.left_out {
        expression = format!("({expression} NOT {})", term(left_out));
    }
    expression
}
