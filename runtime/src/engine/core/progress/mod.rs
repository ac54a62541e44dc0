//! What is finished beyond a commit, and which attempt unfinished records have come to.
//!
//! It travels as the commit's metadata, so that a restart or a new owner of the partition repeats only what was not
//! finished, and gives no poison record its attempts back.

mod metadata;
mod runs;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

pub(crate) use metadata::{AGAIN, Metadata, ROOM};
pub(crate) use runs::{OFFSET, gap};

/// What is known of a partition beyond the offset that may be committed.
///
/// **Invariant:** runs are in order and neither empty nor touching; `cost` is what they and the gaps between them cost in
/// a commit, at most (held by `tests::merging_adds_up`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Runs of offsets with no unfinished record in them.
    finished: VecDeque<Range<i64>>,
    cost: u64,
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
            Some(last) if last.start <= run.start && run.start <= last.end => {
                let before = length(last);
                last.end = last.end.max(run.end);
                self.cost += gap(length(last)) - gap(before);
            }
            Some(last) if run.start < last.start => {
                self.finished.push_back(run);
                self.tidy();
            }
            last => {
                self.cost += gap(length(&run)) + last.map_or(0, |last| gap(run.start.abs_diff(last.end)));
                self.finished.push_back(run);
            }
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
        while let Some(passed) = self.finished.front().filter(|run| run.end <= offset).cloned() {
            self.finished.pop_front();
            let next = self.finished.front();
            self.cost -= gap(length(&passed)) + next.map_or(0, |next| gap(next.start.abs_diff(passed.end)));
        }
        if let Some(first) = self.finished.front_mut().filter(|first| first.start < offset) {
            let before = length(first);
            first.start = offset;
            self.cost -= gap(before) - gap(length(first));
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

    /// Runs of offsets with no unfinished record in them, in order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Range<i64>> {
        self.finished.iter()
    }

    /// What the runs from `offset` on cost in a commit, at most, if nothing is finished before.
    pub(crate) fn cost_beyond(&self, offset: i64) -> u64 {
        let first = self.finished.front();
        first.map_or(0, |first| self.cost + gap(first.start.saturating_sub(offset).max(0).unsigned_abs()))
    }

    /// How many offsets are finished.
    pub(crate) fn finished(&self) -> u64 {
        self.finished.iter().map(length).sum()
    }

    fn tidy(&mut self) {
        let runs = self.finished.make_contiguous();
        runs.sort_unstable_by_key(|run| run.start);
        self.cost = 0;
        std::mem::take(&mut self.finished).into_iter().for_each(|run| self.finish(run));
    }
}

fn length(run: &Range<i64>) -> u64 {
    run.end.abs_diff(run.start)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn offsets(progress: &Progress) -> BTreeSet<i64> {
        progress.finished.iter().cloned().flatten().collect()
    }

    pub(super) fn progress() -> impl Strategy<Value = Progress> {
        let runs = prop::collection::vec((0i64..2_000, 0i64..40), 0..60);
        let attempts = prop::collection::btree_map(0i64..2_000, 2u32..9, 0..20);
        (runs, attempts).prop_map(|(runs, attempts)| {
            let mut progress = Progress { attempts, ..Progress::default() };
            runs.into_iter().for_each(|(start, length)| progress.finish(start..start + length));
            progress
        })
    }

    fn cost(progress: &Progress) -> u64 {
        let runs: u64 = progress.finished.iter().map(|run| gap(length(run))).sum();
        let next = progress.finished.iter().skip(1);
        runs + progress.finished.iter().zip(next).map(|(one, next)| gap(next.start.abs_diff(one.end))).sum::<u64>()
    }

    /// If this fails, what is finished is lost when it is told out of order.
    #[test]
    fn runs_come_in_any_order() {
        let mut progress = Progress::default();
        assert!(progress.is_empty());
        [10..12, 0..3, 12..14, 5..5].into_iter().for_each(|run| progress.finish(run));
        assert!(progress.runs().eq([&(0..3), &(10..14)]) && !progress.is_empty());
        assert_eq!([0, 5].map(|offset| progress.cost_beyond(offset)), [gap(3) + gap(7) + gap(4); 2]);
        progress = Progress::default();
        progress.tried(1, 2);
        assert!(!progress.is_empty());
    }

    proptest! {
        /// If this fails, what the process remembers and what the commit says do not add up.
        #[test]
        fn merging_adds_up(mut one in progress(), mut other in progress(), asked in 0i64..2_050) {
            let expected: BTreeSet<_> = offsets(&one).union(&offsets(&other)).copied().collect();
            let union = other.clone();
            let attempt = one.clone().take_attempt(asked).max(other.take_attempt(asked));
            one.merge(&union);
            prop_assert_eq!(&offsets(&one), &expected);
            prop_assert!(one.finished.iter().zip(one.finished.iter().skip(1)).all(|(a, b)| a.end < b.start));
            prop_assert_eq!(one.cost, cost(&one));
            prop_assert_eq!(one.finished(), expected.len() as u64);
            prop_assert_eq!(one.clone().take_attempt(asked), attempt);
            prop_assert_eq!(one.pass(asked), expected.contains(&asked));
            prop_assert_eq!(offsets(&one), expected.range(asked..).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(one.cost, cost(&one));
        }
    }
}
