//! Pages on what is no single command.

use crate::cli::config::LOCAL;
use crate::domain::event::Body;
use crate::domain::filter::{FIELDS, FLAGS};
use crate::domain::settings::KNOWN;
use crate::domain::state::{Stage, State, TRANSITIONS};
use crate::error::Class;

/// A page that is no command's.
pub struct Topic {
    /// What it is called.
    pub name: &'static str,
    /// Makes the page.
    pub page: fn() -> String,
}

/// Every page.
pub const TOPICS: &[Topic] = &[
    Topic { name: "states", page: states },
    Topic { name: "exit-codes", page: exit_codes },
    Topic { name: "environment", page: environment },
    Topic { name: "settings", page: settings },
    Topic { name: "gates", page: gates },
    Topic { name: "filters", page: filters },
    Topic { name: "times", page: times },
    Topic { name: "plans", page: plans },
    Topic { name: "event-names", page: event_names },
    Topic { name: "cursors", page: cursors },
    Topic { name: "output", page: output },
    Topic { name: "plugins", page: plugins },
    Topic { name: "coordinator-config", page: super::fields::coordinator_config },
];

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
         list, ready, query, search, claim-next, update, graph, events query, watch, sink add and export take --filter.\n",
    );
    text
}

fn environment() -> String {
    "  JIT_AGENT      who acts, as type:name (copilot:worker-1)\n  \
       JIT_CLAIM      the token of the claim under which this process works\n  \
       JIT_DATA_DIR   where the mirror is kept instead of .jit/\n  \
       JIT_REMOTE     the remote to use when a command names none\n  \
       JIT_REF        the ref that holds the tracker, instead of refs/jit (or the setting jit.ref)\n  \
       JIT_PAGER      what shows long results on a terminal, instead of git's pager; cat for nothing\n  \
       JIT_CLOCK      a fixed RFC 3339 time instead of the clock, for tests and replays; or offset:FILE, the\n  \
                      clock moved by the milliseconds in FILE\n  \
       NO_COLOR       set to anything: no colours\n\n\
     A worktree that jit worktree add made says by itself who acts in it; JIT_AGENT goes before that.\n\
     An agent of the coordinator finds JIT_ISSUE, JIT_AGENT, JIT_CLAIM and JIT_REPO set.\n\
     A gate's command is told what it judges: see jit help gates.\n\
     The variables of git (GIT_DIR, GIT_WORK_TREE, GIT_AUTHOR_NAME, …) are honoured.\n"
        .to_owned()
}

fn settings() -> String {
    let mut text = String::from("Shared settings, for everybody who has the tracker: jit config set KEY VALUE\n\n");
    for known in KNOWN {
        text.push_str(&setting(known.key, known.default, known.about));
    }
    text.push_str("\nLocal settings, of this repository: jit config set --local KEY VALUE, or git config\n\n");
    for local in LOCAL {
        text.push_str(&setting(local.key, local.default, local.about));
    }
    text
}

fn setting(key: &str, default: &str, about: &str) -> String {
    let default = if default.is_empty() { String::new() } else { format!(" (default: {default})") };
    format!("  {key}{default}\n      {about}\n")
}

fn times() -> String {
    "Where a moment is asked for (--at, --since, --until):\n\n  \
       2h, 7d, 1h30m          a span back from now\n  \
       2026-01-31             a day: its first moment in UTC\n  \
       2026-01-31T09:30:00Z   an RFC 3339 time\n\n\
     --at takes a commit of the tracker as well (refs/jit~3, an id of jit log); what reads as a time is one. A time\n\
     stands for the newest commit that is not younger: the messages of those since are read. It\n\
     goes with every command that reads: list, show, status, ready, query, search, graph, gate, config, events,\n\
     export, log, blame, metrics, conflicts. Spans of time elsewhere (--ttl, --timeout, --wait): 90s, 10m, 1h 30m.\n"
        .to_owned()
}

fn plans() -> String {
    "A plan is a JSON or YAML document that jit apply makes issues of, in one commit:\n\n  \
       name: auth\n  \
       issues:\n    \
         - key: epic\n      \
           title: User authentication\n    \
         - key: model\n      \
           title: Create user model\n      \
           parent: epic              # the epic waits for it\n      \
           depends_on: []            # keys of the plan, or ids\n      \
           ready: true\n      \
           gates: [unit-tests]\n      \
           labels: [area/db]\n\n\
     Besides: description, priority, assignee, context. Applied again, what was edited in the plan is changed and\n\
     everything else stays. --dry-run draws the tree; jit apply --schema prints the form.\n"
        .to_owned()
}

fn event_names() -> String {
    let mut text = String::from(
        "The names of events, for --type of events query, watch and sink add; `claim.*` for all that begin so:\n\n",
    );
    for names in Body::NAMES.chunks(4) {
        let columns: Vec<String> = names.iter().map(|name| format!("{name:<22}")).collect();
        text.push_str(&format!("  {}\n", columns.concat().trim_end()));
    }
    text
}

fn cursors() -> String {
    "A cursor is the id of a commit of the tracker, and stands for everything in its history.\n\n  \
       jit events query --since-cursor C --json   what came since, each event once\n  \
       jit watch --since-cursor C --json          that, and what comes\n\n\
     Each line has a `cursor`: keep it once the line is dealt with. It is null within a commit, and while two\n\
     histories that were joined are told one after the other. The `commit` of any document is one too.\n"
        .to_owned()
}

fn output() -> String {
    "stdout carries the result and nothing else; progress, hints and confirmations go to stderr.\n\n  \
       --json        one document, the same shape every time; errors too. events, watch, export and -f give\n                \
                     one document per line. jit --schema prints every shape\n  \
       -q            no confirmations and hints\n  \
       --color WHEN  auto (on a terminal, as git's color.ui says), always, never; NO_COLOR is honoured\n  \
       --no-pager    long results as they are. On a terminal they go through the pager that git would use,\n                \
                     or JIT_PAGER\n  \
       --op-id KEY   a change is made once, however often it is asked for with the same key\n"
        .to_owned()
}

fn plugins() -> String {
    "A program on PATH that is called jit-NAME runs as jit NAME. It gets the rest of the command line, and\n\n  \
       JIT_REPO      the top of the work tree, or the git folder of a bare repository\n  \
       JIT_ACTOR     who acts; JIT_AGENT is set too when that was said by name\n  \
       JIT_JSON      1 when --json stands before the name; JIT_QUIET likewise\n  \
       JIT_PROGRAM   this program\n\n\
     jit-gate-TYPE judges the gates that jit gate define KEY --type TYPE --arg X makes: it is run as a gate's\n\
     command (jit help gates). jit --help lists both; folders of PATH that are not absolute are passed over.\n"
        .to_owned()
}
