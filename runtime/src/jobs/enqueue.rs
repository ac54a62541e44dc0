//! Pushes jobs, in the order in which they come, until Redis has each of them.

use std::{fmt, future::Future, io, sync::Arc, thread};

use redis::RedisResult;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
};

use super::{
    job::{Coordinates, NewJob, Retry, new_jid},
    link::Link,
    now_ms, queues,
    verdict::seconds,
};
use crate::{
    Record,
    events::Listener,
    outgoing::{Delivered, DeliveryReport},
    settings::Redis,
};

/// Bytes of jobs of a queue that may wait for Redis: beyond that, records wait in their partitions. As many are pushed
/// at once, or one larger job.
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
    /// Whether anybody wants to hear which job a record has become.
    is_told: bool,
}

/// A job on its way, and who is told when Redis has it.
struct Push {
    job: String,
    report: DeliveryReport,
    _room: OwnedSemaphorePermit,
}

/// The jobs of one consumer.
pub(crate) struct JobRoute {
    /// The worker's constant.
    class: &'static str,
    /// The topic's key in the manifest.
    topic: &'static str,
    retry: Retry,
    enqueuer: Arc<Enqueuer>,
}

impl fmt::Debug for JobRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobRoute").field("class", &self.class).field("queue", &self.queue()).finish_non_exhaustive()
    }
}

impl JobRoute {
    /// Of a worker's jobs from a topic, each of which is attempted so often.
    pub(crate) fn new(
        class: &'static str,
        topic: &'static str,
        attempts: Option<u32>,
        enqueuer: &Arc<Enqueuer>,
    ) -> Arc<Self> {
        Arc::new(Self { class, topic, retry: Retry::of(attempts), enqueuer: Arc::clone(enqueuer) })
    }

    /// The worker's constant.
    pub(crate) fn class(&self) -> &'static str {
        self.class
    }

    /// Whether anybody wants to hear which job a record has become.
    pub(crate) fn is_told(&self) -> bool {
        self.enqueuer.is_told
    }

    /// The queue's name.
    pub(crate) fn queue(&self) -> &str {
        &self.enqueuer.queue
    }

    /// The id, which is its own, and the text of the job of a record whose message its interchanger wrote as `text`; `None`
    /// for a tombstone.
    ///
    /// # Errors
    ///
    /// None that a record can cause: its texts and numbers can be written.
    pub(crate) fn job(&self, text: Option<String>, record: &Record) -> serde_json::Result<(String, String)> {
        let (now, jid) = (seconds(now_ms()), new_jid());
        let job = serde_json::to_string(&NewJob {
            class: self.class,
            args: (self.topic, text, Coordinates::of(record)),
            queue: self.queue(),
            jid: jid.clone(),
            retry: self.retry,
            created_at: now,
            enqueued_at: now,
        })?;
        Ok((jid, job))
    }

    /// As [`Enqueuer::try_push`].
    pub(crate) fn try_push(&self, job: String, report: DeliveryReport) -> Result<(), (String, DeliveryReport)> {
        self.enqueuer.try_push(job, report)
    }

    /// As [`Enqueuer::push`].
    pub(crate) async fn push(&self, job: String, report: DeliveryReport) {
        self.enqueuer.push(job, report).await;
    }
}

impl Enqueuer {
    /// What hands jobs over to `queue`, and what pushes them meanwhile: it ends when nobody can hand over any more.
    ///
    /// # Errors
    ///
    /// What is wrong with its address or a file. That nothing answers there is no error but a wait.
    pub(crate) fn new(
        redis: &Redis,
        queue: &str,
        listener: &Arc<dyn Listener>,
    ) -> RedisResult<(Self, impl Future<Output = ()> + Send + use<>)> {
        let link = Link::new(redis, Arc::clone(listener))?;
        let (pushes, waiting) = mpsc::unbounded_channel();
        let pushing = run(link, queue.to_owned(), waiting);
        let (room, is_told) = (Arc::new(Semaphore::new(ROOM as usize)), listener.wants_done());
        Ok((Self { queue: queue.to_owned(), pushes, room, is_told }, pushing))
    }

    /// Hands over a job; gives it back if there is no room.
    pub(crate) fn try_push(&self, job: String, report: DeliveryReport) -> Result<(), (String, DeliveryReport)> {
        match Arc::clone(&self.room).try_acquire_many_owned(weight(&job)) {
            Ok(room) => {
                self.send(job, report, room);
                Ok(())
            }
            Err(_) => Err((job, report)),
        }
    }

    /// Hands over a job when there is room.
    pub(crate) async fn push(&self, job: String, report: DeliveryReport) {
        // It is never closed.
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(weight(&job)).await {
            self.send(job, report, room);
        }
    }

    fn send(&self, job: String, report: DeliveryReport, room: OwnedSemaphorePermit) {
        // The task ends only with the process, and then nothing is committed.
        let _ = self.pushes.send(Push { job, report, _room: room });
    }
}

/// What a job takes of the room: all of it, if it is larger.
fn weight(job: &str) -> u32 {
    u32::try_from(job.len()).unwrap_or(ROOM).clamp(LEAST, ROOM)
}

/// What pushes the jobs of some queues, on a thread of their own: what a handler has handed over must not wait for the next
/// one, which may keep its thread.
pub(crate) struct Pushing {
    runtime: Runtime,
    tasks: JoinSet<()>,
}

impl Pushing {
    /// Pushes nothing yet.
    ///
    /// # Errors
    ///
    /// What the system lacks.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { runtime: Builder::new_current_thread().enable_all().build()?, tasks: JoinSet::new() })
    }

    /// Adds the jobs of a queue.
    pub(crate) fn add(&mut self, pushing: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(pushing, self.runtime.handle());
    }

    /// Begins; it ends when what is returned is dropped, or when nobody can hand over any more.
    ///
    /// # Errors
    ///
    /// When there can be no further thread.
    pub(crate) fn spawn(self) -> io::Result<oneshot::Sender<()>> {
        let Self { runtime, mut tasks } = self;
        let (keep, dropped) = oneshot::channel();
        thread::Builder::new().name("karafka enqueue".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = dropped => {}
                    () = async { while tasks.join_next().await.is_some() {} } => {}
                }
            });
        })?;
        Ok(keep)
    }
}

async fn run(link: Link, queue: String, mut waiting: mpsc::UnboundedReceiver<Push>) {
    let mut pushes = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut pushes, TOGETHER).await > 0 {
        let jobs: Vec<&str> = pushes.iter().map(|push| push.job.as_str()).collect();
        let (queue, jobs) = (queue.as_str(), jobs.as_slice());
        link.until_done(|mut connection| Box::pin(async move { queues::push(&mut connection, queue, jobs).await }))
            .await;
        for Push { report, .. } in pushes.drain(..) {
            report.sender.delivered(report.ticket, Delivered { partition: -1, offset: None });
        }
    }
}
