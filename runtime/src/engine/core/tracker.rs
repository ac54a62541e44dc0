//! Tracks which offset may be committed while records finish in any order.
//!
//! A pure state machine. Records get dense sequence numbers as they are delivered, because offsets have gaps
//! (compaction, transaction markers, aborted records) and sequence numbers have none.

use std::{collections::VecDeque, ops::Range};

use super::progress::{OFFSET, gap};

/// The place of a record in the order of delivery, from 0, within one assignment of one partition.
pub(crate) type Sequence = u64;

/// Which delivered records are finished.
///
/// Costs a bit a record in flight, and amortised O(1) a call.
///
/// **Invariant:** [`Tracker::committable`] is never above the offset of an unfinished record, and never moves back
/// (held by `tests::agrees_with_a_naive_model`).
#[derive(Debug)]
pub(crate) struct Tracker {
    /// The first unfinished record, or `next` if all are finished.
    head: Sequence,
    /// The sequence number that the next delivered record gets.
    next: Sequence,
    /// A bit a record from `base` on: set when it is finished.
    finished: VecDeque<u64>,
    /// The record of the first bit in `finished`; a multiple of 64.
    base: Sequence,
    /// Where offsets follow each other without a gap, from the run that holds `head` on.
    runs: VecDeque<Run>,
    /// The offset behind the last delivered record.
    behind_last: i64,
    /// What the delivered records and the gaps before them cost in a commit, at most.
    cost: u64,
    /// What may be committed when nothing is unfinished.
    end: i64,
}

/// From `sequence` on, offsets count up from `offset`, until the next run begins.
#[derive(Debug, Clone, Copy)]
struct Run {
    sequence: Sequence,
    offset: i64,
    /// What was delivered before it costs, with the gap between.
    cost: u64,
}

impl Tracker {
    /// A tracker for a partition that is read from `start` on.
    pub(crate) fn new(start: i64) -> Self {
        Self {
            head: 0,
            next: 0,
            finished: VecDeque::new(),
            base: 0,
            runs: VecDeque::new(),
            behind_last: start,
            cost: 0,
            end: start,
        }
    }

    /// Takes in the next record. Offsets only grow within an assignment.
    pub(crate) fn deliver(&mut self, offset: i64) -> Sequence {
        let sequence = self.next;
        if offset != self.behind_last || self.runs.is_empty() {
            self.cost += gap(offset.saturating_sub(self.behind_last).max(0).unsigned_abs());
            self.runs.push_back(Run { sequence, offset, cost: self.cost });
            self.drop_passed_runs();
        }
        if sequence - self.base == 64 * self.finished.len() as u64 {
            self.finished.push_back(0);
        }
        self.next += 1;
        self.cost += OFFSET;
        self.behind_last = offset + 1;
        self.end = self.end.max(self.behind_last);
        sequence
    }

    /// Counts a record as finished. Returns whether [`Tracker::committable`] has moved.
    pub(crate) fn finish(&mut self, sequence: Sequence) -> bool {
        debug_assert!(sequence < self.next, "finished before it was delivered");
        if sequence < self.head {
            return false;
        }
        let place = sequence - self.base;
        self.finished[(place / 64) as usize] |= 1 << (place % 64);
        if sequence != self.head {
            return false;
        }
        self.move_head();
        true
    }

    /// Notes that the partition has been read up to `offset`, past whatever stands there that is not a record.
    pub(crate) fn reach(&mut self, offset: i64) {
        self.end = self.end.max(offset);
    }

    /// The offset that may be committed: everything before it is finished.
    pub(crate) fn committable(&self) -> i64 {
        if self.head == self.next { self.end } else { self.offset_of_head() }
    }

    /// How many records have been delivered before the first unfinished one.
    pub(crate) fn passed(&self) -> u64 {
        self.head
    }

    /// Delivered records between the first unfinished one and the newest.
    pub(crate) fn span(&self) -> u64 {
        self.next - self.head
    }

    /// What the first unfinished record and all behind it cost in a commit, at most, whichever of them finish.
    pub(crate) fn cost(&self) -> u64 {
        let Some(run) = self.runs.front() else { return 0 };
        self.cost - run.cost - OFFSET * (self.head - run.sequence)
    }

    /// The offset behind the last delivered record.
    pub(crate) fn behind_last(&self) -> i64 {
        self.behind_last
    }

    /// The offset of a record that is not behind the head.
    pub(crate) fn offset(&self, sequence: Sequence) -> i64 {
        let run = self.runs[self.runs.partition_point(|run| run.sequence <= sequence) - 1];
        run.offset + (sequence - run.sequence) as i64
    }

    /// As [`Tracker::offset`], of any number: `None` for what stands before the head, and for what was never delivered.
    pub(crate) fn offset_if_unfinished(&self, sequence: Sequence) -> Option<i64> {
        (self.head..self.next).contains(&sequence).then(|| self.offset(sequence))
    }

    /// Runs of offsets beyond the head whose records are all finished, in order.
    pub(crate) fn finished_beyond_head(&self) -> impl Iterator<Item = Range<i64>> {
        let mut from = self.head;
        std::iter::from_fn(move || {
            let first = self.find(from, true);
            if first == self.next {
                return None;
            }
            from = self.find(first, false);
            Some(self.offset(first)..self.offset(from - 1) + 1)
        })
    }

    /// The first record from `sequence` on that is finished, or that is not; `next` if there is none.
    fn find(&self, mut sequence: Sequence, finished: bool) -> Sequence {
        while sequence < self.next {
            let place = sequence - self.base;
            let word = self.finished[(place / 64) as usize];
            let wanted = if finished { word } else { !word } >> (place % 64);
            if wanted != 0 {
                return (sequence + u64::from(wanted.trailing_zeros())).min(self.next);
            }
            sequence += 64 - place % 64;
        }
        self.next
    }

    fn offset_of_head(&self) -> i64 {
        // The run that holds the head is the first one: those before it are dropped.
        let run = self.runs[0];
        run.offset + (self.head - run.sequence) as i64
    }

    fn move_head(&mut self) {
        loop {
            let place = self.head - self.base;
            let Some(&word) = self.finished.front() else { break };
            let done = (!(word >> place)).trailing_zeros() as u64;
            self.head = (self.head + done).min(self.base + 64);
            if self.head < self.base + 64 {
                break;
            }
            self.finished.pop_front();
            self.base += 64;
        }
        self.drop_passed_runs();
    }

    fn drop_passed_runs(&mut self) {
        while self.runs.get(1).is_some_and(|run| run.sequence <= self.head) {
            self.runs.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::engine::histories::histories;

    /// If this fails, a commit moves past a record that was not handled, and a restart loses it.
    #[test]
    fn unfinished_head_holds_the_commit_back() {
        let mut tracker = Tracker::new(7);
        let records: Vec<_> = [7, 8, 12, 13].into_iter().map(|offset| tracker.deliver(offset)).collect();
        assert_eq!(tracker.committable(), 7);
        assert!(!tracker.finish(records[2]));
        assert_eq!(tracker.committable(), 7);
        assert!(tracker.finish(records[0]));
        assert_eq!(tracker.committable(), 8);
        assert!(tracker.finish(records[1]));
        assert_eq!(tracker.committable(), 13, "the gap and the finished record behind it are passed");
    }

    /// If this fails, lag never reaches 0 on topics whose last entry is a transaction marker.
    #[test]
    fn a_gap_at_the_very_end_is_passed_once_all_is_finished() {
        let mut tracker = Tracker::new(0);
        let record = tracker.deliver(0);
        tracker.reach(3);
        assert_eq!(tracker.committable(), 0);
        tracker.finish(record);
        assert_eq!(tracker.committable(), 3);
        tracker.deliver(9);
        assert_eq!(tracker.committable(), 9, "records that are not there need no commit of their own");
    }

    /// If this fails, a lane takes in more than a commit has room for, or stands still with room left.
    #[test]
    fn what_is_finished_costs_nothing_any_more() {
        let mut tracker = Tracker::new(7);
        assert_eq!(tracker.cost(), 0);
        let records = [7, 8, 20].map(|offset| {
            tracker.deliver(offset);
            tracker.cost()
        });
        let with_gap = 3 * OFFSET + gap(11);
        assert_eq!(records, [OFFSET, 2 * OFFSET, with_gap]);
        let left = [0, 1, 2].map(|sequence| {
            tracker.finish(sequence);
            tracker.cost()
        });
        assert_eq!(left, [with_gap - OFFSET, OFFSET, 0]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Deliver { gap: i64 },
        Finish { nth: usize },
        Reach { gap: i64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0i64..3).prop_map(|gap| Step::Deliver { gap }),
            4 => (0usize..400).prop_map(|nth| Step::Finish { nth }),
            1 => (0i64..3).prop_map(|gap| Step::Reach { gap }),
        ];
        prop::collection::vec(step, 1..600)
    }

    proptest! {
        #![proptest_config(histories(500))]

        /// If this fails, some order of finishing records commits too much (loss) or too little (repeats).
        #[test]
        fn agrees_with_a_naive_model(start in 0i64..1_000, history in steps()) {
            let mut tracker = Tracker::new(start);
            let mut unfinished: BTreeMap<Sequence, i64> = BTreeMap::new();
            let mut delivered = Vec::new();
            let mut end = start;
            let mut committed = start;
            for step in history {
                match step {
                    Step::Deliver { gap } => {
                        unfinished.insert(tracker.deliver(end + gap), end + gap);
                        delivered.push(end + gap);
                        end += gap + 1;
                    }
                    Step::Finish { nth } => {
                        let Some(&sequence) = unfinished.keys().nth(nth % unfinished.len().max(1)) else { continue };
                        unfinished.remove(&sequence);
                        tracker.finish(sequence);
                        prop_assert!(!tracker.finish(sequence), "a second finish moves nothing");
                    }
                    Step::Reach { gap } => {
                        end += gap;
                        tracker.reach(end);
                    }
                }
                let expected = unfinished.values().next().copied().unwrap_or(end);
                prop_assert_eq!(tracker.committable(), expected);
                prop_assert!(expected >= committed, "a commit never moves back");
                committed = expected;
                if delivered.len() % 8 == 0 {
                    let beyond: Vec<_> = tracker.finished_beyond_head().collect();
                    let open: BTreeSet<_> = unfinished.values().collect();
                    for offset in delivered.iter().filter(|offset| **offset >= expected) {
                        let finished = beyond.iter().any(|run| run.contains(offset));
                        prop_assert_eq!(finished, !open.contains(offset), "offset {}", offset);
                    }
                }
            }
        }
    }
}
