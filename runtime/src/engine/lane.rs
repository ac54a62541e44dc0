//! The order of one partition: which record is next, which waits, what may be committed.
//!
//! A pure state machine: the driver tells it what happened and does what it says. It knows no clock; the moments it
//! is given and gives back are counted from whatever the driver counts from.

use std::{collections::VecDeque, time::Duration};

use super::tracker::{Sequence, Tracker};

/// A partition while it is assigned; a new assignment gets a new lane.
///
/// **Invariants** (held by `tests::random_histories_keep_the_promise`):
/// one record at a time, in the order of delivery; a record is not passed before it is finished;
/// nothing starts once the lane is draining or lost; a lost lane commits nothing.
#[derive(Debug)]
pub(crate) struct Lane {
    tracker: Tracker,
    /// The next record to start.
    next: Sequence,
    /// How many records have been delivered.
    delivered: Sequence,
    /// The record at work.
    current: Option<Current>,
    /// Performed records whose emits Kafka has not all acknowledged, in order, with how many are missing.
    emitting: VecDeque<(Sequence, u32)>,
    /// Acknowledged emits of the record at work.
    early_acknowledged: u32,
    phase: Phase,
    /// Reading cannot go on: the position is lost.
    halted: bool,
    /// How many records may stand between the first unfinished one and the newest.
    window: u64,
}

#[derive(Debug)]
struct Current {
    sequence: Sequence,
    attempt: u32,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Running,
    /// Failed or deferred; to be tried again at this moment.
    Waiting(Duration),
    /// Will never succeed: the partition waits for a person.
    Stuck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Draining,
    Lost,
}

/// What the driver has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take the next delivered record and try it for the first time.
    Start(Sequence),
    /// Try the record at work again, not before this moment; `attempt` counts from 1.
    Retry {
        /// When.
        at: Duration,
        /// Which attempt it will be.
        attempt: u32,
    },
    /// Nothing is there to start: deliver more, at most this many.
    Deliver(usize),
    /// Wait for emits to be acknowledged, or to be told otherwise.
    Wait,
    /// The lane is over.
    End,
}

impl Lane {
    /// A lane for a partition that is read from `start` on.
    pub(crate) fn new(start: i64, window: u64) -> Self {
        Self {
            tracker: Tracker::new(start),
            next: 0,
            delivered: 0,
            current: None,
            emitting: VecDeque::new(),
            early_acknowledged: 0,
            phase: Phase::Running,
            halted: false,
            window,
        }
    }

    /// What to do next.
    pub(crate) fn step(&mut self) -> Step {
        match (&self.current, self.phase) {
            (_, Phase::Lost) => Step::End,
            (Some(Current { state: State::Running, .. }), _) => Step::Wait,
            (_, Phase::Draining) => {
                if self.emitting.is_empty() {
                    Step::End
                } else {
                    Step::Wait
                }
            }
            (Some(Current { state: State::Waiting(at), attempt, .. }), Phase::Running) => {
                Step::Retry { at: *at, attempt: *attempt }
            }
            (Some(Current { state: State::Stuck, .. }), Phase::Running) => Step::Wait,
            (None, Phase::Running) if self.halted => Step::Wait,
            (None, Phase::Running) if self.next < self.delivered => {
                let sequence = self.next;
                self.next += 1;
                self.early_acknowledged = 0;
                self.current = Some(Current { sequence, attempt: 1, state: State::Running });
                Step::Start(sequence)
            }
            (None, Phase::Running) => match self.window.saturating_sub(self.tracker.span()) {
                0 => Step::Wait,
                room => Step::Deliver(room as usize),
            },
        }
    }

    /// A record came in.
    pub(crate) fn delivered(&mut self, offset: i64) {
        self.tracker.deliver(offset);
        self.delivered += 1;
    }

    /// The partition has been read up to `offset`, past what is not a record.
    pub(crate) fn reached(&mut self, offset: i64) {
        self.tracker.reach(offset);
    }

    /// The record at work begins its next attempt.
    pub(crate) fn retrying(&mut self) {
        if let Some(current) = &mut self.current {
            current.state = State::Running;
        }
    }

    /// The record at work was performed or skipped, and has sent this many emits in all its attempts. Says how many
    /// of them Kafka has not acknowledged.
    pub(crate) fn performed(&mut self, emits: u32) -> u32 {
        let Some(current) = self.current.take() else { return 0 };
        let missing = emits.saturating_sub(std::mem::take(&mut self.early_acknowledged));
        if missing == 0 {
            self.tracker.finish(current.sequence);
        } else {
            self.emitting.push_back((current.sequence, missing));
        }
        missing
    }

    /// Whether a delivered record could start now.
    pub(crate) fn has_next(&self) -> bool {
        self.phase == Phase::Running && !self.halted && self.current.is_none() && self.next < self.delivered
    }

    /// The record at work failed: it is tried again at `at`, as a further attempt.
    pub(crate) fn failed(&mut self, at: Duration) {
        if let Some(current) = &mut self.current {
            current.attempt = current.attempt.saturating_add(1);
            current.state = State::Waiting(at);
        }
    }

    /// The record at work is put off until `at`; that is not an attempt.
    pub(crate) fn deferred(&mut self, at: Duration) {
        if let Some(current) = &mut self.current {
            current.state = State::Waiting(at);
        }
    }

    /// The record at work cannot ever be handled as things stand: the partition waits.
    pub(crate) fn stuck(&mut self) {
        if let Some(current) = &mut self.current {
            current.state = State::Stuck;
        }
    }

    /// Kafka has acknowledged an emit of this record.
    pub(crate) fn acknowledged(&mut self, sequence: Sequence) {
        match self.emitting.binary_search_by_key(&sequence, |(sequence, _)| *sequence) {
            Ok(place) => {
                self.emitting[place].1 -= 1;
                if self.emitting[place].1 == 0 {
                    self.emitting.remove(place);
                    self.tracker.finish(sequence);
                }
            }
            // Acknowledged before `perform` has returned.
            Err(_) => self.early_acknowledged += 1,
        }
    }

    /// Nothing more may start until the partition is assigned anew: where to read from is not known.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
    }

    /// Nothing more may start; what runs may finish.
    pub(crate) fn drain(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
    }

    /// The partition belongs to somebody else: nothing more may start or be committed.
    pub(crate) fn lose(&mut self) {
        self.phase = Phase::Lost;
    }

    /// The offset that may be committed, unless the partition is lost.
    pub(crate) fn committable(&self) -> Option<i64> {
        (self.phase != Phase::Lost).then(|| self.tracker.committable())
    }

    /// The attempt that the record at work is in, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.current.as_ref().map_or(1, |current| current.attempt)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Happening {
        Performed { emits: u32 },
        Failed,
        Deferred,
        Stuck,
        Acknowledge { nth: usize },
        Drain,
        Lose,
    }

    fn happenings() -> impl Strategy<Value = Vec<Happening>> {
        let happening = prop_oneof![
            30 => (0u32..3).prop_map(|emits| Happening::Performed { emits }),
            10 => Just(Happening::Failed),
            5 => Just(Happening::Deferred),
            1 => Just(Happening::Stuck),
            30 => (0usize..8).prop_map(|nth| Happening::Acknowledge { nth }),
            1 => Just(Happening::Drain),
            1 => Just(Happening::Lose),
        ];
        prop::collection::vec(happening, 1..200)
    }

    /// What a careful person with a notebook would know of the partition.
    #[derive(Default)]
    struct Notebook {
        /// Offset of each delivered record, in order.
        offsets: Vec<i64>,
        /// Records that are handled, with all emits acknowledged.
        finished: Vec<bool>,
        /// Emits on their way, as records.
        in_flight: Vec<Sequence>,
        ended: bool,
    }

    impl Notebook {
        fn committable(&self, start: i64) -> i64 {
            match self.finished.iter().position(|finished| !finished) {
                Some(first) => self.offsets[first],
                None => self.offsets.last().map_or(start, |last| last + 1),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// If this fails, some order of successes, failures, acknowledgements and rebalances loses or reorders records.
        #[test]
        fn random_histories_keep_the_promise(start in 0i64..50, window in 1u64..12, history in happenings()) {
            let mut lane = Lane::new(start, window);
            let mut notebook = Notebook::default();
            let mut running: Option<Sequence> = None;
            let mut draining = false;
            let mut lost = false;
            let mut started: Sequence = 0;
            let mut sent_by_running = 0;
            for happening in history {
                match happening {
                    Happening::Drain => { lane.drain(); draining = true; }
                    Happening::Lose => { lane.lose(); lost = true; }
                    Happening::Acknowledge { nth } if !notebook.in_flight.is_empty() => {
                        let nth = nth % notebook.in_flight.len();
                        let record = notebook.in_flight.swap_remove(nth);
                        lane.acknowledged(record);
                        if running != Some(record) && !notebook.in_flight.contains(&record) {
                            notebook.finished[record as usize] = true;
                        }
                    }
                    Happening::Acknowledge { .. } => {}
                    outcome => {
                        let Some(record) = running else { continue };
                        match outcome {
                            Happening::Performed { emits } => {
                                for _ in 0..emits { notebook.in_flight.push(record); }
                                lane.performed(sent_by_running + emits);
                                running = None;
                                if !notebook.in_flight.contains(&record) { notebook.finished[record as usize] = true; }
                            }
                            Happening::Failed => {
                                // An attempt can have sent something before it failed.
                                notebook.in_flight.push(record);
                                sent_by_running += 1;
                                lane.failed(Duration::ZERO);
                            }
                            Happening::Deferred => lane.deferred(Duration::ZERO),
                            _ => { lane.stuck(); }
                        }
                    }
                }
                // The driver: does what the lane says until it has to wait.
                loop {
                    match lane.step() {
                        Step::Start(sequence) => {
                            prop_assert!(!draining && !lost, "started after the partition was given up");
                            prop_assert!(running.is_none() && sequence == started, "out of order");
                            started += 1;
                            sent_by_running = 0;
                            running = Some(sequence);
                        }
                        Step::Retry { .. } => {
                            prop_assert!(!draining && !lost, "retried after the partition was given up");
                            prop_assert!(running.is_some());
                            lane.retrying();
                        }
                        Step::Deliver(room) => {
                            prop_assert!(room as u64 <= window);
                            for _ in 0..room {
                                let offset = notebook.offsets.last().map_or(start, |last| last + 1 + (started as i64 % 2));
                                lane.delivered(offset);
                                notebook.offsets.push(offset);
                                notebook.finished.push(false);
                            }
                        }
                        Step::Wait => break,
                        Step::End => { notebook.ended = true; break; }
                    }
                }
                prop_assert_eq!(lane.committable(), (!lost).then(|| notebook.committable(start)));
                if notebook.ended {
                    prop_assert!(draining || lost);
                    break;
                }
            }
        }
    }

    /// If this fails, a stop waits for ever on a partition whose record cannot be parsed.
    #[test]
    fn a_stuck_lane_drains_at_once() {
        let mut lane = Lane::new(0, 10);
        assert_eq!(lane.step(), Step::Deliver(10));
        lane.delivered(0);
        assert_eq!(lane.step(), Step::Start(0));
        lane.stuck();
        assert_eq!(lane.step(), Step::Wait);
        lane.drain();
        assert_eq!(lane.step(), Step::End);
        assert_eq!(lane.committable(), Some(0));
    }

    /// If this fails, a stop in the middle of a long backoff holds up the process for the whole of it.
    #[test]
    fn a_backoff_does_not_hold_up_a_stop() {
        let mut lane = Lane::new(5, 10);
        lane.delivered(5);
        assert_eq!(lane.step(), Step::Start(0));
        lane.failed(Duration::from_secs(30));
        assert_eq!(lane.step(), Step::Retry { at: Duration::from_secs(30), attempt: 2 });
        lane.drain();
        assert_eq!(lane.step(), Step::End);
    }

    /// If this fails, an emit that Kafka has not acknowledged is lost when the process stops behind it.
    #[test]
    fn a_drain_waits_for_acknowledgements() {
        let mut lane = Lane::new(0, 10);
        lane.delivered(0);
        assert_eq!(lane.step(), Step::Start(0));
        lane.performed(1);
        lane.drain();
        assert_eq!((lane.step(), lane.committable()), (Step::Wait, Some(0)));
        lane.acknowledged(0);
        assert_eq!((lane.step(), lane.committable()), (Step::End, Some(1)));
    }
}
