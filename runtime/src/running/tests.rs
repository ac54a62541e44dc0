use std::time::{Duration, Instant};

use crate::{
    App, Batch, BatchController, Context, Controller, Error, Message, Result, Routed, StartError, Worker,
    broker::EmbeddedBroker,
    events::{Event, Listener},
    health::Status,
    interchanger,
    layer::{Attempt, Emission, EmitLayer, Layer, Next, NextEmit},
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    outgoing::Outgoing,
    parser,
    producer::Producer,
    settings::Settings,
    sync::Mutex,
    testing::{Harness, Verdict},
};

static SHOP: Manifest = SHOP_OF_CONSTANTS;

const SHOP_OF_CONSTANTS: Manifest = Manifest {
    app: "shop",
    version: "0.1.0",
    root: "",
    // The mock cluster lets the next member of a group wait for almost a whole session.
    settings: &[
        ("kafka.consumer.session.timeout.ms", "1500"),
        ("kafka.consumer.heartbeat.interval.ms", "300"),
        ("kafka.consumer.fetch.wait.max.ms", "10"),
    ],
    environments: &[],
    groups: &[GroupEntry { name: "shop", settings: &[] }],
    topics: &[
        TopicEntry { key: "confirmed", message: "json", settings: &[] },
        TopicEntry { key: "orders", message: "json", settings: &[] },
    ],
    consumers: &[ConsumerEntry {
        topic: "orders",
        group: "shop",
        controller: "OrdersController",
        worker: "OrdersWorker",
        parser: "json",
        interchanger: "json",
        emits: &["confirmed"],
        settings: &[("retry.backoff", "10ms..20ms")],
    }],
};

static WRONG: Manifest = Manifest {
    settings: &[("kafka.brokers", "127.0.0.1:1"), ("kafka.options.security.protocol", "carrier-pigeon")],
    ..SHOP_OF_CONSTANTS
};

static WITH_JOBS: Manifest = Manifest {
    consumers: &[ConsumerEntry { settings: &[("jobs", "redis")], ..SHOP_OF_CONSTANTS.consumers[0] }],
    ..SHOP_OF_CONSTANTS
};

/// What the app's code has seen and does.
#[derive(Default)]
struct State {
    seen: Mutex<Vec<u64>>,
    /// Handlers of this number never end.
    hangs_at: Option<u64>,
    /// What layers, and handlers that hang, have said.
    notes: Mutex<Vec<String>>,
}

type Shared = std::sync::Arc<State>;

#[derive(Default)]
struct OrdersController;

impl Routed for OrdersController {
    type State = Shared;
    type Message = u64;
    const NAME: &'static str = "OrdersController";
}

impl Controller for OrdersController {
    async fn perform(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result {
        if ctx.state().hangs_at == Some(message.payload) {
            ctx.state().notes.lock().push("hangs".to_owned());
            std::future::pending::<()>().await;
        }
        if message.payload == 13 {
            return Err(Error::new("unlucky"));
        }
        ctx.state().seen.lock().push(message.payload);
        if message.payload >= 100 {
            ctx.emit(Confirmed, &message.payload).await?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Confirmed;

impl crate::Topic for Confirmed {
    type Message = u64;
    const KEY: &'static str = "confirmed";

    fn encode(message: &u64) -> Result<Vec<u8>> {
        crate::codegen::encode_json(message)
    }
}

impl crate::EmittedBy<OrdersController> for Confirmed {}

#[derive(Default)]
struct OrdersWorker;

impl Worker for OrdersWorker {
    type Controller = OrdersController;
    const NAME: &'static str = "OrdersWorker";
}

fn app() -> App<Shared> {
    App::new(&SHOP).consumer::<OrdersWorker, parser::Json, interchanger::Json>(&SHOP.consumers[0])
}

/// A broker of this test, and what sends to it.
struct Kafka {
    broker: EmbeddedBroker,
    producer: Producer,
}

impl Kafka {
    fn start() -> Self {
        let broker = EmbeddedBroker::start(&[("orders".to_owned(), 2), ("confirmed".to_owned(), 1)]).expect("a broker");
        let producer = Producer::builder().brokers(broker.address()).start().expect("a producer");
        Self { producer, broker }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::from_manifest(&SHOP).expect("settings");
        settings.brokers = Some(self.broker.address().to_owned());
        settings
    }

    async fn send(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            let value = Some(number.to_string().into_bytes());
            let key = Some(format!("k{}", number % 7).into_bytes());
            let outgoing = Outgoing { topic: "orders".to_owned(), key, value, ..Outgoing::default() };
            self.producer.send(outgoing).await.expect("sent");
        }
    }
}

/// Waits until something holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what} within 30 s");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Notes what it hears.
#[derive(Clone, Default)]
struct Ear(std::sync::Arc<Mutex<Vec<String>>>);

impl Ear {
    fn has(&self, words: &str) -> bool {
        self.0.lock().iter().any(|heard| heard.contains(words))
    }
}

impl Listener for Ear {
    fn on(&self, event: &Event<'_>) {
        self.0.lock().push(format!("{event:?}"));
    }
}

/// If this fails, a program cannot have consumers inside of it: two apps in one process, each asked how it is, quieted and
/// stopped by itself; or one leaves behind what it has done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_apps_run_inside_of_one_program() {
    let (first, second) = (Kafka::start(), Kafka::start());
    let (states, ear): ([Shared; 2], _) = (Default::default(), Ear::default());
    let one = app().listener(ear.clone()).settings(first.settings()).start(states[0].clone()).await.expect("it starts");
    let two = app().settings(second.settings()).start(states[1].clone()).await.expect("it starts");
    first.send(0..10).await;
    second.send(100..110).await;
    until("both have handled theirs", || states.iter().all(|state| state.seen.lock().len() == 10)).await;
    until("the first is ready", || one.health().ready().status() == Status::Healthy).await;
    assert!(
        one.health().ready().passes() && one.health().live().passes() && ear.has("Assigned"),
        "{}",
        one.health().ready().to_json()
    );
    let done =
        "karafka_performs_total{group=\"shop\",topic=\"orders\",controller=\"OrdersController\",result=\"done\"} 10";
    assert!(one.health().metrics().contains(done), "{}", one.health().metrics());

    one.quiet();
    until("it is quiet", || ear.has("Quieted")).await;
    assert_eq!(one.health().ready().reasons().iter().map(|reason| reason.kind()).collect::<Vec<_>>(), ["quiet"]);
    first.send(10..13).await;
    second.send(110..113).await;
    until("the second goes on", || states[1].seen.lock().len() == 13).await;
    assert_eq!(states[0].seen.lock().len(), 10, "the first is quiet");
    one.resume();
    until("the first goes on", || states[0].seen.lock().len() == 13).await;

    let end = one.stop(Duration::from_secs(20)).await;
    assert!(end.is_clean() && end.handled == 13 && ear.has("Stopped"), "{end}");
    second.send(113..114).await;
    until("the second does not care", || states[1].seen.lock().len() == 14).await;
    // A budget may be of any size.
    let end = two.stop(Duration::MAX).await;
    assert!(end.is_clean() && end.handled == 14, "{end}");

    // What is committed is not begun again.
    first.send(14..15).await;
    let again = app().settings(first.settings()).start(states[0].clone()).await.expect("it starts");
    until("it goes on", || states[0].seen.lock().len() == 14).await;
    assert_eq!(again.until(std::future::ready(())).await.handled, 1);
}

/// If this fails, a stop of an app inside of a program takes longer than it was given, or says nothing of what it cut off; or
/// an app that is dropped works on without anybody who could stop it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_keeps_to_its_budget_and_a_drop_is_a_forced_stop() {
    let kafka = Kafka::start();
    let hangs = || Shared::new(State { hangs_at: Some(1), ..State::default() });
    let (state, ear) = (hangs(), Ear::default());
    let running = app().settings(kafka.settings()).start(state.clone()).await.expect("it starts");
    kafka.send(0..2).await;
    until("the first one", || state.seen.lock().len() == 1).await;
    let end = tokio::time::timeout(Duration::from_secs(15), running.stop(Duration::from_millis(300))).await;
    let end = end.expect("within its budget");
    assert!(!end.is_clean() && end.blocked.len() == 1 && end.to_repeat == 1, "{end:?}");
    assert!(end.to_string().contains("did not end in time"), "{end}");

    let state = hangs();
    let running = app().listener(ear.clone()).settings(kafka.settings()).start(state.clone()).await.expect("it starts");
    until("it has begun", || !state.notes.lock().is_empty()).await;
    drop(running);
    until("it has stopped", || ear.has("Stopped")).await;
    assert!(ear.has("Stopping { budget: 0ns }") && ear.has("to_repeat: 1"), "{:#?}", ear.0.lock());
}

/// If this fails, a program that has made a mistake is not told which.
#[tokio::test]
async fn what_keeps_an_app_from_starting_is_said() {
    let refused = |result: Result<super::Running, StartError>| result.err().expect("it does not start");
    let error = refused(app().start(Shared::default()).await);
    assert!(matches!(error, StartError::NoBrokers), "{error}");
    let settings = || Settings::from_manifest(&SHOP).expect("settings");
    let error = refused(app().settings(settings()).start_worker(Shared::default(), &[]).await);
    assert!(matches!(error, StartError::NoJobs), "{error}");
    let with_jobs = || {
        let app =
            App::new(&WITH_JOBS).consumer::<OrdersWorker, parser::Json, interchanger::Json>(&WITH_JOBS.consumers[0]);
        let mut settings = Settings::from_manifest(&WITH_JOBS).expect("settings");
        settings.brokers = Some("127.0.0.1:1".to_owned());
        app.settings(settings)
    };
    let error = refused(with_jobs().start_worker(Shared::default(), &["mails"]).await);
    assert!(matches!(&error, StartError::Queues(words) if words.contains("mails")), "{error}");
    let error = refused(with_jobs().start_worker(Shared::default(), &[]).await);
    assert!(matches!(error, StartError::NoRedis), "{error}");
    let error = refused(with_jobs().start(Shared::default()).await);
    assert!(matches!(error, StartError::NoRedis), "{error}");
    let error = refused(App::new(&WRONG).start(Shared::default()).await);
    assert!(matches!(&error, StartError::Settings(_)) && error.to_string().contains("security.protocol"), "{error}");
}

struct Notes(&'static str);

impl Layer<Shared> for Notes {
    async fn call(&self, attempt: &Attempt<'_, Shared>, next: Next<'_, Shared>) -> Result {
        let notes = |words: String| attempt.state().notes.lock().push(words);
        notes(format!("{} before {} {}", self.0, attempt.controller(), attempt.number()));
        let result = next.run().await;
        notes(format!("{} after {}", self.0, if result.is_ok() { "well" } else { "ill" }));
        if attempt.record().value() == Some(b"7") { Err(Error::new("the layer says no")) } else { result }
    }
}

/// Adds a header, and keeps odd numbers back.
struct Source;

impl EmitLayer<Shared> for Source {
    async fn call(&self, mut emission: Emission<'_, Shared>, next: NextEmit<'_, Shared>) -> Result {
        emission.header("source", emission.controller());
        if emission.value().is_some_and(|value| value.ends_with(b"1")) {
            return Ok(());
        }
        next.send(emission).await
    }
}

/// If this fails, what an app wraps around its work does not see an attempt or a record, sees them in another order, or cannot
/// decide on them.
#[tokio::test]
async fn layers_wrap_attempts_and_what_is_sent() {
    let state = Shared::default();
    let app = app().layer(Notes("outer")).layer(Notes("inner")).emit_layer(Source);
    let harness = Harness::new(app, state.clone());
    let noted = || std::mem::take(&mut *state.notes.lock());
    assert!(harness.consume("orders", "1").await.is_done());
    assert_eq!(
        noted(),
        ["outer before OrdersController 1", "inner before OrdersController 1", "inner after well", "outer after well"]
    );
    let failed = harness.consume("orders", "13").await;
    assert!(!failed.is_done() && failed.to_string().contains("unlucky"), "{failed}");
    assert_eq!(noted()[2..], ["inner after ill", "outer after ill"]);
    let refused = harness.consume("orders", "7").await;
    assert!(refused.to_string().contains("the layer says no"), "{refused}");
    assert_eq!(state.seen.lock()[..], [1, 7]);

    let sent = harness.consume("orders", "100").await;
    let [emitted] = sent.emitted("confirmed")[..] else { panic!("{sent:?}") };
    assert_eq!(emitted.headers, [(b"source".to_vec(), Some(b"OrdersController".to_vec()))]);
    assert!(harness.consume("orders", "101").await.emitted("confirmed").is_empty());
}

/// If this fails, a record whose emits a layer has kept back waits for ever for their acknowledgement, or one that a layer has
/// refused is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_layer_keeps_back_is_not_waited_for() {
    let kafka = Kafka::start();
    let state = Shared::default();
    let running = app().layer(Notes("layer")).emit_layer(Source).settings(kafka.settings()).start(state.clone()).await;
    let running = running.expect("it starts");
    kafka.send(100..110).await;
    until("all are handled", || state.seen.lock().len() == 10).await;
    let end = running.stop(Duration::from_secs(20)).await;
    assert!(end.is_clean() && end.handled == 10, "{end}");
}

/// If this fails, a program cannot have a worker of jobs inside of it, beside the consumers that hand them over.
#[cfg(feature = "real-redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_runs_beside_the_consumers() {
    let (kafka, redis) = (Kafka::start(), crate::jobs::tests::Server::start());
    drop(redis.connect().await);
    let app =
        || App::new(&WITH_JOBS).consumer::<OrdersWorker, parser::Json, interchanger::Json>(&WITH_JOBS.consumers[0]);
    let settings = || {
        let mut settings = Settings::from_manifest(&WITH_JOBS).expect("settings");
        (settings.brokers, settings.redis) =
            (Some(kafka.broker.address().to_owned()), Some(crate::settings::Redis::at(redis.url())));
        settings
    };
    let (state, ear) = (Shared::default(), Ear::default());
    let consumers = app().layer(Notes("layer")).settings(settings()).start(state.clone()).await.expect("it starts");
    kafka.send(0..10).await;
    until("all are handed over", || state.notes.lock().len() == 20).await;
    assert!(state.seen.lock().is_empty(), "nobody performs jobs yet");

    let worker = app().listener(ear.clone()).settings(settings()).start_worker(state.clone(), &["default"]).await;
    let worker = worker.expect("it starts");
    until("all are performed", || state.seen.lock().len() == 10).await;
    assert!(
        worker.health().live().passes() && worker.health().metrics().contains("karafka_jobs_total{result=\"done\"} 10")
    );
    worker.quiet();
    until("it is quiet", || ear.has("Quieted")).await;
    kafka.send(10..11).await;
    worker.resume();
    until("it goes on", || state.seen.lock().len() == 11).await;
    let end = worker.stop(Duration::from_secs(10)).await;
    assert!(end.is_clean() && end.handled == 11 && ear.has("Stopped"), "{end}");
    assert!(consumers.stop(Duration::from_secs(10)).await.is_clean());
}

static IN_BATCHES: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        controller: "LedgerController",
        worker: "LedgerWorker",
        emits: &[],
        settings: &[("batch.size", "10"), ("retry.backoff", "10ms..20ms")],
        ..SHOP_OF_CONSTANTS.consumers[0]
    }],
    ..SHOP_OF_CONSTANTS
};

#[derive(Default)]
struct LedgerController;

impl Routed for LedgerController {
    type State = Shared;
    type Message = u64;
    const NAME: &'static str = "LedgerController";
}

impl BatchController for LedgerController {
    async fn perform_batch(&self, batch: &Batch<u64>, _: &Context<Self>) -> Result {
        batch.iter().for_each(|message| batch.done(message));
        Ok(())
    }
}

#[derive(Default)]
struct LedgerWorker;

impl Worker for LedgerWorker {
    type Controller = LedgerController;
    const NAME: &'static str = "LedgerWorker";
}

/// A transaction that cannot be committed.
struct Transaction;

impl Layer<Shared> for Transaction {
    async fn call(&self, attempt: &Attempt<'_, Shared>, next: Next<'_, Shared>) -> Result {
        next.run().await?;
        if attempt.records().any(|record| record.value() == Some(b"7")) {
            return Err(Error::new("the commit fails"));
        }
        Ok(())
    }
}

/// If this fails, messages of a batch that were reported as done are committed, and a transaction around them was taken back:
/// they are lost.
#[tokio::test]
async fn what_a_layer_has_taken_back_of_a_batch_is_not_done() {
    let app = || {
        App::new(&IN_BATCHES)
            .batch_consumer::<LedgerWorker, parser::Json, interchanger::Json>(&IN_BATCHES.consumers[0])
            .layer(Transaction)
    };
    let harness = Harness::new(app(), Shared::default());
    assert!(harness.consume_batch("orders", ["1", "2"]).await.is_done());
    let undone = harness.consume_batch("orders", ["1", "7"]).await;
    let failed =
        |verdict: &Verdict| matches!(verdict, Verdict::Failed(error) if error.to_string().contains("the commit fails"));
    assert!(undone.verdicts.iter().all(failed), "{undone}");
}
