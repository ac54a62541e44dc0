//! What the outside may know of a worker's jobs.

#[cfg(feature = "jobs")]
mod at_work;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::polls::{LONG, Polls};
use crate::{events::JobName, sync::Mutex};

/// The jobs of a worker, as its tasks show themselves.
#[cfg_attr(not(feature = "jobs"), expect(dead_code, reason = "a worker makes it, and there is none"))]
#[derive(Debug)]
pub(crate) struct JobsWatch {
    /// How many attempts there may be at once.
    concurrency: usize,
    next: AtomicU64,
    at_work: Mutex<BTreeMap<u64, Arc<JobAtWork>>>,
    done: AtomicU64,
    failed: AtomicU64,
    phase: AtomicU8,
}

/// What a worker is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum JobsPhase {
    /// Takes jobs.
    Working = 0,
    /// Takes none, because a person wants it so.
    Quiet = 1,
    /// Ends what was begun.
    Stopping = 2,
}

/// An attempt at a job.
#[derive(Debug)]
pub(crate) struct JobAtWork {
    pub(crate) class: String,
    pub(crate) queue: String,
    pub(crate) jid: String,
    /// Which one it is, from 1.
    pub(crate) attempt: u32,
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
    pub(crate) begun: Instant,
    pub(crate) polls: Polls,
}

/// A worker's jobs at one moment.
#[derive(Debug, Clone)]
pub(crate) struct JobsView {
    /// How many attempts there may be at once.
    pub(crate) concurrency: usize,
    pub(crate) phase: JobsPhase,
    /// Attempts that went well.
    pub(crate) done: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
    /// In the order in which they were begun.
    pub(crate) at_work: Vec<JobView>,
}

/// A job at one moment.
#[derive(Debug, Clone)]
pub(crate) struct JobView {
    pub(crate) class: String,
    pub(crate) queue: String,
    pub(crate) jid: String,
    pub(crate) attempt: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) age: Duration,
    /// For how long its handler has kept its thread.
    pub(crate) blocked: Option<Duration>,
    /// Whether it has not ended for long, and nobody has said that it may take so long.
    pub(crate) is_unfinished: bool,
}

impl JobsWatch {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<JobAtWork>>> {
        self.at_work.lock()
    }

    /// Every attempt that was begun and has not ended.
    pub(crate) fn at_work(&self) -> Vec<(u64, Arc<JobAtWork>)> {
        self.lock().iter().map(|(number, job)| (*number, Arc::clone(job))).collect()
    }

    fn phase(&self) -> JobsPhase {
        match self.phase.load(Ordering::Relaxed) {
            0 => JobsPhase::Working,
            1 => JobsPhase::Quiet,
            _ => JobsPhase::Stopping,
        }
    }

    pub(crate) fn view(&self, now: Instant) -> JobsView {
        let at_work = self.at_work().into_iter().map(|(_, job)| job.view(now)).collect();
        let (done, failed) = (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        JobsView { concurrency: self.concurrency, phase: self.phase(), done, failed, at_work }
    }
}

impl JobAtWork {
    pub(crate) fn name(&self) -> JobName<'_> {
        JobName { queue: &self.queue, class: &self.class, jid: &self.jid }
    }

    /// How long ago it was begun.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Whether it has not ended for long, and nobody has said that it may take so long. One that keeps its thread is
    /// another thing.
    pub(crate) fn is_unfinished(&self, now: Instant) -> bool {
        self.timeout.is_none() && self.age(now) >= LONG && self.polls.blocked().is_none()
    }

    fn view(&self, now: Instant) -> JobView {
        JobView {
            class: self.class.clone(),
            queue: self.queue.clone(),
            jid: self.jid.clone(),
            attempt: self.attempt,
            timeout: self.timeout,
            age: self.age(now),
            blocked: self.polls.blocked(),
            is_unfinished: self.is_unfinished(now),
        }
    }
}
