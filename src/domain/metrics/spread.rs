//! How values spread.

use schemars::JsonSchema;
use serde::Serialize;

/// Percentiles of spans of time, in milliseconds, by nearest rank; all of them `null` when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spread {
    /// How many values there are.
    pub count: usize,
    /// The middle: half of them are not longer.
    pub p50_ms: Option<u64>,
    /// Nine in ten are not longer.
    pub p90_ms: Option<u64>,
    /// Nineteen in twenty are not longer.
    pub p95_ms: Option<u64>,
    /// The longest.
    pub max_ms: Option<u64>,
    /// All together.
    pub total_ms: u64,
}

impl Spread {
    /// The spread of values, in any order.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let count = values.len();
        // The smallest value that so many in a hundred do not exceed.
        let rank = |part: usize| values.get((count * part).div_ceil(100).saturating_sub(1)).copied();
        let total_ms = values.iter().fold(0, |sum: u64, value| sum.saturating_add(*value));
        Self { count, p50_ms: rank(50), p90_ms: rank(90), p95_ms: rank(95), max_ms: values.last().copied(), total_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let spread = Spread::of((1..=20).rev().collect());
        assert_eq!((spread.p50_ms, spread.p90_ms, spread.p95_ms), (Some(10), Some(18), Some(19)));
        assert_eq!((spread.max_ms, spread.total_ms, spread.count), (Some(20), 210, 20));
        assert_eq!(
            Spread::of(vec![7]),
            Spread { count: 1, p50_ms: Some(7), p90_ms: Some(7), p95_ms: Some(7), max_ms: Some(7), total_ms: 7 }
        );
        assert_eq!(Spread::of(Vec::new()).p50_ms, None);
    }
}
