//! What becomes of a job that has failed: pure, so that it can be tested.

use std::time::Duration;

use super::job::{Job, Retry};
use crate::{backoff, settings::Backoff};

/// How often a job may be found in the hands of a dead process: one that kills its worker each time goes to `dead`.
pub(crate) const RECOVERIES: u32 = 3;

/// How an attempt at a job failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed<'a> {
    /// The error's type, as a dead letter would name it.
    pub(crate) class: &'a str,
    pub(crate) message: &'a str,
    /// Whether there is no other attempt.
    pub(crate) is_last: bool,
    /// The wait that the error asks for and gets.
    pub(crate) asked: Option<Duration>,
}

/// Where a job goes next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// Back to the queue that it came from.
    Queue { queue: String, job: String },
    /// Into `retry`, due at this second.
    Retry { job: String, at: f64 },
    /// Into `dead`.
    Dead { job: String },
    /// Nowhere: whoever pushed it said `retry: false`, or `dead: false`.
    Dropped,
}

/// What becomes of `job`, which has failed at `now_ms`. `jitter` is below 1; `backoff` is the manifest's, if it has one.
pub(crate) fn after_failure(
    mut job: Job<'_>,
    failed: Failed<'_>,
    backoff: Option<Backoff>,
    now_ms: i64,
    jitter: f64,
) -> Next {
    if job.retry == Retry::Whether(false) {
        return Next::Dropped;
    }
    job.set_error(failed.class, failed.message);
    let count = job.retry_count.map_or(0, |count| count.saturating_add(1));
    job.set(if job.retry_count.is_some() { "retried_at" } else { "failed_at" }, seconds(now_ms));
    job.set("retry_count", count);
    if let Some(queue) = job.text("retry_queue") {
        job.set("queue", queue);
    }
    if failed.is_last {
        return if job.is_kept() { Next::Dead { job: job.write() } } else { Next::Dropped };
    }
    let wait = match (failed.asked, backoff) {
        (Some(asked), _) => asked.as_secs_f64(),
        (None, Some(backoff)) => backoff::after(backoff, count.saturating_add(1), jitter).as_secs_f64(),
        (None, None) => sidekiqs_wait(count, jitter),
    };
    Next::Retry { job: job.write(), at: seconds(now_ms) + wait }
}

/// Sidekiq's own backoff: 15 s at first, three weeks in all.
fn sidekiqs_wait(count: u32, jitter: f64) -> f64 {
    let count = f64::from(count);
    (count.powi(4) + 15.0) + jitter * 10.0 * (count + 1.0)
}

/// Where a job goes that was taken and not begun.
pub(crate) fn untouched(text: &str) -> Next {
    match Job::read(text) {
        Ok(job) => Next::Queue { queue: job.queue, job: text.to_owned() },
        Err(_) => Next::Dead { job: text.to_owned() },
    }
}

/// What becomes of a job that a dead process had in progress.
pub(crate) fn after_death(text: &str, now_ms: i64) -> Next {
    let Ok(mut job) = Job::read(text) else { return Next::Dead { job: text.to_owned() } };
    let recovered = job.recovered.saturating_add(1);
    job.set("karafka_recovered", recovered);
    if recovered > RECOVERIES {
        job.set_error("karafka::WorkerDied", "the process that performed it died each time");
        job.set("failed_at", seconds(now_ms));
        return Next::Dead { job: job.write() };
    }
    Next::Queue { queue: job.queue.clone(), job: job.write() }
}

/// A moment as Sidekiq sorts by it, and as it stands in a job.
///
/// Sidekiq 6 and 7 know no other form than seconds with a fraction. Sidekiq 8 writes whole milliseconds, and tells the two
/// by the type in JSON: what is written as `1795878428` is in 1970 there, so a whole second is `1795878428.0`.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
