//! A worker on a real Redis, whose jobs are not well-behaved.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    time::{Instant, sleep},
};

use super::{job, server::Server};
use crate::{
    context::Revoked,
    jobs::{
        job::Job,
        queues,
        worker::{NotPerformed, Perform, Performed, Queues, Signal, Worker, WorkerEnd, WorkerParts},
    },
    settings::Redis,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what a job's name says, and writes it down.
#[derive(Default)]
struct Does {
    done: Mutex<Vec<String>>,
    /// Tells jobs that they are put back.
    revoked: Revoked,
}

impl Perform for Does {
    fn perform<'a>(&'a self, job: &'a Job<'_>) -> BoxFuture<'a, Performed> {
        async move {
            match job.jid.as_str() {
                "blocks" => thread::sleep(Duration::from_secs(15)),
                "stops" => {
                    self.revoked.wait().await;
                    return Err(NotPerformed::Taken);
                }
                "finishes" => self.revoked.wait().await,
                _ => {}
            }
            self.done.lock().expect("no panic").push(job.jid.clone());
            Ok(())
        }
        .boxed()
    }

    fn take_back(&self) -> bool {
        self.revoked.tell();
        self.revoked.is_listened_to()
    }
}

/// A worker of two jobs at once, whose app has one thread.
struct Scene {
    server: Server,
    app: Runtime,
    does: Arc<Does>,
    worker: Arc<Worker>,
    running: thread::JoinHandle<WorkerEnd>,
}

impl Scene {
    fn set() -> Self {
        let server = Server::start();
        let app = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let does = Arc::new(Does::default());
        block_on(server.connect());
        let worker = Worker::new(WorkerParts {
            redis: &Redis::at(server.url()),
            app: "test",
            queues: Queues::read(&[], &BTreeSet::from(["default"])).expect("queues"),
            concurrency: 2,
            shutdown_timeout: Duration::from_secs(1),
            perform: Arc::clone(&does) as Arc<dyn Perform>,
            runtime: app.handle().clone(),
            listener: Arc::new(()),
        })
        .expect("a URL");
        let running = worker.spawn().expect("a thread");
        Self { server, app, does, worker, running }
    }

    fn has_done(&self, jid: &str) -> bool {
        self.does.done.lock().expect("no panic").iter().any(|done| done == jid)
    }

    fn stop(self) -> WorkerEnd {
        self.worker.send(Signal::Stop(Instant::now() + Duration::from_secs(1)));
        let end = self.running.join().expect("an end");
        self.app.shutdown_background();
        end
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    assert!(Handle::try_current().is_err(), "a runtime in a runtime");
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

async fn push(redis: &mut MultiplexedConnection, jid: &str) {
    queues::push(redis, "default", &[&job(jid)]).await.expect("pushed");
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what} never comes");
        sleep(Duration::from_millis(20)).await;
    }
}

/// If this fails, a worker whose handlers keep its threads is taken for dead while it works, and its jobs are performed
/// twice; or it can only be killed.
#[test]
fn handlers_that_block_keep_it_neither_from_living_nor_from_ending() {
    let scene = Scene::set();
    block_on(async {
        let mut redis = scene.server.connect().await;
        push(&mut redis, "blocks").await;
        push(&mut redis, "waits").await;
        let in_progress = queues::working(scene.worker.identity());
        until("both jobs in progress", async || redis.llen::<_, u64>(&in_progress).await.expect("a length") == 2).await;
        let beat: f64 = redis.hget(scene.worker.identity(), "beat").await.expect("a beat");
        until("another beat", async || {
            redis.hget::<_, _, f64>(scene.worker.identity(), "beat").await.expect("a beat") > beat
        })
        .await;
        assert!(!scene.has_done("blocks"), "it blocked for too short a time for this test");
    });
    let stopped = Instant::now();
    let end = scene.stop();
    let took = stopped.elapsed();
    assert_eq!((end.performed, end.put_back, end.left), (0, 2, 0));
    let [blocks] = &*end.unsettled else { panic!("{end:?}") };
    assert!(blocks.name.ends_with(" default/blocks") && blocks.age >= Duration::from_secs(1), "{blocks:?}");
    assert!(took < Duration::from_secs(5), "it took {took:?} to end");
}

/// If this fails, a job that ends because its time is up counts as failed, is not put back as it was, or one that just made it
/// is done again.
#[test]
fn jobs_whose_time_is_up_are_told_before_they_are_put_back() {
    let scene = Scene::set();
    block_on(async {
        let mut redis = scene.server.connect().await;
        push(&mut redis, "stops").await;
        push(&mut redis, "finishes").await;
        let in_progress = queues::working(scene.worker.identity());
        until("both jobs in progress", async || redis.llen::<_, u64>(&in_progress).await.expect("a length") == 2).await;
        until("somebody listens", async || scene.does.revoked.is_listened_to()).await;
        assert!(!scene.has_done("finishes"));
    });
    let Scene { server, app, does, worker, running } = scene;
    worker.send(Signal::Stop(Instant::now() + Duration::from_secs(1)));
    let end = running.join().expect("an end");
    app.shutdown_background();
    assert_eq!((end.performed, end.failed, end.put_back, end.left), (1, 0, 1, 0));
    assert_eq!(*does.done.lock().expect("no panic"), ["finishes"]);
    block_on(async {
        let mut redis = server.connect().await;
        let waits: Vec<String> = redis.lrange("queue:default", 0, -1).await.expect("the queue");
        assert_eq!(waits, [job("stops")], "as it was pushed");
        assert_eq!(redis.zcard::<_, u64>("retry").await.expect("a count"), 0);
    });
}

/// If this fails, one entry that is no text keeps the jobs that are taken with it, for ever.
#[test]
fn what_is_no_text_is_buried_and_keeps_nobody() {
    let scene = Scene::set();
    block_on(async {
        let mut redis = scene.server.connect().await;
        let good = ["one", "two", "three"];
        let jobs: Vec<Vec<u8>> =
            std::iter::once(vec![0xff, 0xfe]).chain(good.map(|jid| job(jid).into_bytes())).collect();
        redis.lpush::<_, _, ()>("queue:default", jobs).await.expect("pushed");
        until("the good ones", async || good.iter().all(|jid| scene.has_done(jid))).await;
        until("the grave", async || redis.zcard::<_, u64>("dead").await.expect("a count") == 1).await;
        let dead: Vec<Vec<u8>> = redis.zrange("dead", 0, -1).await.expect("the dead");
        assert_eq!(dead, [[0xff, 0xfe]]);
        let in_progress = queues::working(scene.worker.identity());
        until("nothing in progress", async || redis.llen::<_, u64>(&in_progress).await.expect("a length") == 0).await;
    });
    assert_eq!(scene.stop(), WorkerEnd { performed: 3, ..WorkerEnd::default() });
}

/// If this fails, a worker that was told to take nothing more takes what comes first.
#[test]
fn quiet_takes_nothing_that_comes_after() {
    let scene = Scene::set();
    block_on(async {
        let mut redis = scene.server.connect().await;
        push(&mut redis, "first").await;
        until("the first job", async || scene.has_done("first")).await;
        // It listens now, and hears what comes.
        sleep(Duration::from_millis(300)).await;
        scene.worker.send(Signal::Quiet);
        sleep(Duration::from_millis(500)).await;
        push(&mut redis, "second").await;
        sleep(Duration::from_secs(1)).await;
        assert!(!scene.has_done("second"));
        assert_eq!(redis.llen::<_, u64>("queue:default").await.expect("a length"), 1);
        scene.worker.send(Signal::Work);
        until("the second job", async || scene.has_done("second")).await;
    });
    assert_eq!(scene.stop(), WorkerEnd { performed: 2, ..WorkerEnd::default() });
}
