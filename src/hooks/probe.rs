//! Proof that git reaches the hooks: git itself is asked to run each.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::session::Session;
use crate::store::StoreError;

use super::install::{folder, is_executable, is_ours, kept};
use super::{HOOKS, SERVER_HOOKS};

/// The variable that tells a hook to note that it was reached, and do nothing else.
const PROBE: &str = "JIT_HOOK_PROBE";

/// What came of one hook.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The hook.
    pub name: &'static str,
    /// Whether `jit` was called when git ran it.
    pub reached: bool,
    /// The hook of somebody else that is called first.
    pub calls: Option<PathBuf>,
    /// Why not, where it was not.
    pub why: Option<String>,
}

/// What came of all hooks.
pub struct Probe {
    /// Where git looks for hooks.
    pub folder: PathBuf,
    /// The hooks.
    pub hooks: Vec<Reached>,
}

/// Has git find and run each hook in this work tree, with its own configuration, and sees whether `jit` is called
/// at the end of it. The hooks do nothing then, and those kept from before are not run.
pub fn probe(session: &Session) -> Result<Probe> {
    let folder = folder(session)?;
    let state = session.store.local_state();
    let doing = || StoreError::io("making a file for the probe");
    fs::create_dir_all(state).map_err(doing())?;
    let note = tempfile::Builder::new().prefix("probe-").tempfile_in(state).map_err(doing())?;
    let mut hooks = Vec::new();
    let names = if session.store.work_tree().is_none() { SERVER_HOOKS } else { HOOKS };
    for name in names {
        if !leads_to_jit(&folder, name) {
            // Somebody else's hook is not run for a look: it may do anything.
            hooks.push(Reached { name, reached: false, calls: None, why: Some(explain(&folder, name, None, "")) });
            continue;
        }
        fs::write(note.path(), "").map_err(doing())?;
        let (code, said) = session.store.git().run_hook(name, (PROBE, note.path()))?;
        let noted = fs::read_to_string(note.path()).map_err(doing())?;
        let reached = noted.lines().any(|line| line == *name);
        let kept = kept(&folder, name);
        let calls = is_executable(&kept).then_some(kept);
        let why = (!reached).then(|| explain(&folder, name, code, &said));
        hooks.push(Reached { name, reached, calls, why });
    }
    Ok(Probe { folder, hooks })
}

/// Whether a hook may come to `jit`, and nothing else of importance: it is ours, or a hook manager has put ours
/// beside its own (`NAME.legacy`).
fn leads_to_jit(folder: &Path, name: &str) -> bool {
    let beside = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut variants =
        beside.filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)));
    folder.join(name).symlink_metadata().is_ok() && variants.any(|file| is_ours(&file))
}

/// Notes that a hook was reached.
pub fn note(file: &Path, name: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = fs::OpenOptions::new().append(true).open(file)?;
    writeln!(file, "{name}")
}

fn explain(folder: &Path, name: &str, code: Option<i32>, said: &str) -> String {
    let hook = folder.join(name);
    let said = said.lines().last().map_or_else(String::new, |line| format!(": {line}"));
    match () {
        () if said.contains("'hook' is not a git command") => "git 2.36 or newer is needed to tell".to_owned(),
        () if hook.symlink_metadata().is_err() => "it is not installed".to_owned(),
        () if !is_executable(&hook) => format!("{} cannot be executed", hook.display()),
        () if names_jit(&hook) => format!("{} names jit, but is not run for a look", hook.display()),
        () if !is_ours(&hook) => format!("{} is another hook, which does not call jit{said}", hook.display()),
        () => format!("{} ran and did not come to jit (exit {}){said}", hook.display(), code.unwrap_or(-1)),
    }
}

fn names_jit(file: &Path) -> bool {
    fs::read(file).is_ok_and(|text| String::from_utf8_lossy(&text).contains("jit hooks run"))
}
