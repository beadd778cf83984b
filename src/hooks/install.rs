//! Putting hooks where git looks for them, and taking them away again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::StoreError;
use crate::store::message::fingerprint;

use super::{HOOKS, SERVER_HOOKS};

/// The script, the same for every hook.
const SCRIPT: &str = include_str!("../../hooks/hook.sh");
/// Words by which the script is known, whatever its version.
const MARK: &str = "): put here by `jit hooks install`";
const HEAD: &str = "# jit hook ";
/// Where the sum over the rest stands, by which lines of others in it are told.
const SUM: &str = "@SUM@";
/// How a hook is called that was there before.
const KEPT: &str = "before-jit";

/// What became of one hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is there now, and was not.
    Installed,
    /// It is there now, and calls the hook that was there before.
    Joined,
    /// It was there already.
    Unchanged,
    /// It was taken away.
    Removed,
    /// It was taken away, and the hook that was there before is back.
    Restored,
    /// Somebody else's hook, or none, is there, and stays.
    Left,
}

/// What became of all hooks.
pub struct Installed {
    /// Where git looks for hooks.
    pub folder: PathBuf,
    /// Each hook with what became of it.
    pub hooks: Vec<(&'static str, Done)>,
}

/// Puts every hook in place. One that is there already is kept and called first.
///
/// Refused when a kept hook and a new foreign one are both there, unless `force`: then the new one is kept, and
/// the older one put beside it.
pub fn install(session: &Session, names: &'static [&'static str], force: bool) -> Result<Installed> {
    let folder = folder(session)?;
    fs::create_dir_all(&folder).map_err(StoreError::io(format!("making {}", folder.display())))?;
    if !force && let Some(name) = names.iter().find(|name| is_ambiguous(&folder, name)) {
        let (hook, kept) = (folder.join(name), kept(&folder, name));
        let message = format!("{} is not jit's, and {} is kept from before", hook.display(), kept.display());
        return Err(Error::new(Class::Refused, "two_hooks", message)
            .hint("take one of them away; with --force both are kept, and the newer one is called")
            .details(json!({ "hook": hook.display().to_string(), "kept": kept.display().to_string() })));
    }
    if let Some(name) = names.iter().find(|name| is_edited(&folder.join(name))) {
        let hook = folder.join(name);
        let message = format!("{} is jit's hook with other lines in it", hook.display());
        return Err(Error::new(Class::Refused, "edited_hook", message)
            .hint(format!(
                "move your lines to {}, which is called first, and take that hook away",
                kept(&folder, name).display()
            ))
            .details(json!({ "hook": hook.display().to_string() })));
    }
    let hooks = names.iter().map(|name| Ok((*name, put(&folder, name)?)));
    let hooks = hooks.collect::<Result<_>>()?;
    warn_of_others(session, &folder)?;
    Ok(Installed { folder, hooks })
}

/// Takes every hook of ours away, and puts back what was there before.
pub fn uninstall(session: &Session) -> Result<Installed> {
    let folder = folder(session)?;
    // Of a hub's hooks nothing is said where there are none.
    let server = SERVER_HOOKS.iter().filter(|name| is_ours(&folder.join(name)));
    let hooks = HOOKS.iter().chain(server).map(|name| Ok((*name, take(&folder, name)?)));
    let hooks = hooks.collect::<Result<_>>()?;
    Ok(Installed { folder, hooks })
}

/// Where git looks for hooks.
pub fn folder(session: &Session) -> Result<PathBuf> {
    let folder = session.store.git().hooks_folder()?;
    let is_top = session.store.work_tree().is_some_and(|top| top == folder);
    if is_top || (folder.exists() && !folder.is_dir()) {
        let message =
            format!("git looks for hooks in {}, which is not a folder for them (core.hooksPath)", folder.display());
        return Err(Error::new(Class::Refused, "no_hooks_folder", message).hint("git config --unset core.hooksPath"));
    }
    Ok(folder)
}

/// The script of one hook.
pub fn script(name: &str) -> String {
    let script = SCRIPT.replace("@HOOK@", name);
    script.replace(SUM, &fingerprint(script.as_bytes()))
}

/// Whether the file holds a script of ours, of any version, and nothing else.
pub fn is_ours(file: &Path) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let sum = text.lines().nth(1).filter(|line| is_head(line)).and_then(|line| line.split(['(', ')']).nth(1));
    sum.is_some_and(|sum| fingerprint(text.replacen(sum, SUM, 1).as_bytes()) == sum)
}

fn is_head(line: &str) -> bool {
    line.starts_with(HEAD) && line.contains(MARK)
}

/// Whether a script of ours stands in the file among other lines, which are somebody's.
fn is_edited(file: &Path) -> bool {
    !is_ours(file) && fs::read_to_string(file).is_ok_and(|text| text.lines().any(is_head))
}

/// Whether there is anything under this name, be it a link that leads nowhere.
fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// Where a hook is kept that was there before.
pub fn kept(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{KEPT}"))
}

fn is_ambiguous(folder: &Path, name: &str) -> bool {
    let (hook, kept) = (folder.join(name), kept(folder, name));
    let foreign = is_there(&hook) && !is_ours(&hook);
    // A hook manager may have put the same file there again.
    let same = || matches!((fs::read(&hook), fs::read(&kept)), (Ok(new), Ok(old)) if new == old);
    foreign && is_there(&kept) && !same()
}

fn put(folder: &Path, name: &str) -> Result<Done> {
    let (hook, kept, script) = (folder.join(name), kept(folder, name), script(name));
    let doing = || StoreError::io(format!("writing {}", hook.display()));
    if is_ours(&hook) && fs::read_to_string(&hook).is_ok_and(|text| text == script) && is_executable(&hook) {
        return Ok(Done::Unchanged);
    }
    let foreign = is_there(&hook) && !is_ours(&hook);
    // Written to the side first: at every moment one hook or the other is there.
    let new = tempfile::Builder::new().prefix("jit-hook-").tempfile_in(folder).map_err(doing())?;
    fs::write(new.path(), &script).map_err(doing())?;
    new.as_file().set_permissions(fs::Permissions::from_mode(0o755)).map_err(doing())?;
    if foreign {
        if is_ambiguous(folder, name) {
            let old = (1..).map(|n| folder.join(format!("{name}.{KEPT}.{n}"))).find(|old| !is_there(old));
            fs::rename(&kept, old.expect("numbers do not end")).map_err(doing())?;
        } else if is_there(&kept) {
            // The same once more.
            fs::remove_file(&kept).map_err(doing())?;
        }
        // A second name: the hook is in its place until ours takes it.
        fs::hard_link(&hook, &kept).or_else(|_| fs::rename(&hook, &kept)).map_err(doing())?;
    }
    new.persist(&hook).map_err(|why| why.error).map_err(doing())?;
    Ok(if foreign { Done::Joined } else { Done::Installed })
}

fn take(folder: &Path, name: &str) -> Result<Done> {
    let (hook, kept) = (folder.join(name), kept(folder, name));
    let doing = || StoreError::io(format!("removing {}", hook.display()));
    if !is_ours(&hook) {
        // Lines of somebody else are not ours to take away.
        return Ok(Done::Left);
    }
    if is_there(&kept) {
        fs::rename(&kept, &hook).map_err(doing())?;
        return Ok(Done::Restored);
    }
    fs::remove_file(&hook).map_err(doing())?;
    Ok(Done::Removed)
}

/// Whether the file can be run.
pub fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

/// Says so where the folder is not this repository's alone.
fn warn_of_others(session: &Session, folder: &Path) -> Result<()> {
    let git = session.store.git();
    let scope = git.config_origin("core.hooksPath")?;
    if scope.as_deref().is_some_and(|scope| scope == "global" || scope == "system") {
        session.notice(format!("core.hooksPath is set for all repositories: these hooks are in {}", folder.display()));
    }
    let in_work_tree = session.store.work_tree().is_some_and(|top| folder.starts_with(top));
    let in_git = folder.starts_with(session.store.common_dir());
    if in_work_tree && !in_git && git.tracks(folder)? {
        session.notice(format!("git tracks files in {}: the hooks will show as changes there", folder.display()));
    }
    Ok(())
}
