//! Crashes, rebalances and stops amid handlers: what is done again, and what is not.

use super::*;

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
