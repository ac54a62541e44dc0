//! Puts back what processes that are dead had in progress.

use std::{sync::Arc, time::Duration};

use redis::{RedisResult, aio::MultiplexedConnection};

use super::{IDLE, Worker};
use crate::{
    events::Event,
    jobs::{
        moves::{self, Moved, Refusal},
        now_ms, queues,
        verdict::{Next, after_death},
    },
};

/// How often the dead are looked for.
const DEAD: Duration = Duration::from_secs(60);

impl Worker {
    /// Goes round until it is dropped. Several processes may do so at once, as with
    /// [`enqueue_scheduled`](Worker::enqueue_scheduled).
    pub(super) async fn recover_orphans(self: Arc<Self>) {
        loop {
            let rest = if self.recover_the_dead().await.is_ok() { DEAD } else { IDLE };
            tokio::time::sleep(rest).await;
        }
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

    /// Puts back what a process had in progress, if it is dead. What may not go back stays there, and the process is not forgotten.
    async fn recover(&self, connection: &mut MultiplexedConnection, process: &str) -> RedisResult<()> {
        if queues::is_alive(connection, process).await? {
            return Ok(());
        }
        let (mut jobs, mut dead, mut stay) = (0, 0, 0);
        let now = now_ms();
        queues::take_for_dead(connection, process).await?;
        loop {
            let page = queues::in_progress(connection, process, stay).await?;
            if page.is_empty() {
                break;
            }
            for job in page {
                let next = std::str::from_utf8(&job).ok().map(|text| (text, after_death(text, now)));
                let moved = match &next {
                    Some((text, next)) => moves::recover(connection, process, text, next, now).await?,
                    None => moves::bury_in_progress(connection, process, &job, &job, now).await?,
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
}
