//! Over random histories, damage and rewound refs included, the index and the list of held issues say what the
//! documents say.

use jit::domain::event::Edit;
use jit::domain::ops::claim::{self, Terms};
use jit::domain::ops::issue::{Create, Update};
use jit::domain::ops::state::Finish;
use jit::domain::ops::{dep, gate, issue, talk};
use jit::domain::snapshot::Snapshot;
use jit::domain::state::{Outcome, Priority, State};
use jit::domain::table::{Presence, Summary, Table};
use jit::store::index::{Home, Thrift};
use jit::store::transact::open;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::World;

/// What a table says, without how it says it.
fn said(table: &Table) -> Vec<String> {
    let known = |presence| !matches!(presence, Presence::Absent | Presence::Removed);
    let mut rows: Vec<Summary<'_>> = table.rows().map(Summary::from).filter(|row| known(row.presence)).collect();
    rows.sort_by_key(|row| row.id);
    let blocked = |row: &Summary<'_>| table.find(row.id).is_some_and(|entry| entry.is_blocked());
    let rows = rows.iter().map(|row| format!("{row:?} blocked: {}", blocked(row)));
    rows.chain(table.damaged().iter().map(ToString::to_string)).collect()
}

/// Who holds what.
fn holders(table: &Table) -> Vec<String> {
    let held = table.issues().filter_map(|issue| Some(format!("{} {}", issue.id(), issue.holder()?)));
    let mut held: Vec<String> = held.collect();
    held.sort();
    held
}

impl World {
    fn act(&mut self, step: &Step) {
        let Step { what, first, second } = *step;
        let (one, other) = (self.one(first), self.one(second));
        let (Some(one), Some(other)) = (one, other) else { return self.create(first, second) };
        let terms = || Terms::local("bot:b".parse().expect("valid"), Some(std::time::Duration::from_secs(60)));
        let key = || "review".parse().expect("a valid key");
        match what % 13 {
            0..=2 => self.create(first, second),
            3 => self.change(|draft| dep::add(draft, &one, std::slice::from_ref(&other))),
            4 => self.change(|draft| dep::remove(draft, &one, std::slice::from_ref(&other))),
            5 => self.change(|draft| claim::claim(draft, &one, &terms())),
            6 => self.change(|draft| claim::release(draft, &one, Outcome::Abandoned, None)),
            7 => self.change(|draft| issue::delete(draft, &one)),
            8 => self.change(|draft| gate::add(draft, &one, &[key()])),
            9 => self.change(|draft| talk::ask(draft, &one, "why?")),
            10 => {
                let state = State::ALL[second % State::ALL.len()];
                let edit = Edit { title: format!("é{second}").parse().ok(), ..Edit::default() };
                let update = Update { edit, state: Some(state) };
                self.change(|draft| {
                    issue::update(draft, std::slice::from_ref(&one), &update, &Finish::default()).map(|ids| ids[0])
                });
            }
            11 => self.damage(second),
            _ => self.rewind(second),
        }
    }

    fn create(&mut self, first: usize, second: usize) {
        let create = Create {
            title: format!("Issue {first} „ü“").parse().expect("a valid title"),
            description: "text".repeat(second % 9),
            priority: Priority::ALL[first % 4],
            gates: [].into(),
            labels: [format!("l{}", second % 5).parse().expect("a label")].into(),
            depends_on: if second.is_multiple_of(2) { self.one(first).into_iter().collect() } else { Vec::new() },
            blocks: Vec::new(),
            ready: first.is_multiple_of(2),
            context: [].into(),
        };
        self.change(|draft| issue::create(draft, &create));
    }

    /// Puts something unusable into the tracker's tree.
    fn damage(&self, n: usize) {
        let id = self.issues[n % self.issues.len()].to_string();
        let place = format!("issues/{}/{}/{id}.json", &id[..1], &id[1..2]);
        match n % 5 {
            0 => self.repo.plant(&[("100644", &place, b"{ broken")]),
            1 => self.repo.plant(&[("120000", &place, b"elsewhere")]),
            2 => self.repo.plant(&[("100644", &format!("issues/9/{id}.json"), b"{}")]),
            3 => self.repo.plant(&[("100644", "issues/4/4/notes.txt", b"{}")]),
            _ => self.repo.plant(&[("100644", "issues/zz/notes.txt", b"{}")]),
        }
    }

    /// Points the ref to an earlier commit.
    fn rewind(&self, n: usize) {
        let to = format!("refs/jit~{}", n % 4);
        if self.repo.git(&["rev-parse", "--verify", "--quiet", &to]).code == Some(0) {
            self.repo.git(&["update-ref", "refs/jit", &to]).ok();
        }
    }

    fn compare(&self, dir: &Path, keep: Option<Thrift>) {
        let plain = open(&self.store, &self.tip()).expect("the tip can be opened").read_table();
        let home = Home { dir: dir.to_owned(), keep };
        let state = open(&self.store, &self.tip()).expect("the tip can be opened").with_index(home);
        let indexed = state.table().expect("the tip can be read");
        assert_eq!(said(&plain), said(&indexed));
        let held = state.held().expect("the tip can be read");
        assert_eq!(holders(&plain), holders(&held));
        assert!(held.issues().all(|issue| issue.holder().is_some()), "nobody else is listed");
    }
}

#[derive(Clone, Copy, Debug)]
struct Step {
    what: usize,
    first: usize,
    second: usize,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn a_table_from_the_index_says_what_the_documents_say(
        steps in proptest::collection::vec((0..100_usize, 0..100_usize, 0..100_usize), 10..60),
        thrift in (1..8_usize, 1..20_usize),
    ) {
        let mut world = World::new();
        let dirs: Vec<PathBuf> = (0..2).map(|n| world.repo.outside().join(format!("index-{n}"))).collect();
        dirs.iter().for_each(|dir| fs::create_dir(dir).expect("a folder can be made"));
        for (n, (what, first, second)) in steps.into_iter().enumerate() {
            world.act(&Step { what, first, second });
            // One index is used after every change, the other now and then, neither always written.
            let keep = Some(Thrift { worth_keeping: thrift.0, few: thrift.1 });
            world.compare(&dirs[0], keep.filter(|_| what % 3 > 0));
            if n % 7 == 0 {
                world.compare(&dirs[1], keep);
            }
        }
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}
