//! When a group commits: as its manifest says, and at once where waiting would cost something.

use super::*;
use crate::client::{CommitError, CommitFault};

/// So long that whatever is committed sooner is committed for another reason.
const MINUTE: &[GroupEntry] = &[GroupEntry { name: "shop", settings: &[("commit_interval", "60s")] }];
const MINUTE_BY_KEY: &[GroupEntry] = &[GroupEntry {
    name: "shop",
    settings: &[("commit_interval", "60s"), ("ordering", "key"), ("window", "5"), ("concurrency", "64")],
}];
const MINUTE_ONCE: &[GroupEntry] =
    &[GroupEntry { name: "shop", settings: &[("commit_interval", "60s"), ("delivery", "at_most_once")] }];
const SHORT: &[GroupEntry] = &[GroupEntry { name: "shop", settings: &[("commit_interval", "10ms")] }];
const CONSUMER: &[GroupEntry] =
    &[GroupEntry { name: "shop", settings: &[("commit_interval", "60s"), ("protocol", "consumer")] }];

static SELDOM: Manifest = shop(MINUTE, &[payments("shop", &[])]);
static SELDOM_BY_KEY: Manifest = shop(MINUTE_BY_KEY, &[payments("shop", &[])]);
static SELDOM_ONCE: Manifest = shop(MINUTE_ONCE, &[payments("shop", &[])]);
static OFTEN: Manifest = shop(SHORT, &[payments("shop", &[])]);
static SHARED_ONCE: Manifest = shop(
    &[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once"), ("protocol", "consumer")] }],
    &[payments("shop", &[])],
);
static SHARED_OUT: Manifest = shop(CONSUMER, &[payments("shop", &[])]);

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Sends a number to a partition.
fn send_to(run: &Simulation<Shared>, partition: i32, number: u64) {
    let value = Some(number.to_string().into_bytes());
    run.send_to("payments", partition, OwnedRecord { value, ..OwnedRecord::default() });
}

/// An app with two partitions, that has performed a record of each and committed neither.
async fn two_partitions(manifest: &'static Manifest) -> Simulation<Shared> {
    let run = run(manifest);
    run.partitions("payments", 2);
    run.until(|run| run.source.assigned("shop").len() == 2).await;
    // What follows an assignment is over.
    run.advance(ms(100)).await;
    (0..2).for_each(|partition| send_to(&run, partition, 1));
    run.until(|run| performed(run).len() == 2).await;
    run.advance(ms(50)).await;
    assert_eq!((run.committed("payments", 0), run.committed("payments", 1)), (Some(0), Some(0)), "nothing is due");
    run
}

fn rebalancing() -> Option<CommitError> {
    Some(CommitError { reason: "rebalancing".to_owned(), fault: CommitFault::Rebalance })
}

/// If this fails, a group commits more often than its manifest says, or a crash repeats more than that.
#[tokio::test]
async fn a_group_commits_as_often_as_its_manifest_says() {
    for (manifest, interval) in [(&SELDOM, ms(60_000)), (&WITHOUT, ms(200)), (&OFTEN, ms(10))] {
        let run = run(manifest);
        run.until(|run| !run.source.assigned("shop").is_empty()).await;
        // The first turns are over, and what follows an assignment.
        run.advance(interval).await;
        run.source.park_commits("shop", 0);
        let mut committed = Vec::new();
        for number in 0..3 {
            run.send("payments", number.to_string());
            run.until(|run| run.committed("payments", 0) == Some(number + 1)).await;
            committed.push(run.elapsed());
        }
        for pair in committed.windows(2) {
            let took = pair[1] - pair[0];
            assert!(took >= interval - ms(5) && took <= interval + ms(60), "{took:?} instead of {interval:?}");
        }
    }
}

/// If this fails, a long interval lets the window fill up: what Kafka has acknowledged is not looked at before the next
/// commit.
#[tokio::test]
async fn a_long_interval_stops_no_work() {
    let run = run(&SELDOM_BY_KEY);
    let begun = run.elapsed();
    (0..500).for_each(|number| drop(run.send_keyed("payments", number.to_string(), number.to_string())));
    run.until(|run| performed(run).len() == 500).await;
    assert!(run.elapsed() - begun < ms(5_000), "500 records in a window of 5 took {:?}", run.elapsed() - begun);
    assert_eq!(run.stop().await.to_repeat, 0);
    assert_eq!(run.committed("payments", 0), Some(500), "a stop commits at once");
}

/// If this fails, `delivery: at_most_once` waits for an interval before each batch.
#[tokio::test]
async fn what_is_committed_first_does_not_wait_for_the_interval() {
    let run = run(&SELDOM_ONCE);
    let begun = run.elapsed();
    for number in 0..5 {
        run.send("payments", number.to_string());
        run.until(|run| performed(run).len() as u64 == number + 1).await;
    }
    assert!(run.elapsed() - begun < ms(1_000), "{:?}", run.elapsed() - begun);
    // After a refusal it is asked for again soon, and not at full speed.
    run.source.answer_commits("shop", Some(CommitError::other("no coordinator")));
    let (asked, begun) = (run.source.commits("shop"), run.elapsed());
    run.send("payments", "5");
    run.advance(ms(2_000)).await;
    let refused = run.source.commits("shop") - asked;
    assert!((5..=15).contains(&refused), "{refused} commits in two seconds");
    run.source.answer_commits("shop", None);
    run.until(|run| performed(run).len() == 6).await;
    assert!(run.elapsed() - begun < ms(3_000), "{:?}", run.elapsed() - begun);
}

/// If this fails, a crash in a rebalance repeats what a member had finished before it, of the partitions that it keeps: while
/// it waits to join anew, no commit gets through.
#[tokio::test]
async fn what_is_kept_is_committed_before_others_go() {
    let run = two_partitions(&SELDOM).await;
    run.revoke("payments", 0).await;
    assert_eq!((run.committed("payments", 0), run.committed("payments", 1)), (Some(1), Some(1)));
}

/// If this fails, the same happens to what is finished beyond the first unfinished record.
#[tokio::test]
async fn what_is_kept_says_its_news_before_others_go() {
    let run = run(&SELDOM_BY_KEY);
    run.partitions("payments", 2);
    run.script("payments", |call| if call.value.as_deref() == Some(b"0") { Act::Hang } else { Act::Perform });
    for number in 0..3 {
        let (key, value) = (Some(number.to_string().into_bytes()), Some(number.to_string().into_bytes()));
        run.send_to("payments", 1, OwnedRecord { key, value, ..OwnedRecord::default() });
    }
    run.until(|run| performed(run).len() == 2).await;
    run.revoke("payments", 0).await;
    let (offset, metadata) = run.source.commit("shop", &run.partition("payments", 1)).expect("a commit");
    let mut progress = Progress::decode(metadata.unwrap_or_default().as_bytes(), offset);
    assert!(offset == 0 && progress.pass(1) && progress.pass(2) && !progress.pass(0));
}

/// If this fails, something that is wrong with a partition that is kept makes the next owner of another do its records again.
#[tokio::test]
async fn what_is_kept_does_not_stand_in_the_way_of_what_goes() {
    let run = two_partitions(&SELDOM).await;
    run.source.refuse_commits_of("shop", run.partition("payments", 1));
    run.revoke("payments", 0).await;
    assert_eq!((run.committed("payments", 0), run.committed("payments", 1)), (Some(1), Some(0)));
}

/// If this fails, a partition that goes is waited for twice as long when a coordinator does not answer.
#[tokio::test]
async fn what_is_not_answered_is_not_asked_twice_when_it_goes() {
    let run = two_partitions(&SELDOM).await;
    run.source.park_commits("shop", 100);
    run.revoke("payments", 0).await;
    assert_eq!(run.source.on_their_way("shop").len(), 1);
    run.source.swallow_commits("shop");
}

/// If this fails, what was finished while a member waited to join stays uncommitted for another interval; and the next join,
/// which may follow at once, makes it wait as long again.
#[tokio::test]
async fn an_assignment_is_followed_by_a_commit() {
    let run = two_partitions(&SELDOM).await;
    run.revoke("payments", 0).await;
    send_to(&run, 1, 2);
    run.until(|run| performed(run).len() == 3).await;
    assert_eq!(run.committed("payments", 1), Some(1));
    run.give_back("payments", 0).await;
    assert_eq!(run.committed("payments", 1), Some(2));
}

/// If this fails, a commit that came back with an old generation is made again only when the next one is due.
#[tokio::test]
async fn a_refusal_in_a_rebalance_is_followed_by_a_commit() {
    let run = two_partitions(&SELDOM).await;
    run.source.park_commits("shop", 1);
    run.advance(ms(61_000)).await;
    send_to(&run, 0, 2);
    run.until(|run| performed(run).len() == 3).await;
    run.source.answer_commits("shop", rebalancing());
    run.source.let_a_commit_arrive("shop");
    run.source.answer_commits("shop", None);
    run.advance(ms(100)).await;
    assert_eq!((run.committed("payments", 0), run.committed("payments", 1)), (Some(2), Some(1)));
}

/// If this fails, a rebalance that takes long, or a coordinator that is away, is asked at full speed.
#[tokio::test]
async fn what_is_refused_is_made_again_without_a_hot_loop() {
    for (manifest, refusal) in
        [(&OFTEN, rebalancing()), (&SELDOM, rebalancing()), (&OFTEN, Some(CommitError::other("away")))]
    {
        let run = run(manifest);
        run.source.answer_commits("shop", refusal);
        run.send("payments", "1");
        run.advance(ms(60_500)).await;
        let before = run.source.commits("shop");
        run.advance(ms(10_000)).await;
        let asked = run.source.commits("shop") - before;
        assert!((40..=60).contains(&asked), "{asked} commits in ten seconds");
        run.source.answer_commits("shop", None);
        run.advance(ms(300)).await;
        assert_eq!(run.committed("payments", 0), Some(1));
    }
}

/// If this fails, a process that stood still begins what may be somebody else's, though shorter than the session that its
/// manifest speaks of: with `protocol: consumer` that is the broker's.
#[tokio::test]
async fn a_second_is_a_standstill_where_the_session_is_the_brokers() {
    for (manifest, begins) in [(&SHARED_OUT, false), (&SELDOM, true)] {
        let run = run(manifest);
        run.send("payments", "1");
        run.until(|run| performed(run).len() == 1).await;
        run.source.freeze("shop", true);
        run.advance(ms(1_500)).await;
        run.source.park_commits("shop", 1);
        run.send("payments", "2");
        run.advance(ms(1_000)).await;
        assert_eq!(performed(&run).len() == 2, begins, "a lane wakes up first");
        run.source.freeze("shop", false);
        run.advance(ms(1_000)).await;
        assert_eq!(performed(&run).len() == 2, begins, "the group is asked, and has not answered");
        if !begins {
            run.source.let_a_commit_arrive("shop");
        }
        run.advance(ms(100)).await;
        assert_eq!(performed(&run), [1, 2], "an answer is enough");
    }
}

/// If this fails, a stop loses what was committed and not begun, when that takes longer than a standstill may.
#[tokio::test]
async fn a_long_stop_is_no_standstill() {
    let run = run(&SHARED_ONCE);
    run.until(|run| !run.source.assigned("shop").is_empty()).await;
    *run.state().takes.lock().expect("no panic") = ms(700);
    (0..6).for_each(|number| drop(run.send("payments", number.to_string())));
    run.until(|run| !run.at_work("payments").is_empty() && run.committed("payments", 0) == Some(6)).await;
    let ended = run.stop().await;
    assert_eq!((ended.handled, performed(&run)), (6, (0..6).collect()));
}

/// If this fails, `delivery: at_most_once` begins what is somebody else's after a standstill, or never begins again.
#[tokio::test]
async fn what_is_committed_first_waits_for_an_answer_as_well() {
    let run = run(&SHARED_ONCE);
    run.send("payments", "1");
    run.until(|run| performed(run).len() == 1).await;
    run.source.freeze("shop", true);
    run.advance(ms(1_500)).await;
    run.source.answer_commits("shop", Some(CommitError::other("unknown member")));
    run.source.freeze("shop", false);
    run.send("payments", "2");
    run.advance(ms(2_000)).await;
    assert_eq!(performed(&run), [1]);
    run.source.answer_commits("shop", None);
    run.advance(ms(500)).await;
    assert_eq!(performed(&run), [1, 2]);
}

/// If this fails, a group that had nothing to commit when it woke up waits for ever, or begins without having asked.
#[tokio::test]
async fn an_idle_group_asks_as_soon_as_it_has_something_to_ask_with() {
    let run = run(&SHARED_OUT);
    run.until(|run| !run.source.assigned("shop").is_empty()).await;
    run.advance(ms(100)).await;
    run.source.freeze("shop", true);
    run.advance(ms(12_000)).await;
    run.source.answer_commits("shop", Some(CommitError::other("unknown member")));
    let asked = run.source.commits("shop");
    run.source.freeze("shop", false);
    run.advance(ms(1_000)).await;
    run.send("payments", "1");
    run.advance(ms(1_000)).await;
    assert_eq!(performed(&run), [0; 0], "it is fenced");
    let asked = run.source.commits("shop") - asked;
    assert!((3..=12).contains(&asked), "{asked} questions");
    run.source.answer_commits("shop", None);
    run.advance(ms(300)).await;
    assert_eq!(performed(&run), [1]);
}

/// If this fails, a member that was fenced while it stood still takes the assignment that it had heard of before for a new
/// one, and begins beside the new owner.
#[tokio::test]
async fn an_assignment_from_before_a_standstill_proves_nothing() {
    let run = run(&SHARED_OUT);
    run.send("payments", "1");
    run.until(|run| performed(run).len() == 1).await;
    run.lose("payments", 0).await;
    run.source.freeze("shop", true);
    run.advance(ms(1_000)).await;
    // It is given the partition, and then stands still for longer than its session before it has heard of that.
    let partition = run.partition("payments", 0);
    run.source.say("shop", crate::client::ClientEvent::Assign(vec![partition]));
    run.advance(ms(12_000)).await;
    run.source.answer_commits("shop", Some(CommitError::other("unknown member")));
    run.send("payments", "2");
    run.source.freeze("shop", false);
    run.advance(ms(1_000)).await;
    assert_eq!(performed(&run), [1]);
    run.source.answer_commits("shop", None);
    run.advance(ms(300)).await;
    assert_eq!(performed(&run), [1, 2], "it belongs to the group again");
}
