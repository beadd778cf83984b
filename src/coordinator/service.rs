//! A unit for systemd, so that a coordinator starts with the user's session.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Class, Error, Result};
use crate::session::Session;
use crate::store::StoreError;

use super::home::Home;

/// A unit that was written.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The file.
    pub path: PathBuf,
    /// Its name, for `systemctl --user`.
    pub name: String,
}

/// Writes a unit for the coordinator of this checkout into the folder where systemd looks for the user's.
pub fn write(session: &Session, force: bool) -> Result<Unit> {
    let home = Home::of(session);
    let missing = |what: &str| Error::new(Class::NotFound, "no_home", format!("{what} is not known"));
    let config = session.environment.config_home.clone().ok_or_else(|| missing("the folder of user configuration"))?;
    let program = session.environment.program.as_ref().ok_or_else(|| missing("where this program is"))?;
    let name = format!("jit-{}.service", plain(&home.checkout));
    let path = config.join("systemd/user").join(&name);
    let text = text(program, &home.checkout)?;
    if path.exists() && !force && fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        return Err(Error::new(
            Class::Exists,
            "unit_exists",
            format!("{} exists already and says something else; --force writes over it", path.display()),
        )
        .hint(format!("systemctl --user cat {name}")));
    }
    let folder = path.parent().unwrap_or(&path);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.map_err(StoreError::io(format!("writing {}", path.display())))?;
    Ok(Unit { path, name })
}

/// The path of a checkout as a part of a unit's name, as `systemd-escape --path` writes it: no two are alike.
fn plain(checkout: &Path) -> String {
    let path = checkout.to_string_lossy();
    let escape = |byte: u8| match byte {
        b'/' => "-".to_owned(),
        b'.' | b'_' | b':' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    path.trim_matches('/').bytes().map(escape).collect()
}

/// A path as a word of a unit file: quoted, with what systemd would take for its own doubled or escaped.
fn word(path: &Path) -> Result<String> {
    // A line ends where a control character says so, and goes on after a backslash.
    let text = path.to_str().filter(|text| !text.contains(char::is_control) && !text.ends_with('\\'));
    let text = text.ok_or_else(|| Error::usage(format!("{} cannot stand in a unit file", path.display())))?;
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$")))
}

/// The unit. Agents are no part of it for systemd: they go on when it is stopped, and are found again.
fn text(program: &Path, checkout: &Path) -> Result<String> {
    let (program, repository) = (word(program)?, word(checkout)?);
    // A working directory is one path to the end of the line: nothing is quoted in it.
    let folder = checkout.to_string_lossy().replace('%', "%%");
    Ok(format!(
        "[Unit]\n\
         Description=jit coordinator of {folder}\n\
         \n\
         [Service]\n\
         ExecStart={program} -C {repository} coordinator start --foreground\n\
         WorkingDirectory={folder}\n\
         KillMode=process\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_safe_in_a_unit() {
        let unit = text(Path::new("/opt/a b/jit"), Path::new("/home/x/50% \"done\" $HOME")).expect("it can be written");
        assert!(unit.contains("ExecStart=\"/opt/a b/jit\" -C \"/home/x/50%% \\\"done\\\" $$HOME\" coordinator start"));
        assert!(unit.contains("WorkingDirectory=/home/x/50%% \"done\" $HOME\n"));
        for evil in ["/a\nExecStart=evil", "/a\rExecStart=evil", "/a\\"] {
            assert!(text(Path::new("/jit"), Path::new(evil)).is_err(), "{evil:?}");
        }
        assert_eq!(plain(Path::new("/home/x/my-project")), "home-x-my\\x2dproject");
    }
}
