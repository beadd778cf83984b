//! Processes that end without warning: the old state or the new one, and nothing in the way of the next.

use std::time::{Duration, Instant};

use crate::support::{Output, Repo};

/// Less than anything waits for a lock that somebody holds, and more than a command takes on a busy machine.
const WAITS_FOR_A_LOCK: Duration = Duration::from_secs(8);

#[test]
fn a_kill_at_each_step_leaves_the_old_state_or_the_new_one() {
    let repo = Repo::new();
    for step in jit::steps::ALL {
        let before = repo.jit(&["list", "--json"]).ok().json()["count"].as_u64().expect("a number");
        let title = format!("killed at {step}");
        let killed = repo.run(&["issue", "create", "--title", &title]).env("JIT_ABORT_AT", step).output();
        assert_eq!(killed.code, None, "{step} was not reached: {killed:#?}");

        let started = Instant::now();
        repo.jit(&["issue", "create", "--title", "the next"]).ok();
        assert!(started.elapsed() < WAITS_FOR_A_LOCK, "{step}: the next writer waited");
        let git = repo.git(&["update-ref", "refs/jit", &repo.tip()]);
        assert_eq!(git.code, Some(0), "{step}: git is kept out: {git:#?}");

        let listed = repo.jit(&["list", "--json"]).ok().json();
        let titles: Vec<&str> =
            listed["issues"].as_array().expect("a list").iter().filter_map(|issue| issue["title"].as_str()).collect();
        let arrived = titles.contains(&title.as_str());
        assert_eq!(titles.len() as u64, before + 1 + u64::from(arrived), "{step}");
        let published = step_number(step) >= step_number("ref-moved");
        assert_eq!(arrived, published, "{step}: arrived exactly when the ref had moved");
        assert_mirror_agrees(&repo);
        repo.assert_healthy();
    }
    assert_eq!(std::fs::read_dir(repo.path().join(".git/jit/locks")).expect("markers were made").count(), 0);
}

fn step_number(step: &str) -> usize {
    jit::steps::ALL.iter().position(|known| *known == step).expect("a known step")
}

fn assert_mirror_agrees(repo: &Repo) {
    let status = repo.jit(&["mirror", "status", "--json"]).ok().json();
    assert_eq!(status["current"], true, "{status:#}");
    assert_eq!(status["edited"], serde_json::json!([]), "{status:#}");
    let events = repo.jit(&["events", "query", "--json"]).ok().json_lines();
    let log = repo.read(".jit/events.jsonl");
    let logged: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is an event")).collect();
    let ids = |events: &[serde_json::Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&events), ids(&logged), "the event log has each event once, in order");
}

#[test]
fn random_kills_during_300_writes_lose_no_id_that_was_printed() {
    let repo = Repo::new();
    let seed = std::env::var("JIT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64)
    });
    let mut random = seed;
    let mut printed = Vec::new();
    let mut killed = 0;
    let started = Instant::now();
    repo.create("how long it takes");
    // As long as one takes, and half of that again: most are hit on their way, some come to their end.
    let longest = u64::try_from(started.elapsed().as_micros()).expect("a short while") * 3 / 2;
    for n in 0..300 {
        // A linear congruential step (Knuth, MMIX) is random enough for delays.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = repo.run(&["issue", "create", "--title", &format!("write {n}")]).spawn();
        std::thread::sleep(Duration::from_micros((random >> 33) % longest));
        let _ = child.kill();
        let output = Output::new("jit issue create".to_owned(), child.wait_with_output().expect("jit ends"));
        killed += usize::from(output.code.is_none());
        if !output.text().is_empty() {
            printed.push(output.text());
        }
    }
    let started = Instant::now();
    repo.jit(&["issue", "create", "--title", "after all that"]).ok();
    assert!(started.elapsed() < WAITS_FOR_A_LOCK, "seed {seed}: a lock outlived its process");
    assert!(killed > 0 && !printed.is_empty(), "seed {seed}: {killed} killed, {} not", printed.len());
    for id in &printed {
        assert_eq!(repo.jit(&["issue", "show", id]).code, Some(0), "seed {seed}: {id} was printed and is gone");
    }
    assert_mirror_agrees(&repo);
    repo.assert_healthy();
    repo.git(&["fsck", "--connectivity-only"]).ok();
}

#[test]
fn a_lock_of_gits_own_is_respected_and_named() {
    let repo = Repo::new();
    let id = repo.create("target");
    repo.write(".git/refs/jit.lock", "");
    let before = repo.tip();
    let output = repo.jit(&["issue", "comment", &id, "hello", "--json"]).code(10);
    assert_eq!(output.error_code(), "busy");
    assert!(output.stderr.contains("jit.lock"), "{output:#?}");
    assert_eq!(output.json()["error"]["retryable"], true);
    assert_eq!(repo.tip(), before);
    assert!(repo.path().join(".git/refs/jit.lock").exists(), "a lock of somebody else's is left alone");
}

#[test]
fn leftovers_of_a_kill_are_cleared_by_git_gc() {
    let repo = Repo::new();
    let folder = repo.path().join(".git/objects/ab");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    std::fs::write(folder.join("tmp_obj_left"), "half").expect("a file can be written");
    repo.git(&["gc", "--quiet", "--prune=now"]).ok();
    assert!(!folder.join("tmp_obj_left").exists(), "the name is one that git clears away");
}

/// Takes the object that `name` names out of the repository.
fn lose(repo: &Repo, name: &str) {
    let id = repo.git(&["rev-parse", name]).ok().text();
    let path = repo.path().join(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
    std::fs::remove_file(path).expect("the object is loose");
}

#[test]
fn a_lost_document_comes_back_from_the_mirror() {
    let repo = Repo::new();
    let id = repo.create("precious");
    lose(&repo, &format!("refs/jit:issues/{}/{}/{id}.json", &id[..1], &id[1..2]));
    lose(&repo, "refs/jit:config.json");
    let found = repo.jit(&["fsck", "--json"]).code(1).json();
    assert!(found["problems"].as_array().expect("a list").len() >= 2, "{found:#}");
    assert_eq!(repo.jit(&["show", &id]).code, Some(1));
    let mended = repo.jit(&["fsck", "--repair", "--json"]).ok().json();
    assert_eq!(mended["repaired"].as_array().map(Vec::len), Some(2), "{mended:#}");
    assert_eq!(repo.issue(&id)["title"], "precious");
    repo.assert_healthy();
}

#[test]
fn a_lost_commit_is_gone_round_by_way_of_the_reflog() {
    let repo = Repo::new();
    let first = repo.create("first");
    let whole = repo.tip();
    repo.create("second");
    lose(&repo, "refs/jit");
    assert_eq!(repo.jit(&["list"]).code, Some(1));
    repo.jit(&["fsck"]).code(1);
    assert_ne!(repo.tip(), whole, "looking changes nothing");
    let mended = repo.jit(&["fsck", "--repair", "--json"]).ok().json();
    assert_eq!(mended["commit"], serde_json::json!(whole));
    assert_eq!(repo.issue(&first)["title"], "first");
    repo.create("third");
    repo.assert_healthy();
}

#[test]
fn lost_objects_come_back_from_a_remote() {
    let repo = Repo::new();
    let id = repo.create("shared");
    let hub = repo.hub();
    repo.git(&["remote", "add", "hub", &hub]).ok();
    lose(&repo, "refs/jit~1");
    lose(&repo, "refs/jit^{tree}");
    repo.jit(&["show", &id]).code(1);
    let mended = repo.jit(&["fsck", "--repair", "--json"]).ok().json();
    assert_eq!(mended["problems"], serde_json::json!([]), "{mended:#}");
    assert_eq!(repo.issue(&id)["title"], "shared");
}

#[test]
fn a_lost_ref_is_not_begun_anew_but_set_again() {
    let repo = Repo::new();
    let id = repo.create("precious");
    let tip = repo.tip();
    for lose in [&["update-ref", "-d", "refs/jit"][..], &["pack-refs", "--all"]] {
        repo.git(lose).ok();
        let _ = std::fs::remove_file(repo.path().join(".git/packed-refs"));
        for args in [&["status", "--json"][..], &["init", "--json"], &["issue", "create", "x", "--json"]] {
            let output = repo.jit(args).code(3);
            assert_eq!(output.error_code(), "tracker_lost", "{args:?}");
        }
        repo.jit(&["fsck", "--repair"]).ok();
        assert_eq!(repo.tip(), tip);
    }
    for rubbish in ["", "rubbish"] {
        repo.write(".git/refs/jit", rubbish);
        assert!(repo.jit(&["list"]).code(1).stderr.contains("jit fsck --repair"));
        repo.jit(&["fsck"]).code(1);
        repo.jit(&["fsck", "--repair"]).ok();
        assert_eq!(repo.tip(), tip);
    }
    assert_eq!(repo.issue(&id)["title"], "precious");
}

#[test]
fn a_dead_lock_is_cleared_by_reading_too() {
    let repo = Repo::new();
    let id = repo.create("one");
    let killed = repo.run(&["issue", "comment", &id, "x"]).env("JIT_ABORT_AT", "ref-locked").output();
    assert_eq!(killed.code, None);
    assert!(repo.path().join(".git/refs/jit.lock").exists());
    repo.jit(&["list"]).ok();
    assert!(!repo.path().join(".git/refs/jit.lock").exists());
    repo.git(&["update-ref", "refs/jit", &repo.tip()]).ok();
}
