//! What is finished is not done again: after a crash, after a lost assignment, beside commits of other programs.

use super::{
    stall::{Stall, once},
    *,
};
use crate::{
    client::{CommitError, CommitFault},
    engine::core::progress::Progress,
};

/// If this fails, a crash under `ordering: key` repeats everything behind one slow key, or gives a poison record its
/// attempts back.
#[test]
fn a_crash_repeats_only_what_was_not_finished() {
    let stall = Stall::with_records(50);
    stall.fail(3, u32::MAX);
    stall.fail(7, u32::MAX);
    let running = stall.start();
    stall.until("a commit that says all but two", |stall| {
        let Some((offset, Some(metadata))) = stall.commit() else { return false };
        let mut progress = Progress::decode(metadata.as_bytes(), offset);
        offset == 3
            && progress.take_attempt(7) > 2
            && progress.take_attempt(3) > 2
            && (4..50).all(|offset| offset == 7 || progress.pass(offset))
    });
    let first_attempts = stall.noted("attempt: 1,");
    // To Kafka the process is dead: nothing that it still says is heard.
    stall.cut();
    running.join();
    stall.fail(3, 0);
    stall.fail(7, 0);
    stall.send("k50", "50");
    let running = stall.start();
    stall.until("the rest", |stall| stall.commit() == Some((51, None)));
    running.join();
    assert_eq!(stall.handled(), once(0..51));
    assert_eq!(stall.noted("attempt: 1,"), first_attempts, "attempts go on where they were");
}

/// If this fails, an outage that outlives the session repeats everything since the last commit that went through.
#[test]
fn a_lost_partition_that_comes_back_repeats_nothing() {
    let stall = Stall::with_records(50);
    stall.fail(3, u32::MAX);
    stall.answer_commits(Some(CommitError::other("no coordinator")));
    let running = stall.start();
    stall.until("all but one", |stall| stall.handled().len() == 49 && stall.commits() > 0);
    stall.lose();
    stall.until("the loss", |stall| stall.noted("Lost {") == 1);
    assert_eq!(stall.noted("to_repeat: 49"), 1, "what is finished and not committed is said");
    stall.fail(3, 0);
    stall.answer_commits(None);
    stall.assign();
    stall.until("a commit of all", |stall| stall.commit() == Some((50, None)));
    let end = running.join();
    assert_eq!((stall.handled(), end.handled), (once(0..50), 50));
    assert_eq!(end.to_repeat, []);
}

/// If this fails, a partition that goes without its last commit goes as if nothing was done again, and so does the
/// process later.
#[test]
fn what_is_given_back_without_a_commit_is_counted() {
    let stall = Stall::with_records(20);
    stall.answer_commits(Some(CommitError::other("no coordinator")));
    let running = stall.start();
    stall.until("all", |stall| stall.handled().len() == 20);
    stall.revoke();
    stall.until("the partition gone", |stall| stall.noted("Revoked {") == 1);
    assert_eq!(stall.noted("to_repeat: 20"), 1);
    stall.answer_commits(None);
    let end = running.join();
    assert_eq!(end.to_repeat.iter().map(ToString::to_string).collect::<Vec<_>>(), ["orders/0: 20"]);
}

/// If this fails, an app whose handler keeps its thread says that fewer records are done again than are: what an earlier
/// process had finished is taken for what this one has.
#[test]
fn what_a_blocked_lane_has_finished_is_counted_beside_what_was_finished_before() {
    let stall = Stall::with_records(50);
    stall.fail(0, u32::MAX);
    let running = stall.start();
    stall.until("all but one", |stall| stall.handled().len() == 49);
    assert_eq!(running.join().to_repeat, []);
    // All of them are taken in before the first commit, which could say what is finished.
    (50..56).for_each(|number| stall.send(&format!("k{number}"), &number.to_string()));
    *stall.state.blocks.lock().expect("no panic") = Some(55);
    let running = stall.start();
    stall.until("what comes before", |stall| stall.handled().len() == 54);
    running.forcer()();
    let end = running.join();
    *stall.state.blocks.lock().expect("no panic") = None;
    let blocked: Vec<_> = end.blocked.iter().map(|blocked| blocked.offset).collect();
    let to_repeat: Vec<_> = end.to_repeat.iter().map(ToString::to_string).collect();
    assert_eq!((blocked, to_repeat), (vec![55], vec!["orders/0: 6".to_owned()]));
}

/// If this fails, a partition that comes back with more finished records than are looked at at once stands still for
/// ever: its queue is not empty, and so never wakes the lane.
#[test]
fn a_long_outage_does_not_end_in_a_standstill() {
    let stall = Stall::with_records(2_000);
    stall.fail(3, u32::MAX);
    stall.answer_commits(Some(CommitError::other("no coordinator")));
    let running = stall.start();
    stall.until("all but one", |stall| stall.handled().len() == 1_999 && stall.commits() > 0);
    stall.lose();
    stall.until("the loss", |stall| stall.noted("Lost {") == 1);
    stall.answer_commits(None);
    stall.assign();
    stall.send("k2000", "2000");
    stall.until("what is behind them", |stall| stall.handled().len() == 2_000);
    stall.fail(3, 0);
    stall.until("a commit of all", |stall| stall.commit() == Some((2_001, None)));
    running.join();
    assert_eq!(stall.handled(), once(0..2_001));
}

/// If this fails, a person who moves a group back to handle records again sees them skipped in silence.
#[test]
fn a_group_that_was_moved_back_starts_there() {
    let stall = Stall::with_records(20);
    let running = stall.start();
    stall.until("all", |stall| stall.commit() == Some((20, None)));
    stall.lose();
    stall.until("the loss", |stall| stall.noted("Lost {") == 1);
    stall.set_commit(5, None);
    stall.assign();
    stall.until("all again", |stall| stall.handled().values().sum::<u32>() == 35);
    running.join();
    assert!((5..20).all(|number| stall.handled()[&number] == 2));
}

/// If this fails, what another program has left in a commit skips records, or keeps the app from starting.
#[test]
fn the_metadata_of_others_is_ignored() {
    for metadata in ["", "kafka-streams-2.3", "K1CgICA50CAQEAA0JU7n4", "K2", "K2AAAAAAAAAAAA", "{\"host\":\"a\"}"] {
        let stall = Stall::with_records(6);
        stall.set_commit(2, Some(metadata));
        let running = stall.start();
        stall.until("all from 2", |stall| stall.commit() == Some((6, None)));
        running.join();
        assert_eq!(stall.handled(), once(2..6), "{metadata}");
    }
}

/// If this fails, a broker that takes little metadata takes no commit at all, or nobody hears that a stop repeats what is
/// finished.
#[test]
fn a_commit_does_not_fail_for_its_metadata_and_says_what_that_costs() {
    let stall = Stall::with_records(20);
    stall.fail(9, u32::MAX);
    let refusal = CommitError { reason: "metadata too large".to_owned(), fault: CommitFault::Metadata };
    stall.answer_commits(Some(refusal));
    let running = stall.start();
    stall.until("a commit", |stall| stall.commit() == Some((9, None)));
    stall.until("what that costs", |_| running.watch().view(Instant::now()).groups[0].lanes[0].left_out == 10);
    stall.until("a warning", |stall| stall.noted("finished records behind offset 9") == 1);
    running.join();
}

/// If this fails, a process that was stopped for longer than its session begins records that are somebody else's.
#[test]
fn a_process_that_stood_still_begins_nothing_before_the_group_has_answered() {
    let stall = Stall::with_records(1);
    let running = stall.start();
    stall.until("a commit", |stall| stall.commit() == Some((1, None)));
    stall.freeze(true);
    std::thread::sleep(Duration::from_millis(500));
    stall.answer_commits(Some(CommitError::other("unknown member")));
    stall.send("k1", "1");
    let asked = stall.commits();
    stall.freeze(false);
    stall.until("questions", |stall| stall.commits() >= asked + 3);
    assert_eq!(stall.handled(), once(0..1));
    stall.answer_commits(None);
    stall.until("the record", |stall| stall.commit() == Some((2, None)));
    running.join();
    assert!(stall.noted("stood still") > 0);
}

/// If this fails, a coordinator that does not answer keeps a stop waiting, or nobody is told what became of it.
#[test]
fn a_stop_that_is_not_answered_ends_and_says_so() {
    let stall = Stall::with_records(1);
    stall.park_commits();
    let running = stall.start();
    stall.until("a commit", |stall| stall.on_their_way() > 0);
    let begun = Instant::now();
    running.forcer()();
    let end = running.join();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let uncommitted: Vec<_> = end.uncommitted.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(uncommitted, ["no answer of Kafka within 5 s"]);
    let to_repeat: Vec<_> = end.to_repeat.iter().map(ToString::to_string).collect();
    assert_eq!((end.handled, to_repeat), (1, vec!["orders/0: 1".to_owned()]));
    assert_eq!(stall.noted("Kafka has not answered 2 of the last commits"), 1);
}

/// If this fails, what is finished and tried gets lost on its way through librdkafka and the broker.
#[test]
fn finished_records_and_attempts_survive_a_restart_through_kafka() {
    static KEYED: Manifest =
        Manifest { groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }], ..PLAIN };
    let shop = Shop::open();
    for number in 0..20 {
        shop.send(Some(&format!("k{number}")), Some(&number.to_string()));
    }
    shop.state.fails.lock().expect("no panic").extend([(0, u32::MAX), (1, u32::MAX)]);
    let running = shop.start_as(&KEYED);
    shop.until("all but two", |shop| shop.seen().len() == 18 && shop.noted("attempt: 3,") == 2);
    running.join();
    let first_attempts = shop.noted("attempt: 1,");
    shop.state.fails.lock().expect("no panic").extend([(0, 1), (1, 1)]);
    let running = shop.start_as(&KEYED);
    shop.until("the two", |shop| shop.seen().len() >= 20);
    assert_eq!(running.join().handled, 2);
    assert_eq!(shop.noted("attempt: 1,"), first_attempts);
}

/// If this fails, each rebalance leaves less memory for records that wait, until only one at a time is looked at.
#[test]
fn what_waits_in_a_lane_that_is_lost_needs_no_memory() {
    let stall = Stall::with_records(0);
    (0..50).for_each(|number| stall.send("the same key", &number.to_string()));
    stall.fail(0, u32::MAX);
    let running = stall.start();
    let waiting =
        || running.watch().view(Instant::now()).groups.iter().map(|group| group.waiting_bytes.0).sum::<usize>();
    stall.until("a line of records", |_| waiting() > 0);
    stall.lose();
    stall.until("the end of the lane", |stall| stall.noted("Lost {") == 1 && waiting() == 0);
    running.join();
}
