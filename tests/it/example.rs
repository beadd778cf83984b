//! The documents that show commands are run: what they print must be what they say.
//!
//! In a block marked `console` a line after `$ ` is a command, continued by `> `; the lines after it are
//! what it prints, on both streams. `[..]` stands for anything, `? 4` for an exit code that is not 0.

use std::path::Path;

use crate::support::Repo;

struct Shown {
    command: String,
    output: Vec<String>,
    code: i32,
}

fn shown(page: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            if let Some(command) = line.strip_prefix("$ ") {
                all.push(Shown { command: command.to_owned(), output: Vec::new(), code: 0 });
            } else if let Some(last) = all.last_mut() {
                if let Some(rest) = line.strip_prefix("> ") {
                    last.command.push_str(&format!("\n{rest}"));
                } else if let Some(code) = line.strip_prefix("? ") {
                    last.code = code.parse().expect("an exit code");
                } else {
                    last.output.push(line.to_owned());
                }
            }
        }
    }
    all
}

/// Whether `line` is as `pattern` says, where `[..]` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split("[..]");
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    for (at, part) in parts.iter().enumerate() {
        if at + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// Runs the commands of a page in one shell and compares.
fn run_page(repo: &Repo, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{page}: {why}"));
    let all = shown(&text);
    assert!(all.len() > 3, "{page} shows commands");
    let mut script = String::from("exec 2>&1\n");
    for Shown { command, .. } in &all {
        script.push_str(&format!("{command}\nprintf '\\n@@@ %d\\n' $?\n"));
    }
    let mut shell = repo.command("bash");
    let output = shell.args(["-c", &script]).output().expect("bash can be started");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut sections: Vec<(Vec<&str>, i32)> = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in printed.lines() {
        match line.strip_prefix("@@@ ") {
            Some(code) => {
                // The line end before the mark is the script's.
                if lines.last() == Some(&"") {
                    lines.pop();
                }
                sections.push((std::mem::take(&mut lines), code.parse().expect("an exit code")));
            }
            None => lines.push(line),
        }
    }
    assert_eq!(sections.len(), all.len(), "{page}: every command ran\n{printed}");
    for (shown, (lines, code)) in all.iter().zip(sections) {
        let expected = shown.output.join("\n");
        let same = shown.output.len() == lines.len() && shown.output.iter().zip(&lines).all(|(p, line)| fits(p, line));
        assert!(
            same && shown.code == code,
            "{page}: `{}` should print\n{expected}\n? {}\nand prints\n{}\n? {code}",
            shown.command,
            shown.code,
            lines.join("\n")
        );
    }
}

#[test]
fn the_walkthrough_prints_what_it_says() {
    run_page(&Repo::git_only(), "EXAMPLE.md");
}

#[test]
fn the_first_minute_of_the_readme_works() {
    run_page(&Repo::git_only(), "README.md");
}
