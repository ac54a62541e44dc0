//! The moves of a job, each of them one script or transaction.

use std::{sync::LazyLock, time::Duration};

use redis::{RedisResult, Script, ScriptInvocation, aio::MultiplexedConnection};

use super::verdict::{Next, seconds};

/// How many jobs are moved by one script, so that no script keeps others from Redis for long.
pub(crate) const BATCH: usize = 100;

/// How long a job stays in `dead`, and how many do: Sidekiq's numbers.
const DEAD_SECONDS: f64 = 180.0 * 24.0 * 60.0 * 60.0;
const DEAD_JOBS: isize = 10_000;

/// The set of processes that have jobs in hand.
pub(crate) const WORKING: &str = "karafka:working";

/// What a process has in hand.
pub(crate) fn working(identity: &str) -> String {
    format!("{WORKING}:{identity}")
}

/// There when others have taken a process for dead, for longer than any process stands still and comes back.
fn taken_for_dead(identity: &str) -> String {
    format!("karafka:taken-for-dead:{identity}")
}

const TAKEN_FOR_DEAD_SECONDS: u64 = 24 * 60 * 60;

fn queue_key(queue: &str) -> String {
    format!("queue:{queue}")
}

/// Takes what was performed, from `ARGV[2]` on, out of the hand of a process, and up to `ARGV[1]` jobs from the queues, in
/// their order, into it: if it is alive for others, so that they know when it is not.
///
/// A Redis that is full refuses whatever might take memory, but not in a script that has written before: deleting
/// nothing is such a write. Otherwise nobody could empty it.
static EXCHANGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i = 2, #ARGV do redis.call('LREM', KEYS[3], 1, ARGV[i]) end
        if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('SISMEMBER', KEYS[2], KEYS[1]) == 0 then return false end
        redis.call('DEL', KEYS[3] .. ':none')
        local jobs = {}
        for i = 4, #KEYS do
            while #jobs < tonumber(ARGV[1]) do
                local job = redis.call('LMOVE', KEYS[i], KEYS[3], 'RIGHT', 'LEFT')
                if not job then break end
                jobs[#jobs + 1] = job
            end
        end
        return jobs",
    )
});

/// Puts a job back where it is taken from next, if it is still in hand: whoever took it away has put it somewhere.
static PUT_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
        redis.call('SADD', 'queues', ARGV[2])
        redis.call('RPUSH', 'queue:' .. ARGV[2], ARGV[3])
        return 1",
    )
});

/// Moves a job from a hand into a sorted set. It goes there even if the hand is empty, as after a restart of Redis
/// without its data: the process still knows the job. But not if others took the process for dead, and the job from it:
/// then they have put it somewhere.
static SET_ASIDE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 and redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
        redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
        if ARGV[4] then
            redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
            redis.call('ZREMRANGEBYRANK', KEYS[2], 0, ARGV[5])
        end
        return 1",
    )
});

/// Buries a job that a process has in hand, if it still has it.
static BURY_FOUND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
        redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
        return 1",
    )
});

/// Moves jobs that are due to their queues: pairs of what stands in the set and what goes to the queue, and its name.
static ENQUEUE_DUE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local moved = 0
        for i = 1, #ARGV, 3 do
            if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
                redis.call('SADD', 'queues', ARGV[i + 2])
                redis.call('LPUSH', 'queue:' .. ARGV[i + 2], ARGV[i + 1])
                moved = moved + 1
            end
        end
        return moved",
    )
});

/// Pushes jobs to the end of a queue, all or none.
pub(crate) async fn push(connection: &mut MultiplexedConnection, queue: &str, jobs: &[&str]) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("SADD").arg("queues").arg(queue).ignore();
    pipe.cmd("LPUSH").arg(queue_key(queue)).arg(jobs).ignore();
    pipe.query_async(connection).await
}

/// Takes what was `performed` out of the hand of `identity`, and up to `count` jobs into it, from the first queue that has
/// some on. `None`: Redis does not know the process for alive, as after a restart without its data, and it has to say so
/// first.
pub(crate) async fn exchange(
    connection: &mut MultiplexedConnection,
    identity: &str,
    performed: &[&str],
    queues: &[&str],
    count: usize,
) -> RedisResult<Option<Vec<Vec<u8>>>> {
    let mut script = EXCHANGE.key(identity);
    script.key(WORKING).key(working(identity));
    for queue in queues {
        script.key(queue_key(queue));
    }
    script.arg(count).arg(performed).invoke_async(connection).await
}

/// Waits for a job of one queue, at most this long, and takes it into the hand of `identity`.
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

/// All jobs in the hand of `identity`. What is not even text is moved to the dead on the way.
pub(crate) async fn in_hand(
    connection: &mut MultiplexedConnection,
    identity: &str,
    now_ms: i64,
) -> RedisResult<Vec<String>> {
    let found: Vec<Vec<u8>> =
        redis::cmd("LRANGE").arg(working(identity)).arg(0).arg(-1).query_async(connection).await?;
    let mut jobs = Vec::with_capacity(found.len());
    for job in found {
        match String::from_utf8(job) {
            Ok(job) => jobs.push(job),
            Err(error) => {
                bury_found(connection, identity, error.as_bytes(), error.as_bytes(), now_ms).await?;
            }
        }
    }
    Ok(jobs)
}

/// Jobs were performed: out of the hand.
pub(crate) async fn acknowledge(
    connection: &mut MultiplexedConnection,
    identity: &str,
    jobs: &[&str],
) -> RedisResult<()> {
    let (mut pipe, hand) = (redis::pipe(), working(identity));
    for job in jobs {
        pipe.cmd("LREM").arg(&hand).arg(1).arg(job).ignore();
    }
    pipe.query_async(connection).await
}

/// Moves `job` from the hand of `identity` to where it goes next. Says whether it was there to be moved.
pub(crate) async fn settle(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    next: &Next,
    now_ms: i64,
) -> RedisResult<()> {
    let now = seconds(now_ms);
    match next {
        Next::Dropped => acknowledge(connection, identity, &[job]).await,
        Next::Queue { queue, job: new } => put_back(connection, identity, job, queue, new).await.map(drop),
        Next::Retry { job: new, at } => {
            set_aside(identity, "retry", job, new, *at).invoke_async::<i64>(connection).await.map(drop)
        }
        Next::Dead { job: new } => {
            let mut script = set_aside(identity, "dead", job, new, now);
            script.arg(now - DEAD_SECONDS).arg(-DEAD_JOBS - 1).invoke_async::<i64>(connection).await.map(drop)
        }
    }
}

fn set_aside(identity: &str, set: &str, job: &str, new: &str, at: f64) -> ScriptInvocation<'static> {
    let mut script = SET_ASIDE.key(working(identity));
    script.key(set).key(taken_for_dead(identity)).arg(job).arg(new).arg(at);
    script
}

/// Puts a job back as the next one of its queue. Says whether it was still in hand.
pub(crate) async fn put_back(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    queue: &str,
    new: &str,
) -> RedisResult<bool> {
    PUT_BACK.key(working(identity)).arg(job).arg(queue).arg(new).invoke_async(connection).await
}

/// As [`settle`], for a job that a dead process had in hand: only if nobody else has moved it meanwhile.
pub(crate) async fn recover(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &str,
    next: &Next,
    now_ms: i64,
) -> RedisResult<bool> {
    match next {
        Next::Queue { queue, job: new } => put_back(connection, identity, job, queue, new).await,
        Next::Retry { job: new, .. } | Next::Dead { job: new } => {
            bury_found(connection, identity, job.as_bytes(), new.as_bytes(), now_ms).await
        }
        Next::Dropped => Ok(false),
    }
}

/// Moves `job` to the dead as `new`, if it is in the hand of `identity`. Says whether it was.
pub(crate) async fn bury_found(
    connection: &mut MultiplexedConnection,
    identity: &str,
    job: &[u8],
    new: &[u8],
    now_ms: i64,
) -> RedisResult<bool> {
    let mut script = BURY_FOUND.key(working(identity));
    script.key("dead").arg(job).arg(new).arg(seconds(now_ms)).invoke_async(connection).await
}

/// Processes that have, or had, jobs in hand, and whether each is alive.
pub(crate) async fn processes(connection: &mut MultiplexedConnection) -> RedisResult<Vec<(String, bool)>> {
    let identities: Vec<String> = redis::cmd("SMEMBERS").arg(WORKING).query_async(connection).await?;
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipe = redis::pipe();
    for identity in &identities {
        pipe.cmd("EXISTS").arg(identity);
    }
    let alive: Vec<bool> = pipe.query_async(connection).await?;
    Ok(identities.into_iter().zip(alive).collect())
}

/// Writes down that a process is taken for dead, before its hand is emptied: it may come back. As in the other scripts,
/// the first write is one that a full Redis does not refuse.
pub(crate) async fn take_for_dead(connection: &mut MultiplexedConnection, identity: &str) -> RedisResult<()> {
    static TAKE_FOR_DEAD: LazyLock<Script> = LazyLock::new(|| {
        Script::new("redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) return 1")
    });
    let mut script = TAKE_FOR_DEAD.key(taken_for_dead(identity));
    script.arg(identity).arg(TAKEN_FOR_DEAD_SECONDS).invoke_async::<i64>(connection).await.map(drop)
}

/// A process has nothing in hand any more and will not come back. Its list, if something came into it meanwhile, is
/// found again: the process is only forgotten when it is empty.
pub(crate) async fn forget(connection: &mut MultiplexedConnection, identity: &str) -> RedisResult<()> {
    static FORGET: LazyLock<Script> = LazyLock::new(|| {
        Script::new(
            "if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
            redis.call('SREM', 'processes', ARGV[1])
            return 1",
        )
    });
    FORGET.key(working(identity)).key(WORKING).arg(identity).invoke_async::<i64>(connection).await.map(drop)
}

/// Jobs of `set` that are due, up to [`BATCH`].
pub(crate) async fn due(connection: &mut MultiplexedConnection, set: &str, now_ms: i64) -> RedisResult<Vec<Vec<u8>>> {
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command.arg(set).arg("-inf").arg(seconds(now_ms)).arg("LIMIT").arg(0).arg(BATCH);
    command.query_async(connection).await
}

/// Moves jobs that are due to their queues: what stands in `set`, what goes to the queue, and the queue.
pub(crate) async fn enqueue_due(
    connection: &mut MultiplexedConnection,
    set: &str,
    jobs: &[(String, String, String)],
) -> RedisResult<usize> {
    if jobs.is_empty() {
        return Ok(0);
    }
    let mut script = ENQUEUE_DUE.key(set);
    for (old, new, queue) in jobs {
        script.arg(old).arg(new).arg(queue);
    }
    script.invoke_async(connection).await
}

/// Moves what stands in `set` and is no job to `dead`, where a person finds it.
pub(crate) async fn bury_unreadable(
    connection: &mut MultiplexedConnection,
    set: &str,
    job: &[u8],
    now_ms: i64,
) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    pipe.atomic().cmd("ZADD").arg("dead").arg(seconds(now_ms)).arg(job).ignore();
    pipe.cmd("ZREM").arg(set).arg(job).ignore();
    pipe.query_async(connection).await
}
