//! Moves what is due to its queue, and gives the jobs of the dead to the living.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use redis::{ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::time::Instant;

use super::{Worker, due::Seen};
use crate::{
    events::Event,
    jobs::{
        job::Job,
        moves::{self, DueJob, Moved, Refusal},
        now_ms, queues,
        verdict::{Next, after_death, seconds},
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
        let mut sets = SETS.map(|set| (set, Seen::default()));
        loop {
            // What concerns all of Redis is told where jobs are taken; here it means only to look again.
            if Instant::now() >= dead_at && self.recover_the_dead().await.is_ok() {
                dead_at = Instant::now() + DEAD;
            }
            for (set, seen) in &mut sets {
                let _ = self.enqueue_due(set, seen).await.or_else(|error| self.refused(set, error));
            }
            // Not in step with other processes.
            tokio::time::sleep(DUE.mul_f64(0.5 + trace::new_fraction())).await;
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

    async fn recover_the_dead(&self) -> RedisResult<()> {
        let mut connection = self.link.connection().await?;
        let processes = queues::processes(&mut connection).await;
        let processes = processes.or_else(|error| self.refused(queues::WORKING, error).map(|()| Vec::new()))?;
        for process in processes {
            let Ok(process) = String::from_utf8(process) else {
                self.tell_refusal(&Refusal::new(queues::WORKING.as_bytes(), b"it has a member that is no text"));
                continue;
            };
            if process != self.identity {
                // What is wrong with one is not to keep the jobs of the others.
                let recovered = self.recover(&mut connection, &process).await;
                recovered.or_else(|error| self.refused(&queues::working(&process), error))?;
            }
        }
        Ok(())
    }

    /// Puts back what a process has in hand, if it is dead. What may not go back stays there, and the process is not forgotten.
    async fn recover(&self, connection: &mut MultiplexedConnection, process: &str) -> RedisResult<()> {
        if queues::is_alive(connection, process).await? {
            return Ok(());
        }
        let (mut jobs, mut dead, mut stay) = (0, 0, 0);
        let now = now_ms();
        queues::take_for_dead(connection, process).await?;
        loop {
            let page = queues::in_hand(connection, process, stay).await?;
            if page.is_empty() {
                break;
            }
            for job in page {
                let next = std::str::from_utf8(&job).ok().map(|text| (text, after_death(text, now)));
                let moved = match &next {
                    Some((text, next)) => moves::recover(connection, process, text, next, now).await?,
                    None => moves::bury_from_hand(connection, process, &job, &job, now).await?,
                };
                if self.stays(&moved) {
                    stay += 1;
                } else if moved == Moved::Done {
                    let is_back = next.is_some_and(|(_, next)| !matches!(next, Next::Dead { .. }));
                    *(if is_back { &mut jobs } else { &mut dead }) += 1;
                }
            }
        }
        queues::forget(connection, process).await?;
        if jobs + dead > 0 {
            self.listener.on(&Event::JobsRecovered { process, jobs, dead });
        }
        Ok(())
    }

    /// Whether a job stays where it is; says why.
    fn stays(&self, moved: &Moved) -> bool {
        if let Moved::Refused(refusal) = moved {
            self.tell_refusal(refusal);
        }
        matches!(moved, Moved::Refused(_))
    }

    /// Redis refuses a key: it is named and let be. Gives back what concerns more than this key.
    fn refused(&self, key: &str, error: RedisError) -> RedisResult<()> {
        if !matches!(error.kind(), ErrorKind::ResponseError | ErrorKind::ExtensionError) {
            return Err(error);
        }
        self.tell_refusal(&Refusal::new(key.as_bytes(), error.to_string().as_bytes()));
        Ok(())
    }
}
