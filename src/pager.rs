//! Showing long results page by page, as git does: only on a terminal, through the pager that git would use.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Shows a text through the user's pager. `false` when there is none to be used: the text is still to be printed.
///
/// The pager is `JIT_PAGER`, else what `git var GIT_PAGER` says. `less` quits at once when the text fits on the screen,
/// unless `LESS` says otherwise.
pub fn show(text: &str, own: Option<&str>, dir: &Path) -> bool {
    let pager = match own {
        Some(pager) => pager.to_owned(),
        None => gits(dir).unwrap_or_default(),
    };
    if pager.is_empty() || pager == "cat" {
        return false;
    }
    // Ctrl-C is for the pager; this process waits for it, as git does.
    crate::environment::interrupted();
    let shown = start(&pager).and_then(|mut child| {
        let fed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
        // Whoever leaves the pager early has read enough.
        let fed = fed.or_else(|why| if why.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(why) });
        let status = child.wait()?;
        fed.map(|()| status)
    });
    // What a shell says of a program that it could not start.
    shown.is_ok_and(|status| !matches!(status.code(), Some(126 | 127)))
}

/// Starts the pager through a shell, as git does. What the user has set for it stays.
#[expect(clippy::disallowed_methods, reason = "the home of the pager")]
fn start(pager: &str) -> io::Result<std::process::Child> {
    let script = format!("LESS=${{LESS-FRX}} LV=${{LV--c}}; export LESS LV; {pager}");
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn()
}

#[expect(clippy::disallowed_methods, reason = "the home of the pager")]
fn gits(dir: &Path) -> Option<String> {
    let output = Command::new("git").current_dir(dir).args(["var", "GIT_PAGER"]).stdin(Stdio::null()).output().ok()?;
    let pager = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| pager.trim().to_owned())
}
