//! Whether a record may start now: whether the group can still count this process in, and wants it to work.
//!
//! A process that stood still (a suspended machine, a stopped container, `SIGSTOP`) wakes up without knowing it: its
//! partitions may be somebody else's by now. So before a lane starts a record it looks at when the group's thread last
//! had its turn; if that is longer ago than the session, nothing starts until the group has answered. Whoever starts
//! has to look at a clock: the group's thread stood still as well, and a lane may wake up before it.
//!
//! The clock is cheap: a lane reads the kernel's coarse one (5 to 10 ns; a precise one costs 50 to 100), which changes each
//! four milliseconds, and looks closer only when it has changed.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// A sign of life that the group's thread gives and lanes look at.
///
/// **Invariant:** once a session has passed without a turn, it is alive again only after an answer (held by
/// `tests::what_stood_still_waits_for_an_answer`).
#[derive(Debug)]
pub(crate) struct Session {
    origin: time::Moment,
    timeout: Duration,
    /// Until when it is alive, in milliseconds from `origin`.
    until: AtomicU64,
    /// Nothing new is to start, because a person wants it so.
    quiet: AtomicBool,
}

/// A lane's last look at the clock.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// What the coarse clock said when the session was alive.
    tick: Option<time::Tick>,
}

impl Session {
    /// A session that is alive from now on, for as long as a group waits for a sign of life.
    pub(crate) fn new(timeout: Duration) -> Self {
        let session = Self { origin: time::now(), timeout, until: AtomicU64::new(0), quiet: AtomicBool::new(false) };
        session.answered(session.now());
        session
    }

    /// The time as this session counts it: it goes on while the machine is suspended.
    pub(crate) fn now(&self) -> Duration {
        time::since(self.origin)
    }

    /// Whether a record may start at `now`.
    pub(crate) fn is_alive(&self, now: Duration) -> bool {
        milliseconds(now) < self.until.load(Ordering::Acquire)
    }

    /// Whether a record may start now, as far as time goes; for each start.
    pub(crate) fn lets_start(&self, gate: &mut Gate) -> bool {
        let tick = time::tick();
        if gate.tick == Some(tick) {
            return true;
        }
        let is_alive = self.is_alive(self.now());
        gate.tick = is_alive.then_some(tick);
        is_alive
    }

    /// The group's thread has its turn at `now`. Says whether it came in time; if not, the group has to be asked.
    pub(crate) fn turn(&self, now: Duration) -> bool {
        let in_time = self.is_alive(now);
        if in_time {
            self.answered(now);
        }
        in_time
    }

    /// Whether a whole session has passed from `moment` to `now`.
    pub(crate) fn is_over_since(&self, moment: Duration, now: Duration) -> bool {
        now.saturating_sub(moment) >= self.timeout
    }

    /// The group has said at `now` that this process belongs to it.
    pub(crate) fn answered(&self, now: Duration) {
        self.until.store(milliseconds(now + self.timeout), Ordering::Release);
    }

    /// Whether nothing new is to start.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    /// Lets nothing new start, or lets it again.
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
        assert!(session.turn(seconds(5)) && session.is_alive(seconds(10)));
        assert!(!session.is_alive(seconds(11)), "a lane wakes up first");
        assert!(!session.turn(seconds(12)) && !session.turn(seconds(13)), "turns alone prove nothing");
        assert!(!session.is_alive(seconds(13)));
        session.answered(seconds(14));
        assert!(session.turn(seconds(15)) && session.is_alive(seconds(20)));
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
        session.answered(session.now());
        assert!(session.lets_start(&mut gate));
    }
}
