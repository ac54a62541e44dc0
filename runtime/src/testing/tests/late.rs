//! Handlers that outlast the patience with which their partition was let go, while it comes back and goes again.

use super::*;
use crate::client::{CommitError, TopicPartition};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn refuse_commits(run: &Simulation<Shared>, refuses: bool) {
    let refusal = CommitError::other("no coordinator");
    run.source.answer_commits("shop", refuses.then_some(refusal));
}

fn send(run: &Simulation<Shared>, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| drop(run.send_keyed("payments", number.to_string(), number.to_string())));
}

/// How often each number was performed.
fn times(run: &Simulation<Shared>) -> BTreeMap<u64, u32> {
    let mut times = BTreeMap::new();
    performed(run).into_iter().for_each(|number| *times.entry(number).or_default() += 1);
    times
}

/// An app that has done all of ten records but the first, whose handler takes a minute. `commits`: Kafka takes them.
async fn at_a_slow_record(commits: bool) -> Simulation<Shared> {
    let run = run(&KEYED);
    refuse_commits(&run, !commits);
    let mut is_slow = true;
    run.script("payments", move |call| {
        if call.offset == 0 && std::mem::take(&mut is_slow) { Act::Delay(seconds(60)) } else { Act::Perform }
    });
    send(&run, 0..10);
    run.advance(seconds(1)).await;
    assert_eq!(performed(&run), (1..10).collect::<Vec<_>>());
    run
}

/// If this fails, a handler that ends late makes a process forget what it has finished since: it does that again when the
/// partition comes back, or ends as if nothing was done again.
#[tokio::test]
async fn a_late_handler_makes_nobody_forget_what_was_finished_since() {
    for comes_back in [false, true] {
        let run = run_and_lose_twice().await;
        if comes_back {
            refuse_commits(&run, false);
            run.give_back("payments", 0).await;
            run.settle().await;
            assert_eq!((run.stop().await.to_repeat, run.committed("payments", 0)), (0, Some(15)));
            let again: BTreeMap<_, _> = times(&run).into_iter().filter(|(_, times)| *times > 1).collect();
            assert_eq!(again, BTreeMap::from([(0, 2)]), "but for the one that was begun twice");
        } else {
            assert_eq!(run.stop().await.to_repeat, 15);
            refuse_commits(&run, false);
            let before = performed(&run).len();
            run.start();
            run.settle().await;
            assert_eq!(performed(&run).len() - before, 15);
        }
    }
}

/// An app that loses its partition while a handler is at work, and again what it has got back before that one ends.
async fn run_and_lose_twice() -> Simulation<Shared> {
    let run = at_a_slow_record(false).await;
    run.lose("payments", 0).await;
    run.give_back("payments", 0).await;
    send(&run, 10..15);
    run.advance(seconds(1)).await;
    let expected: BTreeMap<u64, u32> = (0..15).map(|number| (number, 1)).collect();
    assert_eq!(times(&run), expected, "what the late one had finished is not done again");
    run.lose("payments", 0).await;
    run.advance(seconds(90)).await;
    assert_eq!(times(&run)[&0], 2, "the late one has ended");
    run
}

/// If this fails, records of a topic that was recreated are skipped and lost, as others had their offsets before, of which
/// the last was still at work when the topic went.
#[tokio::test]
async fn a_late_handler_of_a_topic_that_is_recreated_skips_nothing() {
    let run = at_a_slow_record(true).await;
    assert_eq!(run.committed("payments", 0), Some(0), "with what is finished beyond it");
    run.lose("payments", 0).await;
    // The member that has it meanwhile begins the new topic at its beginning.
    let partition = TopicPartition { topic: "shop.payments".into(), partition: 0 };
    run.source.recreate("shop.payments");
    run.source.set_commit("shop", partition, 0, None);
    run.source.see_recreated("shop", "shop.payments");
    run.advance(seconds(90)).await;
    send(&run, 0..10);
    run.give_back("payments", 0).await;
    run.settle().await;
    assert_eq!(times(&run), (0..10).map(|number| (number, 2)).collect(), "once in each topic");
    run.stop().await;
}
