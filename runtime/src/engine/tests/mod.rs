//! The engine on the real client and librdkafka's mock cluster, and in `finished` on a Kafka in the process that
//! does as a test says.

mod at_most_once;
mod batches;
mod blocking;
mod drain;
mod finished;
mod groups;
mod instructions;
mod jobs;
mod positions;
mod producer;
mod sizes;
mod stall;
mod standstill;
mod timeouts;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Brokers, Groups, Launch, start};
use crate::{
    App, Context, Controller, Error, Message, OwnedRecord, Record, Result, Routed, Topic, Worker,
    broker::EmbeddedBroker,
    events::{Event, Listener},
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    outgoing::Outgoing,
    producer::Producer,
    settings::{Flags, Settings},
};

static MANIFEST: Manifest = PLAIN;

const PLAIN: Manifest = Manifest {
    app: "shop",
    version: "0.1.0",
    root: "",
    // A busy machine must not be taken for a dead member: a lost session repeats records, and rightly so.
    settings: &[("kafka.consumer.session.timeout.ms", "6000")],
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
        settings: &[("retry.backoff", "20ms..100ms"), ("tombstones", "deliver")],
    }],
};

/// What the controller below does, and what it has seen.
#[derive(Default)]
struct State {
    /// Numbers in the order of their handling, with the partition.
    seen: Mutex<Vec<(i32, u64)>>,
    records: Mutex<Vec<OwnedRecord>>,
    tombstones: AtomicU32,
    /// Tombstones that the worker's hook was told of.
    failed_tombstones: Mutex<Vec<OwnedRecord>>,
    /// Fails attempts at this number, as often as it says.
    fails: Mutex<BTreeMap<u64, u32>>,
    panics: Mutex<BTreeMap<u64, u32>>,
    sleep: Mutex<Duration>,
    /// A handler that sleeps fails when it is told that its partition is gone.
    listens: AtomicBool,
    /// For how many microseconds a handler keeps its thread.
    busy: AtomicU64,
    /// Handlers of these numbers wait, without a thread, as long as they are here.
    holds: tokio::sync::watch::Sender<BTreeSet<u64>>,
    /// The handler of this number keeps its thread as long as it is here.
    blocks: Mutex<Option<u64>>,
    emits: AtomicBool,
    /// A handler that has sent something takes some time to end.
    lingers: AtomicBool,
    /// The next attempt never ends, and what it holds panics when it is dropped.
    burns: AtomicBool,
    /// While it is set, every attempt fails.
    outage: AtomicBool,
    /// The `traceparent` of each attempt.
    traces: Mutex<Vec<Option<String>>>,
}

/// Panics when it is dropped.
struct Burns;

impl Drop for Burns {
    fn drop(&mut self) {
        panic!("on fire");
    }
}

#[derive(Default)]
struct OrdersController;

impl Routed for OrdersController {
    type State = Arc<State>;
    type Message = u64;
    const NAME: &'static str = "OrdersController";
}

#[derive(Clone, Copy)]
struct Confirmed;

impl Topic for Confirmed {
    type Message = u64;
    const KEY: &'static str = "confirmed";

    fn encode(message: &u64) -> Result<Vec<u8>> {
        crate::codegen::encode_json(message)
    }
}

impl crate::EmittedBy<OrdersController> for Confirmed {}

fn strike(strikes: &Mutex<BTreeMap<u64, u32>>, number: u64) -> bool {
    match strikes.lock().expect("no panic").get_mut(&number) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

impl Controller for OrdersController {
    async fn perform(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result {
        let (state, number) = (ctx.state(), message.payload);
        state.traces.lock().expect("no panic").push(ctx.trace.as_ref().map(|trace| trace.traceparent()));
        if state.burns.swap(false, Ordering::Relaxed) {
            let _burns = Burns;
            std::future::pending::<()>().await;
        }
        let sleep = *state.sleep.lock().expect("no panic");
        if !sleep.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = ctx.revoked(), if state.listens.load(Ordering::Relaxed) => return Err(Error::new("told to stop")),
            }
        }
        let busy = state.busy.load(Ordering::Relaxed);
        if busy > 0 {
            std::thread::sleep(Duration::from_micros(busy));
        }
        if state.holds.borrow().contains(&number) {
            let _ = state.holds.subscribe().wait_for(|held| !held.contains(&number)).await;
        }
        while *state.blocks.lock().expect("no panic") == Some(number) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if state.outage.load(Ordering::Relaxed) || strike(&state.fails, number) {
            return Err(Error::new("the shop is closed"));
        }
        assert!(!strike(&state.panics, number), "the shop is on fire");
        if state.emits.load(Ordering::Relaxed) {
            ctx.emit(Confirmed, &number).header("from", "shop").await?;
        }
        if state.lingers.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        state.records.lock().expect("no panic").push(message.to_owned_record());
        state.seen.lock().expect("no panic").push((message.partition(), number));
        Ok(())
    }

    async fn perform_tombstone(&self, record: &Record, ctx: &Context<Self>) -> Result {
        if ctx.state().burns.swap(false, Ordering::Relaxed) {
            let _burns = Burns;
            std::future::pending::<()>().await;
        }
        if ctx.state().outage.load(Ordering::Relaxed) {
            return Err(Error::new("the shop is closed"));
        }
        ctx.state().records.lock().expect("no panic").push(record.to_owned_record());
        ctx.state().tombstones.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[derive(Default)]
struct OrdersWorker;

impl Worker for OrdersWorker {
    type Controller = OrdersController;
    const NAME: &'static str = "OrdersWorker";

    async fn after_failure(
        &self,
        _failure: &crate::Failure<'_>,
        record: &Record,
        message: Option<&Message<u64>>,
        ctx: &Context<OrdersController>,
    ) {
        if message.is_none() {
            ctx.state().failed_tombstones.lock().expect("no panic").push(record.to_owned_record());
        }
    }
}

/// Keeps what was reported, as text; with `true`, without what is done.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>, AtomicBool);

impl Listener for Notes {
    fn wants_done(&self) -> bool {
        !self.1.load(Ordering::Relaxed)
    }

    fn on(&self, event: &Event<'_>) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(format!("{event:?}"));
    }
}

/// What starts an app in a test.
fn launch<'a, S: Send + Sync + 'static>(
    app: App<S>,
    settings: &'a Settings,
    brokers: &'a Brokers,
    state: S,
    listener: Arc<dyn Listener>,
    runtime: &'a tokio::runtime::Handle,
) -> Launch<'a, S> {
    let App { manifest, routes, layers, .. } = app;
    let measures = settings.health.is_some();
    Launch { manifest, routes, layers, settings, brokers, state, listener, runtime, measures }
}

struct Shop {
    /// Kept running; `None` if the test brings its own.
    _broker: Option<EmbeddedBroker>,
    address: String,
    app: &'static Manifest,
    /// Variables of the environment that settings are read from.
    variables: BTreeMap<String, String>,
    producer: Producer,
    runtime: tokio::runtime::Runtime,
    state: Arc<State>,
    notes: Arc<Notes>,
}

impl Shop {
    fn open() -> Self {
        let topics = [("orders".to_owned(), 2), ("confirmed".to_owned(), 1)];
        let broker = EmbeddedBroker::start(&topics).expect("a broker");
        let address = broker.address().to_owned();
        Self { _broker: Some(broker), ..Self::at(&address, &MANIFEST) }
    }

    /// A shop on somebody else's brokers.
    fn at(address: &str, app: &'static Manifest) -> Self {
        let producer = Producer::builder().brokers(address).start().expect("a producer");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        Self {
            _broker: None,
            address: address.to_owned(),
            app,
            variables: BTreeMap::new(),
            producer,
            runtime,
            state: Arc::default(),
            notes: Arc::default(),
        }
    }

    /// Returns the partition.
    fn send(&self, key: Option<&str>, value: Option<&str>) -> i32 {
        let outgoing = Outgoing {
            topic: "orders".to_owned(),
            key: key.map(|key| key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            ..Outgoing::default()
        };
        self.runtime.block_on(self.producer.send(outgoing)).expect("acknowledged").partition
    }

    /// Returns the partition of each.
    fn send_numbers(&self, numbers: std::ops::Range<u64>) -> Vec<i32> {
        numbers.map(|number| self.send(Some(&format!("k{}", number % 7)), Some(&number.to_string()))).collect()
    }

    fn start(&self) -> Groups {
        self.start_as(self.app)
    }

    fn start_as(&self, manifest: &'static Manifest) -> Groups {
        let app = App::new(manifest)
            .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&manifest.consumers[0]);
        self.start_app(manifest, app)
    }

    fn start_app(&self, manifest: &'static Manifest, app: App<Arc<State>>) -> Groups {
        let flags = Flags { default_environment: Some("development"), ..Flags::default() };
        let settings = Settings::read(manifest, &self.variables, &flags).expect("settings");
        let brokers = Brokers { address: self.address.clone(), embedded: true };
        let (state, notes) = (Arc::clone(&self.state), Arc::clone(&self.notes));
        start(launch(app, &settings, &brokers, state, notes, self.runtime.handle())).expect("it starts")
    }

    /// How many attempts have begun.
    fn begun(&self) -> usize {
        self.state.traces.lock().expect("no panic").len()
    }

    fn seen(&self) -> Vec<(i32, u64)> {
        self.state.seen.lock().expect("no panic").clone()
    }

    #[track_caller]
    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            let (seen, notes) = (self.seen().len(), self.other_notes());
            assert!(Instant::now() < end, "{what} did not come; saw {seen} records; {notes:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What was reported beside records that went well.
    fn other_notes(&self) -> Vec<String> {
        let notes = self.notes.0.lock().expect("no panic");
        notes.iter().filter(|note| !note.starts_with("Done {")).cloned().collect()
    }

    fn noted(&self, words: &str) -> usize {
        self.notes.0.lock().expect("no panic").iter().filter(|note| note.contains(words)).count()
    }
}

/// If this fails, records are lost, repeated or out of order on the plainest way there is.
#[test]
fn handles_every_record_once_in_order_and_goes_on_where_it_stopped() {
    let shop = Shop::open();
    shop.send_numbers(0..500);
    let running = shop.start();
    shop.until("the first half", |shop| shop.seen().len() == 500);
    let end = running.join();
    assert_eq!((end.handled, end.failed, end.blocked.len()), (500, 0, 0));

    shop.send_numbers(500..600);
    let running = shop.start();
    shop.until("the rest", |shop| shop.seen().len() >= 600);
    let end = running.join();
    assert_eq!(end.handled, 100, "a clean stop repeats nothing");
    for partition in 0..2 {
        let numbers: Vec<_> = shop.seen().iter().filter(|(p, _)| *p == partition).map(|(_, n)| *n).collect();
        assert!(numbers.is_sorted(), "partition {partition} is out of order");
    }
}

/// If this fails, a failing or panicking handler loses its record, or lets later ones of the partition pass.
#[test]
fn retries_failures_and_panics_in_place() {
    let shop = Shop::open();
    shop.state.fails.lock().expect("no panic").insert(3, 2);
    shop.state.panics.lock().expect("no panic").insert(5, 1);
    for number in 0..10 {
        shop.send(Some("one key"), Some(&number.to_string()));
    }
    let running = shop.start();
    shop.until("all ten", |shop| shop.seen().len() == 10);
    let end = running.join();
    assert_eq!((end.handled, end.failed), (10, 3));
    let numbers: Vec<_> = shop.seen().iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    assert_eq!((shop.noted("Failed {"), shop.noted("Panicked {")), (2, 1));
    assert_eq!(shop.noted("the shop is on fire"), 1);
}

/// If this fails, a record that is not JSON is skipped (lost), or stops partitions that it is not in.
#[test]
fn a_poison_record_stops_its_partition_and_no_other() {
    let shop = Shop::open();
    shop.send(Some("one key"), Some("1"));
    shop.send(Some("one key"), Some("not json"));
    shop.send(Some("one key"), Some("2"));
    let running = shop.start();
    shop.until("the record before", |shop| shop.seen().len() == 1);
    shop.until("the report", |shop| shop.noted("Unparseable {") == 1);
    let sent = shop.send_numbers(100..160);
    let poisoned = shop.seen()[0].0;
    let others = sent.iter().filter(|partition| **partition != poisoned).count();
    assert!(others > 0, "all keys are on one partition");
    shop.until("the other partition", |shop| shop.seen().len() == 1 + others);
    let end = running.join();
    assert_eq!(end.failed, 1);
    assert_eq!(shop.seen().iter().filter(|(partition, _)| *partition == poisoned).count(), 1);

    let running = shop.start();
    shop.until("the report again", |shop| shop.noted("Unparseable {") == 2);
    let end = running.join();
    assert_eq!(end.handled, 0, "the poison record still holds its partition back after a restart");
}

/// If this fails, records without a value, with empty keys or with odd headers are taken for something else.
#[test]
fn null_empty_and_foreign_bytes_are_kept_apart() {
    let shop = Shop::open();
    let why = vec![(b"why".to_vec(), Some(b"closed".to_vec()))];
    let (topic, key) = ("orders".to_owned(), Some(b"gone".to_vec()));
    let gone = Outgoing { topic, key, value: None, headers: why.clone(), ..Outgoing::default() };
    shop.runtime.block_on(shop.producer.send(gone)).expect("acknowledged");
    shop.send(None, Some("1"));
    shop.send(Some(""), Some("2"));
    let foreign =
        vec![(b"\xff\xfe".to_vec(), None), (b"twice".to_vec(), Some(vec![])), (b"twice".to_vec(), Some(vec![0xff]))];
    let outgoing = Outgoing {
        topic: "orders".to_owned(),
        key: Some(b"\xff".to_vec()),
        value: Some(b"3".to_vec()),
        headers: foreign.clone(),
        ..Outgoing::default()
    };
    shop.runtime.block_on(shop.producer.send(outgoing)).expect("acknowledged");
    let running = shop.start();
    shop.until("all four", |shop| shop.seen().len() == 3 && shop.state.tombstones.load(Ordering::Relaxed) == 1);
    let records = shop.state.records.lock().expect("no panic").clone();
    let last = records.iter().find(|record| record.value.as_deref() == Some(b"3"));
    assert_eq!(last.map(|record| &record.headers), Some(&foreign), "headers keep their bytes and their order");
    let gone = records.iter().find(|record| record.value.is_none());
    let gone = gone.map(|record| (record.key.as_deref(), &record.headers));
    assert_eq!(gone, Some((Some(b"gone".as_slice()), &why)), "a tombstone comes with its record");
    running.join();
    let mut keys: Vec<_> = shop.state.records.lock().expect("no panic").iter().map(|r| r.key.clone()).collect();
    keys.sort();
    assert_eq!(keys, [None, Some(Vec::new()), Some(b"gone".to_vec()), Some(vec![0xff])]);
}

/// If this fails, who hears that a tombstone failed cannot say which.
#[test]
fn a_hook_is_told_which_tombstone_has_failed() {
    let shop = Shop::open();
    shop.state.outage.store(true, Ordering::Relaxed);
    shop.send(Some("gone"), None);
    let running = shop.start();
    let told = |shop: &Shop| shop.state.failed_tombstones.lock().expect("no panic").first().cloned();
    shop.until("a failure", |shop| told(shop).is_some());
    assert_eq!(told(&shop).and_then(|record| record.key), Some(b"gone".to_vec()));
    shop.state.outage.store(false, Ordering::Relaxed);
    shop.until("the tombstone", |shop| shop.state.tombstones.load(Ordering::Relaxed) == 1);
    running.join();
}

/// If this fails, an offset is committed before Kafka has what its record sent.
#[test]
fn emits_arrive_with_their_headers_before_the_record_counts_as_done() {
    let shop = Shop::open();
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.send_numbers(0..50);
    let running = shop.start();
    shop.until("all fifty, acknowledged", |shop| shop.noted("Done {") == 50);
    let end = running.join();
    assert_eq!(end.handled, 50);
    let notes = shop.notes.0.lock().expect("no panic").clone();
    let done: Vec<_> = notes.iter().filter(|note| note.contains("Done {")).collect();
    assert!(done.iter().all(|note| note.contains("topic: \"confirmed\"")), "{done:?}");
}

/// If this fails, lanes that are not woken for each acknowledgement are not woken for the commit or the stop either.
#[test]
fn acknowledged_emits_are_committed_without_a_listener() {
    let shop = Shop::open();
    shop.notes.1.store(true, Ordering::Relaxed);
    shop.state.emits.store(true, Ordering::Relaxed);
    shop.send_numbers(0..50);
    let running = shop.start();
    shop.until("the commit of all", |_| {
        let groups = running.watch().view(Instant::now()).groups;
        groups.iter().flat_map(|group| &group.lanes).filter_map(|lane| lane.committed).sum::<i64>() == 50
    });
    shop.send_numbers(50..100);
    shop.until("the rest", |shop| shop.seen().len() == 100);
    assert_eq!(running.join().handled, 100);
    let running = shop.start();
    shop.send_numbers(100..101);
    shop.until("one more", |shop| shop.seen().len() >= 101);
    assert_eq!(running.join().handled, 1, "a clean stop waits for what is on its way, and commits it");
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// If this fails, a trace ends where a record is consumed, or goes on in records that are not of it.
#[test]
fn a_trace_goes_through() {
    let shop = Shop::open();
    shop.state.fails.lock().expect("no panic").insert(1, 1);
    shop.send(Some("one key"), Some("0"));
    let (key, value) = (Some(b"one key".to_vec()), Some(b"1".to_vec()));
    let headers = vec![(b"traceparent".to_vec(), Some(PARENT.into()))];
    let outgoing = Outgoing { topic: "orders".to_owned(), key, value, headers, ..Outgoing::default() };
    shop.runtime.block_on(shop.producer.send(outgoing)).expect("acknowledged");
    shop.send(Some("one key"), Some("2"));
    let running = shop.start();
    shop.until("all three", |shop| shop.seen().len() == 3);
    running.join();
    let traces = shop.state.traces.lock().expect("no panic").clone();
    let [None, Some(first), Some(second), None] = traces.as_slice() else { panic!("{traces:?}") };
    assert_eq!((&first[..36], &second[..36]), (&PARENT[..36], &PARENT[..36]), "the same trace");
    assert_ne!(first, second, "each attempt is a span of its own");
}

/// If this fails, what is emitted is not found in the trace of what it came from.
#[tokio::test]
async fn what_is_emitted_belongs_to_the_trace() {
    let app = App::new(&MANIFEST)
        .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&MANIFEST.consumers[0]);
    let harness = crate::testing::Harness::new(app, Arc::new(State::default()));
    harness.state().emits.store(true, Ordering::Relaxed);
    let headers =
        vec![(b"traceparent".to_vec(), Some(PARENT.into())), (b"tracestate".to_vec(), Some(b"vendor=1".to_vec()))];
    let record = OwnedRecord { value: Some(b"1".to_vec()), headers, ..OwnedRecord::default() };
    let outcome = harness.consume_record("orders", record).await;
    assert!(outcome.is_done(), "{outcome}");
    let [emitted] = outcome.emitted("confirmed")[..] else { panic!("{outcome:?}") };
    let names: Vec<_> = emitted.headers.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
    assert_eq!(names, ["from", "traceparent", "tracestate"]);
    let traceparent = emitted.headers[1].1.clone().expect("a value");
    assert!(traceparent.starts_with(&PARENT.as_bytes()[..36]) && traceparent != PARENT.as_bytes());
}

/// If this fails, a stop in the middle of slow handlers drops or repeats what they were at.
#[test]
fn a_stop_waits_for_handlers_and_repeats_nothing() {
    let shop = Shop::open();
    *shop.state.sleep.lock().expect("no panic") = Duration::from_millis(60);
    shop.send_numbers(0..40);
    let running = shop.start();
    shop.until("some", |shop| shop.seen().len() >= 3);
    let first = running.join();
    assert!(first.handled < 40 && first.blocked.is_empty());
    *shop.state.sleep.lock().expect("no panic") = Duration::ZERO;
    let running = shop.start();
    shop.until("the rest", |shop| shop.seen().len() >= 40);
    let second = running.join();
    assert_eq!(first.handled + second.handled, 40);
    let mut numbers: Vec<_> = shop.seen().iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

/// If this fails, two members of a group both work on a partition, or leave one to nobody.
#[test]
fn two_members_share_the_partitions_and_hand_them_over_without_repeats() {
    let shop = Shop::open();
    *shop.state.sleep.lock().expect("no panic") = Duration::from_millis(2);
    shop.send_numbers(0..200);
    let first = shop.start();
    shop.until("a start", |shop| shop.seen().len() >= 20);
    let second = shop.start();
    shop.send_numbers(200..400);
    shop.until("all", |shop| shop.seen().len() >= 400);
    let ends = [first.join(), second.join()];
    let handled = ends.iter().map(|end| end.handled).sum::<u64>();
    assert_eq!(handled, 400, "{:#?}", shop.other_notes());
    let mut numbers: Vec<_> = shop.seen().iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
}

#[path = "../fault_tests/mod.rs"]
mod faults;
