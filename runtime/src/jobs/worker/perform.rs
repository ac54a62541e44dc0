//! One job: performed, and settled.

use std::sync::{Arc, atomic::Ordering};

use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{Failure, Worker};
use crate::{
    events::{Event, JobName},
    jobs::{
        job::Job,
        now_ms, queues,
        verdict::{Failed, Next, after_failure, seconds},
    },
    trace,
};

impl Worker {
    /// Performs a job that was taken, and gives its slot free when Redis knows what has become of it.
    pub(super) async fn handle(self: Arc<Self>, text: String, slot: OwnedSemaphorePermit) {
        let next = match Job::read(&text) {
            Ok(job) => {
                self.hand.begin(&text, now_ms() / 1_000);
                self.attempt(job).await
            }
            Err(error) => {
                let name = JobName { queue: "?", class: "?", jid: "?" };
                let error = format!("it cannot be read: {error}");
                self.listener.on(&Event::JobGaveUp { job: name, attempts: 0, error: &error, is_kept: true });
                Some(Next::Dead { job: text.clone() })
            }
        };
        self.settle(&text, next).await;
        self.hand.let_go(&text);
        drop(slot);
    }

    /// Makes one attempt. Gives where the job goes now; `None` if it is done.
    async fn attempt(&self, job: Job) -> Option<Next> {
        let began = Instant::now();
        let performed = self.perform.perform(&job).await;
        let name = JobName { queue: &job.queue, class: &job.class, jid: &job.jid };
        let Err(Failure { kind, error, is_last, backoff }) = performed else {
            self.performed.fetch_add(1, Ordering::Relaxed);
            if self.listener.wants_done() {
                self.listener.on(&Event::JobDone { job: name, duration: began.elapsed() });
            }
            return None;
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        let now = now_ms();
        let words = error.chain();
        let failed = Failed { class: kind.error_type(&error), message: &words, is_last };
        let next = after_failure(job.clone(), failed, backoff, now, trace::new_fraction());
        match &next {
            Next::Retry { at, .. } => {
                let next = std::time::Duration::from_secs_f64((at - seconds(now)).max(0.0));
                self.listener.on(&Event::JobFailed { job: name, attempt: job.attempt(), error: &words, next });
            }
            Next::Dead { .. } | Next::Dropped | Next::Queue { .. } => {
                let is_kept = next != Next::Dropped;
                self.listener.on(&Event::JobGaveUp { job: name, attempts: job.attempt(), error: &words, is_kept });
            }
        }
        Some(next)
    }

    /// Tells Redis what has become of a job, until Redis has heard it.
    async fn settle(&self, text: &str, next: Option<Next>) {
        let now = now_ms();
        let (identity, next) = (self.identity.as_str(), next.as_ref());
        self.link
            .until_done(|mut connection| {
                Box::pin(async move {
                    match next {
                        None => queues::acknowledge(&mut connection, identity, text).await,
                        Some(next) => queues::settle(&mut connection, identity, text, next, now).await,
                    }
                })
            })
            .await;
    }
}
