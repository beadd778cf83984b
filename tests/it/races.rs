//! Many processes at once: nothing is won twice, nothing is lost, nobody is lied to.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Output, Repo};

/// Rounds of each race. The figure of the promise is 50; a short run says so with `JIT_RACE_ROUNDS`.
fn rounds() -> usize {
    std::env::var("JIT_RACE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

fn wait_all(children: Vec<Child>) -> Vec<Output> {
    children
        .into_iter()
        .map(|child| Output::new("jit".to_owned(), child.wait_with_output().expect("jit ends")))
        .collect()
}

/// Starts `count` processes spread over the folders, at once, and waits for all.
fn at_once(repo: &Repo, folders: &[PathBuf], count: usize, args: impl Fn(usize) -> Vec<String>) -> Vec<Output> {
    let children = (0..count).map(|n| repo.run_in(&folders[n % folders.len()], &args(n)).spawn()).collect();
    wait_all(children)
}

fn four_worktrees(repo: &Repo) -> Vec<PathBuf> {
    let mut folders = vec![repo.path().to_owned()];
    folders.extend((1..4).map(|n| repo.worktree(&format!("tree-{n}"))));
    folders
}

fn strings(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn one_claim_wins(processes: usize, actor: impl Fn(usize) -> String) {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    for round in 0..rounds() {
        let id = repo.ready(&format!("round {round}"));
        let outputs = at_once(&repo, &folders, processes, |n| strings(&["issue", "claim", &id, &actor(n)]));
        let winners: Vec<&Output> = outputs.iter().filter(|output| output.code == Some(0)).collect();
        assert_eq!(winners.len(), 1, "round {round}: {outputs:#?}");
        assert_eq!(winners[0].text(), id);
        let losers = outputs.iter().filter(|output| output.code == Some(5)).count();
        assert_eq!(losers, processes - 1, "round {round}: {outputs:#?}");
    }
    repo.assert_healthy();
}

#[test]
fn of_8_agents_exactly_one_claims_an_issue() {
    one_claim_wins(8, |n| format!("copilot:worker-{n}"));
}

#[test]
fn of_8_agents_of_one_name_exactly_one_claims_an_issue() {
    one_claim_wins(8, |_| "copilot:worker".to_owned());
}

#[test]
fn of_32_agents_exactly_one_claims_an_issue() {
    one_claim_wins(32, |n| format!("copilot:worker-{n}"));
}

#[test]
fn of_32_agents_of_one_name_exactly_one_claims_an_issue() {
    one_claim_wins(32, |_| "copilot:worker".to_owned());
}

#[test]
fn sixteen_claim_next_over_ten_issues_give_ten_winners_and_six_that_find_nothing() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let ids: BTreeSet<String> = (0..10).map(|n| repo.ready(&format!("issue {n}"))).collect();
    let outputs = at_once(&repo, &folders, 16, |n| strings(&["issue", "claim-next", &format!("bot:{n}")]));
    let won: Vec<String> = outputs.iter().filter(|output| output.code == Some(0)).map(Output::text).collect();
    assert_eq!(won.iter().cloned().collect::<BTreeSet<_>>(), ids, "{outputs:#?}");
    assert_eq!(won.len(), 10);
    assert_eq!(outputs.iter().filter(|output| output.code == Some(7)).count(), 6, "{outputs:#?}");
}

#[test]
fn fifty_parallel_creates_all_arrive() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let outputs = at_once(&repo, &folders, 50, |n| strings(&["issue", "create", "--title", &format!("number {n}")]));
    let ids: BTreeSet<String> = outputs.into_iter().map(|output| output.ok().text()).collect();
    assert_eq!(ids.len(), 50);
    let listed = repo.jit(&["list", "--json"]).ok().json();
    assert_eq!(listed["count"], 50);
    assert_eq!(repo.jit(&["events", "query", "--type", "issue.created", "--json"]).json_lines().len(), 50);
    repo.assert_healthy();
}

#[test]
fn twenty_parallel_labels_on_one_issue_all_stay() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let id = repo.create("labelled");
    for output in at_once(&repo, &folders, 20, |n| strings(&["issue", "update", &id, "--label", &format!("+l{n}")])) {
        output.ok();
    }
    assert_eq!(repo.issue(&id)["labels"].as_array().map(Vec::len), Some(20));
    repo.assert_healthy();
}

#[test]
fn twenty_parallel_dependencies_of_one_issue_all_stay() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let id = repo.create("waits for all");
    let others: Vec<String> = (0..20).map(|n| repo.create(&format!("other {n}"))).collect();
    for output in at_once(&repo, &folders, 20, |n| strings(&["dep", "add", &id, &others[n]])) {
        output.ok();
    }
    assert_eq!(repo.issue(&id)["dependencies"].as_array().map(Vec::len), Some(20));
    repo.assert_healthy();
}

#[test]
fn opposite_dependencies_added_at_once_never_make_a_cycle() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    for round in 0..10 {
        let (a, b) = (repo.create(&format!("a{round}")), repo.create(&format!("b{round}")));
        let pairs = [(&a, &b), (&b, &a)];
        let outputs = at_once(&repo, &folders, 2, |n| strings(&["dep", "add", pairs[n].0, pairs[n].1]));
        let mut codes: Vec<Option<i32>> = outputs.iter().map(|output| output.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(4)], "{outputs:#?}");
    }
    repo.assert_healthy();
}

#[test]
fn eight_writers_beside_pack_refs_and_gc_lose_nothing() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let ids: Vec<String> = (0..8).map(|n| repo.create(&format!("target {n}"))).collect();
    let before = repo.jit(&["events", "query", "--json"]).json_lines().len();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                repo.git(&["pack-refs", "--all"]);
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                repo.git(&["gc", "--quiet"]);
            }
        });
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let (repo, folders, ids) = (&repo, &folders, &ids);
                scope.spawn(move || {
                    for change in 0..50 {
                        let context = format!("k{change}=v");
                        let args = ["issue", "update", &ids[n], "--context", &context];
                        repo.run_in(&folders[n % 4], &args).output().ok();
                    }
                })
            })
            .collect();
        let ended: Vec<bool> = writers.into_iter().map(|writer| writer.join().is_ok()).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(|ok| *ok), "a change failed");
    });
    for id in &ids {
        assert_eq!(repo.issue(id)["context"].as_object().map(serde_json::Map::len), Some(50), "{id}");
    }
    assert_eq!(repo.jit(&["events", "query", "--json"]).json_lines().len(), before + 8 * 50);
    repo.assert_healthy();
}

#[test]
fn writers_beside_plain_git_update_ref_decide_again() {
    let repo = Repo::new();
    let id = repo.create("target");
    let (stop, moved) = (AtomicBool::new(false), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Somebody outside the queue who moves the ref to another commit of the same state.
            while !stop.load(Ordering::Relaxed) {
                let tip = repo.tip();
                let commit = repo.git(&["commit-tree", &format!("{tip}^{{tree}}"), "-p", &tip, "-m", "outside"]).text();
                if repo.git(&["update-ref", "refs/jit", &commit, &tip]).code == Some(0) {
                    moved.lock().expect("nobody panics").push(commit);
                }
            }
        });
        for change in 0..60 {
            repo.jit(&["issue", "update", &id, "--context", &format!("k{change}=v")]).ok();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let moved = moved.into_inner().expect("nobody panics");
    assert!(!moved.is_empty(), "the other writer never came through");
    let history = repo.git(&["rev-list", "refs/jit"]).ok().text();
    assert!(moved.iter().all(|commit| history.contains(commit.as_str())), "a commit of the other writer was lost");
    assert_eq!(repo.issue(&id)["context"].as_object().map(serde_json::Map::len), Some(60));
}

#[test]
fn an_answer_is_true_under_load() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let id = repo.ready("contended");
    // Sixteen agents take one issue and give it back, again and again: most attempts are refused.
    let answers = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for n in 0..16_usize {
            let (repo, folders, id, answers) = (&repo, &folders, &id, &answers);
            scope.spawn(move || {
                for turn in 0..12 {
                    let verb = if turn % 2 == 0 { "claim" } else { "release" };
                    let run = repo.run_in(&folders[n % 4], &["issue", verb, id, "--json"]);
                    let output = run.env("JIT_AGENT", format!("bot:{n}")).output();
                    answers.lock().expect("no agent panics").push((verb, output));
                }
            });
        }
    });
    let answers = answers.into_inner().expect("no agent panics");
    let events = repo.jit(&["events", "query", "--issue", &id, "--json"]).json_lines();
    for (verb, name) in [("claim", "issue.claimed"), ("release", "issue.released")] {
        let done = answers.iter().filter(|(told, output)| *told == verb && output.code == Some(0));
        let told: Vec<String> =
            done.map(|(_, output)| output.json()["commit"].as_str().expect("a commit").to_owned()).collect();
        let happened: BTreeSet<&str> =
            events.iter().filter(|event| event["event"] == name).filter_map(|event| event["commit"].as_str()).collect();
        // A release of what one does not hold any more may find it given back already, and says so quietly.
        let told: BTreeSet<&str> =
            told.iter().map(String::as_str).filter(|c| verb == "claim" || happened.contains(c)).collect();
        assert_eq!(told, happened, "{verb}: what was answered with 0 is what happened");
    }
    let refused = answers.iter().filter(|(_, output)| output.code == Some(5)).count();
    assert!(refused > 0, "nobody was in anybody's way");
    assert!(answers.iter().all(|(_, output)| matches!(output.code, Some(0 | 5))), "{answers:#?}");
    repo.assert_healthy();
}

#[test]
fn without_the_queue_the_swap_alone_keeps_every_change() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let ids: Vec<String> = (0..6).map(|n| repo.create(&format!("target {n}"))).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Whoever opens the file next stands in a queue of its own.
            while !stop.load(Ordering::Relaxed) {
                let _ = std::fs::remove_file(repo.path().join(".git/jit/queue"));
            }
        });
        let writers: Vec<_> = (0..6)
            .map(|n| {
                let (repo, folders, ids) = (&repo, &folders, &ids);
                scope.spawn(move || {
                    for change in 0..25 {
                        let context = format!("k{change}=v");
                        repo.run_in(&folders[n % 4], &["issue", "update", &ids[n], "--context", &context])
                            .output()
                            .ok();
                    }
                })
            })
            .collect();
        let ended: Vec<bool> = writers.into_iter().map(|writer| writer.join().is_ok()).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(|ok| *ok), "a change failed");
    });
    for id in &ids {
        assert_eq!(repo.issue(id)["context"].as_object().map(serde_json::Map::len), Some(25), "{id}");
    }
    repo.assert_healthy();
}

#[test]
fn two_inits_at_once_make_one_tracker() {
    for _ in 0..10 {
        let repo = Repo::git_only();
        let folders = [repo.path().to_owned()];
        let outputs = at_once(&repo, &folders, 4, |_| strings(&["init", "--json"]));
        let made = outputs.into_iter().map(|output| output.ok().json()["created"] == true).filter(|made| *made).count();
        assert_eq!(made, 1);
        repo.assert_healthy();
    }
}

#[test]
fn an_operation_id_makes_racing_repeats_one_change() {
    let repo = Repo::new();
    let folders = four_worktrees(&repo);
    let outputs =
        at_once(&repo, &folders, 12, |_| strings(&["issue", "create", "--title", "once", "--op-id", "the-key"]));
    let ids: BTreeSet<String> = outputs.into_iter().map(|output| output.ok().text()).collect();
    assert_eq!(ids.len(), 1, "every repeat gives the first result");
    assert_eq!(repo.jit(&["list", "--json"]).json()["count"], 1);
}
