//! `jit man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Made;

use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::admin::{ManPages, Page};

/// Write manual pages
///
/// Prints the page of the command that is named: `jit man issue create | man -l -`. With --dir writes all of them, one
/// file each: `jit man --dir ~/.local/share/man/man1`; then `man jit-issue-create` works. Reads nothing.
#[derive(Args, Debug)]
pub struct Man {
    /// The words of a command; none for the program as a whole
    #[arg(value_name = "COMMAND")]
    words: Vec<String>,
    /// Write every page into this folder, which is made where it is missing
    #[arg(long = "dir", value_name = "DIR", conflicts_with = "words")]
    folder: Option<PathBuf>,
}

impl Man {
    /// Runs the command.
    pub fn run(&self) -> Result<Report> {
        let mut root = super::Cli::command().disable_help_subcommand(true);
        root.build();
        match &self.folder {
            Some(dir) => {
                let failed = |why: std::io::Error| {
                    Error::new(Class::Outside, "io", format!("writing manual pages to {}: {why}", dir.display()))
                };
                std::fs::create_dir_all(dir).map_err(failed)?;
                let mut files = Vec::new();
                write_all(&root, "jit", &mut |name, page| {
                    let file = format!("{name}.1");
                    std::fs::write(dir.join(&file), page)?;
                    files.push(file);
                    Ok(())
                })
                .map_err(failed)?;
                Ok(Report::ManPages(ManPages { dir: dir.display().to_string(), count: files.len(), files }))
            }
            None => {
                let command = super::help::find(&root, &self.words)?;
                let name = std::iter::once("jit").chain(self.words.iter().map(String::as_str)).collect::<Vec<_>>();
                let text = String::from_utf8_lossy(&page(command.clone(), &name.join("-"))).into_owned();
                Ok(Report::Page(Page { topic: name.join("-"), text }))
            }
        }
    }
}

/// The page of a command in the language of roff.
fn page(command: clap::Command, name: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let title = name.to_uppercase();
    // Names live as long as the process, which ends when the pages are written.
    let command = command.name(&*name.to_owned().leak()).version(env!("CARGO_PKG_VERSION"));
    Made::new(command).title(title).manual("jit manual").render(&mut text).expect("writing into memory does not fail");
    text
}

/// Hands out the page of each visible command and of the groups they stand in.
fn write_all(
    command: &clap::Command,
    name: &str,
    write: &mut dyn FnMut(&str, &[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    write(name, &page(command.clone(), name))?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_all(sub, &format!("{name}-{}", sub.get_name()), write)?;
    }
    Ok(())
}
