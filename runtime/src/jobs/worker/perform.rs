//! One job: performed, and sent to where it goes next.

use std::{fmt::Display, sync::atomic::Ordering};

use tokio::time::Instant;

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
    /// Makes one attempt at a job that was taken. Gives where the job goes now; `None` if it is done.
    ///
    /// Runs where the app's code runs, and asks nothing of Redis: that is not to wait for the app's code.
    pub(super) async fn attempt(&self, text: &str) -> Option<Next> {
        match Job::read(text) {
            Ok(job) => {
                self.hand.begin(text, now_ms() / 1_000);
                self.perform(job).await
            }
            Err(error) => {
                self.tell_unreadable(&error);
                Some(Next::Dead { job: text.to_owned() })
            }
        }
    }

    async fn perform(&self, job: Job) -> Option<Next> {
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

    /// Tells Redis where a job goes next, until Redis has heard it.
    pub(super) async fn settle(&self, text: &str, next: &Next) {
        let (identity, now) = (self.identity.as_str(), now_ms());
        self.link
            .until_done(|mut connection| {
                Box::pin(async move { queues::settle(&mut connection, identity, text, next, now).await })
            })
            .await;
    }

    /// Moves what is in hand and is not even text to the dead, where a person finds it.
    pub(super) async fn bury_unreadable(&self, job: &[u8]) {
        self.tell_unreadable(&"not UTF-8");
        let (identity, now) = (self.identity.as_str(), now_ms());
        self.link
            .until_done(|mut connection| {
                Box::pin(async move { queues::bury_found(&mut connection, identity, job, job, now).await })
            })
            .await;
    }

    fn tell_unreadable(&self, error: &dyn Display) {
        let name = JobName { queue: "?", class: "?", jid: "?" };
        let error = format!("it cannot be read: {error}");
        self.listener.on(&Event::JobGaveUp { job: name, attempts: 0, error: &error, is_kept: true });
    }
}
