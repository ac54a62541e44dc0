//! Each kind of wrong, made by hand, must be seen: a checker that is blind makes every fault test worthless.

use super::*;

/// Records `0..count` of partition 0, each with a key of two: even and odd.
fn produced(count: i64) -> Vec<Produced> {
    let key = |offset: i64| Some(if offset % 2 == 0 { "even" } else { "odd" }.into());
    (0..count).map(|offset| Produced { place: (0, offset), key: key(offset) }).collect()
}

fn event(kind: Kind, offset: i64, process: u32) -> Event {
    Event { kind, place: (0, offset), process, attempt: 1, at_ms: 0 }
}

fn begun(offset: i64, process: u32) -> Event {
    event(Kind::Begun, offset, process)
}

fn done(offset: i64, process: u32) -> Event {
    event(Kind::Done, offset, process)
}

fn run(count: i64, log: &[Event], committed: i64) -> Run {
    Run {
        produced: produced(count),
        log: log.to_vec(),
        committed: BTreeMap::from([(0, committed)]),
        ends: BTreeMap::from([(0, count)]),
        ..Run::default()
    }
}

/// If this fails, a clean run is called wrong, and the suite cries wolf.
#[test]
fn a_clean_run_has_nothing_wrong() {
    let run = run(3, &[begun(0, 1), done(0, 1), begun(1, 1), done(1, 1), begun(2, 1), done(2, 1)], 3);
    for order in [Order::Partition, Order::Key] {
        assert_eq!(check(&run, order), Verdict::default());
    }
}

/// If this fails, a record that a commit has passed goes unseen: the loss that everything here is about.
#[test]
fn what_a_commit_passed_is_lost_and_what_waits_is_unseen() {
    let run = run(3, &[begun(1, 1), done(1, 1)], 2);
    let verdict = check(&run, Order::Key);
    assert_eq!((verdict.lost.clone(), verdict.unseen.clone()), (vec![(0, 0)], vec![(0, 2)]));
    assert!(verdict.expect_nothing_lost().is_err());
}

/// If this fails, a job that waits in Redis counts as lost, or one that Redis has lost does not.
#[test]
fn a_job_is_not_lost_by_a_commit_behind_it() {
    let mut run = run(3, &[begun(1, 1), done(1, 1)], 3);
    run.jobs = BTreeSet::from([(0, 0)]);
    let verdict = check(&run, Order::None);
    assert_eq!((verdict.lost.clone(), verdict.unseen.clone()), (vec![(0, 2)], vec![(0, 0)]));
    assert!(verdict.expect_nothing_lost().is_err());
}

/// If this fails, a dead letter counts as a loss, or a copy of one goes unseen.
#[test]
fn a_dead_letter_is_a_fate_and_its_copy_is_counted() {
    let mut run = run(2, &[begun(0, 1), event(Kind::Failed, 0, 1), begun(1, 1), done(1, 1)], 2);
    run.dead = vec![DeadLetter { source: (0, 0) }, DeadLetter { source: (0, 0) }];
    let verdict = check(&run, Order::Partition).expect_nothing_lost().expect("nothing is lost");
    assert_eq!(verdict.dead_again, [(0, 0)]);
}

/// If this fails, records that are done twice go unseen, or a retry is taken for a repeat.
#[test]
fn repeats_are_counted_and_retries_are_none() {
    let again = run(1, &[begun(0, 1), done(0, 1), begun(0, 2), done(0, 2)], 1);
    let verdict = check(&again, Order::Partition);
    assert_eq!((verdict.repeated.len(), verdict.redelivered.len()), (1, 1));
    assert!(verdict.expect_no_repeats().is_err());
    let interrupted = run(1, &[begun(0, 1), event(Kind::Gone, 0, 1), begun(0, 2), done(0, 2)], 1);
    let verdict = check(&interrupted, Order::Partition);
    assert_eq!((verdict.repeated.len(), verdict.redelivered.len()), (0, 1));
    let second = |kind| Event { attempt: 2, ..event(kind, 0, 1) };
    let retried = [begun(0, 1), event(Kind::Failed, 0, 1), second(Kind::Begun), second(Kind::Done)];
    assert_eq!(check(&run(1, &retried, 1), Order::Partition), Verdict::default());
}

/// If this fails, a record that overtakes another of its key goes unseen, or other keys count as overtaken.
#[test]
fn overtaking_is_seen_in_the_line_and_only_there() {
    let odd_first = run(2, &[begun(1, 1), done(1, 1), begun(0, 1), done(0, 1)], 2);
    assert_eq!(check(&odd_first, Order::Partition).reordered, [(0, 1)]);
    assert_eq!(check(&odd_first, Order::Key).reordered, []);
    let failed = [begun(0, 1), event(Kind::Failed, 0, 1), begun(2, 1), done(2, 1), begun(1, 1), done(1, 1)];
    let verdict = check(&run(3, &failed, 0), Order::Key);
    assert_eq!(verdict.reordered, [(0, 2)], "it passed one that had failed and was not dead-lettered");
}

/// If this fails, two records of a key at work at once go unseen.
#[test]
fn two_of_a_line_at_once_are_seen() {
    let both = [begun(0, 1), begun(2, 1), done(0, 1), done(2, 1), begun(1, 1), done(1, 1)];
    assert_eq!(check(&run(3, &both, 3), Order::Key).beside, [(0, 2)]);
    let after_a_crash = [begun(0, 1), event(Kind::Gone, 0, 1), begun(0, 2), done(0, 2), begun(2, 2), done(2, 2)];
    assert_eq!(check(&run(3, &after_a_crash, 1), Order::Key).beside, []);
}

/// If this fails, a process that works on what it has lost goes unseen.
#[test]
fn work_after_fencing_is_seen() {
    let frozen = [begun(0, 1), done(0, 1), begun(1, 2), done(1, 2), begun(1, 1), done(1, 1), begun(2, 2), done(2, 2)];
    assert_eq!(check(&run(3, &frozen, 3), Order::Partition).after_fencing, [(0, 1)]);
    let ahead = [begun(0, 1), done(0, 1), begun(0, 2), begun(1, 1), done(1, 1), begun(1, 2), done(1, 2)];
    assert_eq!(check(&run(2, &ahead, 2), Order::Partition).after_fencing, [(0, 1)], "ahead of the new owner");
    let back_again = [begun(0, 1), begun(1, 1), begun(1, 2), done(1, 2), begun(2, 1), done(2, 1)];
    assert_eq!(check(&run(3, &back_again, 3), Order::Partition).after_fencing, [], "it was given back");
    let taken_over = [begun(0, 1), begun(0, 2), done(0, 2), begun(1, 2), done(1, 2)];
    assert_eq!(check(&run(2, &taken_over, 2), Order::Partition).after_fencing, []);
    let had_it_before = [begun(0, 2), done(0, 2), begun(1, 1), done(1, 1), event(Kind::Gone, 1, 1)];
    let redone = [begun(1, 2), done(1, 2), begun(2, 1), done(2, 1)];
    let log = [&had_it_before[..], &redone[..]].concat();
    assert_eq!(check(&run(3, &log, 3), Order::Partition).after_fencing, [], "from one that was frozen");
}

/// If this fails, what a process finishes when it has lost the record goes unseen, or a successor's own end counts.
#[test]
fn what_is_done_late_is_seen() {
    let late = [begun(0, 1), begun(0, 2), done(0, 1), done(0, 2)];
    assert_eq!(check(&run(1, &late, 1), Order::Partition).done_late, [(0, 0)]);
    let handed_over = [begun(0, 1), done(0, 1), begun(1, 2), done(1, 2)];
    assert_eq!(check(&run(2, &handed_over, 2), Order::Partition).done_late, []);
}

/// If this fails, a process that goes back in a line goes unseen, or a retry or another line is taken for that.
#[test]
fn a_process_that_goes_back_is_seen() {
    let lost = [begun(0, 1), done(0, 1), begun(2, 1), done(2, 1), begun(0, 1), done(0, 1)];
    for order in [Order::Partition, Order::Key] {
        assert_eq!(check(&run(3, &lost, 1), order).went_back, [(0, 0)]);
    }
    let by_key = [begun(1, 1), done(1, 1), begun(0, 1), event(Kind::Failed, 0, 1), begun(0, 1), done(0, 1)];
    assert_eq!(check(&run(2, &by_key, 2), Order::Key).went_back, []);
    assert_eq!(check(&run(2, &by_key, 2), Order::Partition).went_back.len(), 2);
}

/// If this fails, a commit that takes the group back goes unseen: a crash then repeats what was committed before.
#[test]
fn a_commit_that_moves_back_is_seen() {
    let log = [begun(0, 1), done(0, 1), begun(1, 1), done(1, 1)];
    let mut run = run(2, &log, 1);
    run.commits = vec![(0, 1), (1, 5), (0, 2)];
    let verdict = check(&run, Order::Partition);
    assert_eq!(verdict.committed_back, [(0, 1)]);
    assert!(verdict.expect_nothing_lost().is_err());
    run.committed = BTreeMap::from([(0, 2)]);
    assert_eq!(check(&run, Order::Partition).committed_back, []);
}

/// If this fails, keys that are not text are taken for one, and their records for each other's.
#[test]
fn keys_are_bytes() {
    let mut run = run(2, &[begun(1, 1), done(1, 1), begun(0, 1), done(0, 1)], 2);
    run.produced[0].key = Some(vec![0xfe]);
    run.produced[1].key = Some(vec![0xff]);
    assert_eq!(check(&run, Order::Key), Verdict::default());
}

/// If this fails, a record of an aborted transaction is handled, or a commit past the end is made, and nobody sees it.
#[test]
fn what_was_never_produced_is_seen() {
    let verdict = check(&run(1, &[begun(0, 1), done(0, 1), begun(7, 1), done(7, 1)], 8), Order::Partition);
    assert_eq!((verdict.phantoms, verdict.committed_beyond), (vec![(0, 7)], vec![(0, 8)]));
}
