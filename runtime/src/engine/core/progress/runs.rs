//! The lengths of runs of offsets as bits, short enough that what is finished fits a commit.
//!
//! From the committed offset on, offsets are unfinished, finished, unfinished … by turns, and what is written is how long
//! each of these runs is. A length of up to [`SHORT`] is one bit an offset, all ones but the last: short runs by turns look
//! like a bitmap. A longer one is [`SHORT`] ones, and then what is beyond as Elias' gamma code writes it: as many ones as
//! it has bits behind its first, a zero, and those bits. Ones alone end no length, so they fill up the last byte.
//!
//! What this costs has a bound that holds whichever records finish: see [`gap`].

/// Up to here a length costs a bit an offset.
const SHORT: u64 = 4;

/// How many units of cost a bit is.
pub(super) const BIT: u64 = 6;

/// What an offset costs, at most, whatever its neighbours are: 7/6 of a bit, as in runs of six.
pub(crate) const OFFSET: u64 = 7;

/// What so many offsets cost, at most, that nothing is said of one by one: a gap without records, or a run.
///
/// A run of n offsets takes no more bits than this, and two runs or gaps cost no less than one that is as long as both. So
/// records and the gaps between them cost at most the sum of theirs, whichever of them finish.
pub(crate) fn gap(offsets: u64) -> u64 {
    let short = OFFSET.saturating_mul(offsets);
    // SHORT + 1 + 2 log₂(n + 1) bits, where the logarithm is a straight line from each power of two to the next.
    let behind = (offsets + 1).ilog2();
    let beyond = u128::from(offsets + 1 - (1 << behind));
    let part = (u128::from(2 * BIT) * beyond).div_ceil(1 << behind) as u64;
    short.min(BIT * (SHORT + 1) + 2 * BIT * u64::from(behind) + part)
}

/// What no gap costs more than.
pub(super) const LONGEST_GAP: u64 = BIT * (SHORT + 1 + 2 * 63);

/// How many bits a length takes.
fn bits(length: u64) -> u64 {
    match length.checked_sub(SHORT + 1) {
        None => length,
        Some(beyond) => SHORT + 1 + 2 * u64::from((beyond + 1).ilog2()),
    }
}

/// Bytes that are written bit by bit.
#[derive(Debug)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// How many bits are written.
    written: u64,
    /// How many there is room for.
    room: u64,
}

impl Writer {
    /// One with room for so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { bytes: Vec::new(), written: 0, room: 8 * room as u64 }
    }

    /// Writes two lengths, both from 1, or neither if they do not fit. Returns whether they did.
    pub(super) fn pair(&mut self, lengths: [u64; 2]) -> bool {
        let fits = self.written + lengths.map(bits).iter().sum::<u64>() <= self.room;
        if fits {
            lengths.into_iter().for_each(|length| self.length(length));
        }
        fits
    }

    fn length(&mut self, length: u64) {
        match length.checked_sub(SHORT) {
            None | Some(0) => {
                self.ones(length - 1);
                self.bit(false);
            }
            Some(beyond) => {
                let behind = u64::from(beyond.ilog2());
                self.ones(SHORT + behind);
                self.bit(false);
                (0..behind).rev().for_each(|place| self.bit(beyond >> place & 1 == 1));
            }
        }
    }

    fn ones(&mut self, count: u64) {
        (0..count).for_each(|_| self.bit(true));
    }

    fn bit(&mut self, bit: bool) {
        let place = self.written % 8;
        if place == 0 {
            // Filled up with ones, which end no length.
            self.bytes.push(0xff);
        }
        if !bit && let Some(last) = self.bytes.last_mut() {
            *last &= !(0x80 >> place);
        }
        self.written += 1;
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Lengths, one after another, until the bytes end.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    fn bit(&mut self) -> Option<bool> {
        let byte = *self.bytes.get(self.read / 8)?;
        let bit = byte & (0x80 >> (self.read % 8)) != 0;
        self.read += 1;
        Some(bit)
    }
}

impl Iterator for Reader<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut ones = 0;
        while self.bit()? {
            ones += 1;
            if ones > SHORT + 62 {
                return None;
            }
        }
        let Some(behind) = ones.checked_sub(SHORT) else { return Some(ones + 1) };
        let mut beyond = 1;
        for _ in 0..behind {
            beyond = beyond << 1 | u64::from(self.bit()?);
        }
        Some(SHORT + beyond)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lengths() -> impl Strategy<Value = u64> {
        prop_oneof![4 => 1u64..12, 2 => 1u64..5_000, 1 => 1u64..i64::MAX as u64]
    }

    /// If this fails, a commit has less room than is thought, and what is finished is repeated after a clean stop.
    #[test]
    fn a_length_costs_at_most_a_sixth_more_than_a_bit_an_offset() {
        for length in 1..100_000 {
            assert!(BIT * bits(length) <= OFFSET * length, "{length}");
            assert!(BIT * bits(length) <= gap(length), "{length}");
        }
        for length in (0..63).flat_map(|power| [1 << power, (1 << power) + 1, (2 << power) - 1]) {
            assert!(BIT * bits(length) <= gap(length) && gap(length) <= LONGEST_GAP, "{length}");
        }
    }

    /// If this fails, a commit has room for less than its lane counts with.
    #[test]
    fn the_last_bit_is_of_use() {
        let mut writer = Writer::new(1);
        assert!(writer.pair([4, 4]) && !writer.pair([1, 1]));
    }

    proptest! {
        /// If this fails, what was read before a restart is not all read again after it, where the topic has gaps.
        #[test]
        fn two_gaps_cost_no_less_than_one(one in lengths(), other in lengths()) {
            let both = (one + other).min(i64::MAX as u64);
            prop_assert!(gap(both) <= gap(one) + gap(other), "{one} {other}");
            prop_assert!(gap(one) <= gap(one + 1) && gap(1) == OFFSET);
        }

        /// If this fails, a restart takes other records for finished than those that are.
        #[test]
        fn lengths_come_back(lengths in prop::collection::vec((lengths(), lengths()), 0..200)) {
            let mut writer = Writer::new(1 << 16);
            let mut expected_bits = 0;
            for (one, other) in &lengths {
                prop_assert!(writer.pair([*one, *other]));
                expected_bits += bits(*one) + bits(*other);
            }
            prop_assert_eq!(writer.written, expected_bits);
            let bytes = writer.into_bytes();
            prop_assert_eq!(bytes.len() as u64, expected_bits.div_ceil(8));
            let read: Vec<_> = Reader::new(&bytes).collect();
            prop_assert_eq!(read, lengths.iter().flat_map(|(one, other)| [*one, *other]).collect::<Vec<_>>());
        }

        /// If this fails, records that finish in an unlucky order do not fit the commit that room was kept for.
        #[test]
        fn however_runs_fall_they_cost_what_their_records_and_gaps_do(
            parts in prop::collection::vec((prop_oneof![6 => Just(0u64), 3 => 0u64..40, 1 => 0u64..1_000_000], any::<bool>()), 1..300),
        ) {
            // Each part is a gap and a record behind it; a run is what lies between two records of another kind.
            let (mut cost, mut taken) = (0, 0);
            let (mut run, mut kind) = (0, parts[0].1);
            for (missing, finished) in parts {
                cost += gap(missing) + OFFSET;
                if finished == kind {
                    run += missing + 1;
                    continue;
                }
                // A gap belongs to the unfinished of its neighbours.
                let (before, after) = if kind { (0, missing) } else { (missing, 0) };
                taken += bits(run + before);
                (run, kind) = (after + 1, finished);
            }
            taken += bits(run);
            prop_assert!(BIT * taken <= cost, "{} bits, and room for {}/{BIT}", taken, cost);
        }
    }
}
