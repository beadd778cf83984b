//! Random histories on clones that sync in random order: what holds of every merge, and when everybody has synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use jit::domain::id::IssueId;
use jit::domain::issue::Issue;
use jit::domain::snapshot::Snapshot;
use jit::domain::state::State;
use jit::store::memory::{MemoryStore, MemoryTree};
use jit::store::snapshot::TreeSnapshot;
use jit::store::take_in::{Taken, take_in};
use jit::store::transact::open;
use jit::store::{Backend, CommitId, StoreResult, Unpublished, ancestry, events};

use crate::support::Random;
use crate::support::memory::{Counted, Step, World, all_issues, play};

fn random_step(random: &mut Random) -> Step {
    let a = random.below(12);
    let force = random.below(2) == 0 && a.is_multiple_of(3);
    // Dependencies more often than the rest, so that those of two clones close a circle now and then.
    let kind = if random.below(4) == 0 { 1 } else { random.below(26) as u8 };
    let (b, who) = (random.below(12), random.below(4));
    Step { kind, a, b, who, force, later: random.below(400_000) as i64 }
}

fn forward(store: &MemoryStore, id: &CommitId, tip: Option<&CommitId>) -> StoreResult<Unpublished> {
    let time = store.info(id)?.time;
    let author = ("a".to_owned(), "a@b".to_owned());
    Ok(Unpublished { id: id.clone(), parent: tip.cloned(), subject: String::new(), author, time })
}

/// Takes what `from` has into `into`.
fn pull(into: &mut World, from: &CommitId) {
    let store = into.store.clone();
    let before = into.tip();
    let (tip, taken) = take_in(&store, from, &|id, tip| forward(&store, id, tip)).expect("what others have fits");
    if let Taken::Merged(_) = taken {
        check_merge(&store, &before, from, &tip);
        // Whoever else joins the two makes the same commit.
        let other = store.apart();
        let joined = jit::store::merge::join(&other, from, &before).expect("it can be joined again");
        assert_eq!(other.write(joined.commit()).expect("it can be written").id, tip);
    }
    let state = open(&store, &tip).expect("the tip can be opened");
    into.issues = all_issues(&state).into_iter().map(|issue| issue.id).collect();
}

/// Brings a clone and the hub to the same commit.
fn sync(world: &mut World, hub: &mut CommitId) {
    pull(world, hub);
    *hub = world.tip();
}

type Issues = BTreeMap<IssueId, Issue>;

fn issues(store: &MemoryStore, commit: &CommitId) -> Issues {
    let state: TreeSnapshot<MemoryTree> = open(store, commit).expect("the commit can be opened");
    all_issues(&state).into_iter().map(|issue| (issue.id, issue)).collect()
}

/// Whether what one side alone did is there after the merge.
fn check_merge(store: &MemoryStore, p: &CommitId, q: &CommitId, merge: &CommitId) {
    let bases = ancestry::merge_bases(store, p, q).expect("the history is whole");
    let [base] = bases.as_slice() else { return };
    let (base, p, q, all) = (issues(store, base), issues(store, p), issues(store, q), issues(store, merge));
    for (id, now) in &all {
        let (was, one, other) = (base.get(id), p.get(id), q.get(id));
        let alone = match (one, other) {
            (one, other) if one == was => other,
            (one, other) if other == was => one,
            (Some(one), Some(other)) => {
                check_fields(was, one, other, now);
                continue;
            }
            _ => unreachable!("documents do not go away"),
        };
        let mut alone = alone.expect("documents do not go away").clone();
        if alone.dependencies.is_superset(&now.dependencies) {
            // An edge may have closed a circle.
            alone.dependencies.clone_from(&now.dependencies);
        }
        assert_eq!(alone, *now, "a change of one side alone stands");
    }
    assert!(p.keys().chain(q.keys()).all(|id| all.contains_key(id)), "no issue is lost");
}

fn check_fields(was: Option<&Issue>, one: &Issue, other: &Issue, now: &Issue) {
    let stands = |what: &str, was: Option<String>, one: String, other: String, now: String| {
        if was.as_ref() == Some(&one) {
            assert_eq!(now, other, "{what} was changed by one side alone");
        } else if was.as_ref() == Some(&other) {
            assert_eq!(now, one, "{what} was changed by one side alone");
        } else {
            assert!(now == one || now == other, "{what} is nobody's");
        }
    };
    let text = |value: &dyn Debug| format!("{value:?}");
    stands("title", was.map(|i| text(&i.title)), text(&one.title), text(&other.title), text(&now.title));
    stands("priority", was.map(|i| text(&i.priority)), text(&one.priority), text(&other.priority), text(&now.priority));
    for label in one.labels.iter().chain(&other.labels) {
        let before = was.is_some_and(|was| was.labels.contains(label));
        let both = one.labels.contains(label) && other.labels.contains(label);
        assert_eq!(now.labels.contains(label), !before || both, "label {label}");
    }
    for key in one.context.keys().chain(other.context.keys()) {
        let (before, a, b) = (was.and_then(|was| was.context.get(key)), one.context.get(key), other.context.get(key));
        let expected: BTreeSet<_> = if a == before {
            [b].into()
        } else if b == before {
            [a].into()
        } else {
            [a, b].into()
        };
        let value = now.context.get(key);
        assert!(expected.contains(&value) && (value.is_some() || expected.len() == 1), "context {key}");
    }
    let said = |issue: &Issue| issue.comments.iter().map(|comment| comment.id).collect::<BTreeSet<_>>();
    assert_eq!(said(now), &said(one) | &said(other), "no comment is lost");
    assert!(now.comments.is_sorted_by_key(|comment| (comment.at, comment.id)), "comments are in order");
    let generation = |issue: &Issue| issue.last_claim.as_ref().map_or(0, |claim| claim.generation);
    assert!(generation(now) >= generation(one).max(generation(other)), "fencing numbers do not shrink");
    let finished = |issue: &Issue| matches!(issue.state, State::Done | State::Rejected | State::Archived);
    if was.is_some_and(|was| !finished(was)) && (finished(one) || finished(other)) && now.deleted.is_none() {
        let restored = one.deleted.is_some() != other.deleted.is_some();
        assert!(restored || finished(now), "work that was finished stays so");
    }
}

/// The ids of every event that `tip` has in its history.
fn all_events(store: &MemoryStore, tip: &CommitId) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for info in ancestry::between(store, tip, &[]).expect("the history is whole") {
        let tree = store.tree(&info.id).expect("the history is whole");
        events::each(&tree, &info.id, &mut |event| {
            ids.insert(event.id.to_string());
        })
        .expect("events can be read");
    }
    ids
}

/// One history: clones that work and sync, until everybody has synced twice.
fn history(seed: u64) {
    let mut random = Random(seed);
    let first = World::new();
    let mut hub = first.tip();
    let mut clones = vec![first];
    for n in 1..2 + random.below(7) {
        // Some begin by themselves and join later.
        let apart = random.below(8) == 0;
        let store = if apart { MemoryStore::default() } else { clones[0].store.apart() };
        let mut world =
            if apart { World::new() } else { World { store, ids: Counted::default(), clock: 0, issues: vec![] } };
        if apart {
            world.store.share_with(&clones[0].store);
        }
        world.ids = Counted((n as u128) << 40);
        // Clocks differ by up to an hour.
        world.clock = 1_000_000 + random.below(3_600_000) as i64;
        clones.push(world);
    }
    let count = clones.len();
    let mut known = BTreeSet::new();
    for _ in 0..10 + random.below(60) {
        let at = random.below(count);
        match random.below(8) {
            0 => sync(&mut clones[at], &mut hub),
            1 => {
                let other = clones[random.below(count)].tip();
                pull(&mut clones[at], &other);
            }
            _ => {
                let step = random_step(&mut random);
                play(&mut clones[at], &step);
            }
        }
    }
    for world in &clones {
        known.extend(all_events(&world.store, &world.tip()));
    }
    for _ in 0..2 {
        clones.iter_mut().for_each(|world| sync(world, &mut hub));
    }
    for world in &clones {
        assert_eq!(world.tip(), hub, "everybody has the same commit");
    }
    clones[0].check();
    if seed.is_multiple_of(5) {
        // What honest clones make is what a hub takes.
        let end_of_time = jit::domain::time::Timestamp::from_millis(i64::MAX / 4);
        let bar = jit::report::progress::Bar::default();
        let judged = jit::store::hub::check(&clones[0].store, None, &hub, end_of_time, &bar);
        assert!(judged.is_ok(), "{judged:?}");
    }
    let kept = all_events(&clones[0].store, &hub);
    assert!(known.is_subset(&kept), "no event is lost");
    let state = open(&clones[0].store, &hub).expect("the tip can be opened");
    for key in all_issues(&state).iter().filter(|issue| !issue.state.is_finished() && issue.deleted.is_none()) {
        for gate in key.gates.keys() {
            assert!(state.gate(gate).expect("gates can be read").is_some(), "a gate in use is defined");
        }
    }
}

/// How many histories are played: `JIT_SIM_HISTORIES`, beginning with the seed `JIT_SEED`.
#[test]
fn clones_that_sync_in_any_order_agree_and_lose_nothing() {
    let number =
        |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    let (histories, first) = (number("JIT_SIM_HISTORIES", 2_000), number("JIT_SEED", 1));
    let play = |half: u64| {
        for seed in (first..first + histories).filter(|seed| seed % 2 == half) {
            if let Err(why) = catch_unwind(AssertUnwindSafe(|| history(seed))) {
                let said = why.downcast_ref::<String>().map_or_else(String::new, Clone::clone);
                resume_unwind(Box::new(format!("replay it with JIT_SEED={seed} JIT_SIM_HISTORIES=1: {said}")));
            }
        }
    };
    std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| scope.spawn(move || play(half)));
        for half in halves {
            let ended = half.join();
            assert!(
                ended.is_ok(),
                "{}",
                ended.unwrap_err().downcast_ref::<String>().map_or("a history failed", |said| said)
            );
        }
    });
}
