//! Pushes jobs, in the order in which they come, until Redis has each of them.

use std::{fmt, sync::Arc};

use redis::RedisResult;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

use super::{
    job::{Coordinates, NewJob, Retry, new_jid},
    link::Link,
    now_ms, queues,
};
use crate::{
    Record,
    client::outgoing::{Delivered, Report},
    events::Listener,
};

/// Bytes of jobs of a queue that may wait for Redis: beyond that, records wait in their partitions.
const ROOM: u32 = 8 << 20;

/// What a job weighs at least, for what is kept beside it.
const LEAST: u32 = 512;

/// Jobs that are pushed together.
const TOGETHER: usize = 500;

/// Pushes the jobs of one queue.
///
/// A queue of its own has a connection and a task of its own, so that none waits for another.
pub(crate) struct Enqueuer {
    queue: String,
    pushes: mpsc::UnboundedSender<Push>,
    room: Arc<Semaphore>,
}

/// A job on its way, and who is told when Redis has it.
struct Push {
    job: String,
    report: Report,
    _room: OwnedSemaphorePermit,
}

/// The jobs of one consumer.
pub(crate) struct JobRoute {
    /// The worker's constant.
    pub(crate) class: &'static str,
    /// The topic's key in the manifest.
    pub(crate) topic: &'static str,
    pub(crate) retry: Retry,
    pub(crate) enqueuer: Arc<Enqueuer>,
}

impl fmt::Debug for JobRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRoute").field("class", &self.class).field("queue", &self.queue()).finish_non_exhaustive()
    }
}

impl JobRoute {
    /// The queue's name.
    pub(crate) fn queue(&self) -> &str {
        &self.enqueuer.queue
    }

    /// The job of a record, whose message its interchanger wrote as `text`; `None` for a tombstone.
    ///
    /// # Errors
    ///
    /// None that a record can cause: its texts and numbers can be written.
    pub(crate) fn job(&self, text: Option<String>, record: &Record) -> serde_json::Result<String> {
        let now = now_ms();
        serde_json::to_string(&NewJob {
            class: self.class,
            args: (self.topic, text, Coordinates::of(record)),
            queue: self.queue(),
            jid: new_jid(),
            retry: self.retry,
            created_at: now,
            enqueued_at: now,
        })
    }
}

impl Enqueuer {
    /// Begins to push to `queue`, on a task of `runtime` that ends with it.
    ///
    /// # Errors
    ///
    /// What is wrong with `url`. That nothing answers there is no error but a wait.
    pub(crate) fn start(url: &str, queue: &str, listener: &Arc<dyn Listener>, runtime: &Handle) -> RedisResult<Self> {
        let link = Link::new(url, Arc::clone(listener))?;
        let (pushes, waiting) = mpsc::unbounded_channel();
        runtime.spawn(run(link, queue.to_owned(), waiting));
        Ok(Self { queue: queue.to_owned(), pushes, room: Arc::new(Semaphore::new(ROOM as usize)) })
    }

    /// Hands over a job; gives it back if there is no room.
    pub(crate) fn try_push(&self, job: String, report: Report) -> Result<(), (String, Report)> {
        match Arc::clone(&self.room).try_acquire_many_owned(weight(&job)) {
            Ok(room) => {
                self.send(job, report, room);
                Ok(())
            }
            Err(_) => Err((job, report)),
        }
    }

    /// Hands over a job when there is room.
    pub(crate) async fn push(&self, job: String, report: Report) {
        // It is never closed.
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(weight(&job)).await {
            self.send(job, report, room);
        }
    }

    fn send(&self, job: String, report: Report, room: OwnedSemaphorePermit) {
        // The task ends only with the process, and then nothing is committed.
        let _ = self.pushes.send(Push { job, report, _room: room });
    }
}

/// What a job takes of the room: all of it, if it is larger.
fn weight(job: &str) -> u32 {
    u32::try_from(job.len()).unwrap_or(ROOM).clamp(LEAST, ROOM)
}

async fn run(link: Link, queue: String, mut waiting: mpsc::UnboundedReceiver<Push>) {
    let mut pushes = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut pushes, TOGETHER).await > 0 {
        let jobs: Vec<&str> = pushes.iter().map(|push| push.job.as_str()).collect();
        let (queue, jobs) = (queue.as_str(), jobs.as_slice());
        link.until_done(|mut connection| Box::pin(async move { queues::push(&mut connection, queue, jobs).await }))
            .await;
        for Push { report, .. } in pushes.drain(..) {
            report.sender.delivered(report.ticket, Delivered { partition: -1, offset: -1 });
        }
    }
}
