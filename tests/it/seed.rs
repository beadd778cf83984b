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

#[test]
fn the_complete_example_runs_verbatim_without_its_coordinator() {
    let repo = Repo::git_only();
    let script = r#"
jit init
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

jit issue update $TASK1 --state ready
jit issue update $TASK2 --state ready
jit issue update $TASK3 --state ready

# The coordinator would claim these.
for TASK in $TASK1 $TASK2 $TASK3; do jit issue claim $TASK copilot:copilot-worker-1; done

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

jit graph show $EPIC_ID
jit status
jit events tail -n 20

# The others finish too, so that the epic is free.
jit gate pass $TASK3 unit-tests; jit gate pass $TASK3 review; jit issue update $TASK3 --state done
jit issue claim $TASK5 copilot:copilot-worker-2
jit gate pass $TASK5 unit-tests; jit gate pass $TASK5 security-scan; jit issue update $TASK5 --state done
jit issue claim $TASK4 copilot:copilot-worker-1
jit gate pass $TASK4 review; jit issue update $TASK4 --state done

jit issue claim $EPIC_ID copilot:copilot-lead

jit gate pass $EPIC_ID integration-tests --by "ci:github-actions"
jit gate pass $EPIC_ID review --by "human:tech-lead"

jit issue update $EPIC_ID --state done
jit status
"#;
    let output = bash(&repo, script).ok();
    assert!(
        output.stdout.contains("Open: 0  Ready: 0  In Progress: 0  Blocked: 0  Done: 6\n\nRecent completions:\n  - ")
    );
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
