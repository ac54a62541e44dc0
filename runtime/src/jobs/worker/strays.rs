//! What stands in Redis as in progress here, and what goes back from there.

use redis::{RedisResult, aio::MultiplexedConnection};

use super::{Worker, heartbeat::FAREWELL};
use crate::jobs::{
    moves::{self, Moved},
    now_ms, queues, verdict,
};

impl Worker {
    /// Puts back what Redis has moved here in an answer that was lost.
    pub(super) async fn find_strays(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let unknown = self.unknown(connection).await?;
        for job in self.in_progress.strays(unknown) {
            let next = verdict::untouched(&job);
            // One that may not go back is not to keep the others.
            let moved = moves::recover(connection, &self.identity, &job, &next, now_ms()).await?;
            if let Moved::Refused(refusal) = moved {
                self.tell_refusal(&refusal);
            }
        }
        Ok(())
    }

    /// What stands as in progress here and this process knows nothing of. What is not even text is moved to the dead on the way.
    async fn unknown(&self, connection: &mut MultiplexedConnection) -> RedisResult<Vec<String>> {
        let (mut unknown, mut passed) = (Vec::new(), 0);
        loop {
            let page = queues::in_progress(connection, &self.identity, passed).await?;
            if page.is_empty() {
                return Ok(unknown);
            }
            for job in page {
                match String::from_utf8(job) {
                    Ok(job) => {
                        passed += 1;
                        unknown.extend(self.in_progress.unknown(vec![job]));
                    }
                    Err(error) => {
                        let job = error.as_bytes();
                        let moved = moves::bury_in_progress(connection, &self.identity, job, job, now_ms()).await?;
                        if let Moved::Refused(refusal) = moved {
                            passed += 1;
                            self.tell_refusal(&refusal);
                        }
                    }
                }
            }
        }
    }

    /// Puts back what is in progress and was never begun.
    pub(super) async fn put_back_unknown(&self) {
        let put_back = async {
            let Ok(mut connection) = self.link.connection().await else { return };
            let Ok(unknown) = self.unknown(&mut connection).await else { return };
            self.put_back(unknown, &mut 0).await;
        };
        let _ = tokio::time::timeout(FAREWELL, put_back).await;
    }

    /// Puts jobs back where they are taken from next, and counts those that were still in progress. What may not go there
    /// stays in it.
    pub(super) async fn put_back(&self, jobs: impl IntoIterator<Item = impl AsRef<str>>, count: &mut u64) {
        for job in jobs {
            let job = job.as_ref();
            let next = verdict::untouched(job);
            let moved = self.link.until_done(|mut connection| {
                let (identity, next) = (&self.identity, &next);
                Box::pin(async move { moves::recover(&mut connection, identity, job, next, now_ms()).await })
            });
            match moved.await {
                Moved::Refused(refusal) => self.tell_refusal(&refusal),
                moved => {
                    *count += u64::from(moved == Moved::Done);
                    self.in_progress.let_go(job);
                }
            }
        }
    }
}
