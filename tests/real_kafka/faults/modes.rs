//! What the manifest lets a person choose: at most once, and where to go on when the position is lost.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use karafka_tests::{
    checker::Kind,
    faulty::{Route, Trial, send},
    kafka::Producer,
    process::Signal,
};

use super::{PATIENCE, fill, trial};
use crate::bench::Bench;

/// How many records of a partition are committed and not done at most, with a concurrency below that.
const AHEAD: usize = 256;

/// If this fails, `delivery: at_most_once` repeats something after a crash, or loses more than what it had committed and
/// not done, or loses something in a clean stop.
pub(super) fn row_1_kill_9_at_most_once(bench: &Bench) -> Result<()> {
    const PARTITIONS: i32 = 2;
    const KILLS: usize = 3;
    let mut trial =
        trial(bench, "row-1", Route::Once, PARTITIONS)?.with("FAULTY_PACE_MS", "10").with("KARAFKA_CONCURRENCY", "8");
    fill(bench, &trial, PARTITIONS, 0..4_000, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(300, &mut [&mut process], PATIENCE)?;
    trial.stop(process)?;
    let (committed, done) = committed_and_done(bench, &mut trial)?;
    ensure!(committed == done, "a clean stop has committed {committed} records and done {done}");
    for _ in 0..KILLS {
        let mut process = trial.start()?;
        let before = trial.log.done();
        trial.wait_done(before + 300, &mut [&mut process], PATIENCE)?;
        trial.kill(process)?;
    }
    let mut process = trial.start()?;
    trial.wait_until("work after the last crash", &mut [&mut process], PATIENCE, |log| log.begun() > 1_200)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let verdict = trial.judge()?;
    let (lost, repeated) = (verdict.lost.len(), verdict.redelivered.len());
    let bound = KILLS * PARTITIONS.unsigned_abs() as usize * AHEAD;
    println!(
        "  {} done: repeated {repeated} / lost {lost} in {KILLS} crashes; the bound of repeats is 0, of losses {bound}: \
         {AHEAD} a partition and crash",
        trial.log.done()
    );
    ensure!(repeated == 0, "{repeated} records were begun twice, the first {:?}", verdict.redelivered[0]);
    ensure!(lost <= bound, "{lost} records were lost");
    ensure!(verdict.unseen.is_empty() && verdict.committed_beyond.is_empty(), "{verdict}");
    Ok(())
}

fn committed_and_done(bench: &Bench, trial: &mut Trial<'_>) -> Result<(usize, usize)> {
    let committed = bench.kafka.committed(trial.group(), trial.topic())?;
    trial.log.read()?;
    Ok((usize::try_from(committed.values().sum::<i64>())?, trial.log.done()))
}

/// If this fails, retention that passes a slow consumer stops it until a person comes, although the manifest says how to
/// go on, or it jumps in silence.
pub(super) fn row_14_retention_passes_the_position(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-14", Route::Following, 1)?.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "30000");
    fill(bench, &trial, 1, 0..100, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(100, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    // The process stands still while the records that it would read next come and go.
    process.freeze()?;
    let producer = Producer::new(bench.kafka.address())?;
    // The first answers the fetch that waits at the broker; what comes after it has to be asked for.
    send(&producer, trial.topic(), 0, "k", 100, "")?;
    producer.flush()?;
    (101..300).try_for_each(|id| send(&producer, trial.topic(), 0, "k", id, ""))?;
    producer.flush()?;
    bench.kafka.delete_records_before(trial.topic(), 0, 250)?;
    process.signal(Signal::CONT)?;
    trial.wait_until("the last record", &mut [&mut process], PATIENCE, |log| {
        log.events.iter().any(|event| event.kind == Kind::Done && event.place == (0, 299))
    })?;
    trial.wait_committed(PATIENCE)?;
    let words = process.text();
    trial.stop(process)?;
    let mut done: BTreeMap<i64, usize> = BTreeMap::new();
    for event in trial.log.events.iter().filter(|event| event.kind == Kind::Done) {
        *done.entry(event.place.1).or_default() += 1;
    }
    let lost_at = (0..).find(|offset| !done.contains_key(offset)).unwrap_or(0);
    let passed = 250 - lost_at;
    println!("  retention passed offset {lost_at}: {passed} offsets passed over, {} done, repeated 0", done.len());
    ensure!((100..250).contains(&lost_at), "nothing was lost: the process had read up to {lost_at}");
    ensure!((0..lost_at).chain(250..300).all(|offset| done.get(&offset) == Some(&1)), "not each once: {done:?}");
    for part in [format!("\"from\":{lost_at}"), "\"to\":250".to_owned(), format!("\"passed\":{passed}")] {
        ensure!(words.contains(&part), "the log does not say {part}:\n{words}");
    }
    Ok(())
}
