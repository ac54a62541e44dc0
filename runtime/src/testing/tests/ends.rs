//! What an app says at its end: how many records are done again, and which handlers did not end.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;
use crate::{
    client::CommitError,
    engine::histories::histories,
    testing::{Act, Call},
};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How often records were performed that had been before.
fn repeats(run: &Simulation<Shared>) -> u64 {
    let performed = performed(run);
    let once: std::collections::BTreeSet<_> = performed.iter().collect();
    (performed.len() - once.len()) as u64
}

/// Starts the app again, and says how many records it performed a second time.
async fn done_again(run: &Simulation<Shared>) -> u64 {
    let before = repeats(run);
    run.source.swallow_commits("shop");
    run.start();
    run.settle().await;
    repeats(run) - before
}

/// If this fails, a deployment whose last commit never arrived ends as if nothing was done again.
#[tokio::test]
async fn what_was_finished_without_a_commit_is_said_to_be_done_again() {
    for manifest in [&WITHOUT, &KEYED] {
        let run = run(manifest);
        run.send("payments", "1");
        run.settle().await;
        run.source.park_commits("shop", u32::MAX);
        for number in 2..6 {
            run.send_keyed("payments", number.to_string(), number.to_string());
        }
        run.advance(seconds(1)).await;
        let ended = run.stop().await;
        assert_eq!((ended.handled, ended.to_repeat), (5, 4));
        assert_eq!(done_again(&run).await, 4);
        assert_eq!(run.stop().await.to_repeat, 0);
    }
}

/// If this fails, what a lost partition had is forgotten by the time of the stop, or counts though it came back and was
/// committed.
#[tokio::test]
async fn what_was_lost_before_the_stop_counts_until_it_is_committed() {
    let run = run(&WITHOUT);
    run.source.answer_commits("shop", Some(CommitError::other("no coordinator")));
    for number in 0..7 {
        run.send("payments", number.to_string());
    }
    run.advance(seconds(1)).await;
    run.lose("payments", 0).await;
    run.source.answer_commits("shop", None);
    run.advance(seconds(60)).await;
    assert_eq!(run.stop().await.to_repeat, 7);
    assert_eq!(done_again(&run).await, 7);

    run.source.answer_commits("shop", Some(CommitError::other("no coordinator")));
    run.send("payments", "7");
    run.advance(seconds(1)).await;
    run.lose("payments", 0).await;
    run.source.answer_commits("shop", None);
    run.give_back("payments", 0).await;
    // Before anything is read: what this process remembers is committed all the same.
    assert_eq!((run.stop().await.to_repeat, run.committed("payments", 0).is_some()), (0, true));
    assert_eq!(done_again(&run).await, 0);
}

/// If this fails, a stop names one handler of a partition and keeps silent about the others, says that they have just begun,
/// or calls records done again that are finished in the commit.
#[tokio::test]
async fn every_handler_at_work_is_named_with_its_age() {
    let run = run(&KEYED);
    run.script("payments", |call| if call.offset % 2 == 0 { Act::Hang } else { Act::Perform });
    for number in 0..20 {
        run.send_keyed("payments", number.to_string(), number.to_string());
        run.advance(seconds(1)).await;
    }
    let begun = run.elapsed();
    let ended = run.stop().await;
    let stopped = run.elapsed() - begun;
    let named: Vec<_> = ended.blocked.iter().map(|blocked| blocked.offset).collect();
    assert_eq!(named, (0..20).step_by(2).collect::<Vec<_>>());
    for blocked in &ended.blocked {
        let age = stopped + seconds(20 - blocked.offset.unsigned_abs());
        let off = blocked.running.abs_diff(age);
        assert!(off < Duration::from_millis(100), "{blocked}, and it was {age:?}");
    }
    assert_eq!((ended.handled, ended.to_repeat), (10, 10), "those that are done are in the commit");
    run.script("payments", |_| Act::Perform);
    assert_eq!(done_again(&run).await, 0, "of those that were performed none is again");
}

/// If this fails, records that `at_most_once` never does again are said to be done again.
#[tokio::test]
async fn what_is_committed_first_is_not_done_again() {
    let run = run(&AT_MOST_ONCE);
    run.script("payments", |_| Act::Hang);
    run.send("payments", "1");
    run.until(|run| !run.at_work("payments").is_empty()).await;
    let ended = run.stop().await;
    assert_eq!((ended.blocked.len(), ended.to_repeat), (1, 0));
}

/// What happens to an app.
#[derive(Debug, Clone)]
enum Step {
    Send {
        count: u8,
        key: u8,
    },
    Advance(u16),
    /// Commits are on their way from here on, until something else is said.
    Park,
    /// The oldest that is on its way arrives.
    Arrive,
    /// What is on its way never arrives, and what comes after does.
    Swallow,
    Refuse(bool),
    Revoke(i32),
    Lose(i32),
    GiveBack(i32),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u8..9, 0u8..6).prop_map(|(count, key)| Step::Send { count, key }),
        6 => (10u16..3_000).prop_map(Step::Advance),
        1 => Just(Step::Park),
        2 => Just(Step::Arrive),
        1 => Just(Step::Swallow),
        1 => any::<bool>().prop_map(Step::Refuse),
        2 => (0i32..2).prop_map(Step::Revoke),
        2 => (0i32..2).prop_map(Step::Lose),
        3 => (0i32..2).prop_map(Step::GiveBack),
        1 => Just(Step::Restart),
    ]
}

/// An app that goes through a history, and what became of its commits.
struct History {
    run: Simulation<Shared>,
    sent: u64,
    /// Whether each of the two partitions is the app's.
    held: [bool; 2],
    /// Whether all commits were taken at once, and no partition was lost.
    is_clean: bool,
    /// Whether a partition came back while a commit was on its way: its answer says nothing to the new lane.
    is_unsure: bool,
}

impl History {
    fn begin(manifest: &'static Manifest) -> Self {
        let run = run(manifest);
        run.partitions("payments", 2);
        // A third of them fail, so that others are finished before them.
        let fails = |call: &Call| call.offset % 3 == 1 && call.attempt < 3;
        run.script("payments", move |call| if fails(call) { Act::fail("closed") } else { Act::Perform });
        Self { run, sent: 0, held: [true; 2], is_clean: true, is_unsure: false }
    }

    fn refuse(&self, refuses: bool) {
        let refusal = CommitError::other("no coordinator");
        self.run.source.answer_commits("shop", refuses.then_some(refusal));
    }

    async fn go(&mut self, step: &Step) {
        let run = &self.run;
        let of = |partition: i32| usize::try_from(partition).expect("two of them");
        match *step {
            Step::Send { count, key } => {
                for _ in 0..count {
                    run.send_keyed("payments", [key], self.sent.to_string());
                    self.sent += 1;
                }
            }
            Step::Advance(milliseconds) => run.advance(Duration::from_millis(milliseconds.into())).await,
            Step::Park => {
                run.source.park_commits("shop", u32::MAX);
                self.is_clean = false;
            }
            Step::Arrive => {
                if !run.source.on_their_way("shop").is_empty() {
                    run.source.let_a_commit_arrive("shop");
                }
            }
            Step::Swallow => run.source.swallow_commits("shop"),
            Step::Refuse(refuses) => {
                self.refuse(refuses);
                self.is_clean &= !refuses;
            }
            Step::Revoke(partition) if self.held[of(partition)] => {
                run.revoke("payments", partition).await;
                self.held[of(partition)] = false;
            }
            Step::Lose(partition) if self.held[of(partition)] => {
                run.lose("payments", partition).await;
                self.held[of(partition)] = false;
                self.is_clean = false;
            }
            Step::GiveBack(partition) if !self.held[of(partition)] => {
                self.is_unsure |= !run.source.on_their_way("shop").is_empty();
                run.give_back("payments", partition).await;
                self.held[of(partition)] = true;
            }
            Step::Restart => self.restart().await,
            Step::Revoke(_) | Step::Lose(_) | Step::GiveBack(_) => {}
        }
    }

    /// Stops the app and starts it again: it does again what the stop has said.
    async fn restart(&mut self) {
        // A stop tries for seconds of real time to get a refused commit through.
        self.refuse(false);
        let said = self.run.stop().await.to_repeat;
        let again = done_again(&self.run).await;
        assert!(again <= said, "{again} are done again, and {said} were said");
        assert!(again == said || self.is_unsure, "{again} are done again, and {said} were said");
        assert!(said == 0 || !self.is_clean, "{said} are done again though nothing has happened");
        (self.held, self.is_clean, self.is_unsure) = ([true; 2], true, false);
    }
}

proptest! {
    #![proptest_config(histories(48))]

    /// If this fails, an app says at its end that another number of records is done again than its next start does, or
    /// that some are where nothing has happened.
    #[test]
    fn a_stop_says_what_the_next_start_does_again(
        steps in prop::collection::vec(step(), 1..24),
        by_key in any::<bool>(),
    ) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("tokio");
        runtime.block_on(async {
            let mut history = History::begin(if by_key { &KEYED } else { &WITHOUT });
            for step in &steps {
                history.go(step).await;
            }
            history.restart().await;
        });
    }
}
