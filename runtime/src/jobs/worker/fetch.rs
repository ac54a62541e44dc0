//! Waits for jobs where there are none yet.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};

use super::{IDLE, Worker};
use crate::jobs::{link::Link, queues};

/// How long a connection waits for a job of an empty queue.
const WAIT: Duration = Duration::from_secs(2);

/// What came of waiting at a queue.
struct Fetched {
    queue: String,
    job: Option<Vec<u8>>,
    slot: OwnedSemaphorePermit,
}

/// Connections that wait for a job, each at a queue that was empty.
///
/// What one has fetched and nobody has begun when this is dropped stays in progress.
pub(super) struct Fetchers {
    identity: String,
    links: Vec<(String, Arc<Link>)>,
    /// Queues that one of them waits at.
    at: BTreeSet<String>,
    tx: mpsc::UnboundedSender<Fetched>,
    rx: mpsc::UnboundedReceiver<Fetched>,
    /// They end, and close their connections, when this is dropped.
    tasks: JoinSet<()>,
}

impl Fetchers {
    pub(super) fn new(worker: &Worker) -> Self {
        let links = worker.queues.names().map(|queue| (queue.to_owned(), Arc::new(worker.link.another())));
        let (tx, rx) = mpsc::unbounded_channel();
        Self {
            identity: worker.identity.clone(),
            links: links.collect(),
            at: BTreeSet::new(),
            tx,
            rx,
            tasks: JoinSet::new(),
        }
    }

    /// Whether one waits.
    pub(super) fn are_fetching(&self) -> bool {
        !self.at.is_empty()
    }

    /// Returns what was fetched: a job, or none in time.
    pub(super) async fn fetched(&mut self) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        // This has a sender too.
        let fetched = self.rx.recv().await?;
        self.take(fetched)
    }

    /// A job that was fetched meanwhile.
    pub(super) fn fetched_already(&mut self) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        loop {
            let fetched = self.rx.try_recv().ok()?;
            if let Some(job) = self.take(fetched) {
                return Some(job);
            }
        }
    }

    fn take(&mut self, Fetched { queue, job, slot }: Fetched) -> Option<(Vec<u8>, OwnedSemaphorePermit)> {
        self.at.remove(&queue);
        Some((job?, slot))
    }

    /// Waits at each queue that none waits at, as far as there are slots: what is fetched has to be begun.
    pub(super) fn fetch(&mut self, mut free: Vec<OwnedSemaphorePermit>) {
        while self.tasks.try_join_next().is_some() {}
        for (queue, link) in &self.links {
            if self.at.contains(queue) {
                continue;
            }
            let Some(slot) = free.pop() else { return };
            self.at.insert(queue.clone());
            let (queue, link, identity) = (queue.clone(), Arc::clone(link), self.identity.clone());
            let tx = self.tx.clone();
            self.tasks.spawn(async move {
                let job = match link.connection().await {
                    Ok(mut connection) => queues::wait_for_one(&mut connection, &identity, &queue, WAIT).await,
                    Err(error) => Err(error),
                };
                if let Err(error) = &job {
                    link.failed(error).await;
                    // Where jobs are taken it is told; here it must not come at once again.
                    tokio::time::sleep(IDLE).await;
                }
                // It is received as long as there are fetchers.
                let _ = tx.send(Fetched { queue, job: job.unwrap_or_default(), slot });
            });
        }
    }
}
