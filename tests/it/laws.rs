//! What holds of every history, shown on random ones over the store in memory.

use jit::domain::draft::Draft;
use jit::domain::id::IssueId;
use jit::domain::ops::claim::{self, Terms};
use jit::domain::ops::issue;
use jit::domain::refusal::Decision;
use jit::domain::snapshot::Snapshot;
use jit::domain::state::State;
use jit::domain::time::Timestamp;
use jit::store::transact::{Failure, open, transact};
use jit::store::{Tree, history};
use proptest::prelude::*;
use uuid::Uuid;

use crate::support::memory::{Counted, World, actor, all_issues, new_issue, play, steps};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn after_any_history_the_invariants_hold_and_the_events_replay_to_the_tip(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            play(&mut world, step);
        }
        world.check();
    }

    #[test]
    fn a_claim_has_one_holder_and_generations_grow_by_one(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            play(&mut world, step);
        }
        let mut newest = std::collections::BTreeMap::new();
        for recorded in history::events_between(&world.store, None, &world.tip()).expect("the history can be read") {
            for event in recorded.events.iter().filter(|event| event.event == "issue.claimed") {
                let generation = event.data["generation"].as_u64().expect("a number");
                let before: u64 = newest.insert(event.issue, generation).unwrap_or(0);
                prop_assert_eq!(generation, before + 1);
            }
        }
    }

    #[test]
    fn encoding_an_issue_gives_the_bytes_it_was_read_from(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            play(&mut world, step);
        }
        let state = open(&world.store, &world.tip()).expect("the tip can be opened");
        for id in &world.issues {
            let path = jit::store::layout::issue_path(*id, 2);
            let bytes = jit::store::snapshot::read_file(state.tree(), &path).expect("readable").expect("there");
            let issue = state.issue(*id).expect("readable").expect("there");
            prop_assert_eq!(jit::store::codec::encode(&issue), bytes);
        }
    }
}

#[test]
fn equal_states_have_equal_trees_whatever_the_way_to_them() {
    // The same two issues, made in one commit or in two, in either order, have the same documents.
    let tree = |together: bool, swapped: bool| {
        let mut world = World::new();
        let create = |draft: &mut Draft<'_>, first: bool| -> Decision<Vec<IssueId>> {
            let body = |n: usize| {
                let new = new_issue(n, vec![], false, false);
                jit::domain::event::Body::IssueCreated(jit::domain::event::NewIssue {
                    title: new.title,
                    description: new.description,
                    state: State::Open,
                    priority: new.priority,
                    labels: new.labels,
                    dependencies: [].into(),
                    gates: new.gates,
                    context: new.context,
                })
            };
            let n = usize::from(first);
            let id = IssueId::new(Uuid::from_u128((n as u128 + 1) << 100));
            draft.emit(id, body(n))?;
            Ok(vec![id])
        };
        world.clock = 2_000_000;
        if together {
            world
                .change("human:a", false, |draft| {
                    create(draft, !swapped)?;
                    create(draft, swapped)
                })
                .map(drop)
                .expect("both can be made");
        } else {
            for first in [!swapped, swapped] {
                world.change("human:a", false, |draft| create(draft, first)).map(drop).expect("it can be made");
            }
        }
        let state = open(&world.store, &world.tip()).expect("the tip can be opened");
        let ids: Vec<String> =
            state.tree().list("issues").expect("readable").into_iter().map(|entry| entry.name).collect();
        let mut issues = all_issues(&state);
        // The second commit is a millisecond younger; that is a difference of state, not of history.
        for issue in &mut issues {
            issue.created_at = Timestamp::from_millis(0);
            issue.updated_at = Timestamp::from_millis(0);
        }
        (ids, issues.iter().map(jit::store::codec::encode).collect::<Vec<_>>())
    };
    let all = [tree(true, false), tree(true, true), tree(false, false), tree(false, true)];
    assert!(all.iter().all(|one| *one == all[0]));
}

#[test]
fn a_lost_swap_is_decided_again_on_the_new_tip() {
    let mut world = World::new();
    let id = world
        .change("human:a", false, |draft| issue::create(draft, &new_issue(1, vec![], false, true)).map(|id| vec![id]))
        .expect("an issue can be made")
        .subjects[0];
    let store = world.store.clone();
    let mut others = Counted(1 << 64);
    let mut tries = 0;
    let claim_it = |who: &str, draft: &mut Draft<'_>| {
        claim::claim(draft, &id.into(), &Terms::local(actor(who), None)).map(|id| vec![id])
    };
    let result = world.change("bot:slow", false, |draft| {
        tries += 1;
        let decided = claim_it("bot:slow", draft);
        if tries == 1 {
            // Somebody outside the queue is faster.
            let fast = World { store: store.clone(), ids: Counted::default(), clock: 1_000_000, issues: vec![] };
            let now = || Timestamp::from_millis(1_000_000);
            let request = fast.request("bot:fast", false, &now);
            transact(&store, &request, &mut others, |draft| claim_it("bot:fast", draft)).map(drop).expect("it is free");
        }
        decided
    });
    assert_eq!(tries, 2);
    assert!(matches!(result, Err(Failure::Refused(jit::domain::refusal::Refusal::ClaimedByOther { .. }))));
    world.check();
}
