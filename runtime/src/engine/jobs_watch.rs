//! What the outside may know of a worker's jobs.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{clock, polls::Polls, watchdog::LONG};
use crate::{events::JobName, foreign, sync::Mutex};

/// The jobs of a worker, as its tasks show themselves.
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
    /// Of a worker that performs so many jobs at once.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            concurrency,
            next: AtomicU64::new(0),
            at_work: Mutex::default(),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            phase: AtomicU8::new(JobsPhase::Working as u8),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Arc<JobAtWork>>> {
        self.at_work.lock()
    }

    /// Shows `attempt` while it runs. `is_done` says of what it gave whether it went well.
    pub(crate) async fn during<T>(
        &self,
        name: JobName<'_>,
        attempt: u32,
        timeout: Option<Duration>,
        work: impl Future<Output = T>,
        is_done: impl FnOnce(&T) -> bool,
    ) -> T {
        let JobName { queue, class, jid } = name;
        // They come from Redis, and may be long.
        let [class, queue, jid] = [class, queue, jid].map(|text| foreign::cut(text).into_owned());
        let (begun, polls) = (clock::now(), Polls::default());
        let job = Arc::new(JobAtWork { class, queue, jid, attempt, timeout, begun, polls });
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&job));
        let _at_work = AtWork { watch: self, number };
        let ended = Watched { job: &job, work: std::pin::pin!(work) }.await;
        let counter = if is_done(&ended) { &self.done } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        ended
    }

    /// Every attempt that was begun and has not ended.
    pub(crate) fn at_work(&self) -> Vec<(u64, Arc<JobAtWork>)> {
        self.lock().iter().map(|(number, job)| (*number, Arc::clone(job))).collect()
    }

    pub(crate) fn set_phase(&self, phase: JobsPhase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
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

/// An attempt that is shown until this is dropped.
struct AtWork<'a> {
    watch: &'a JobsWatch,
    number: u64,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.watch.lock().remove(&self.number);
    }
}

struct Watched<'a, F> {
    job: &'a JobAtWork,
    work: Pin<&'a mut F>,
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { job, work } = &mut *self;
        let number = job.polls.begin();
        let polled = work.as_mut().poll(cx);
        job.polls.end(number);
        polled
    }
}
