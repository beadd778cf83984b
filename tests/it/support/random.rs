//! Numbers that look random and follow from a seed.

/// A source of them (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// From the seed in `JIT_SEED`, or from one and the same.
    pub fn from_environment() -> Self {
        let given = std::env::var("JIT_SEED").ok().and_then(|text| text.parse().ok());
        Self(given.unwrap_or(20_260_101))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
