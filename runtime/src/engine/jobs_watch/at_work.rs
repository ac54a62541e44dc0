//! A worker shows what it does.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use super::{JobAtWork, JobsPhase, JobsWatch, Polls};
use crate::{engine::clock, events::JobName, foreign, sync::Mutex};

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
        let ended = Watched { job: &job, work: pin!(work) }.await;
        let counter = if is_done(&ended) { &self.done } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        ended
    }

    /// Says what the worker is about.
    pub(crate) fn set_phase(&self, phase: JobsPhase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
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
