//! `jit help`.

use clap::{Args, CommandFactory};

use crate::domain::filter::{FIELDS, FLAGS};
use crate::domain::state::{Stage, State, TRANSITIONS};
use crate::error::{Class, Error, Result};
use crate::report::Report;
use crate::report::admin::Page;

/// Explain a command or a topic
///
/// Topics: states, exit-codes, environment, gates, filters. Reads nothing.
#[derive(Args, Debug)]
pub struct Help {
    /// A topic, or the words of a command
    #[arg(value_name = "TOPIC|COMMAND")]
    words: Vec<String>,
}

/// A page that is no command's.
struct Topic {
    name: &'static str,
    page: fn() -> String,
}

const TOPICS: &[Topic] = &[
    Topic { name: "states", page: states },
    Topic { name: "exit-codes", page: exit_codes },
    Topic { name: "environment", page: environment },
    Topic { name: "gates", page: gates },
    Topic { name: "filters", page: filters },
];

impl Help {
    /// Runs the command.
    pub fn run(self) -> Result<Report> {
        if let [word] = self.words.as_slice()
            && let Some(topic) = TOPICS.iter().find(|topic| topic.name == word)
        {
            return Ok(Report::Page(Page { topic: topic.name.to_owned(), text: (topic.page)() }));
        }
        let mut command = super::Cli::command();
        command.build();
        for word in &self.words {
            let topics: Vec<&str> = TOPICS.iter().map(|topic| topic.name).collect();
            command = command.find_subcommand(word).cloned().ok_or_else(|| {
                Error::new(Class::NotFound, "no_help", format!("there is no help on `{}`", self.words.join(" ")))
                    .hint(format!("jit --help, or one of the topics {}", topics.join(", ")))
            })?;
        }
        let text = command.render_long_help().to_string();
        Ok(Report::Page(Page { topic: self.words.join(" "), text }))
    }
}

fn states() -> String {
    let mut text = String::from("Each state and the states that may follow it:\n\n");
    for (from, to) in TRANSITIONS {
        let to: Vec<&str> = to.iter().map(|state| state.as_str()).collect();
        text.push_str(&format!("  {from:<12} {}\n", to.join(", ")));
    }
    let needing: Vec<&str> =
        State::ALL.iter().filter(|state| state.needs_unblocked()).map(|state| state.as_str()).collect();
    text.push_str(&format!(
        "\nBlocked is not a state: an unfinished issue is blocked while a dependency is neither done nor\n\
         rejected. A blocked issue cannot become {}.\n\
         A claim brings an issue to in_progress. Done needs every gate passed; a gated issue becomes done\n\
         with the last one. Done, rejected and archived issues are reopened by way of open or ready.\n",
        needing.join(", ")
    ));
    text
}

fn exit_codes() -> String {
    let mut text = String::from("   0  done\n");
    for class in Class::ALL {
        text.push_str(&format!("  {:>2}  {}\n", class.exit_code(), class.meaning()));
    }
    text
}

fn gates() -> String {
    let mut text = String::from("What a gate holds back while it is not passed, by its stage:\n\n");
    for (stage, what) in
        [(Stage::Start, "the claim"), (Stage::Commit, "a commit for the issue, and done"), (Stage::Finish, "done")]
    {
        text.push_str(&format!("  {stage:<8} {what}\n"));
    }
    text.push_str(
        "\nThe command of a gate runs through sh -c at the top of the work tree, and is told:\n\n  \
           JIT_ISSUE, JIT_GATE, JIT_STAGE   the issue's id, the gate's key and stage\n  \
           JIT_TREE                         the git tree that is judged\n  \
           JIT_CONTEXT_FILE                 a file with the issue as JSON\n\n\
         What its end means:\n\n  \
           exit 0                           passed\n  \
           exit 75                          it cannot tell: no verdict\n  \
           exit 126, 127, 129 to 159        not started, or ended by a signal: no verdict\n  \
           any other exit                   failed\n\n\
         There is no verdict either when its time is over or the work tree is another one afterwards.\n",
    );
    text
}

fn filters() -> String {
    let mut text = String::from(
        "A filter says which issues are meant: jit list --filter 'state:ready AND (priority:high OR label:area/*)'\n\n\
         Conditions are joined by AND, which may be left out, OR and NOT (or `-`), in parentheses where need be.\n\
         OR binds weakest, NOT strongest. Several values of a field are alternatives: state:ready,open.\n\n\
         Fields:\n\n",
    );
    for (name, example) in FIELDS {
        text.push_str(&format!("  {name:<10} {example}\n"));
    }
    let flags: Vec<&str> = FLAGS.iter().map(|(name, _)| *name).collect();
    text.push_str(&format!("\nBy themselves: {}.\n", flags.join(", ")));
    text.push_str(
        "\nIn labels, gates and names `*` stands for anything and `?` for one character; between double quotes\n\
         they stand for themselves. Times: an age (created:>2d is older than two days, <2d younger), a day\n\
         (created:>2026-01-31 is after it) or an RFC 3339 time. Priorities: >high is more urgent than high.\n\n\
         list, ready, query, claim-next, update, events query and export take --filter.\n",
    );
    text
}

fn environment() -> String {
    "  JIT_AGENT      who acts, as type:name (copilot:worker-1)\n  \
       JIT_CLAIM      the token of the claim under which this process works\n  \
       JIT_DATA_DIR   where the mirror is kept instead of .jit/\n  \
       JIT_REMOTE     the remote that jit init looks at\n  \
       JIT_CLOCK      a fixed RFC 3339 time instead of the clock, for tests and replays; or offset:FILE, the\n  \
                      clock moved by the milliseconds in FILE\n  \
       NO_COLOR       set to anything: no colours\n\n\
     A worktree that jit worktree add made says by itself who acts in it; JIT_AGENT goes before that.\n\
     An agent of the coordinator finds JIT_ISSUE, JIT_AGENT, JIT_CLAIM and JIT_REPO set.\n\
     A gate's command is told what it judges: see jit help gates.\n\
     The variables of git (GIT_DIR, GIT_WORK_TREE, GIT_AUTHOR_NAME, …) are honoured.\n"
        .to_owned()
}
