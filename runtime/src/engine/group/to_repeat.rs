//! How many records are done again: finished here, and Kafka is not known to have that.
//!
//! A record counts once it is handled, skipped, in the dead letter topic or enqueued. Kafka has it when a commit was
//! acknowledged whose offset is behind it, or whose metadata names it. What this process cannot know counts: a commit
//! without an answer may have arrived, and another member may have done the records of a lost partition already.

use std::ops::Range;

use crate::engine::core::progress::Progress;

/// A commit of a partition, as Kafka has it or is asked to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CommitPoint {
    pub(super) offset: i64,
    pub(super) metadata: Option<String>,
    /// How many records the lane has had below `offset`, at least.
    pub(super) passed: u64,
    /// How many records that the lane has finished itself it says to be finished, at least.
    pub(super) own: u64,
}

/// How far a lane is.
#[derive(Debug)]
pub(super) struct Reached {
    /// Everything before it is finished.
    pub(super) committable: i64,
    /// How many records the lane has had below it.
    pub(super) passed: u64,
    /// What is finished beyond it.
    pub(super) progress: Progress,
}

/// Records of a lane that are done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Repeats {
    /// Finished, and not known to be committed.
    pub(super) finished: u64,
    /// Performed, and what they sent, or the job, is not acknowledged.
    pub(super) performed: u64,
    /// On their way to the dead letter topic.
    pub(super) dying: u64,
    /// Performed as those, but committed before: not done again, whatever becomes of what they sent.
    pub(super) cut_off: u64,
}

impl Repeats {
    /// Records whose emits, job or dead letter are not acknowledged.
    pub(super) fn unacknowledged(self) -> u64 {
        self.performed + self.dying
    }

    /// How many are done again.
    pub(super) fn all(self) -> u64 {
        self.finished + self.unacknowledged()
    }
}

impl CommitPoint {
    /// What it says of records beyond its offset.
    fn progress(&self) -> Progress {
        self.metadata.as_ref().map(|metadata| Progress::decode(metadata.as_bytes(), self.offset)).unwrap_or_default()
    }

    /// Whether a record is finished, to whoever reads this commit.
    pub(super) fn covers(&self, offset: i64) -> bool {
        offset < self.offset || self.progress().runs().any(|run| run.contains(&offset))
    }

    /// How many records are finished and not in this commit.
    ///
    /// Offsets are counted, as that is what a commit speaks of. Some may hold no record, in a topic that is compacted or
    /// has transactions; before the first unfinished record these are left out.
    pub(super) fn missing(&self, reached: &Reached) -> u64 {
        let known = self.progress();
        let known: Vec<_> = known.runs().cloned().collect();
        let below = self.offset..reached.committable;
        let beyond = self.offset.max(reached.committable);
        let runs = reached.progress.runs().map(|run| run.start.max(beyond)..run.end);
        let records = reached.passed.saturating_sub(self.passed);
        outside([below].into_iter(), &known).min(records) + outside(runs, &known)
    }
}

/// How many offsets of `runs` are in none of `known`; both are in order.
fn outside(runs: impl Iterator<Item = Range<i64>>, known: &[Range<i64>]) -> u64 {
    let mut known = known;
    let mut count = 0;
    for run in runs.filter(|run| !run.is_empty()) {
        known = &known[known.partition_point(|other| other.end <= run.start)..];
        let overlapping = known.iter().take_while(|other| other.start < run.end);
        let shared = overlapping.map(|other| other.start.max(run.start)..other.end.min(run.end));
        count += length(&run) - shared.map(|shared| length(&shared)).sum::<u64>();
    }
    count
}

fn length(run: &Range<i64>) -> u64 {
    u64::try_from(run.end - run.start).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Records of a partition with gaps, in the order of delivery; what is finished of them, and what a commit said.
    fn lane() -> impl Strategy<Value = (Vec<(i64, bool)>, usize, i64)> {
        let records = prop::collection::vec((prop_oneof![4 => Just(1i64), 1 => 2i64..5], any::<bool>()), 0..80);
        (records, 0usize..80, prop_oneof![Just(0i64), 5i64..9]).prop_map(|(records, at, start)| {
            let mut offset = start - 1;
            let placed = records.into_iter().map(|(step, finished)| {
                offset += step;
                (offset, finished)
            });
            (placed.collect(), at, start)
        })
    }

    /// What a lane says that has had these records, each finished or not.
    fn reached(records: &[(i64, bool)], start: i64) -> Reached {
        let head = records.iter().position(|(_, finished)| !finished);
        let end = records.last().map_or(start, |(offset, _)| offset + 1);
        let committable = head.map_or(end, |head| records[head].0);
        let mut progress = Progress::default();
        // Runs go on over gaps, as the tracker's do.
        for run in records.chunk_by(|a, b| a.1 == b.1).filter(|run| run[0].1) {
            progress.finish(run[0].0..run[run.len() - 1].0 + 1);
        }
        Reached { committable, passed: head.unwrap_or(records.len()) as u64, progress }
    }

    fn mark(reached: &Reached) -> CommitPoint {
        let offset = reached.committable;
        CommitPoint { offset, metadata: reached.progress.encode(offset).text, passed: reached.passed, own: 0 }
    }

    proptest! {
        /// If this fails, a stop says that fewer records are done again than are, that some are where none is, or another
        /// number than there are.
        #[test]
        fn what_is_missing_is_what_the_next_start_does_again((records, at, start) in lane()) {
            let now = reached(&records, start);
            // An earlier commit: some of what is finished now was not then.
            let before: Vec<_> = records.iter().enumerate()
                .map(|(place, &(offset, finished))| (offset, finished && place % 3 != 0 && place < at))
                .take(at)
                .collect();
            let mark = mark(&reached(&before, start));
            let again: BTreeSet<_> = records.iter()
                .filter(|(offset, finished)| *finished && !mark.covers(*offset))
                .map(|(offset, _)| *offset)
                .collect();
            let missing = mark.missing(&now);
            prop_assert!(missing >= again.len() as u64, "{missing} < {again:?}");
            let has_gaps = records.windows(2).any(|pair| pair[0].0 + 1 != pair[1].0);
            let starts_late = records.first().is_some_and(|(first, _)| *first != start);
            let is_in_order = now.progress.runs().all(|run| run.end <= now.committable) && mark.metadata.is_none();
            if !(has_gaps || starts_late) || is_in_order {
                prop_assert_eq!(missing, again.len() as u64);
            }
            prop_assert_eq!(super::tests::mark(&now).missing(&now), 0, "all is committed");
        }
    }

    /// If this fails, markers of transactions, or records that compaction has removed, are said to be done again.
    #[test]
    fn offsets_without_a_record_are_not_done_again() {
        let mark = CommitPoint { offset: 10, passed: 4, ..CommitPoint::default() };
        let reached = |committable, passed| Reached { committable, passed, progress: Progress::default() };
        assert_eq!(mark.missing(&reached(17, 4)), 0, "nothing but markers");
        assert_eq!(mark.missing(&reached(1_000, 9)), 5);
    }
}
