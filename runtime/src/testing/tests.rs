//! Simulations of a small shop, whose controller does what its state says.

mod commits;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Act, Sent, Simulation};
use crate::{
    Admission, App, Context, Controller, Error, Message, OwnedRecord, Result, Routed, Topic, Worker,
    dead_letter::header,
    engine::progress::Progress,
    manifest::{ConsumerEntry, GroupEntry, Manifest, Setting, TopicEntry},
};

const fn shop(group: &'static [GroupEntry], consumers: &'static [ConsumerEntry]) -> Manifest {
    Manifest {
        app: "shop",
        version: "0.1.0",
        root: "",
        settings: &[],
        environments: &[],
        groups: group,
        topics: &[
            TopicEntry { key: "confirmed", message: "json", settings: &[("name", "shop.confirmed")] },
            TopicEntry { key: "payments", message: "json", settings: &[("name", "shop.payments")] },
        ],
        consumers,
    }
}

const fn payments(group: &'static str, settings: &'static [Setting]) -> ConsumerEntry {
    ConsumerEntry {
        topic: "payments",
        group,
        controller: "PaymentsController",
        worker: "PaymentsWorker",
        parser: "json",
        interchanger: "json",
        emits: &["confirmed"],
        settings,
    }
}

const BY_PARTITION: &[GroupEntry] = &[GroupEntry { name: "shop", settings: &[] }];
const BY_KEY: &[GroupEntry] = &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }];

static WITH_DEAD_LETTER: Manifest = shop(
    BY_PARTITION,
    &[payments("shop", &[("dead_letter", "{topic}.dead"), ("retry.attempts", "5"), ("timeout", "30s")])],
);
static WITHOUT: Manifest = shop(BY_PARTITION, &[payments("shop", &[])]);
static AT_MOST_ONCE: Manifest =
    shop(&[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once")] }], &[payments("shop", &[])]);
static KEYED: Manifest = shop(BY_KEY, &[payments("shop", &[])]);
static TWO_GROUPS: Manifest = shop(
    &[GroupEntry { name: "audit", settings: &[] }, GroupEntry { name: "shop", settings: &[] }],
    &[payments("audit", &[]), payments("shop", &[("dead_letter", "{topic}.dead"), ("retry.attempts", "2")])],
);

/// What the controller does, and what it has seen.
#[derive(Default)]
struct State {
    /// How long each perform takes.
    takes: Mutex<Duration>,
    /// How often, and for how long, numbers are put off.
    put_off: Mutex<BTreeMap<u64, (u32, Duration)>>,
    /// Numbers that were begun and that were performed, in order.
    begun: Mutex<Vec<u64>>,
    performed: Mutex<Vec<u64>>,
    gave_up: Mutex<Vec<String>>,
}

type Shared = Arc<State>;

#[derive(Default)]
struct PaymentsController;

impl Routed for PaymentsController {
    type State = Shared;
    type Message = u64;
    const NAME: &'static str = "PaymentsController";
}

#[derive(Clone, Copy)]
struct Confirmed;

impl Topic for Confirmed {
    type Message = u64;
    const KEY: &'static str = "confirmed";

    fn encode(message: &u64) -> Result<Vec<u8>> {
        crate::topic::encode_json(message)
    }
}

impl crate::EmittedBy<PaymentsController> for Confirmed {}

impl Controller for PaymentsController {
    async fn before_enqueue(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result<Admission> {
        let mut put_off = ctx.state().put_off.lock().expect("no panic");
        Ok(match put_off.get_mut(&message.payload) {
            Some((times, wait)) if *times > 0 => {
                *times -= 1;
                Admission::Defer(*wait)
            }
            _ => Admission::Accept,
        })
    }

    async fn perform(&self, message: &Message<u64>, ctx: &Context<Self>) -> Result {
        let (state, number) = (ctx.state(), message.payload);
        state.begun.lock().expect("no panic").push(number);
        let takes = *state.takes.lock().expect("no panic");
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        ctx.emit(Confirmed, &number).await?;
        state.performed.lock().expect("no panic").push(number);
        Ok(())
    }
}

#[derive(Default)]
struct PaymentsWorker;

impl Worker for PaymentsWorker {
    type Controller = PaymentsController;
    const NAME: &'static str = "PaymentsWorker";

    async fn gave_up(
        &self,
        failure: &crate::Failure<'_>,
        _message: Option<&Message<u64>>,
        ctx: &Context<PaymentsController>,
    ) {
        ctx.state().gave_up.lock().expect("no panic").push(failure.error.to_string());
    }
}

fn app(manifest: &'static Manifest) -> App<Shared> {
    let app = App::new(manifest);
    manifest
        .consumers
        .iter()
        .fold(app, |app, entry| app.consumer::<PaymentsWorker, crate::parser::Json, crate::interchanger::Json>(entry))
}

fn run(manifest: &'static Manifest) -> Simulation<Shared> {
    Simulation::new(app(manifest), Shared::default())
}

fn performed(run: &Simulation<Shared>) -> Vec<u64> {
    run.state().performed.lock().expect("no panic").clone()
}

/// What is said when a test does something that cannot be.
fn refusal(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(test).expect_err("it is refused");
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    panic.downcast_ref::<String>().cloned().or(words).expect("words")
}

fn assert_at_once(begun: std::time::Instant) {
    // Hours of virtual time; a generous bound for a machine that is busy.
    assert!(begun.elapsed() < Duration::from_secs(20), "virtual time takes {:?}", begun.elapsed());
}

/// If this fails, an author cannot test what happens when a message fails for good, or has to wait for its backoffs.
#[tokio::test]
async fn what_fails_for_good_goes_to_the_dead_letter_topic() {
    let begun = std::time::Instant::now();
    let run = run(&WITH_DEAD_LETTER);
    run.fail_always("payments", "card declined");
    let payment = run.send_keyed("payments", "c-1", "7");
    run.settle().await;
    assert_eq!(run.attempts(&payment), 5, "{}", run.history(&payment));
    assert!(run.is_done(&payment));
    let letters = run.dead_letters("payments");
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].key(), letters[0].value()), (Some(&b"c-1"[..]), Some(&b"7"[..])));
    assert_eq!(letters[0].topic(), "shop.payments.dead");
    assert_eq!(letters[0].header(header::ERROR_MESSAGE), Some(&b"card declined"[..]));
    assert_eq!(run.committed("payments", 0), Some(1));
    assert_eq!((run.lag("payments"), run.pending("payments")), (0, vec![]));
    assert_eq!(*run.state().gave_up.lock().expect("no panic"), ["card declined"], "the worker's hooks are called");
    assert!(run.emitted("confirmed").is_empty());
    assert!(run.elapsed() > Duration::from_secs(1), "the backoffs were waited for: {:?}", run.elapsed());
    assert_at_once(begun);
}

/// If this fails, an author cannot test that a message is tried again, and its controller asked in the end.
#[tokio::test]
async fn what_fails_twice_is_performed_the_third_time() {
    let run = run(&WITHOUT);
    run.fail("payments", 2, "the till is locked");
    let (first, second) = (run.send("payments", "1"), run.send("payments", "2"));
    run.settle().await;
    assert_eq!((run.attempts(&first), run.attempts(&second)), (3, 3));
    assert_eq!(performed(&run), [1, 2], "in order");
    assert_eq!(run.emitted("confirmed").len(), 2);
    assert_eq!(run.committed("payments", 0), Some(2));
    let history = run.history(&first);
    assert!(history.contains("attempt 2 failed: the till is locked") && history.ends_with("done\n"), "{history}");
}

/// If this fails, the test of a controller whose messages are not repeated waits for what never comes.
#[tokio::test]
async fn what_is_not_repeated_is_done_with() {
    let run = run(&AT_MOST_ONCE);
    run.fail("payments", 1, "the till is locked");
    let (failed, foreign) = (run.send("payments", "1"), run.send("payments", "not a payment"));
    run.settle().await;
    for (sent, words) in [(&failed, "failed, and is not repeated: the till is locked"), (&foreign, "cannot be parsed")]
    {
        assert!(run.is_done(sent) && run.history(sent).contains(words), "{}", run.history(sent));
    }
    assert_eq!((run.attempts(&failed), performed(&run).len()), (1, 0));
}

/// If this fails, the same test passes today and fails tomorrow.
#[tokio::test]
async fn two_runs_are_the_same() {
    let mut histories = Vec::new();
    for _ in 0..2 {
        let run = run(&WITH_DEAD_LETTER);
        run.partitions("payments", 3);
        run.fail("payments", 4, "not now");
        let sent: Vec<_> = (0..20).map(|number| run.send("payments", number.to_string())).collect();
        run.settle().await;
        histories.push((sent.iter().map(|sent| run.history(sent)).collect::<Vec<_>>(), run.elapsed(), performed(&run)));
    }
    assert_eq!(histories[0], histories[1]);
}

/// If this fails, a script cannot panic, hang or be slow, or `timeout` and panics are not failures like others.
#[tokio::test]
async fn scripts_panic_hang_and_delay() {
    let run = run(&WITH_DEAD_LETTER);
    run.script("payments", |call| match call.attempt {
        1 => Act::Panic("the till is on fire".to_owned()),
        2 => Act::Hang,
        _ => Act::Delay(Duration::from_secs(29)),
    });
    let payment = run.send("payments", "7");
    run.settle().await;
    let history = run.history(&payment);
    assert!(history.contains("attempt 1 panicked: the till is on fire"), "{history}");
    assert!(history.contains("attempt 2 failed: not done within 30s"), "{history}");
    assert_eq!((run.attempts(&payment), performed(&run)), (3, vec![7]));
    run.script("payments", |_| Act::Fail(Error::permanent(Error::new("no such account"))));
    let payment = run.send("payments", "8");
    run.settle().await;
    assert_eq!((run.attempts(&payment), run.dead_letters("payments").len()), (1, 1), "for good at once");
}

/// If this fails, a message that is put off for an hour takes an hour of the author's time, or its attempts.
#[tokio::test]
async fn an_hour_of_putting_off_passes_at_once() {
    let begun = std::time::Instant::now();
    let run = run(&WITHOUT);
    run.state().put_off.lock().expect("no panic").insert(7, (3, Duration::from_secs(3_600)));
    let (payment, next) = (run.send("payments", "7"), run.send("payments", "8"));
    run.advance(Duration::from_secs(3_599)).await;
    assert_eq!(run.pending("payments"), [payment.clone(), next.clone()], "the partition waits");
    run.settle().await;
    assert_eq!((run.attempts(&payment), performed(&run)), (1, vec![7, 8]));
    assert_eq!(run.elapsed().as_secs() / 3_600, 3);
    assert_at_once(begun);
}

/// If this fails, a controller that puts a message off for as long as can be said ends the process, at each start anew.
#[tokio::test]
async fn what_is_put_off_for_ever_waits_and_ends_nothing() {
    let run = run(&KEYED);
    run.state().put_off.lock().expect("no panic").insert(7, (2, Duration::MAX));
    // Of the time that a lane counts by, something has passed.
    run.advance(Duration::from_secs(60)).await;
    let (payment, next) = (run.send_keyed("payments", "c-1", "7"), run.send_keyed("payments", "c-1", "8"));
    run.send_keyed("payments", "c-2", "9");
    for _ in 0..2 {
        run.advance(Duration::from_secs(24 * 3_600)).await;
        assert_eq!(run.pending("payments"), [payment.clone(), next.clone()], "{}", run.history(&payment));
        assert_eq!(performed(&run), [9], "another key goes on");
        assert!(run.stop().await.blocked.is_empty());
        run.start();
    }
    run.settle().await;
    assert_eq!(performed(&run), [9, 7, 8], "asked again at each start");
}

/// If this fails, `ordering: key` cannot be tested: a key that fails holds up others, or lets its own pass.
#[tokio::test]
async fn a_key_waits_for_itself_and_for_no_other() {
    let run = run(&KEYED);
    run.script("payments", |call| {
        let is_first = call.value.as_deref() == Some(b"1");
        if is_first && call.attempt <= 3 { Act::fail("not now") } else { Act::Perform }
    });
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
        run.send_keyed("payments", key, value);
    }
    run.settle().await;
    assert_eq!(performed(&run), [2, 4, 1, 3]);
}

/// If this fails, an author cannot see that a crash repeats what was sent and not committed, and so that handlers must
/// bear it.
#[tokio::test]
async fn a_crash_between_emit_and_commit_repeats_the_record() {
    let mut run = run(&WITHOUT);
    let payment = run.send("payments", "7");
    run.until(|run| !run.emitted("confirmed").is_empty()).await;
    run.crash().await;
    assert_eq!(run.committed("payments", 0), None, "nothing was committed before");
    run.advance(Duration::from_secs(60)).await;
    assert_eq!(run.committed("payments", 0), None, "a dead process commits nothing");
    run.start_with(Shared::default());
    run.settle().await;
    assert_eq!(run.emitted("confirmed").len(), 2, "sent twice");
    assert_eq!((run.attempts(&payment), performed(&run)), (2, vec![7]), "with a memory of its own");
    assert_eq!(run.committed("payments", 0), Some(1));
}

/// If this fails, handlers that were cut off by a crash go on beside those of the next start.
#[tokio::test]
async fn a_crash_cuts_handlers_off_where_they_wait() {
    let run = run(&WITHOUT);
    *run.state().takes.lock().expect("no panic") = Duration::from_secs(10);
    let payment = run.send("payments", "7");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    run.crash().await;
    run.advance(Duration::from_secs(60)).await;
    assert!(performed(&run).is_empty());
    run.start();
    run.settle().await;
    assert_eq!((performed(&run), run.attempts(&payment)), (vec![7], 2));
    assert_eq!(*run.state().begun.lock().expect("no panic"), [7, 7]);
}

/// If this fails, what a commit says beside its offset is not read after a crash: finished records are done again, and a
/// poison record gets its attempts back.
#[tokio::test]
async fn finished_records_and_attempts_survive_a_crash() {
    let run = run(&KEYED);
    run.script("payments", |call| if call.offset == 0 { Act::fail("closed") } else { Act::Perform });
    let sent: Vec<_> = (0..10).map(|n| run.send_keyed("payments", format!("k{n}"), n.to_string())).collect();
    run.until(|run| run.attempts(&sent[0]) == 3).await;
    run.advance(Duration::from_millis(500)).await;
    let (offset, metadata) = run.source.commit("shop", &run.partition("payments", 0)).expect("a commit");
    let mut progress = Progress::decode(metadata.unwrap_or_default().as_bytes(), offset);
    assert_eq!((offset, progress.take_attempt(0)), (0, 4));
    run.crash().await;
    run.script("payments", |call| {
        assert_eq!((call.offset, call.attempt), (0, 4), "the others are finished, and attempts go on");
        Act::Perform
    });
    run.start();
    run.settle().await;
    assert_eq!(performed(&run), [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    assert_eq!((run.committed("payments", 0), run.attempts(&sent[1])), (Some(10), 1));
}

/// If this fails, a rebalance amid a handler loses or repeats its record in a test and not in production, or the other
/// way round.
#[tokio::test]
async fn a_partition_that_is_taken_amid_a_handler_is_committed_first() {
    let run = run(&WITHOUT);
    run.partitions("payments", 2);
    *run.state().takes.lock().expect("no panic") = Duration::from_secs(5);
    let record = |value: &str| OwnedRecord { value: Some(value.into()), ..OwnedRecord::default() };
    let here = run.send_to("payments", 0, record("1"));
    let behind = run.send_to("payments", 0, record("2"));
    let there = run.send_to("payments", 1, record("3"));
    run.until(|run| run.at_work("payments").len() == 2).await;
    run.revoke("payments", 0).await;
    assert!(run.is_done(&here) && !run.is_done(&behind), "what runs may finish, and nothing more starts");
    assert_eq!(run.committed("payments", 0), Some(1));
    run.settle().await;
    assert_eq!(run.pending("payments"), std::slice::from_ref(&behind), "what was taken is not waited for");
    assert!(run.is_done(&there));
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!((run.attempts(&here), run.attempts(&behind)), (1, 1));
    run.rebalance().await;
    run.settle().await;
    assert_eq!(performed(&run), [1, 3, 2], "nothing is repeated");
    run.crash().await;
    run.start();
    run.revoke("payments", 0).await;
    run.settle().await;
    assert_eq!(run.lag("payments"), 0, "it can be taken as soon as the app has begun");
}

/// If this fails, a handler longer than the drain budget is waited for, or what it does after the loss is committed.
#[tokio::test]
async fn a_lost_partition_commits_nothing_more() {
    let run = run(&WITHOUT);
    *run.state().takes.lock().expect("no panic") = Duration::from_secs(60);
    let payment = run.send("payments", "7");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    run.lose("payments", 0).await;
    run.advance(Duration::from_secs(120)).await;
    assert_eq!((performed(&run), run.committed("payments", 0)), (vec![7], None));
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!((run.attempts(&payment), run.committed("payments", 0)), (1, Some(1)), "the process remembers it");

    let payment = run.send("payments", "8");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    run.revoke("payments", 0).await;
    assert!(!run.is_done(&payment), "longer than a drain");
    assert_eq!(run.committed("payments", 0), Some(1));
}

/// If this fails, a stop in a test drops what production would finish.
#[tokio::test]
async fn a_clean_stop_finishes_what_runs_and_repeats_nothing() {
    let run = run(&WITHOUT);
    *run.state().takes.lock().expect("no panic") = Duration::from_secs(5);
    run.send("payments", "1");
    run.send("payments", "2");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    let ended = run.stop().await;
    assert_eq!((ended.handled, ended.blocked.len(), run.committed("payments", 0)), (1, 0, Some(1)));
    run.start();
    run.settle().await;
    assert_eq!(performed(&run), [1, 2]);

    *run.state().takes.lock().expect("no panic") = Duration::from_secs(3_600);
    run.send("payments", "3");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    let ended = run.stop().await;
    assert_eq!(ended.blocked.len(), 1, "longer than `shutdown_timeout`");
    assert_eq!((performed(&run).len(), run.committed("payments", 0)), (2, Some(2)));
}

/// If this fails, a record that waits for a person keeps `settle` waiting, or is taken for done.
#[tokio::test]
async fn what_cannot_be_parsed_waits_for_a_person_or_is_dead() {
    for manifest in [&WITHOUT, &KEYED] {
        let run = run(manifest);
        let good = run.send_keyed("payments", "a", "1");
        let bad = run.send_keyed("payments", "b", "not json");
        let behind = run.send_keyed("payments", "b", "2");
        let beside = run.send_keyed("payments", "c", "3");
        run.settle().await;
        assert!(run.is_done(&good) && !run.is_done(&bad) && !run.is_done(&behind));
        assert_eq!(run.is_done(&beside), std::ptr::eq(manifest, &KEYED));
        assert_eq!((run.committed("payments", 0), run.lag("payments"), run.attempts(&bad)), (Some(1), 3, 0));
        assert!(run.history(&bad).contains("it waits for a person"), "{}", run.history(&bad));
    }
    let run = run(&WITH_DEAD_LETTER);
    let bad = run.send("payments", "not json");
    let tombstone = run.send_record("payments", OwnedRecord::default());
    run.settle().await;
    assert!(run.is_done(&bad) && run.is_done(&tombstone));
    assert_eq!(run.dead_letters("payments").len(), 2);
}

/// If this fails, several groups on one topic cannot be told apart.
#[tokio::test]
async fn groups_are_told_apart() {
    let run = run(&TWO_GROUPS);
    run.group("shop").fail_always("payments", "card declined");
    let payment = run.send("payments", "7");
    run.settle().await;
    let (audit, shop) = (run.group("audit"), run.group("shop"));
    assert_eq!((audit.attempts(&payment), shop.attempts(&payment)), (1, 2));
    assert!(audit.is_done(&payment) && shop.is_done(&payment));
    assert_eq!((performed(&run), run.dead_letters("payments").len()), (vec![7], 1));
    assert_eq!((audit.committed("payments", 0), shop.committed("payments", 0)), (Some(1), Some(1)));
    let words = refusal(std::panic::AssertUnwindSafe(|| assert_eq!(run.attempts(&payment), 0)));
    assert!(words.contains("several groups consume `payments`: name one, such as `group(\"audit\")`"), "{words}");
}

/// If this fails, a record that fails for ever makes a test hang, or end without a word of why.
#[tokio::test]
async fn what_never_ends_is_said_after_a_day() {
    let run = run(&WITHOUT);
    run.fail_always("payments", "card declined");
    run.send("payments", "7");
    let settled = tokio::spawn(async move { run.settle().await });
    let panic = settled.await.expect_err("it gives up").into_panic();
    let words = panic.downcast_ref::<String>().expect("words");
    assert!(words.starts_with("everything is done: that did not come within 24 h of virtual time."), "{words}");
    assert!(words.contains("`shop` has not finished payments/0@0:"), "{words}");
    assert!(words.contains("failed: card declined; the next in"), "{words}");
}

/// If this fails, an assertion in a script is taken for a failure of the controller, and the test passes.
#[tokio::test]
async fn a_script_that_panics_fails_the_test() {
    let run = run(&WITH_DEAD_LETTER);
    run.script("payments", |call| {
        assert_eq!(call.key.as_deref(), Some(&b"c-2"[..]), "another customer");
        Act::Perform
    });
    run.send_keyed("payments", "c-1", "7");
    let settled = tokio::spawn(async move { run.settle().await });
    let panic = settled.await.expect_err("it fails").into_panic();
    assert!(panic.downcast_ref::<String>().expect("words").contains("another customer"));
}

/// If this fails, a slip in a test is answered with a riddle.
#[tokio::test]
async fn slips_are_answered_with_advice() {
    let run = run(&WITHOUT);
    let of = |test: &dyn Fn()| refusal(std::panic::AssertUnwindSafe(test));
    assert_eq!(of(&|| drop(run.send("orders", "1"))), "karafka.yml has no topic `orders`; it has confirmed, payments");
    assert_eq!(
        of(&|| drop(run.send("confirmed", "1"))),
        "nobody consumes `confirmed`; karafka.yml has consumers for payments"
    );
    assert_eq!(of(&|| run.fail("confirmed", 1, "no")), "nobody consumes `confirmed`");
    assert_eq!(of(&|| drop(run.group("audit"))), "karafka.yml has no group `audit`; it has shop");
    assert!(
        of(&|| assert_eq!(run.committed("payments", 1), None))
            .contains("`payments` has no partition 1: it has 1, from 0")
    );
    assert_eq!(of(&|| run.start()), "the app runs already");
    run.send("payments", "1");
    run.settle().await;
    assert!(of(&|| run.partitions("payments", 2)).contains("is being read"));
}

/// If this fails, a test outside of `#[tokio::test]` is told something about tokio's insides.
#[test]
fn without_a_runtime_it_is_said_what_to_write() {
    assert!(refusal(|| drop(run(&WITHOUT))).contains("write `#[tokio::test]`"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
    let words = refusal(std::panic::AssertUnwindSafe(|| runtime.block_on(async { drop(run(&WITHOUT)) })));
    assert!(words.contains("`Simulation::in_real_time`"), "{words}");
}

/// If this fails, handlers that talk to something outside of the process cannot be simulated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_real_time_the_same_holds() {
    let run = Simulation::in_real_time(app(&WITHOUT), Shared::default());
    let sent: Vec<Sent> = (0..100).map(|number| run.send("payments", number.to_string())).collect();
    run.settle().await;
    assert!(sent.iter().all(|sent| run.is_done(sent)));
    assert_eq!((run.committed("payments", 0), performed(&run)), (Some(100), (0..100).collect()));
}
