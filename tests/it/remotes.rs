//! What is said about remotes: status, news, checks, and the tracker that goes along with a push.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::Fleet;

#[test]
fn status_says_how_far_the_tracker_and_its_remote_are_apart() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    a.jit_as("bot:a", &["issue", "claim", &id, "--local"]).ok();
    b.ready("y");
    b.jit(&["sync"]).ok();
    a.jit(&["fetch"]).ok();
    let shared = a.jit(&["status", "--json"]).ok().json()["remote"].clone();
    assert_eq!((&shared["remote"], &shared["ahead"], &shared["behind"]), (&"origin".into(), &2.into(), &1.into()));
    assert_eq!(shared["unpublished_claims"], serde_json::json!([id]));
    assert!(shared["fetched_at"].is_string());
    let human = a.out(&["status"]);
    assert!(human.contains("origin: 2 ahead, 1 behind, 1 claim not published (asked "), "{human}");
    a.jit(&["sync"]).ok();
    assert!(a.out(&["status"]).contains("origin: 0 ahead, 0 behind (asked "));
    let alone = crate::support::Repo::new();
    assert_eq!(alone.jit(&["status", "--json"]).ok().json()["remote"], serde_json::Value::Null);
}

#[test]
fn what_plain_git_fetched_is_told_once_or_joined_where_that_is_wanted() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let x = a.ready("x");
    a.jit(&["sync"]).ok();
    b.git(&["fetch", "--quiet"]).ok();
    assert!(b.jit(&["ready"]).ok().stderr.contains("origin has news: jit sync"));
    assert_eq!(b.jit(&["ready"]).ok().stderr, "");
    assert_eq!(b.jit(&["issue", "show", &x]).code, Some(3));
    b.jit(&["sync"]).ok();
    b.jit(&["config", "set", "sync.auto", "true"]).ok();
    fleet.settle();
    let y = a.ready("y");
    a.jit(&["sync"]).ok();
    b.ready("of b");
    b.git(&["fetch", "--quiet"]).ok();
    let shown = b.jit(&["issue", "show", &y]).ok();
    assert!(shown.stderr.contains("origin has news: 1 came"), "{shown:?}");
    b.assert_healthy();
}

#[test]
fn a_push_of_code_takes_the_tracker_along() {
    let fleet = Fleet::new(2);
    let a = &fleet.clones[0];
    a.jit(&["hooks", "install"]).ok();
    let push = |name: &str| {
        a.write(name, name);
        a.git(&["add", "."]).ok();
        a.git(&["commit", "--quiet", "-m", name]).ok();
        a.git(&["push", "--quiet", "origin", "main"])
    };
    a.ready("x");
    assert_ne!(fleet.held(), a.tip());
    push("one").ok();
    assert_eq!(fleet.held(), a.tip());
    a.jit(&["config", "set", "sync.on_push", "false"]).ok();
    push("two").ok();
    assert_ne!(fleet.held(), a.tip());
    a.jit(&["config", "set", "sync.on_push", "true"]).ok();
    // A remote that never had the tracker does not get it unasked.
    a.git(&["init", "--quiet", "--bare", "../other.git"]).ok();
    a.git(&["remote", "add", "other", "../other.git"]).ok();
    a.git(&["push", "--quiet", "other", "main"]).ok();
    assert_eq!(a.beside("other.git").git(&["rev-parse", "--verify", "--quiet", "refs/tracker/jit"]).code, Some(1));
    // What keeps the tracker does not keep the code.
    let hook = fleet.hub.path().join("hooks/update");
    fs::write(&hook, "#!/bin/sh\ncase $1 in refs/tracker/*) echo nothing of that here >&2; exit 1;; esac\n")
        .expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it can be made to run");
    let pushed = push("three").ok();
    assert!(pushed.stderr.contains("the tracker did not go along"), "{pushed:?}");
    assert_eq!(fleet.hub.git(&["rev-parse", "main"]).ok().text(), a.git(&["rev-parse", "main"]).ok().text());
}

#[test]
fn a_remote_is_checked_by_asking_it() {
    let fleet = Fleet::new(1);
    let a = &fleet.clones[0];
    let checked = a.jit(&["remote", "check", "--json"]).ok().json();
    assert_eq!((&checked["ok"], &checked["remote"]), (&true.into(), &"origin".into()));
    let names: Vec<&str> = checked["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| check["check"].as_str().expect("text"))
        .collect();
    assert_eq!(names, ["reachable", "tracker", "refs", "atomic"]);
    let left = fleet.hub.git(&["for-each-ref", "refs/tracker/probe"]).ok().text();
    assert_eq!(left, "");
    a.git(&["config", "remote.origin.mirror", "true"]).ok();
    a.git(&["config", "--add", "remote.origin.fetch", "+refs/*:refs/*"]).ok();
    let bad = a.jit(&["remote", "check", "--json"]).code(10).json();
    let not_ok = bad["checks"].as_array().expect("a list").iter().filter(|check| check["ok"] == false);
    let not_ok: Vec<&str> = not_ok.map(|check| check["check"].as_str().expect("text")).collect();
    assert_eq!(not_ok, ["mirror", "refspec"]);
    a.git(&["config", "--unset", "remote.origin.mirror"]).ok();
    a.git(&["config", "--unset-all", "remote.origin.fetch"]).ok();
    a.git(&["remote", "set-url", "origin", "../nowhere"]).ok();
    let human = a.jit(&["remote", "check"]).code(10);
    assert!(
        human.stdout.contains("bad  reachable") && human.stderr.contains("hint: git ls-remote origin"),
        "{human:?}"
    );
}

#[test]
fn a_host_that_takes_only_branches_is_recognised_and_named() {
    let fleet = Fleet::without_tracker(1);
    let a = &fleet.clones[0];
    let hook = fleet.hub.path().join("hooks/update");
    fs::write(&hook, "#!/bin/sh\ncase $1 in refs/heads/*) ;; *) echo only branches >&2; exit 1;; esac\n")
        .expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it can be made to run");
    a.jit(&["init"]).ok();
    let tip = a.tip();
    let refused = a.jit(&["sync", "--json"]).code(10);
    assert_eq!(refused.error_code(), "remote_refused");
    let message = refused.json()["error"]["message"].as_str().expect("text").to_owned();
    assert!(message.contains("hook declined") && message.contains("only branches"), "{message}");
    assert_eq!(a.tip(), tip);
    let checked = a.jit(&["remote", "check"]).code(10);
    assert!(checked.stderr.contains("git config jit.remoteRef refs/heads/jit"), "{checked:?}");
    a.git(&["config", "jit.remoteRef", "refs/heads/jit"]).ok();
    a.jit(&["sync"]).ok();
    a.jit(&["remote", "check"]).ok();
    assert_eq!(fleet.hub.git(&["rev-parse", "refs/heads/jit"]).ok().text(), a.tip());
}

#[test]
fn a_ref_that_the_remote_hides_is_told_from_one_that_is_not_there() {
    let fleet = Fleet::new(2);
    let a = &fleet.clones[0];
    fleet.hub.git(&["config", "uploadpack.hideRefs", "refs/tracker"]).ok();
    a.ready("x");
    // What the hub holds builds on nothing that this clone lacks: the push goes through.
    a.jit(&["sync"]).ok();
    assert_eq!(fleet.held(), a.tip());
    let b = &fleet.clones[1];
    b.ready("y");
    assert_eq!(b.jit(&["sync", "--json"]).code(10).error_code(), "remote_hides_tracker");
    fleet.hub.git(&["config", "--replace-all", "uploadpack.hideRefs", "!refs/tracker"]).ok();
    fleet.hub.git(&["config", "transfer.hideRefs", "refs/tracker"]).ok();
    let refused = b.jit(&["sync", "--json"]).code(10);
    assert!(["remote_refused", "remote_hides_tracker"].contains(&refused.error_code().as_str()), "{refused:?}");
}
