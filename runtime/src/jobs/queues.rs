//! What a process takes from Redis and leaves there: its queues, its jobs in progress, and who has some.

use std::time::Duration;

use redis::{FromRedisValue, RedisResult, Value, aio::MultiplexedConnection};

use super::{
    moves::Refusal,
    scripts::{Lua, NOTHING},
    verdict::seconds,
};

/// How many jobs are moved by one script, so that no script keeps others from Redis for long.
pub(crate) const BATCH: usize = 100;

/// How many bytes of jobs one script moves, or one answer holds, at most: a larger job travels alone.
pub(crate) const BATCH_BYTES: usize = 16 << 20;

/// The set of what has failed for good.
pub(super) const DEAD: &str = "dead";

/// The set of processes that have jobs in progress.
pub(crate) const WORKING: &str = "karafka:working";

/// What a process has in progress.
pub(crate) fn working(identity: &str) -> String {
    format!("{WORKING}:{identity}")
}

/// There when others have taken a process for dead, for longer than any process stands still and comes back.
pub(super) fn taken_for_dead(identity: &str) -> String {
    format!("karafka:taken-for-dead:{identity}")
}

const TAKEN_FOR_DEAD_SECONDS: u64 = 24 * 60 * 60;

/// Beside this is noted, for a while, what a process has set aside: it says so again if the answer was lost.
pub(super) fn settled(identity: &str) -> String {
    format!("karafka:settled:{identity}")
}

/// Until a process that does not get through is taken for dead at the latest, with some to spare.
pub(super) const SETTLED_SECONDS: u64 = 3 * 60;

fn queue_key(queue: &str) -> String {
    format!("queue:{queue}")
}

/// How many of these jobs, from the first on, travel together: up to [`BATCH`] of [`BATCH_BYTES`], or one larger one.
pub(crate) fn together<'a>(jobs: impl IntoIterator<Item = &'a str>) -> usize {
    let mut bytes = 0;
    let fit = jobs.into_iter().take(BATCH).enumerate().take_while(|(index, job)| {
        bytes += job.len();
        *index == 0 || bytes <= BATCH_BYTES
    });
    fit.count()
}

/// Pushes jobs to the end of a queue, all or none.
pub(crate) async fn push(connection: &mut MultiplexedConnection, queue: &str, jobs: &[&str]) -> RedisResult<()> {
    Lua::Push.call(&[]).arg(queue).arg(jobs).run::<i64>(connection).await.map(drop)
}

/// What an [`exchange`] gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exchanged {
    /// Now in progress.
    pub(crate) jobs: Vec<Vec<u8>>,
    /// Queues that give none.
    pub(crate) refusals: Vec<Refusal>,
}

impl FromRedisValue for Exchanged {
    fn from_redis_value(value: &Value) -> RedisResult<Self> {
        Self::from_owned_redis_value(value.clone())
    }

    fn from_owned_redis_value(value: Value) -> RedisResult<Self> {
        // Owned, so that large jobs are not copied.
        let (jobs, refused): (Vec<Vec<u8>>, Vec<Vec<u8>>) = redis::from_owned_redis_value(value)?;
        let refusals = refused.chunks_exact(2).map(|pair| Refusal::new(&pair[0], &pair[1])).collect();
        Ok(Self { jobs, refusals })
    }
}

/// Takes what was `performed` out of what `identity` has in progress, and up to `count` jobs into it, from the first queue that has
/// some on, as many as travel together. `None`: Redis does not know the process for alive, as after a restart without its
/// data, and it has to say so first.
pub(crate) async fn exchange(
    connection: &mut MultiplexedConnection,
    identity: &str,
    performed: &[&str],
    queues: &[&str],
    count: usize,
) -> RedisResult<Option<Exchanged>> {
    let in_progress = working(identity);
    let queues: Vec<String> = queues.iter().map(|queue| queue_key(queue)).collect();
    let keys = [identity, WORKING, &in_progress].into_iter().chain(queues.iter().map(String::as_str));
    let mut script = Lua::Exchange.call(&keys.collect::<Vec<_>>());
    script.arg(&*NOTHING).arg(count).arg(BATCH_BYTES).arg(performed).run(connection).await
}

/// Waits for a job of one queue, at most this long, and puts it in progress at `identity`.
pub(crate) async fn wait_for_one(
    connection: &mut MultiplexedConnection,
    identity: &str,
    queue: &str,
    at_most: Duration,
) -> RedisResult<Option<Vec<u8>>> {
    let mut command = redis::cmd("BLMOVE");
    command.arg(queue_key(queue)).arg(working(identity)).arg("RIGHT").arg("LEFT").arg(at_most.as_secs_f64());
    command.query_async(connection).await
}

/// Jobs in progress at `identity` but for the first `skip`, as many as travel together; none: that were all.
pub(crate) async fn in_progress(
    connection: &mut MultiplexedConnection,
    identity: &str,
    skip: usize,
) -> RedisResult<Vec<Vec<u8>>> {
    let mut script = Lua::InProgress.call(&[&working(identity)]);
    script.arg(skip).arg(BATCH).arg(BATCH_BYTES).run(connection).await
}

/// Jobs were performed, and are in progress no longer.
pub(crate) async fn acknowledge(
    connection: &mut MultiplexedConnection,
    identity: &str,
    jobs: &[&str],
) -> RedisResult<()> {
    let (mut pipe, in_progress) = (redis::pipe(), working(identity));
    for job in jobs {
        pipe.cmd("LREM").arg(&in_progress).arg(1).arg(job).ignore();
    }
    pipe.query_async(connection).await
}

/// Processes that have, or had, jobs in progress. Anybody may have put one there that is no text.
pub(crate) async fn processes(connection: &mut MultiplexedConnection) -> RedisResult<Vec<Vec<u8>>> {
    redis::cmd("SMEMBERS").arg(WORKING).query_async(connection).await
}

/// Whether a process has said lately that it lives.
pub(crate) async fn is_alive(connection: &mut MultiplexedConnection, identity: &str) -> RedisResult<bool> {
    redis::cmd("EXISTS").arg(identity).query_async(connection).await
}

/// Writes down that a process is taken for dead, before its list is emptied: it may come back.
pub(crate) async fn take_for_dead(connection: &mut MultiplexedConnection, identity: &str) -> RedisResult<()> {
    let mut script = Lua::TakeForDead.call(&[&taken_for_dead(identity)]);
    script.arg(identity).arg(TAKEN_FOR_DEAD_SECONDS);
    script.run::<i64>(connection).await.map(drop)
}

/// A process has nothing in progress any more and will not come back. Its list, if something came into it meanwhile, is
/// found again: the process is only forgotten when it is empty.
pub(crate) async fn forget(connection: &mut MultiplexedConnection, identity: &str) -> RedisResult<()> {
    let mut script = Lua::Forget.call(&[&working(identity), WORKING]);
    script.arg(identity).run::<i64>(connection).await.map(drop)
}

/// Jobs of `set` that are due, and the score of each, as it stands there: from the score `from` on but for the first
/// `skip`, as many as travel together; none: that were all.
pub(crate) async fn due(
    connection: &mut MultiplexedConnection,
    set: &str,
    from: &str,
    skip: usize,
    now_ms: i64,
) -> RedisResult<Vec<(Vec<u8>, String)>> {
    let mut script = Lua::Due.call(&[set]);
    script.arg(from).arg(seconds(now_ms)).arg(skip).arg(BATCH).arg(BATCH_BYTES);
    script.run(connection).await
}
