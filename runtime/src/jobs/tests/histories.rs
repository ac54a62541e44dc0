//! Random histories of a queue on a real Redis: processes that take, perform, fail, die and are found.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use proptest::{prelude::*, test_runner::TestRunner};
use redis::aio::MultiplexedConnection;
use tokio::runtime::Runtime;

use super::server::Server;
use crate::jobs::{
    job::Job,
    moves::{self, DueJob, Moved},
    queues::{self, Exchanged},
    verdict::{Next, after_death, seconds, untouched},
};

const NOW: i64 = 1_795_396_682_000;

/// What happens; the numbers choose among the processes and jobs that there are.
#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Exchange {
        process: usize,
        performed: usize,
        count: usize,
    },
    Acknowledge {
        process: usize,
        job: usize,
        twice: bool,
    },
    /// `twice`: the answer was lost, and the job has come due meanwhile.
    Retry {
        process: usize,
        job: usize,
        twice: bool,
    },
    Bury {
        process: usize,
        job: usize,
        twice: bool,
    },
    PutBack {
        process: usize,
        job: usize,
        twice: bool,
    },
    /// Due jobs go back to their queues.
    Due,
    /// A process dies, and another begins in its place.
    Die(usize),
    /// One that was taken for dead, or will be, goes on, and a job that it knows fails.
    ComeBack {
        process: usize,
        job: usize,
    },
    /// Somebody looks for the dead.
    Recover,
    /// Someone else has seen the same dead, and looks at the same time: what it finds is what was there before.
    RecoverAtOnce,
}

fn step() -> impl Strategy<Value = Step> {
    let at_work = || (0..4_usize, 0..8_usize, any::<bool>());
    prop_oneof![
        4 => (0..3_usize).prop_map(Step::Push),
        5 => (0..4_usize, 0..3_usize, 0..5_usize)
            .prop_map(|(process, performed, count)| Step::Exchange { process, performed, count }),
        3 => at_work().prop_map(|(process, job, twice)| Step::Acknowledge { process, job, twice }),
        3 => at_work().prop_map(|(process, job, twice)| Step::Retry { process, job, twice }),
        1 => at_work().prop_map(|(process, job, twice)| Step::Bury { process, job, twice }),
        1 => at_work().prop_map(|(process, job, twice)| Step::PutBack { process, job, twice }),
        2 => Just(Step::Due),
        2 => (0..4_usize).prop_map(Step::Die),
        2 => (0..4_usize, 0..8_usize).prop_map(|(process, job)| Step::ComeBack { process, job }),
        2 => Just(Step::Recover),
        1 => Just(Step::RecoverAtOnce),
    ]
}

const QUEUES: [&str; 3] = ["critical", "default", "low"];

/// The world: a Redis, and processes that each know what they have in progress.
struct World {
    redis: MultiplexedConnection,
    /// Those that live, and what each has in progress.
    alive: Vec<(String, Vec<String>)>,
    /// Those that stand still, and what each had in progress.
    gone: Vec<(String, Vec<String>)>,
    begun: u64,
    pushed: BTreeSet<String>,
    done: BTreeSet<String>,
}

fn jid_of(job: &str) -> String {
    Job::read(job).expect("a job").jid
}

fn retry(job: &str) -> Next {
    let mut new = Job::read(job).expect("a job");
    new.set("retry_count", new.retry_count.map_or(0, |count| count + 1));
    Next::Retry { job: new.write(), at: 0.0 }
}

/// What a process has in progress in Redis.
async fn in_progress(redis: &mut MultiplexedConnection, identity: &str) -> redis::RedisResult<Vec<String>> {
    let jobs = queues::in_progress(redis, identity, 0).await?;
    assert!(jobs.len() < queues::BATCH, "more than one page");
    Ok(jobs.into_iter().map(|job| String::from_utf8(job).expect("text")).collect())
}

impl World {
    async fn new(mut redis: MultiplexedConnection) -> Self {
        redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.expect("an empty Redis");
        let mut world = Self {
            redis,
            alive: Vec::new(),
            gone: Vec::new(),
            begun: 0,
            pushed: BTreeSet::new(),
            done: BTreeSet::new(),
        };
        for _ in 0..4 {
            world.begin().await;
        }
        world
    }

    async fn begin(&mut self) {
        self.begun += 1;
        let identity = format!("host:{}:word", self.begun);
        let mut pipe = redis::pipe();
        pipe.cmd("HSET").arg(&identity).arg("beat").arg(1).ignore();
        pipe.cmd("SADD").arg(queues::WORKING).arg(&identity).ignore();
        pipe.query_async::<()>(&mut self.redis).await.expect("a beat");
        self.alive.push((identity, Vec::new()));
    }

    /// A job that this process has in progress, taken out of what it knows.
    fn take(&mut self, process: usize, job: usize) -> Option<(String, String)> {
        let (identity, in_progress) = &mut self.alive[process];
        let job = (!in_progress.is_empty()).then(|| job % in_progress.len())?;
        Some((identity.clone(), in_progress.remove(job)))
    }

    async fn take_step(&mut self, step: &Step) -> redis::RedisResult<()> {
        static JOBS: AtomicU64 = AtomicU64::new(0);
        let redis = &mut self.redis.clone();
        match *step {
            Step::Push(queue) => {
                let (queue, jid) = (QUEUES[queue], format!("j{}", JOBS.fetch_add(1, Ordering::Relaxed)));
                let job = format!(r#"{{"class":"W","args":["t","x"],"queue":"{queue}","jid":"{jid}"}}"#);
                queues::push(redis, queue, &[&job]).await?;
                self.pushed.insert(jid);
            }
            Step::Exchange { process, performed, count } => {
                let (identity, in_progress) = &mut self.alive[process];
                let performed: Vec<String> = in_progress.drain(..performed.min(in_progress.len())).collect();
                self.done.extend(performed.iter().map(|job| jid_of(job)));
                let performed: Vec<&str> = performed.iter().map(String::as_str).collect();
                let exchanged = queues::exchange(redis, identity, &performed, &QUEUES, count).await?;
                let Exchanged { jobs, refusals } = exchanged.expect("it is known for alive");
                assert!(jobs.len() <= count && refusals.is_empty());
                in_progress.extend(jobs.into_iter().map(|job| String::from_utf8(job).expect("text")));
            }
            Step::Acknowledge { process, job, twice } => {
                let Some((identity, job)) = self.take(process, job) else { return Ok(()) };
                // An answer that is lost makes the worker say it again.
                for _ in 0..=u8::from(twice) {
                    queues::acknowledge(redis, &identity, &[&job]).await?;
                }
                self.done.insert(jid_of(&job));
            }
            Step::Retry { process, job, twice } => {
                let Some((identity, job)) = self.take(process, job) else { return Ok(()) };
                let next = retry(&job);
                moves::settle(redis, &identity, &job, &next, NOW).await?;
                if twice {
                    self.due().await?;
                    moves::settle(redis, &identity, &job, &next, NOW).await?;
                }
            }
            Step::Bury { process, job, twice } => {
                let Some((identity, job)) = self.take(process, job) else { return Ok(()) };
                for _ in 0..=u8::from(twice) {
                    moves::settle(redis, &identity, &job, &Next::Dead { job: job.clone() }, NOW).await?;
                }
            }
            Step::PutBack { process, job, twice } => {
                let Some((identity, job)) = self.take(process, job) else { return Ok(()) };
                for round in 0..=u8::from(twice) {
                    let moved = moves::recover(redis, &identity, &job, &untouched(&job), NOW).await?;
                    assert_eq!(moved, if round == 0 { Moved::Done } else { Moved::Gone });
                }
            }
            Step::Due => self.due().await?,
            Step::Die(process) => {
                let (identity, in_progress) = self.alive.remove(process);
                redis::cmd("DEL").arg(&identity).query_async::<()>(redis).await?;
                self.gone.push((identity, in_progress));
                self.begin().await;
            }
            Step::ComeBack { process, job } => {
                let count = self.gone.len();
                let Some((identity, in_progress)) = self.gone.get_mut(process % count.max(1)) else { return Ok(()) };
                let Some(job) = (!in_progress.is_empty()).then(|| in_progress.remove(job % in_progress.len())) else {
                    return Ok(());
                };
                moves::settle(redis, identity, &job, &retry(&job), NOW).await?;
            }
            Step::Recover => self.recover(1).await?,
            Step::RecoverAtOnce => self.recover(2).await?,
        }
        Ok(())
    }

    async fn due(&mut self) -> redis::RedisResult<()> {
        let redis = &mut self.redis;
        let due = queues::due(redis, "retry", "-inf", 0, NOW).await?;
        let moves: Vec<_> = due
            .iter()
            .map(|(old, _)| {
                let old = std::str::from_utf8(old).expect("text");
                let mut job = Job::read(old).expect("a job");
                job.set("enqueued_at", seconds(NOW));
                DueJob { old, new: job.write(), queue: job.queue }
            })
            .collect();
        // Two processes have read the same.
        for moved in [Moved::Done, Moved::Gone] {
            assert_eq!(moves::enqueue_due(redis, "retry", &moves).await?, vec![moved; moves.len()]);
        }
        Ok(())
    }

    async fn recover(&mut self, at_once: usize) -> redis::RedisResult<()> {
        let redis = &mut self.redis.clone();
        for process in queues::processes(redis).await? {
            let process = String::from_utf8(process).expect("text");
            let is_alive = queues::is_alive(redis, &process).await?;
            assert_eq!(is_alive, self.alive.iter().any(|(identity, _)| *identity == process));
            if is_alive {
                continue;
            }
            queues::take_for_dead(redis, &process).await?;
            let found = in_progress(redis, &process).await?;
            for round in 0..at_once {
                for job in &found {
                    let moved = moves::recover(redis, &process, job, &after_death(job, NOW), NOW).await?;
                    assert_eq!(moved == Moved::Done, round == 0, "two have moved one job");
                }
            }
            queues::forget(redis, &process).await?;
        }
        Ok(())
    }

    /// Where each job is; one that is nowhere, or in two places, is a failure.
    async fn check(&mut self) -> Result<(), TestCaseError> {
        let redis = &mut self.redis;
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(redis).await.expect("keys");
        for key in keys {
            let jobs: Vec<String> = if key.starts_with("queue:") || key.starts_with("karafka:working:") {
                redis::cmd("LRANGE").arg(&key).arg(0).arg(-1).query_async(redis).await.expect("a list")
            } else if key == "retry" || key == "dead" {
                redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1).query_async(redis).await.expect("a set")
            } else {
                continue;
            };
            for job in jobs {
                places.entry(jid_of(&job)).or_default().push(key.clone());
            }
        }
        for jid in &self.pushed {
            let at = places.remove(jid).unwrap_or_default();
            let expected = usize::from(!self.done.contains(jid));
            prop_assert_eq!(at.len(), expected, "{} is in {:?}", jid, at);
        }
        prop_assert!(places.is_empty(), "from nowhere: {:?}", places);
        for (identity, taken) in &self.alive {
            let mut known = taken.clone();
            let mut in_redis = in_progress(redis, identity).await.expect("a list");
            known.sort_unstable();
            in_redis.sort_unstable();
            prop_assert_eq!(known, in_redis, "{}", identity);
        }
        Ok(())
    }
}

/// If this fails, a job is lost or there twice when a process dies, is found by two, or says something again because an
/// answer was lost.
#[test]
fn random_histories_of_the_queue() {
    let server = Server::start();
    let runtime = Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig { cases: 150, ..ProptestConfig::default() });
    let histories = prop::collection::vec(step(), 1..80);
    let run = runner.run(&histories, |steps| {
        runtime.block_on(async {
            let mut world = World::new(server.connect().await).await;
            for step in &steps {
                world.take_step(step).await.map_err(|error| TestCaseError::fail(format!("{step:?}: {error}")))?;
                world.check().await?;
            }
            Ok(())
        })
    });
    assert!(run.is_ok(), "{}", run.expect_err("a failure"));
}
