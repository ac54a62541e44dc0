//! Redis by a name that Sentinels know.

use std::{
    collections::HashMap,
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use redis::{AsyncCommands as _, aio::MultiplexedConnection};
use tokio::runtime::Runtime;

use super::{
    job,
    server::{Server, connect, free_port},
    tells::Tells,
};
use crate::{
    events::Listener,
    jobs::{enqueue::Enqueuer, link::Link},
    outgoing::{DeliveryReport, Sender, Sent, Ticket},
    settings::Redis,
};

/// One that watches a master called `jobs`, gone with its process.
struct Sentinel {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Sentinel {
    fn watch(master: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (port, file) = (free_port(), folder.path().join("sentinel.conf"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor jobs 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds jobs 500\nsentinel failover-timeout jobs 2000\n",
            folder.path().display(),
            master.port
        );
        fs::write(&file, text).expect("a file");
        let mut command = Command::new("redis-server");
        command.arg(&file).arg("--sentinel").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: command.spawn().expect("redis-server"), port, _folder: folder }
    }

    async fn connect(&self) -> MultiplexedConnection {
        connect(&format!("redis://127.0.0.1:{}", self.port)).await
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until a failover is over: the Sentinel's own time-outs, and some tries.
const SOON: Duration = Duration::from_secs(30);

/// If this fails, an app whose master has died pushes no job until somebody starts it again, or a Sentinel that hangs hides those
/// that do not.
#[test]
fn a_push_follows_the_master_that_sentinels_choose() {
    let old = Server::start();
    let new = Server::start_with(&["--replicaof", "127.0.0.1", &old.port.to_string()]);
    let sentinel = Sentinel::watch(&old);
    // Takes connections, and never answers.
    let hangs = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr().map(|at| (listener, at)));
    let (_hangs, at) = hangs.expect("a port");
    let url = format!("redis+sentinel://{at},127.0.0.1:{}/jobs/3", sentinel.port);
    let runtime = Runtime::new().expect("a runtime");
    // It asks a master for its replicas every ten seconds, and has to know of one before the master dies.
    runtime.block_on(async {
        tokio::join!(old.connect(), new.connect());
        let mut asked = sentinel.connect().await;
        let began = Instant::now();
        loop {
            let mut ask = redis::cmd("SENTINEL");
            let known: Vec<HashMap<String, String>> =
                ask.arg("REPLICAS").arg("jobs").query_async(&mut asked).await.expect("replicas");
            if known.iter().any(|replica| replica.get("master-link-status").is_some_and(|status| status == "ok")) {
                break;
            }
            assert!(began.elapsed() < SOON, "the Sentinel knows no replica that follows: {known:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });

    let (tell, told) = mpsc::channel();
    let sender: Arc<dyn Sender> = Arc::new(Tells(tell));
    let listener: Arc<dyn Listener> = Arc::new(());
    let (enqueuer, pushing) = Enqueuer::new(&Redis::at(url), "default", &listener).expect("an address");
    runtime.spawn(pushing);
    let push = |number: u64| {
        let report = DeliveryReport { sender: Arc::clone(&sender), ticket: Ticket::new(number, Sent::Job) };
        assert!(enqueuer.try_push(job(&number.to_string()), report).is_ok());
    };
    push(1);
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("1"));
    runtime.block_on(async {
        let mut master = old.connect().await;
        redis::cmd("WAIT").arg(1).arg(5_000).query_async::<u32>(&mut master).await.expect("replicated");
    });
    drop(old);
    push(2);
    assert_eq!(told.recv_timeout(SOON).as_deref(), Ok("2"), "nobody follows the Sentinel");
    let pushed: Vec<String> = runtime.block_on(async {
        let mut new = new.connect().await;
        redis::cmd("SELECT").arg(3).query_async::<()>(&mut new).await.expect("a database");
        new.lrange("queue:default", 0, -1).await.expect("jobs")
    });
    assert_eq!(pushed, [job("2"), job("1")]);
}

/// If this fails, jobs go to a Redis that nobody has named, or nobody learns which name is wrong.
#[test]
fn what_sentinels_do_not_know_is_named() {
    let (master, replica) = (Server::start(), Server::start());
    let runtime = Runtime::new().expect("a runtime");
    let sentinel = Sentinel::watch(&replica);
    let ask = |url: String| {
        runtime.block_on(async {
            let link = Link::new(&Redis::at(url), Arc::new(())).expect("an address");
            link.connection().await.map(drop).map_err(|error| error.to_string())
        })
    };
    runtime.block_on(async { tokio::join!(master.connect(), replica.connect()) });
    let at = |name: &str| format!("redis+sentinel://127.0.0.1:{}/{name}", sentinel.port);
    let began = Instant::now();
    while let Err(error) = ask(at("jobs")) {
        assert!(began.elapsed() < SOON, "{error}");
    }
    let error = ask(at("jbos")).expect_err("nobody knows it");
    assert!(error.contains("knows no master of that name: `jbos`"), "{error}");
    // A replica that its Sentinel takes for the master, until it hears otherwise.
    runtime.block_on(async {
        let mut replica = replica.connect().await;
        redis::cmd("REPLICAOF")
            .arg("127.0.0.1")
            .arg(master.port)
            .query_async::<()>(&mut replica)
            .await
            .expect("demoted");
    });
    let error = ask(at("jobs")).expect_err("it is no master");
    assert!(error.contains("which is no master"), "{error}");
    let error = ask("redis+sentinel://127.0.0.1:1/jobs".to_owned()).expect_err("nobody is there");
    assert!(error.contains("refused"), "{error}");
}
