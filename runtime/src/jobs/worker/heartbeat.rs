//! Reports that this process is alive and what it does, where Sidekiq's page looks, and hears what that page asks.

use std::{
    fs,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use redis::{RedisResult, aio::MultiplexedConnection};
use serde_json::json;
use tokio::time::Instant;

use super::{Signal, Worker, in_progress::Begun};
use crate::jobs::{now_ms, queues, scripts::Lua, verdict::seconds};

/// How often.
const BEAT: Duration = Duration::from_secs(10);

/// How long a process that does not say so is taken for alive, in seconds.
const ALIVE: i64 = 60;

/// How long the last words may take.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

/// How long the counters of a day are kept, in seconds: five years, as Sidekiq does.
const DAYS: i64 = 5 * 365 * 24 * 60 * 60;

/// `host:number:word`, as no other process has it, not even this one's successor.
pub(super) fn identity() -> String {
    let word = super::super::job::new_jid();
    format!("{}:{}:{}", host(), std::process::id(), &word[..12])
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Counters as Redis was told of them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    performed: u64,
    failed: u64,
}

impl Worker {
    /// The first beat, and the word that this process may have jobs in progress. Waits for Redis.
    pub(super) async fn register(&self) {
        self.link
            .until_done(|mut connection| Box::pin(async move { self.beat(&mut connection).await.map(drop) }))
            .await;
    }

    /// Beats until it is dropped.
    pub(super) async fn beat_on(self: Arc<Self>) {
        loop {
            tokio::time::sleep(BEAT).await;
            // Errors are told where jobs are taken.
            let Ok(mut connection) = self.link.connection().await else { continue };
            let beaten = match self.beat(&mut connection).await {
                // The page shows at once that it was heard.
                Ok(true) => self.beat(&mut connection).await.map(drop),
                Ok(false) => self.find_strays(&mut connection).await,
                Err(error) => Err(error),
            };
            if let Err(error) = beaten {
                self.link.failed(&error).await;
            }
        }
    }

    /// Reports what there is to report, and obeys what Sidekiq's page asks. Returns whether it has asked for anything.
    async fn beat(&self, connection: &mut MultiplexedConnection) -> RedisResult<bool> {
        let asked = Instant::now();
        redis::cmd("PING").query_async::<()>(connection).await?;
        let round_trip = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);

        let now =
            Told { performed: self.performed.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) };
        let told = *self.told.lock();
        let at_work = self.in_progress.begun();
        let (key, work) = (&self.identity, [format!("{}:work", self.identity), format!("{}:workers", self.identity)]);
        let day = chrono::Utc::now().format("%Y-%m-%d").to_string();
        // Sidekiq counts failed attempts as processed too.
        let attempts = (now.performed - told.performed) + (now.failed - told.failed);
        let signals = format!("{key}-signals");
        let mut beat = Lua::Beat.call(&[key, queues::WORKING, &signals, &work[0], &work[1]]);
        beat.arg(self.info()).arg(at_work.len()).arg(seconds(now_ms()));
        beat.arg((self.signal() != Signal::Work).to_string()).arg(resident_kilobytes()).arg(round_trip);
        beat.arg(ALIVE).arg(attempts).arg(now.failed - told.failed).arg(day).arg(DAYS);
        for Begun { at, queue, shown } in &at_work {
            beat.arg(json!({ "queue": queue, "payload": &**shown, "run_at": at }).to_string());
        }
        let signal: Option<Vec<u8>> = beat.run(connection).await?;
        *self.told.lock() = now;
        match signal.as_deref() {
            Some(b"TSTP") => self.send(Signal::Quiet),
            Some(b"TERM") => self.send(Signal::Stop(Instant::now() + self.shutdown_timeout)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What Sidekiq's page shows of the process.
    fn info(&self) -> String {
        let queues: Vec<&str> = self.queues.names().collect();
        json!({
            "hostname": host(),
            "started_at": self.started_at,
            "pid": std::process::id(),
            "tag": self.app,
            "concurrency": self.concurrency,
            "queues": queues,
            "labels": ["karafka"],
            "identity": self.identity,
        })
        .to_string()
    }

    /// The last words: nothing is in progress, and nobody has to wait for this process to be taken for dead.
    pub(super) async fn deregister(&self) {
        let Ok(mut connection) = self.link.connection().await else { return };
        let _ = self.beat(&mut connection).await;
        if self.in_progress.len() == 0 {
            let _ = queues::forget(&mut connection, &self.identity).await;
        }
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("SREM").arg("processes").arg(&self.identity).ignore();
        for key in ["", ":work", ":workers", "-signals"] {
            pipe.cmd("UNLINK").arg(format!("{}{key}", self.identity)).ignore();
        }
        let _ = pipe.query_async::<()>(&mut connection).await;
    }
}

/// What the process takes of memory, as Sidekiq's page shows it.
fn resident_kilobytes() -> u64 {
    let pages =
        fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * (rustix::param::page_size() as u64 / 1_024)
}
