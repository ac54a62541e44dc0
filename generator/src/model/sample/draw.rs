//! Chance that is the same for the same seed and place, whatever was drawn before.

/// A place in a sample, and what is drawn there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The place below, at this name.
    pub(super) fn at(self, name: &str) -> Self {
        // FNV-1a (its offset and prime), continued from the place above.
        Self(mix(name.bytes().fold(self.0 ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })))
    }

    /// The place below, at this index.
    pub(super) fn nth(self, index: usize) -> Self {
        Self(mix(self.0.wrapping_add(index as u64 + 1)))
    }

    /// 64 bits.
    pub(super) fn bits(self) -> u64 {
        mix(self.0 ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number from 0 up to, not including, `bound`; 0 for the bound 0.
    pub(super) fn below(self, bound: u64) -> u64 {
        self.bits().checked_rem(bound).unwrap_or(0)
    }

    /// Whether one chance in `count` has come up.
    pub(super) fn one_in(self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of these, if there are any.
    pub(super) fn pick<T>(self, items: &[T]) -> Option<&T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

/// The finisher of `SplitMix64` (Steele, Lea, Flood 2014): every bit of the seed moves every bit of the result.
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
