//! Attempts that run on when their partition is gone: who tells them, when, and what becomes of their records.

use super::*;
use crate::{
    Batch, BatchController, Failure, Record,
    client::{ClientEvent, TopicPartition},
    engine::jobs::Jobs,
    jobs::{
        job::Job,
        worker::{NotPerformed, Perform as _},
    },
    settings::{Flags, Settings},
};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn parcels(settings: &'static [Setting]) -> ConsumerEntry {
    ConsumerEntry { controller: "ParcelsController", worker: "ParcelsWorker", emits: &[], ..payments("shop", settings) }
}

/// Three seconds for what runs, one attempt, and then the grave.
static SHORT: Manifest = shop(
    &[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("drain", "3s")] }],
    &[parcels(&[("dead_letter", "{topic}.dead"), ("retry.attempts", "1")])],
);
static LONG: Manifest =
    shop(&[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("drain", "2m")] }], &[parcels(&[])]);
static UNSAID: Manifest = shop(BY_KEY, &[parcels(&[])]);
static TIMED: Manifest = shop(
    &[GroupEntry { name: "shop", settings: &[("drain", "3s")] }],
    &[parcels(&[("timeout", "5s"), ("dead_letter", "{topic}.dead"), ("retry.attempts", "1")])],
);
static COMMITTED_FIRST: Manifest =
    shop(&[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once"), ("drain", "3s")] }], &[parcels(&[])]);
static BATCHED: Manifest = shop(
    &[GroupEntry { name: "shop", settings: &[("drain", "3s")] }],
    &[parcels(&[
        ("batch.size", "5"),
        ("batch.wait", "10ms"),
        ("dead_letter", "{topic}.dead"),
        ("retry.attempts", "1"),
    ])],
);

static ON_REDIS: Manifest = shop(BY_KEY, &[parcels(&[("jobs", "redis"), ("retry.attempts", "1")])]);

/// What a handler does when it is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Manner {
    /// Ends with an error.
    #[default]
    Stops,
    /// Ends well, after this time.
    Finishes(Duration),
    /// It does not listen.
    IsDeaf,
}

#[derive(Default)]
struct Desk {
    manner: Mutex<Manner>,
    takes: Mutex<Duration>,
    /// How long `before_enqueue` takes.
    looks: Mutex<Duration>,
    /// Numbers with their attempts: begun, told, and done.
    begun: Mutex<Vec<(u64, u32)>>,
    told: Mutex<Vec<(u64, u32)>>,
    done: Mutex<Vec<(u64, u32)>>,
    /// Numbers of which a hook was told that they failed.
    failed: Mutex<Vec<u64>>,
}

type Counter = Arc<Desk>;

impl Desk {
    /// Works at a number for as long as it takes, or as it is told.
    async fn work(&self, number: u64, ctx: &(impl Told + Sync), takes: Duration) -> Result {
        note(&self.begun, (number, ctx.number()));
        let manner = *lock(&self.manner);
        if manner == Manner::IsDeaf {
            tokio::time::sleep(takes).await;
        } else {
            tokio::select! {
                () = tokio::time::sleep(takes) => {}
                () = ctx.told() => {
                    note(&self.told, (number, ctx.number()));
                    match manner {
                        Manner::Finishes(after) => tokio::time::sleep(after).await,
                        _ => return Err(Error::new("told to stop")),
                    }
                }
            }
        }
        note(&self.done, (number, ctx.number()));
        Ok(())
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().expect("no panic")
}

fn note<T>(list: &Mutex<Vec<T>>, entry: T) {
    lock(list).push(entry);
}

/// A context of either controller.
trait Told {
    fn told(&self) -> impl Future<Output = ()> + Send;
    fn number(&self) -> u32;
}

impl<C: Routed<State = Counter>> Told for Context<C> {
    fn told(&self) -> impl Future<Output = ()> + Send {
        self.revoked()
    }

    fn number(&self) -> u32 {
        self.attempt()
    }
}

#[derive(Default)]
struct ParcelsController;

impl Routed for ParcelsController {
    type State = Counter;
    type Message = u64;
    const NAME: &'static str = "ParcelsController";
}

impl Controller for ParcelsController {
    async fn before_enqueue(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result<Admission> {
        let looks = *lock(&ctx.state().looks);
        if !looks.is_zero() {
            ctx.state().work(message.payload, ctx, looks).await?;
        }
        Ok(Admission::Accept)
    }

    async fn perform(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result {
        let takes = *lock(&ctx.state().takes);
        ctx.state().work(message.payload, ctx, takes).await
    }
}

#[derive(Default)]
struct PilesController;

impl Routed for PilesController {
    type State = Counter;
    type Message = u64;
    const NAME: &'static str = "ParcelsController";
}

impl BatchController for PilesController {
    async fn perform_batch(&self, batch: &Batch<u64>, ctx: &Context<Self>) -> Result {
        // The first is done at once, and what becomes of the others is told together.
        let takes = *lock(&ctx.state().takes);
        let mut messages = batch.iter();
        if let Some(first) = messages.next() {
            note(&ctx.state().done, (first.payload, batch.attempt(first)));
            batch.done(first);
        }
        if let Some(second) = messages.next() {
            ctx.state().work(second.payload, ctx, takes).await?;
        }
        Ok(())
    }
}

/// Defines a worker that notes what its hook hears.
macro_rules! worker {
    ($name:ident, $controller:ident) => {
        #[derive(Default)]
        struct $name;

        impl Worker for $name {
            type Controller = $controller;
            const NAME: &'static str = "ParcelsWorker";

            async fn after_failure(
                &self,
                _failure: &Failure<'_>,
                _record: &Record,
                message: Option<&Message<u64>>,
                ctx: &Context<$controller>,
            ) {
                lock(&ctx.state().failed).extend(message.map(|message| message.payload));
            }
        }
    };
}

worker!(ParcelsWorker, ParcelsController);
worker!(PilesWorker, PilesController);

/// The app, whose handlers take this long.
fn run_for(manifest: &'static Manifest, takes: Duration, manner: Manner) -> Simulation<Counter> {
    let app = App::new(manifest);
    let entry = &manifest.consumers[0];
    let is_batched = entry.settings.iter().any(|(key, _)| key.starts_with("batch."));
    let app = if is_batched {
        app.batch_consumer::<PilesWorker, crate::parser::Json, crate::interchanger::Json>(entry)
    } else {
        app.consumer::<ParcelsWorker, crate::parser::Json, crate::interchanger::Json>(entry)
    };
    let run = Simulation::new(app, Counter::default());
    take(&run, takes);
    *lock(&run.state().manner) = manner;
    run
}

fn take(run: &Simulation<Counter>, time: Duration) {
    *lock(&run.state().takes) = time;
}

async fn at_work(run: &Simulation<Counter>) {
    run.until(|run| !lock(&run.state().begun).is_empty()).await;
    run.advance(Duration::from_millis(500)).await;
}

fn told(run: &Simulation<Counter>) -> Vec<(u64, u32)> {
    lock(&run.state().told).clone()
}

fn done(run: &Simulation<Counter>) -> Vec<(u64, u32)> {
    lock(&run.state().done).clone()
}

/// How often it was said that a record runs on.
fn named(run: &Simulation<Counter>, sent: &Sent) -> usize {
    run.history(sent).matches("it runs on after").count()
}

/// How long it takes until the partition is let go.
async fn revoked(run: &Simulation<Counter>) -> Duration {
    let begun = run.elapsed();
    run.revoke("payments", 0).await;
    run.elapsed() - begun
}

fn assert_about(time: Duration, expected: Duration) {
    // A turn of the group's thread, and the moment in which those that listen may end.
    assert!(time >= expected && time <= expected + Duration::from_millis(400), "{time:?}, and not {expected:?}");
}

/// If this fails, a handler that runs beyond the drain is not told, or its record fails for it: an attempt is counted, a
/// hook is called, or the record goes to the dead letter topic because of a rebalance.
#[tokio::test]
async fn what_runs_beyond_the_drain_is_told_and_has_not_failed() {
    let run = run_for(&SHORT, seconds(3_600), Manner::Stops);
    let parcel = run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    assert_about(revoked(&run).await, seconds(3));
    assert_eq!((told(&run), done(&run)), (vec![(1, 1)], vec![]));
    let history = run.history(&parcel);
    assert_eq!(named(&run, &parcel), 1, "{history}");
    assert!(history.contains("left to whoever has its partition next: told to stop"), "{history}");
    assert!(run.dead_letters("payments").is_empty() && lock(&run.state().failed).is_empty());
    take(&run, Duration::ZERO);
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!((done(&run), run.committed("payments", 0)), (vec![(1, 1)], Some(1)), "the first attempt, made again");
    let ended = run.stop().await;
    assert_eq!((ended.handled, ended.failed, ended.to_repeat), (1, 0, 0));
}

/// If this fails, a handler that ends as it is told runs beside the new owner of its record all the same, or one that ends
/// well in that moment is done again.
#[tokio::test]
async fn what_ends_as_it_is_told_ends_before_the_partition_goes() {
    let run = run_for(&SHORT, seconds(3_600), Manner::Finishes(Duration::from_millis(100)));
    run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    assert_about(revoked(&run).await, seconds(3));
    assert_eq!((done(&run), run.committed("payments", 0)), (vec![(1, 1)], Some(1)));
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!((done(&run).len(), run.stop().await.to_repeat), (1, 0));
}

/// If this fails, what ends as it is told is done again by the new owner, as another record of its partition runs on and
/// the last commit does not say what is finished behind it.
#[tokio::test]
async fn what_ends_as_it_is_told_beside_one_that_runs_on_is_committed() {
    let run = run_for(&SHORT, seconds(3_600), Manner::IsDeaf);
    run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    *lock(&run.state().manner) = Manner::Finishes(Duration::from_millis(50));
    run.send_keyed("payments", "b", "2");
    run.until(|run| lock(&run.state().begun).len() == 2).await;
    run.advance(Duration::from_millis(500)).await;
    assert_about(revoked(&run).await, seconds(3));
    assert_eq!(done(&run), [(2, 1)]);
    // What only this process remembers is gone with it.
    run.crash().await;
    take(&run, Duration::ZERO);
    run.start();
    run.settle().await;
    assert_eq!(done(&run), [(2, 1), (1, 1)]);
}

/// If this fails, a handler is told to stop that its rebalance waits for, or a rebalance waits longer than it has to.
#[tokio::test]
async fn what_ends_within_the_drain_is_not_told() {
    let run = run_for(&SHORT, seconds(2), Manner::Stops);
    let parcel = run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    let took = revoked(&run).await;
    assert!(took < seconds(2), "{took:?}");
    assert_eq!((told(&run), done(&run), named(&run, &parcel)), (vec![], vec![(1, 1)], 0));
    assert_eq!(run.committed("payments", 0), Some(1));
}

/// If this fails, a group waits for another time than its `drain` says: for what runs, or, when a partition comes back
/// while a handler is still at it, before it begins the record again.
#[tokio::test]
async fn the_drain_is_as_long_as_the_manifest_says() {
    for (manifest, drain) in [(&SHORT, seconds(3)), (&UNSAID, seconds(10)), (&LONG, seconds(120))] {
        let run = run_for(manifest, seconds(3_600), Manner::IsDeaf);
        let parcel = run.send_keyed("payments", "a", "1");
        at_work(&run).await;
        assert_about(revoked(&run).await, drain);
        assert_eq!((told(&run).len(), named(&run, &parcel)), (0, 1), "{}", run.history(&parcel));
        take(&run, Duration::ZERO);
        let begun = run.elapsed();
        run.give_back("payments", 0).await;
        assert_about(run.elapsed() - begun, drain);
        run.settle().await;
        assert_eq!((done(&run), run.committed("payments", 0)), (vec![(1, 1)], Some(1)));
    }
}

/// If this fails, what runs in a partition that is lost is told late or never, a handler that ends at once is said to run on,
/// or one that does not is not named.
#[tokio::test]
async fn what_runs_in_a_lost_partition_is_told_at_once() {
    for (manner, names) in [(Manner::Stops, 0), (Manner::Finishes(seconds(60)), 1), (Manner::IsDeaf, 1)] {
        let run = run_for(&SHORT, seconds(600), manner);
        let parcel = run.send_keyed("payments", "a", "1");
        at_work(&run).await;
        let begun = run.elapsed();
        run.lose("payments", 0).await;
        assert!(run.elapsed() - begun < Duration::from_millis(400));
        let is_told = usize::from(manner != Manner::IsDeaf);
        assert_eq!((told(&run).len(), named(&run, &parcel)), (is_told, names), "{}", run.history(&parcel));
        run.advance(seconds(1_000)).await;
        assert_eq!((named(&run, &parcel), run.committed("payments", 0)), (names, Some(0)), "{}", run.history(&parcel));
        assert!(run.dead_letters("payments").is_empty());
        let to_repeat = run.stop().await.to_repeat;
        assert_eq!(to_repeat, u64::from(manner != Manner::Stops), "what ended well, and cannot be committed");
    }
}

/// If this fails, a session that ends amid a drain is not told before the drain is used up, or what runs is named twice.
#[tokio::test]
async fn a_partition_that_is_lost_amid_its_drain_is_told_once() {
    let run = run_for(&LONG, seconds(3_600), Manner::IsDeaf);
    let deaf = run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    *lock(&run.state().manner) = Manner::Stops;
    run.send_keyed("payments", "b", "2");
    run.until(|run| lock(&run.state().begun).len() == 2).await;
    let partition = TopicPartition { topic: "shop.payments".into(), partition: 0 };
    let take = |lost| ClientEvent::Revoke { partitions: vec![partition.clone()], lost };
    run.source.say("shop", take(false));
    run.advance(seconds(5)).await;
    assert_eq!(told(&run), []);
    run.source.say("shop", take(true));
    run.advance(seconds(1)).await;
    assert_eq!((told(&run), named(&run, &deaf)), (vec![(2, 1)], 1));
    run.advance(seconds(600)).await;
    assert_eq!(named(&run, &deaf), 1);
}

/// If this fails, a stop whose time is up drops handlers that would have ended by themselves, takes longer for those that do
/// not listen, or counts an attempt against a record that it has cut off.
#[tokio::test]
async fn a_stop_whose_time_is_up_tells_what_runs() {
    for (manner, ends) in [(Manner::Stops, true), (Manner::Finishes(seconds(1)), false), (Manner::IsDeaf, false)] {
        let run = run_for(&SHORT, seconds(3_600), manner);
        run.send_keyed("payments", "a", "1");
        at_work(&run).await;
        let begun = run.elapsed();
        let ended = run.stop().await;
        assert_about(run.elapsed() - begun, seconds(30));
        assert_eq!(told(&run).len(), usize::from(manner != Manner::IsDeaf));
        assert_eq!((ended.blocked.len(), ended.to_repeat), (usize::from(!ends), u64::from(!ends)), "{ended:?}");
        assert_eq!((ended.handled, ended.failed, run.dead_letters("payments").len()), (0, 0, 0));
        take(&run, Duration::ZERO);
        run.start();
        run.settle().await;
        assert_eq!(done(&run), [(1, 1)]);
    }
}

/// If this fails, a clean stop tells handlers that it waits for to give up.
#[tokio::test]
async fn a_stop_that_waits_tells_nobody() {
    let run = run_for(&SHORT, seconds(20), Manner::Stops);
    run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    let ended = run.stop().await;
    assert_eq!((told(&run), done(&run), ended.to_repeat), (vec![], vec![(1, 1)], 0));
}

/// If this fails, `before_enqueue` cannot know that its record is somebody else's.
#[tokio::test]
async fn before_enqueue_is_told_too() {
    let run = run_for(&SHORT, Duration::ZERO, Manner::Stops);
    *lock(&run.state().looks) = seconds(3_600);
    let parcel = run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    assert_about(revoked(&run).await, seconds(3));
    assert_eq!((told(&run), named(&run, &parcel)), (vec![(1, 1)], 1));
    assert!(run.dead_letters("payments").is_empty());
}

/// If this fails, a time-out that comes when the partition is gone buries its record, which another member is at.
#[tokio::test]
async fn a_time_out_beyond_the_drain_is_no_failed_attempt() {
    let run = run_for(&TIMED, seconds(3_600), Manner::IsDeaf);
    let parcel = run.send("payments", "1");
    at_work(&run).await;
    assert_about(revoked(&run).await, seconds(3));
    run.advance(seconds(60)).await;
    let history = run.history(&parcel);
    assert!(history.contains("left to whoever has its partition next: not done within 5s"), "{history}");
    assert!(run.dead_letters("payments").is_empty() && lock(&run.state().failed).is_empty());
}

/// If this fails, what fails under `at_most_once` after it was told is kept silent about, though nobody does it again.
#[tokio::test]
async fn what_was_committed_first_has_failed_when_it_is_told() {
    let run = run_for(&COMMITTED_FIRST, seconds(3_600), Manner::Stops);
    let parcel = run.send("payments", "1");
    at_work(&run).await;
    revoked(&run).await;
    let history = run.history(&parcel);
    assert!(history.contains("failed, and is not repeated: told to stop"), "{history}");
    assert_eq!((told(&run), lock(&run.state().failed).clone(), named(&run, &parcel)), (vec![(1, 1)], vec![1], 1));
    assert_eq!((run.committed("payments", 0), run.stop().await.to_repeat), (Some(1), 0));
}

/// If this fails, a batch beyond the drain is not told, its records fail for it, or what is done of it is done again.
#[tokio::test]
async fn a_batch_is_told_and_what_is_done_of_it_is_done() {
    let run = run_for(&BATCHED, seconds(3_600), Manner::Stops);
    let sent: Vec<_> = (0..5).map(|number| run.send("payments", number.to_string())).collect();
    at_work(&run).await;
    assert_about(revoked(&run).await, seconds(3));
    assert_eq!((told(&run), named(&run, &sent[0])), (vec![(1, 1)], 1));
    assert!(run.history(&sent[0]).contains("with 5 records"), "{}", run.history(&sent[0]));
    for left in &sent[1..] {
        assert!(run.history(left).contains("left to whoever has its partition next"), "{}", run.history(left));
    }
    assert!(run.dead_letters("payments").is_empty() && lock(&run.state().failed).is_empty());
    assert_eq!(run.committed("payments", 0), Some(1));
    take(&run, Duration::ZERO);
    run.give_back("payments", 0).await;
    run.settle().await;
    let times = done(&run).iter().filter(|(number, _)| *number == 0).count();
    assert_eq!((times, run.committed("payments", 0)), (1, Some(5)));
}

/// If this fails, a handler works on at a record whose topic is gone without being told, and holds up the new topic unseen.
#[tokio::test]
async fn what_runs_at_a_topic_that_is_recreated_is_told_and_named() {
    for (manner, waits) in [(Manner::Stops, false), (Manner::IsDeaf, true)] {
        let run = run_for(&SHORT, seconds(20), manner);
        let parcel = run.send_keyed("payments", "a", "1");
        at_work(&run).await;
        run.source.recreate("shop.payments");
        run.source.see_recreated("shop", "shop.payments");
        run.advance(seconds(5)).await;
        assert_eq!((told(&run).len(), named(&run, &parcel)), (usize::from(!waits), 1), "{}", run.history(&parcel));
        take(&run, Duration::ZERO);
        run.send_keyed("payments", "a", "2");
        run.advance(seconds(5)).await;
        assert_eq!(done(&run).contains(&(2, 1)), !waits);
        run.settle().await;
        assert!(done(&run).contains(&(2, 1)));
    }
}

/// If this fails, a handler that is named already is named again when its partition is lost as well.
#[tokio::test]
async fn what_is_named_is_not_named_again() {
    let run = run_for(&SHORT, seconds(3_600), Manner::IsDeaf);
    let parcel = run.send_keyed("payments", "a", "1");
    at_work(&run).await;
    run.source.recreate("shop.payments");
    run.source.see_recreated("shop", "shop.payments");
    run.advance(seconds(5)).await;
    assert_eq!(named(&run, &parcel), 1);
    run.lose("payments", 0).await;
    run.advance(seconds(60)).await;
    assert_eq!(named(&run, &parcel), 1, "{}", run.history(&parcel));
}

/// If this fails, a job is not told that it is put back, or fails for that; or one that comes later is told as well.
#[tokio::test(start_paused = true)]
async fn a_job_is_told_when_it_is_put_back() {
    let app = App::new(&ON_REDIS)
        .consumer::<ParcelsWorker, crate::parser::Json, crate::interchanger::Json>(&ON_REDIS.consumers[0]);
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    let settings = Settings::read(&ON_REDIS, &BTreeMap::new(), &flags).expect("settings");
    let desk = Counter::default();
    *lock(&desk.takes) = seconds(3_600);
    let jobs = Jobs::new(app.manifest, app.routes, app.layers, &settings, None, Arc::clone(&desk)).expect("jobs");
    let job = |number: u64| {
        format!(r#"{{"class":"ParcelsWorker","args":["payments","{number}",{{}}],"queue":"default","jid":"{number}"}}"#)
    };
    let (first, second) = (job(1), job(2));
    let (first, second) = (Job::read(&first).expect("a job"), Job::read(&second).expect("a job"));
    assert!(!jobs.take_back(), "nobody listens");
    let (ended, is_heard) = tokio::join!(jobs.perform(&first), async {
        tokio::time::sleep(seconds(1)).await;
        jobs.take_back()
    });
    assert!(matches!(ended, Err(NotPerformed::Taken)) && is_heard, "{ended:?}");
    assert!(lock(&desk.failed).is_empty(), "no hook hears of it");
    assert!(jobs.perform(&second).await.is_ok());
    assert_eq!((lock(&desk.told).clone(), lock(&desk.done).clone()), (vec![(1, 1)], vec![(2, 1)]));
}

/// If this fails, an author cannot test what a controller does when its partition is gone.
#[tokio::test]
async fn a_test_of_a_controller_takes_its_message_back() {
    let app = || {
        App::new(&SHORT).consumer::<ParcelsWorker, crate::parser::Json, crate::interchanger::Json>(&SHORT.consumers[0])
    };
    let harness = crate::testing::Harness::new(app(), Counter::default());
    *lock(&harness.state().takes) = seconds(60);
    tokio::time::pause();
    let (outcome, ()) = tokio::join!(harness.consume("payments", "1"), async { harness.revoke() });
    assert_eq!(outcome.to_string(), "failed: told to stop");
    assert!(lock(&harness.state().failed).is_empty(), "no hook hears of it");
    // What begins after that is not taken back.
    let outcome = harness.consume("payments", "2").await;
    assert!(outcome.is_done(), "{outcome}");
}
