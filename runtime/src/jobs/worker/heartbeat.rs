//! Says that this process is alive and what it does, where Sidekiq's page looks, and hears what that page asks.

use std::{
    fs,
    sync::{Arc, LazyLock, PoisonError, atomic::Ordering},
    time::Duration,
};

use redis::{RedisResult, Script, aio::MultiplexedConnection};
use serde_json::json;
use tokio::time::Instant;

use super::{Order, Worker};
use crate::jobs::{now_ms, queues, verdict};

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

/// One beat; gives what Sidekiq's page asks for. The first write is one that a full Redis does not refuse, as in the
/// script that takes jobs: a process that could not say that it lives would be taken for dead amid its work.
static BEAT_ONCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('DEL', KEYS[4], KEYS[5])
        for name, count in pairs({ processed = ARGV[8], failed = ARGV[9] }) do
            local total, of_day = 'stat:' .. name, 'stat:' .. name .. ':' .. ARGV[10]
            redis.call('INCRBY', total, count)
            redis.call('INCRBY', of_day, count)
            redis.call('EXPIRE', of_day, ARGV[11])
        end
        redis.call('SADD', 'processes', KEYS[1])
        redis.call('HSET', KEYS[1], 'info', ARGV[1], 'busy', ARGV[2], 'beat', ARGV[3], 'quiet', ARGV[4],
            'rss', ARGV[5], 'rtt_us', ARGV[6])
        redis.call('EXPIRE', KEYS[1], ARGV[7])
        redis.call('SADD', KEYS[2], KEYS[1])
        for i = 12, #ARGV do
            redis.call('HSET', KEYS[4], i - 11, ARGV[i])
            redis.call('HSET', KEYS[5], i - 11, ARGV[i])
        end
        redis.call('EXPIRE', KEYS[4], ARGV[7])
        redis.call('EXPIRE', KEYS[5], ARGV[7])
        return redis.call('RPOP', KEYS[3])",
    )
});

impl Worker {
    /// The first beat, and the word that this process may have jobs in hand. Waits for Redis.
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

    /// Says what there is to say, and obeys what Sidekiq's page asks. Says whether it has asked for anything.
    async fn beat(&self, connection: &mut MultiplexedConnection) -> RedisResult<bool> {
        let asked = Instant::now();
        redis::cmd("PING").query_async::<()>(connection).await?;
        let round_trip = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);

        let now =
            Told { performed: self.performed.load(Ordering::Relaxed), failed: self.failed.load(Ordering::Relaxed) };
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let at_work = self.hand.at_work();
        let (key, work) = (&self.identity, [format!("{}:work", self.identity), format!("{}:workers", self.identity)]);
        let day = chrono::Utc::now().format("%Y-%m-%d").to_string();
        // Sidekiq counts failed attempts as processed too.
        let attempts = (now.performed - told.performed) + (now.failed - told.failed);
        let mut beat = BEAT_ONCE.key(key);
        beat.key(queues::WORKING).key(format!("{key}-signals")).key(&work[0]).key(&work[1]);
        beat.arg(self.info()).arg(at_work.len()).arg(verdict::seconds(now_ms()));
        beat.arg((self.order() != Order::Work).to_string()).arg(resident_kilobytes()).arg(round_trip);
        beat.arg(ALIVE).arg(attempts).arg(now.failed - told.failed).arg(day).arg(DAYS);
        for (job, began) in &at_work {
            let queue = match verdict::untouched(job) {
                verdict::Next::Queue { queue, .. } => queue,
                _ => "default".to_owned(),
            };
            beat.arg(json!({ "queue": queue, "payload": job, "run_at": began }).to_string());
        }
        let signal: Option<String> = beat.invoke_async(connection).await?;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = now;
        match signal.as_deref() {
            Some("TSTP") => self.give(Order::Quiet),
            Some("TERM") => self.give(Order::Stop(Instant::now() + self.shutdown_timeout)),
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

    /// Puts back what Redis has moved into this hand in an answer that was lost.
    async fn find_strays(&self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let in_hand = queues::in_hand(connection, &self.identity, now_ms()).await?;
        for job in self.hand.strays(in_hand) {
            queues::recover(connection, &self.identity, &job, &verdict::untouched(&job), now_ms()).await?;
        }
        Ok(())
    }

    /// The last words: nothing is in hand, and nobody has to wait for this process to be taken for dead.
    pub(super) async fn deregister(&self) {
        let Ok(mut connection) = self.link.connection().await else { return };
        let _ = self.beat(&mut connection).await;
        if self.hand.len() == 0 {
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
