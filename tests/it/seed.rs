//! The founding workflows, line by line as they were written down.

use crate::support::{Output, Repo};

fn bash(repo: &Repo, script: &str) -> Output {
    let mut shell = repo.command("bash");
    shell.args(["-e", "-u", "-o", "pipefail", "-c", script]);
    Output::new(script.to_owned(), shell.output().expect("bash can be started"))
}

#[test]
fn the_quick_start_runs_verbatim() {
    let repo = Repo::git_only();
    let script = r#"
jit init
jit issue create --title "Implement login feature" --priority high
"#;
    bash(&repo, script).ok();
    assert!(repo.path().join(".jit").is_dir());
}

#[test]
fn how_it_works_runs_verbatim() {
    let repo = Repo::git_only();
    let script = r#"
jit init
EPIC=$(jit issue create --title "User authentication" --priority high)
TASK1=$(jit issue create --title "Create user model" --priority high)
TASK2=$(jit issue create --title "Implement login endpoint" --priority high)
jit dep add $EPIC $TASK1
jit dep add $EPIC $TASK2
jit issue claim $TASK1 copilot:worker-1
jit issue claim $TASK2 copilot:worker-2
jit gate pass $TASK1 unit-tests
jit issue update $TASK1 --state done
NEW=$(jit issue create --title "Add rate limiting" --priority critical)
jit dep add $EPIC $NEW  # Epic now waits for this too
jit status                  # Overview of work state
jit events tail             # Full audit trail
jit graph show $EPIC        # Visualize dependencies
"#;
    let output = bash(&repo, script).ok();
    assert!(output.stdout.contains("Open: 2  Ready: 0  In Progress: 1  Blocked: 1  Done: 1"), "{output:#?}");
    repo.assert_healthy();
}

/// The configuration as it was written down.
const POOL: &str = r#"{
  "agent_pool": [
    {
      "id": "copilot-lead",
      "agent_type": "copilot",
      "command": "copilot-agent-lead",
      "max_concurrent": 1
    },
    {
      "id": "copilot-worker-1",
      "agent_type": "copilot",
      "command": "copilot-agent-worker",
      "max_concurrent": 2
    },
    {
      "id": "copilot-worker-2",
      "agent_type": "copilot",
      "command": "copilot-agent-worker",
      "max_concurrent": 2
    }
  ],
  "dispatch_rules": {
    "priority_order": ["critical", "high", "normal", "low"],
    "stall_timeout_minutes": 30
  },
  "poll_interval_secs": 5
}"#;

/// An agent that finishes its issue once it may, unless somebody else has.
const WORKER: &str = r#"#!/bin/sh
while [ ! -e "$JIT_REPO/../go" ]; do
  case $(jit issue show "$1" --field state) in done) exit 0 ;; esac
  echo "waiting"; sleep 0.05
done
for gate in unit-tests security-scan review; do
  case $(jit issue show "$1" --field gates) in *"$gate"*) jit gate pass "$1" "$gate" --by "$JIT_AGENT" ;; esac
done
jit issue update "$1" --state done
"#;

#[test]
fn the_complete_example_runs_verbatim_with_its_coordinator() {
    let repo = Repo::git_only();
    let bin = repo.outside().join("bin");
    std::fs::create_dir_all(&bin).expect("a folder can be made");
    for name in ["copilot-agent-lead", "copilot-agent-worker"] {
        let file = bin.join(name);
        std::fs::write(&file, WORKER).expect("a script can be written");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    repo.write("pool.json", POOL);
    let script = r#"
export PATH="$PWD/../bin:$PATH"
jit init

# 1. Setup
jit coordinator init-config
cp pool.json .jit/coordinator.json

# 2. Break down
EPIC_ID=$(jit issue create --title "Implement user authentication" \
  --desc "Complete auth system with tests" \
  --priority high \
  --gate review --gate integration-tests)

TASK1=$(jit issue create --title "Create user model" \
  --desc "SQLAlchemy model with fields" \
  --priority high \
  --gate unit-tests --gate review)

TASK2=$(jit issue create --title "Implement login endpoint" \
  --desc "POST /api/login with JWT" \
  --priority high \
  --gate unit-tests --gate review)

TASK3=$(jit issue create --title "Add authentication middleware" \
  --desc "Verify JWT on protected routes" \
  --priority high \
  --gate unit-tests --gate review)

TASK4=$(jit issue create --title "Write integration tests" \
  --desc "E2E tests for auth flow" \
  --priority normal \
  --gate review)

jit dep add $EPIC_ID $TASK1
jit dep add $EPIC_ID $TASK2
jit dep add $EPIC_ID $TASK3
jit dep add $EPIC_ID $TASK4

jit dep add $TASK4 $TASK1
jit dep add $TASK4 $TASK2
jit dep add $TASK4 $TASK3

# 3. Execute
jit issue update $TASK1 --state ready
jit issue update $TASK2 --state ready
jit issue update $TASK3 --state ready

jit coordinator start

# 4. Work
jit gate pass $TASK1 unit-tests --by "copilot-worker-1"
jit gate pass $TASK1 review --by "human:tech-lead"
jit issue update $TASK1 --state done

jit gate pass $TASK2 unit-tests --by "copilot-worker-2"
jit gate pass $TASK2 review --by "human:tech-lead"
jit issue update $TASK2 --state done

TASK5=$(jit issue create --title "Add rate limiting to login" \
  --desc "Prevent brute force attacks" \
  --priority critical \
  --gate unit-tests --gate security-scan)

jit dep add $EPIC_ID $TASK5
jit issue update $TASK5 --state ready

# The coordinator will dispatch it.
for i in $(seq 200); do [ "$(jit issue show $TASK5 --field state)" != ready ] && break; sleep 0.05; done

# 6. Monitor
echo "--- status"
jit coordinator status
echo "--- agents"
jit coordinator agents
echo "--- rest"
jit graph show $EPIC_ID
jit status
jit events tail -n 20

# Everybody else finishes too, so that the epic is free.
touch ../go
jit issue update $TASK4 --state ready
for i in $(seq 400); do [ "$(jit issue show $TASK4 --field state)" = done ] && break; sleep 0.05; done

# 7. Completion
jit issue claim $EPIC_ID copilot:copilot-lead
jit gate pass $EPIC_ID integration-tests --by "ci:github-actions"
jit gate pass $EPIC_ID review --by "human:tech-lead"
jit issue update $EPIC_ID --state done
jit coordinator stop
jit status
"#;
    let output = bash(&repo, script);
    // Whatever came of it, nothing is left running.
    let _ = repo.jit(&["coordinator", "stop", "--kill-agents"]);
    let output = output.ok();
    let part = |from: &str, to: &str| {
        let rest = output.stdout.split_once(from).expect("it was printed").1;
        rest.split_once(to).expect("it was printed").0.trim().to_owned()
    };
    let status = part("--- status\n", "--- agents");
    let (first, rest) = status.split_once('\n').expect("several lines");
    assert!(first.starts_with("Status: Running (PID: ") && first.ends_with(')'), "{first}");
    assert_eq!(
        rest,
        "Agent pool: 3 agents\n  - copilot-lead (type: copilot, max_concurrent: 1)\n  - copilot-worker-1 (type: copilot, max_concurrent: 2)\n  - copilot-worker-2 (type: copilot, max_concurrent: 2)\n\nWork queue:\n  Ready: 0\n  In Progress: 2"
    );
    let agents = part("--- agents\n", "--- rest");
    assert!(agents.starts_with("Active agents:\n\ncopilot:copilot-"), "{agents}");
    assert!(agents.contains(" | Add authentication middleware (claimed "), "{agents}");
    assert!(agents.contains(" | Add rate limiting to login (claimed "), "{agents}");
    assert!(output.stdout.contains("Coordinator started (PID: "), "{output:#?}");
    let end = part("Coordinator stopped\n", "Recent completions:");
    assert_eq!(end, "Open: 0  Ready: 0  In Progress: 0  Blocked: 0  Done: 6");
    repo.assert_healthy();
}

#[test]
fn the_command_overview_runs() {
    let repo = Repo::new();
    let script = r#"
ID=$(jit issue create --title "..." --priority high)
jit issue list --state ready
jit issue claim $ID agent:worker-1
jit gate add $ID unit-tests
jit gate pass $ID unit-tests
jit issue update $ID --state done
jit graph show $ID
jit status
jit events tail -n 20
"#;
    bash(&repo, script).ok();
}
