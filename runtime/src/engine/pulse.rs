//! What a lane shows of itself while it runs, for those who watch from outside.
//!
//! An attempt that is ready at once costs three plain stores here: no lock, no clock. Only one that waits is written
//! down with the time.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{clock, shared::NO_OFFSET};

/// The signs of life of one lane.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// Odd while an attempt is being polled; only the lane's task counts it up.
    polls: AtomicU64,
    /// The offset of the record whose attempt was polled last.
    polled: AtomicI64,
    /// For how long the poll that is under way has not returned, in milliseconds: what a watchdog has seen.
    blocked: AtomicU64,
    in_flight: Mutex<InFlight>,
    /// Records that were delivered and have not been started.
    waiting: AtomicUsize,
    /// Records of a lane that drains that were performed, and whose emits or job are on their way.
    performed_on_their_way: AtomicU64,
    /// Those whose dead letter is.
    dying_on_their_way: AtomicU64,
    /// Records that wait for a person: they cannot be parsed, and there is no dead letter topic.
    stuck: AtomicU64,
    /// The offset to read from is gone; nothing more is read.
    halted: AtomicBool,
    /// Records that the client has fetched ahead, when somebody looked last.
    prefetched: AtomicUsize,
    /// The offset behind the partition's last record, as far as the client knows.
    high: AtomicI64,
    /// The offset that Kafka has acknowledged last as committed.
    committed: AtomicI64,
}

/// Attempts that wait for something.
#[derive(Debug, Default)]
struct InFlight {
    next: u64,
    begun: BTreeMap<u64, Begun>,
}

/// An attempt that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
    pub(crate) at: Instant,
}

/// Whether an attempt is being polled at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Polling {
    /// Another number means another poll.
    pub(crate) number: u64,
    pub(crate) offset: i64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            polls: AtomicU64::new(0),
            polled: AtomicI64::new(NO_OFFSET),
            blocked: AtomicU64::new(0),
            in_flight: Mutex::default(),
            waiting: AtomicUsize::new(0),
            performed_on_their_way: AtomicU64::new(0),
            dying_on_their_way: AtomicU64::new(0),
            stuck: AtomicU64::new(0),
            halted: AtomicBool::new(false),
            prefetched: AtomicUsize::new(0),
            high: AtomicI64::new(NO_OFFSET),
            committed: AtomicI64::new(NO_OFFSET),
        }
    }
}

impl Pulse {
    /// Runs an app's code that cannot wait, such as a parser.
    pub(crate) fn during<T>(&self, offset: i64, code: impl FnOnce() -> T) -> T {
        let number = self.polls.load(Ordering::Relaxed);
        self.polled.store(offset, Ordering::Relaxed);
        self.polls.store(number + 1, Ordering::Release);
        let result = code();
        self.polls.store(number + 2, Ordering::Release);
        result
    }

    /// The poll that is under way, if there is one.
    pub(crate) fn polling(&self) -> Option<Polling> {
        let number = self.polls.load(Ordering::Acquire);
        let offset = self.polled.load(Ordering::Relaxed);
        (number % 2 == 1).then_some(Polling { number, offset })
    }

    /// Notes for how long the poll that is under way has not returned.
    pub(crate) fn set_blocked(&self, since: Option<Duration>) {
        let milliseconds = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1));
        self.blocked.store(milliseconds, Ordering::Relaxed);
    }

    /// The record whose handler keeps its thread, and for how long it has.
    pub(crate) fn blocked(&self) -> Option<(i64, Duration)> {
        let polling = self.polling()?;
        match self.blocked.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Some((polling.offset, Duration::from_millis(milliseconds))),
        }
    }

    /// The attempt that waits for longest, and how many wait.
    pub(crate) fn in_flight(&self) -> (Option<Begun>, usize) {
        let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        (in_flight.begun.first_key_value().map(|(_, begun)| *begun), in_flight.begun.len())
    }

    fn begin(&self, begun: Begun) -> u64 {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = in_flight.next;
        in_flight.next += 1;
        in_flight.begun.insert(ticket, begun);
        ticket
    }

    fn end(&self, ticket: u64) {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).begun.remove(&ticket);
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

    pub(crate) fn set_high(&self, offset: i64) {
        self.high.store(offset, Ordering::Relaxed);
    }

    pub(crate) fn high(&self) -> Option<i64> {
        offset(&self.high)
    }

    pub(crate) fn set_committed(&self, offset: i64) {
        self.committed.store(offset, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self) -> Option<i64> {
        offset(&self.committed)
    }
}

fn offset(of: &AtomicI64) -> Option<i64> {
    Some(of.load(Ordering::Relaxed)).filter(|offset| *offset != NO_OFFSET)
}

/// Shows in a lane's pulse how one attempt is doing.
#[derive(Debug)]
pub(crate) struct Beat<'a> {
    pulse: &'a Pulse,
    offset: i64,
    attempt: u32,
    ticket: Option<u64>,
}

impl<'a> Beat<'a> {
    pub(crate) fn new(pulse: &'a Pulse, offset: i64, attempt: u32) -> Self {
        Self { pulse, offset, attempt, ticket: None }
    }

    /// Polls the attempt.
    pub(crate) fn poll<F: Future>(&mut self, cx: &mut Context<'_>, attempt: Pin<&mut F>) -> Poll<F::Output> {
        let polled = self.pulse.during(self.offset, || attempt.poll(cx));
        if polled.is_pending() && self.ticket.is_none() {
            let begun = Begun { offset: self.offset, attempt: self.attempt, at: clock::now() };
            self.ticket = Some(self.pulse.begin(begun));
        }
        polled
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.pulse.end(ticket);
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
        let pulse = Pulse::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut ready = false;
        let mut handler = pin!(poll_fn(|_| {
            assert_eq!(pulse.polling().map(|polling| polling.offset), Some(7));
            if std::mem::replace(&mut ready, true) { Poll::Ready(()) } else { Poll::Pending }
        }));
        let mut beat = Beat::new(&pulse, 7, 2);
        assert!(beat.poll(&mut cx, handler.as_mut()).is_pending());
        let (oldest, count) = pulse.in_flight();
        assert_eq!((oldest.map(|begun| (begun.offset, begun.attempt)), count), (Some((7, 2)), 1));
        assert_eq!(pulse.polling(), None, "it waits, and keeps no thread");
        assert!(beat.poll(&mut cx, handler.as_mut()).is_ready());
        drop(beat);
        assert_eq!(pulse.in_flight(), (None, 0));
    }

    /// If this fails, an attempt that is dropped by a time-out is reported as stuck for ever.
    #[test]
    fn a_dropped_attempt_leaves_nothing() {
        let pulse = Pulse::default();
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = Beat::new(&pulse, 1, 1);
        let mut second = Beat::new(&pulse, 2, 1);
        assert!(first.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        assert!(second.poll(&mut cx, pin!(std::future::pending::<()>())).is_pending());
        drop(first);
        assert_eq!(pulse.in_flight().0.map(|begun| begun.offset), Some(2));
    }
}
