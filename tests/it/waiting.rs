//! Waiting and following: woken by the ref, exact by cursors.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Fleet, Repo};

const LONG: Duration = Duration::from_secs(20);

/// A command whose lines are read as they come.
struct Following {
    child: Child,
    lines: Receiver<Value>,
}

impl Following {
    /// From the present tip on, however long it takes to start.
    fn new(repo: &Repo, args: &[&str]) -> Self {
        let tip = repo.tip();
        Self::start(repo, &[args, &["--since-cursor", &tip]].concat())
    }

    fn start(repo: &Repo, args: &[&str]) -> Self {
        let mut child = repo.run(&[args, &["--json"]].concat()).spawn();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = serde_json::from_str(&line.unwrap()).expect("a line is JSON");
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(LONG).expect("a line")
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn wait_ends_when_all_issues_or_any_have_come_to_the_state() {
    let repo = Repo::new();
    let (a, b) = (repo.ready("a"), repo.ready("b"));
    let all = repo.run(&["wait", &a, &b, "--json"]).spawn();
    let any = repo.run(&["wait", &a, &b, "--any"]).spawn();
    repo.jit(&["issue", "update", &a, "--state", "done"]).ok();
    let any = any.wait_with_output().unwrap();
    assert!(any.status.success());
    assert_eq!(String::from_utf8(any.stdout).unwrap().trim(), a);
    repo.jit(&["issue", "update", &b, "--state", "done"]).ok();
    let all = all.wait_with_output().unwrap();
    assert!(all.status.success());
    let waited: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!((&waited["count"], &waited["issues"][1]["reached"]), (&json!(2), &json!(true)));
    // What is so already is not waited for.
    repo.jit(&["wait", &a, "--timeout", "0s"]).ok();
    assert_eq!(repo.out(&["wait", &a, "--state", "ready,done"]), a);
}

#[test]
fn wait_has_a_limit_and_gives_up_what_cannot_come() {
    let repo = Repo::new();
    let (a, b) = (repo.ready("a"), repo.ready("b"));
    let late = repo.jit(&["wait", &a, "--timeout", "50ms", "--json"]).code(7);
    assert_eq!((late.error_code().as_str(), &late.json()["error"]["retryable"]), ("wait_timed_out", &json!(true)));
    assert_eq!(late.json()["error"]["details"]["issues"][0]["state"], "ready");
    let waiting = repo.run(&["wait", &a, "--json"]).spawn();
    repo.jit(&["issue", "reject", &a, "--reason", "no"]).ok();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "wait_in_vain");
    repo.jit(&["wait", &a, "--state", "rejected"]).ok();
    // With --any one of them is enough to go on waiting.
    assert_eq!(
        repo.jit(&["wait", &a, &b, "--any", "--timeout", "50ms", "--json"]).code(7).error_code(),
        "wait_timed_out"
    );
    let waiting = repo.run(&["wait", &b]).spawn();
    repo.jit(&["issue", "delete", &b]).ok();
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(4));
    // The same when it was gone before the first look, and another will do.
    let gone = repo.jit(&["wait", &b, "--json"]).code(4);
    assert_eq!(gone.error_code(), "wait_in_vain");
    assert!(gone.stderr.contains(&format!("jit issue log {}", &b[..8])), "{}", gone.stderr);
    let c = repo.ready("c");
    repo.jit(&["wait", &b, &c, "--any", "--timeout", "50ms"]).code(7);
    assert_eq!(repo.out(&["wait", &b, &c, "--any", "--state", "ready"]), c);
    let any = repo.jit(&["wait", &b, &c, "--any", "--state", "ready", "--json"]).ok().json();
    assert_eq!((any["issues"].as_array().unwrap().len(), &any["count"]), (2, &json!(2)));
    repo.jit(&["wait", "ffff"]).code(3);
    repo.jit(&["wait", &a, "--state", "finished"]).code(2);
    repo.jit(&["wait"]).code(2);
}

#[test]
fn watch_tells_of_each_event_as_it_comes_and_soon() {
    let repo = Repo::new();
    let watch = Following::new(&repo, &["watch"]);
    for n in 0..5 {
        let id = repo.create(&format!("issue {n}"));
        let line = watch.next();
        assert_eq!((&line["event"], &line["issue"]), (&json!("issue.created"), &json!(id)));
        assert_eq!((&line["cursor"], &line["commit"]), (&json!(repo.tip()), &json!(repo.tip())));
    }
}

#[test]
fn watch_by_itself_begins_with_what_happens_next() {
    let repo = Repo::new();
    let before = repo.create("before");
    let watch = Following::start(&repo, &["watch"]);
    let mut made = Vec::new();
    let told = loop {
        made.push(repo.create("after"));
        if let Ok(line) = watch.lines.recv_timeout(Duration::from_millis(200)) {
            break line["issue"].as_str().unwrap().to_owned();
        }
    };
    assert!(told != before && made.contains(&told));
}

#[test]
fn watch_keeps_to_what_is_asked_for() {
    let repo = Repo::new();
    let a = repo.create("a");
    let by_type = Following::new(&repo, &["watch", "--type", "gate.*"]);
    let by_issue = Following::new(&repo, &["watch", "--issue", &a]);
    let by_filter = Following::new(&repo, &["watch", "--filter", "label:x"]);
    let by_actor = Following::new(&repo, &["watch", "--actor", "x:1"]);
    repo.create("other");
    repo.out(&["issue", "create", "labelled", "-l", "x"]);
    repo.jit(&["gate", "add", &a, "review"]).ok();
    repo.jit_as("x:1", &["issue", "comment", &a, "hello"]).ok();
    assert_eq!(by_type.next()["event"], "gate.added");
    assert_eq!(by_issue.next()["event"], "gate.added");
    assert_eq!(by_issue.next()["event"], "issue.commented");
    assert_eq!(by_filter.next()["event"], "issue.created");
    assert_eq!(by_actor.next()["event"], "issue.commented");
}

#[test]
fn a_reader_that_goes_away_ends_watch() {
    let repo = Repo::new();
    let script = "T=$(git rev-parse refs/jit); jit watch --since-cursor $T --json | head -n 1 & jit issue create a >/dev/null; wait";
    let out = repo.run_script(script);
    assert!(out.contains("issue.created"), "{out}");
}

/// Ids of the events after a cursor, and the last cursor that was given.
fn after(repo: &Repo, cursor: &str) -> (Vec<String>, String) {
    let lines = repo.jit(&["events", "query", "--since-cursor", cursor, "--json"]).ok().json_lines();
    let mut cursors = lines.iter().filter_map(|line| line["cursor"].as_str());
    let last = cursors.next_back().unwrap_or(cursor).to_owned();
    (lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect(), last)
}

#[test]
fn going_on_from_cursors_tells_each_event_once() {
    let repo = Repo::new();
    let start = repo.tip();
    let mut told = Vec::new();
    let mut cursor = start.clone();
    for n in 0..6 {
        let id = repo.create(&format!("{n}"));
        if n % 2 == 0 {
            repo.jit(&["issue", "update", &id, "--title", "x", "--state", "ready"]).ok();
        }
        if n == 3 {
            repo.git(&["gc", "-q"]).ok();
            repo.jit(&["gc"]).ok();
        }
        if n % 3 == 2 {
            let (events, next) = after(&repo, &cursor);
            told.extend(events);
            cursor = next;
            assert_eq!(cursor, repo.tip());
        }
    }
    assert_eq!(told, after(&repo, &start).0);
    assert_eq!(told.len(), 12);
    assert_eq!(after(&repo, &cursor).0, Vec::<String>::new());
    // A line in the midst of a commit is not a place to go on from.
    let lines = repo.jit(&["events", "query", "--since-cursor", &start, "--json"]).ok().json_lines();
    let pairs = lines.windows(2).filter(|pair| pair[0]["commit"] == pair[1]["commit"]);
    assert!(pairs.clone().count() == 3 && pairs.clone().all(|pair| pair[0]["cursor"].is_null()));
    assert_eq!(lines.last().unwrap()["cursor"], repo.tip());
}

#[test]
fn every_cursor_of_a_history_with_merges_goes_on_exactly() {
    let fleet = Fleet::new(2);
    let [one, two] = [&fleet.clones[0], &fleet.clones[1]];
    let start = one.tip();
    for round in 0..3 {
        for n in 0..2 {
            one.create(&format!("one {round} {n}"));
            two.create(&format!("two {round} {n}"));
        }
        one.jit(&["sync"]).ok();
        two.jit(&["sync"]).ok();
        one.jit(&["sync"]).ok();
    }
    let whole = one.jit(&["events", "query", "--since-cursor", &start, "--json"]).ok().json_lines();
    let ids: Vec<&str> = whole.iter().map(|line| line["id"].as_str().unwrap()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "no event twice");
    assert_eq!(whole.iter().filter(|line| line["event"] == "issue.created").count(), 12);
    let mut tried = 0;
    for (at, line) in whole.iter().enumerate() {
        let Some(cursor) = line["cursor"].as_str() else { continue };
        let (rest, _) = after(one, cursor);
        let (mut rest, mut expected) = (rest, ids[at + 1..].to_vec());
        rest.sort();
        expected.sort_unstable();
        assert_eq!(rest, expected, "from event {at}");
        tried += 1;
    }
    assert!(tried >= 6, "only {tried} cursors");
}

#[test]
fn a_watch_that_was_ended_goes_on_from_its_cursor() {
    let repo = Repo::new();
    let first = Following::new(&repo, &["watch"]);
    repo.create("a");
    let cursor = first.next()["cursor"].as_str().unwrap().to_owned();
    drop(first);
    let b = repo.create("b");
    let second = Following::start(&repo, &["watch", "--since-cursor", &cursor]);
    assert_eq!(second.next()["issue"], b);
    let c = repo.create("c");
    assert_eq!(second.next()["issue"], c);
}

#[test]
fn a_cursor_that_is_none_is_refused_exactly() {
    let repo = Repo::new();
    repo.create("a");
    let refused = |cursor: &str, words: &str| {
        for command in [["events", "query"].as_slice(), &["watch"]] {
            let output = repo.jit(&[command, &["--since-cursor", cursor, "--json"]].concat()).code(3);
            assert_eq!(output.error_code(), "unknown_cursor");
            assert!(output.stderr.contains(words), "{}", output.stderr);
        }
    };
    refused("0123456789012345678901234567890123456789", "names no commit here");
    refused("nonsense", "names no commit here");
    repo.git(&["commit", "--allow-empty", "-m", "code"]).ok();
    refused("HEAD", "is not in the history of the tracker");
    repo.jit(&["events", "query", "--since-cursor", "refs/jit", "--since", "1h"]).code(2);
}

#[test]
fn a_search_that_stops_early_gives_no_cursor_and_names_that_are_none_are_refused() {
    let repo = Repo::new();
    repo.create("a");
    let now = repo.jit(&["log", "-n", "1", "--json"]).ok().json()["commits"][0]["time"].as_str().unwrap().to_owned();
    std::thread::sleep(Duration::from_millis(5));
    repo.create("b");
    let lines = repo.jit(&["events", "query", "--until", &now, "--json"]).ok().json_lines();
    assert!(!lines.is_empty() && lines.iter().all(|line| line["cursor"].is_null()));
    let wrong = repo.jit(&["events", "query", "--type", "issue.complete"]).code(2).stderr;
    assert!(wrong.contains("no event is called `issue.complete`; did you mean `issue.completed`?"), "{wrong}");
    repo.jit(&["watch", "--type", "nothing.*"]).code(2);
    assert!(repo.out(&["help", "event-names"]).contains("issue.completed"));
}

#[test]
fn a_tracker_that_is_moved_back_fulfils_no_wait() {
    let repo = Repo::new();
    let root = repo.tip();
    let a = repo.ready("a");
    let waiting = repo.run(&["wait", &a]).spawn();
    std::thread::sleep(Duration::from_millis(300));
    repo.git(&["update-ref", "refs/jit", &root]).ok();
    assert!(matches!(waiting.wait_with_output().unwrap().status.code(), Some(3 | 4)));
}

#[test]
fn the_deletion_of_a_chosen_issue_is_told() {
    let repo = Repo::new();
    let a = repo.out(&["issue", "create", "a", "-l", "x"]);
    let watch = Following::new(&repo, &["watch", "--filter", "label:x"]);
    repo.jit(&["issue", "delete", &a]).ok();
    assert_eq!(watch.next()["event"], "issue.deleted");
}
