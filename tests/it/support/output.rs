//! What a command printed, and how it ended.

use serde_json::Value;

/// The end of a command.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "shown when an expectation fails")]
pub struct Output {
    pub command: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn new(command: String, output: std::process::Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "{self:#?}");
        self
    }

    /// Expects success.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Stdout without the line end.
    pub fn text(&self) -> String {
        self.stdout.trim_end_matches('\n').to_owned()
    }

    /// Stdout as the one JSON document it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("no single JSON document: {why}\n{self:#?}"))
    }

    /// Stdout as JSON, an object a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why} in {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The code of the error document.
    #[track_caller]
    pub fn error_code(&self) -> String {
        let error = &self.json()["error"];
        for key in ["code", "message", "hint", "retryable", "details"] {
            assert!(error.get(key).is_some(), "the error has no `{key}`: {self:#?}");
        }
        error["code"].as_str().expect("the code is text").to_owned()
    }
}
