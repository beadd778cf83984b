//! Plugins: programs on `PATH` that are called `jit-NAME` and run as `jit NAME`; and types of gates, `jit-gate-NAME`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::domain::name::is_plain_name;

/// How the names of plugins begin.
const PREFIX: &str = "jit-";
/// How the names of types of gates begin, after that.
const GATE: &str = "gate-";

/// The plugins on a search path, by name: the first of each counts.
pub fn all(path: Option<&OsStr>) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for folder in folders(path) {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            if is_plain_name(name) && !found.contains_key(name) && is_program(&entry.path()) {
                found.insert(name.to_owned(), entry.path());
            }
        }
    }
    found
}

/// The names of the commands among plugins, and of the types of gates.
pub fn names(path: Option<&OsStr>) -> (Vec<String>, Vec<String>) {
    let (gates, commands): (Vec<String>, Vec<String>) = all(path).into_keys().partition(|name| name.starts_with(GATE));
    (commands, gates.into_iter().filter_map(|name| name.strip_prefix(GATE).map(str::to_owned)).collect())
}

/// The plugin of this name.
pub fn find(path: Option<&OsStr>, name: &str) -> Option<PathBuf> {
    if !is_plain_name(name) {
        return None;
    }
    folders(path).map(|folder| folder.join(format!("{PREFIX}{name}"))).find(|file| is_program(file))
}

/// The program that judges gates of a type, as it is called from a shell; `None` when there is none.
pub fn gate_type(path: Option<&OsStr>, name: &str) -> Option<String> {
    find(path, &format!("{GATE}{name}")).map(|_| format!("{PREFIX}{GATE}{name}"))
}

fn folders(path: Option<&OsStr>) -> impl Iterator<Item = PathBuf> {
    // A relative folder would find programs of the work tree one happens to stand in.
    let folders: Vec<PathBuf> = path.map(split).unwrap_or_default();
    folders.into_iter().filter(|folder| folder.is_absolute())
}

fn split(path: &OsStr) -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    path.as_bytes().split(|byte| *byte == b':').map(|part| PathBuf::from(OsStr::from_bytes(part))).collect()
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Becomes the program: this process goes on as it. Comes back only when that fails.
#[expect(clippy::disallowed_methods, reason = "the home of plugins")]
pub fn become_it(
    program: &Path,
    args: &[OsString],
    dir: Option<&Path>,
    variables: &[(&str, Option<OsString>)],
) -> std::io::Error {
    let mut command = Command::new(program);
    command.args(args);
    if let Some(dir) = dir {
        command.current_dir(dir);
    }
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.exec()
}
