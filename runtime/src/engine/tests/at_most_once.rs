//! `delivery: at_most_once`: committed first, then performed, and never again.

use super::{
    stall::{KEYED, Stall, once},
    *,
};
use crate::client::CommitError;

static ONCE: Manifest = Manifest {
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("delivery", "at_most_once")] }],
    consumers: &[ConsumerEntry { settings: &[], ..KEYED.consumers[0] }],
    ..KEYED
};

static ONCE_IN_ORDER: Manifest = Manifest {
    groups: &[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once")] }],
    consumers: &[ConsumerEntry { settings: &[], ..PLAIN.consumers[0] }],
    ..PLAIN
};

fn unavailable() -> Option<CommitError> {
    Some(CommitError::other("no coordinator"))
}

/// If this fails, a record is begun before its offset is committed, and a crash repeats it.
#[test]
fn nothing_begins_before_its_commit_is_acknowledged() {
    let stall = Stall::with_records(600);
    stall.answer_commits(unavailable());
    let running = stall.start_as(&ONCE);
    stall.until("refused commits", |stall| stall.commits() >= 3);
    assert_eq!(stall.handled(), once(0..0));
    stall.answer_commits(None);
    stall.until("all", |stall| stall.handled().len() == 600);
    let commits = stall.commits();
    assert!(commits < 100, "{commits} commits for 600 records");
    assert_eq!(running.join().handled, 600);
    assert_eq!((stall.handled(), stall.commit()), (once(0..600), Some((600, None))));
}

/// If this fails, a failure, a panic or what cannot be parsed is tried again, or holds others back, or goes by in
/// silence.
#[test]
fn what_fails_is_reported_and_not_repeated() {
    let stall = Stall::with_records(10);
    stall.fail(3, u32::MAX);
    stall.state.panics.lock().expect("no panic").insert(5, u32::MAX);
    stall.send("k10", "not json");
    stall.send("k11", "11");
    let running = stall.start_as(&ONCE);
    stall.until("all that can be", |stall| stall.handled().len() == 9);
    stall.until("the commit", |stall| stall.commit() == Some((12, None)));
    let end = running.join();
    assert_eq!((end.handled, end.failed), (9, 3));
    for what in ["failed", "panicked", "cannot be parsed"] {
        assert_eq!(stall.noted(&format!("what: \"{what}\"")), 1, "{what}");
    }
    let running = stall.start_as(&ONCE);
    stall.send("k12", "12");
    stall.until("what came since", |stall| stall.handled().contains_key(&12));
    running.join();
    assert!(stall.handled().values().all(|times| *times == 1), "{:?}", stall.handled());
    assert_eq!(stall.noted("NotRepeated {"), 3);
}

/// If this fails, a clean stop loses what was committed and not begun.
#[test]
fn a_stop_performs_what_is_committed() {
    let stall = Stall::with_records(300);
    *stall.state.sleep.lock().expect("no panic") = Duration::from_millis(2);
    let running = stall.start_as(&ONCE_IN_ORDER);
    stall.until("a start", |stall| stall.handled().len() >= 3);
    let end = running.join();
    let (committed, _) = stall.commit().expect("a commit");
    assert_eq!(stall.handled(), once(0..u64::try_from(committed).expect("an offset")));
    assert_eq!((end.handled, end.blocked.len()), (u64::try_from(committed).expect("an offset"), 0));
}

/// If this fails, a stop waits for a commit that nobody takes, or loses the records behind it.
#[test]
fn a_stop_does_not_wait_for_a_commit_that_is_refused() {
    let stall = Stall::with_records(20);
    stall.answer_commits(unavailable());
    let running = stall.start_as(&ONCE);
    stall.until("refused commits", |stall| stall.commits() >= 2);
    assert_eq!(running.join().handled, 0);
    stall.answer_commits(None);
    let running = stall.start_as(&ONCE);
    stall.until("all", |stall| stall.handled().len() == 20);
    running.join();
    assert_eq!(stall.handled(), once(0..20));
}

/// If this fails, a crash repeats something, or loses more than what was committed ahead.
#[test]
fn a_crash_repeats_nothing_and_loses_what_was_committed_ahead() {
    let stall = Stall::with_records(400);
    *stall.state.sleep.lock().expect("no panic") = Duration::from_millis(5);
    let running = stall.start_as(&ONCE_IN_ORDER);
    stall.until("a start", |stall| stall.handled().len() >= 3);
    // To Kafka the process is dead. What it has committed it goes on with, and nothing else.
    stall.lose();
    stall.until("the loss", |stall| stall.noted("Lost {") == 1);
    stall.cut();
    running.join();
    *stall.state.sleep.lock().expect("no panic") = Duration::ZERO;
    let running = stall.start_as(&ONCE_IN_ORDER);
    stall.until("the last one", |stall| stall.handled().contains_key(&399));
    running.join();
    let handled = stall.handled();
    assert!(handled.values().all(|times| *times == 1), "{handled:?}");
    assert!(400 - handled.len() <= 256, "{} handled", handled.len());
}

/// If this fails, an app that is told to do everything at most once does again what it had finished before it was told so,
/// because it crashes when it has committed what stands before that.
#[test]
fn what_was_finished_before_is_not_done_again_after_a_crash() {
    let stall = Stall::with_records(600);
    stall.fail(3, u32::MAX);
    let running = stall.start();
    stall.until("all but one", |stall| stall.handled().len() == 599);
    running.join();
    stall.park_commits();
    let running = stall.start_as(&ONCE);
    stall.until("the first commit", |stall| stall.on_their_way() > 0);
    stall.let_a_commit_arrive();
    stall.cut();
    running.forcer()();
    running.join();
    assert!(stall.commit().is_some_and(|(offset, _)| (4..600).contains(&offset)), "{:?}", stall.commit());
    stall.swallow_commits();
    let running = stall.start_as(&ONCE);
    stall.until("a commit of all", |stall| stall.commit() == Some((600, None)));
    running.join();
    assert!(stall.handled().values().all(|times| *times == 1), "{:?}", stall.handled());
}

/// If this fails, `delivery: at_most_once` does not work on the real client: its commits go wrong or come late.
#[test]
fn at_most_once_on_the_real_client() {
    let shop = Shop::open();
    shop.send_numbers(0..1_000);
    let running = shop.start_as(&ONCE_IN_ORDER);
    shop.until("all", |shop| shop.seen().len() == 1_000);
    assert_eq!(running.join().handled, 1_000);
    let running = shop.start_as(&ONCE_IN_ORDER);
    shop.send_numbers(1_000..1_001);
    shop.until("a new one", |shop| shop.seen().len() == 1_001);
    assert_eq!(running.join().handled, 1, "nothing is repeated");
}
