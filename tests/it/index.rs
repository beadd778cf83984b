//! The index: quick, and never the truth. What stands in its place, who shares it, what it shows of damage.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::Repo;

/// Every command that lists or counts.
const SCANS: [&[&str]; 12] = [
    &["issue", "list", "--json"],
    &["issue", "list", "--full", "--json", "--sort", "title"],
    &["issue", "list", "-n", "3", "--sort", "updated"],
    &["ready", "--json"],
    &["status", "--json"],
    &["query", "blocked", "--json"],
    &["query", "questions", "--json"],
    &["query", "assignee", "bot:x", "--json"],
    &["graph", "show", "--json"],
    &["graph", "roots"],
    &["graph", "export", "--format", "dot"],
    &["issue", "list", "--label", "l3", "--sort", "state"],
];

/// A tracker of some forty issues, and the answers of every scan.
fn tracker() -> (Repo, Vec<String>) {
    let repo = Repo::new();
    let mut ids: Vec<String> = Vec::new();
    for n in 0..40 {
        let (title, label) = (format!("issue {n}"), format!("l{}", n % 5));
        let mut args = vec!["issue", "create", "-t", &title, "-l", &label];
        if n % 3 == 0 {
            args.push("--ready");
        }
        let before = ids.last().cloned().unwrap_or_default();
        if n % 4 == 3 {
            args.extend(["--depends-on", &before]);
        }
        ids.push(repo.out(&args));
    }
    repo.jit(&["issue", "ask", &ids[1], "which?"]).ok();
    repo.jit(&["issue", "assign", &ids[0], "bot:x"]).ok();
    repo.jit(&["issue", "reject", &ids[2], "--reason", "no"]).ok();
    let answers = answers(&repo, repo.path());
    assert!(index_of(&repo).exists(), "a scan leaves an index");
    (repo, answers)
}

fn answers(repo: &Repo, dir: &Path) -> Vec<String> {
    let clock = "2030-01-01T00:00:00Z";
    let answer = |args: &&[&str]| repo.run_in(dir, args).env("JIT_CLOCK", clock).output().ok();
    let answers = SCANS.iter().map(|args| {
        let output = answer(args);
        assert!(!output.stderr.contains("warning") && !output.stderr.contains("panic"), "{output:#?}");
        output.stdout
    });
    answers.collect()
}

fn index_of(repo: &Repo) -> PathBuf {
    repo.path().join(".git/jit/index-1")
}

fn changes_of(repo: &Repo) -> PathBuf {
    repo.path().join(".git/jit/changes-1")
}

/// Makes twenty changes and lets a scan write them down.
fn with_changes(repo: &Repo) -> Vec<String> {
    let ids: Vec<String> = (0..20).map(|n| repo.ready(&format!("more {n}"))).collect();
    repo.jit(&["dep", "add", &ids[0], &ids[1]]).ok();
    let answers = answers(repo, repo.path());
    assert!(changes_of(repo).exists(), "many changes are written down");
    answers
}

#[test]
fn every_scan_answers_alike_without_an_index() {
    let (repo, _) = tracker();
    let expected = with_changes(&repo);
    for file in [changes_of(&repo), index_of(&repo)] {
        fs::remove_file(file).expect("the file is there");
        assert_eq!(answers(&repo, repo.path()), expected);
    }
}

#[test]
fn bytes_flipped_in_the_index_change_no_answer() {
    let (repo, _) = tracker();
    let expected = with_changes(&repo);
    for file in [index_of(&repo), changes_of(&repo)] {
        let whole = fs::read(&file).expect("the file is there");
        let other = if file == index_of(&repo) { changes_of(&repo) } else { index_of(&repo) };
        let beside = fs::read(&other).expect("the file is there");
        for n in 0..24 {
            let mut bytes = whole.clone();
            let at = n * (whole.len() - 1) / 23;
            bytes[at] ^= 1 << (n % 8);
            fs::write(&file, &bytes).expect("the file can be written");
            fs::write(&other, &beside).expect("the file can be written");
            // One scan: each reads the same file in the same way, and mends it.
            let output = repo.run(SCANS[n % 8]).env("JIT_CLOCK", "2030-01-01T00:00:00Z").output().ok();
            assert_eq!(output.stdout, expected[n % 8], "byte {at} of {}", file.display());
            assert!(!output.stderr.contains("warning"), "{output:#?}");
        }
    }
}

#[test]
fn whatever_stands_in_its_place_the_answers_are_right() {
    let (repo, expected) = tracker();
    let good = fs::read(index_of(&repo)).expect("the file is there");
    let text = String::from_utf8_lossy(&good).into_owned();
    let newer = text.replacen("\"version\":1", "\"version\":2", 1).into_bytes();
    let huge = text.replacen("\"rows\":", "\"rows\":9999999", 1).into_bytes();
    for bytes in
        [&[][..], b"no index", &good[..good.len() / 2], &good[..7], &[good.clone(), vec![0]].concat(), &newer, &huge]
    {
        fs::write(index_of(&repo), bytes).expect("the file can be written");
        assert_eq!(answers(&repo, repo.path()), expected);
        assert_eq!(fs::read(index_of(&repo)).expect("it is there"), good, "it is built anew");
    }
    // A pipe that nobody writes to keeps nobody waiting.
    for file in [index_of(&repo), changes_of(&repo)] {
        let _ = fs::remove_file(&file);
        assert!(repo.command("mkfifo").arg(&file).status().expect("mkfifo can be started").success());
        assert_eq!(answers(&repo, repo.path()), expected);
        let _ = fs::remove_file(&file);
    }
    // A folder cannot be replaced by a file: no index then, and no failure.
    fs::remove_file(index_of(&repo)).expect("the file is there");
    fs::create_dir(index_of(&repo)).expect("a folder can be made");
    fs::write(index_of(&repo).join("keep"), "").expect("a file can be written");
    assert_eq!(answers(&repo, repo.path()), expected);
    // A link is not followed when the index is written.
    fs::remove_dir_all(index_of(&repo)).expect("it can go");
    let precious = repo.outside().join("precious");
    fs::write(&precious, "precious").expect("a file can be written");
    std::os::unix::fs::symlink(&precious, index_of(&repo)).expect("a link can be made");
    assert_eq!(answers(&repo, repo.path()), expected);
    assert_eq!(fs::read_to_string(&precious).expect("it is there"), "precious");
}

#[test]
fn a_folder_that_cannot_be_written_answers_all_the_same() {
    let (repo, expected) = tracker();
    fs::remove_file(index_of(&repo)).expect("the file is there");
    let dir = repo.path().join(".git/jit");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).expect("the mode can be set");
    let found = answers(&repo, repo.path());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("the mode can be set");
    assert_eq!(found, expected);
}

#[test]
fn linked_worktrees_share_the_index() {
    let (repo, expected) = tracker();
    let index = fs::metadata(index_of(&repo)).expect("it is there").modified().expect("it has a time");
    let other = repo.worktree("other");
    assert_eq!(answers(&repo, &other), expected);
    assert_eq!(fs::metadata(index_of(&repo)).expect("it is there").modified().expect("it has a time"), index);
    let files = fs::read_dir(repo.path().join(".git/worktrees/other")).expect("it is there").flatten();
    assert!(files.into_iter().all(|file| file.file_name() != "jit"));
}

#[test]
fn readers_and_writers_at_once_never_see_a_wrong_list() {
    let repo = Repo::new();
    for n in 0..5 {
        repo.ready(&format!("first {n}"));
    }
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let repo = &repo;
            scope.spawn(move || {
                for n in 0..20 {
                    repo.ready(&format!("{worker} {n}"));
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 5;
                for n in 0..25 {
                    if n % 10 == 9 {
                        let _ = fs::remove_file(index_of(&repo));
                    }
                    let list = repo.jit(&["list", "--json"]).ok().json();
                    let count = usize::try_from(list["count"].as_u64().expect("a number")).expect("a small one");
                    // Issues are only made here: no later reader may see fewer.
                    assert!(count >= seen, "{count} after {seen}");
                    assert_eq!(list["issues"].as_array().map(Vec::len), Some(count));
                    seen = count;
                }
            });
        }
    });
    assert_eq!(repo.jit(&["list", "--json"]).ok().json()["count"], 65);
    let left = fs::read_dir(repo.path().join(".git/jit")).expect("it is there").flatten();
    let left: Vec<_> =
        left.map(|file| file.file_name()).filter(|name| name.to_string_lossy().contains("tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_issue_that_is_mended_is_listed_again() {
    let repo = Repo::new();
    let ids: Vec<String> = (0..3).map(|n| repo.ready(&format!("issue {n}"))).collect();
    repo.jit(&["dep", "add", &ids[1], &ids[0]]).ok();
    let blob = repo.git(&["rev-parse", &format!("refs/jit:issues/{}/{}/{}.json", &ids[0][..1], &ids[0][1..2], ids[0])]);
    let object = repo.path().join(format!(".git/objects/{}/{}", &blob.text()[..2], &blob.text()[2..]));
    let good = fs::read(&object).expect("the object is loose");
    fs::remove_file(&object).expect("it can go");
    let list = repo.jit(&["list", "--json"]).ok();
    assert_eq!((list.json()["count"].clone(), list.json()["unreadable"].clone()), (2.into(), 1.into()));
    assert!(list.stderr.contains(&ids[0]), "{list:#?}");
    assert_eq!(repo.jit(&["query", "blocked", "--json"]).ok().json()["issues"][0]["id"], ids[1].as_str());
    fs::write(&object, good).expect("the object can be written");
    let list = repo.jit(&["list", "--json"]).ok();
    assert_eq!((list.json()["count"].clone(), list.json()["unreadable"].clone()), (3.into(), 0.into()));
    assert_eq!(list.stderr, "");
}

#[test]
fn a_folder_that_is_mended_hides_nothing_for_long() {
    let repo = Repo::new();
    let ids: Vec<String> = (0..30).map(|n| repo.ready(&format!("issue {n}"))).collect();
    let lost = &ids[0];
    let object = |name: &str| {
        let id = repo.git(&["rev-parse", name]).ok().text();
        repo.path().join(format!(".git/objects/{}/{}", &id[..2], &id[2..]))
    };
    let folder = format!("issues/{}/{}", &lost[..1], &lost[1..2]);
    let places = [object(&format!("refs/jit:{folder}/{lost}.json")), object(&format!("refs/jit:{folder}"))];
    let good = places.each_ref().map(|place| fs::read(place).expect("the object is loose"));
    let count = || repo.jit(&["list", "--json"]).ok().json()["count"].as_u64().expect("a number");
    // First the document is lost, then, with many changes elsewhere, its folder.
    fs::remove_file(&places[0]).expect("it can go");
    assert_eq!(count(), 29);
    for id in ids.iter().filter(|id| id[..2] != lost[..2]) {
        repo.jit(&["issue", "update", id, "--label", "x"]).ok();
    }
    fs::remove_file(&places[1]).expect("it can go");
    assert!(count() < 30);
    for (place, content) in places.iter().zip(good) {
        fs::write(place, content).expect("it can be written");
    }
    assert_eq!(count(), 30);
}

#[test]
fn an_index_of_other_folders_is_not_used() {
    let (repo, _) = tracker();
    let format = "{\n  \"format\": 1,\n  \"min_reader\": 1,\n  \"min_writer\": 1,\n  \"fanout\": 3\n}\n";
    repo.plant(&[("100644", "format.json", format.as_bytes())]);
    let list = repo.jit(&["list", "--json"]).ok();
    // As a look at one of them says too: no issue stands where it should.
    assert_eq!(list.json()["count"], 0);
    assert!(list.stderr.contains("wrong folder"), "{list:#?}");
}

#[test]
fn a_clone_that_only_reads_keeps_an_index_too() {
    let (repo, expected) = tracker();
    let clone = repo.outside().join("clone");
    let path = clone.to_str().expect("the path is text");
    repo.git(&["init", "--quiet", path]).ok();
    repo.git_in(&clone, &["fetch", "--quiet", repo.path().to_str().expect("text"), "refs/jit:refs/jit"]).ok();
    assert!(!clone.join(".git/jit").exists());
    let list = repo.run_in(&clone, &["issue", "list", "--json"]).output().ok();
    assert_eq!(list.stdout, expected[0]);
    assert!(clone.join(".git/jit/index-1").exists());
}

#[test]
fn in_a_shared_repository_the_index_is_open_to_the_group() {
    let repo = Repo::git_with(&["--shared=group"]);
    let mode = |name: &str| fs::metadata(repo.path().join(name)).expect("it is there").permissions().mode() & 0o777;
    let run = |words: &str| {
        let script = format!("umask 077; {words}");
        assert!(repo.command("sh").args(["-c", &script]).status().expect("sh can be started").success(), "{words}");
    };
    run(
        "jit init -q && jit issue create one -q && jit list -q && jit issue log $(jit list --json | grep -o '[0-9a-f]\\{8\\}' | head -1) -q",
    );
    for file in ["index-1", "history-1"] {
        assert_eq!(mode(&format!(".git/jit/{file}")) & 0o660, 0o660, "{file}");
    }
}
