//! The lists of commits by issue and by operation: quick, and never the truth.

use std::fs;
use std::path::PathBuf;

use jit::domain::event::Edit;
use jit::domain::id::IssueId;
use jit::domain::ops::issue::{Create, Update, create, update};
use jit::domain::ops::state::Finish;
use jit::domain::state::Priority;
use jit::store::history::{events_about, events_between, operation};
use jit::store::{CommitId, Walk};

use crate::support::{Fleet, Repo, World};

fn add(world: &mut World, op_id: Option<&str>) -> Option<CommitId> {
    world.change_once(op_id, |draft| {
        let new = Create {
            title: "an issue".parse().expect("a valid title"),
            description: String::new(),
            priority: Priority::Normal,
            gates: [].into(),
            labels: [].into(),
            depends_on: Vec::new(),
            blocks: Vec::new(),
            ready: true,
            context: [].into(),
        };
        create(draft, &new)
    })
}

/// Changes `count` issues, each in a commit of its own, the last of them two at once.
fn edit(world: &mut World, count: usize) {
    for n in 0..count {
        let (one, other) =
            (world.one(n * 7).expect("there are issues"), world.one(n * 5 + 1).expect("there are issues"));
        let edit = Edit { context_set: [("n".to_owned(), n.to_string())].into(), ..Edit::default() };
        let ids = if n + 1 == count { vec![one, other] } else { vec![one] };
        let what = Update { edit, state: None };
        world.change(|draft| update(draft, &ids, &what, &Finish::default()).map(|ids| ids[0]));
    }
}

/// The commits with events about an issue, newest first, as the lists say.
fn listed(world: &World, tip: &CommitId, issue: IssueId) -> Vec<CommitId> {
    let mut found = Vec::new();
    events_about(&world.store, tip, issue, &mut |recorded| {
        found.push(recorded.info.id);
        Ok(Walk::On)
    })
    .expect("the history can be read");
    found
}

/// The same, as every event says.
fn compare(world: &World, tip: &CommitId) {
    let all = events_between(&world.store, None, tip).expect("the history can be read");
    for issue in &world.issues {
        let about = all.iter().rev().filter(|commit| commit.events.iter().any(|event| event.issue == Some(*issue)));
        let expected: Vec<CommitId> = about.map(|commit| commit.info.id.clone()).collect();
        assert_eq!(listed(world, tip, *issue), expected, "{issue}");
    }
}

fn lists(world: &World) -> [PathBuf; 2] {
    ["history-1", "recent-1"].map(|name| world.repo.path().join(".git/jit").join(name))
}

#[test]
fn the_lists_name_the_commits_that_a_walk_finds() {
    let mut world = World::new();
    (0..10).for_each(|_| drop(add(&mut world, None)));
    let [all, recent] = lists(&world);
    compare(&world, &world.tip());
    assert!(all.exists() && !recent.exists());
    // Fewer than are worth writing down, then enough of them.
    edit(&mut world, 20);
    compare(&world, &world.tip());
    assert!(!recent.exists());
    edit(&mut world, 70);
    let before = fs::read(&all).expect("the list is there");
    compare(&world, &world.tip());
    assert!(recent.exists());
    assert_eq!(fs::read(&all).expect("the list is there"), before);
    edit(&mut world, 70);
    compare(&world, &world.tip());

    // Of an earlier commit, and after the ref went back.
    let earlier = CommitId(world.repo.git(&["rev-parse", "refs/jit~50"]).ok().text());
    compare(&world, &earlier);
    world.repo.git(&["update-ref", "refs/jit", "refs/jit~75"]).ok();
    compare(&world, &world.tip());
    edit(&mut world, 5);
    compare(&world, &world.tip());
}

#[test]
fn what_a_merge_brings_stands_where_its_time_says() {
    let fleet = Fleet::new(2);
    let [a, b] = [&fleet.clones[0], &fleet.clones[1]];
    let id = a.ready("x");
    fleet.settle();
    let log = |repo: &Repo| {
        let told = repo.jit(&["issue", "log", &id, "--json"]).ok().json();
        let changes = told["changes"].as_array().expect("changes").iter();
        changes.map(|change| change["commit"].as_str().expect("a commit").to_owned()).collect::<Vec<_>>()
    };
    for round in 0..3 {
        b.jit(&["issue", "comment", &id, &format!("older {round}")]).ok();
        a.jit(&["issue", "comment", &id, &format!("newer {round}")]).ok();
        // The lists are written with the newer one, before the older one comes.
        log(a);
        fleet.settle();
        let listed = log(a);
        for name in ["history-1", "recent-1"] {
            let _ = fs::remove_file(a.path().join(".git/jit").join(name));
        }
        assert_eq!(listed, log(a), "as a walk has it");
        assert_eq!(listed, log(b));
    }
}

#[test]
fn damaged_lists_lose_no_commit() {
    let mut world = World::new();
    (0..10).for_each(|_| drop(add(&mut world, None)));
    edit(&mut world, 100);
    compare(&world, &world.tip());
    edit(&mut world, 70);
    compare(&world, &world.tip());
    let good = lists(&world).map(|file| fs::read(file).expect("the list is there"));
    let restore = || lists(&world).iter().zip(&good).for_each(|(file, bytes)| fs::write(file, bytes).expect("written"));
    for (file, bytes) in lists(&world).iter().zip(&good) {
        for n in 0..30 {
            restore();
            let mut bytes = bytes.clone();
            let at = n * (bytes.len() - 1) / 29;
            bytes[at] ^= 1 << (n % 8);
            fs::write(file, &bytes).expect("written");
            let issue = world.issues[n % world.issues.len()];
            let found = listed(&world, &world.tip(), issue);
            restore();
            assert_eq!(found, listed(&world, &world.tip(), issue), "byte {at} of {}", file.display());
        }
        for bytes in [&[][..], b"no list", &bytes[..bytes.len() - 1], &[bytes.clone(), vec![0; 4096]].concat()] {
            restore();
            fs::write(file, bytes).expect("written");
            compare(&world, &world.tip());
        }
    }
    // Another file in its place is as good as none.
    fs::remove_file(&lists(&world)[0]).expect("it can go");
    fs::create_dir_all(lists(&world)[0].join("full")).expect("a folder can be made");
    compare(&world, &world.tip());
}

#[test]
fn operations_are_found_whatever_is_kept() {
    let mut world = World::new();
    let made: Vec<CommitId> = (0..100).filter_map(|n| add(&mut world, Some(&format!("op {n}")))).collect();
    assert_eq!(made.len(), 100);
    assert!(lists(&world)[1].exists(), "they were written down on the way");
    let check = |world: &World| {
        for (n, commit) in made.iter().enumerate() {
            let key = format!("op {n}").parse().expect("a valid key");
            let found = operation(&world.store, &world.tip(), &key).expect("the history can be read");
            assert_eq!(found.map(|info| info.id).as_ref(), Some(commit));
        }
        let key = "op 100".parse().expect("a valid key");
        assert!(operation(&world.store, &world.tip(), &key).expect("the history can be read").is_none());
    };
    check(&world);
    // A repeated operation gives the first result.
    assert_eq!(add(&mut world, Some("op 3")).as_ref(), Some(&made[3]));
    assert_eq!(world.issues.len(), 100);
    for file in lists(&world) {
        let _ = fs::remove_file(file);
    }
    check(&world);
    world.repo.git(&["update-ref", "refs/jit", &made[49].0]).ok();
    let gone = "op 60".parse().expect("a valid key");
    assert!(operation(&world.store, &world.tip(), &gone).expect("the history can be read").is_none());
}

#[test]
fn a_glance_at_an_issue_shows_its_last_events_however_old() {
    let repo = Repo::new();
    let old = repo.create("old");
    for n in 0..6 {
        repo.jit(&["issue", "comment", &old, &format!("note {n}")]).ok();
    }
    let other = repo.create("other");
    for n in 0..40 {
        repo.jit(&["issue", "comment", &other, &format!("note {n}")]).ok();
    }
    let shown = repo.out(&["issue", "show", &old]);
    assert_eq!(shown.matches("issue.commented").count(), 5, "{shown}");
}
