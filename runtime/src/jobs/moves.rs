//! The moves of a job, each of them one script: it is in one place, whatever Redis refuses.

use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, Value, aio::MultiplexedConnection};

use super::{
    queues::{DEAD, SETTLED_SECONDS, acknowledge, settled, taken_for_dead, working},
    scripts::{Call, Lua, NOTHING},
    verdict::{Next, seconds},
};

/// How long a job stays in `dead`, and how many do: Sidekiq's numbers.
const DEAD_SECONDS: f64 = 180.0 * 24.0 * 60.0 * 60.0;
const DEAD_JOBS: isize = 10_000;

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub(crate) enum Moved {
    /// The job is where it goes.
    Done,
    /// It was not there to be moved: another has moved it.
    Gone,
    /// It is where it was.
    Refused(Refusal),
}

/// Why a job stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub(crate) struct Refusal {
    /// The key of Redis that refuses it.
    pub(crate) key: String,
    /// Redis' words.
    pub(crate) reason: String,
}

impl FromRedisValue for Moved {
    fn from_redis_value(value: &Value) -> RedisResult<Self> {
        match value {
            Value::Int(0) => Ok(Self::Gone),
            Value::Int(1) => Ok(Self::Done),
            other => Refusal::from_redis_value(other).map(Self::Refused),
        }
    }
}

impl FromRedisValue for Refusal {
    fn from_redis_value(value: &Value) -> RedisResult<Self> {
        // Neither has to be UTF-8: a queue's name may come from anybody.
        let (key, reason): (Vec<u8>, Vec<u8>) = redis::from_redis_value(value)?;
        Ok(Self::new(&key, &reason))
    }
}

impl From<Refusal> for RedisError {
    fn from(refusal: Refusal) -> Self {
        (ErrorKind::ResponseError, "a job cannot be moved", refusal.to_string()).into()
    }
}

impl Refusal {
    pub(super) fn new(key: &[u8], reason: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { key: text(key), reason: text(reason) }
    }
}

impl Moved {
    /// Whether the job was there, and is where it goes.
    ///
    /// # Errors
    ///
    /// That it is refused.
    pub(crate) fn taken(self) -> RedisResult<bool> {
        match self {
            Self::Done => Ok(true),
            Self::Gone => Ok(false),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Moves `job` from what `identity` has in progress to where it goes next.
///
/// # Errors
///
/// Those of Redis, and that it refuses the job.
pub(crate) async fn settle(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    next: &Next,
    now_ms: i64,
) -> RedisResult<()> {
    let now = seconds(now_ms);
    let moved: Moved = match next {
        Next::Dropped => return acknowledge(connection, identity, &[job]).await,
        Next::Queue { queue, job: new } => put_back(connection, identity, job, queue, new).await?,
        Next::Retry { job: new, at } => set_aside(identity, "retry", job, new, *at).run(connection).await?,
        Next::Dead { job: new } => {
            let mut script = set_aside(identity, DEAD, job, new, now);
            script.arg(now - DEAD_SECONDS).arg(-DEAD_JOBS - 1).run(connection).await?
        }
    };
    moved.taken().map(drop)
}

fn set_aside(identity: &str, set: &str, job: &str, new: &str, at: f64) -> Call {
    let mut script = Lua::SetAside.call(&[&working(identity), set, &taken_for_dead(identity), &settled(identity)]);
    script.arg(&*NOTHING).arg(job).arg(new).arg(at).arg(SETTLED_SECONDS);
    script
}

/// Puts a job back as the next one of its queue, if it is still in progress.
async fn put_back(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    queue: &str,
    new: &str,
) -> RedisResult<Moved> {
    Lua::PutBack.call(&[&working(identity)]).arg(&*NOTHING).arg(job).arg(queue).arg(new).run(connection).await
}

/// As [`settle`], for a job that a dead process had in progress: only if nobody else has moved it meanwhile.
pub(crate) async fn recover(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    next: &Next,
    now_ms: i64,
) -> RedisResult<Moved> {
    match next {
        Next::Queue { queue, job: new } => put_back(connection, identity, job, queue, new).await,
        Next::Retry { job: new, .. } | Next::Dead { job: new } => {
            bury_in_progress(connection, identity, job.as_bytes(), new.as_bytes(), now_ms).await
        }
        Next::Dropped => acknowledge(connection, identity, &[job]).await.map(|()| Moved::Done),
    }
}

/// Moves `job` to the dead as `new`, if it is in progress at `identity`.
pub(crate) async fn bury_in_progress(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &[u8],
    new: &[u8],
    now_ms: i64,
) -> RedisResult<Moved> {
    let mut script = Lua::BuryInProgress.call(&[&working(identity), DEAD]);
    script.arg(&*NOTHING).arg(job).arg(new).arg(seconds(now_ms)).run(connection).await
}

/// Moves what stands in `set` and is no job to the dead, where a person finds it.
pub(crate) async fn bury_from_set(
    connection: &mut MultiplexedConnection,
    set: &str,
    job: &[u8],
    now_ms: i64,
) -> RedisResult<Moved> {
    let mut script = Lua::BuryFromSet.call(&[set, DEAD]);
    script.arg(&*NOTHING).arg(job).arg(seconds(now_ms)).run(connection).await
}

/// A job that is due.
#[derive(Debug)]
pub(crate) struct DueJob<'a> {
    /// As it stands in its set.
    pub(crate) old: &'a str,
    /// As it goes to its queue.
    pub(crate) new: String,
    pub(crate) queue: String,
}

/// Moves jobs that are due from `set` to their queues, each by itself. Says of each what became of it.
pub(crate) async fn enqueue_due(
    connection: &mut MultiplexedConnection,
    set: &str,
    jobs: &[DueJob<'_>],
) -> RedisResult<Vec<Moved>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut script = Lua::EnqueueDue.call(&[set]);
    script.arg(&*NOTHING);
    for DueJob { old, new, queue } in jobs {
        script.arg(*old).arg(new).arg(queue);
    }
    script.run(connection).await
}
