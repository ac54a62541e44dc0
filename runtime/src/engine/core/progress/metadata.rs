//! Progress as the text of a commit's metadata.
//!
//! It is text to brokers and clients: `K`, the version `2`, then base64 of: the committed offset; how many bytes of runs
//! there are, and these (see [`super::runs`]); of records that were tried, each as its distance from the one before and
//! the number of its next attempt; and a check sum. All other numbers are LEB128.
//!
//! What is not of this form, or belongs to another offset (a tool has moved the group, or copied the commit to
//! another cluster), says nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use super::{
    OFFSET, Progress,
    runs::{BIT, LONGEST_GAP, Reader, Writer},
};
use crate::settings::WINDOW;

/// Brokers take this much metadata unless they are told otherwise (`offset.metadata.max.bytes`).
const LIMIT: usize = 4_096;
/// Magic and version.
const PREFIX: &str = "K2";
/// The check sum.
const SUM: usize = 4;
/// Bytes whose base64 fits behind the prefix, without the check sum.
const BODY: usize = (LIMIT - PREFIX.len()) * 3 / 4 - SUM;
/// The longest LEB128 of 64 bits.
const LONGEST: usize = 10;
/// Bytes of runs: what the committed offset and their own number leave.
const RUNS: usize = BODY - LONGEST - 2;

/// How much may lie from the first unfinished record to the newest one so that it fits, whichever of them are finished: as
/// [`super::gap`] and [`OFFSET`] count.
///
/// Kept back are: what the first run costs more, as it may be empty; a finished run before the first unfinished record,
/// which stands there when the commit is behind; the gap before the next record, which nobody knows; and [`AGAIN`].
pub(crate) const ROOM: u64 = BIT * (8 * RUNS as u64 - 3) - 2 * LONGEST_GAP - AGAIN;

/// How much more it may be while what was read before a restart is read again: so far may the last record have gone.
pub(crate) const AGAIN: u64 = LONGEST_GAP + OFFSET;

// Of a partition without gaps the window of those who name none is all of use.
const _: () = assert!(OFFSET * WINDOW <= ROOM);

/// What a commit says of progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// `None` if there is nothing to say.
    pub(crate) text: Option<String>,
    /// How many finished offsets did not fit, and are done again by whoever starts from this commit.
    pub(crate) left_out: u64,
}

impl Progress {
    /// As metadata of a commit of `committed`: what is finished, and then attempts, the first record's first, as far as
    /// they fit.
    pub(crate) fn encode(&self, committed: i64) -> Metadata {
        let mut writer = Writer::new(RUNS);
        // The first run may be empty, and no length is 0.
        let (mut last, mut first) = (committed, 1);
        let mut left_out = 0;
        for run in self.finished.iter().filter(|run| run.end > committed) {
            let start = run.start.max(committed);
            let finished = run.end.abs_diff(start);
            // What follows is no use without what stands before it.
            if left_out > 0 || !writer.pair([start.abs_diff(last) + first, finished]) {
                left_out += finished;
            }
            (last, first) = (run.end, 0);
        }
        let runs = writer.into_bytes();
        let mut bytes = Vec::with_capacity(BODY + SUM);
        write(&mut bytes, committed.unsigned_abs());
        write(&mut bytes, runs.len() as u64);
        let without_runs = runs.is_empty();
        bytes.extend(runs);
        let before = bytes.len();
        let mut last = committed;
        for (&offset, &attempt) in self.attempts.range(committed..) {
            let mut tried = Vec::with_capacity(2 * LONGEST);
            write(&mut tried, offset.abs_diff(last));
            write(&mut tried, attempt.into());
            if bytes.len() + tried.len() > BODY {
                break;
            }
            bytes.extend(tried);
            last = offset;
        }
        if without_runs && bytes.len() == before {
            return Metadata { text: None, left_out };
        }
        bytes.extend(check_sum(&bytes).to_le_bytes());
        let mut text = PREFIX.to_owned();
        STANDARD_NO_PAD.encode_string(bytes, &mut text);
        Metadata { text: Some(text), left_out }
    }

    /// Reads the metadata of a commit of `committed`. What is foreign, damaged or of another offset says nothing.
    pub(crate) fn decode(metadata: &[u8], committed: i64) -> Self {
        try_decode(metadata, committed).unwrap_or_default()
    }
}

fn try_decode(metadata: &[u8], committed: i64) -> Option<Progress> {
    let bytes = STANDARD_NO_PAD.decode(metadata.strip_prefix(PREFIX.as_bytes())?).ok()?;
    let (mut body, sum) = bytes.split_last_chunk()?;
    if check_sum(body) != u32::from_le_bytes(*sum) || read(&mut body)? != u64::try_from(committed).ok()? {
        return None;
    }
    let runs = read(&mut body)?;
    let (runs, mut tried) = body.split_at_checked(usize::try_from(runs).ok()?)?;
    let mut progress = Progress::default();
    let (mut last, mut first) = (committed, 1);
    let mut lengths = Reader::new(runs);
    while let (Some(unfinished), Some(finished)) = (lengths.next(), lengths.next()) {
        let start = last.checked_add_unsigned(unfinished.checked_sub(first)?)?;
        last = start.checked_add_unsigned(finished)?;
        first = 0;
        progress.finish(start..last);
    }
    last = committed;
    while !tried.is_empty() {
        last = last.checked_add_unsigned(read(&mut tried)?)?;
        progress.tried(last, read(&mut tried)?.try_into().ok()?);
    }
    Some(progress)
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
    use std::{collections::BTreeSet, ops::Range};

    use proptest::prelude::*;

    use super::{super::tests::progress, *};

    fn of(finished: &[Range<i64>], attempts: &[(i64, u32)]) -> Progress {
        let mut progress = Progress::default();
        finished.iter().for_each(|run| progress.finish(run.clone()));
        attempts.iter().for_each(|(offset, attempt)| progress.tried(*offset, *attempt));
        progress
    }

    fn text(progress: &Progress, committed: i64) -> String {
        progress.encode(committed).text.expect("something to say")
    }

    /// If this fails, a restart repeats what an app of the version before had finished, or takes its numbers for others.
    #[test]
    fn the_text_is_stable() {
        let progress = of(&[12..15, 300..301], &[(10, 3)]);
        assert_eq!(text(&progress, 10), "K2CgTb/8MvAAOKCYN+");
        assert_eq!(Progress::decode(text(&progress, 10).as_bytes(), 10), progress);
    }

    /// If this fails, what somebody else wrote into a commit, or what was written for another offset, skips records.
    #[test]
    fn what_is_foreign_says_nothing() {
        let own = text(&of(&[12..15, 17..18], &[]), 10);
        for text in ["", "K", "K1", "K2", "kafka-streams", "K2!!!!", "K2AAAAAAAA", "\u{fffd}", &own[..own.len() - 1]] {
            assert_eq!(Progress::decode(text.as_bytes(), 10), Progress::default(), "{text}");
        }
        assert_eq!(Progress::decode(own.as_bytes(), 11), Progress::default(), "the group was moved");
        assert_eq!(Progress::decode(own.replacen("K2", "K3", 1).as_bytes(), 10), Progress::default());
    }

    /// If this fails, Kafka refuses the commits of a lane that has finished much beyond its head, or nobody is told what
    /// a commit cannot say.
    #[test]
    fn what_does_not_fit_is_left_out_and_counted() {
        let mut much = Progress::default();
        for number in 0..100_000 {
            much.finish(number * 1_000 + 1..number * 1_000 + 2 + number % 2);
            much.tried(number * 1_000, 7);
        }
        let Metadata { text, left_out } = much.encode(0);
        let text = text.expect("something to say");
        assert!((LIMIT - 4..=LIMIT).contains(&text.len()), "{}", text.len());
        let read = Progress::decode(text.as_bytes(), 0);
        assert!(read.finished.len() > 900, "{}", read.finished.len());
        assert!(read.finished.iter().zip(&much.finished).all(|(read, written)| read == written));
        assert_eq!(read.finished() + left_out, much.finished());
    }

    /// If this fails, a commit says of records behind one that it has no room for something that is not so.
    #[test]
    fn what_is_left_out_is_the_end() {
        let mut few = Progress::default();
        let mut is_left_out = BTreeSet::new();
        for number in 0..2_600 {
            few.finish(10 * number + 1..10 * number + 2);
            // A run that is dear, and one that is not, behind what there is room for.
            let mut progress = few.clone();
            let far = 10 * number + (1 << 40);
            [far..far + 1, far + 2..far + 3, far + 4..far + 5].into_iter().for_each(|run| progress.finish(run));
            let Metadata { text, left_out } = progress.encode(0);
            let read = Progress::decode(text.expect("something to say").as_bytes(), 0);
            assert!(read.finished.iter().zip(&progress.finished).all(|(read, written)| read == written), "{number}");
            assert_eq!(read.finished() + left_out, progress.finished());
            is_left_out.insert(left_out.min(4));
        }
        assert!(is_left_out.is_superset(&BTreeSet::from([0, 3, 4])), "{is_left_out:?}");
    }

    /// If this fails, a commit has room for an attempt more, and a poison record gets its attempts back.
    #[test]
    fn attempts_fill_a_commit_to_the_last_byte() {
        let mut progress = Progress::default();
        (0..2_000).for_each(|offset| progress.tried(offset, 7));
        let text = text(&progress, 0);
        assert_eq!(text.len(), LIMIT);
        assert_eq!(Progress::decode(text.as_bytes(), 0).attempts.len(), (BODY - 2) / 2);
    }

    /// If this fails, records that fail all at once crowd out what is finished, or the first of them gets its attempts back.
    #[test]
    fn attempts_come_after_what_is_finished_the_first_one_first() {
        let mut progress = Progress::default();
        for number in 0..WINDOW as i64 / 2 {
            progress.finish(2 * number + 1..2 * number + 2);
            progress.tried(2 * number, 1_000);
        }
        let Metadata { text, left_out } = progress.encode(0);
        let mut read = Progress::decode(text.unwrap_or_default().as_bytes(), 0);
        assert_eq!((left_out, &read.finished), (0, &progress.finished));
        assert_eq!((read.take_attempt(0), read.take_attempt(2)), (1_000, 1_000));
    }

    proptest! {
        /// If this fails, a record that was finished is repeated after a restart, or one that was not is skipped.
        #[test]
        fn comes_back_as_it_went(mut progress in progress(), committed in 0i64..1_000) {
            let Metadata { text, left_out } = progress.encode(committed);
            prop_assert_eq!(left_out, 0);
            progress.forget_before(committed);
            let read = text.map(|text| Progress::decode(text.as_bytes(), committed)).unwrap_or_default();
            prop_assert_eq!(read, progress);
        }

        /// If this fails, a commit that was cut off or tampered with skips records or brings the consumer down.
        #[test]
        fn damage_says_nothing(progress in progress(), at in 0usize..200, bit in 0u32..7) {
            let Some(text) = progress.encode(0).text else { return Ok(()) };
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
            let mut framed = Vec::new();
            write(&mut framed, committed.unsigned_abs());
            write(&mut framed, bytes.len() as u64 / 2);
            framed.extend(bytes);
            framed.extend(check_sum(&framed).to_le_bytes());
            let text = format!("{PREFIX}{}", STANDARD_NO_PAD.encode(framed));
            let _ = Progress::decode(text.as_bytes(), committed);
        }
    }
}
