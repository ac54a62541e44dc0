//! A Redis that refuses any command of any script: no job is lost by it, and none is there twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::{prelude::*, test_runner::TestRunner};
use redis::{RedisResult, Value, aio::MultiplexedConnection};
use tokio::runtime::Runtime;

use super::server::Server;
use crate::{
    jobs::{
        job::Job,
        link::Link,
        moves::{self, DueJob, Moved},
        queues::{self, Exchanged},
        scripts::faults::fail_at,
        verdict::{Next, after_death, untouched},
    },
    settings::Redis,
};

const NOW: i64 = 1_795_396_682_000;

/// A process that lives, and one that is dead.
const ME: &str = "host:1:me";
const GONE: &str = "host:2:gone";

/// Where jobs are.
const PLACES: [&str; 7] = [
    "queue:default",
    "queue:theirs",
    "karafka:working:host:1:me",
    "karafka:working:host:2:gone",
    "retry",
    "schedule",
    "dead",
];

/// What else scripts touch.
const OTHERS: [&str; 6] = [
    "queues",
    "processes",
    "karafka:working",
    "karafka:taken-for-dead:host:2:gone",
    ME,
    "karafka:taken-for-dead:host:1:me",
];

const COMMANDS: [&str; 16] = [
    "lrem",
    "lpush",
    "rpush",
    "zadd",
    "zrem",
    "sadd",
    "srem",
    "lmove",
    "lpos",
    "zscore",
    "exists",
    "sismember",
    "lindex",
    "zrangebyscore",
    "set",
    "del",
];

/// One move; the number chooses among the jobs that are where it takes them from.
#[derive(Debug, Clone, Copy)]
enum Act {
    Push,
    Exchange { performed: usize },
    Retry(usize),
    Bury(usize),
    PutBack(usize),
    Recover(usize),
    BuryInProgress(usize),
    Forget,
    EnqueueDue,
    BuryFromSet(usize),
}

/// What Redis refuses during one move.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// The command of each script, counted from 1.
    At(u32),
    /// The key is a text.
    Type(usize),
    /// The user may not touch this key.
    Key(usize),
    /// The user may not run this command.
    Command(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        1 => Just(Act::Push),
        3 => (0..3_usize).prop_map(|performed| Act::Exchange { performed }),
        3 => (0..8_usize).prop_map(Act::Retry),
        2 => (0..8_usize).prop_map(Act::Bury),
        3 => (0..8_usize).prop_map(Act::PutBack),
        3 => (0..8_usize).prop_map(Act::Recover),
        2 => (0..8_usize).prop_map(Act::BuryInProgress),
        1 => Just(Act::Forget),
        4 => Just(Act::EnqueueDue),
        2 => (0..8_usize).prop_map(Act::BuryFromSet),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let keys = PLACES.len() + OTHERS.len();
    prop_oneof![
        1 => Just(Fault::None),
        4 => (1..12_u32).prop_map(Fault::At),
        3 => (0..keys).prop_map(Fault::Type),
        3 => (0..keys).prop_map(Fault::Key),
        3 => (0..COMMANDS.len()).prop_map(Fault::Command),
    ]
}

fn key(number: usize) -> &'static str {
    PLACES.iter().chain(&OTHERS).nth(number).expect("a key")
}

/// A Redis, and two users of it: one that may do all, and one that a fault forbids something.
struct World {
    redis: MultiplexedConnection,
    user: MultiplexedConnection,
    pushed: usize,
    done: BTreeSet<String>,
}

/// What lies where, in its order.
type Seen = BTreeMap<&'static str, Vec<String>>;

impl World {
    async fn new(server: &Server) -> Self {
        let mut redis = server.connect().await;
        run(&mut redis, &["FLUSHALL"]).await;
        run(&mut redis, &["ACL", "SETUSER", "user", "reset", "on", "nopass", "+@all", "~*", "&*"]).await;
        let address = format!("redis://user:any@127.0.0.1:{}", server.port);
        let client = redis::Client::open(address).expect("an address");
        let user = client.get_multiplexed_async_connection().await.expect("a connection");
        let mut world = Self { redis, user, pushed: 0, done: BTreeSet::new() };
        let redis = &mut world.redis;
        run(redis, &["HSET", ME, "beat", "1"]).await;
        run(redis, &["SADD", queues::WORKING, ME, GONE]).await;
        for place in PLACES {
            for queue in ["default", "theirs", "default"] {
                let job = world.job(queue);
                let redis = &mut world.redis;
                if place.contains(':') {
                    run(redis, &["LPUSH", place, &job]).await;
                } else {
                    // The dead do not stay for ever.
                    run(redis, &["ZADD", place, if place == "dead" { "1795396681.5" } else { "1.5" }, &job]).await;
                }
            }
        }
        world
    }

    fn job(&mut self, queue: &str) -> String {
        self.pushed += 1;
        format!(r#"{{"class":"W","args":["t","x"],"queue":"{queue}","jid":"j{}"}}"#, self.pushed)
    }

    async fn seen(&mut self) -> Seen {
        let mut seen = Seen::new();
        for place in PLACES {
            let words = if place.contains(':') {
                &["LRANGE", place, "0", "-1"][..]
            } else {
                &["ZRANGE", place, "0", "-1", "WITHSCORES"]
            };
            let found = run(&mut self.redis, words).await;
            seen.insert(place, redis::from_redis_value(&found).expect("texts"));
        }
        seen
    }

    /// One move of a process, under a fault that ends with it.
    async fn act(&mut self, act: Act, fault: Fault) -> Result<(), TestCaseError> {
        let before = self.seen().await;
        let at = |place: &str, number: usize| {
            let jobs: Vec<&String> = before[place].iter().filter(|text| text.starts_with('{')).collect();
            (!jobs.is_empty()).then(|| jobs[number % jobs.len()].clone())
        };
        let (mine, theirs) = ("karafka:working:host:1:me", "karafka:working:host:2:gone");
        let job = match act {
            Act::Push => Some(self.job("default")),
            Act::Exchange { .. } | Act::Forget | Act::EnqueueDue => Some(String::new()),
            Act::Retry(number) | Act::Bury(number) | Act::PutBack(number) => at(mine, number),
            Act::Recover(number) | Act::BuryInProgress(number) => at(theirs, number),
            Act::BuryFromSet(number) => at("retry", number),
        };
        let Some(job) = job else { return Ok(()) };
        let performed: Vec<String> = match act {
            Act::Exchange { performed } => before[mine].iter().take(performed).cloned().collect(),
            _ => Vec::new(),
        };
        let told: Vec<&str> = performed.iter().map(String::as_str).collect();
        self.set(fault).await;
        let moved = self.carry_out(act, &job, &told).await;
        self.heal(fault).await;
        let after = self.seen().await;
        let is_untouched = match &moved {
            Ok(moved) => *moved != Moved::Done,
            Err(_) => !matches!(act, Act::Exchange { .. } | Act::EnqueueDue),
        };
        if is_untouched {
            prop_assert_eq!(&before, &after, "{:?}", moved);
        }
        match act {
            Act::Push if moved.is_err() => self.pushed -= 1,
            // What was performed the worker says again.
            Act::Exchange { .. } if moved.is_err() => {
                queues::exchange(&mut self.redis, ME, &told, &[], 0).await.expect("an answer");
            }
            _ => {}
        }
        self.done.extend(performed.iter().map(|job| jid_of(job)));
        self.check().await
    }

    async fn carry_out(&mut self, act: Act, job: &str, performed: &[&str]) -> RedisResult<Moved> {
        let user = &mut self.user;
        let settled = |()| Moved::Done;
        match act {
            Act::Push => queues::push(user, "default", &[job]).await.map(settled),
            Act::Exchange { .. } => {
                let Some(exchanged) = queues::exchange(user, ME, performed, &["default", "theirs"], 4).await? else {
                    return Ok(Moved::Done);
                };
                let Exchanged { jobs, .. } = exchanged;
                // What the answer names is in progress.
                let in_progress = run(&mut self.redis, &["LRANGE", "karafka:working:host:1:me", "0", "-1"]).await;
                let in_progress: Vec<Vec<u8>> = redis::from_redis_value(&in_progress).unwrap_or_default();
                assert!(jobs.iter().all(|job| in_progress.contains(job)), "{jobs:?} is not all in {in_progress:?}");
                Ok(Moved::Done)
            }
            Act::Retry(_) => {
                let mut new = Job::read(job).expect("a job");
                new.set("retry_count", new.retry_count.map_or(0, |count| count + 1));
                let next = Next::Retry { job: new.write(), at: 7.25 };
                moves::settle(user, ME, job, &next, NOW).await.map(settled)
            }
            Act::Bury(_) => {
                let next = Next::Dead { job: job.to_owned() };
                moves::settle(user, ME, job, &next, NOW).await.map(settled)
            }
            Act::PutBack(_) => moves::recover(user, ME, job, &untouched(job), NOW).await,
            Act::Recover(_) => {
                queues::take_for_dead(user, GONE).await?;
                moves::recover(user, GONE, job, &after_death(job, NOW), NOW).await
            }
            Act::BuryInProgress(_) => moves::bury_in_progress(user, GONE, job.as_bytes(), job.as_bytes(), NOW).await,
            Act::Forget => {
                queues::forget(user, GONE).await?;
                Ok(Moved::Gone)
            }
            Act::EnqueueDue => {
                let due = queues::due(user, "retry", "-inf", 0, NOW).await?;
                let due: Vec<_> = due
                    .iter()
                    .map(|(old, _)| {
                        let old = std::str::from_utf8(old).expect("text");
                        let mut job = Job::read(old).expect("a job");
                        job.set("enqueued_at", 7.5);
                        DueJob { old, new: job.write(), queue: job.queue }
                    })
                    .collect();
                let moved = moves::enqueue_due(user, "retry", &due).await?;
                assert_eq!(moved.len(), due.len());
                assert!(!moved.contains(&Moved::Gone), "{moved:?}");
                let moved = if moved.contains(&Moved::Done) { Moved::Done } else { Moved::Gone };
                Ok(moved)
            }
            Act::BuryFromSet(_) => moves::bury_from_set(user, "retry", job.as_bytes(), NOW).await,
        }
    }

    async fn set(&mut self, fault: Fault) {
        let redis = &mut self.redis;
        match fault {
            Fault::None => {}
            Fault::At(command) => fail_at(Some(command)),
            Fault::Type(number) => {
                // Not all of them are there.
                let _ = redis::cmd("RENAME").arg(key(number)).arg("aside").query_async::<()>(redis).await;
                run(redis, &["SET", key(number), "a text"]).await;
            }
            Fault::Key(number) => {
                let mut words = vec!["ACL".to_owned(), "SETUSER".to_owned(), "user".to_owned(), "resetkeys".to_owned()];
                let all = PLACES.iter().chain(&OTHERS).filter(|other| **other != key(number));
                words.extend(all.map(|other| format!("~{other}")));
                words.push("~*:none".to_owned());
                run(redis, &words.iter().map(String::as_str).collect::<Vec<_>>()).await;
            }
            Fault::Command(number) => {
                run(redis, &["ACL", "SETUSER", "user", &format!("-{}", COMMANDS[number])]).await;
            }
        }
    }

    async fn heal(&mut self, fault: Fault) {
        fail_at(None);
        let redis = &mut self.redis;
        run(redis, &["ACL", "SETUSER", "user", "+@all", "~*"]).await;
        if let Fault::Type(number) = fault {
            let text = run(redis, &["TYPE", key(number)]).await;
            assert_eq!(text, Value::SimpleString("string".to_owned()), "{} was overwritten", key(number));
            run(redis, &["DEL", key(number)]).await;
            let _ = redis::cmd("RENAME").arg("aside").arg(key(number)).query_async::<()>(redis).await;
        }
    }

    /// Each job that was pushed is in one place, or done; the dead process is known while it has something in progress.
    async fn check(&mut self) -> Result<(), TestCaseError> {
        let seen = self.seen().await;
        let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (place, jobs) in &seen {
            for job in jobs.iter().filter(|text| text.starts_with('{')) {
                places.entry(jid_of(job)).or_default().push(place);
            }
        }
        for number in 1..=self.pushed {
            let jid = format!("j{number}");
            let at = places.remove(&jid).unwrap_or_default();
            prop_assert_eq!(at.len(), usize::from(!self.done.contains(&jid)), "{} is in {:?}", jid, at);
        }
        prop_assert!(places.is_empty(), "from nowhere: {:?}", places);
        if !seen["karafka:working:host:2:gone"].is_empty() {
            let known = run(&mut self.redis, &["SISMEMBER", queues::WORKING, GONE]).await;
            prop_assert_eq!(known, Value::Int(1), "the dead process is forgotten with jobs in progress");
        }
        Ok(())
    }
}

fn jid_of(job: &str) -> String {
    Job::read(job).expect("a job").jid
}

async fn run(redis: &mut MultiplexedConnection, words: &[&str]) -> Value {
    redis::cmd(words[0]).arg(&words[1..]).query_async(redis).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// If this fails, jobs are lost, or performed twice, when Redis refuses a part of a move: by a right that the worker does
/// not have, a key that is another thing, or anything else amid a script.
#[test]
fn random_refusals_lose_no_job() {
    let server = Server::start();
    let runtime = Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(ProptestConfig { cases: 150, ..ProptestConfig::default() });
    let histories = prop::collection::vec((act(), fault()), 1..25);
    let ran = runner.run(&histories, |steps| {
        runtime.block_on(async {
            let mut world = World::new(&server).await;
            for (act, fault) in &steps {
                world.act(*act, *fault).await?;
            }
            Ok(())
        })
    });
    assert!(ran.is_ok(), "{}", ran.expect_err("a failure"));
}

/// If this fails, one command of one script is a place where jobs are lost that random histories have not met.
#[test]
fn each_command_of_each_script_may_fail() {
    let server = Server::start();
    Runtime::new().expect("a runtime").block_on(async {
        let acts = [
            Act::Push,
            Act::Exchange { performed: 2 },
            Act::Retry(0),
            Act::Bury(0),
            Act::PutBack(0),
            Act::Recover(0),
            Act::BuryInProgress(0),
            Act::Forget,
            Act::EnqueueDue,
            Act::BuryFromSet(0),
        ];
        let commands = (1..20).map(Fault::At);
        let keys = (0..PLACES.len() + OTHERS.len()).flat_map(|key| [Fault::Type(key), Fault::Key(key)]);
        for fault in commands.chain(keys).chain((0..COMMANDS.len()).map(Fault::Command)) {
            for act in acts {
                let mut world = World::new(&server).await;
                let found = world.act(act, fault).await;
                assert!(found.is_ok(), "{act:?} under {fault:?}: {found:?}");
                // Without the fault it goes on.
                let again = world.act(act, Fault::None).await;
                assert!(again.is_ok(), "{act:?} after {fault:?}: {again:?}");
            }
        }
    });
}

/// If this fails, what is taken back from a queue is another job that has the same text, and that one comes out of turn.
#[test]
fn what_is_taken_back_is_what_was_put() {
    let server = Server::start();
    Runtime::new().expect("a runtime").block_on(async {
        for fault in (1..8).map(Fault::At) {
            let mut world = World::new(&server).await;
            let twin = run(&mut world.redis, &["LINDEX", "karafka:working:host:1:me", "0"]).await;
            let twin: String = redis::from_redis_value(&twin).expect("a job");
            let middle = world.job("default");
            // The twin is at both ends, so that taking back the wrong one is seen by the order.
            run(&mut world.redis, &["DEL", "queue:default"]).await;
            run(&mut world.redis, &["RPUSH", "queue:default", &twin, &middle, &middle]).await;
            let before = world.seen().await;
            world.set(fault).await;
            let moved = moves::recover(&mut world.user, ME, &twin, &untouched(&twin), NOW).await;
            world.heal(fault).await;
            if !matches!(moved, Ok(Moved::Done)) {
                assert_eq!(world.seen().await, before, "{fault:?}: {moved:?}");
            }
        }
    });
}

/// If this fails, a few large jobs take many times their size of memory, in Redis and in the worker.
#[test]
fn large_jobs_travel_alone() {
    const MIB: usize = 1 << 20;
    let server = Server::start();
    Runtime::new().expect("a runtime").block_on(async {
        let mut redis = server.connect().await;
        run(&mut redis, &["HSET", ME, "beat", "1"]).await;
        run(&mut redis, &["SADD", queues::WORKING, ME]).await;
        let sizes = [1, 9 * MIB, 9 * MIB, 17 * MIB, 1, 15 * MIB, MIB - 1, 1];
        for size in sizes {
            queues::push(&mut redis, "default", &[&"x".repeat(size)]).await.expect("pushed");
            run(&mut redis, &["ZADD", "retry", &size.to_string(), &"x".repeat(size)]).await;
        }
        let lengths = |jobs: Vec<Vec<u8>>| jobs.iter().map(Vec::len).collect::<Vec<_>>();
        let mut taken = Vec::new();
        loop {
            let exchanged = queues::exchange(&mut redis, ME, &[], &["default"], 10).await.expect("an answer");
            let Exchanged { jobs, refusals } = exchanged.expect("it is alive");
            assert!(refusals.is_empty());
            if jobs.is_empty() {
                break;
            }
            taken.push(lengths(jobs));
        }
        let expected = [&[1, 9 * MIB][..], &[9 * MIB], &[17 * MIB], &[1, 15 * MIB, MIB - 1], &[1]];
        assert_eq!(taken, expected);

        let (mut pages, mut skip) = (Vec::new(), 0);
        loop {
            let page = lengths(queues::in_progress(&mut redis, ME, skip).await.expect("a page"));
            if page.is_empty() {
                break;
            }
            skip += page.len();
            pages.push(page);
        }
        // The newest is first.
        assert_eq!(pages, [&[1, MIB - 1, 15 * MIB][..], &[1], &[17 * MIB], &[9 * MIB], &[9 * MIB, 1]]);

        let (mut pages, mut skip) = (Vec::new(), 0);
        loop {
            let page = queues::due(&mut redis, "retry", "-inf", skip, NOW).await.expect("a page");
            if page.is_empty() {
                break;
            }
            skip += page.len();
            pages.push(lengths(page.into_iter().map(|(job, _)| job).collect()));
        }
        // Equal texts are one in a set.
        assert_eq!(pages, [&[1, MIB - 1, 9 * MIB][..], &[15 * MIB], &[17 * MIB]]);
    });
}

/// If this fails, the jobs of an app on a Redis Cluster wait for ever, and nobody learns why.
#[test]
fn a_node_of_a_cluster_is_refused_with_a_word() {
    let server = Server::start_with(&["--cluster-enabled", "yes"]);
    let refused = Runtime::new().expect("a runtime").block_on(async {
        server.connect().await;
        Link::new(&Redis::at(server.url()), Arc::new(())).expect("an address").connection().await
    });
    let words = refused.expect_err("it is a node of a cluster").to_string();
    assert!(words.contains("this is a node of a Redis Cluster"), "{words}");
}
