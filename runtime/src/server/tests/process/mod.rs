//! The server as a process: signals, exit statuses, and what it says at its end.
//!
//! The test binary runs itself again as the app; see [`app`].

mod blocking;
mod log;
#[cfg(feature = "real-redis")]
mod workers;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Admission, App, Context, Controller, Message, Result, Routed, Worker,
    broker::{Beacon, EmbeddedBroker},
    foreign::tests::{HOSTILE, hostile},
    interchanger,
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    outgoing::Outgoing,
    parser,
    producer::Producer,
    types::Json,
};

/// Where the app's process finds its folder.
const FOLDER: &str = "TEST_APP_FOLDER";

#[derive(Default)]
struct OrdersController;

impl Routed for OrdersController {
    type State = ();
    type Message = Json;
    const NAME: &'static str = "OrdersController";
}

impl Controller for OrdersController {
    async fn before_enqueue(&self, message: &Message<Json>, _ctx: &Context<Self>) -> Result<Admission> {
        if message.payload == "keep before" {
            keep_the_thread();
        }
        Ok(Admission::Accept)
    }

    async fn perform(&self, message: &Message<Json>, _ctx: &Context<Self>) -> Result {
        if message.payload == "hang" {
            writeln!(std::io::stdout(), "hanging").unwrap();
            std::future::pending::<()>().await;
        }
        if let Some(words) = message.payload.as_str().and_then(|text| text.strip_prefix("panic ")) {
            panic!("{words}");
        }
        if message.payload == "spawn" {
            tokio::spawn(async { panic!("spawned") });
        }
        if message.payload == "fail" {
            return Err(crate::Error::new("no database"));
        }
        if message.payload == "slow" {
            writeln!(std::io::stdout(), "sleeping").unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        if message.payload == "block" {
            // Longer than the test takes: the process is killed at its end.
            std::thread::sleep(Duration::from_secs(600));
        }
        if message.payload == "keep" {
            keep_the_thread();
        }
        if message.payload == "nap" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// Until the test says so, by a file in the app's folder.
fn keep_the_thread() {
    let folder = std::env::var_os(FOLDER).unwrap();
    while !Path::new(&folder).join("let go").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[derive(Default)]
struct OrdersWorker;

impl Worker for OrdersWorker {
    type Controller = OrdersController;
    const NAME: &'static str = "OrdersWorker";
}

/// The app, when this binary was started as one; otherwise nothing.
#[test]
fn app() {
    let Ok(root) = std::env::var(FOLDER) else { return };
    let emits: &[&str] = if std::env::var_os("TEST_APP_EMITS").is_some() { &["orders"] } else { &[] };
    let jobs: &[(&str, &str)] = if std::env::var_os("REDIS_URL").is_some() { &[("jobs", "redis")] } else { &[] };
    let is_unordered = std::env::var_os("TEST_APP_UNORDERED").is_some();
    let ordering: &[(&str, &str)] = if is_unordered { &[("ordering", "none")] } else { &[] };
    let partitions = std::env::var("TEST_APP_PARTITIONS").unwrap_or_else(|_| "1".to_owned());
    let manifest: &'static Manifest = Box::leak(Box::new(Manifest {
        app: "shop",
        version: "0.1.0",
        root: root.leak(),
        settings: &[],
        environments: &[],
        groups: Box::leak(Box::new([GroupEntry { name: "shop", settings: ordering }])),
        topics: Box::leak(Box::new([TopicEntry {
            key: "orders",
            message: "json",
            settings: Box::leak(Box::new([("partitions", &*partitions.leak())])),
        }])),
        consumers: Box::leak(Box::new([ConsumerEntry {
            topic: "orders",
            group: "shop",
            controller: "OrdersController",
            worker: "OrdersWorker",
            parser: "json",
            interchanger: "json",
            emits,
            settings: jobs,
        }])),
    }));
    let app = App::new(manifest).consumer::<OrdersWorker, parser::Json, interchanger::Json>(&manifest.consumers[0]);
    let words = std::env::var("TEST_APP_WORDS").unwrap_or_default();
    let words = std::iter::once("shop").chain(words.split_whitespace()).map(Into::into).collect();
    let build_state = || async {
        match std::env::var("TEST_APP_STATE") {
            Ok(words) => Err(crate::Error::new(words)),
            Err(_) => Ok(()),
        }
    };
    std::process::exit(super::super::run(app, build_state, words).into());
}

/// A running app and what it says.
struct Process {
    child: Child,
    root: tempfile::TempDir,
}

impl Process {
    fn start(words: &str, environment: &[(&str, &str)]) -> Self {
        // Tests that run under `nohup` hand on to their processes that a hang-up means nothing.
        Self::start_under(&["env", "--default-signal=HUP"], words, environment)
    }

    /// Starts it through another program, which becomes it.
    fn start_under(program: &[&str], words: &str, environment: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str| Stdio::from(fs::File::create(root.path().join(name)).unwrap());
        let binary = std::env::current_exe().unwrap().into_os_string();
        let mut line = program.iter().map(Into::into).chain([binary]);
        let mut command = Command::new(line.next().unwrap());
        command.args(line);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("KARAFKA_")) {
                command.env_remove(name);
            }
        }
        for name in ["REDIS_URL", "TOKIO_WORKER_THREADS"] {
            command.env_remove(name);
        }
        let child = command
            .args(["--exact", "server::tests::process::app", "--nocapture"])
            .env(FOLDER, root.path())
            .env("TEST_APP_WORDS", words)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file("output"))
            .stderr(file("errors"))
            .spawn()
            .unwrap();
        Self { child, root }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join(name)).unwrap_or_default()
    }

    fn wait_for(&self, words: &str) {
        let began = Instant::now();
        while !self.text("output").contains(words) {
            assert!(began.elapsed() < Duration::from_secs(60), "no `{words}` in:\n{}", self.text("output"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What health answers at a path.
    fn ask(&self, path: &str) -> String {
        let output = self.text("output");
        let (_, rest) = output.split_once("health      http://").unwrap();
        let (address, _) = rest.split_once('/').unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks until the answer has these words.
    fn ask_until(&self, path: &str, words: &str) -> String {
        let began = Instant::now();
        loop {
            let answer = self.ask(path);
            if answer.contains(words) {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "no `{words}` in:\n{answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn send(&self, value: &str) {
        self.send_to(&Beacon::find(self.root.path()).unwrap().unwrap().address, value);
    }

    fn send_to(&self, address: &str, value: &str) {
        self.send_many_to(address, value, 1);
    }

    fn send_many_to(&self, address: &str, value: &str, count: usize) {
        let address = address.to_owned();
        let producer = Producer::builder().brokers(address).start().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for _ in 0..count {
            let outgoing = Outgoing { topic: "orders".to_owned(), value: Some(value.into()), ..Outgoing::default() };
            runtime.block_on(producer.send(outgoing)).unwrap();
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn status(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < Duration::from_secs(60), "it does not end:\n{}", self.text("output"));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const DEVELOPMENT: [(&str, &str); 1] = [("KARAFKA_ENV", "development")];

/// If this fails, a deployment that stops an app with either signal repeats work, or is told that it went wrong.
#[test]
fn a_signal_stops_it_cleanly() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut app = Process::start("", &DEVELOPMENT);
        app.wait_for("group shop has orders/0");
        assert!(Beacon::path(app.root.path()).exists());
        app.send("1");
        app.wait_for("orders/0@0  OrdersController  done in");
        app.signal(signal);
        assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
        assert!(
            app.text("output").ends_with("     stopped  1 handled, 0 failed, 0 to repeat\n"),
            "{}",
            app.text("output")
        );
        assert!(!Beacon::path(app.root.path()).exists());
    }
}

/// If this fails, a handler that hangs holds up a stop for ever, or nobody learns which one it was.
#[test]
fn what_does_not_end_in_time_is_named() {
    let mut app = Process::start("server --shutdown-timeout 200ms", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("\"hang\"");
    app.wait_for("hanging");
    app.signal("-TERM");
    assert_eq!(app.status(), Some(2));
    let output = app.text("output");
    let (_, last) = output.split_once("     stopped  0 handled, 0 failed, 1 to repeat (orders/0: 1)\n").unwrap();
    assert!(
        last.starts_with("              did not end in time: OrdersController on orders/0@0, running for"),
        "{output}"
    );
    let errors = app.text("errors");
    assert!(errors.starts_with("error: did not end in time: OrdersController on orders/0@0, running for"), "{errors}");
}

/// If this fails, a deployment whose last commit Kafka never took ends with 0 and nobody knows that work is done again.
#[test]
fn a_last_commit_that_is_never_made_ends_it_with_2() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
    let mut app = Process::start("", &[DEVELOPMENT[0], ("KARAFKA_BROKERS", broker.address())]);
    app.wait_for("group shop has orders/0");
    app.send_to(broker.address(), "\"slow\"");
    app.wait_for("sleeping");
    drop(broker);
    app.wait_for("orders/0@0  OrdersController  done in");
    app.signal("-TERM");
    let (status, output, errors) = (app.status(), app.text("output"), app.text("errors"));
    assert_eq!(status, Some(2), "{errors}\n{output}");
    assert!(output.ends_with("     stopped  1 handled, 0 failed, 1 to repeat (orders/0: 1)\n"), "{output}");
    assert!(errors.contains("error: 1 record begun or finished, and not known to be committed"), "{errors}");
    assert!(errors.contains("will be done again: orders/0: 1\n"), "{errors}");
}

/// If this fails, a handler that keeps its thread is said to have just begun when a stop is forced, or is not named.
#[test]
fn a_forced_stop_says_how_long_a_handler_has_kept_its_thread() {
    let mut app = Process::start("", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("\"block\"");
    app.wait_for("orders/0@0  OrdersController  has kept its thread for");
    app.signal("-INT");
    app.wait_for("stopping  no new records");
    app.signal("-INT");
    assert_eq!(app.status(), Some(2));
    let errors = app.text("errors");
    let (_, age) = errors.split_once("did not end in time: OrdersController on orders/0@0, running for ").unwrap();
    let (seconds, _) = age.split_once(" s\n").unwrap();
    assert!(seconds.parse::<f64>().unwrap() >= 2.0, "{errors}");
}

/// If this fails, a person who presses Ctrl-C twice waits for the whole budget.
#[test]
fn a_second_signal_forces() {
    let mut app = Process::start("", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("\"hang\"");
    app.wait_for("hanging");
    app.signal("-INT");
    app.wait_for("stopping  no new records");
    app.signal("-INT");
    assert_eq!(app.status(), Some(2));
    let errors = app.text("errors");
    assert!(errors.contains("a second signal"), "{errors}");
    assert!(errors.contains("OrdersController on orders/0@0"), "{errors}");
}

/// If this fails, an app that was started with `nohup` ends with the terminal.
#[test]
fn under_nohup_a_hang_up_means_nothing() {
    let mut app = Process::start_under(&["nohup"], "", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.signal("-HUP");
    app.send("1");
    app.wait_for("orders/0@0  OrdersController  done in");
    assert!(!app.text("output").contains("stopping"), "{}", app.text("output"));
    app.signal("-TERM");
    assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
}

/// If this fails, a person cannot quiet an app before a deployment: it begins records all the same, gives its partitions
/// away, looks unwell, or never goes on.
#[test]
fn quiet_begins_nothing_and_goes_on() {
    let mut app = Process::start("", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("1");
    app.wait_for("orders/0@0  OrdersController  done in");
    // Twice is as good as once.
    app.signal("-TSTP");
    app.signal("-TSTP");
    app.wait_for("quiet: nothing new is begun");
    app.send("2");
    let labels = r#"{group="shop",topic="orders",partition="0"}"#;
    let metrics = app.ask_until("/metrics", &format!("karafka_partition_lag{labels} 1\n"));
    assert!(metrics.contains("karafka_quiet{group=\"shop\"} 1\n"), "{metrics}");
    let ready = app.ask("/ready");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.contains(r#""kind":"quiet""#), "{ready}");
    app.signal("-CONT");
    app.wait_for("orders/0@1  OrdersController  done in");
    let output = app.text("output");
    let (_, since) = output.split_once("quiet: nothing new is begun").unwrap();
    let (meanwhile, _) = since.split_once("going on").unwrap();
    assert!(!meanwhile.contains("done in") && !meanwhile.contains("gave back"), "{output}");
    assert!(app.ask("/ready").contains(r#""status":"healthy","reasons":[]"#));
    app.signal("-TSTP");
    app.signal("-TERM");
    assert_eq!(app.status(), Some(0), "{}", app.text("errors"));
}

/// If this fails, dashboards and probes see nothing of a running app, or not what is there.
#[test]
fn health_sees_what_happens() {
    let app = Process::start("", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("1");
    app.wait_for("orders/0@0  OrdersController  done in");
    let labels = r#"{group="shop",topic="orders",partition="0"}"#;
    app.ask_until("/metrics", &format!("karafka_partition_committed_offset{labels} 1\n"));
    let metrics = app.ask_until("/metrics", &format!("karafka_partition_end_offset{labels} 1\n"));
    let consumer = r#"{group="shop",topic="orders",controller="OrdersController""#;
    for wanted in [
        format!("karafka_partition_lag{labels} 0\n"),
        format!("karafka_performs_total{consumer},result=\"done\"}} 1\n"),
        format!("karafka_perform_duration_seconds_count{consumer}}} 1\n"),
    ] {
        assert!(metrics.contains(&wanted), "no {wanted} in:\n{metrics}");
    }
    let ready = app.ask("/ready");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.contains(r#""status":"healthy","reasons":[]"#), "{ready}");
}

/// If this fails, a handler that blocks its thread stays without a name, or keeps health from answering.
#[test]
fn a_handler_that_blocks_is_named() {
    let app = Process::start("", &DEVELOPMENT);
    app.wait_for("group shop has orders/0");
    app.send("\"block\"");
    app.wait_for("orders/0@0  OrdersController  has kept its thread for");
    let live = app.ask("/live");
    assert!(live.contains(r#""kind":"handler_blocks""#) && live.contains(r#""offset":0"#), "{live}");
}

/// If this fails, an app that Kafka lets write nothing works on for ever, none of its emits arrives, and no supervisor hears
/// of it.
#[test]
fn a_producer_that_may_not_write_ends_it_with_the_reason() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
    broker.refuse_producers();
    let [development] = DEVELOPMENT;
    let mut app =
        Process::start("", &[development, ("KARAFKA_BROKERS", broker.address()), ("TEST_APP_EMITS", "orders")]);
    let began = Instant::now();
    while app.child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "it works on:\n{}", app.text("output"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let (output, errors) = (app.text("output"), app.text("errors"));
    assert_eq!(app.status(), Some(1), "{errors}");
    let said = "the producer cannot go on: ";
    let (_, reason) = errors.split_once(said).unwrap();
    assert!(reason.to_lowercase().contains("cluster authorization failed"), "{errors}");
    assert!(output.contains(said), "{output}");
}

/// If this fails, a handler that panics with words of a record lets them act on the terminal of a person.
#[test]
fn the_words_of_a_panic_are_written_out() {
    let words = format!("a{HOSTILE}b");
    let app = Process::start("", &[("KARAFKA_ENV", "development"), ("RUST_BACKTRACE", "0")]);
    app.wait_for("group shop has orders/0");
    app.send(&serde_json::to_string(&format!("panic {words}\nerror: forged")).unwrap());
    app.wait_for("panicked (attempt 1)");
    let (output, errors) = (app.text("output"), app.text("errors"));
    assert_eq!(hostile(&output, &[]), None, "{output}");
    assert_eq!(errors, "", "an event tells of it, and nothing else");
    assert!(output.contains("process/mod.rs:") && output.contains("│ error: forged\n"), "{output}");
}

/// If this fails, an app that cannot start looks to its supervisor as if it had ended well.
#[test]
fn a_start_that_fails_says_why() {
    let mut app = Process::start("", &[DEVELOPMENT[0], ("KARAFKA_CONCURRENCY", "none")]);
    assert_eq!(app.status(), Some(1), "{}", app.text("errors"));
    assert!(app.text("errors").starts_with("error: `concurrency` is `none`"), "{}", app.text("errors"));
    assert!(!Path::new(&Beacon::path(app.root.path())).exists());
}

/// If this fails, a supervisor takes a wrong call for a stop that left something behind, or `--help` for a failure.
#[test]
fn a_wrong_call_ends_it_with_64() {
    let calls = [
        ("--bogus", "unexpected argument '--bogus'"),
        ("serve", "unrecognized subcommand 'serve'"),
        ("flow --format odd", "invalid value 'odd'"),
        ("server --groups nobody", "there is shop\n"),
        ("server --concurrency none", "it must be"),
        ("worker --queues", "a value is required for '--queues"),
    ];
    for (words, said) in calls {
        let mut app = Process::start(words, &DEVELOPMENT);
        let (status, errors) = (app.status(), app.text("errors"));
        assert_eq!(status, Some(64), "{words}: {errors}");
        assert!(errors.contains(said), "{words}: {errors}");
    }
    for words in ["--help", "--version", "server --help", "worker --help"] {
        let mut app = Process::start(words, &DEVELOPMENT);
        assert_eq!((app.status(), app.text("errors")), (Some(0), String::new()), "{words}");
    }
}
