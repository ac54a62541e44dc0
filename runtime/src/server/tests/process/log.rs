//! The log of a process outside of development: every line an object of JSON, from the first to the last.

use std::net::TcpListener;

use serde_json::Value;

use super::*;
use crate::info;

const PRODUCTION: (&str, &str) = ("KARAFKA_ENV", "production");

impl Process {
    /// Every line that the app has written: the ones of the test's own harness are none of its.
    fn log(&self) -> Vec<Value> {
        let output = self.text("output");
        let is_of_harness =
            |line: &str| line.is_empty() || line.starts_with("running 1 test") || line.starts_with("test ");
        let lines = output.lines().filter(|line| !is_of_harness(line));
        let parsed = lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("`{line}` in:\n{output}")));
        parsed.collect()
    }

    /// The one line with this message.
    fn line(&self, message: &str) -> Value {
        let log = self.log();
        let mut found = log.iter().filter(|line| line["message"] == message);
        let line = found.next().unwrap_or_else(|| panic!("no `{message}` in {log:#?}")).clone();
        assert_eq!(found.next(), None, "{message} twice");
        line
    }
}

/// If this fails, whoever is woken reads nothing of a start that has failed where the app's log is collected, or not what to
/// do, or a line that is no JSON breaks what collects it.
#[test]
fn a_start_that_fails_is_in_the_log() {
    let mut app = Process::start("", &[PRODUCTION, ("KARAFKA_BROKRS", "h:1")]);
    assert_eq!((app.status(), &*app.text("errors")), (Some(1), ""));
    let line = app.line("no brokers are configured");
    assert_eq!(
        (&line["level"], &line["app"], &line["environment"]),
        (&"ERROR".into(), &"shop".into(), &"production".into())
    );
    assert!(line["help"].as_str().unwrap().starts_with("set KARAFKA_BROKERS, or"), "{line}");
    let question = &app.log()[1];
    assert!(question["message"].as_str().unwrap().contains("KARAFKA_BROKRS"), "what may be why: {question}");

    let wrong = [("KARAFKA_CONCURRENCY", "none"), ("KARAFKA_HEALTH", "nowhere"), ("KARAFKA_BROKERS", "h:1")];
    let mut app = Process::start("", &[&[PRODUCTION], &wrong[..]].concat());
    assert_eq!((app.status(), &*app.text("errors"), app.log().len()), (Some(1), "", 2), "{}", app.text("output"));

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut app = Process::start("", &[PRODUCTION, ("KARAFKA_BROKERS", "h:1"), ("KARAFKA_HEALTH", &address)]);
    assert_eq!((app.status(), &*app.text("errors")), (Some(1), ""));
    let line = &app.log()[0];
    assert!(line["message"].as_str().unwrap().starts_with(&format!("health cannot be served at {address}")), "{line}");

    let mut app = Process::start("", &[PRODUCTION, ("KARAFKA_BROKERS", "h:1"), ("TEST_APP_STATE", "no\n  database")]);
    assert_eq!((app.status(), &*app.text("errors")), (Some(1), ""));
    app.line("the app's state cannot be built: no\n│   database");

    let mut app = Process::start("worker", &[PRODUCTION, ("KARAFKA_BROKERS", "h:1")]);
    assert_eq!((app.status(), &*app.text("errors"), app.log().len()), (Some(1), "", 1));
    // A log that leaves errors out would leave a person without a word.
    let mut app = Process::start("", &[PRODUCTION, ("KARAFKA_LOG", "off")]);
    assert_eq!(app.status(), Some(1));
    assert!(app.text("errors").starts_with("error: no brokers are configured\n"), "{}", app.text("errors"));
}

/// If this fails, a log begins in the middle: nobody knows which app, which version and which groups its lines are of.
#[test]
fn the_app_is_the_first_line_then_its_groups() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
    let variables =
        [("KARAFKA_BROKERS", broker.address()), ("KARAFKA_HEALTH", "127.0.0.1:0"), ("KARAFKA_CONCURENCY", "a")];
    let mut app = Process::start("", &[&[PRODUCTION], &variables[..]].concat());
    app.wait_for("\"assigned\"");
    app.signal("-TERM");
    assert_eq!((app.status(), &*app.text("errors")), (Some(0), ""));
    let log = app.log();
    let messages: Vec<_> = log.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages[..2], ["app started", "group"], "{messages:?}");
    let of_engine = messages.iter().position(|message| *message == "started").unwrap();
    assert!(messages[2].contains("KARAFKA_CONCURENCY") && of_engine > 2, "{messages:?}");
    assert_eq!((&log[0]["app"], &log[0]["karafka"]), (&"shop".into(), &info::VERSION.into()));
    assert!(log[0]["health"].as_str().unwrap().starts_with("127.0.0.1:"), "{}", log[0]);

    let url = [("REDIS_URL", "redis://127.0.0.1:1"), ("KARAFKA_HEALTH", "127.0.0.1:0")];
    let app = Process::start("worker", &[&[PRODUCTION, ("KARAFKA_BROKERS", "h:1")], &url[..]].concat());
    app.wait_for("Redis refuses, or does not answer");
    let first = &app.log()[0];
    assert_eq!((&first["message"], &first["karafka"]), (&"worker started".into(), &info::VERSION.into()));
    assert!(first["health"].as_str().unwrap().starts_with("127.0.0.1:"), "{first}");
}

/// If this fails, a panic is told twice, or not at all, or not where it was: of a handler's by its event, of any other as it
/// happens.
#[test]
fn a_panic_is_one_line_with_its_place() {
    for (trace, has_calls) in [("0", false), ("1", true)] {
        let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
        let variables = [PRODUCTION, ("KARAFKA_BROKERS", broker.address()), ("RUST_BACKTRACE", trace)];
        let mut app = Process::start("", &variables);
        app.wait_for("\"assigned\"");
        app.send_to(broker.address(), "\"spawn\"");
        app.send_to(broker.address(), "\"panic at the disco\"");
        app.wait_for("\"panicked outside of a handler\"");
        app.wait_for("\"panicked\"");
        app.signal("-TERM");
        app.status();
        assert_eq!(app.text("errors"), "");
        let said: Vec<_> = app.log().into_iter().filter(|line| line["error"] == "at the disco").collect();
        let outside = app.line("panicked outside of a handler");
        assert_eq!((&outside["error"], &outside["level"]), (&"spawned".into(), &"ERROR".into()));
        assert_eq!(outside["thread"], "karafka work");
        for line in said.iter().chain([&outside]) {
            assert!(line["location"].as_str().unwrap().contains("tests/process/mod.rs:"), "{line}");
            assert_eq!(line["backtrace"].is_string(), has_calls, "{line}");
        }
        assert!(!said.is_empty() && said.iter().all(|line| line["message"] == "panicked"), "{said:#?}");
        let attempts: std::collections::BTreeSet<_> = said.iter().map(|line| line["attempt"].as_u64()).collect();
        assert_eq!(attempts.len(), said.len(), "an attempt that is told twice: {said:#?}");
    }
}

/// If this fails, a panic in what a handler has spawned goes by unseen in development.
#[test]
fn a_panic_outside_of_a_handler_is_printed_in_development() {
    let app = Process::start("", &[DEVELOPMENT[0], ("RUST_BACKTRACE", "0")]);
    app.wait_for("group shop has orders/0");
    app.send("\"spawn\"");
    app.wait_for("orders/0@0  OrdersController  done in");
    let began = Instant::now();
    while !app.text("errors").contains("spawned") {
        assert!(began.elapsed() < Duration::from_secs(60), "it is not told");
        std::thread::sleep(Duration::from_millis(20));
    }
    let errors = app.text("errors");
    assert!(errors.contains("thread 'karafka work' panicked at ") && errors.contains("process/mod.rs:"), "{errors}");
}

/// If this fails, a database that is away fills the disk with lines, or nobody learns how many attempts have failed.
#[test]
fn what_fails_again_and_again_is_summed_up() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).unwrap();
    let variables = [PRODUCTION, ("KARAFKA_BROKERS", broker.address()), ("TEST_APP_UNORDERED", "1")];
    let mut app = Process::start("", &variables);
    app.wait_for("\"assigned\"");
    app.send_many_to(broker.address(), "\"fail\"", 200);
    app.wait_for("\"summary\":\"failed\"");
    app.signal("-TERM");
    assert_eq!(app.status(), Some(0), "{}", app.text("output"));
    let log = app.log();
    let told = log.iter().filter(|line| line["message"] == "failed").count();
    let summed: u64 = log.iter().filter_map(|line| line["summary"].as_str().and(line["count"].as_u64())).sum();
    let failed = log.last().unwrap()["failed"].as_u64().unwrap();
    assert_eq!(u64::try_from(told).unwrap() + summed, failed, "{log:#?}");
    assert!(failed >= 200 && summed > 0, "{told} of {failed}");
}
