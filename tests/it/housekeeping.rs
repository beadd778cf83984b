//! Tidying up: in the background, on demand, and folders that grow deeper.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::Repo;

/// Waits until `done`, at most half a minute.
fn wait_for(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_idle(repo: &Repo) -> bool {
    let lock = repo.path().join(".git/jit/tidying");
    fs::File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

#[test]
fn objects_that_cannot_be_packed_do_not_start_git_again_and_again() {
    let repo = Repo::new();
    // One folder of 256 is counted.
    let folder = repo.path().join(".git/objects/17");
    fs::create_dir_all(&folder).expect("a folder can be made");
    for n in 0..40 {
        fs::write(folder.join(format!("{n:038x}")), "no object").expect("a file can be written");
    }
    let tidied = repo.path().join(".git/jit/tidied");
    assert!(!tidied.exists());
    repo.create("one");
    wait_for("git was not asked", || tidied.exists() && is_idle(&repo));
    let asked = fs::metadata(&tidied).expect("it is there").modified().expect("it has a time");
    for n in 0..5 {
        repo.create(&format!("more {n}"));
    }
    wait_for("somebody is at it", || is_idle(&repo));
    assert_eq!(fs::metadata(&tidied).expect("it is there").modified().expect("it has a time"), asked);
    // Who has told git not to tidy up is not asked.
    fs::remove_file(&tidied).expect("it can go");
    repo.git(&["config", "gc.auto", "0"]).ok();
    repo.create("last");
    assert!(!tidied.exists() && is_idle(&repo));
}

fn loose(repo: &Repo) -> usize {
    let text = repo.git(&["count-objects"]).ok().text();
    text.split(' ').next().and_then(|count| count.parse().ok()).expect("a count")
}

#[test]
fn heavy_writing_leaves_few_loose_objects() {
    let repo = Repo::new();
    repo.git(&["config", "jit.fsync", "off"]).ok();
    let ids: Vec<String> = (0..4).map(|n| repo.create(&format!("own {n}"))).collect();
    let most = std::thread::scope(|scope| {
        let writers: Vec<_> = ids
            .iter()
            .map(|id| {
                let repo = &repo;
                scope.spawn(move || {
                    for n in 0..450 {
                        repo.jit(&["issue", "update", id, "--context", &format!("k={n}")]).ok();
                    }
                })
            })
            .collect();
        let mut most = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            most = most.max(loose(&repo));
            std::thread::sleep(Duration::from_millis(20));
        }
        most
    });
    // 1,800 changes make some 12,000 objects.
    assert!(most < 10_000, "{most} loose objects at once");
    wait_for("somebody is at it", || is_idle(&repo));
    repo.assert_healthy();
    repo.git(&["fsck", "--strict"]).ok();
}

#[test]
fn gc_packs_what_is_loose_and_sweeps_up() {
    let repo = Repo::new();
    for n in 0..20 {
        repo.create(&format!("issue {n}"));
    }
    let state = repo.path().join(".git/jit");
    let (old, young) = (state.join("tmp_index_old"), state.join("tmp_index_young"));
    fs::write(&old, "left by a kill").expect("a file can be written");
    fs::write(&young, "being written").expect("a file can be written");
    let hours_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::options()
        .write(true)
        .open(&old)
        .and_then(|file| file.set_modified(hours_ago))
        .expect("a time can be set");
    let result = repo.jit(&["gc", "--json"]).ok().json();
    assert!(result["loose_before"].as_u64() > Some(100) && result["loose_after"] == 0, "{result:#}");
    assert_eq!((&result["packs_after"], &result["fanout"]), (&1.into(), &serde_json::Value::Null));
    assert!(!old.exists() && young.exists());
    assert!(state.join("index-1").exists(), "the index is left fresh");
    repo.assert_healthy();
}

/// The bytes of every file below `dir`, by name.
fn files(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = fs::read_dir(dir).expect("the folder is there").flatten();
    let mut files: Vec<_> = entries.map(|entry| (entry.file_name(), fs::read(entry.path()).expect("a file"))).collect();
    files.sort();
    files
}

/// A tracker with more issues than its folders hold well: those are but one level deep.
fn outgrown() -> (Repo, usize) {
    let repo = Repo::new();
    let count = 3200;
    let lines: String = (0..count)
        .map(|n| {
            format!(
                "{{\"title\": \"issue {n}\", \"id\": \"{n:08x}-0000-4000-8000-{n:012x}\", \"labels\": [\"l{}\"]}}\n",
                n % 7
            )
        })
        .collect();
    let format = "{\n  \"format\": 1,\n  \"min_reader\": 1,\n  \"min_writer\": 1,\n  \"fanout\": 1\n}\n";
    repo.plant(&[("100644", "format.json", format.as_bytes()), ("100644", "events.json", b"[]\n")]);
    repo.run(&["import", "-"]).input(lines).ok();
    assert!(repo.git(&["ls-tree", "--name-only", "refs/jit", "issues/0/"]).text().lines().count() > 3000);
    (repo, count)
}

#[test]
fn a_tracker_that_has_outgrown_its_folders_gets_deeper_ones() {
    let (repo, count) = outgrown();
    let list = repo.jit(&["list", "--json"]).ok().stdout;
    let mirror = files(&repo.path().join(".jit/issues"));
    let commits = || repo.git(&["rev-list", "--count", "refs/jit"]).ok().text();
    let (before, old) = (commits(), repo.tip());

    let result = repo.jit(&["gc", "--json"]).ok().json();
    assert_eq!(result["fanout"], serde_json::json!({ "from": 1, "to": 2 }));
    assert_eq!(commits().parse::<u32>().ok(), before.parse::<u32>().ok().map(|n| n + 1), "one commit");
    assert!(repo.git(&["log", "-1", "--format=%s", "refs/jit"]).text().starts_with("tracker.rearranged"));
    assert_eq!(repo.git(&["ls-tree", "-d", "--name-only", "refs/jit", "issues/0/"]).text(), "issues/0/0");
    let moved = repo.git(&["diff", "--no-renames", "--name-only", &old, "refs/jit", "--", "issues"]).text();
    assert_eq!(moved.lines().count(), 2 * count);
    assert_eq!(repo.jit(&["list", "--json"]).ok().stdout, list);
    assert_eq!(files(&repo.path().join(".jit/issues")), mirror);
    repo.assert_healthy();

    // Everything works on, and there is no reason to do it again.
    let id = "00000001-0000-4000-8000-000000000001";
    repo.jit(&["issue", "comment", id, "after"]).ok();
    assert_eq!(repo.jit(&["issue", "log", id, "--json"]).ok().json()["count"], 2);
    assert_eq!(repo.jit(&["gc", "--json"]).ok().json()["fanout"], serde_json::Value::Null);
}

#[test]
fn readers_and_writers_are_not_disturbed_by_deeper_folders() {
    let (repo, count) = outgrown();
    std::thread::scope(|scope| {
        let gc = scope.spawn(|| repo.jit(&["gc"]).ok());
        let (mut made, mut listed) = (0, 0);
        while !gc.is_finished() || made < 3 {
            repo.create(&format!("meanwhile {made}"));
            made += 1;
            let list = repo.jit(&["list", "--json"]).ok().json();
            assert_eq!(list["count"], count + made);
            assert_eq!(list["unreadable"], 0);
            listed += 1;
        }
        assert!(listed >= 3);
    });
    repo.assert_healthy();
}

#[test]
fn what_is_no_issue_stays_where_it_is_when_folders_get_deeper() {
    let (repo, count) = outgrown();
    let before = repo.tip();
    let link = "issues/f/ffffffff-0000-4000-8000-000000000001.json";
    let module = "issues/f/ffffffff-0000-4000-8000-000000000002.json";
    repo.plant(&[("120000", link, b"/etc/passwd"), ("100644", "events.json", b"[]\n")]);
    // A commit of something else, as a submodule would be, cannot be planted as a blob.
    let tree = repo.run_script(&format!(
        "export GIT_INDEX_FILE=$PWD/.git/planted; git read-tree refs/jit && \
         git update-index --add --cacheinfo 160000,{before},{module} && git write-tree"
    ));
    let commit = repo.git(&["commit-tree", &tree, "-p", "refs/jit", "-m", "planted"]).ok().text();
    repo.git(&["update-ref", "refs/jit", &commit]).ok();
    let result = repo.jit(&["gc", "--json"]).ok().json();
    assert_eq!(result["fanout"]["to"], 2);
    let listed = repo.git(&["ls-tree", "-r", "refs/jit", "issues/f/"]).ok().text();
    assert!(listed.contains("120000 blob") && listed.contains(link), "{listed}");
    assert!(listed.contains(&format!("160000 commit {before}\t{module}")), "{listed}");
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], count);
    repo.git(&["fsck", "--strict"]).ok();
    repo.git(&["gc", "--quiet"]).ok();
}

#[test]
fn gc_waits_for_the_process_in_the_background() {
    let repo = Repo::new();
    repo.create("one");
    let lock = fs::File::create(repo.path().join(".git/jit/tidying")).expect("a file can be made");
    lock.lock().expect("it can be locked");
    let mut gc = repo.run(&["gc"]).spawn();
    std::thread::sleep(Duration::from_millis(300));
    assert!(gc.try_wait().expect("a state").is_none(), "it waits");
    drop(lock);
    assert!(gc.wait().expect("it ends").success());
}
