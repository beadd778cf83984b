//! Which commands this user has agreed to run on this machine, text by text.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::gate::Check;
use crate::domain::name::Actor;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, StoreResult};

/// Bytes of the file that are read; what lies beyond is not agreed to.
const MOST: u64 = 16 << 20;

/// The texts that were agreed to. Kept in the repository's own folder, which no fetch writes to.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
    texts: BTreeSet<(String, Option<String>)>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Agreement {
    text: String,
    workdir: Option<String>,
    by: Actor,
    at: Timestamp,
}

impl Trust {
    /// Reads what was agreed to. A line that cannot be read agrees to nothing.
    pub fn open(state_dir: &Path) -> Self {
        use std::io::Read;
        let file = state_dir.join("trust");
        let mut bytes = Vec::new();
        let read = fs::File::open(&file).and_then(|opened| opened.take(MOST).read_to_end(&mut bytes));
        let lines = if read.is_ok() { bytes.as_slice() } else { &[] };
        let agreements = lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let texts = agreements.map(|agreement: Agreement| (agreement.text, agreement.workdir)).collect();
        Self { file, texts }
    }

    /// Whether everything that a check runs was agreed to, in the folder it runs in.
    pub fn covers(&self, check: &Check) -> bool {
        check.texts().all(|(text, workdir)| self.texts.contains(&(text.to_owned(), workdir.map(str::to_owned))))
    }

    /// Agrees to what checks run. Quiet for what was agreed to before.
    pub fn agree<'c>(
        &mut self,
        checks: impl IntoIterator<Item = &'c Check>,
        by: &Actor,
        at: Timestamp,
    ) -> StoreResult<()> {
        let mut lines = Vec::new();
        for (text, workdir) in checks.into_iter().flat_map(Check::texts) {
            let (text, workdir) = (text.to_owned(), workdir.map(str::to_owned));
            if self.texts.insert((text.clone(), workdir.clone())) {
                let agreement = Agreement { text, workdir, by: by.clone(), at };
                serde_json::to_writer(&mut lines, &agreement).expect("an agreement has only text keys");
                lines.push(b'\n');
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        let doing = || StoreError::io(format!("writing {}", self.file.display()));
        fs::create_dir_all(self.file.parent().unwrap_or(&self.file)).map_err(doing())?;
        // One write at the end of the file: lines of several processes do not mix. A line cut short by a kill
        // is ended first, so that it takes no other with it.
        let broken = fs::read(&self.file).is_ok_and(|bytes| bytes.last().is_some_and(|byte| *byte != b'\n'));
        if broken {
            lines.insert(0, b'\n');
        }
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.file);
        opened.and_then(|mut file| file.write_all(&lines)).map_err(doing())
    }
}
