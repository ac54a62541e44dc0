//! One job: performed, and sent to where it goes next.

use std::{
    fmt::Display,
    sync::{Arc, atomic::Ordering},
};

use tokio::time::Instant;

use super::{Failure, NotPerformed, Worker};
use crate::{
    backoff::{Jitter, asked},
    events::{Event, JobName},
    jobs::{
        job::Job,
        moves::{self, Moved},
        now_ms,
        verdict::{Failed, Next, after_failure, seconds},
    },
    random,
};

/// What has become of a job that was attempted.
pub(super) enum Attempted {
    /// It is performed.
    Done,
    /// It has failed, or cannot be read.
    Goes(Next),
    /// It is left as it was: it is put back.
    Left,
}

impl Worker {
    /// Makes one attempt at a job that was taken.
    ///
    /// Runs where the app's code runs, and asks nothing of Redis: that is not to wait for the app's code.
    pub(super) async fn attempt(&self, text: &Arc<str>) -> Attempted {
        match Job::read(text) {
            Ok(job) => {
                self.in_progress.begin(text, &job, now_ms() / 1_000);
                self.perform(job).await
            }
            Err(error) => {
                self.tell_unreadable(&error);
                Attempted::Goes(Next::Dead { job: text.to_string() })
            }
        }
    }

    async fn perform(&self, job: Job<'_>) -> Attempted {
        let began = Instant::now();
        let performed = self.perform.perform(&job).await;
        let name = JobName { queue: &job.queue, class: &job.class, jid: &job.jid };
        let Failure { kind, error, is_last, backoff } = match performed {
            Ok(()) => {
                self.performed.fetch_add(1, Ordering::Relaxed);
                if self.listener.wants_done() {
                    self.listener.on(&Event::JobDone { job: name, duration: began.elapsed() });
                }
                return Attempted::Done;
            }
            Err(NotPerformed::Taken) => return Attempted::Left,
            Err(NotPerformed::Failed(failure)) => failure,
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        let now = now_ms();
        let (words, site) = (error.to_string(), error.panic_site());
        let failed = Failed { class: kind.error_type(&error), message: &words, is_last, asked: asked(&error, backoff) };
        let next = after_failure(job.clone(), failed, backoff, now, Jitter::new(random::new_id()).next());
        match &next {
            Next::Retry { at, .. } => {
                let next = std::time::Duration::from_secs_f64((at - seconds(now)).max(0.0));
                let attempt = job.attempt();
                self.listener.on(&Event::JobFailed { job: name, attempt, error: &words, site, next });
            }
            Next::Dead { .. } | Next::Dropped | Next::Queue { .. } => {
                let is_kept = next != Next::Dropped;
                let attempts = job.attempt();
                self.listener.on(&Event::JobGaveUp { job: name, attempts, error: &words, site, is_kept });
            }
        }
        Attempted::Goes(next)
    }

    /// Tells Redis where a job goes next, until Redis has heard it.
    pub(super) async fn settle(&self, text: &str, next: &Next) {
        let (identity, now) = (self.identity.as_str(), now_ms());
        self.link
            .until_done(|mut connection| {
                Box::pin(async move { moves::settle(&mut connection, identity, text, next, now).await })
            })
            .await;
    }

    /// Moves what is in progress and is not even text to the dead, where a person finds it. If it may not go there, it stays in
    /// progress.
    pub(super) async fn bury_unreadable(&self, job: &[u8]) {
        self.tell_unreadable(&"not UTF-8");
        let (identity, now) = (self.identity.as_str(), now_ms());
        let moved = self.link.until_done(|mut connection| {
            Box::pin(async move { moves::bury_in_progress(&mut connection, identity, job, job, now).await })
        });
        if let Moved::Refused(refusal) = moved.await {
            self.tell_refusal(&refusal);
        }
    }

    fn tell_unreadable(&self, error: &dyn Display) {
        let name = JobName { queue: "?", class: "?", jid: "?" };
        let error = format!("it cannot be read: {error}");
        self.listener.on(&Event::JobGaveUp { job: name, attempts: 0, error: &error, site: None, is_kept: true });
    }
}
