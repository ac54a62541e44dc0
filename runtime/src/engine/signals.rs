//! What a lane and a group's thread are told to do. Nothing of it is ever taken back.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

/// What the group's thread wants of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Signal {
    Run = 0,
    Drain = 1,
    Lose = 2,
}

/// The signal of one lane.
#[derive(Debug)]
pub(crate) struct LaneSignal(AtomicU8);

impl Default for LaneSignal {
    fn default() -> Self {
        Self(AtomicU8::new(Signal::Run as u8))
    }
}

impl LaneSignal {
    pub(crate) fn send(&self, signal: Signal) {
        self.0.fetch_max(signal as u8, Ordering::AcqRel);
    }

    pub(crate) fn get(&self) -> Signal {
        match self.0.load(Ordering::Acquire) {
            0 => Signal::Run,
            1 => Signal::Drain,
            _ => Signal::Lose,
        }
    }
}

/// What a group's thread is told.
#[derive(Debug, Default)]
pub(crate) struct GroupSignal {
    level: AtomicU8,
    /// How long the stop may take.
    budget: OnceLock<Duration>,
}

impl GroupSignal {
    const STOP: u8 = 1;
    const FORCE: u8 = 2;

    /// Drain, commit, leave: within this time, as whoever says so first wants it.
    pub(crate) fn stop(&self, budget: Duration) {
        let _ = self.budget.set(budget);
        self.level.fetch_max(Self::STOP, Ordering::AcqRel);
    }

    /// How long the stop may take, once there is to be one.
    pub(crate) fn budget(&self) -> Option<Duration> {
        self.budget.get().copied()
    }

    /// Leave now.
    pub(crate) fn force(&self) {
        self.level.fetch_max(Self::FORCE, Ordering::AcqRel);
    }

    pub(crate) fn stops(&self) -> bool {
        self.level.load(Ordering::Acquire) >= Self::STOP
    }

    pub(crate) fn forces(&self) -> bool {
        self.level.load(Ordering::Acquire) >= Self::FORCE
    }
}
