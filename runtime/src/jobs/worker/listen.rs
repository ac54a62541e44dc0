//! Waits for jobs where there are none yet.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};

use super::{IDLE, Worker};
use crate::jobs::{link::Link, queues};

/// How long a connection waits for a job of an empty queue.
const LISTEN: Duration = Duration::from_secs(2);

/// What came of waiting at a queue.
struct Heard {
    queue: String,
    job: Option<Vec<u8>>,
    slot: OwnedSemaphorePermit,
}

/// Connections that wait for a job, each at a queue that was empty.
///
/// What one has heard and nobody has begun when this is dropped stays in the hand of the process.
pub(super) struct Listeners {
    identity: String,
    links: Vec<(String, Arc<Link>)>,
    /// Queues that somebody listens at.
    at: BTreeSet<String>,
    tell: mpsc::UnboundedSender<Heard>,
    heard: mpsc::UnboundedReceiver<Heard>,
    /// They end, and close their connections, when this is dropped.
    tasks: JoinSet<()>,
}

impl Listeners {
    pub(super) fn new(worker: &Worker) -> Self {
        let links = worker.queues.names().map(|queue| (queue.to_owned(), Arc::new(worker.link.another())));
        let (tell, heard) = mpsc::unbounded_channel();
        Self {
            identity: worker.identity.clone(),
            links: links.collect(),
            at: BTreeSet::new(),
            tell,
            heard,
            tasks: JoinSet::new(),
        }
    }

    /// Whether somebody listens.
    pub(super) fn are_listening(&self) -> bool {
        !self.at.is_empty()
    }

    /// Comes with what was heard: a job, or none in time.
    pub(super) async fn heard(&mut self) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        // This has a sender too.
        let heard = self.heard.recv().await?;
        self.take(heard)
    }

    /// A job that was heard meanwhile.
    pub(super) fn heard_already(&mut self) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        loop {
            let heard = self.heard.try_recv().ok()?;
            if let Some(job) = self.take(heard) {
                return Some(job);
            }
        }
    }

    fn take(&mut self, Heard { queue, job, slot }: Heard) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        self.at.remove(&queue);
        Some((job?, slot))
    }

    /// Listens at each queue that nobody listens at, as far as there are slots: what is heard has to be begun.
    pub(super) fn listen(&mut self, mut free: Vec<OwnedSemaphorePermit>) {
        while self.tasks.try_join_next().is_some() {}
        for (queue, link) in &self.links {
            if self.at.contains(queue) {
                continue;
            }
            let Some(slot) = free.pop() else { return };
            self.at.insert(queue.clone());
            let (queue, link, identity) = (queue.clone(), Arc::clone(link), self.identity.clone());
            let tell = self.tell.clone();
            self.tasks.spawn(async move {
                let job = match link.connection().await {
                    Ok(mut connection) => queues::wait_for_one(&mut connection, &identity, &queue, LISTEN).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = &job {
                    link.failed(error).await;
                    // Where jobs are taken it is told; here it must not come at once again.
                    tokio::time::sleep(IDLE).await;
                }
                // It is heard as long as there are listeners.
                let _ = tell.send(Heard { queue, job: job.unwrap_or_default(), slot });
            });
        }
    }
}
