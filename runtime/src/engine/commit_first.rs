//! `delivery: at_most_once`: gives a lane its records when their commit is acknowledged, and not before.
//!
//! It stands between a partition's queue and its lane, so that the lane need not know of it: what a lane is given, it
//! may start. What one drain of the queue gives is committed at once, so that it is not one commit a record.

use std::{collections::VecDeque, sync::Arc};

use super::{commit_request::Answer, lane_shared::LaneShared, signals::Signal};
use crate::client::{Delivery, RecordQueue};

/// A partition's queue, with what was taken out of it and is not committed.
///
/// **Invariant:** a record comes out only after an offset behind it is acknowledged, and once; no position is behind one that
/// has not come out (held by `tests::random_histories_perform_nothing_twice`).
pub(crate) struct CommitFirst {
    queue: Box<dyn RecordQueue>,
    shared: Arc<LaneShared>,
    held: VecDeque<Delivery>,
    /// What was held was given up: nobody here performs it.
    has_given_up: bool,
}

impl CommitFirst {
    pub(crate) fn new(queue: Box<dyn RecordQueue>, shared: Arc<LaneShared>) -> Self {
        Self { queue, shared, held: VecDeque::new(), has_given_up: false }
    }
}

impl RecordQueue for CommitFirst {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        if self.shared.commit_request.is_open() {
            match self.shared.commit_request.answer() {
                Answer::Open => return,
                Answer::Granted => into.append(&mut self.held),
                Answer::Refused => {
                    self.held.clear();
                    self.has_given_up = true;
                }
            }
            if self.shared.signal() != Signal::Run {
                // A lane that has waited for this may have nothing left to do, and nothing else wakes it to end.
                self.shared.wake.notify_one();
            }
            return;
        }
        // A lane that drains finishes what is committed, and commits nothing more.
        if self.shared.signal() != Signal::Run {
            return;
        }
        self.queue.drain(&mut self.held, room);
        let last = self.held.iter().rev().find_map(|delivery| match delivery {
            Delivery::Record(record) => Some(record.offset()),
            Delivery::PositionLost(_) | Delivery::Error(_) => None,
        });
        match last {
            Some(last) => self.shared.ask_to_commit(last + 1),
            None => into.append(&mut self.held),
        }
    }

    fn position(&self) -> Option<i64> {
        // The queue's own position is behind what is held, and what was.
        if self.shared.commit_request.is_open() || self.has_given_up { None } else { self.queue.position() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{OwnedRecord, Record};

    /// How many records a drain gives at most.
    const BATCH: usize = 4;

    struct Log {
        next: i64,
    }

    impl RecordQueue for Log {
        fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
            for offset in self.next..self.next + room as i64 {
                into.push_back(Delivery::Record(Record::from(OwnedRecord { offset, ..OwnedRecord::default() })));
                self.next = offset + 1;
            }
        }

        fn position(&self) -> Option<i64> {
            Some(self.next)
        }
    }

    /// If this fails, a partition of which nothing was read is committed at an offset that nobody has chosen.
    #[test]
    fn a_position_is_the_queues_while_nothing_is_held() {
        struct Unread;
        impl RecordQueue for Unread {
            fn drain(&mut self, _: &mut VecDeque<Delivery>, _: usize) {}

            fn position(&self) -> Option<i64> {
                None
            }
        }
        let shared = || Arc::new(LaneShared::new(None, std::thread::current()));
        assert_eq!(CommitFirst::new(Box::new(Unread), shared()).position(), None);
        let mut queue = CommitFirst::new(Box::new(Log { next: 7 }), shared());
        assert_eq!(queue.position(), Some(7));
        queue.drain(&mut VecDeque::new(), 1);
        assert_eq!(queue.position(), None, "what was taken out is not committed");
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// The lane looks into its queue, and performs what comes out.
        Perform,
        /// The group's thread commits, and is told how that went.
        Commit(Outcome),
        /// The lane is told to drain.
        Drain,
        /// The process dies, or loses the partition, and another takes over.
        Crash,
    }

    #[derive(Debug, Clone, Copy)]
    enum Outcome {
        Taken,
        Refused,
        /// Kafka has taken it, and nobody was told.
        TakenInSilence,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => Just(Step::Perform),
            4 => Just(Step::Commit(Outcome::Taken)),
            1 => Just(Step::Commit(Outcome::Refused)),
            1 => Just(Step::Commit(Outcome::TakenInSilence)),
            1 => Just(Step::Drain),
            1 => Just(Step::Crash),
        ];
        proptest::collection::vec(step, 1..120)
    }

    fn lane(committed: i64) -> (Arc<LaneShared>, CommitFirst) {
        let shared = Arc::new(LaneShared::new(None, std::thread::current()));
        shared.publish(committed);
        let queue = Box::new(Log { next: committed });
        (Arc::clone(&shared), CommitFirst::new(queue, shared))
    }

    proptest! {
        /// If this fails, `delivery: at_most_once` handles a record twice, or loses more than what it had committed and
        /// not begun when it crashed, or loses something in a clean stop.
        #[test]
        fn random_histories_perform_nothing_twice(steps in steps()) {
            let mut committed = 0;
            let mut performed: BTreeMap<i64, u32> = BTreeMap::new();
            // Crashes, and answers that never came.
            let mut faults = 0;
            let (mut shared, mut queue) = lane(committed);
            // Behind what has come out, or where this lane began.
            let mut out_to = committed;
            let last = [Step::Drain, Step::Commit(Outcome::Taken), Step::Perform];
            for step in steps.into_iter().chain(last) {
                match step {
                    Step::Perform => {
                        let mut out = VecDeque::new();
                        queue.drain(&mut out, BATCH);
                        for delivery in out {
                            let Delivery::Record(record) = delivery else { continue };
                            prop_assert!(record.offset() < committed, "begun before it was committed");
                            *performed.entry(record.offset()).or_default() += 1;
                            out_to = record.offset() + 1;
                        }
                        let position = queue.position().unwrap_or(out_to);
                        prop_assert_eq!(position, out_to, "behind a record that nobody has performed");
                    }
                    Step::Commit(outcome) => {
                        let Some(offset) = shared.commit_request.to_commit() else { continue };
                        if !matches!(outcome, Outcome::Refused) {
                            prop_assert!(offset >= committed, "a commit goes back");
                            committed = offset;
                        }
                        faults += usize::from(matches!(outcome, Outcome::TakenInSilence));
                        match outcome {
                            Outcome::Taken => shared.grant(offset),
                            _ if shared.signal() != Signal::Run => shared.commit_request.refuse(),
                            _ => {}
                        }
                    }
                    Step::Drain => shared.send(Signal::Drain),
                    Step::Crash => {
                        faults += 1;
                        (shared, queue) = lane(committed);
                        out_to = committed;
                    }
                }
            }
            prop_assert!(performed.values().all(|times| *times == 1), "{performed:?}");
            prop_assert!(!shared.commit_request.is_open(), "a lane that drains would wait for ever");
            let lost = (0..committed).filter(|offset| !performed.contains_key(offset)).count();
            prop_assert!(lost <= faults * BATCH, "{lost} lost in {faults} faults");
        }
    }
}
