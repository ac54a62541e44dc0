//! Batches: filled or waited for, each record with a result of its own, nothing that is done is done again.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    Admission, Batch, BatchController,
    client::{ClientEvent, CommitError, TopicPartition},
    engine::{Connect, core::progress::Progress, start_on},
    testing::source::{Origin, Source},
};

/// Under one key, with batches that are started when they are full.
static FULL: Manifest = Manifest {
    settings: &[("kafka.consumer.session.timeout.ms", "6000")],
    consumers: &[ConsumerEntry {
        controller: "AuditController",
        worker: "AuditWorker",
        settings: &[("batch.size", "10"), ("batch.wait", "1h"), ("retry.backoff", "10ms..40ms"), ("timeout", "150ms")],
        ..PLAIN.consumers[0]
    }],
    ..PLAIN
};

/// Under one key, with batches that do not wait long.
static QUICK: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[
            ("batch.size", "10"),
            ("batch.wait", "20ms"),
            ("retry.backoff", "10ms..40ms"),
            ("timeout", "150ms"),
        ],
        ..FULL.consumers[0]
    }],
    ..FULL
};

/// As that one, by key.
static KEYED: Manifest = Manifest {
    // A member that Kafka takes for dead is not heard when it leaves.
    settings: &[("kafka.consumer.session.timeout.ms", "6000"), ("shutdown_timeout", "3s")],
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }],
    ..QUICK
};

/// As that one, with what fails twice going to `orders.dead`.
static BURYING: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[
            ("batch.size", "10"),
            ("batch.wait", "20ms"),
            ("retry.backoff", "10ms..40ms"),
            ("retry.attempts", "2"),
            ("dead_letter", "orders.dead"),
            ("tombstones", "skip"),
        ],
        ..FULL.consumers[0]
    }],
    ..QUICK
};

/// By key, with failures that rest for a while, and a partition that goes on by itself when its position is lost.
static FOLLOWS: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[
            ("batch.size", "10"),
            ("batch.wait", "20ms"),
            ("retry.backoff", "200ms..200ms"),
            ("lost_position", "earliest"),
        ],
        ..FULL.consumers[0]
    }],
    ..KEYED
};

/// What becomes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strike {
    /// It is reported as failed, and the batch goes on.
    Fail,
    /// The batch ends there with an error.
    Error,
    Panic,
    /// The batch waits there until its time is up.
    Hang,
    Skip,
    Defer,
    /// It is put off for as long as can be said.
    DeferForEver,
}

#[derive(Default)]
struct Audit {
    /// The numbers of each batch, as they were handed over.
    batches: Mutex<Vec<Vec<u64>>>,
    /// Numbers in the order in which they were done.
    done: Mutex<Vec<u64>>,
    strikes: Mutex<BTreeMap<u64, (Strike, u32)>>,
    emits: AtomicBool,
    hooks: Mutex<Vec<(u64, u32, bool)>>,
}

impl Audit {
    fn strike(&self, number: u64, of: &[Strike]) -> Option<Strike> {
        let mut strikes = self.strikes.lock().expect("no panic");
        let (strike, left) = strikes.get_mut(&number).filter(|(strike, left)| *left > 0 && of.contains(strike))?;
        *left -= 1;
        Some(*strike)
    }
}

#[derive(Default)]
struct AuditController;

impl Routed for AuditController {
    type State = Arc<Audit>;
    type Message = u64;
    const NAME: &'static str = "AuditController";
}

impl crate::EmittedBy<AuditController> for Confirmed {}

impl BatchController for AuditController {
    async fn perform_batch(&self, batch: &Batch<u64>, ctx: &Context<Self>) -> Result {
        let audit = ctx.state();
        let numbers: Vec<_> = batch.iter().map(|message| message.payload).collect();
        assert_eq!(numbers.len(), batch.len());
        audit.batches.lock().expect("no panic").push(numbers);
        for message in batch {
            match audit.strike(message.payload, &[Strike::Fail, Strike::Error, Strike::Panic, Strike::Hang]) {
                Some(Strike::Fail) => {
                    batch.fail(message, Error::new("the books are closed"));
                    continue;
                }
                Some(Strike::Error) => return Err(Error::new("the books are shut")),
                Some(Strike::Panic) => panic!("the books are on fire"),
                Some(_) => {
                    let _burns = Burns;
                    std::future::pending::<()>().await;
                }
                None => {}
            }
            if audit.emits.load(Ordering::Relaxed) {
                ctx.emit(Confirmed, &message.payload).await?;
            }
            audit.done.lock().expect("no panic").push(message.payload);
            batch.done(message);
        }
        Ok(())
    }

    async fn before_enqueue(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result<Admission> {
        Ok(match ctx.state().strike(message.payload, &[Strike::Skip, Strike::Defer, Strike::DeferForEver]) {
            Some(Strike::Skip) => Admission::skip("not ours"),
            Some(Strike::DeferForEver) => Admission::Defer(Duration::MAX),
            Some(_) => Admission::Defer(Duration::from_millis(30)),
            None => Admission::Accept,
        })
    }
}

#[derive(Default)]
struct AuditWorker;

impl Worker for AuditWorker {
    type Controller = AuditController;
    const NAME: &'static str = "AuditWorker";

    async fn after_failure(
        &self,
        failure: &crate::Failure<'_>,
        _record: &crate::Record,
        message: Option<&Message<u64>>,
        ctx: &Context<AuditController>,
    ) {
        let number = message.expect("a message").payload;
        ctx.state().hooks.lock().expect("no panic").push((number, failure.attempt, failure.is_last));
    }
}

fn parts(manifest: &'static Manifest, address: &str) -> (App<Arc<Audit>>, Settings, Brokers) {
    let app = App::new(manifest)
        .batch_consumer::<AuditWorker, crate::parser::Json, crate::interchanger::Json>(&manifest.consumers[0]);
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    let settings = Settings::read(manifest, &BTreeMap::new(), &flags).expect("settings");
    (app, settings, Brokers { address: address.to_owned(), embedded: true })
}

/// The only partition of a [`Source`].
struct Partition(Source);

impl Partition {
    fn new() -> Self {
        let source = Source::new();
        source.make("orders", 1);
        Self(source)
    }

    fn connect(&self) -> Connect {
        let source = self.0.clone();
        Arc::new(move |_, topics| Ok(source.join_as_thread("shop", &topics)))
    }

    fn send(&self, key: &str, value: &str) {
        let (topic, key, value) = ("orders".to_owned(), Some(key.into()), Some(value.into()));
        self.0.append(Outgoing { topic, key, value, ..Outgoing::default() }, None, Origin::Test);
    }

    /// Retention passes everything before `begin`.
    fn forget_before(&self, begin: i64) {
        self.0.forget_before(partition(), begin);
    }

    fn commit(&self) -> Option<(i64, Option<String>)> {
        self.0.commit("shop", &partition())
    }

    fn commits(&self) -> u32 {
        self.0.commits("shop")
    }

    fn answer_commits(&self, refusal: Option<CommitError>) {
        self.0.answer_commits("shop", refusal);
    }

    fn lose(&self) {
        self.0.say("shop", ClientEvent::Revoke { partitions: vec![partition()], lost: true });
    }

    fn assign(&self) {
        self.0.say("shop", ClientEvent::Assign(vec![partition()]));
    }

    /// The member is dead to Kafka from here on, whatever it still says.
    fn cut(&self) {
        self.0.cut("shop");
    }
}

fn partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: 0 }
}

/// An app with batches, on a [`Source`] or on somebody's brokers.
struct Office {
    source: Partition,
    runtime: tokio::runtime::Runtime,
    audit: Arc<Audit>,
    notes: Arc<Notes>,
}

impl Office {
    fn open() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        Self { source: Partition::new(), runtime, audit: Arc::default(), notes: Arc::default() }
    }

    /// A partition with the records `0..count` of seven keys.
    fn with_records(count: u64) -> Self {
        let office = Self::open();
        office.send(0..count);
        office
    }

    fn send(&self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|number| self.source.send(&format!("k{}", number % 7), &number.to_string()));
    }

    fn start(&self, manifest: &'static Manifest) -> Groups {
        let (app, settings, brokers) = parts(manifest, "");
        let (audit, notes) = (Arc::clone(&self.audit), Arc::clone(&self.notes));
        let (connect, handle) = (self.source.connect(), self.runtime.handle());
        start_on(&connect, None, launch(app, &settings, &brokers, audit, notes, handle)).expect("it starts")
    }

    fn start_on_kafka(&self, manifest: &'static Manifest, address: &str) -> Groups {
        let (app, settings, brokers) = parts(manifest, address);
        let (audit, notes) = (Arc::clone(&self.audit), Arc::clone(&self.notes));
        start(launch(app, &settings, &brokers, audit, notes, self.runtime.handle())).expect("it starts")
    }

    fn strike(&self, number: u64, strike: Strike, times: u32) {
        self.audit.strikes.lock().expect("no panic").insert(number, (strike, times));
    }

    fn done(&self) -> Vec<u64> {
        self.audit.done.lock().expect("no panic").clone()
    }

    fn batches(&self) -> Vec<Vec<u64>> {
        self.audit.batches.lock().expect("no panic").clone()
    }

    fn noted(&self, words: &str) -> usize {
        self.notes.0.lock().expect("no panic").iter().filter(|note| note.contains(words)).count()
    }

    #[track_caller]
    fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !done(self) {
            let (batches, commit) = (self.batches(), self.source.commit());
            let notes = self.notes.0.lock().expect("no panic").clone();
            assert!(Instant::now() < end, "{what} did not come; {batches:?}; {commit:?}; {notes:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether each number was done once.
#[track_caller]
fn assert_once(done: &[u64], numbers: std::ops::Range<u64>) {
    let mut sorted = done.to_vec();
    sorted.sort_unstable();
    assert_eq!(sorted, numbers.collect::<Vec<_>>(), "in this order: {done:?}");
}

/// If this fails, a batch is handed over before it is full, or a full one waits.
#[test]
fn a_full_batch_goes_at_once() {
    let office = Office::with_records(100);
    let running = office.start(&FULL);
    office.until("all", |office| office.source.commit() == Some((100, None)));
    assert_eq!(running.join().handled, 100);
    let expected: Vec<Vec<u64>> = (0..10).map(|batch| (batch * 10..batch * 10 + 10).collect()).collect();
    assert_eq!(office.batches(), expected);
}

/// If this fails, the last records of a quiet topic are never handled.
#[test]
fn what_came_within_the_wait_goes() {
    let office = Office::with_records(13);
    let running = office.start(&QUICK);
    office.until("all", |office| office.source.commit() == Some((13, None)));
    office.send(13..15);
    office.until("more", |office| office.source.commit() == Some((15, None)));
    running.join();
    assert_eq!(office.done(), (0..15).collect::<Vec<_>>());
    assert!(office.batches().iter().all(|batch| batch.len() <= 10));
}

/// If this fails, one record that fails, panics or takes too long has others of its batch done again, or done never; or
/// newer records pass it.
#[test]
fn only_what_is_not_done_is_done_again() {
    for (strike, note) in [
        (Strike::Fail, "the books are closed"),
        (Strike::Error, "the books are shut"),
        (Strike::Panic, "the books are on fire"),
        (Strike::Hang, "not done within"),
    ] {
        let office = Office::with_records(30);
        office.strike(4, strike, 2);
        let running = office.start(&QUICK);
        office.until("all", |office| office.source.commit() == Some((30, None)));
        let end = running.join();
        let done = office.done();
        assert_once(&done, 0..30);
        assert_eq!(end.handled, 30);
        assert!(office.noted(note) >= 2, "{strike:?}");
        let place = done.iter().position(|number| *number == 4).expect("it is done");
        assert!(done[..place].iter().all(|number| *number < 10), "newer ones pass: {strike:?} {done:?}");
        let attempts: Vec<_> = office.audit.hooks.lock().expect("no panic").clone();
        let own: Vec<_> = attempts.iter().filter(|(number, ..)| *number == 4).map(|(_, attempt, _)| *attempt).collect();
        assert_eq!(own, [1, 2], "{strike:?}");
        assert!(attempts.iter().all(|(number, ..)| *number >= 4), "what was reported done has not failed");
    }
}

/// If this fails, a record that `before_enqueue` does not want reaches the handler, or one that it puts off is passed.
#[test]
fn what_is_not_admitted_leaves_the_batch() {
    let office = Office::with_records(20);
    office.strike(3, Strike::Skip, 1);
    office.strike(5, Strike::Defer, 2);
    let running = office.start(&QUICK);
    office.until("all", |office| office.source.commit() == Some((20, None)));
    running.join();
    let expected: Vec<_> = (0..20).filter(|number| *number != 3).collect();
    assert_eq!(office.done(), expected);
    assert_eq!((office.noted("Skipped {"), office.noted("Deferred {")), (1, 2));
}

/// If this fails, a record that is put off for as long as can be said ends the process, at each start anew, or keeps others
/// from being done.
#[test]
fn what_is_put_off_for_ever_waits_and_ends_nothing() {
    let office = Office::with_records(20);
    office.strike(5, Strike::DeferForEver, 1);
    let running = office.start(&KEYED);
    // Number 5 holds back those behind it that have its key, but for those that were in its batch.
    office.until("all of other keys", |office| office.done().iter().filter(|number| *number % 7 != 5).count() == 17);
    office.until("the commit of what is before it", |office| {
        office.source.commit().is_some_and(|(offset, _)| offset == 5)
    });
    let end = running.join();
    assert!(end.fatal.is_empty() && end.blocked.is_empty(), "{end:?}");
    let running = office.start(&KEYED);
    office.until("all", |office| office.source.commit() == Some((20, None)));
    running.join();
    assert_once(&office.done(), 0..20);
}

/// If this fails, a record that cannot be parsed keeps those before it from being done, or is passed by those behind it.
#[test]
fn poison_ends_the_batch_before_it() {
    let office = Office::with_records(4);
    office.source.send("k4", "not json");
    office.send(5..12);
    let running = office.start(&QUICK);
    office.until("what is before it", |office| office.source.commit() == Some((4, None)));
    office.until("the report", |office| office.noted("Unparseable {") == 1);
    running.join();
    assert_eq!(office.done(), [0, 1, 2, 3]);
}

/// If this fails, a stop waits for a batch to fill, or hands over half of one.
#[test]
fn a_stop_does_not_wait_for_a_batch_to_fill() {
    let office = Office::with_records(13);
    let running = office.start(&FULL);
    office.until("the full one", |office| office.source.commit() == Some((10, None)));
    // It ends at all: an hour has not passed.
    running.join();
    assert_eq!(office.done(), (0..10).collect::<Vec<_>>());
    let running = office.start(&QUICK);
    office.until("the rest", |office| office.source.commit() == Some((13, None)));
    running.join();
    assert_once(&office.done(), 0..13);
}

/// If this fails, a crash has everything done again that one failing record of a batch has kept from being committed.
#[test]
fn a_crash_repeats_only_what_was_not_finished() {
    let office = Office::with_records(50);
    office.strike(3, Strike::Fail, u32::MAX);
    let running = office.start(&KEYED);
    let of_its_key = |number: u64| number % 7 == 3;
    office.until("a commit that says all but one", |office| {
        let Some((offset, Some(metadata))) = office.source.commit() else { return false };
        let mut progress = Progress::decode(metadata.as_bytes(), offset);
        offset == 3
            && progress.take_attempt(3) > 2
            && (4..50).all(|offset| of_its_key(offset as u64) || progress.pass(offset))
    });
    // To Kafka the process is dead: nothing that it still says is heard.
    office.source.cut();
    running.join();
    office.strike(3, Strike::Fail, 0);
    let running = office.start(&KEYED);
    office.until("the rest", |office| office.source.commit() == Some((50, None)));
    running.join();
    assert_once(&office.done(), 0..50);
}

/// If this fails, some mixture of failures has records of a key done out of order, twice, or never.
#[test]
fn keys_keep_their_order_whatever_fails() {
    let office = Office::with_records(500);
    for number in (0..500).step_by(13) {
        let strikes = [Strike::Error, Strike::Panic, Strike::Defer];
        office.strike(number, strikes[(number / 13) as usize % 3], 1 + (number % 2) as u32);
    }
    let running = office.start(&KEYED);
    office.until("all", |office| office.source.commit() == Some((500, None)));
    running.join();
    let done = office.done();
    assert_once(&done, 0..500);
    for key in 0..7 {
        let of_key: Vec<_> = done.iter().filter(|number| **number % 7 == key).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
}

/// If this fails, what is finished is done again after a lost session, or a lost partition's records are kept for ever.
#[test]
fn a_lost_partition_that_comes_back_repeats_nothing() {
    let office = Office::with_records(50);
    office.strike(3, Strike::Fail, u32::MAX);
    let refusal = CommitError::other("no coordinator");
    office.source.answer_commits(Some(refusal));
    let running = office.start(&KEYED);
    // Number 3 holds back the six behind it that have its key, but for those that were in its first batch.
    office.until("most", |office| office.done().len() >= 43 && office.source.commits() > 0);
    office.source.lose();
    office.until("the loss", |office| office.noted("Lost {") == 1);
    office.strike(3, Strike::Fail, 0);
    office.source.answer_commits(None);
    office.source.assign();
    office.until("a commit of all", |office| office.source.commit() == Some((50, None)));
    running.join();
    assert_once(&office.done(), 0..50);
}

/// If this fails, a record that has failed and waits for its next attempt is never tried again when retention passes its
/// partition's position, though it is in memory.
#[test]
fn what_rests_is_done_before_a_lost_position_is_left() {
    let office = Office::with_records(7);
    office.strike(4, Strike::Fail, 3);
    let running = office.start(&FOLLOWS);
    office.until("all but one", |office| office.done().len() == 6);
    // What comes now is not there any more, and the one that has failed is not, either.
    office.source.forget_before(40);
    office.send(7..60);
    office.until("all that is there", |office| office.source.commit() == Some((60, None)));
    running.join();
    let mut done = office.done();
    done.sort_unstable();
    assert_eq!(done, (0..7).chain(40..60).collect::<Vec<_>>(), "what was read is done, and what is there");
    assert_eq!(office.noted("from: Some(7), to: 40, passed: 33"), 1);
}

/// If this fails, the offsets of a batch are committed before Kafka has what it sent, one bad record takes its whole
/// batch to the dead letter topic, or poison does.
#[test]
fn emits_and_dead_letters_come_before_the_commit() {
    let topics = [("orders".to_owned(), 2), ("confirmed".to_owned(), 1), ("orders.dead".to_owned(), 1)];
    let broker = EmbeddedBroker::start(&topics).expect("a broker");
    let shop = Shop::at(broker.address(), &MANIFEST);
    let office = Office::open();
    office.audit.emits.store(true, Ordering::Relaxed);
    office.strike(7, Strike::Fail, u32::MAX);
    office.strike(11, Strike::Error, 1);
    shop.send_numbers(0..30);
    shop.send(Some("k1"), Some("not json"));
    shop.send(Some("k2"), None);
    shop.send_numbers(30..60);
    let running = office.start_on_kafka(&BURYING, broker.address());
    office.until("all but one", |office| office.done().len() == 59 && office.noted("DeadLettered {") == 1);
    let end = running.join();
    assert_eq!((end.handled, end.dead), (60, 2), "{:#?}", office.notes.0.lock().expect("no panic"));
    let done: BTreeSet<_> = office.done().into_iter().collect();
    assert_eq!(done, (0..60).filter(|number| *number != 7).collect());
    assert_eq!(office.done().len(), 59, "nothing twice");
    // What a batch has sent is told once, with the first of its records.
    let notes = office.notes.0.lock().expect("no panic").clone();
    let told: Vec<_> = notes.iter().filter(|note| note.starts_with("Done {")).collect();
    let sent: usize = told.iter().map(|note| note.matches("topic: \"confirmed\"").count()).sum();
    assert!(told.len() == 59 && sent >= 59 && told.iter().any(|note| note.contains("emitted: []")), "{told:#?}");
    let attempts: Vec<_> = office.batches().into_iter().filter(|batch| batch.contains(&7)).collect();
    assert_eq!(attempts.last(), Some(&vec![7]), "the last attempt is made alone");
    let gave_up: Vec<_> = office.audit.hooks.lock().expect("no panic").iter().filter(|hook| hook.2).copied().collect();
    assert_eq!(gave_up, [(7, 2, true)]);
    // A clean stop has committed all: nothing comes again.
    let running = office.start_on_kafka(&BURYING, broker.address());
    shop.send(Some("k1"), Some("60"));
    office.until("the next", |office| office.done().contains(&60));
    assert_eq!(running.join().handled, 1);
}

/// If this fails, a stop waits for dead letters that a producer which has failed for good will never send.
#[test]
fn a_stop_does_not_wait_for_a_producer_that_has_failed_for_good() {
    let broker = EmbeddedBroker::start(&[("orders".to_owned(), 1)]).expect("a broker");
    let shop = Shop::at(broker.address(), &MANIFEST);
    let office = Office::open();
    shop.send_numbers(0..20);
    office.strike(19, Strike::Fail, u32::MAX);
    let running = office.start_on_kafka(&BURYING, broker.address());
    running.producer.as_ref().expect("it buries").fail_for_good("the books are burnt");
    office.until("a dead letter that is refused", |office| office.noted("orders.dead does not take the record") > 0);
    let begun = Instant::now();
    let end = running.join();
    assert!(begun.elapsed() < Duration::from_secs(15), "the stop has waited: {:?}", begun.elapsed());
    assert_eq!((end.handled, end.dead, end.unacknowledged, end.blocked.len()), (19, 0, 1, 0), "{end:?}");
    office.strike(19, Strike::Fail, 0);
    let running = office.start_on_kafka(&BURYING, broker.address());
    office.until("the last one", |office| office.done().len() == 20);
    running.join();
    assert_once(&office.done(), 0..20);
}

/// If this fails, an author cannot test what a controller makes of a batch.
#[tokio::test]
async fn the_harness_hands_over_a_batch() {
    let app = App::new(&QUICK)
        .batch_consumer::<AuditWorker, crate::parser::Json, crate::interchanger::Json>(&QUICK.consumers[0]);
    let harness = crate::testing::Harness::new(app, Arc::new(Audit::default()));
    harness.state().emits.store(true, Ordering::Relaxed);
    harness.state().strikes.lock().expect("no panic").insert(2, (Strike::Fail, 1));
    harness.state().strikes.lock().expect("no panic").insert(4, (Strike::Skip, 1));
    let outcome = harness.consume_batch("orders", ["1", "2", "not json", "3", "4"]).await;
    let words: Vec<_> = outcome.verdicts.iter().map(ToString::to_string).collect();
    assert_eq!(words[0], "done");
    assert_eq!(words[1], "failed: the books are closed");
    assert!(words[2].starts_with("cannot be parsed: "), "{words:?}");
    assert_eq!(words[3..], ["done", "skipped: not ours"]);
    assert_eq!(outcome.emitted("confirmed").len(), 2);
    assert!(!outcome.is_done() && outcome.to_string().contains("1: failed: the books are closed"), "{outcome}");
    let alone = harness.consume("orders", "5").await;
    assert!(alone.is_done(), "{alone}");
}
