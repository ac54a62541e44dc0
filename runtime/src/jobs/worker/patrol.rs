//! Moves what is due to its queue, and gives the jobs of the dead to the living.

use std::{sync::Arc, time::Duration};

use redis::{RedisResult, aio::MultiplexedConnection};
use tokio::time::Instant;

use super::Worker;
use crate::{
    events::Event,
    jobs::{
        job::Job,
        now_ms, queues,
        verdict::{Next, after_death},
    },
    trace,
};

/// How often what is due is looked for, on average.
const DUE: Duration = Duration::from_secs(1);

/// How often the dead are looked for.
const DEAD: Duration = Duration::from_secs(60);

/// Sorted sets whose jobs come due.
const SETS: [&str; 2] = ["retry", "schedule"];

impl Worker {
    /// Goes round until it is dropped. Several processes may do so at once: each move names what it moves, and the second
    /// finds it gone.
    pub(super) async fn patrol(self: Arc<Self>) {
        let mut dead_at = Instant::now();
        loop {
            // Errors are told where jobs are taken; here they mean only to look again.
            if Instant::now() >= dead_at && self.recover_the_dead().await.is_ok() {
                dead_at = Instant::now() + DEAD;
            }
            for set in SETS {
                while let Ok(count) = self.enqueue_due(set).await
                    && count >= queues::BATCH
                {}
            }
            // Not in step with other processes.
            tokio::time::sleep(DUE.mul_f64(0.5 + trace::new_fraction())).await;
        }
    }

    /// Moves jobs of a set that are due. Says how many there were.
    async fn enqueue_due(&self, set: &str) -> RedisResult<usize> {
        let mut connection = self.link.connection().await?;
        let now = now_ms();
        let due = queues::due(&mut connection, set, now).await?;
        let mut moves = Vec::with_capacity(due.len());
        for old in &due {
            let text = std::str::from_utf8(old).ok();
            match text.and_then(|text| Some((text, Job::read(text).ok()?))) {
                Some((text, mut job)) => {
                    job.set("enqueued_at", now);
                    moves.push((text.to_owned(), job.write(), job.queue));
                }
                None => queues::bury_unreadable(&mut connection, set, old, now).await?,
            }
        }
        queues::enqueue_due(&mut connection, set, &moves).await?;
        Ok(due.len())
    }

    async fn recover_the_dead(&self) -> RedisResult<()> {
        let mut connection = self.link.connection().await?;
        let mut recovered = Ok(());
        for (process, is_alive) in queues::processes(&mut connection).await? {
            if !is_alive && process != self.identity {
                // What is wrong with one is not to keep the jobs of the others.
                recovered = recovered.and(self.recover(&mut connection, &process).await);
            }
        }
        recovered
    }

    /// Puts back what a dead process had in hand.
    async fn recover(&self, connection: &mut MultiplexedConnection, process: &str) -> RedisResult<()> {
        let (mut jobs, mut dead) = (0, 0);
        let now = now_ms();
        queues::take_for_dead(connection, process).await?;
        for job in queues::in_hand(connection, process, now).await? {
            let next = after_death(&job, now);
            if queues::recover(connection, process, &job, &next, now).await? {
                if matches!(next, Next::Dead { .. }) {
                    dead += 1;
                } else {
                    jobs += 1;
                }
            }
        }
        queues::forget(connection, process).await?;
        if jobs + dead > 0 {
            self.listener.on(&Event::JobsRecovered { process, jobs, dead });
        }
        Ok(())
    }
}
