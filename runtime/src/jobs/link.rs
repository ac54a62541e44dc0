//! A connection to Redis that is made when it is needed, and made again when it is broken.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::sync::{Mutex, Notify};

use super::{certificates::Certificates, sentinels::Sentinels};
use crate::{
    backoff::{Jitter, after},
    events::{Event, Listener},
    random,
    settings::{Backoff, Redis},
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long Redis may take for an answer; what waits for jobs waits for a part of it.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two tries.
const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(3) };

/// Redis, as a part of the process reaches it.
pub(crate) struct Link {
    place: Place,
    connection: Mutex<Option<MultiplexedConnection>>,
    listener: Arc<dyn Listener>,
    /// Wakes those that wait for their next try, when another has been answered again.
    answers: Notify,
}

/// Where Redis is.
#[derive(Clone)]
enum Place {
    At(Client),
    /// Where these say, each time anew.
    KnownBy(Arc<Sentinels>),
}

impl Link {
    /// Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with its address, or with a file of certificates.
    pub(crate) fn new(redis: &Redis, listener: Arc<dyn Listener>) -> RedisResult<Self> {
        let place = match Sentinels::of(redis)? {
            Some(sentinels) => Place::KnownBy(Arc::new(sentinels)),
            None => Place::At(Certificates::of(redis)?.client(&*redis.url)?),
        };
        Ok(Self::to(place, listener))
    }

    /// Another connection to the same Redis, for commands that wait.
    pub(crate) fn another(&self) -> Self {
        Self::to(self.place.clone(), Arc::clone(&self.listener))
    }

    fn to(place: Place, listener: Arc<dyn Listener>) -> Self {
        Self { place, connection: Mutex::new(None), listener, answers: Notify::new() }
    }

    /// What goes wrong from now on with one task.
    pub(crate) fn trouble(&self) -> FailureStreak<'_> {
        FailureStreak { link: self, failures: 0, jitter: Jitter::new(random::new_id()) }
    }

    /// Waits for that long, or until another has been answered again after a failure.
    pub(crate) async fn rest(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.answers.notified()).await;
    }

    /// The connection, made now if there is none.
    pub(crate) async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(CONNECT).set_response_timeout(ANSWER);
        let mut made = match &self.place {
            Place::At(client) => client.get_multiplexed_async_connection_with_config(&config).await?,
            Place::KnownBy(sentinels) => sentinels.connection(&config).await?,
        };
        refuse_cluster(&mut made).await?;
        Ok(kept.insert(made).clone())
    }

    /// Forgets the connection after an error that another one may not meet.
    pub(crate) async fn failed(&self, error: &RedisError) {
        if asks_for_another(error) {
            *self.connection.lock().await = None;
        }
    }

    /// Does `work` until Redis has taken it, with a backoff: for what must not be lost. Says so while Redis does not.
    pub(crate) async fn until_done<'a, T>(
        &self,
        work: impl Fn(MultiplexedConnection) -> BoxFuture<'a, RedisResult<T>>,
    ) -> T {
        let mut trouble = self.trouble();
        loop {
            let done = match self.connection().await {
                Ok(connection) => work(connection).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(done) => {
                    trouble.over();
                    return done;
                }
                Err(error) => {
                    self.failed(&error).await;
                    self.rest(trouble.met(&error)).await;
                }
            }
        }
    }
}

/// Errors at a node of a Redis Cluster: the keys of one move of a job are on several nodes there, and no script may touch them
/// all. Sidekiq does not work there either.
async fn refuse_cluster(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let told: RedisResult<String> = redis::cmd("INFO").arg("cluster").query_async(connection).await;
    match told {
        Ok(told) if told.lines().any(|line| line.trim_end() == "cluster_enabled:1") => Err((
            ErrorKind::ClientError,
            "this is a node of a Redis Cluster, where no job can be moved: jobs need one Redis",
        )
            .into()),
        Err(error) if error.is_io_error() => Err(error),
        // A user without the right to ask works on.
        _ => Ok(()),
    }
}

/// Whether a new connection may reach what this error's does not.
///
/// Whatever the server refuses may be the refusal of a node that has become a replica, or is about to, while its name leads
/// to another one by now; Redis before 7 calls that a plain error when a script has met it. A Redis that is full, or does
/// not know a script, is the one that is wanted, and a new connection at each try would only burden it.
fn asks_for_another(error: &RedisError) -> bool {
    let is_full = error.code() == Some("OOM") || error.detail().is_some_and(|detail| detail.contains("-OOM "));
    !is_full && error.kind() != ErrorKind::NoScriptError
}

/// Failures of one task in a row, told once and again when they are over, or nobody waits for their end.
pub(crate) struct FailureStreak<'a> {
    link: &'a Link,
    failures: u32,
    jitter: Jitter,
}

impl FailureStreak<'_> {
    /// Reports it if it is the first one, and returns how long to wait before the next try.
    pub(crate) fn met(&mut self, error: &RedisError) -> Duration {
        if self.failures == 0 {
            self.link.listener.on(&Event::RedisAway { reason: &error.to_string() });
        }
        self.failures = self.failures.saturating_add(1);
        after(BACKOFF, self.failures, self.jitter.next())
    }

    /// Redis has answered.
    ///
    /// Wakes the others only after a failure: where some commands are refused and others are not, as by a Redis that is
    /// full, those that fail keep to their backoff.
    pub(crate) fn over(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
            self.link.listener.on(&Event::RedisBack);
            self.link.answers.notify_waiters();
        }
    }
}

impl Drop for FailureStreak<'_> {
    fn drop(&mut self) {
        if self.failures > 0 {
            self.link.listener.on(&Event::RedisUnanswered);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io, time::Instant};

    use super::*;
    use crate::metrics::Tally;

    /// What a server answers, as the client reads it.
    fn refused(answer: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{answer}\r\n").as_bytes());
        value.and_then(redis::Value::extract_error).expect_err("an error")
    }

    /// If this fails, an app stays for ever with a node that has been demoted, or connects again and again to a Redis that
    /// is full.
    #[test]
    fn what_a_demoted_node_says_asks_for_another_connection() {
        for answer in [
            "READONLY You can't write against a read only replica.",
            "READONLY You can't write against a read only replica. script: 7a2f, on @user_script:1.",
            "ERR Error running script (call to f_7a2f): @user_script:1: @user_script: 1: -READONLY You can't write \
             against a read only replica.",
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "NOREPLICAS Not enough good replicas to write.",
            "LOADING Redis is loading the dataset in memory",
            "CLUSTERDOWN The cluster is down",
            "NOAUTH Authentication required.",
        ] {
            assert!(asks_for_another(&refused(answer)), "{answer}");
        }
        assert!(asks_for_another(&io::Error::from(io::ErrorKind::TimedOut).into()));
        assert!(asks_for_another(&io::Error::from(io::ErrorKind::BrokenPipe).into()));
        for answer in [
            "OOM command not allowed when used memory > 'maxmemory'.",
            "ERR Error running script (call to f_7a2f): @user_script:1: @user_script: 1: -OOM command not allowed when \
             used memory > 'maxmemory'.",
            "NOSCRIPT No matching script. Please use EVAL.",
        ] {
            assert!(!asks_for_another(&refused(answer)), "{answer}");
        }
    }

    /// If this fails, what waits for Redis goes on some seconds after Redis has, or one that fails keeps the others trying.
    #[tokio::test(start_paused = true)]
    async fn who_is_answered_again_wakes_the_others() {
        let link = Link::new(&Redis::at("redis://127.0.0.1"), Arc::new(())).expect("an address");
        let began = tokio::time::Instant::now();
        let mut trouble = link.trouble();
        tokio::join!(link.rest(Duration::from_secs(3)), async { trouble.over() });
        assert_eq!(began.elapsed(), Duration::from_secs(3), "nothing was wrong with it");
        trouble.met(&refused("LOADING Redis is loading the dataset in memory"));
        tokio::join!(link.rest(Duration::from_secs(3)), link.rest(Duration::from_secs(3)), async { trouble.over() });
        assert_eq!(began.elapsed(), Duration::from_secs(3));
    }

    /// If this fails, an app is not ready although nothing waits for Redis, or ready although something does.
    #[tokio::test]
    async fn who_waits_for_redis_is_counted_until_it_does_not() {
        let tally = Arc::new(Tally::new(Arc::new(())));
        let link = Link::new(&Redis::at("redis://127.0.0.1"), Arc::clone(&tally) as _).expect("an address");
        let away = || tally.told(Instant::now()).redis.away;
        let (mut one, mut two) = (link.trouble(), link.trouble());
        one.over();
        for _ in 0..3 {
            one.met(&refused("LOADING Redis is loading the dataset in memory"));
        }
        assert_eq!(away(), 1);
        two.met(&refused("OOM command not allowed when used memory > 'maxmemory'."));
        assert_eq!(away(), 2);
        one.over();
        drop(one);
        assert_eq!(away(), 1);
        drop(two);
        assert_eq!(away(), 0, "it was dropped while it waited, as by a stop");
    }
}
