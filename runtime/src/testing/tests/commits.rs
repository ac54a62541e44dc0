//! Commits whose answers come late, or never.

use super::*;
use crate::client::{Close, CommitError};

const AT_MOST_ONCE: &[GroupEntry] = &[GroupEntry { name: "shop", settings: &[("delivery", "at_most_once")] }];

static ONCE: Manifest = shop(AT_MOST_ONCE, &[payments("shop", &[])]);

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Offsets of the commits that are on their way, oldest first.
fn on_their_way(run: &Simulation<Shared>) -> Vec<Vec<i64>> {
    run.source.on_their_way("shop")
}

/// The oldest of them arrives, and its answer is heard.
async fn let_one_arrive(run: &Simulation<Shared>) {
    run.source.let_a_commit_arrive("shop");
    run.advance(seconds(1)).await;
}

/// The process stands still for longer than its session.
async fn stand_still(run: &Simulation<Shared>) {
    run.source.freeze("shop", true);
    run.advance(seconds(60)).await;
}

async fn go_on(run: &Simulation<Shared>) {
    run.source.freeze("shop", false);
    run.advance(seconds(1)).await;
}

/// If this fails, one answer of Kafka that gets lost is the last one: nothing is committed any more.
#[tokio::test]
async fn a_commit_that_is_never_answered_is_made_again() {
    let run = run(&WITHOUT);
    run.source.park_commits("shop", 1);
    run.send("payments", "1");
    run.advance(Duration::from_secs(10)).await;
    run.send("payments", "2");
    run.advance(Duration::from_secs(5)).await;
    assert_eq!((performed(&run), run.committed("payments", 0)), (vec![1, 2], None), "one commit at a time");
    run.advance(Duration::from_secs(10)).await;
    assert_eq!(run.committed("payments", 0), Some(2));
    run.source.let_a_commit_arrive("shop");
    run.advance(Duration::from_secs(10)).await;
    assert_eq!(run.committed("payments", 0), Some(2), "what came late and undid it is undone");
    assert_eq!(run.stop().await.handled, 2);
}

/// If this fails, a process that was stopped begins what is somebody else's: the answer to a commit that was made before
/// the stop is taken for that of an equal one that was made since.
#[tokio::test]
async fn an_old_answer_lets_nothing_begin_in_a_process_that_stood_still() {
    let run = run(&WITHOUT);
    run.source.park_commits("shop", 2);
    run.send("payments", "1");
    run.advance(seconds(1)).await;
    stand_still(&run).await;
    run.send("payments", "2");
    go_on(&run).await;
    assert_eq!(on_their_way(&run), [[1], [1]], "an equal commit is made");
    let_one_arrive(&run).await;
    assert_eq!(performed(&run), [1], "the old answer says nothing of now");
    let_one_arrive(&run).await;
    assert_eq!(performed(&run), [1, 2]);
}

/// If this fails, the same happens to a process that is stopped twice.
#[tokio::test]
async fn an_answer_between_two_standstills_lets_nothing_begin() {
    let run = run(&WITHOUT);
    run.source.park_commits("shop", 3);
    run.send("payments", "1");
    run.advance(seconds(1)).await;
    stand_still(&run).await;
    go_on(&run).await;
    run.source.freeze("shop", true);
    let_one_arrive(&run).await;
    let_one_arrive(&run).await;
    run.send("payments", "2");
    stand_still(&run).await;
    go_on(&run).await;
    assert_eq!(on_their_way(&run), [[1]], "the group is asked once more");
    assert_eq!(performed(&run), [1]);
    let_one_arrive(&run).await;
    assert_eq!(performed(&run), [1, 2]);
}

/// If this fails, two commits are on their way at a time, and the client may undo the later one by the earlier one.
#[tokio::test]
async fn an_old_refusal_makes_no_further_commit() {
    let run = run(&WITHOUT);
    run.source.park_commits("shop", 3);
    run.send("payments", "1");
    run.advance(seconds(23)).await;
    assert_eq!(on_their_way(&run), [[1], [1]]);
    run.source.answer_commits("shop", Some(CommitError::other("rebalancing")));
    let_one_arrive(&run).await;
    run.advance(seconds(10)).await;
    assert_eq!(on_their_way(&run), [[1]], "the second one is still waited for");
    run.source.answer_commits("shop", None);
    let_one_arrive(&run).await;
    assert_eq!((on_their_way(&run).len(), run.committed("payments", 0)), (0, Some(1)));
}

/// If this fails, a client that has lost its coordinator is given one commit after the other, and keeps them all.
#[tokio::test]
async fn a_few_commits_are_given_up_and_then_answers_are_waited_for() {
    let run = run(&WITHOUT);
    run.source.park_commits("shop", 100);
    run.send("payments", "1");
    for _ in 0..60 {
        run.advance(seconds(5)).await;
    }
    assert_eq!(on_their_way(&run).len(), 4);
    run.source.park_commits("shop", 0);
    let_one_arrive(&run).await;
    run.advance(seconds(20)).await;
    assert_eq!(on_their_way(&run).len(), 3, "there is room for another one");
    assert_eq!(run.committed("payments", 0), Some(1));
    run.crash().await;
}

/// If this fails, a record is begun before the newest commit is acknowledged, which another one may be about to undo.
#[tokio::test]
async fn a_late_answer_lets_nothing_begin_that_is_performed_at_most_once() {
    let run = run(&ONCE);
    run.source.park_commits("shop", 2);
    run.send("payments", "1");
    run.advance(seconds(35)).await;
    assert_eq!(on_their_way(&run), [[1], [1]]);
    let_one_arrive(&run).await;
    assert_eq!(performed(&run), [0; 0]);
    let_one_arrive(&run).await;
    assert_eq!(performed(&run), [1]);
    run.send("payments", "2");
    run.settle().await;
    assert_eq!((performed(&run), run.committed("payments", 0)), (vec![1, 2], Some(2)));
}

/// If this fails, a partition that goes while a commit is refused loses, in silence, what was to be performed after it, or
/// goes only when all patience is used up.
#[tokio::test]
async fn what_was_refused_and_not_performed_is_not_committed_when_it_goes() {
    let run = run(&ONCE);
    run.source.park_commits("shop", 1);
    run.send("payments", "1");
    run.advance(seconds(1)).await;
    let begun = run.elapsed();
    let refuse = async {
        run.advance(seconds(1)).await;
        run.source.answer_commits("shop", Some(CommitError::other("rebalancing")));
        run.source.let_a_commit_arrive("shop");
        run.source.answer_commits("shop", None);
    };
    tokio::join!(run.revoke("payments", 0), refuse);
    assert!(run.elapsed() - begun < seconds(3), "{:?}", run.elapsed() - begun);
    assert_eq!((performed(&run), run.committed("payments", 0)), (vec![], None));
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!((performed(&run), run.committed("payments", 0)), (vec![1], Some(1)));
}

/// If this fails, a partition that is taken while the coordinator does not answer is kept for ever, and all others with
/// it; or what was not acknowledged counts as committed.
#[tokio::test]
async fn a_partition_is_let_go_though_its_commit_is_not_answered() {
    let run = run(&WITHOUT);
    *run.state().takes.lock().expect("no panic") = seconds(5);
    let payment = run.send("payments", "1");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    run.source.park_commits("shop", 1);
    run.revoke("payments", 0).await;
    assert!(run.is_done(&payment) && run.source.assigned("shop").is_empty());
    assert_eq!((on_their_way(&run).len(), run.committed("payments", 0)), (1, None));
    run.give_back("payments", 0).await;
    run.advance(seconds(25)).await;
    assert_eq!((run.attempts(&payment), run.committed("payments", 0)), (1, Some(1)), "it is committed again");
    let_one_arrive(&run).await;
    run.stop().await;
}

/// If this fails, a stop waits for ever for a commit that Kafka does not answer: first for the answer, and then for the
/// client, which waits for it as well.
#[tokio::test]
async fn a_stop_does_not_wait_for_ever_for_an_answer() {
    for parked in [1, 2, 100] {
        let run = run(&WITHOUT);
        run.source.park_commits("shop", parked);
        run.send("payments", "1");
        run.advance(seconds(1)).await;
        let begun = run.source.age();
        assert_eq!(run.stop().await.handled, 1);
        assert!(run.source.age() - begun < seconds(10), "{parked}");
        assert!(matches!(run.source.closed("shop"), Some(Close::Within(_))), "{parked}");
        assert_eq!(run.committed("payments", 0), (parked == 1).then_some(1));
    }
}
