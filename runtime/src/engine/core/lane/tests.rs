use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::engine::{
    core::progress::{Metadata, gap},
    histories::histories,
};

#[derive(Debug, Clone)]
enum Happening {
    Deliver {
        gap: i64,
        key: OrderingKey,
    },
    Start,
    Performed {
        nth: usize,
        emits: u32,
    },
    Failed {
        nth: usize,
        emits: u32,
    },
    Deferred {
        nth: usize,
    },
    Stuck {
        nth: usize,
    },
    Dying {
        nth: usize,
    },
    Acknowledge {
        nth: usize,
    },
    Rested,
    Drain,
    Lose,
    /// The lane says what it knows.
    Say,
    /// The group commits, with what the lane has said last.
    Commit,
    /// The process dies, and another takes the partition over from the commit.
    Crash,
}

fn happenings(keys: u64) -> impl Strategy<Value = Vec<Happening>> {
    let key = prop_oneof![1 => Just(None), 4 => (0..keys).prop_map(Some)];
    let happening = prop_oneof![
        40 => (0i64..3, key).prop_map(|(gap, key)| Happening::Deliver { gap, key }),
        60 => Just(Happening::Start),
        40 => (0usize..8, 0u32..3).prop_map(|(nth, emits)| Happening::Performed { nth, emits }),
        15 => (0usize..8, 0u32..2).prop_map(|(nth, emits)| Happening::Failed { nth, emits }),
        8 => (0usize..8).prop_map(|nth| Happening::Deferred { nth }),
        1 => (0usize..8).prop_map(|nth| Happening::Stuck { nth }),
        6 => (0usize..8).prop_map(|nth| Happening::Dying { nth }),
        50 => (0usize..8).prop_map(|nth| Happening::Acknowledge { nth }),
        30 => Just(Happening::Rested),
        1 => Just(Happening::Drain),
        1 => Just(Happening::Lose),
        6 => Just(Happening::Say),
        6 => Just(Happening::Commit),
        2 => Just(Happening::Crash),
    ];
    prop::collection::vec(happening, 1..300)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Waiting,
    Running,
    Resting,
    Stuck,
    Dying,
    Emitting,
    Finished,
}

/// What a careful person with a notebook would know of the partition.
struct Notebook {
    start: i64,
    records: Vec<(i64, OrderingKey, Known)>,
    /// Emits of attempts that have not reported them yet.
    sent: BTreeMap<Sequence, u32>,
    /// Emits and dead letters on their way, as records.
    on_their_way: Vec<Sequence>,
    draining: bool,
    lost: bool,
    /// What the partition holds, as far as it was ever read.
    log: Vec<(i64, OrderingKey)>,
    /// Offsets of what was ever finished.
    finished: BTreeSet<i64>,
    /// Offsets of what this lane has finished, or knows to be.
    known: BTreeSet<i64>,
    /// The next attempt of records that have failed, in this lane or before.
    attempts: BTreeMap<i64, u32>,
    said: Said,
    /// The last commit, with what was said in it.
    committed: (i64, Option<String>, Said),
}

/// What a lane has said, and what was true then.
#[derive(Clone, Default)]
struct Said {
    progress: Progress,
    finished: BTreeSet<i64>,
    attempts: BTreeMap<i64, u32>,
}

impl Notebook {
    fn new(start: i64) -> Self {
        Self {
            start,
            records: Vec::new(),
            sent: BTreeMap::new(),
            on_their_way: Vec::new(),
            draining: false,
            lost: false,
            log: Vec::new(),
            finished: BTreeSet::new(),
            known: BTreeSet::new(),
            attempts: BTreeMap::new(),
            said: Said::default(),
            committed: (start, None, Said::default()),
        }
    }

    /// The next record of the partition: one that was read before, or a new one.
    fn next(&mut self, gap: i64, key: OrderingKey) -> (i64, OrderingKey) {
        let end = self.end();
        if let Some(known) = self.log.iter().find(|(offset, _)| *offset >= end) {
            return *known;
        }
        self.log.push((end + gap, key));
        (end + gap, key)
    }

    fn crash(&mut self) {
        self.start = self.committed.0;
        self.records.clear();
        self.sent.clear();
        self.on_their_way.clear();
        (self.draining, self.lost) = (false, false);
        self.attempts = self.committed.2.attempts.clone();
        self.known = self.committed.2.finished.clone();
        self.said = self.committed.2.clone();
        // Ended records of the lane before are behind its head.
        self.attempts.retain(|offset, _| *offset >= self.start);
    }

    fn end(&self) -> i64 {
        self.records.last().map_or(self.start, |(offset, ..)| offset + 1)
    }

    fn committable(&self) -> i64 {
        let first = self.records.iter().find(|(_, _, known)| *known != Known::Finished);
        first.map_or_else(|| self.end(), |(offset, ..)| *offset)
    }

    fn nth(&self, nth: usize, wanted: Known) -> Option<Sequence> {
        let of: Vec<_> = (0..self.records.len()).filter(|place| self.records[*place].2 == wanted).collect();
        (!of.is_empty()).then(|| of[nth % of.len()] as Sequence)
    }

    fn set(&mut self, record: Sequence, known: Known) {
        self.records[record as usize].2 = known;
        if known == Known::Finished {
            self.finished.insert(self.records[record as usize].0);
            self.known.insert(self.records[record as usize].0);
        }
    }

    /// Nobody before it in its key holds it back.
    fn may_start(&self, record: Sequence) -> bool {
        let (_, key, _) = self.records[record as usize];
        key.is_none()
            || self.records[..record as usize]
                .iter()
                .filter(|(_, other, _)| *other == key)
                .all(|(_, _, known)| matches!(known, Known::Finished | Known::Emitting))
    }

    fn settle(&mut self, record: Sequence) {
        if !self.on_their_way.contains(&record)
            && matches!(self.records[record as usize].2, Known::Emitting | Known::Dying)
        {
            self.set(record, Known::Finished);
        }
    }
}

fn replay(start: i64, window: u64, history: Vec<Happening>) -> Result<(), TestCaseError> {
    let mut lane = Lane::new(start, window, Progress::default());
    let mut notebook = Notebook::new(start);
    for happening in history {
        match happening {
            Happening::Deliver { gap, key } => {
                if !lane.has_room() {
                    continue;
                }
                let (offset, key) = notebook.next(gap, key);
                let sequence = notebook.records.len() as Sequence;
                let Some(delivered) = lane.deliver(offset, key) else {
                    prop_assert!(notebook.finished.contains(&offset), "skipped, and never finished");
                    notebook.records.push((offset, key, Known::Finished));
                    continue;
                };
                let said = notebook.committed.2.finished.contains(&offset);
                prop_assert!(!said, "finished, said so, and repeated");
                notebook.records.push((offset, key, Known::Waiting));
                prop_assert_eq!(delivered, (sequence, notebook.may_start(sequence)));
            }
            Happening::Start => {
                let Some((record, attempt)) = lane.start() else { continue };
                prop_assert!(!notebook.draining && !notebook.lost, "started after the partition was given up");
                prop_assert_eq!(notebook.records[record as usize].2, Known::Waiting);
                prop_assert!(notebook.may_start(record), "out of the order of its key");
                let offset = notebook.records[record as usize].0;
                prop_assert_eq!(attempt, notebook.attempts.get(&offset).copied().unwrap_or(1));
                notebook.set(record, Known::Running);
            }
            Happening::Performed { nth, emits } => {
                let Some(record) = notebook.nth(nth, Known::Running) else { continue };
                for _ in 0..emits {
                    notebook.on_their_way.push(record);
                }
                let sent = notebook.sent.remove(&record).unwrap_or(0) + emits;
                let missing = lane.performed(record, sent);
                let really = notebook.on_their_way.iter().filter(|other| **other == record).count();
                prop_assert_eq!(missing as usize, really);
                notebook.set(record, Known::Emitting);
                notebook.settle(record);
            }
            Happening::Failed { nth, emits } => {
                let Some(record) = notebook.nth(nth, Known::Running) else { continue };
                for _ in 0..emits {
                    notebook.on_their_way.push(record);
                }
                *notebook.sent.entry(record).or_default() += emits;
                lane.failed(record, Duration::from_secs(1));
                *notebook.attempts.entry(notebook.records[record as usize].0).or_insert(1) += 1;
                notebook.set(record, Known::Resting);
            }
            Happening::Deferred { nth } => {
                let Some(record) = notebook.nth(nth, Known::Running) else { continue };
                lane.deferred(record, Duration::from_secs(1));
                notebook.set(record, Known::Resting);
            }
            Happening::Stuck { nth } => {
                let Some(record) = notebook.nth(nth, Known::Running) else { continue };
                lane.stuck(record);
                notebook.set(record, Known::Stuck);
            }
            Happening::Dying { nth } => {
                let Some(record) = notebook.nth(nth, Known::Running) else { continue };
                notebook.on_their_way.push(record);
                let sent = notebook.sent.remove(&record).unwrap_or(0) + 1;
                lane.dying(record, sent);
                notebook.set(record, Known::Dying);
            }
            Happening::Acknowledge { nth } => {
                if notebook.on_their_way.is_empty() {
                    continue;
                }
                let nth = nth % notebook.on_their_way.len();
                let record = notebook.on_their_way.swap_remove(nth);
                lane.acknowledged(record);
                notebook.settle(record);
            }
            Happening::Rested => {
                lane.rested(Duration::from_secs(1));
                for record in &mut notebook.records {
                    if record.2 == Known::Resting {
                        record.2 = Known::Waiting;
                    }
                }
            }
            Happening::Drain => {
                lane.drain();
                notebook.draining = true;
            }
            Happening::Lose => {
                lane.lose();
                notebook.lost = true;
            }
            Happening::Say => {
                let (finished, attempts) = (notebook.known.clone(), notebook.attempts.clone());
                notebook.said = Said { progress: lane.progress(), finished, attempts };
                prop_assert!(!lane.has_news());
            }
            Happening::Commit => {
                let Some(offset) = lane.committable() else { continue };
                let said = notebook.said.clone();
                notebook.committed = (offset, said.progress.encode(offset).text, said);
            }
            Happening::Crash => {
                let (offset, metadata, _) = &notebook.committed;
                let metadata = metadata.as_deref().unwrap_or_default();
                lane = Lane::new(*offset, window, Progress::decode(metadata.as_bytes(), *offset));
                notebook.crash();
            }
        }
        prop_assert_eq!(lane.committable(), (!notebook.lost).then(|| notebook.committable()));
        let open = notebook.records.iter().filter(|(_, _, known)| *known != Known::Finished).count() as u64;
        prop_assert!(open <= window, "more records than the window has room for");
        let at_work = notebook.nth(0, Known::Running).is_some();
        let unacknowledged = notebook.nth(0, Known::Emitting).is_some() || notebook.nth(0, Known::Dying).is_some();
        let over = if notebook.lost { !at_work } else { notebook.draining && !at_work && !unacknowledged };
        prop_assert_eq!(lane.is_over(), over);
    }
    let count = |wanted: Known| notebook.records.iter().filter(|(_, _, known)| *known == wanted).count();
    let on_their_way = (count(Known::Emitting) as u64, count(Known::Dying) as u64);
    prop_assert_eq!((lane.running(), lane.on_their_way()), (count(Known::Running), on_their_way));
    prop_assert_eq!(lane.unacknowledged() as u64, on_their_way.0 + on_their_way.1);
    prop_assert_eq!(lane.own_finished() + lane.skipped, count(Known::Finished) as u64);
    let head = notebook.records.iter().position(|(_, _, known)| *known != Known::Finished);
    for (place, (offset, _, known)) in notebook.records.iter().enumerate() {
        let sequence = place as Sequence;
        prop_assert_eq!(lane.is_finished(sequence), *known == Known::Finished);
        let is_behind_head = head.is_some_and(|head| place >= head);
        prop_assert_eq!(lane.offset(sequence), is_behind_head.then_some(*offset));
    }
    // Whatever has happened, a lane that goes on gets to everything that nothing holds back.
    if !notebook.draining && !notebook.lost {
        lane.rested(Duration::from_secs(1));
        for record in &mut notebook.records {
            if record.2 == Known::Resting {
                record.2 = Known::Waiting;
            }
        }
        while let Some((record, _)) = lane.start() {
            notebook.set(record, Known::Running);
        }
        for record in 0..notebook.records.len() as Sequence {
            let starved = notebook.records[record as usize].2 == Known::Waiting && notebook.may_start(record);
            prop_assert!(!starved, "record {} is free to start and never does", record);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(histories(1_000))]

    /// If this fails, some order of successes, failures, dead letters, acknowledgements and rebalances loses, repeats or
    /// reorders records of a key.
    #[test]
    fn random_histories_keep_the_promise(start in 0i64..50, window in 1u64..40, history in happenings(4)) {
        replay(start, window, history)?;
    }

    /// If this fails, the same happens under `ordering: partition`.
    #[test]
    fn random_histories_of_one_key(start in 0i64..50, window in 1u64..40, history in happenings(1)) {
        replay(start, window, history)?;
    }
}

/// Part of a partition: records with a gap before each, of which some finish and some fail, in runs by turns.
#[derive(Debug, Clone)]
struct Stretch {
    gap: i64,
    records: usize,
    finished: usize,
    failed: usize,
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let gap = prop_oneof![8 => Just(0i64), 2 => 1i64..20, 1 => 20i64..2_000, 1 => 2_000i64..10_000_000];
    let run = || prop_oneof![4 => 1usize..8, 1 => 1usize..200];
    let stretch = (gap, 1usize..4_000, run(), run());
    let stretch = stretch.prop_map(|(gap, records, finished, failed)| Stretch { gap, records, finished, failed });
    prop::collection::vec(stretch, 1..12)
}

fn window() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(WINDOW), 1 => 1..=WINDOW]
}

/// Takes `log` in from `committed` on, as far as there is room, and stops cleanly. Returns what was committed, and how far it
/// got.
fn live_and_stop(
    log: &BTreeMap<i64, bool>,
    (committed, metadata): (i64, Option<String>),
    window: u64,
    finished: &mut BTreeSet<i64>,
) -> Result<((i64, Option<String>), i64), TestCaseError> {
    let earlier = Progress::decode(metadata.unwrap_or_default().as_bytes(), committed);
    let mut lane = Lane::new(committed, window, earlier);
    let mut reached = committed;
    for (&offset, &finishes) in log.range(committed..) {
        if !lane.has_room() {
            break;
        }
        reached = offset + 1;
        let Some((sequence, _)) = lane.deliver(offset, None) else {
            prop_assert!(finished.contains(&offset), "{offset} was skipped, and never finished");
            continue;
        };
        prop_assert!(!finished.contains(&offset), "{offset} is done again after a clean stop");
        prop_assert_eq!(lane.start().map(|(started, _)| started), Some(sequence));
        if finishes {
            lane.performed(sequence, 0);
            finished.insert(offset);
        } else {
            lane.failed(sequence, Duration::from_secs(1));
        }
    }
    lane.drain();
    prop_assert!(lane.is_over());
    let progress = lane.progress();
    prop_assert_eq!(progress.encode(committed).left_out, 0, "nor in a commit that is behind");
    let committed = lane.committable().unwrap_or(committed);
    let Metadata { text, left_out } = progress.encode(committed);
    prop_assert_eq!(left_out, 0);
    Ok(((committed, text), reached))
}

proptest! {
    #![proptest_config(histories(60))]

    /// If this fails, a clean stop repeats finished records, or skips others, when many failing keys hold the commit back:
    /// what is finished does not fit the commit, or stands for other records once the topic was compacted.
    #[test]
    fn a_clean_stop_repeats_nothing(
        start in 0i64..1_000_000_000,
        window in window(),
        stretches in stretches(),
        mended in 1i64..50,
        compacted in prop_oneof![Just(None), (2i64..50).prop_map(Some)],
    ) {
        let mut log = BTreeMap::new();
        let mut end = start;
        for Stretch { gap, records, finished, failed } in stretches {
            for record in 0..records {
                end += gap;
                log.insert(end, record % (finished + failed) < finished);
                end += 1;
            }
        }
        let mut finished = BTreeSet::new();
        let (commit, reached) = live_and_stop(&log, (start, None), window, &mut finished)?;
        // The next process begins where this one has stopped, when some records are gone, and others succeed.
        if let Some(compacted) = compacted {
            log.retain(|offset, _| offset % compacted != 0);
        }
        let (commit, again) = live_and_stop(&log, commit, window, &mut finished)?;
        prop_assert!(compacted.is_some() || again >= reached, "what was read before starves: {again} of {reached}");
        log.iter_mut().for_each(|(offset, finishes)| *finishes |= offset % mended == 0);
        let (commit, _) = live_and_stop(&log, commit, window, &mut finished)?;
        log.values_mut().for_each(|finishes| *finishes = true);
        let (commit, _) = live_and_stop(&log, commit, window, &mut finished)?;
        let last = log.keys().next_back().map_or(start, |last| last + 1);
        prop_assert!(commit.0 >= last);
        prop_assert!(log.keys().all(|offset| finished.contains(offset)), "something starves");
    }
}

/// If this fails, an app whose window was made narrower reads one record at a time until the first one is finished.
#[test]
fn a_narrower_window_reads_what_a_wider_one_has() {
    let log: BTreeMap<i64, bool> = (0..30_000).map(|offset| (offset, offset % 7 < 4)).collect();
    let mut finished = BTreeSet::new();
    let mut wide = Lane::new(0, 30_000, Progress::default());
    for (&offset, &finishes) in &log {
        let (sequence, _) = wide.deliver(offset, None).expect("new");
        wide.start();
        if finishes {
            wide.performed(sequence, 0);
            finished.insert(offset);
        } else {
            wide.failed(sequence, Duration::from_secs(1));
        }
    }
    let committed = wide.committable().expect("ours");
    let Metadata { text, .. } = wide.progress().encode(committed);
    let mut lane = Lane::new(committed, WINDOW, Progress::decode(text.unwrap_or_default().as_bytes(), committed));
    let mut begun = 0;
    for &offset in log.range(committed..).map(|(offset, _)| offset) {
        if !lane.has_room() {
            break;
        }
        if let Some((sequence, _)) = lane.deliver(offset, None) {
            lane.start();
            lane.failed(sequence, Duration::from_secs(1));
            begun += 1;
        }
    }
    assert!(lane.tracker.span() == WINDOW && begun > 8_000, "{begun} of {}", lane.tracker.span());
}

/// If this fails, an app that takes a wider window than a commit has room for gets a narrower one, or the window of those
/// who name none is not all of use.
#[test]
fn a_commit_bounds_the_default_window_and_no_wider_one() {
    for (window, gap, expected) in
        [(WINDOW, 0, WINDOW), (3 * WINDOW, 0, 3 * WINDOW), (WINDOW, 5, 3_435), (WINDOW, 1_000, 920)]
    {
        let mut lane = Lane::new(0, window, Progress::default());
        let mut offset = 0;
        while lane.has_room() {
            let (sequence, _) = lane.deliver(offset, None).expect("new");
            lane.start();
            lane.failed(sequence, Duration::ZERO);
            offset += 1 + gap;
        }
        assert_eq!((lane.tracker.span(), lane.is_full()), (expected, true), "{window} with gaps of {gap}");
    }
}

/// If this fails, a stop waits for ever on a partition whose record cannot be parsed.
#[test]
fn a_stuck_lane_drains_at_once() {
    let mut lane = Lane::new(0, 10, Progress::default());
    lane.deliver(0, Some(1));
    assert_eq!(lane.start(), Some((0, 1)));
    lane.stuck(0);
    assert_eq!(lane.start(), None);
    lane.drain();
    assert!(lane.is_over());
    assert_eq!(lane.committable(), Some(0));
}

/// If this fails, a stop in the middle of a long backoff holds up the process for the whole of it.
#[test]
fn a_backoff_does_not_hold_up_a_stop() {
    let mut lane = Lane::new(5, 10, Progress::default());
    lane.deliver(5, Some(1));
    assert_eq!(lane.start(), Some((0, 1)));
    lane.failed(0, Duration::from_secs(30));
    assert_eq!(lane.next_timer(), Some(Duration::from_secs(30)));
    lane.drain();
    assert!(lane.is_over() && lane.next_timer().is_none());
}

/// If this fails, an emit that Kafka has not acknowledged is lost when the process stops behind it.
#[test]
fn a_drain_waits_for_acknowledgements() {
    let mut lane = Lane::new(0, 10, Progress::default());
    lane.deliver(0, Some(1));
    assert_eq!(lane.start(), Some((0, 1)));
    lane.performed(0, 1);
    lane.drain();
    assert_eq!((lane.is_over(), lane.committable()), (false, Some(0)));
    lane.acknowledged(0);
    assert_eq!((lane.is_over(), lane.committable()), (true, Some(1)));
}

/// If this fails, a slow key holds back the others of its partition.
#[test]
fn a_key_that_waits_holds_back_no_other() {
    let mut lane = Lane::new(0, 10, Progress::default());
    let slow = lane.deliver(0, Some(1)).expect("new").0;
    assert_eq!(lane.start(), Some((slow, 1)));
    let (behind, free) = lane.deliver(1, Some(1)).expect("new");
    assert!(!free);
    let other = lane.deliver(2, Some(2)).expect("new").0;
    assert_eq!(lane.start(), Some((other, 1)));
    lane.performed(other, 0);
    assert_eq!(lane.start(), None, "the slow key's next record waits");
    lane.performed(slow, 0);
    assert_eq!(lane.start(), Some((behind, 1)));
}

/// If this fails, a lane that is about to end takes in records that nobody performs here.
#[test]
fn a_lane_that_ends_takes_nothing_in() {
    let ways: [fn(&mut Lane); 4] = [Lane::drain, Lane::lose, Lane::halt, Lane::close];
    for (number, end) in ways.into_iter().enumerate() {
        let mut lane = Lane::new(0, 10, Progress::default());
        assert_eq!((lane.has_room(), lane.room()), (true, 10));
        end(&mut lane);
        assert_eq!((lane.has_room(), lane.room()), (false, 0), "way {number}");
        assert_eq!(lane.is_closed(), number == 3);
    }
}

/// If this fails, a partition is called held up by its first record when it has room, or when it ends anyway.
#[test]
fn a_lane_is_full_when_its_window_is() {
    let mut lane = Lane::new(0, 1, Progress::default());
    assert!(!lane.is_full());
    lane.deliver(0, None);
    assert!(lane.is_full());
    lane.drain();
    assert!(!lane.is_full());
}

/// If this fails, a stop gives records up that are still at work, or waits for ever for what is not acknowledged.
#[test]
fn only_what_waits_for_nothing_else_gives_up_acknowledgements() {
    // What the lane has: a record that is at work, one whose emit is on its way; and whether it drains.
    let given_up = |at_work: bool, emits: u32, drains: bool| {
        let mut lane = Lane::new(0, 10, Progress::default());
        let [first, second] = [0, 1].map(|offset| lane.deliver(offset, None).expect("new").0);
        assert_eq!((lane.start(), lane.start()), (Some((first, 1)), Some((second, 1))));
        assert_eq!(lane.performed(first, emits), emits);
        if !at_work {
            lane.performed(second, 0);
        }
        if drains {
            lane.drain();
        }
        lane.give_up_acknowledgements();
        lane.committable().is_none()
    };
    assert!(given_up(false, 1, true) && given_up(false, 2, true));
    for (at_work, emits, drains) in [(false, 0, true), (true, 1, true), (true, 0, true), (false, 1, false)] {
        assert!(!given_up(at_work, emits, drains), "{at_work} {emits} {drains}");
    }
}

/// If this fails, a key stands still for ever behind a record whose dead letter Kafka has acknowledged very quickly.
#[test]
fn an_acknowledgement_may_come_before_the_report() {
    let mut lane = Lane::new(0, 10, Progress::default());
    let [first, second] = [0, 1].map(|offset| lane.deliver(offset, Some(1)).expect("new").0);
    assert_eq!(lane.start(), Some((first, 1)));
    lane.acknowledged(first);
    lane.dying(first, 1);
    assert_eq!((lane.committable(), lane.start()), (Some(1), Some((second, 1))));
    assert_eq!(lane.performed(9, 1), 0, "of a record that is not here nothing is waited for");
}

/// If this fails, a second restart forgets what the process before the last had finished, or gives a poison record its
/// attempts back.
#[test]
fn what_earlier_lanes_knew_is_said_again() {
    let mut earlier = Progress::default();
    earlier.finish(20..22);
    earlier.tried(5, 2);
    let mut lane = Lane::new(5, 10, earlier.clone());
    assert_eq!(lane.progress(), earlier);
    assert_eq!([5, 6].map(|offset| lane.deliver(offset, None).map(|(_, free)| free)), [Some(true); 2]);
    assert_eq!(lane.progress(), earlier, "its attempt, and nothing of what was not tried");
    assert_eq!(lane.start(), Some((0, 2)));
}

/// So many runs of one record each, the first one at `first` and with gaps of `between`.
fn spread(count: u64, first: u64, between: u64) -> Progress {
    let mut progress = Progress::default();
    for number in 0..count {
        let offset = (first + number * (between + 1)) as i64;
        progress.finish(offset..offset + 1);
    }
    progress
}

/// If this fails, a partition with much that is finished and little that is not stands still after a restart, or takes in
/// more than the next commit has room for.
#[test]
fn what_was_finished_before_takes_its_room() {
    let limit = ROOM + AGAIN;
    // What fills that to the last bit.
    let shapes = (1..60).flat_map(|first| (1..60).map(move |between| (first, between)));
    let full = shapes.map(|(first, between)| {
        let each = OFFSET + gap(between);
        let left = limit - gap(first) - OFFSET;
        (left % each, spread(1 + left / each, first, between))
    });
    let (_, full) = full.into_iter().find(|(left, _)| *left == 0).expect("a shape");
    assert_eq!(full.cost_beyond(0), limit);
    let lane = Lane::new(0, WINDOW, full);
    assert!(!lane.outgrown);
    assert_eq!((lane.has_room(), lane.room()), (true, 1), "something has to be looked at");
    let each = OFFSET + gap(1);
    assert!(!Lane::new(0, WINDOW, spread((limit - AGAIN / 2) / each, 1, 1)).outgrown);
    assert!(Lane::new(0, WINDOW, spread(limit / each + 2, 1, 1)).outgrown);

    // One record far away bounds what is read as nothing at all would.
    let mut far = Progress::default();
    far.finish(1_000_000..1_000_001);
    let mut lane = Lane::new(0, WINDOW, far);
    let mut offset = 0;
    while lane.has_room() {
        let (sequence, _) = lane.deliver(offset, None).expect("new");
        lane.start();
        lane.failed(sequence, Duration::ZERO);
        offset += 6;
    }
    assert!((3_400..3_500).contains(&lane.tracker.span()), "{}", lane.tracker.span());
}

/// If this fails, a lane asks for more records than a commit has room for, or for fewer, and stands still too early.
#[test]
fn room_is_counted_to_the_last_record() {
    let mut is_exact = false;
    for gap in 0..40 {
        let mut lane = Lane::new(0, WINDOW, Progress::default());
        let mut offset = 0;
        let mut deliver = |lane: &mut Lane, gap: i64| {
            lane.deliver(offset, None).expect("new");
            lane.start();
            offset += 1 + gap;
        };
        for _ in 0..500 {
            deliver(&mut lane, gap);
        }
        // The last one leaves no gap before the next.
        deliver(&mut lane, 0);
        let (room, mut count) = (lane.room(), 0);
        while lane.has_room() {
            deliver(&mut lane, 0);
            count += 1;
        }
        assert_eq!(room, count, "with gaps of {gap}");
        let left = ROOM - lane.tracker.cost();
        assert!(left < OFFSET || lane.tracker.span() == WINDOW, "{left}");
        is_exact |= left == 0;
    }
    assert!(is_exact);
}

/// If this fails, what is finished behind a slow record is not told to the group, and a crash does it again.
#[test]
fn what_is_finished_beyond_a_slow_head_is_news() {
    let mut lane = Lane::new(0, 10, Progress::default());
    let [slow, quick] = [0, 1].map(|offset| lane.deliver(offset, None).expect("new").0);
    assert_eq!((lane.start(), lane.start()), (Some((slow, 1)), Some((quick, 1))));
    assert!(!lane.has_news());
    lane.performed(quick, 0);
    assert!(lane.has_news());
    assert_eq!(lane.progress().finished(), 1);
    assert!(!lane.has_news(), "it was told");
    lane.performed(slow, 0);
    assert_eq!((lane.has_news(), lane.committable()), (false, Some(2)), "the offset says it");
}

/// If this fails, a partition that ends in what is no record, as the marker of a transaction, has lag for ever.
#[test]
fn a_gap_at_the_very_end_is_passed() {
    let mut lane = Lane::new(5, 10, Progress::default());
    let (record, _) = lane.deliver(5, None).expect("new");
    lane.start();
    lane.reached(7);
    assert_eq!(lane.committable(), Some(5), "not before the record");
    lane.performed(record, 0);
    assert_eq!(lane.committable(), Some(7));
    lane.reached(9);
    assert_eq!(lane.committable(), Some(9));
}
