//! A worker on a Redis that it shares with others, and that lets it do only a part.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use super::{job, server::Server, tells::Tells};
use crate::{
    events::{Event, Listener},
    jobs::{
        now_ms, queues,
        verdict::seconds,
        worker::{Queues, Signal, Worker, WorkerEnd, WorkerParts},
    },
    settings::Redis,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keeps the keys at which jobs stay.
#[derive(Default)]
struct Stay(Mutex<Vec<String>>);

impl Listener for Stay {
    fn on(&self, event: &Event<'_>) {
        if let Event::JobsStay { key, .. } = event {
            self.0.lock().expect("no panic").push((*key).to_owned());
        }
    }
}

/// A worker of the queue `default`, as the user of this Redis that `url` names.
struct Scene {
    app: Runtime,
    told: mpsc::Receiver<String>,
    stay: Arc<Stay>,
    worker: Arc<Worker>,
    running: thread::JoinHandle<WorkerEnd>,
}

impl Scene {
    fn set(url: String) -> Self {
        let app = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (tell, told) = mpsc::channel();
        let stay = Arc::new(Stay::default());
        let worker = Worker::new(WorkerParts {
            redis: &Redis::at(url),
            app: "test",
            queues: Queues::read(&[], &BTreeSet::from(["default"])).expect("queues"),
            concurrency: 2,
            shutdown_timeout: Duration::from_secs(1),
            perform: Arc::new(Tells(tell)),
            runtime: app.handle().clone(),
            listener: Arc::clone(&stay) as _,
        })
        .expect("a URL");
        let running = worker.spawn().expect("a thread");
        Self { app, told, stay, worker, running }
    }

    /// Waits until these are performed, and no others before them.
    fn expect(&self, mut jids: BTreeSet<String>) {
        while !jids.is_empty() {
            let jid = self.told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{jids:?} are not performed"));
            assert!(jids.remove(&jid), "{jid} is performed");
        }
    }

    /// The keys that were named.
    fn named(&self) -> Vec<String> {
        let mut named = self.stay.0.lock().expect("no panic").clone();
        named.sort();
        named
    }

    fn stop(self) -> WorkerEnd {
        self.worker.send(Signal::Stop(Instant::now() + Duration::from_secs(1)));
        let end = self.running.join().expect("an end");
        self.app.shutdown_background();
        end
    }
}

fn theirs(jid: &str) -> String {
    job(jid).replace("default", "theirs")
}

async fn add(redis: &mut MultiplexedConnection, set: &str, score: f64, job: impl AsRef<[u8]>) {
    redis.zadd::<_, _, _, ()>(set, job.as_ref(), score).await.expect("added");
}

/// What keeps a worker from another app's queue.
#[derive(Debug, Clone, Copy)]
enum Refuses {
    Right,
    Type,
}

/// If this fails, jobs of another app are destroyed by a worker that may read `retry` and not write their queue; or they
/// keep the worker's own jobs behind them, in `retry` or in progress at a dead process.
#[test]
fn jobs_that_may_not_be_moved_stay_and_keep_nobody() {
    for refuses in [Refuses::Right, Refuses::Type] {
        let server = Server::start();
        let runtime = Runtime::new().expect("a runtime");
        let dead = queues::working("host:1:dead");
        let redis = &mut runtime.block_on(async {
            let mut redis = server.connect().await;
            // More than a page of theirs are due before any of ours.
            for number in 0..250 {
                add(&mut redis, "retry", 1.0 + f64::from(number / 40), theirs(&format!("t{number}"))).await;
            }
            for number in 0..12 {
                add(&mut redis, "retry", 1_000.0 + f64::from(number), job(&format!("o{number}"))).await;
            }
            add(&mut redis, "schedule", 1.0, theirs("later")).await;
            add(&mut redis, "schedule", 1.0, [0xff, 0xfe]).await;
            add(&mut redis, "schedule", 2.0, job("s")).await;
            // What is no text stands before and behind what is.
            redis.sadd::<_, _, ()>(queues::WORKING, &[&b"\xff\xfe"[..], b"host:1:dead"]).await.expect("added");
            let in_progress = [theirs("h1"), job("h"), theirs("h2")].map(String::into_bytes);
            let in_progress: Vec<Vec<u8>> = [vec![0xff]].into_iter().chain(in_progress).chain([vec![0xfe]]).collect();
            redis.rpush::<_, _, ()>(&dead, &in_progress).await.expect("added");
            match refuses {
                Refuses::Type => redis.set::<_, _, ()>("queue:theirs", "a text").await.expect("set"),
                Refuses::Right => {
                    let mut user = redis::cmd("ACL");
                    user.arg(&["SETUSER", "worker", "on", "nopass", "+@all", "&*", "~karafka:*", "~stat:*", "~*:*:*"]);
                    user.arg(&["~queue:default", "~queues", "~processes", "~retry", "~schedule", "~dead"]);
                    user.query_async::<()>(&mut redis).await.expect("a user");
                }
            }
            redis
        });
        let user = if matches!(refuses, Refuses::Right) { "worker:any@" } else { "" };
        let scene = Scene::set(format!("redis://{user}127.0.0.1:{}", server.port));
        let ours = (0..12).map(|number| format!("o{number}")).chain(["s".to_owned(), "h".to_owned()]);
        scene.expect(ours.collect());
        // Another round, which must say nothing new.
        runtime.block_on(add(redis, "retry", seconds(now_ms()), job("last")));
        scene.expect(BTreeSet::from(["last".to_owned()]));
        assert_eq!(scene.named(), [queues::WORKING, "queue:theirs"], "{refuses:?}");
        let end = scene.stop();
        assert_eq!((end.failed, end.put_back, end.left), (0, 0, 0), "{refuses:?}");
        runtime.block_on(async {
            let texts = |found: Vec<String>, what: &str| found.iter().filter(|job| job.contains(what)).count();
            let retry: Vec<String> = redis.zrange("retry", 0, -1).await.expect("a set");
            assert_eq!(texts(retry, "theirs"), 250, "{refuses:?}");
            assert_eq!(redis.zrange::<_, Vec<String>>("schedule", 0, -1).await.expect("a set"), [theirs("later")]);
            let in_progress: Vec<String> = redis.lrange(&dead, 0, -1).await.expect("a list");
            assert_eq!(in_progress, [theirs("h1"), theirs("h2")], "{refuses:?}");
            assert!(redis.sismember::<_, _, bool>(queues::WORKING, "host:1:dead").await.expect("an answer"));
            let buried: BTreeSet<Vec<u8>> = redis.zrange("dead", 0, -1).await.expect("a set");
            assert_eq!(buried, BTreeSet::from([vec![0xff], vec![0xfe], vec![0xff, 0xfe]]), "{refuses:?}");
        });
    }
}

/// If this fails, a counter that somebody has overwritten, or a request that is none, has a worker taken for dead amid its
/// work, or its other counters grow with each heartbeat.
#[test]
fn a_counter_that_is_no_number_is_let_be() {
    let server = Server::start();
    let runtime = Runtime::new().expect("a runtime");
    let redis = &mut runtime.block_on(async {
        let mut redis = server.connect().await;
        redis.set::<_, _, ()>("stat:processed", "many").await.expect("set");
        redis
    });
    let scene = Scene::set(server.url());
    let identity = scene.worker.identity().to_owned();
    runtime.block_on(async {
        redis.rpush::<_, _, ()>(format!("{identity}-signals"), &[0xff]).await.expect("pushed");
        for jid in ["a", "b", "c"] {
            queues::push(redis, "default", &[&job(jid)]).await.expect("pushed");
        }
    });
    scene.expect(["a", "b", "c"].map(str::to_owned).into());
    assert_eq!(scene.stop(), WorkerEnd { performed: 3, ..WorkerEnd::default() });
    runtime.block_on(async {
        let days: Vec<String> = redis.keys("stat:processed:*").await.expect("keys");
        let mut sum = 0;
        for day in days {
            sum += redis.get::<_, u64>(day).await.expect("a number");
        }
        assert_eq!(sum, 3);
        assert_eq!(redis.get::<_, String>("stat:processed").await.expect("a text"), "many");
    });
}
