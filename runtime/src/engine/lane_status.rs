//! What a lane shows of itself while it runs, for those who watch from outside.
//!
//! An attempt that is ready at once costs four plain stores here: no lock, no clock. Only one that waits is written
//! down with the time.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{atomic_offset::AtomicOffset, clock, core::tracker::Sequence, polls::Polls, refused::RefusedCopies};
use crate::client::{FetchFault, Watermarks};
use crate::sync::Mutex;

/// What came instead of records, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotedFault {
    pub(crate) fault: FetchFault,
    pub(crate) at: Instant,
}

/// The signs of life of one lane.
#[derive(Debug)]
pub(crate) struct LaneStatus {
    /// Attempts, and what is called without waiting, as a parser is.
    pub(crate) polls: Polls,
    /// The offset of the record whose attempt was polled last, or the first one's of a batch.
    polled: AtomicOffset,
    /// How many records that attempt is at.
    polled_records: AtomicU64,
    in_flight: Mutex<InFlight>,
    /// Records that were delivered and have not been started.
    waiting: AtomicUsize,
    /// Records of a lane that drains that were performed, and whose emits or job are on their way.
    performed_on_their_way: AtomicU64,
    /// Those whose dead letter is.
    dying_on_their_way: AtomicU64,
    /// Records that wait for a person: they cannot be parsed, or not be written as jobs, and there is no dead letter topic.
    stuck: AtomicU64,
    /// The offset to read from is gone; nothing more is read.
    halted: AtomicBool,
    /// Records that the client has fetched ahead, when somebody looked last.
    prefetched: AtomicUsize,
    /// The offset of the partition's first record, as far as the client knows.
    low: AtomicOffset,
    /// The offset behind the partition's last record, as far as the client knows.
    high: AtomicOffset,
    /// The offset that Kafka has acknowledged last as committed.
    committed: AtomicOffset,
    /// Finished records that the last commit had no room for.
    left_out: AtomicU64,
    /// What was sent, and Kafka refuses as it is.
    pub(crate) refused: RefusedCopies,
    /// What came instead of records, if none has come since.
    fetch_fault: Mutex<Option<NotedFault>>,
    has_fetch_fault: AtomicBool,
}

/// Attempts that wait for something.
#[derive(Debug, Default)]
struct InFlight {
    next: u64,
    /// In the order in which they began to wait.
    begun: BTreeMap<u64, Begun>,
    /// Attempts that wait until what they send has room, and how often each does.
    without_room: BTreeMap<Sequence, u32>,
}

/// An attempt that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The record's, or the batch's.
    pub(crate) sequence: Sequence,
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
    /// How many records it is at: several in a batch.
    pub(crate) records: u64,
    pub(crate) at: Instant,
}

/// Attempts that have not ended for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfinished {
    /// The one that has waited for longest.
    pub(crate) first: Begun,
    /// How many others there are.
    pub(crate) others: usize,
}

/// An attempt under way, at a record or at a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtWork {
    /// The record, or the first one of the batch.
    pub(crate) offset: i64,
    pub(crate) records: u64,
    /// When it was begun, or first seen if it has not let go of its thread since.
    pub(crate) since: Instant,
}

/// Whether an attempt is being polled at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Polling {
    /// Another number means another poll.
    pub(crate) number: u64,
    pub(crate) offset: i64,
}

impl Default for LaneStatus {
    fn default() -> Self {
        Self {
            polls: Polls::default(),
            polled: AtomicOffset::default(),
            polled_records: AtomicU64::new(1),
            in_flight: Mutex::default(),
            waiting: AtomicUsize::new(0),
            performed_on_their_way: AtomicU64::new(0),
            dying_on_their_way: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            halted: AtomicBool::new(false),
            prefetched: AtomicUsize::new(0),
            low: AtomicOffset::default(),
            high: AtomicOffset::default(),
            committed: AtomicOffset::default(),
            left_out: AtomicU64::new(0),
            refused: RefusedCopies::default(),
            fetch_fault: Mutex::default(),
            has_fetch_fault: AtomicBool::new(false),
        }
    }
}

impl LaneStatus {
    /// Runs an app's code that cannot wait, such as a parser.
    pub(crate) fn during<T>(&self, offset: i64, code: impl FnOnce() -> T) -> T {
        self.during_batch(offset, 1, code)
    }

    /// As [`LaneStatus::during`], at several records of which this is the first.
    fn during_batch<T>(&self, offset: i64, records: u64, code: impl FnOnce() -> T) -> T {
        self.polled.store(Some(offset), Ordering::Relaxed);
        self.polled_records.store(records, Ordering::Relaxed);
        let number = self.polls.begin();
        let result = code();
        self.polls.end(number);
        result
    }

    /// The poll that is under way, if there is one.
    pub(crate) fn polling(&self) -> Option<Polling> {
        let number = self.polls.polling()?;
        Some(Polling { number, offset: self.polled.load(Ordering::Relaxed)? })
    }

    /// The record whose handler keeps its thread, and for how long it has.
    pub(crate) fn blocked(&self) -> Option<(i64, Duration)> {
        let blocked = self.polls.blocked()?;
        Some((self.polled.load(Ordering::Relaxed)?, blocked))
    }

    /// The attempt that waits for longest, and how many wait.
    pub(crate) fn in_flight(&self) -> (Option<Begun>, usize) {
        let in_flight = self.in_flight.lock();
        (in_flight.begun.first_key_value().map(|(_, begun)| *begun), in_flight.begun.len())
    }

    /// Attempts that have waited for `long` or longer, those left out that wait for room to send: what keeps these is not
    /// the handler.
    pub(crate) fn unfinished(&self, now: Instant, long: Duration) -> Option<Unfinished> {
        let in_flight = self.in_flight.lock();
        let begun = in_flight.begun.values();
        let mut long = begun
            .take_while(|begun| now.saturating_duration_since(begun.at) >= long)
            .filter(|begun| !in_flight.without_room.contains_key(&begun.sequence));
        Some(Unfinished { first: *long.next()?, others: long.count() })
    }

    /// The attempt of this number waits for room to send, until what is returned is dropped.
    #[must_use]
    pub(crate) fn waits_for_room(&self, sequence: Sequence) -> WithoutRoom<'_> {
        let mut in_flight = self.in_flight.lock();
        *in_flight.without_room.entry(sequence).or_default() += 1;
        WithoutRoom { status: self, sequence }
    }

    /// Every attempt that waits, and the one whose poll has been under way since then, by offset.
    pub(crate) fn at_work(&self, polled: Option<(i64, Instant)>) -> Vec<AtWork> {
        let mut at_work: Vec<_> = {
            let in_flight = self.in_flight.lock();
            let begun = in_flight.begun.values();
            begun.map(|begun| AtWork { offset: begun.offset, records: begun.records, since: begun.at }).collect()
        };
        if let Some((offset, since)) = polled
            && at_work.iter().all(|waits| waits.offset != offset)
        {
            let records = self.polled_records.load(Ordering::Relaxed);
            at_work.push(AtWork { offset, records, since });
        }
        at_work.sort_by_key(|at_work| at_work.offset);
        at_work
    }

    fn begin(&self, begun: Begun) -> u64 {
        let mut in_flight = self.in_flight.lock();
        let ticket = in_flight.next;
        in_flight.next += 1;
        in_flight.begun.insert(ticket, begun);
        ticket
    }

    fn end(&self, ticket: u64) {
        self.in_flight.lock().begun.remove(&ticket);
    }

    pub(crate) fn set_waiting(&self, records: usize) {
        self.waiting.store(records, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes what a lane that drains waits for, or has ended without: records that were performed, and dead letters.
    pub(crate) fn set_on_their_way(&self, (performed, dying): (u64, u64)) {
        self.performed_on_their_way.store(performed, Ordering::Relaxed);
        self.dying_on_their_way.store(dying, Ordering::Relaxed);
    }

    /// What the lane noted last.
    pub(crate) fn on_their_way(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.performed_on_their_way), of(&self.dying_on_their_way))
    }

    pub(crate) fn add_stuck(&self) {
        self.stuck.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stuck(&self) -> u64 {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Something came instead of records, or records did.
    #[cold]
    pub(crate) fn set_fetch_fault(&self, fault: Option<NotedFault>) {
        let mut known = self.fetch_fault.lock();
        self.has_fetch_fault.store(fault.is_some(), Ordering::Relaxed);
        *known = fault;
    }

    /// It is known to be over; what has come since stays.
    pub(crate) fn clear_fetch_fault(&self, fault: &NotedFault) {
        let mut known = self.fetch_fault.lock();
        if known.take_if(|known| known == fault).is_some() {
            self.has_fetch_fault.store(false, Ordering::Relaxed);
        }
    }

    /// Records have come.
    #[inline]
    pub(crate) fn fetched(&self) {
        if self.has_fetch_fault.load(Ordering::Relaxed) {
            self.set_fetch_fault(None);
        }
    }

    /// What came instead of records, if none has come since.
    pub(crate) fn fetch_fault(&self) -> Option<NotedFault> {
        if !self.has_fetch_fault.load(Ordering::Relaxed) {
            return None;
        }
        self.fetch_fault.lock().clone()
    }

    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_prefetched(&self, records: usize) {
        self.prefetched.store(records, Ordering::Relaxed);
    }

    pub(crate) fn prefetched(&self) -> usize {
        self.prefetched.load(Ordering::Relaxed)
    }

    pub(crate) fn set_watermarks(&self, watermarks: Watermarks) {
        self.low.store(watermarks.low, Ordering::Relaxed);
        self.high.store(Some(watermarks.high), Ordering::Relaxed);
    }

    pub(crate) fn low(&self) -> Option<i64> {
        self.low.load(Ordering::Relaxed)
    }

    pub(crate) fn high(&self) -> Option<i64> {
        self.high.load(Ordering::Relaxed)
    }

    pub(crate) fn set_committed(&self, offset: i64) {
        self.committed.store(Some(offset), Ordering::Relaxed);
    }

    pub(crate) fn committed(&self) -> Option<i64> {
        self.committed.load(Ordering::Relaxed)
    }

    pub(crate) fn set_left_out(&self, records: u64) {
        self.left_out.store(records, Ordering::Relaxed);
    }

    pub(crate) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

/// An attempt waits for room to send.
#[derive(Debug)]
pub(crate) struct WithoutRoom<'a> {
    status: &'a LaneStatus,
    sequence: Sequence,
}

impl Drop for WithoutRoom<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.status.in_flight.lock();
        if let Some(count) = in_flight.without_room.get_mut(&self.sequence) {
            *count -= 1;
            if *count == 0 {
                in_flight.without_room.remove(&self.sequence);
            }
        }
    }
}

/// Shows in a lane's status how one attempt is doing.
#[derive(Debug)]
pub(crate) struct PollGuard<'a> {
    status: &'a LaneStatus,
    sequence: Sequence,
    offset: i64,
    attempt: u32,
    records: u64,
    ticket: Option<u64>,
}

impl<'a> PollGuard<'a> {
    pub(crate) fn new(status: &'a LaneStatus, sequence: Sequence, offset: i64, attempt: u32) -> Self {
        Self { status, sequence, offset, attempt, records: 1, ticket: None }
    }

    /// The attempt is at several records, of which this is the first.
    pub(crate) fn of_batch(status: &'a LaneStatus, id: Sequence, offset: i64, attempt: u32, records: usize) -> Self {
        Self { records: records as u64, ..Self::new(status, id, offset, attempt) }
    }

    /// Polls the attempt.
    // As a part of the span that it is polled in it costs a record more instructions.
    #[inline(never)]
    pub(crate) fn poll<F: Future>(&mut self, cx: &mut Context<'_>, attempt: Pin<&mut F>) -> Poll<F::Output> {
        let polled = self.status.during_batch(self.offset, self.records, || attempt.poll(cx));
        if polled.is_pending() && self.ticket.is_none() {
            let Self { sequence, offset, attempt, records, .. } = *self;
            let begun = Begun { sequence, offset, attempt, records, at: clock::now() };
            self.ticket = Some(self.status.begin(begun));
        }
        polled
    }
}

impl Drop for PollGuard<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.status.end(ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, task::Waker};

    use super::*;

    /// If this fails, a handler that waits is not seen, or one that has ended is taken for stuck.
    #[test]
    fn an_attempt_that_waits_is_seen_until_it_ends() {
        let status = LaneStatus::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut ready = false;
        let mut handler = pin!(poll_fn(|_| {
            assert_eq!(status.polling().map(|polling| polling.offset), Some(7));
            if std::mem::replace(&mut ready, true) { Poll::Ready(()) } else { Poll::Pending }
        }));
        let mut guard = PollGuard::new(&status, 0, 7, 2);
        assert!(guard.poll(&mut cx, handler.as_mut()).is_pending());
        let (oldest, count) = status.in_flight();
        assert_eq!((oldest.map(|begun| (begun.offset, begun.attempt)), count), (Some((7, 2)), 1));
        assert_eq!(status.polling(), None, "it waits, and keeps no thread");
        assert!(guard.poll(&mut cx, handler.as_mut()).is_ready());
        drop(guard);
        assert_eq!(status.in_flight(), (None, 0));
    }

    /// If this fails, a stop says that a record whose handler or parser keeps its thread is as many as the batch before it had.
    #[test]
    fn a_poll_is_at_as_many_records_as_its_own_attempt() {
        let status = LaneStatus::default();
        let mut cx = Context::from_waker(Waker::noop());
        let seen = || status.polling().map(|polling| status.at_work(Some((polling.offset, clock::now())))[0].records);
        for records in [1, 5, 1, 7, 2] {
            let mut handler = pin!(poll_fn(|_| Poll::Ready(seen())));
            let polled = PollGuard::of_batch(&status, 0, 7, 1, records).poll(&mut cx, handler.as_mut());
            assert_eq!(polled, Poll::Ready(Some(records as u64)));
        }
        assert_eq!(status.during(8, seen), Some(1));
    }

    /// If this fails, an attempt that is dropped by a time-out is reported as stuck for ever.
    #[test]
    fn a_dropped_attempt_leaves_nothing() {
        let status = LaneStatus::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = PollGuard::new(&status, 0, 1, 1);
        let mut second = PollGuard::new(&status, 1, 2, 1);
        assert!(first.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        assert!(second.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        drop(first);
        assert_eq!(status.in_flight().0.map(|begun| begun.offset), Some(2));
    }

    /// If this fails, a handler that never returns has no name; or one is blamed whose Kafka, or Redis, takes nothing.
    #[test]
    fn attempts_that_do_not_end_are_found_but_for_those_without_room() {
        let status = LaneStatus::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut guards: Vec<_> = (0..3).map(|number| PollGuard::new(&status, number, 10 + number as i64, 1)).collect();
        for guard in &mut guards {
            assert!(guard.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        }
        let long = Duration::from_secs(300);
        let seen = |after| {
            let unfinished = status.unfinished(clock::now() + Duration::from_secs(after), long);
            unfinished.map(|Unfinished { first, others }| (first.offset, others))
        };
        assert_eq!(seen(299), None);
        assert_eq!(seen(301), Some((10, 2)));
        // It sends two things at once, and both wait.
        let waits = (status.waits_for_room(0), status.waits_for_room(0));
        assert_eq!(seen(301), Some((11, 1)));
        drop(waits.0);
        assert_eq!(seen(301), Some((11, 1)));
        drop(waits.1);
        assert_eq!(seen(301), Some((10, 2)));
        drop(guards);
        assert_eq!(seen(301), None);
    }
}
