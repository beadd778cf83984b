//! Whether the machine's clock can be trusted with the leases of others: not for a while after it has jumped.

use std::time::{Duration, Instant};

use crate::domain::time::Timestamp;

/// The clock may run off by this much before that counts as a jump: less than the allowance that leases have.
const JUMP: Duration = Duration::from_secs(30);

/// Compares the clock with one that only runs.
///
/// A machine that slept looks the same as one whose clock was set: holders who slept with it have not renewed their
/// leases, and get the time to.
#[derive(Debug)]
pub struct Clock {
    seen: Option<(Timestamp, Instant)>,
    jumped: Option<Instant>,
}

impl Clock {
    /// A clock nobody has looked at yet.
    pub fn new() -> Self {
        Self { seen: None, jumped: None }
    }

    /// Looks at both. Whether leases of `lease` can be judged.
    pub fn look(&mut self, wall: Timestamp, running: Instant, lease: Duration) -> bool {
        if let Some((seen, at)) = self.seen {
            let expected = seen.plus(running.saturating_duration_since(at));
            if wall.since(expected).max(expected.since(wall)) > JUMP {
                self.jumped = Some(running);
            }
        }
        self.seen = Some((wall, running));
        self.jumped.is_none_or(|at| running.saturating_duration_since(at) > lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_jump_leases_are_judged_again_once_every_holder_had_the_time_to_renew() {
        let (wall, start) = (Timestamp::from_millis(1_000_000_000), Instant::now());
        let lease = Duration::from_secs(600);
        for jump in [3600, -3600] {
            let mut clock = Clock::new();
            let mut look = |seconds: u64, set: i64| {
                let wall = Timestamp::from_millis(wall.millis() + (i64::try_from(seconds).unwrap_or(0) + set) * 1000);
                clock.look(wall, start + Duration::from_secs(seconds), lease)
            };
            assert!(look(0, 0) && look(100, 3), "a clock that drifts is trusted");
            assert!(!look(105, jump) && !look(700, jump));
            assert!(look(710, jump));
        }
    }
}
