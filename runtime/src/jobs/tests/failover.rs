//! A Redis that becomes a replica while its name leads to the new master, and one that refuses for a while.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{self, Duration},
};

use futures_util::{FutureExt as _, future::join_all};
use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use tokio::{
    runtime::{Builder, Runtime},
    time::{Instant, sleep},
};

use super::{forwarder::Forwarder, job, server::Server, tells::Tells};
use crate::{
    events::Listener,
    jobs::{
        enqueue::Enqueuer,
        link::Link,
        queues,
        worker::{Queues, Signal, Worker, WorkerParts},
    },
    metrics::Tally,
    outgoing::{Delivered, DeliveryReport, Outgoing, Sender, Sent, Ticket},
    producer::SendError,
    settings::Redis,
};

/// Until a failover must be over for those who come by name: some tries.
const SOON: Duration = Duration::from_secs(10);

impl Sender for Tells {
    fn delivered(&self, ticket: Ticket, _delivered: Delivered) {
        let _ = self.0.send(ticket.number.to_string());
    }

    fn undelivered(&self, _ticket: Ticket, _outgoing: Outgoing, _error: SendError) {}
}

/// A master, one that is to follow it, and the name that both are reached by.
struct Scene {
    runtime: Runtime,
    old: Server,
    new: Server,
    name: Forwarder,
}

impl Scene {
    fn set() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (old, new) = (Server::start(), Server::start());
        runtime.block_on(async { tokio::join!(old.connect(), new.connect()) });
        let name = Forwarder::to(old.port);
        Self { runtime, old, new, name }
    }

    /// The old master follows the new one, which the name leads to. Who is connected to the old one stays connected.
    fn fail_over(&self) -> MultiplexedConnection {
        self.name.point_at(self.new.port);
        self.runtime.block_on(async {
            let mut old = self.old.connect().await;
            let mut demote = redis::cmd("REPLICAOF");
            demote.arg("127.0.0.1").arg(self.new.port).query_async::<()>(&mut old).await.expect("demoted");
            self.new.connect().await
        })
    }
}

/// If this fails, an app whose Redis has failed over pushes no job until somebody starts it again.
#[test]
fn a_push_arrives_at_the_new_master() {
    let scene = Scene::set();
    let (tell, told) = mpsc::channel();
    let sender: Arc<dyn Sender> = Arc::new(Tells(tell));
    let listener: Arc<dyn Listener> = Arc::new(());
    let (enqueuer, pushing) = Enqueuer::new(&Redis::at(scene.name.url()), "default", &listener).expect("an address");
    scene.runtime.spawn(pushing);
    let push = |number: u64| {
        let report = DeliveryReport { sender: Arc::clone(&sender), ticket: Ticket::new(number, Sent::Job) };
        assert!(enqueuer.try_push(job(&number.to_string()), report).is_ok());
    };
    push(1);
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("1"));
    let mut new = scene.fail_over();
    push(2);
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("2"), "it stays with the one that was demoted");
    let pushed: Vec<String> = scene.runtime.block_on(new.lrange("queue:default", 0, -1)).expect("jobs");
    assert_eq!(pushed, [job("2")]);
}

/// If this fails, a worker whose Redis has failed over performs no job until somebody starts it again.
#[test]
fn a_worker_takes_jobs_from_the_new_master() {
    let scene = Scene::set();
    let (tell, told) = mpsc::channel();
    let worker = Worker::new(WorkerParts {
        redis: &Redis::at(scene.name.url()),
        app: "test",
        queues: Queues::read(&[], &BTreeSet::from(["default"])).expect("queues"),
        concurrency: 2,
        shutdown_timeout: Duration::from_secs(1),
        perform: Arc::new(Tells(tell)),
        runtime: scene.runtime.handle().clone(),
        listener: Arc::new(()),
    })
    .expect("an address");
    let running = worker.spawn().expect("a thread");
    let push = |redis: &mut MultiplexedConnection, jid: &str| {
        scene.runtime.block_on(queues::push(redis, "default", &[&job(jid)])).expect("pushed");
    };
    push(&mut scene.runtime.block_on(scene.old.connect()), "first");
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("first"));
    // It listens now, on a connection that waits.
    thread::sleep(Duration::from_millis(300));
    push(&mut scene.fail_over(), "second");
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("second"), "it stays with the one that was demoted");
    worker.send(Signal::Stop(Instant::now() + Duration::from_secs(1)));
    let end = running.join().expect("an end");
    assert_eq!((end.performed, end.put_back, end.left), (2, 0, 0));
}

/// If this fails, each task that waits for Redis sleeps on for seconds when another has been answered already.
#[test]
fn who_waits_for_redis_goes_on_with_the_first_that_is_answered() {
    let server = Server::start();
    Runtime::new().expect("a runtime").block_on(async {
        server.connect().await;
        let link = Link::new(&Redis::at(server.url()), Arc::new(())).expect("an address");
        let (refuses, tries) = (AtomicBool::new(true), AtomicU32::new(0));
        let task = || async {
            link.until_done(|mut connection| {
                let (refuses, tries) = (&refuses, &tries);
                async move {
                    let key = if refuses.load(Ordering::Relaxed) { "a list" } else { "a text" };
                    tries.fetch_add(1, Ordering::Relaxed);
                    connection.append::<_, _, ()>(key, "x").await
                }
                .boxed()
            })
            .await;
            Instant::now()
        };
        server.connect().await.lpush::<_, _, ()>("a list", "x").await.expect("a list");
        let back = async {
            // By then their pauses are the longest ones.
            while tries.load(Ordering::Relaxed) < 8 * 6 {
                sleep(Duration::from_millis(20)).await;
            }
            refuses.store(false, Ordering::Relaxed);
        };
        let (mut ended, ()) = tokio::join!(join_all((0..8).map(|_| task())), back);
        ended.sort_unstable();
        let spread = ended[7] - ended[0];
        assert!(spread < Duration::from_millis(500), "the last one followed the first after {spread:?}");
    });
}

/// If this fails, an app whose jobs pile up before a Redis that is away looks ready, or never does again.
#[test]
fn a_queue_that_waits_is_counted_until_redis_takes_its_jobs() {
    let scene = Scene::set();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    scene.name.point_at(nobody.port());
    let (tell, told) = mpsc::channel();
    let tally = Arc::new(Tally::new(Arc::new(())));
    let listener = Arc::clone(&tally) as Arc<dyn Listener>;
    let (enqueuer, pushing) = Enqueuer::new(&Redis::at(scene.name.url()), "default", &listener).expect("an address");
    scene.runtime.spawn(pushing);
    let report = DeliveryReport { sender: Arc::new(Tells(tell)), ticket: Ticket::new(1, Sent::Job) };
    assert!(enqueuer.try_push(job("1"), report).is_ok());
    let away = || tally.told(time::Instant::now()).redis.away;
    let began = Instant::now();
    while away() == 0 {
        assert!(began.elapsed() < SOON, "nobody says that it waits");
        thread::sleep(Duration::from_millis(20));
    }
    scene.name.point_at(scene.new.port);
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("1"));
    assert_eq!(away(), 0);
}
