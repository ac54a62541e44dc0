//! Simulations of a small shop, whose controller does what its state says.

mod attempts;
mod commits;
mod crashes;
mod ends;
mod late;
mod pace;
mod revoked;
mod stops;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Act, Sent, Simulation};
use crate::{
    Admission, App, Context, Controller, Error, Message, OwnedRecord, Result, Routed, Topic, Worker,
    dead_letter::header,
    engine::core::progress::Progress,
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
        crate::codegen::encode_json(message)
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
        _record: &crate::Record,
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

/// If this fails, a test has to know what a group is called in this environment, or dead letters do not say which group in
/// Kafka they are from.
#[tokio::test]
async fn a_group_goes_by_its_key_and_kafka_knows_its_id() {
    static SWAPPED: Manifest = shop(
        &[
            GroupEntry { name: "audit", settings: &[("id", "${SHOP_SIMULATION:-shop}")] },
            GroupEntry { name: "shop", settings: &[("id", "audit")] },
        ],
        &[payments("audit", &[]), payments("shop", &[("dead_letter", "{topic}.dead"), ("retry.attempts", "2")])],
    );
    let run = run(&SWAPPED);
    run.group("shop").fail_always("payments", "card declined");
    let payment = run.send("payments", "7");
    run.settle().await;
    let (audit, shop) = (run.group("audit"), run.group("shop"));
    assert_eq!((audit.attempts(&payment), shop.attempts(&payment)), (1, 2));
    assert_eq!((audit.dead_letters("payments").len(), shop.dead_letters("payments").len()), (0, 1));
    assert_eq!(shop.dead_letters("payments")[0].header(header::GROUP), Some(&b"audit"[..]));
    assert_eq!((audit.committed("payments", 0), shop.committed("payments", 0)), (Some(1), Some(1)));
}

/// What `settle` says when it gives up, and how much time has passed by then.
async fn vain(run: Simulation<Shared>) -> (String, Duration) {
    let run = Arc::new(run);
    let waits = Arc::clone(&run);
    let settled = tokio::spawn(async move { waits.settle().await });
    let panic = settled.await.expect_err("it gives up").into_panic();
    (panic.downcast_ref::<String>().expect("words").clone(), run.elapsed())
}

/// If this fails, a record that hangs makes a test hang, or end without a word of why.
#[tokio::test]
async fn what_never_ends_is_said_after_a_day() {
    let run = run(&WITHOUT);
    run.script("payments", |_| Act::Hang);
    run.send("payments", "7");
    let (words, elapsed) = vain(run).await;
    assert!(words.starts_with("everything is done: that did not come within 24 h of virtual time."), "{words}");
    assert!(words.contains("`shop` has not finished payments/0@0:"), "{words}");
    assert!(elapsed >= Duration::from_secs(24 * 60 * 60));
}

/// If this fails, a record that fails for ever keeps a test for the thousands of attempts of a day, or for ever where they
/// follow each other so fast that it is never quiet; or what comes behind it in its order is taken for something that
/// still happens.
#[tokio::test]
async fn what_fails_for_ever_is_said_early() {
    static FAST: Manifest = shop(BY_PARTITION, &[payments("shop", &[("retry.backoff", "10ms..20ms")])]);
    for manifest in [&WITHOUT, &KEYED, &FAST] {
        let run = run(manifest);
        run.script("payments", |call| match call.key.as_deref() {
            Some(b"bad") => Act::fail("card declined"),
            _ => Act::Perform,
        });
        run.send_keyed("payments", "bad", "7");
        run.send_keyed("payments", "bad", "8");
        run.send_keyed("payments", "good", "9");
        let (words, elapsed) = vain(run).await;
        assert!(
            words.starts_with("nothing is left but attempts that fail, 100 of them at one record by now"),
            "{words}"
        );
        assert!(words.contains("`shop` has not finished payments/0@0:"), "{words}");
        assert!(words.contains("failed: card declined; the next in"), "{words}");
        assert!(elapsed < Duration::from_secs(2 * 60 * 60), "{elapsed:?}");
    }
}

/// If this fails, a record that goes well in the end is said to fail for ever: at an attempt that its test has chosen, at one
/// that the manifest ends, or while something else still happens that may mend it.
#[tokio::test]
async fn what_ends_late_is_waited_for() {
    static PATIENT: Manifest =
        shop(BY_PARTITION, &[payments("shop", &[("dead_letter", "{topic}.dead"), ("retry.attempts", "150")])]);
    let run_of = run;
    let run = run_of(&WITHOUT);
    // Of this script nobody knows that it ends; what was attempted before a wait counts in none.
    run.script("payments", |call| if call.attempt <= 150 { Act::fail("card declined") } else { Act::Perform });
    let payment = run.send("payments", "7");
    run.until(|run| run.attempts(&payment) == 90).await;
    run.settle().await;
    assert_eq!(run.attempts(&payment), 151);

    // Of this one it is known, after a crash too, which has taken the number of the attempt with it.
    let run = run_of(&WITHOUT);
    run.fail("payments", 250, "card declined");
    let payment = run.send("payments", "7");
    run.until(|run| run.attempts(&payment) == 40).await;
    run.crash().await;
    run.start();
    run.settle().await;
    assert!(run.is_done(&payment) && run.attempts(&payment) > 250, "{}", run.attempts(&payment));

    let run = run_of(&PATIENT);
    run.fail_always("payments", "card declined");
    let payment = run.send("payments", "7");
    run.settle().await;
    assert_eq!((run.attempts(&payment), run.dead_letters("payments").len()), (150, 1));

    let run = run_of(&KEYED);
    run.state().put_off.lock().unwrap().insert(9, (1, Duration::from_secs(10 * 60 * 60)));
    let begun = run.elapsed();
    run.script("payments", |call| match (call.key.as_deref(), call.attempt) {
        (Some(b"bad"), ..=300) => Act::fail("card declined"),
        _ => Act::Perform,
    });
    run.send_keyed("payments", "later", "9");
    run.send_keyed("payments", "bad", "7");
    run.settle().await;
    assert!(run.elapsed() - begun >= Duration::from_secs(10 * 60 * 60));
}

/// If this fails, a record that its controller fails for ever keeps a test for a day because a script has failed it before.
#[tokio::test]
async fn what_comes_after_a_script_is_judged_by_itself() {
    static SLOW: Manifest = shop(BY_PARTITION, &[payments("shop", &[("timeout", "1s")])]);
    let run = run(&SLOW);
    run.fail("payments", 250, "card declined");
    *run.state().takes.lock().expect("no panic") = Duration::from_secs(2);
    let payment = run.send("payments", "7");
    let run = Arc::new(run);
    let waits = Arc::clone(&run);
    tokio::spawn(async move { waits.settle().await }).await.expect_err("it gives up");
    let attempts = run.attempts(&payment);
    assert!((350..370).contains(&attempts), "{attempts}");
}

/// If this fails, a test of one group waits for the failures of another one, is told that they never end, or reads of them
/// where it asks what its own group has not done.
#[tokio::test]
async fn a_group_is_judged_by_itself() {
    static FAST: Manifest = shop(
        &[GroupEntry { name: "audit", settings: &[] }, GroupEntry { name: "shop", settings: &[] }],
        &[payments("audit", &[]), payments("shop", &[("retry.backoff", "10ms..20ms")])],
    );
    let run = Arc::new(run(&FAST));
    run.group("shop").fail_always("payments", "card declined");
    let payment = run.send("payments", "7");
    run.group("audit").settle().await;
    assert!(run.group("audit").is_done(&payment) && !run.group("shop").is_done(&payment));
    assert!(run.elapsed() < Duration::from_secs(5), "{:?}", run.elapsed());
    run.group("audit").script("payments", |_| Act::Hang);
    run.send("payments", "8");
    let waits = Arc::clone(&run);
    let words = tokio::spawn(async move { waits.group("shop").settle().await }).await.expect_err("it gives up");
    let words = words.into_panic().downcast_ref::<String>().expect("words").clone();
    assert!(words.contains("`shop` has not finished") && !words.contains("`audit`"), "{words}");
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
