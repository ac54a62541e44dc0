//! The order of one partition: what may start, what waits, what may be committed.
//!
//! A pure state machine: the driver tells it what happened and does what it says. It knows no clock; the moments it
//! is given and gives back are counted from whatever the driver counts from.
//!
//! Each record has an *ordering key*. Of a key one record is at work at a time, in the order of delivery; keys do not know of
//! each other. Under `ordering: partition` all records share one, under `key` it is that of the record, under `none` there is none.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use super::{
    progress::{AGAIN, OFFSET, Progress, ROOM},
    tracker::{Sequence, Tracker},
};
use crate::settings::WINDOW;

/// What a record's order is kept by; one without, `None`, waits for nobody.
pub(crate) type OrderingKey = Option<u64>;

/// A partition while it is assigned; a new assignment gets a new lane.
///
/// **Invariants** (held by `tests::random_histories_keep_the_promise`):
/// of an ordering key one record is at work at a time, in the order of delivery; a record is not passed by another of its key
/// before it is performed or its dead letter is acknowledged; nothing is committed that is not finished;
/// nothing starts once the lane is draining or lost; a lost lane commits nothing; what an earlier lane has finished
/// does not start, and what [`Lane::progress`] says of a record is so;
/// and with a window of up to [`WINDOW`] a commit has room for all of that (`tests::a_clean_stop_repeats_nothing`).
#[derive(Debug)]
pub(crate) struct Lane {
    tracker: Tracker,
    /// Records from `base` on, until they are finished.
    entries: VecDeque<Entry>,
    base: Sequence,
    /// What may start, in the order in which it became free to.
    ready: VecDeque<Sequence>,
    queues: KeyQueues,
    /// Who is tried again, and when.
    timers: BinaryHeap<Reverse<(Duration, Sequence)>>,
    running: usize,
    /// Records that are done but for acknowledgements.
    unacknowledged: usize,
    phase: Phase,
    /// Reading cannot go on: the position is lost.
    halted: bool,
    /// Nothing more is read; the lane ends when what it has is done.
    closed: bool,
    /// How many records may stand between the first unfinished one and the newest.
    window: u64,
    /// Where the partition is read from.
    from: i64,
    /// What earlier lanes have finished and tried, as far as reading has not come to it.
    earlier: Progress,
    /// That is more than a lane with this window takes in, as after one with a wider window.
    outgrown: bool,
    /// Unfinished records whose next attempt is not the first.
    tried: BTreeSet<Sequence>,
    /// Whether [`Lane::progress`] has more to say than when it was last asked.
    has_news: bool,
    /// How many records are finished, and how many of these were before they were delivered.
    finished: u64,
    skipped: u64,
}

#[derive(Debug)]
struct Entry {
    key: OrderingKey,
    attempt: u32,
    /// Emits and dead letters on their way; negative while acknowledgements are ahead of what `perform` has reported.
    missing: i64,
    state: State,
}

/// How far a record is.
///
/// ```text
///              deliver             start
///   a record ───────────▶ Waiting ───────▶ Running ──── performed ────▶ Emitting ──── acknowledged ────▶ Finished
///      │                     ▲                │                                                             ▲
///      │              rested │                ├──────── dying ────────▶ Dying ────── acknowledged ─────────┤
///      │                     │                │                                                             │
///      │                  Resting ◀───────────┤ failed, deferred                                            │
///      │                                      │                                                             │
///      │                                      └──────── stuck ────────▶ Stuck                               │
///      │                                                                                                    │
///      └──────────────────── deliver, where an earlier lane has finished it ────────────────────────────────┘
/// ```
///
/// Its key is taken from when it is first to start until it is performed, or its dead letter is acknowledged; so a record that
/// rests, is stuck or is dying keeps it. Where nothing of what was sent is missing, `performed` and `dying` lead to `Finished`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind others of its key, or free to start.
    Waiting,
    Running,
    /// Failed or put off; a timer stands for it.
    Resting,
    /// Will never succeed as things stand.
    Stuck,
    /// Its dead letter is on its way; the key waits for it.
    Dying,
    /// Performed; emits are on their way, and the key has gone on.
    Emitting,
    Finished,
}

/// How far the lane is. It may be closed or halted as well while it runs: a lane that is closed reads nothing more, and one that is
/// halted starts nothing either.
///
/// ```text
///   new ──▶ Running ────── drain ─────▶ Draining ──▶ over: nothing runs, and all that was sent is acknowledged
///              │                           │
///              │ lose                      │ lose, give_up_acknowledgements
///              │                           ▼
///              └─────────────────────────▶ Lost ───▶ over: nothing runs; nothing more is committed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Records start as they may.
    Running,
    /// Nothing starts; what runs may end, and is committed.
    Draining,
    /// Nothing starts, and nothing is committed.
    Lost,
}

/// Keys that are taken, with the records that wait for them.
#[derive(Debug, Default)]
struct KeyQueues {
    /// Key 0, the only one under `ordering: partition`, which is worth a place of its own.
    first: VecDeque<Sequence>,
    first_is_taken: bool,
    others: HashMap<u64, VecDeque<Sequence>, BuildHasherDefault<AlreadyHashed>>,
}

impl KeyQueues {
    /// Takes the key, or waits for it. Returns whether it was free.
    fn enter(&mut self, key: u64, sequence: Sequence) -> bool {
        if key == 0 {
            if self.first_is_taken {
                self.first.push_back(sequence);
            }
            return !std::mem::replace(&mut self.first_is_taken, true);
        }
        match self.others.get_mut(&key) {
            Some(waiting) => {
                waiting.push_back(sequence);
                false
            }
            None => {
                self.others.insert(key, VecDeque::new());
                true
            }
        }
    }

    /// The next record of a key; without one the key is free.
    fn go_on(&mut self, key: u64) -> Option<Sequence> {
        if key == 0 {
            let next = self.first.pop_front();
            self.first_is_taken = next.is_some();
            return next;
        }
        let next = self.others.get_mut(&key)?.pop_front();
        if next.is_none() {
            self.others.remove(&key);
        }
        next
    }

    fn is_empty(&self) -> bool {
        !self.first_is_taken && self.others.is_empty()
    }
}

/// Keys come as hashes.
#[derive(Default)]
pub(super) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Lane {
    /// A lane for a partition that is read from `start` on, after lanes that have come this far.
    pub(crate) fn new(start: i64, window: u64, earlier: Progress) -> Self {
        Self {
            tracker: Tracker::new(start),
            entries: VecDeque::new(),
            base: 0,
            ready: VecDeque::new(),
            queues: KeyQueues::default(),
            timers: BinaryHeap::new(),
            running: 0,
            unacknowledged: 0,
            phase: Phase::Running,
            halted: false,
            closed: false,
            window,
            from: start,
            outgrown: earlier.cost_beyond(start) > ROOM + AGAIN,
            earlier,
            tried: BTreeSet::new(),
            has_news: false,
            finished: 0,
            skipped: 0,
        }
    }

    /// A record came in. Returns whether it may start at once, or `None` if it is finished already.
    pub(crate) fn deliver(&mut self, offset: i64, key: OrderingKey) -> Option<(Sequence, bool)> {
        let sequence = self.tracker.deliver(offset);
        let mut entry = Entry { key, attempt: 1, missing: 0, state: State::Waiting };
        if !self.earlier.is_empty() {
            if self.earlier.pass(offset) {
                self.entries.push_back(entry);
                self.skipped += 1;
                self.finish(sequence);
                return None;
            }
            entry.attempt = self.earlier.take_attempt(offset);
            if entry.attempt > 1 {
                self.tried.insert(sequence);
            }
        }
        self.entries.push_back(entry);
        let free = key.is_none_or(|key| self.queues.enter(key, sequence));
        if free {
            self.ready.push_back(sequence);
        }
        Some((sequence, free))
    }

    /// The partition has been read up to `offset`, past what is not a record.
    pub(crate) fn reached(&mut self, offset: i64) {
        self.tracker.reach(offset);
    }

    /// Whether another record may be delivered. Gaps leave room for fewer than [`Lane::room`] says, so this is asked before
    /// each.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.takes_in() && self.is_open_behind()
    }

    /// How many more records may be delivered, if there are no gaps between them.
    pub(crate) fn room(&self) -> usize {
        if !self.has_room() {
            return 0;
        }
        let room = self.window.saturating_sub(self.tracker.span());
        let in_commit = match self.window {
            0..=WINDOW => (self.room_in_commit() / OFFSET).max(1),
            _ => u64::MAX,
        };
        usize::try_from(room.min(in_commit)).unwrap_or(usize::MAX)
    }

    /// Whether the window is full, so that nothing more is read until its first record is finished.
    pub(crate) fn is_full(&self) -> bool {
        self.phase == Phase::Running && !self.is_open_behind()
    }

    /// Nothing is taken in while there is something to start.
    #[inline]
    fn takes_in(&self) -> bool {
        self.phase == Phase::Running && !self.halted && !self.closed && self.ready.is_empty()
    }

    /// Whether there is room for a record behind the first unfinished one: in the window, and in a commit, which is to say
    /// of each whether it is finished. A window that is wider than that was chosen at this price.
    #[inline]
    fn is_open_behind(&self) -> bool {
        let span = self.tracker.span();
        // Of a partition with nothing unfinished, something has to be looked at.
        span == 0 || span < self.window && (self.window > WINDOW || self.room_in_commit() >= OFFSET)
    }

    /// What is left of the room in a commit, whichever of the records taken in finish.
    fn room_in_commit(&self) -> u64 {
        let (limit, earlier) = match self.earlier.cost_beyond(self.tracker.behind_last()) {
            0 => (ROOM, 0),
            // Rather is something repeated after the next stop than nothing read until the first record is finished.
            _ if self.outgrown => return u64::MAX,
            earlier => (ROOM + AGAIN, earlier),
        };
        limit.saturating_sub(self.tracker.cost() + earlier)
    }

    /// How many records are at work.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Whether some key is taken.
    pub(crate) fn is_busy(&self) -> bool {
        !self.queues.is_empty()
    }

    /// Whether a record could start now.
    pub(crate) fn has_ready(&self) -> bool {
        self.phase == Phase::Running && !self.halted && !self.ready.is_empty()
    }

    /// Starts the next record that may: its sequence number and which attempt it is, from 1.
    pub(crate) fn start(&mut self) -> Option<(Sequence, u32)> {
        if !self.has_ready() {
            return None;
        }
        let sequence = self.ready.pop_front()?;
        let entry = self.entry(sequence)?;
        entry.state = State::Running;
        let attempt = entry.attempt;
        self.running += 1;
        Some((sequence, attempt))
    }

    /// Whether records may still start.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Running && !self.halted
    }

    /// The offset of a record that is not finished, or behind one that is not.
    pub(crate) fn offset(&self, sequence: Sequence) -> Option<i64> {
        self.tracker.offset_if_unfinished(sequence)
    }

    /// Whether nothing is left to do or to wait for with this record.
    pub(crate) fn is_finished(&self, sequence: Sequence) -> bool {
        let Some(place) = sequence.checked_sub(self.base) else { return true };
        let entry = usize::try_from(place).ok().and_then(|place| self.entries.get(place));
        entry.is_some_and(|entry| entry.state == State::Finished)
    }

    /// When the next record has rested enough.
    pub(crate) fn next_timer(&self) -> Option<Duration> {
        if self.phase == Phase::Running { self.timers.peek().map(|Reverse((at, _))| *at) } else { None }
    }

    /// Frees what has rested until `now`.
    pub(crate) fn rested(&mut self, now: Duration) {
        while let Some(Reverse((at, sequence))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            if let Some(entry) = self.entry(sequence) {
                entry.state = State::Waiting;
                // Before anything new: it is the oldest of its key, and may hold the commit back.
                self.ready.push_front(sequence);
            }
        }
    }

    /// A running record was performed or skipped, and has sent this many emits in all its attempts. Its key goes on.
    /// Returns how many emits Kafka has not acknowledged.
    pub(crate) fn performed(&mut self, sequence: Sequence, emits: u32) -> u32 {
        let Some(key) = self.ended(sequence) else { return 0 };
        self.go_on(key);
        self.await_acknowledgements(sequence, emits, State::Emitting)
    }

    /// A running record is given up: its dead letter is on its way, beside the emits of its attempts. Its key waits.
    pub(crate) fn dying(&mut self, sequence: Sequence, sent: u32) {
        if self.ended(sequence).is_some() {
            self.await_acknowledgements(sequence, sent, State::Dying);
        }
    }

    /// A running record failed: it is tried again at `at`, as a further attempt.
    pub(crate) fn failed(&mut self, sequence: Sequence, at: Duration) {
        if let Some(entry) = self.entry(sequence) {
            entry.attempt = entry.attempt.saturating_add(1);
            self.tried.insert(sequence);
            self.has_news = true;
        }
        self.deferred(sequence, at);
    }

    /// A running record is put off until `at`; that is not an attempt.
    pub(crate) fn deferred(&mut self, sequence: Sequence, at: Duration) {
        if self.ended(sequence).is_some() {
            self.set(sequence, State::Resting);
            self.timers.push(Reverse((at, sequence)));
        }
    }

    /// A running record cannot ever be handled as things stand: its key waits for a person.
    pub(crate) fn stuck(&mut self, sequence: Sequence) {
        if self.ended(sequence).is_some() {
            self.set(sequence, State::Stuck);
        }
    }

    /// Kafka has acknowledged an emit or the dead letter of this record.
    pub(crate) fn acknowledged(&mut self, sequence: Sequence) {
        let Some(entry) = self.entry(sequence) else { return };
        entry.missing -= 1;
        let (state, key) = (entry.state, entry.key);
        if entry.missing == 0 && matches!(state, State::Emitting | State::Dying) {
            self.unacknowledged -= 1;
            self.finish(sequence);
            if state == State::Dying {
                self.go_on(key);
            }
        }
    }

    /// Records that were performed or skipped, and whose emits or job are on their way; and those whose dead letter is.
    #[cold]
    pub(crate) fn on_their_way(&self) -> (u64, u64) {
        let in_state = |state| self.entries.iter().map(|entry| u64::from(entry.state == state)).sum();
        (in_state(State::Emitting), in_state(State::Dying))
    }

    /// Nothing more may start until the partition is assigned anew: where to read from is not known.
    pub(crate) fn halt(&mut self) {
        self.halted = true;
    }

    /// Nothing more is read; what was read goes on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether nothing more is read.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Nothing more may start; what runs may finish.
    pub(crate) fn drain(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
    }

    /// How much of what was sent is not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.unacknowledged
    }

    /// What was sent will never be acknowledged: a lane that drains waits for it no longer, and it stays uncommitted.
    pub(crate) fn give_up_acknowledgements(&mut self) {
        if self.phase == Phase::Draining && self.running == 0 && self.unacknowledged > 0 {
            self.phase = Phase::Lost;
        }
    }

    /// The partition belongs to somebody else: nothing more may start or be committed.
    pub(crate) fn lose(&mut self) {
        self.phase = Phase::Lost;
    }

    /// Whether the lane has nothing left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        match self.phase {
            Phase::Running => false,
            Phase::Draining => self.running == 0 && self.unacknowledged == 0,
            Phase::Lost => self.running == 0,
        }
    }

    /// The offset that may be committed, unless the partition is lost.
    pub(crate) fn committable(&self) -> Option<i64> {
        (self.phase != Phase::Lost).then(|| self.tracker.committable())
    }

    /// How many records of this lane are below what may be committed.
    pub(crate) fn passed(&self) -> u64 {
        self.tracker.passed()
    }

    /// How many records were finished here.
    pub(crate) fn own_finished(&self) -> u64 {
        self.finished - self.skipped
    }

    /// How many of these are below what may be committed, at least.
    pub(crate) fn own_passed(&self) -> u64 {
        self.tracker.passed().saturating_sub(self.skipped)
    }

    /// What is finished and tried so far, beyond what may be committed and before it.
    pub(crate) fn progress(&mut self) -> Progress {
        self.has_news = false;
        let mut progress = Progress::default();
        progress.finish(self.from.max(0)..self.tracker.committable());
        self.tracker.finished_beyond_head().for_each(|run| progress.finish(run));
        for &sequence in &self.tried {
            if let Some(entry) = self.entries.get((sequence - self.base) as usize) {
                progress.tried(self.tracker.offset(sequence), entry.attempt);
            }
        }
        progress.merge(&self.earlier);
        progress
    }

    /// Whether a call of [`Lane::progress`] is worth its while: something is finished beyond what may be committed, or
    /// was tried, that it has not said.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// A running record runs no more. Returns its key.
    fn ended(&mut self, sequence: Sequence) -> Option<OrderingKey> {
        let entry = self.entry(sequence)?;
        debug_assert_eq!(entry.state, State::Running, "only a running record ends");
        let key = entry.key;
        self.running -= 1;
        Some(key)
    }

    fn await_acknowledgements(&mut self, sequence: Sequence, sent: u32, state: State) -> u32 {
        let Some(entry) = self.entry(sequence) else { return 0 };
        entry.missing += i64::from(sent);
        let (missing, key) = (entry.missing, entry.key);
        if missing == 0 {
            self.finish(sequence);
            if state == State::Dying {
                self.go_on(key);
            }
        } else {
            entry.state = state;
            self.unacknowledged += 1;
        }
        u32::try_from(missing).unwrap_or(0)
    }

    /// The next of a key may start; a key without one is free.
    fn go_on(&mut self, key: OrderingKey) {
        if let Some(next) = key.and_then(|key| self.queues.go_on(key)) {
            self.ready.push_back(next);
        }
    }

    fn finish(&mut self, sequence: Sequence) {
        self.finished += 1;
        self.set(sequence, State::Finished);
        self.has_news |= !self.tracker.finish(sequence);
        if !self.tried.is_empty() {
            self.tried.remove(&sequence);
        }
        while self.entries.front().is_some_and(|entry| entry.state == State::Finished) {
            self.entries.pop_front();
            self.base += 1;
        }
    }

    fn set(&mut self, sequence: Sequence, state: State) {
        if let Some(entry) = self.entry(sequence) {
            entry.state = state;
        }
    }

    fn entry(&mut self, sequence: Sequence) -> Option<&mut Entry> {
        let place = usize::try_from(sequence.checked_sub(self.base)?).ok()?;
        self.entries.get_mut(place)
    }
}

#[cfg(test)]
mod tests;
