//! Which jobs a worker gives to which consumer, and what it says of the others.

use std::{cell::RefCell, collections::BTreeSet};

use super::*;
use crate::{
    Interchanger,
    engine::jobs::{self, Jobs},
    jobs::{
        job::Job,
        worker::{Failure, NotPerformed, Perform as _, Queues},
    },
};

/// Three workers: one that emits nothing, one that emits and has a queue of its own, and one whose jobs are in the server.
static WORKERS: Manifest = Manifest {
    consumers: &[
        ConsumerEntry { emits: &[], settings: &[("jobs", "redis")], ..PLAIN.consumers[0] },
        ConsumerEntry {
            topic: "confirmed",
            worker: "SendsWorker",
            settings: &[("jobs", "redis"), ("queue", "critical")],
            ..PLAIN.consumers[0]
        },
        ConsumerEntry { topic: "confirmed", group: "audit", worker: "InProcessWorker", ..PLAIN.consumers[0] },
    ],
    groups: &[GroupEntry { name: "audit", settings: &[] }, GroupEntry { name: "shop", settings: &[] }],
    ..PLAIN
};

fn app() -> App<Arc<State>> {
    let add = |app: App<Arc<State>>, entry| {
        app.consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(entry)
    };
    WORKERS.consumers.iter().fold(App::new(&WORKERS), add)
}

fn settings() -> Settings {
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    Settings::read(&WORKERS, &BTreeMap::new(), &flags).expect("settings")
}

/// If this fails, a worker asks for brokers that nothing of it needs, or has none for what its jobs emit.
#[test]
fn only_jobs_of_its_own_queues_make_a_worker_send() {
    let (app, settings) = (app(), settings());
    let sends = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let queues = Queues::read(&words, &BTreeSet::from(["critical", "default"])).expect("queues");
        jobs::send(&app.routes, &settings, &queues)
    };
    assert!(!sends(&["default"]) && !sends(&["default,3"]));
    assert!(sends(&["critical"]) && sends(&["default", "critical"]) && sends(&[]));
}

/// If this fails, a person looks for a mistake in the arguments of a job that is not this app's at all, or is told nothing
/// that helps of one that is.
#[tokio::test]
async fn what_a_job_is_not_performed_for_is_said_as_it_is() {
    let app = app();
    let state = Arc::<State>::default();
    let jobs = Jobs::new(app.manifest, app.routes, app.layers, &settings(), None, Arc::clone(&state)).expect("jobs");
    let names = RefCell::new(BTreeSet::new());
    let failed = async |class: &str, args: &str| {
        let text = format!(r#"{{"class":"{class}","args":{args},"jid":"x"}}"#);
        let job = Job::read(&text).expect("a job");
        match jobs.perform(&job).await {
            Err(NotPerformed::Failed(Failure { error, is_last, .. })) => {
                names.borrow_mut().insert(error.type_name());
                (error.to_string(), is_last)
            }
            performed => panic!("{text}: {performed:?}"),
        }
    };
    let of_another_app = [r#"["orders","1"]"#, "[]", "[7]", "7", "null", r#"[{"user_id":12}]"#, r#"["a","b",[],4]"#];
    for args in of_another_app {
        let (words, is_last) = failed("Mail::SendWorker", args).await;
        let wanted = "no worker of this app is called Mail::SendWorker: the job is another app's, or another version's";
        assert_eq!((words.as_str(), is_last), (wanted, false), "{args}: another version may know it");
        let (words, is_last) = failed("", args).await;
        assert_eq!((words.as_str(), is_last), ("its class is empty, so that no worker is named", true), "{args}");
        let (words, _) = failed("InProcessWorker", args).await;
        assert_eq!(words, "karafka.yml has the jobs of InProcessWorker in the server's process, and not on Redis");
    }
    for (class, args, wanted) in [
        ("OrdersWorker", "7", "`args` is missing, or is not what Sidekiq's format has there"),
        ("OrdersWorker", "[]", "its arguments are not a topic and a message: there are fewer than two"),
        ("OrdersWorker", r#"[7,"1"]"#, "its arguments are not a topic and a message: the first is no text"),
        (
            "OrdersWorker",
            r#"["orders","\ud800"]"#,
            "its arguments are not a topic and a message: the message is no text: ",
        ),
        (
            "OrdersWorker",
            r#"["confirmed","1"]"#,
            "OrdersWorker is the worker of orders, and its first argument names the topic confirmed",
        ),
        (
            "SendsWorker",
            r#"["confirmed","1"]"#,
            "SendsWorker emits, and this process does not reach Kafka, as no job of the queues that it takes emits: the \
             queue of SendsWorker is critical",
        ),
    ] {
        let (words, is_last) = failed(class, args).await;
        assert!(words.starts_with(wanted) && !is_last, "{class} {args}: {words}");
    }
    let unread = failed("OrdersWorker", r#"["orders","x"]"#).await;
    assert!(
        unread.0.starts_with("the interchanger cannot read the job's message: expected value at line 1"),
        "{unread:?}"
    );
    assert!(unread.1, "no further attempt changes its text");
    // What Sidekiq's page shows as the class of the error; the last one is the interchanger's own.
    assert_eq!(
        names.into_inner().into_iter().collect::<Vec<_>>(),
        [
            "karafka::InvalidArguments",
            "karafka::NoKafka",
            "karafka::NoWorker",
            "karafka::OtherTopic",
            "karafka::UnknownWorker",
            "karafka::WorkerInProcess",
            "serde_json::error::Error"
        ]
    );
    assert!(state.seen.lock().expect("no panic").is_empty());
    let good = Job::read(r#"{"class":"OrdersWorker","args":["orders","7"]}"#).expect("a job");
    assert!(jobs.perform(&good).await.is_ok(), "whatever queue it comes from");
}

/// An interchanger that cannot write 13, and panics over 14.
#[derive(Default)]
struct Picky;

impl Interchanger<u64> for Picky {
    fn encode(&self, message: &u64) -> Result<String> {
        match message {
            13 => Err(Error::new("not on a Friday")),
            14 => panic!("not on a Saturday"),
            _ => Ok(message.to_string()),
        }
    }

    fn decode(&self, text: &str) -> Result<u64> {
        Ok(text.parse()?)
    }
}

const QUEUED: ConsumerEntry =
    ConsumerEntry { settings: &[("jobs", "redis"), ("retry.backoff", "20ms..100ms")], ..PLAIN.consumers[0] };

fn start_picky(shop: &Shop) -> Groups {
    let app = App::new(shop.app).consumer::<OrdersWorker, crate::parser::Json, Picky>(&shop.app.consumers[0]);
    shop.start_app(shop.app, app)
}

/// If this fails, a message that no interchanger can write is tried for ever, or is lost.
#[test]
fn what_cannot_be_written_as_a_job_waits_for_a_person() {
    static WAITS: Manifest = Manifest { consumers: &[QUEUED], ..PLAIN };
    let mut shop = Shop { app: &WAITS, ..Shop::open() };
    // Nobody listens there: nothing of this test is to reach a Redis.
    shop.variables.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1".to_owned());
    shop.send(Some("one key"), Some("13"));
    for starts in 1..=2 {
        let running = start_picky(&shop);
        shop.until("the report", |shop| shop.noted("Unwritable {") == starts);
        let end = running.join();
        assert_eq!((end.handled, end.failed, end.dead), (0, 1, 0), "it still holds its partition back: {end:?}");
    }
    assert_eq!((shop.noted("Failed {"), shop.noted("not on a Friday")), (0, 2));
}

/// If this fails, a message that no interchanger can write stops a partition that has somewhere to put it.
#[test]
fn what_cannot_be_written_as_a_job_goes_to_the_dead_letter_topic() {
    static BURIES: Manifest = Manifest {
        consumers: &[ConsumerEntry {
            settings: &[("jobs", "redis"), ("dead_letter", "orders.dead"), ("retry.attempts", "9")],
            ..QUEUED
        }],
        ..PLAIN
    };
    let mut shop = Shop { app: &BURIES, ..Shop::open() };
    shop.variables.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1".to_owned());
    for number in ["13", "14"] {
        shop.send(Some("one key"), Some(number));
    }
    let running = start_picky(&shop);
    shop.until("both reports", |shop| shop.noted("Unwritable {") == 2);
    let end = running.join();
    assert_eq!((end.handled, end.failed, end.dead), (0, 2, 2), "{end:?}");
    assert_eq!((shop.noted("not on a Friday"), shop.noted("the interchanger panicked: not on a Saturday")), (1, 1));
}
