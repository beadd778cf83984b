//! Random histories over the store in memory.

use std::ops::ControlFlow;

use jit::domain::draft::{Context, Draft, Ids};
use jit::domain::event::{Edit, Judgement};
use jit::domain::id::{IdPrefix, IssueId};
use jit::domain::invariants::{broken, broken_together};
use jit::domain::issue::Issue;
use jit::domain::name::{Actor, GateKey};
use jit::domain::ops::agent::{self, End};
use jit::domain::ops::claim::{self, Elsewhere, Terms};
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
use jit::store::{Backend, CommitId, events};
use proptest::prelude::*;
use uuid::Uuid;

/// Ids that count up.
#[derive(Default)]
pub struct Counted(pub u128);

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
pub struct World {
    pub store: MemoryStore,
    pub ids: Counted,
    pub clock: i64,
    pub issues: Vec<IssueId>,
}

pub fn actor(name: &str) -> Actor {
    name.parse().expect("a valid actor")
}

pub fn key(name: &str) -> GateKey {
    name.parse().expect("a valid key")
}

impl World {
    pub fn new() -> Self {
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

    pub fn request<'a>(&self, name: &str, force: bool, clock: &'a dyn Fn() -> Timestamp) -> Request<'a> {
        let now = clock();
        let context = Context {
            actor: actor(name),
            named: !name.starts_with("human:"),
            token: None,
            work: None,
            force,
            host: None,
            worktree: None,
            op_id: None,
            clock: now,
            now,
        };
        Request { command: "test", words: "test", context, author: ("a".to_owned(), "a@b".to_owned()), clock }
    }

    pub fn change(
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

    pub fn tip(&self) -> CommitId {
        self.store.tip().expect("memory can be read").expect("there is a tracker")
    }

    /// Whether all that must hold does.
    pub fn check(&self) {
        let state = open(&self.store, &self.tip()).expect("the tip can be opened");
        let all = all_issues(&state);
        for issue in &all {
            assert_eq!(broken(issue), Vec::<String>::new(), "{issue:#?}");
        }
        let (gone, living): (Vec<_>, Vec<_>) = all.iter().partition(|issue| issue.deleted.is_some());
        let living = living.iter().map(|issue| (issue.id, issue.dependencies.clone())).collect();
        assert_eq!(broken_together(&living, &gone.iter().map(|issue| issue.id).collect()), Vec::new());
        let mut replay = Replay::default();
        let mut chain = Vec::new();
        let mut next = Some(self.tip());
        while let Some(id) = next {
            next = self.store.info(&id).expect("the history is whole").parents.first().cloned();
            chain.push(id);
        }
        for id in chain.iter().rev() {
            let tree = self.store.tree(id).expect("the history is whole");
            for event in events::all(&tree, id).expect("events can be read") {
                replay.apply(&event).expect("each event fits");
            }
        }
        assert_eq!(replay.issues.into_values().collect::<Vec<_>>(), all, "the events tell the same story");
        assert_eq!(replay.settings, state.settings().expect("the tip can be read"));
    }
}

/// Every issue, tombstones included, in the order of ids.
pub fn all_issues(state: &TreeSnapshot<MemoryTree>) -> Vec<Issue> {
    let mut issues = Vec::new();
    let _: ControlFlow<()> = state.each_issue(&mut |issue| {
        issues.push(issue.expect("every issue can be read"));
        ControlFlow::Continue(())
    });
    issues
}

pub fn new_issue(n: usize, depends_on: Vec<IdPrefix>, gated: bool, ready: bool) -> Create {
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

/// The name of the coordinator.
const KEEPER: &str = "coordinator:x";

/// What a coordinator does with an issue under its care, or whose lease ran out.
fn keep_or_take_back(draft: &mut Draft<'_>, id: &IdPrefix, step: &Step) -> Decision<Vec<IssueId>> {
    let issue = draft.resolve(id)?;
    let Some(claim) = issue.claim else {
        return agent::leave_to_people(draft, issue.id, 2).map(|done| if done { vec![issue.id] } else { vec![] });
    };
    if claim.keeper != Some(actor(KEEPER)) && !claim.is_expired(draft.context.clock) {
        return Ok(vec![]);
    }
    let end = if step.force || claim.keeper.is_none() { End::Stalled } else { End::Released(Outcome::Failed) };
    let done = match step.kind {
        23 if claim.keeper.is_some() => agent::keep(draft, issue.id, claim.token)?,
        _ => agent::take_back(draft, issue.id, claim.token, &end, ("why", 2))?,
    };
    Ok(if done { vec![issue.id] } else { vec![] })
}

fn edit_it(draft: &mut Draft<'_>, id: &IdPrefix, edit: Edit) -> Decision<Vec<IssueId>> {
    issue::update(draft, std::slice::from_ref(id), &Update { edit, state: None }, &Finish::default())
}

/// One step of a random history.
#[derive(Clone, Debug)]
pub struct Step {
    pub kind: u8,
    pub a: usize,
    pub b: usize,
    pub who: usize,
    pub force: bool,
    pub later: i64,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..26u8, 0..12usize, 0..12usize, 0..4usize, any::<bool>(), 0..400_000i64).prop_map(
        |(kind, a, b, who, force, later)| Step { kind, a, b, who, force: force && a.is_multiple_of(3), later },
    );
    prop::collection::vec(step, 1..60)
}

pub fn play(world: &mut World, step: &Step) {
    const WHO: [&str; 4] = ["bot:a", "bot:b", "human:c", "bot:d"];
    world.clock += step.later;
    // The last kinds are what a coordinator does.
    let who = if step.kind >= 22 { KEEPER } else { WHO[step.who] };
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
            3 | 4 => claim::claim(draft, &a, &Terms::local(actor(who), None))?,
            5 => claim::claim(draft, &a, &Terms::local(actor(who), Some(std::time::Duration::from_secs(200))))?,
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
            16 => {
                let title = Some(format!("title {}", step.later).parse().expect("a valid title"));
                let edit = Edit { title, priority: Some(Priority::ALL[step.b % 4]), ..Edit::default() };
                return edit_it(draft, &a, edit);
            }
            17 => {
                let label = format!("label-{}", step.b % 5).parse().expect("a valid label");
                let (added, removed) =
                    if step.force { ([].into(), [label].into()) } else { ([label].into(), [].into()) };
                return edit_it(draft, &a, Edit { labels_added: added, labels_removed: removed, ..Edit::default() });
            }
            18 => {
                let name = format!("key-{}", step.b % 4);
                let value = [(name.clone(), step.later.to_string())].into();
                let (set, unset) = if step.force { ([].into(), [name].into()) } else { (value, [].into()) };
                return edit_it(draft, &a, Edit { context_set: set, context_unset: unset, ..Edit::default() });
            }
            19 => gate::remove(draft, &a, &[key("unit-tests")])?,
            20 => {
                let title = format!("gate of {}", step.later);
                let gate = jit::domain::gate::Gate { title, ..jit::domain::gate::default_gates()[step.b % 4].clone() };
                gate::define(draft, &gate, true)?;
                return Ok(vec![]);
            }
            22 => {
                let elsewhere = Some(Elsewhere { keeper: Some(actor(KEEPER)), worktree: None });
                let lease = Some(std::time::Duration::from_secs(300));
                let terms = Terms { elsewhere, ..Terms::local(actor(WHO[step.who]), lease) };
                let wanted = [&a, &b].map(|id| Ok((draft.resolve(id)?.id, terms.clone())));
                return agent::dispatch(draft, &wanted.into_iter().collect::<Decision<Vec<_>>>()?);
            }
            23..=25 => return keep_or_take_back(draft, &a, step),
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
