//! Handlers that keep the threads that they run on: who goes on, and what health and log say.

use std::{cell::Cell, collections::BTreeMap, thread};

use super::*;

/// Sends records, each to a partition of the test's choice.
struct Sender {
    runtime: tokio::runtime::Runtime,
    producer: Producer,
    /// A key by the partition that it leads to.
    keys: BTreeMap<i32, String>,
    sent: Cell<usize>,
}

impl Sender {
    /// Finds a key for each partition, with records that do nothing.
    fn to(address: &str, partitions: usize) -> Self {
        let producer = Producer::builder().brokers(address).start().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut sender = Self { runtime, producer, keys: BTreeMap::new(), sent: Cell::new(0) };
        for number in 0.. {
            if sender.keys.len() == partitions {
                break;
            }
            let key = format!("k{number}");
            let partition = sender.send_with(&key, "1");
            sender.keys.insert(partition, key);
        }
        sender
    }

    fn send_with(&self, key: &str, value: &str) -> i32 {
        let (key, value) = (Some(key.into()), Some(value.into()));
        self.sent.set(self.sent.get() + 1);
        let outgoing = Outgoing { topic: "orders".to_owned(), key, value, ..Outgoing::default() };
        self.runtime.block_on(self.producer.send(outgoing)).unwrap().partition
    }

    fn send(&self, partition: usize, value: &str) {
        let partition = i32::try_from(partition).unwrap();
        assert_eq!(self.send_with(&self.keys[&partition], value), partition);
    }
}

impl Process {
    /// What health answers at a path: the status, and the body.
    fn health(&self, path: &str) -> (u16, serde_json::Value) {
        let answer = self.ask(path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Asks `/live` until it is so.
    fn live_until(&self, what: &str, is_so: impl Fn(u16, &serde_json::Value) -> bool) -> serde_json::Value {
        let began = Instant::now();
        loop {
            let (status, body) = self.health("/live");
            if is_so(status, &body) {
                return body;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "{what} does not come:\n{status} {body:#}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn let_go(&self) {
        fs::write(self.root.path().join("let go"), "").unwrap();
    }

    /// A number of `/metrics`; 0 if it is not there.
    fn metric(&self, name: &str) -> u64 {
        let metrics = self.ask("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

/// The reasons of a kind.
fn reasons<'a>(body: &'a serde_json::Value, kind: &str) -> Vec<&'a serde_json::Value> {
    body["reasons"].as_array().unwrap().iter().filter(|reason| reason["kind"] == kind).collect()
}

const PERFORMED: &str =
    r#"karafka_performs_total{group="shop",topic="orders",controller="OrdersController",result="done"}"#;

/// If this fails, as many handlers that block as there are cores stop the whole app; or an app of which nothing runs looks well
/// to whoever could start it again, or never looks well again.
#[test]
fn handlers_that_block_keep_others_when_no_thread_is_left_and_not_before() {
    let threads = thread::available_parallelism().unwrap().get() + 8;
    let partitions = threads + 2;
    let mut app = Process::start(
        "server --concurrency 1000",
        &[DEVELOPMENT[0], ("TEST_APP_PARTITIONS", &partitions.to_string())],
    );
    app.wait_for(&format!("group shop has orders/0-{}", partitions - 1));
    let address = Beacon::find(app.root.path()).unwrap().unwrap().address;
    let sender = Sender::to(&address, partitions);
    assert_eq!(app.health("/live").1["status"], "healthy");

    // All threads but one, one after the other, so that each is another's.
    for kept in 0..threads - 1 {
        sender.send(kept, "\"keep\"");
    }
    let kept = |body: &serde_json::Value| reasons(body, "handler_blocks").len();
    let live = app.live_until("a name for each", |_, body| kept(body) == threads - 1);
    assert_eq!(live["status"], "degraded", "{live:#}");
    let named = reasons(&live, "handler_blocks")[0];
    assert_eq!((&named["controller"], &named["group"]), (&"OrdersController".into(), &"shop".into()));
    assert!(named["partition"].as_str().unwrap().starts_with("orders/") && named["offset"].is_i64(), "{named}");
    assert!(named["seconds"].as_f64().unwrap() >= 2.0, "{named}");
    assert!(named["help"].as_str().unwrap().contains("spawn_blocking"), "{named}");

    // Others go on, with timers too.
    let before = app.metric(PERFORMED);
    for number in 0..400 {
        sender.send(threads - 1 + number % 3, if number % 4 == 0 { "\"nap\"" } else { "1" });
    }
    let began = Instant::now();
    while app.metric(PERFORMED) < before + 400 {
        let (performed, live) = (app.metric(PERFORMED), app.health("/live"));
        assert!(began.elapsed() < Duration::from_secs(60), "{before}, then {performed} are done; {live:?}");
        thread::sleep(Duration::from_millis(50));
    }
    let (status, live) = app.health("/live");
    assert_eq!((status, &live["status"], kept(&live)), (200, &"degraded".into(), threads - 1), "{live:#}");
    assert_eq!(app.health("/ready").0, 200);

    // The last thread.
    sender.send(threads - 1, "\"keep\"");
    let live = app.live_until("a failure", |status, body| {
        status == 503 && !reasons(body, "no_thread_free").is_empty() && kept(body) == threads
    });
    assert_eq!(live["status"], "failed", "{live:#}");
    assert_eq!(app.health("/ready").0, 503);
    app.wait_for(&format!("nothing runs: no thread of {threads} has been free for"));

    app.let_go();
    let live = app.live_until("the end of it", |status, body| status == 200 && body["status"] == "healthy");
    assert_eq!(live["reasons"], serde_json::json!([]), "{live:#}");
    app.wait_for("a thread is free again");
    app.signal("-TERM");
    assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
}

/// If this fails, a person who says how many threads an app has is not obeyed, or is answered with a panic.
#[test]
fn the_number_of_threads_can_be_said() {
    let one = [DEVELOPMENT[0], ("TOKIO_WORKER_THREADS", "3")];
    let app = Process::start("", &one);
    app.wait_for("group shop has orders/0");
    assert_eq!(app.metric("karafka_threads"), 3);
    let mut app = Process::start("", &[DEVELOPMENT[0], ("TOKIO_WORKER_THREADS", "all")]);
    assert_eq!(app.status(), Some(1));
    assert!(app.text("errors").contains("error: TOKIO_WORKER_THREADS is `all`, and must be"), "{}", app.text("errors"));
}

/// If this fails, production's log does not say which handler blocks, or not what to do.
#[test]
fn production_says_who_blocks_and_what_to_do() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
    let app = Process::start("", &[("KARAFKA_ENV", "production"), ("KARAFKA_BROKERS", broker.address())]);
    app.wait_for("\"assigned\"");
    app.send_to(broker.address(), "\"keep\"");
    app.wait_for("handler blocks its thread");
    let output = app.text("output");
    let line = output.lines().find(|line| line.contains("handler blocks its thread")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["controller"], &line["offset"]), (&"OrdersController".into(), &0.into()), "{line}");
    assert!(line["help"].as_str().unwrap().contains("tokio::task::spawn_blocking"), "{line}");
}

#[cfg(feature = "real-redis")]
mod jobs {
    use redis::AsyncCommands as _;

    use super::*;
    use crate::jobs::{queues, tests::Server};

    fn job(jid: &str, message: &str) -> String {
        let args = serde_json::json!(["orders", message]);
        serde_json::json!({ "class": "OrdersWorker", "args": args, "queue": "default", "jid": jid }).to_string()
    }

    /// If this fails, a worker whose handlers keep its threads has no health, no names, or never recovers.
    #[test]
    fn a_worker_says_of_its_jobs_what_a_server_says_of_records() {
        let redis = Server::start();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut connection = runtime.block_on(redis.connect());
        let url = redis.url();
        let variables = [DEVELOPMENT[0], ("REDIS_URL", &*url), ("TOKIO_WORKER_THREADS", "2")];
        let mut app = Process::start("worker", &variables);
        app.wait_for("  health      http://");
        let mut push = |jid: &str, message: &str| {
            runtime.block_on(queues::push(&mut connection, "default", &[&job(jid, message)])).unwrap();
        };
        push("first", "\"keep\"");
        let live = app.live_until("a name", |_, body| !reasons(body, "handler_blocks").is_empty());
        assert_eq!(live["status"], "degraded", "{live:#}");
        let named = reasons(&live, "handler_blocks")[0];
        assert_eq!((&named["job"], &named["worker"]), (&"default/first".into(), &"OrdersWorker".into()), "{named}");
        assert_eq!(app.health("/ready").0, 200);
        for number in 0..20 {
            push(&format!("other{number}"), "1");
        }
        let done = r#"karafka_jobs_total{result="done"}"#;
        app.ask_until("/metrics", &format!("{done} 20\n"));
        push("second", "\"keep\"");
        let live = app.live_until("a failure", |status, _| status == 503);
        assert_eq!(reasons(&live, "no_thread_free").len(), 1, "{live:#}");
        assert_eq!(reasons(&live, "handler_blocks").len(), 2, "{live:#}");
        app.let_go();
        app.live_until("the end of it", |status, body| status == 200 && body["status"] == "healthy");
        app.ask_until("/metrics", &format!("{done} 22\n"));
        app.signal("-TERM");
        assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
    }

    /// If this fails, jobs that a server has handed over do not get to Redis before a handler lets go that blocks after them,
    /// though there are threads.
    #[test]
    fn jobs_are_pushed_though_the_next_handler_blocks() {
        let redis = Server::start();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let mut connection = runtime.block_on(redis.connect());
        let broker = EmbeddedBroker::start(&[("orders".to_owned(), 2)]).unwrap();
        let sender = Sender::to(broker.address(), 2);
        sender.send(0, "\"keep before\"");
        let url = redis.url();
        let variables = [
            DEVELOPMENT[0],
            ("REDIS_URL", &*url),
            ("KARAFKA_BROKERS", broker.address()),
            ("TOKIO_WORKER_THREADS", "4"),
            ("TEST_APP_PARTITIONS", "2"),
        ];
        let app = Process::start("", &variables);
        app.wait_for("  health      http://");
        app.live_until("a name", |_, body| reasons(body, "handler_blocks").len() == 1);
        for _ in 0..20 {
            sender.send(1, "1");
        }
        let wanted = u64::try_from(sender.sent.get() - 1).unwrap();
        let began = Instant::now();
        loop {
            let length = runtime.block_on(connection.llen::<_, u64>("queue:default")).unwrap();
            if length == wanted {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{length} of {wanted} jobs are pushed");
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(reasons(&app.health("/live").1, "handler_blocks").len(), 1);
    }
}
