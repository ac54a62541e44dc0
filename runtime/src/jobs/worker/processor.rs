//! Jobs that were begun: each a task among the app's until it has ended, and then kept until Redis knows.

use std::sync::Arc;

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};

use super::{Worker, perform::Attempted};
use crate::{
    give_way::give_way,
    jobs::{queues, verdict::Next},
};

/// What was begun and has not ended, as far as Redis knows.
pub(super) struct Processor {
    worker: Arc<Worker>,
    /// They end when this is dropped, where they wait; those that keep their thread end with the process.
    tasks: JoinSet<()>,
    tx: mpsc::UnboundedSender<Told>,
    rx: mpsc::UnboundedReceiver<Told>,
    performed: Vec<Performed>,
    /// How many were begun that Redis does not know the end of.
    open: usize,
}

/// What has become of a job.
enum Told {
    Performed(Performed),
    /// It has failed.
    Goes {
        next: Next,
        text: Arc<str>,
        slot: OwnedSemaphorePermit,
    },
    /// Redis knows where it went, or has it where it was.
    Gone,
}

/// A job that was performed and is still in progress.
struct Performed {
    text: Arc<str>,
    slot: OwnedSemaphorePermit,
}

impl Processor {
    pub(super) fn new(worker: &Arc<Worker>) -> Self {
        let (tx, rx) = mpsc::unbounded_channel();
        Self { worker: Arc::clone(worker), tasks: JoinSet::new(), tx, rx, performed: Vec::new(), open: 0 }
    }

    /// Begins a job that Redis has put in progress at this process.
    pub(super) fn begin(&mut self, job: Vec<u8>, slot: OwnedSemaphorePermit) {
        while self.tasks.try_join_next().is_some() {}
        self.open += 1;
        let (worker, tx) = (Arc::clone(&self.worker), self.tx.clone());
        let text: Arc<str> = match String::from_utf8(job) {
            Ok(text) => text.into(),
            Err(error) => {
                self.tasks.spawn(async move {
                    worker.bury_unreadable(error.as_bytes()).await;
                    drop(slot);
                    // Whoever is told lives at least as long as this.
                    let _ = tx.send(Told::Gone);
                });
                return;
            }
        };
        self.worker.in_progress.take(&text);
        let task = async move {
            give_way().await;
            let _ = tx.send(match worker.attempt(&text).await {
                Attempted::Done => Told::Performed(Performed { text, slot }),
                Attempted::Goes(next) => Told::Goes { next, text, slot },
                // It stays in progress, and is put back from there.
                Attempted::Left => Told::Gone,
            });
        };
        self.tasks.spawn_on(task, &self.worker.runtime);
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Performed(performed) => self.performed.push(performed),
            Told::Goes { next, text, slot } => {
                let (worker, tx) = (Arc::clone(&self.worker), self.tx.clone());
                self.tasks.spawn(async move {
                    worker.settle(&text, &next).await;
                    worker.in_progress.let_go(&text);
                    drop(slot);
                    let _ = tx.send(Told::Gone);
                });
            }
            Told::Gone => self.open -= 1,
        }
    }

    /// Comes when something has become of a job.
    pub(super) async fn told(&mut self) {
        // This has a sender too.
        if let Some(told) = self.rx.recv().await {
            self.hear(told);
        }
    }

    /// What was performed and has to be told to Redis, as much as one script takes.
    pub(super) fn performed(&mut self) -> Vec<&str> {
        while let Ok(told) = self.rx.try_recv() {
            self.hear(told);
        }
        let texts = || self.performed.iter().map(|performed| &*performed.text);
        texts().take(queues::together(texts())).collect()
    }

    /// Redis knows of the first `count` of them. Returns their slots.
    pub(super) fn acknowledged(&mut self, count: usize) -> impl Iterator<Item = OwnedSemaphorePermit> {
        self.open -= count;
        self.performed.drain(..count).map(|Performed { text, slot }| {
            self.worker.in_progress.let_go(&text);
            slot
        })
    }

    /// Comes when all that was begun has ended, and Redis knows it. Whoever does not wait for that long drops it.
    pub(super) async fn all_ended(mut self) {
        while self.open > 0 {
            let worker = Arc::clone(&self.worker);
            let performed = self.performed();
            if performed.is_empty() {
                self.told().await;
                continue;
            }
            let (identity, jobs) = (worker.identity.as_str(), performed.as_slice());
            worker
                .link
                .until_done(|mut connection| {
                    Box::pin(async move { queues::acknowledge(&mut connection, identity, jobs).await })
                })
                .await;
            let count = performed.len();
            self.acknowledged(count).for_each(drop);
        }
    }
}
