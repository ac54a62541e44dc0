//! Whether the group can still count this process in.
//!
//! A process that stood still (a suspended machine, a stopped container, `SIGSTOP`) wakes up without knowing it: its
//! partitions may be somebody else's by now. So before a lane starts a record it looks at when the group's thread last
//! had its turn; if that is longer ago than the session, nothing starts until the group has answered.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::clock;

/// A sign of life that the group's thread gives and lanes look at.
///
/// **Invariant:** once a session has passed without a turn, it is alive again only after an answer (held by
/// `tests::what_stood_still_waits_for_an_answer`).
#[derive(Debug)]
pub(crate) struct Session {
    origin: Instant,
    timeout: Duration,
    /// Until when it is alive, in milliseconds from `origin`.
    until: AtomicU64,
}

impl Session {
    /// A session that is alive from now on, for as long as a group waits for a sign of life.
    pub(crate) fn new(timeout: Duration) -> Self {
        let session = Self { origin: clock::now(), timeout, until: AtomicU64::new(0) };
        session.answered(session.now());
        session
    }

    /// The time as this session counts it.
    pub(crate) fn now(&self) -> Duration {
        clock::since(self.origin)
    }

    /// Whether a record may start at `now`.
    pub(crate) fn is_alive(&self, now: Duration) -> bool {
        milliseconds(now) < self.until.load(Ordering::Acquire)
    }

    /// The group's thread has its turn at `now`. Says whether it came in time; if not, the group has to be asked.
    pub(crate) fn turn(&self, now: Duration) -> bool {
        let in_time = self.is_alive(now);
        if in_time {
            self.answered(now);
        }
        in_time
    }

    /// The group has said at `now` that this process belongs to it.
    pub(crate) fn answered(&self, now: Duration) {
        self.until.store(milliseconds(now + self.timeout), Ordering::Release);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
}
