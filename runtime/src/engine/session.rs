//! Whether a record may start now: whether the group can still count this process in, and wants it to work.
//!
//! A process that stood still (a suspended machine, a stopped container, `SIGSTOP`) wakes up without knowing it: its
//! partitions may be somebody else's by now. So before a lane starts a record it looks at when the group's thread last
//! had its turn; if that is longer ago than the group is sure to have waited, nothing starts until the group has answered.
//! Whoever starts has to look at a clock: the group's thread stood still as well, and a lane may wake up before it.
//!
//! Where the group's thread itself waits for Kafka it goes on with its beat, or has somebody beat for it: that is no
//! standstill, and one in the midst of it is noticed all the same.
//!
//! The clock is cheap: a lane reads the kernel's coarse one (5 to 10 ns; a precise one costs 50 to 100), which changes each
//! four milliseconds, and looks closer only when it has changed.

use std::{
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

/// How often somebody beats for a group's thread that waits.
const BEAT: Duration = Duration::from_millis(100);

/// How long at most: several look-ups, each with all its patience. A thread that hangs for longer counts as one that stands
/// still.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A sign of life that the group's thread gives and lanes look at.
///
/// **Invariant:** once the limit has passed without a beat, it is alive again only after an answer (held by
/// `tests::what_stood_still_waits_for_an_answer`).
#[derive(Debug)]
pub(crate) struct Session {
    origin: time::Moment,
    /// How long a standstill may last at most before the group has to be asked.
    limit: Duration,
    /// Until when it is alive, in milliseconds from `origin`.
    until: AtomicU64,
    /// When the last beat was.
    beat: AtomicU64,
    /// The longest standstill that nobody has taken notice of, in milliseconds; 0 is none.
    stood_still: AtomicU64,
    /// Nothing new is to start, because a person wants it so.
    quiet: AtomicBool,
}

/// A lane's last look at the clock.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// What the coarse clock said when the session was alive.
    tick: Option<time::Tick>,
    /// From when on the lane's turn is long, in milliseconds of the session; 0 until it is first looked at.
    long_from: u64,
    is_long: bool,
}

/// For how long a lane may keep its thread, if each of its records lets go of it so soon; in milliseconds.
const TURN: u64 = 50;

impl Gate {
    /// Whether the lane has had its thread for long by now, and others are to have it.
    pub(crate) fn is_long(&self) -> bool {
        self.is_long
    }

    /// The lane has let go of its thread.
    pub(crate) fn let_go(&mut self) {
        (self.long_from, self.is_long) = (0, false);
    }
}

impl Session {
    /// A session that is alive from now on, for as long as a group is sure to wait for a sign of life.
    pub(crate) fn new(limit: Duration) -> Self {
        let none = || AtomicU64::new(0);
        let (until, beat, stood_still) = (none(), none(), none());
        let session = Self { origin: time::now(), limit, until, beat, stood_still, quiet: AtomicBool::new(false) };
        session.begin();
        session
    }

    /// The group's thread begins its turns: nothing that was before counts.
    pub(crate) fn begin(&self) {
        self.beat.store(milliseconds(self.now()), Ordering::Release);
        self.answered();
    }

    /// The time as this session counts it: it goes on while the machine is suspended.
    pub(crate) fn now(&self) -> Duration {
        time::since(self.origin)
    }

    /// How long a standstill may last at most before the group has to be asked.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether a record may start at `now`.
    #[cfg(test)]
    pub(crate) fn is_alive(&self, now: Duration) -> bool {
        self.is_alive_at(milliseconds(now))
    }

    fn is_alive_at(&self, milliseconds: u64) -> bool {
        milliseconds < self.until.load(Ordering::Acquire)
    }

    /// Whether a record may start now, as far as time goes; for each start.
    #[inline]
    pub(crate) fn lets_start(&self, gate: &mut Gate) -> bool {
        let tick = time::tick();
        if gate.tick == Some(tick) {
            return true;
        }
        let now = milliseconds(self.now());
        let is_alive = self.is_alive_at(now);
        if gate.long_from == 0 {
            gate.long_from = now + TURN;
        }
        gate.is_long = now >= gate.long_from;
        gate.tick = is_alive.then_some(tick);
        is_alive
    }

    /// The group's thread is at work at `now`, or waits for Kafka and somebody beats for it.
    pub(crate) fn beat(&self, now: Duration) {
        let now = milliseconds(now);
        let still = now.saturating_sub(self.beat.swap(now, Ordering::AcqRel));
        let limit = milliseconds(self.limit);
        if still >= limit {
            self.stood_still.fetch_max(still.max(1), Ordering::AcqRel);
        }
        if now < self.until.load(Ordering::Acquire) {
            self.until.store(now.saturating_add(limit), Ordering::Release);
        }
    }

    /// The longest standstill since this was last asked; the group has to be asked then, and what it was asked before says
    /// nothing.
    pub(crate) fn take_standstill(&self) -> Option<Duration> {
        let still = self.stood_still.swap(0, Ordering::AcqRel);
        (still > 0).then(|| Duration::from_millis(still))
    }

    /// The group has said that this process belongs to it. Counts from the last beat: the process may have stood still
    /// since then, with the answer in its hand.
    pub(crate) fn answered(&self) {
        let until = self.beat.load(Ordering::Acquire).saturating_add(milliseconds(self.limit));
        self.until.store(until, Ordering::Release);
    }

    /// Does what makes the group's thread wait for Kafka, while another thread beats for it. That one stands still with the
    /// process, and sees it as the group's thread would.
    ///
    /// `runtime` is what the clock of a simulation is found by.
    pub(crate) fn meanwhile<T>(&self, runtime: &Handle, wait: impl FnOnce() -> T) -> T {
        let (over, is_over) = mpsc::channel::<()>();
        thread::scope(move |scope| {
            let beats = move || {
                let _clock = runtime.enter();
                let mut left = LONGEST_WAIT;
                while is_over.recv_timeout(BEAT) == Err(mpsc::RecvTimeoutError::Timeout) && !left.is_zero() {
                    self.beat(self.now());
                    left = left.saturating_sub(BEAT);
                }
            };
            // Without a thread it counts as a standstill, which asks once more than is needed.
            let _ = thread::Builder::new().name("karafka beat".to_owned()).spawn_scoped(scope, beats);
            let ended = wait();
            drop(over);
            ended
        })
    }

    /// Whether nothing new is to start.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Quiets the lanes, so that nothing new starts; or resumes them.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The kernel's clocks.
#[cfg(all(target_os = "linux", not(any(test, feature = "testing"))))]
mod time {
    use std::time::Duration;

    use rustix::time::{ClockId, clock_gettime};

    pub(super) type Moment = Duration;

    /// What a cheap clock says: another tick means that some time has passed.
    pub(super) type Tick = (i64, i64);

    pub(super) fn tick() -> Tick {
        let now = clock_gettime(ClockId::MonotonicCoarse);
        (now.tv_sec, now.tv_nsec)
    }

    /// Counts while the machine is suspended, too.
    pub(super) fn now() -> Moment {
        let now = clock_gettime(ClockId::Boottime);
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    pub(super) fn since(moment: Moment) -> Duration {
        now().saturating_sub(moment)
    }
}

/// Elsewhere than on Linux, and in tests, whose time may be a simulation's, each look is a close one.
#[cfg(not(all(target_os = "linux", not(any(test, feature = "testing")))))]
mod time {
    use std::time::Instant;

    pub(super) use super::super::clock::{now, now as tick, since};

    pub(super) type Moment = Instant;
    pub(super) type Tick = Instant;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a process that was frozen past its session works beside the new owner of its partitions.
    #[test]
    fn what_stood_still_waits_for_an_answer() {
        let seconds = Duration::from_secs;
        let session = Session::new(seconds(6));
        session.beat(seconds(5));
        assert!(session.is_alive(seconds(10)) && session.take_standstill().is_none());
        assert!(!session.is_alive(seconds(11)), "a lane wakes up first");
        session.beat(seconds(12));
        assert_eq!((session.take_standstill(), session.take_standstill()), (Some(seconds(7)), None));
        session.beat(seconds(13));
        assert!(!session.is_alive(seconds(13)), "turns alone prove nothing");
        assert!(session.take_standstill().is_none(), "once is enough");
        session.answered();
        session.beat(seconds(15));
        assert!(session.is_alive(seconds(20)));
    }

    /// If this fails, a process that is frozen once more while it waits for the answer takes what it had asked before for
    /// true, or one that is frozen with the answer in its hand begins beside the new owner.
    #[test]
    fn a_standstill_in_doubt_is_one_more() {
        let seconds = Duration::from_secs;
        let session = Session::new(seconds(1));
        session.beat(seconds(12));
        assert_eq!(session.take_standstill(), Some(seconds(12)));
        session.beat(seconds(14));
        assert_eq!(session.take_standstill(), Some(seconds(2)));
        session.beat(Duration::from_millis(14_900));
        // Heard, and then frozen until 30.
        session.answered();
        assert!(session.is_alive(seconds(15)) && !session.is_alive(seconds(30)));
        session.beat(seconds(30));
        assert!(!session.is_alive(seconds(30)) && session.take_standstill().is_some());
    }

    /// If this fails, a group that waits for Kafka counts as frozen: its lanes stop, and the app says what is not so.
    #[test]
    fn a_wait_for_kafka_is_no_standstill() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio");
        let session = Session::new(LONGEST_WAIT);
        let before = session.beat.load(Ordering::Acquire);
        let beaten = || session.beat.load(Ordering::Acquire) > before;
        session.meanwhile(runtime.handle(), || {
            while !beaten() {
                thread::yield_now();
            }
        });
        assert!(beaten() && session.is_alive(session.now()) && session.take_standstill().is_none());
    }

    /// If this fails, a process that is frozen while its group waits for Kafka goes on as if nothing had been.
    #[test]
    fn a_standstill_amid_a_wait_is_seen() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("tokio");
        let session = Session::new(Duration::from_secs(3_600));
        let before = session.beat.load(Ordering::Acquire);
        session.meanwhile(runtime.handle(), || {
            // As it is when the limit has passed; a clock knows nothing before the process.
            session.until.store(0, Ordering::Release);
            while session.beat.load(Ordering::Acquire) == before {
                thread::yield_now();
            }
        });
        assert!(!session.is_alive(session.now()), "whoever beats has not taken it for alive");
    }

    /// If this fails, a lane that wakes up before the group's thread starts what is somebody else's: the tick that it has
    /// seen before counts for ever.
    #[test]
    fn a_lane_looks_before_each_start() {
        let session = Session::new(Duration::from_secs(3_600));
        let mut gate = Gate::default();
        assert!(session.lets_start(&mut gate));
        let before = time::tick();
        session.until.store(0, Ordering::Release);
        while time::tick() == before {
            std::thread::yield_now();
        }
        assert!(!session.lets_start(&mut gate) && !session.lets_start(&mut gate));
        session.answered();
        assert!(session.lets_start(&mut gate));
    }

    /// If this fails, a lane whose handlers each block for a second keeps its thread for a minute, and all others wait; or each
    /// record costs a turn.
    #[test]
    fn a_turn_is_long_after_some_milliseconds() {
        let session = Session::new(Duration::from_secs(3_600));
        let mut gate = Gate::default();
        assert!(session.lets_start(&mut gate) && !gate.is_long());
        std::thread::sleep(Duration::from_millis(TURN));
        assert!(session.lets_start(&mut gate) && gate.is_long());
        gate.let_go();
        assert!(!gate.is_long() && session.lets_start(&mut gate) && !gate.is_long());
    }
}
