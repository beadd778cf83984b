//! What holds of every history, shown on random ones over the store in memory.

use std::ops::ControlFlow;

use jit::domain::draft::{Context, Draft, Ids};
use jit::domain::event::{Edit, Judgement};
use jit::domain::id::{IdPrefix, IssueId};
use jit::domain::invariants::{broken, broken_together};
use jit::domain::issue::Issue;
use jit::domain::name::{Actor, GateKey};
use jit::domain::ops::claim::{self, Terms};
use jit::domain::ops::issue::{Create, Update};
use jit::domain::ops::state::Finish;
use jit::domain::ops::verdict::{self, Given};
use jit::domain::ops::{config, dep, gate, issue, talk};
use jit::domain::refusal::Decision;
use jit::domain::replay::Replay;
use jit::domain::snapshot::Snapshot;
use jit::domain::state::{Outcome, Priority, State};
use jit::domain::time::Timestamp;
use jit::store::layout::FORMAT;
use jit::store::memory::{MemoryStore, MemoryTree};
use jit::store::snapshot::TreeSnapshot;
use jit::store::transact::{Change, Failure, Request, begin, open, transact};
use jit::store::{Backend, CommitId, Tree, history};
use proptest::prelude::*;
use uuid::Uuid;

/// Ids that count up.
#[derive(Default)]
struct Counted(u128);

impl Ids for Counted {
    fn random(&mut self) -> Uuid {
        self.0 += 1;
        // The first digits differ, so that issues spread over the fan-out.
        Uuid::from_u128((self.0 << 120) | (4 << 76) | (8 << 60) | self.0)
    }

    fn ordered(&mut self, _now: Timestamp) -> Uuid {
        self.0 += 1;
        Uuid::from_u128((7 << 76) | (8 << 60) | self.0)
    }
}

/// A tracker in memory with a clock that stands unless it is moved.
struct World {
    store: MemoryStore,
    ids: Counted,
    clock: i64,
    issues: Vec<IssueId>,
}

fn actor(name: &str) -> Actor {
    name.parse().expect("a valid actor")
}

fn key(name: &str) -> GateKey {
    name.parse().expect("a valid key")
}

impl World {
    fn new() -> Self {
        let mut world =
            Self { store: MemoryStore::default(), ids: Counted::default(), clock: 1_000_000, issues: vec![] };
        let clock = world.clock;
        let now = move || Timestamp::from_millis(clock);
        let request = world.request("human:a", false, &now);
        let made = begin(&world.store, &request, &mut world.ids, |draft| {
            config::initialize(draft, FORMAT).map(|()| Vec::new())
        });
        made.map(drop).expect("an empty store takes a tracker");
        world
    }

    fn request<'a>(&self, name: &str, force: bool, clock: &'a dyn Fn() -> Timestamp) -> Request<'a> {
        let now = clock();
        let context = Context {
            actor: actor(name),
            named: !name.starts_with("human:"),
            token: None,
            force,
            host: None,
            worktree: None,
            op_id: None,
            clock: now,
            now,
        };
        Request { command: "test", words: "test", context, author: ("a".to_owned(), "a@b".to_owned()), clock }
    }

    fn change(
        &mut self,
        name: &str,
        force: bool,
        decide: impl FnMut(&mut Draft<'_>) -> Decision<Vec<IssueId>>,
    ) -> Result<Change, Failure> {
        let clock = self.clock;
        let now = move || Timestamp::from_millis(clock);
        let request = self.request(name, force, &now);
        transact(&self.store, &request, &mut self.ids, decide)
    }

    fn tip(&self) -> CommitId {
        self.store.tip().expect("memory can be read").expect("there is a tracker")
    }

    /// Whether all that must hold does.
    fn check(&self) {
        let state = open(&self.store, &self.tip()).expect("the tip can be opened");
        let all = all_issues(&state);
        for issue in &all {
            assert_eq!(broken(issue), Vec::<String>::new(), "{issue:#?}");
        }
        let (gone, living): (Vec<_>, Vec<_>) = all.iter().partition(|issue| issue.deleted.is_some());
        let living = living.iter().map(|issue| (issue.id, issue.dependencies.clone())).collect();
        assert_eq!(broken_together(&living, &gone.iter().map(|issue| issue.id).collect()), Vec::new());
        let mut replay = Replay::default();
        for recorded in history::events_between(&self.store, None, &self.tip()).expect("the history can be read") {
            for event in &recorded.events {
                replay.apply(event).expect("each event fits");
            }
        }
        assert_eq!(replay.issues.into_values().collect::<Vec<_>>(), all, "the events tell the same story");
        assert_eq!(replay.settings, state.settings().expect("the tip can be read"));
    }
}

/// Every issue, tombstones included, in the order of ids.
fn all_issues(state: &TreeSnapshot<MemoryTree>) -> Vec<Issue> {
    let mut issues = Vec::new();
    let _: ControlFlow<()> = state.each_issue(&mut |issue| {
        issues.push(issue.expect("every issue can be read"));
        ControlFlow::Continue(())
    });
    issues
}

fn new_issue(n: usize, depends_on: Vec<IdPrefix>, gated: bool, ready: bool) -> Create {
    Create {
        title: format!("issue {n}").parse().expect("a valid title"),
        description: String::new(),
        priority: Priority::ALL[n % 4],
        gates: if gated { [key("review")].into() } else { [].into() },
        labels: [].into(),
        depends_on,
        blocks: vec![],
        ready,
        context: [].into(),
    }
}

/// One step of a random history.
#[derive(Clone, Debug)]
struct Step {
    kind: u8,
    a: usize,
    b: usize,
    who: usize,
    force: bool,
    later: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..16u8, 0..12usize, 0..12usize, 0..4usize, any::<bool>(), 0..400_000i64).prop_map(
        |(kind, a, b, who, force, later)| Step { kind, a, b, who, force: force && a.is_multiple_of(3), later },
    );
    prop::collection::vec(step, 1..60)
}

fn play(world: &mut World, step: &Step) {
    const WHO: [&str; 4] = ["bot:a", "bot:b", "human:c", "bot:d"];
    world.clock += step.later;
    let who = WHO[step.who];
    let pick = |n: usize| world.issues.get(n % world.issues.len().max(1)).copied().map(IdPrefix::from);
    let before = world.tip();
    let (Some(a), Some(b)) = (pick(step.a), pick(step.b)) else {
        let made = world
            .change(who, false, |draft| issue::create(draft, &new_issue(0, vec![], true, true)).map(|id| vec![id]));
        world.issues.extend(made.expect("an issue can be made").subjects);
        return;
    };
    let n = world.issues.len();
    let result = world.change(who, step.force, |draft| {
        let state = |to| Update { edit: Edit::default(), state: Some(to) };
        let id = match step.kind {
            0 => issue::create(draft, &new_issue(n, vec![a.clone()], n.is_multiple_of(2), n.is_multiple_of(3)))?,
            1 => dep::add(draft, &a, std::slice::from_ref(&b))?,
            2 => dep::remove(draft, &a, std::slice::from_ref(&b))?,
            3 | 4 => claim::claim(draft, &a, &Terms { holder: actor(who), ttl: None })?,
            5 => {
                claim::claim(draft, &a, &Terms { holder: actor(who), ttl: Some(std::time::Duration::from_secs(200)) })?
            }
            6 => claim::release(draft, &a, Outcome::Handoff, None)?,
            7 => gate::add(draft, &a, &[key("unit-tests")])?,
            8 => {
                let judgement = Judgement::by_hand(key("review"), None, None, None);
                let (passed, by_other) = (!step.b.is_multiple_of(4), step.b.is_multiple_of(2));
                verdict::judge(draft, &a, &Given { passed, completes: true, by_other, judgement })?
            }
            9 => issue::delete(draft, &a)?,
            10 => talk::ask(draft, &a, "why?")?,
            11 => talk::answer(draft, &a, "because")?,
            12 => talk::assign(draft, &a, Some(&actor(who)))?,
            13 => talk::comment(draft, &a, "hm")?,
            _ => {
                let to = State::ALL[step.b % State::ALL.len()];
                return issue::update(draft, std::slice::from_ref(&a), &state(to), &Finish::default());
            }
        };
        Ok(vec![id])
    });
    match result {
        Ok(change) => {
            if step.kind == 0 {
                world.issues.extend(change.subjects);
            }
        }
        Err(Failure::Refused(_)) => assert_eq!(world.tip(), before, "a refusal writes nothing"),
        Err(Failure::Store(why)) => panic!("{why:?}"),
    }
}

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
        claim::claim(draft, &id.into(), &Terms { holder: actor(who), ttl: None }).map(|id| vec![id])
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
