//! Gates for common kinds of projects, made from what the repository holds.

use std::path::Path;

use serde_json::Value;

use crate::domain::gate::{Check, Gate};
use crate::domain::issue::Extra;
use crate::domain::state::Stage;

/// A kind of project.
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// A file at the top by which it is known; any of these.
    pub known_by: &'static [&'static str],
    gates: fn(&Files<'_>) -> Vec<Gate>,
}

/// Every preset.
pub const PRESETS: &[Preset] = &[
    Preset { name: "rust", about: "cargo projects", known_by: &["Cargo.toml"], gates: rust },
    Preset {
        name: "python",
        about: "Python projects",
        known_by: &["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"],
        gates: python,
    },
    Preset { name: "node", about: "packages with scripts", known_by: &["package.json"], gates: node },
    Preset { name: "go", about: "Go modules", known_by: &["go.mod"], gates: go },
];

impl Preset {
    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Whether the folder holds such a project.
    pub fn fits(&self, top: &Path) -> bool {
        self.known_by.iter().any(|file| top.join(file).is_file())
    }

    /// The gates for the project in the folder: only for what it is set up for.
    pub fn gates(&self, top: &Path) -> Vec<Gate> {
        if self.fits(top) { (self.gates)(&Files { top }) } else { Vec::new() }
    }
}

/// What lies at the top of a project.
struct Files<'p> {
    top: &'p Path,
}

impl Files<'_> {
    fn has(&self, name: &str) -> bool {
        self.top.join(name).exists()
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// Whether a file says this.
    fn says(&self, name: &str, word: &str) -> bool {
        self.text(name).is_some_and(|text| text.contains(word))
    }

    fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.top.join(name)).ok()
    }
}

fn gate(key: &str, title: &str, stage: Stage, command: String, env_key: &str) -> Gate {
    Gate {
        key: key.parse().expect("the keys of presets are valid"),
        title: title.to_owned(),
        description: String::new(),
        check: Check {
            auto: true,
            stage,
            command: Some(command),
            env_key: Some(env_key.to_owned()),
            ..Check::default()
        },
        extra: Extra::new(),
    }
}

fn rust(files: &Files<'_>) -> Vec<Gate> {
    let locked = if files.has("Cargo.lock") { " --locked" } else { "" };
    let workspace = if files.says("Cargo.toml", "[workspace") { " --workspace" } else { "" };
    let all = if workspace.is_empty() { "" } else { " --all" };
    let test = if files.has(".config/nextest.toml") { "cargo nextest run" } else { "cargo test" };
    let made = |key, title, stage, command| gate(key, title, stage, command, "rustc --version");
    vec![
        made("fmt", "Formatted", Stage::Commit, format!("cargo fmt{all} --check")),
        made(
            "lint",
            "No lints",
            Stage::Finish,
            format!("cargo clippy{workspace}{locked} --all-targets -- -D warnings"),
        ),
        made("unit-tests", "Unit tests", Stage::Finish, format!("{test}{workspace}{locked}")),
    ]
}

fn python(files: &Files<'_>) -> Vec<Gate> {
    let runner = match () {
        () if files.has("uv.lock") => "uv run ",
        () if files.has("poetry.lock") => "poetry run ",
        () => "",
    };
    let configured = |section: &str| files.says("pyproject.toml", section) || files.says("setup.cfg", section);
    let uses = |tool: &str, names: &[&str]| files.has_any(names) || configured(&format!("[tool.{tool}"));
    let mut gates = Vec::new();
    let env_key = format!("{runner}python3 --version");
    let mut add =
        |key, title, stage, command: &str| gates.push(gate(key, title, stage, format!("{runner}{command}"), &env_key));
    if uses("black", &[]) {
        add("fmt", "Formatted", Stage::Commit, "black --check .");
    }
    if uses("ruff", &["ruff.toml", ".ruff.toml"]) {
        add("lint", "No lints", Stage::Commit, "ruff check .");
    } else if uses("flake8", &[".flake8"]) {
        add("lint", "No lints", Stage::Commit, "flake8");
    }
    if uses("mypy", &["mypy.ini", ".mypy.ini"]) {
        add("types", "Types", Stage::Finish, "mypy .");
    }
    let pytest = uses("pytest", &["pytest.ini", "conftest.py", "tests/conftest.py"])
        || ["pyproject.toml", "requirements.txt", "requirements-dev.txt", "setup.cfg", "tox.ini"]
            .iter()
            .any(|file| files.says(file, "pytest"));
    let tests = if pytest { "python3 -m pytest -q" } else { "python3 -m unittest discover" };
    add("unit-tests", "Unit tests", Stage::Finish, tests);
    gates
}

fn node(files: &Files<'_>) -> Vec<Gate> {
    let package: Value =
        files.text("package.json").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let manager = match () {
        () if files.has("pnpm-lock.yaml") => "pnpm",
        () if files.has("yarn.lock") => "yarn",
        () if files.has_any(&["bun.lockb", "bun.lock"]) => "bun",
        () => "npm",
    };
    // What `npm init` writes stands for no test at all.
    let script = |name: &str| package["scripts"][name].as_str().filter(|text| !text.contains("no test specified"));
    let wanted: [(&str, &str, Stage, &[&str]); 4] = [
        ("fmt", "Formatted", Stage::Commit, &["format:check", "fmt:check", "prettier:check"]),
        ("lint", "No lints", Stage::Commit, &["lint"]),
        ("types", "Types", Stage::Finish, &["typecheck", "type-check", "check-types", "tsc"]),
        ("unit-tests", "Unit tests", Stage::Finish, &["test"]),
    ];
    let found = wanted.into_iter().filter_map(|(key, title, stage, names)| {
        let name = names.iter().find(|name| script(name).is_some())?;
        Some(gate(key, title, stage, format!("{manager} run {name}"), "node --version"))
    });
    found.collect()
}

fn go(_files: &Files<'_>) -> Vec<Gate> {
    let made = |key, title, stage, command: &str| gate(key, title, stage, command.to_owned(), "go version");
    vec![
        made("fmt", "Formatted", Stage::Commit, "files=$(gofmt -l .) && echo \"$files\" && test -z \"$files\""),
        made("lint", "No lints", Stage::Finish, "go vet ./..."),
        made("unit-tests", "Unit tests", Stage::Finish, "go test ./..."),
    ]
}
