//! Moves jobs that are due to their queues.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use redis::RedisResult;
use tokio::time::Instant;

use super::{Worker, due::Seen};
use crate::{
    backoff::Jitter,
    jobs::{
        job::Job,
        moves::{self, DueJob},
        now_ms, queues,
        verdict::seconds,
    },
    random,
};

/// How often what is due is looked for, on average.
const DUE: Duration = Duration::from_secs(1);

/// Sorted sets whose jobs come due.
const SETS: [&str; 2] = ["retry", "schedule"];

impl Worker {
    /// Goes round until it is dropped. Several processes may do so at once: each move names what it moves, and the second
    /// finds it gone.
    pub(super) async fn enqueue_scheduled(self: Arc<Self>) {
        let mut sets = SETS.map(|set| (set, Seen::default()));
        loop {
            for (set, seen) in &mut sets {
                // What concerns all of Redis is told where jobs are fetched; here it means only to look again.
                let _ = self.enqueue_due(set, seen).await.or_else(|error| self.refused(set, error));
            }
            // Not in step with other processes.
            tokio::time::sleep(DUE.mul_f64(0.5 + Jitter::new(random::new_id()).next())).await;
        }
    }

    /// Moves the jobs of a set that are due, all but those whose queues refuse them.
    async fn enqueue_due(&self, set: &str, seen: &mut Seen) -> RedisResult<()> {
        let mut connection = self.link.connection().await?;
        let (began, now) = (Instant::now(), now_ms());
        let (mut page, mut refused, mut stay) = (seen.begin(began), BTreeSet::new(), false);
        loop {
            let due = queues::due(&mut connection, set, &page.from, page.skip, now).await?;
            if due.is_empty() {
                break;
            }
            let mut stays = Vec::with_capacity(due.len());
            let mut moves = Vec::with_capacity(due.len());
            for (old, _) in &due {
                let text = std::str::from_utf8(old).ok();
                let job = text.and_then(|text| Some((text, Job::read(text).ok()?)));
                stays.push(match job {
                    Some((_, job)) if refused.contains(&job.queue) => true,
                    Some((text, mut job)) => {
                        job.set("enqueued_at", seconds(now));
                        moves.push((stays.len(), DueJob { old: text, new: job.write(), queue: job.queue }));
                        false
                    }
                    None => self.stays(&moves::bury_from_set(&mut connection, set, old, now).await?),
                });
            }
            let (places, moves): (Vec<_>, Vec<_>) = moves.into_iter().unzip();
            let moved = moves::enqueue_due(&mut connection, set, &moves).await?;
            for ((place, DueJob { queue, .. }), moved) in places.into_iter().zip(moves).zip(&moved) {
                if self.stays(moved) {
                    stays[place] = true;
                    refused.insert(queue);
                }
            }
            stay |= stays.contains(&true);
            page = page.next(due.iter().zip(stays).map(|((_, score), stays)| (score.as_str(), stays)));
        }
        seen.ended(began, now, stay);
        Ok(())
    }
}
