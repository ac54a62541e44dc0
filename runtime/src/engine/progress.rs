//! What is finished beyond a commit, and which attempt unfinished records have come to.
//!
//! It travels as the commit's metadata, so that a restart or a new owner of the partition repeats only what was not
//! finished, and gives no poison record its attempts back. Metadata is text to brokers and clients: `K`, the version
//! `1`, then base64 of: the committed offset; how many runs of finished offsets, each as its distance from the end of
//! the one before and its length; how many records were tried, each as its distance from the one before and the
//! number of its next attempt; and a check sum. All numbers but the check sum are LEB128.
//!
//! What is not of this form, or belongs to another offset (a tool has moved the group, or copied the commit to
//! another cluster), says nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// Brokers take this much metadata unless they are told otherwise (`offset.metadata.max.bytes`).
const LIMIT: usize = 4_096;
/// Magic and version.
const PREFIX: &str = "K1";
/// Bytes whose base64 fits behind the prefix, without the check sum.
const BODY: usize = (LIMIT - PREFIX.len()) / 4 * 3 - 4;
/// Of these, how many are for attempts: records that fail all at once must not crowd out what is finished.
const ATTEMPTS: usize = BODY / 2;
/// The longest LEB128 of 64 bits.
const LONGEST: usize = 10;

/// What is known of a partition beyond the offset that may be committed.
///
/// **Invariant:** runs are in order and neither empty nor touching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Runs of offsets with no unfinished record in them.
    finished: VecDeque<Range<i64>>,
    /// Which attempt is next, by the record's offset.
    attempts: BTreeMap<i64, u32>,
}

impl Progress {
    pub(crate) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.attempts.is_empty()
    }

    /// Adds offsets that hold no unfinished record.
    pub(crate) fn finish(&mut self, run: Range<i64>) {
        if run.is_empty() {
            return;
        }
        match self.finished.back_mut() {
            Some(last) if last.start <= run.start && run.start <= last.end => last.end = last.end.max(run.end),
            Some(last) if run.start < last.start => {
                self.finished.push_back(run);
                self.tidy();
            }
            _ => self.finished.push_back(run),
        }
    }

    /// Notes which attempt at a record is next.
    pub(crate) fn tried(&mut self, offset: i64, attempt: u32) {
        let known = self.attempts.entry(offset).or_insert(attempt);
        *known = attempt.max(*known);
    }

    /// Adds what `other` knows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.finished.extend(other.finished.iter().cloned());
        self.tidy();
        for (&offset, &attempt) in &other.attempts {
            self.tried(offset, attempt);
        }
    }

    /// Forgets what is behind `offset`.
    pub(crate) fn forget_before(&mut self, offset: i64) {
        while self.finished.front().is_some_and(|run| run.end <= offset) {
            self.finished.pop_front();
        }
        if let Some(first) = self.finished.front_mut() {
            first.start = first.start.max(offset);
        }
        if !self.attempts.is_empty() {
            self.attempts = self.attempts.split_off(&offset);
        }
    }

    /// Whether the record is finished. Forgets what is behind it: records come in order.
    pub(crate) fn pass(&mut self, offset: i64) -> bool {
        self.forget_before(offset);
        self.finished.front().is_some_and(|run| run.start <= offset)
    }

    /// Which attempt at the record is next, from 1; somebody else counts from here on.
    pub(crate) fn take_attempt(&mut self, offset: i64) -> u32 {
        self.attempts.remove(&offset).unwrap_or(1)
    }

    /// As metadata of a commit of `committed`; what does not fit is left out. `None` if there is nothing to say.
    pub(crate) fn encode(&self, committed: i64) -> Option<String> {
        let mut attempts = Vec::new();
        let (mut tried, mut last) = (0, committed);
        for (&offset, &attempt) in self.attempts.range(committed..) {
            if attempts.len() + 2 * LONGEST > ATTEMPTS {
                break;
            }
            write(&mut attempts, offset.abs_diff(last));
            write(&mut attempts, attempt.into());
            (tried, last) = (tried + 1, offset);
        }
        let mut runs = Vec::new();
        let (mut finished, mut last) = (0, committed);
        for run in self.finished.iter().filter(|run| run.end > committed) {
            // The numbers around the runs take three more.
            if runs.len() + attempts.len() + 5 * LONGEST > BODY {
                break;
            }
            let start = run.start.max(committed);
            write(&mut runs, start.abs_diff(last));
            write(&mut runs, run.end.abs_diff(start));
            (finished, last) = (finished + 1, run.end);
        }
        if finished == 0 && tried == 0 {
            return None;
        }
        let mut bytes = Vec::with_capacity(runs.len() + attempts.len() + 3 * LONGEST + 4);
        write(&mut bytes, committed.unsigned_abs());
        write(&mut bytes, finished);
        bytes.append(&mut runs);
        write(&mut bytes, tried);
        bytes.append(&mut attempts);
        bytes.extend(check_sum(&bytes).to_le_bytes());
        let mut text = PREFIX.to_owned();
        STANDARD_NO_PAD.encode_string(bytes, &mut text);
        Some(text)
    }

    /// Reads the metadata of a commit of `committed`. What is foreign, damaged or of another offset says nothing.
    pub(crate) fn decode(metadata: &[u8], committed: i64) -> Self {
        try_decode(metadata, committed).unwrap_or_default()
    }

    fn tidy(&mut self) {
        let runs = self.finished.make_contiguous();
        runs.sort_unstable_by_key(|run| run.start);
        for run in std::mem::take(&mut self.finished) {
            match self.finished.back_mut() {
                Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
                _ => self.finished.push_back(run),
            }
        }
    }
}

fn try_decode(metadata: &[u8], committed: i64) -> Option<Progress> {
    let bytes = STANDARD_NO_PAD.decode(metadata.strip_prefix(PREFIX.as_bytes())?).ok()?;
    let (mut body, sum) = bytes.split_last_chunk()?;
    if check_sum(body) != u32::from_le_bytes(*sum) || read(&mut body)? != u64::try_from(committed).ok()? {
        return None;
    }
    let mut progress = Progress::default();
    let mut last = committed;
    for _ in 0..read(&mut body)? {
        let start = last.checked_add_unsigned(read(&mut body)?)?;
        last = start.checked_add_unsigned(read(&mut body)?)?;
        progress.finish(start..last);
    }
    last = committed;
    for _ in 0..read(&mut body)? {
        last = last.checked_add_unsigned(read(&mut body)?)?;
        progress.tried(last, read(&mut body)?.try_into().ok()?);
    }
    body.is_empty().then_some(progress)
}

/// FNV-1a: it tells what another program wrote from what this one did, and nobody attacks it.
fn check_sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn write(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn read(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..LONGEST {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits << (7 * place);
        if shifted >> (7 * place) != bits {
            return None;
        }
        number |= shifted;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(finished: &[Range<i64>], attempts: &[(i64, u32)]) -> Progress {
        let mut progress = Progress::default();
        finished.iter().for_each(|run| progress.finish(run.clone()));
        attempts.iter().for_each(|(offset, attempt)| progress.tried(*offset, *attempt));
        progress
    }

    fn offsets(progress: &Progress) -> BTreeSet<i64> {
        progress.finished.iter().cloned().flatten().collect()
    }

    fn progress() -> impl Strategy<Value = Progress> {
        let runs = prop::collection::vec((0i64..2_000, 0i64..40), 0..60);
        let attempts = prop::collection::btree_map(0i64..2_000, 2u32..9, 0..20);
        (runs, attempts).prop_map(|(runs, attempts)| {
            let mut progress = Progress { attempts, ..Progress::default() };
            runs.into_iter().for_each(|(start, length)| progress.finish(start..start + length));
            progress
        })
    }

    /// If this fails, a restart repeats what an app of the version before had finished, or takes its numbers for others.
    #[test]
    fn the_text_is_stable() {
        let text = of(&[12..15, 300..301], &[(10, 3)]).encode(10).expect("something to say");
        assert_eq!(text, "K1CgICA50CAQEAA0JU7n4");
        assert_eq!(Progress::decode(text.as_bytes(), 10), of(&[12..15, 300..301], &[(10, 3)]));
    }

    /// If this fails, what somebody else wrote into a commit, or what was written for another offset, skips records.
    #[test]
    fn what_is_foreign_says_nothing() {
        let own = of(&[12..15, 17..18], &[]).encode(10).expect("something to say");
        for text in ["", "K", "K1", "K2", "kafka-streams", "K1!!!!", "K1AAAAAAAA", "\u{fffd}", &own[..own.len() - 1]] {
            assert_eq!(Progress::decode(text.as_bytes(), 10), Progress::default(), "{text}");
        }
        assert_eq!(Progress::decode(own.as_bytes(), 11), Progress::default(), "the group was moved");
        assert_eq!(Progress::decode(own.replacen("K1", "K2", 1).as_bytes(), 10), Progress::default());
    }

    /// If this fails, Kafka refuses the commits of a lane that has finished much beyond its head.
    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut much = Progress::default();
        for number in 0..100_000 {
            much.finish(number * 1_000 + 1..number * 1_000 + 2 + number % 2);
            much.tried(number * 1_000, 7);
        }
        let text = much.encode(0).expect("something to say");
        assert!((LIMIT - 64..=LIMIT).contains(&text.len()), "{}", text.len());
        let read = Progress::decode(text.as_bytes(), 0);
        assert!(read.finished.len() > 300 && read.attempts.len() > 300, "{read:?}");
        assert!(read.finished.iter().zip(&much.finished).all(|(read, written)| read == written));
    }

    proptest! {
        /// If this fails, a record that was finished is repeated after a restart, or one that was not is skipped.
        #[test]
        fn comes_back_as_it_went(mut progress in progress(), committed in 0i64..1_000) {
            let text = progress.encode(committed);
            progress.forget_before(committed);
            let read = text.map(|text| Progress::decode(text.as_bytes(), committed)).unwrap_or_default();
            prop_assert_eq!(read, progress);
        }

        /// If this fails, a commit that was cut off or tampered with skips records or brings the consumer down.
        #[test]
        fn damage_says_nothing(progress in progress(), at in 0usize..200, bit in 0u32..7) {
            let Some(text) = progress.encode(0) else { return Ok(()) };
            let cut = at % text.len();
            prop_assert_eq!(Progress::decode(&text.as_bytes()[..cut], 0), Progress::default());
            let mut bytes = text.into_bytes();
            bytes[cut] ^= 1 << bit;
            prop_assert_eq!(Progress::decode(&bytes, 0), Progress::default());
        }

        /// If this fails, random bytes in a commit bring the consumer down.
        #[test]
        fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), committed in any::<i64>()) {
            let _ = Progress::decode(&bytes, committed);
            let mut framed = bytes.clone();
            framed.extend(check_sum(&bytes).to_le_bytes());
            let text = format!("{PREFIX}{}", STANDARD_NO_PAD.encode(framed));
            let _ = Progress::decode(text.as_bytes(), committed);
        }

        /// If this fails, what the process remembers and what the commit says do not add up.
        #[test]
        fn merging_adds_up(mut one in progress(), mut other in progress(), asked in 0i64..2_050) {
            let expected: BTreeSet<_> = offsets(&one).union(&offsets(&other)).copied().collect();
            let union = other.clone();
            let attempt = one.clone().take_attempt(asked).max(other.take_attempt(asked));
            one.merge(&union);
            prop_assert_eq!(&offsets(&one), &expected);
            prop_assert!(one.finished.iter().zip(one.finished.iter().skip(1)).all(|(a, b)| a.end < b.start));
            prop_assert_eq!(one.clone().take_attempt(asked), attempt);
            prop_assert_eq!(one.pass(asked), expected.contains(&asked));
            prop_assert_eq!(offsets(&one), expected.range(asked..).copied().collect::<BTreeSet<_>>());
        }
    }
}
