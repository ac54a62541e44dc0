//! A connection to Redis that is made when it is needed, and made again when it is broken.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::{
    engine::backoff::{Jitter, after},
    events::{Event, Listener},
    settings::Backoff,
    trace,
};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long Redis may take for an answer; what waits for jobs waits for a part of it.
const ANSWER: Duration = Duration::from_secs(10);

/// Between two tries.
const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(3) };

/// Redis, as a part of the process reaches it.
pub(crate) struct Link {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    listener: Arc<dyn Listener>,
}

impl Link {
    /// Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with `url`.
    pub(crate) fn new(url: &str, listener: Arc<dyn Listener>) -> RedisResult<Self> {
        Ok(Self { client: Client::open(url)?, connection: Mutex::new(None), listener })
    }

    /// Another connection to the same Redis, for commands that wait.
    pub(crate) fn another(&self) -> Self {
        Self { client: self.client.clone(), connection: Mutex::new(None), listener: Arc::clone(&self.listener) }
    }

    /// The connection, made now if there is none.
    pub(crate) async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(CONNECT).set_response_timeout(ANSWER);
        let made = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(kept.insert(made).clone())
    }

    /// Forgets a connection that an error has shown to be broken, or whose answers have lost their time.
    pub(crate) async fn failed(&self, error: &RedisError) {
        if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
            *self.connection.lock().await = None;
        }
    }

    /// Does `work` until Redis has taken it, with a backoff: for what must not be lost. Says so while Redis does not.
    pub(crate) async fn until_done<'a, T>(
        &self,
        work: impl Fn(MultiplexedConnection) -> BoxFuture<'a, RedisResult<T>>,
    ) -> T {
        let mut trouble = Trouble::new();
        loop {
            let done = match self.connection().await {
                Ok(connection) => work(connection).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(done) => {
                    trouble.over(&*self.listener);
                    return done;
                }
                Err(error) => {
                    self.failed(&error).await;
                    tokio::time::sleep(trouble.met(&error, &*self.listener)).await;
                }
            }
        }
    }
}

/// Failures in a row, told once and again when they are over.
pub(crate) struct Trouble {
    failures: u32,
    jitter: Jitter,
}

impl Trouble {
    pub(crate) fn new() -> Self {
        Self { failures: 0, jitter: Jitter::new(trace::new_id()) }
    }

    /// Says it if it is the first one, and how long to wait before the next try.
    pub(crate) fn met(&mut self, error: &RedisError, listener: &dyn Listener) -> Duration {
        if self.failures == 0 {
            listener.on(&Event::RedisAway { reason: &error.to_string() });
        }
        self.failures = self.failures.saturating_add(1);
        after(BACKOFF, self.failures, self.jitter.next())
    }

    /// Redis has answered.
    pub(crate) fn over(&mut self, listener: &dyn Listener) {
        if self.failures > 0 {
            listener.on(&Event::RedisBack);
            self.failures = 0;
        }
    }
}
