//! The coordinator's brain, played against agents that do what agents do, under a clock of its own.
//!
//! `JIT_SIM_HISTORIES` says how many schedules are played, `JIT_SEED` with which one to begin.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use jit::coordinator::plan::{Circumstances, plan};
use jit::domain::ops::claim::{self, Terms};

use crate::support::game::{Game, OWN};
use crate::support::memory::actor;

#[test]
fn over_thousands_of_schedules_no_agent_is_overloaded_and_no_claim_is_left_alone() {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (schedules, first) = (number("JIT_SIM_HISTORIES", 1_000), number("JIT_SEED", 1));
    for seed in first..first + schedules {
        let mut game = Game::new(seed);
        let played = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..3 {
                game.create();
            }
            for _ in 0..40 {
                game.happen(false);
                if !game.random.once_in(3) {
                    game.round();
                }
            }
            game.finish();
        }));
        if let Err(why) = played {
            let said = why
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let log = game.log.join("\n");
            resume_unwind(Box::new(format!(
                "{log}\nreplay it with JIT_SEED={seed} JIT_SIM_HISTORIES=1: {}",
                said.unwrap_or_default()
            )));
        }
    }
}

#[test]
fn a_lease_of_somebody_else_is_looked_at_when_it_is_over_and_not_at_the_next_poll() {
    let mut game = Game::new(1);
    game.create();
    let id = game.world.issues[0];
    let terms = Terms::local(actor("human:p"), Some(Duration::from_secs(10)));
    game.change("human:p", |draft| claim::claim(draft, &id.into(), &terms).map(|id| vec![id]));
    for (passes, least, most) in [(0, 70, 72), (15_000, 55, 57), (54_000, 1, 3)] {
        game.pass(passes);
        let (own, none) = (actor(OWN), BTreeMap::new());
        let around = Circumstances {
            own: &own,
            now: game.now(),
            judges_leases: true,
            sees_remote: false,
            seeks_orphans: false,
            alive: &BTreeSet::new(),
            resting: &none,
        };
        let decided = plan(&game.state(), &game.config, &[], &around).expect("the state can be read");
        let wake = decided.wake.expect("it is due").as_secs();
        assert!((least..=most).contains(&wake), "{wake} s, {passes} ms later");
    }
}
