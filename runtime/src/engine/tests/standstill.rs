//! What is a standstill of the process, and what is a wait of the group's thread for Kafka.

use super::{
    stall::{KEYED, Stall, once},
    *,
};
use crate::client::{CommitError, CommitFault};

/// Nothing is committed before a partition goes, so that the group's thread waits for the answer to that.
const SELDOM: &[GroupEntry] =
    &[GroupEntry { name: "shop", settings: &[("ordering", "key"), ("commit_interval", "60s")] }];

/// A process may stand still for 200 ms.
static SHORT: Manifest = Manifest { groups: SELDOM, ..KEYED };

/// A process may stand still for three seconds, less than the group's thread waits for an answer.
static PATIENT: Manifest =
    Manifest { settings: &[("kafka.consumer.session.timeout.ms", "3300")], groups: SELDOM, ..KEYED };

/// Longer than that.
const LONG: Duration = Duration::from_secs(4);

/// An app that has handled a record of each of its two partitions.
fn two_partitions(manifest: &'static Manifest) -> (Stall, Groups) {
    let stall = Stall::with_two_partitions();
    let running = stall.start_as(manifest);
    (0..2).for_each(|partition| stall.send_to(partition as usize, partition));
    stall.until("both", |stall| stall.handled() == once(0..2));
    (stall, running)
}

/// If this fails, an app whose coordinator is slow in a rebalance stops working on what it keeps, and says that it stood
/// still.
#[test]
fn a_wait_for_an_answer_is_none() {
    let (stall, running) = two_partitions(&PATIENT);
    // What follows an assignment is committed by then.
    stall.until("a commit", |stall| stall.commit().is_some());
    stall.park_commits();
    stall.send_to(0, 2);
    stall.until("the next", |stall| stall.handled() == once(0..3));
    stall.revoke();
    stall.until("the last commit", |stall| stall.on_their_way() == 1);
    std::thread::sleep(LONG);
    stall.send_to(1, 3);
    stall.until("what comes meanwhile", |stall| stall.handled() == once(0..4));
    assert_eq!((stall.on_their_way(), stall.noted("Revoked {")), (1, 0), "the group's thread still waits");
    assert_eq!(stall.noted("stood still"), 0);
    stall.swallow_commits();
    running.forcer()();
    running.join();
}

/// If this fails, the same happens while the offsets of an assignment are asked for.
#[test]
fn a_wait_for_offsets_is_none() {
    let (stall, running) = two_partitions(&PATIENT);
    stall.revoke();
    stall.until("the partition gone", |stall| stall.noted("Revoked {") == 1);
    stall.be_silent(true);
    stall.assign();
    std::thread::sleep(LONG);
    stall.send_to(1, 2);
    stall.until("what comes meanwhile", |stall| stall.handled() == once(0..3));
    assert_eq!((stall.noted("Assigned {"), stall.noted("stood still")), (1, 0), "the group's thread still waits");
    stall.be_silent(false);
    running.join();
}

/// If this fails, a process that is frozen while its group waits for an answer begins what is somebody else's when it wakes
/// up: for all that it was asked before.
#[test]
fn a_standstill_amid_a_wait_for_an_answer_is_one() {
    let (stall, running) = two_partitions(&SHORT);
    stall.until("a commit", |stall| stall.commit().is_some());
    stall.park_commits();
    stall.send_to(0, 2);
    stall.until("the next", |stall| stall.handled() == once(0..3));
    stall.revoke();
    stall.until("the last commit", |stall| stall.on_their_way() == 1);
    stall.freeze(true);
    std::thread::sleep(Duration::from_millis(500));
    stall.send_to(1, 3);
    stall.freeze(false);
    stall.until("a word of it", |stall| stall.noted("stood still") > 0);
    stall.let_a_commit_arrive();
    stall.until("another question", |stall| stall.on_their_way() > 0);
    assert_eq!(stall.handled(), once(0..3), "the answer to what was asked before says nothing");
    // The process is short of time, and may stand still once more.
    stall.until("the record", |stall| {
        if stall.on_their_way() > 0 {
            stall.let_a_commit_arrive();
        }
        stall.handled() == once(0..4)
    });
    stall.swallow_commits();
    running.join();
}

/// If this fails, an app with a long interval seems to be behind with its commits when nothing is to be committed, or not to
/// be when something is.
#[test]
fn a_long_interval_is_no_commit_that_is_missing() {
    let (stall, running) = two_partitions(&SHORT);
    stall.until("a commit", |stall| stall.commit().is_some());
    let age = || running.watch().view(Instant::now()).groups[0].commit_age;
    let long = Duration::from_millis(1_000);
    stall.send_to(1, 2);
    stall.until("something to commit", |_| age() > long);
    stall.revoke();
    stall.until("the partition gone", |stall| stall.noted("Revoked {") == 1);
    let settled = Instant::now();
    stall.until("nothing to commit", |_| settled.elapsed() > long && age() < long / 2);
    running.join();
}

/// If this fails, a person is warned of each rebalance, or of none that goes wrong.
#[test]
fn a_rebalance_refuses_without_a_warning() {
    let stall = Stall::with_records(1);
    let refusal = |fault| Some(CommitError { reason: "an old generation".to_owned(), fault });
    stall.answer_commits(refusal(CommitFault::Rebalance));
    let running = stall.start();
    stall.until("refusals", |stall| stall.noted("CommitRefused {") >= 3);
    assert_eq!(stall.noted("CommitFailed {"), 0);
    // It gives what it has, and commits are refused all the same.
    stall.give_foreign();
    stall.until("a warning", |stall| stall.noted("CommitFailed {") > 0);
    stall.answer_commits(None);
    stall.until("a commit", |stall| stall.commit() == Some((1, None)));
    stall.answer_commits(refusal(CommitFault::Rebalance));
    let (refused, failed) = (stall.noted("CommitRefused {"), stall.noted("CommitFailed {"));
    stall.send("k1", "1");
    stall.until("refusals of the next rebalance", |stall| stall.noted("CommitRefused {") > refused);
    assert_eq!(stall.noted("CommitFailed {"), failed);
    stall.answer_commits(refusal(CommitFault::Other));
    stall.until("another fault", |stall| stall.noted("CommitFailed {") > failed);
    stall.answer_commits(None);
    running.join();
}
