//! Processes that end at once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use karafka_tests::{
    checker::Kind,
    faulty::{Log, Route},
    kafka,
};

use super::{PATIENCE, conclude, fill, trial};
use crate::bench::Bench;

/// If this fails, a power cut loses messages, or repeats more than what was at work and not yet committed.
pub(super) fn row_1_kill_9_ten_times(bench: &Bench) -> Result<()> {
    let longest = kill_9_ten_times(bench, "row-1", Route::Named, "20", 32)?;
    println!("  a commit was behind the work by {longest:?} at most, and what was in flight");
    // The commit interval is 200 ms; the rest is for an answer of Kafka on a busy machine.
    ensure!(longest < Duration::from_secs(1), "commits were {longest:?} behind the work");
    Ok(())
}

/// If this fails, a power cut amid batches loses messages, or repeats more than what was at work and not yet committed.
pub(super) fn row_1_kill_9_amid_batches(bench: &Bench) -> Result<()> {
    // Lines that wait for others are done later than they were before the kill, so that the age of what is open says
    // nothing of commits.
    kill_9_ten_times(bench, "row-1-batches", Route::Batched, "2", 4).map(drop)
}

/// Returns the greatest age of what was done and not committed, at the moment of a kill.
fn kill_9_ten_times(bench: &Bench, name: &str, route: Route, pace: &str, concurrency: usize) -> Result<Duration> {
    let mut trial = trial(bench, name, route, 4)?
        .with("FAULTY_INSTANCE", "crash")
        .with("FAULTY_PACE_MS", pace)
        .with("KARAFKA_CONCURRENCY", &concurrency.to_string());
    fill(bench, &trial, 4, 0..12_000, |_| String::new())?;
    let (mut bound, mut longest) = (0, Duration::ZERO);
    for _ in 0..10 {
        let mut process = trial.start()?;
        let before = trial.log.done();
        trial.wait_done(before + 900, &mut [&mut process], PATIENCE)?;
        trial.kill(process)?;
        let open = trial.uncommitted()?;
        longest = longest.max(age_of_newest(&trial.log, open.saturating_sub(concurrency)));
        bound += open;
    }
    let mut process = trial.start()?;
    trial.wait_done(12_000, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    conclude(&mut trial, bound)?;
    Ok(longest)
}

/// How long the newest `count` records took.
fn age_of_newest(log: &Log, count: usize) -> Duration {
    let done: Vec<_> = log.events.iter().filter(|event| event.kind == Kind::Done).collect();
    let newest = &done[done.len().saturating_sub(count)..];
    newest
        .last()
        .zip(newest.first())
        .map_or(Duration::ZERO, |(last, first)| Duration::from_millis(last.at_ms.saturating_sub(first.at_ms)))
}

/// If this fails, a crash at the worst moment loses a dead letter, or piles up copies of it.
pub(super) fn row_13_a_crash_after_a_dead_letter(bench: &Bench) -> Result<()> {
    const CRASHES: usize = 5;
    let mut trial = trial(bench, "row-13", Route::Named, 4)?.with("FAULTY_INSTANCE", "crash");
    let fails = |id: u64| if id % 40 == 7 { "fail" } else { "sleep 5" }.to_owned();
    fill(bench, &trial, 4, 0..2_000, fails)?;
    let dead = (0..2_000).filter(|id| id % 40 == 7).count();
    let mut bound = 0;
    for _ in 0..CRASHES {
        let buried = letters(bench, &trial.dead_topic())?;
        let mut process = trial.start()?;
        let deadline = Instant::now() + PATIENCE;
        while letters(bench, &trial.dead_topic())? == buried {
            ensure!(Instant::now() < deadline && process.is_running()?, "no dead letter came:\n{}", process.text());
            std::thread::sleep(Duration::from_millis(2));
        }
        trial.kill(process)?;
        bound += trial.uncommitted()?;
    }
    let mut process = trial.start()?;
    trial.wait_done(2_000 - dead, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let verdict = conclude(&mut trial, bound)?;
    let letters = trial.dead_letters()?;
    ensure!(letters.len() - verdict.dead_again.len() == dead, "{dead} records fail, but {} died", letters.len());
    let mut copies = std::collections::BTreeMap::new();
    for place in &verdict.dead_again {
        *copies.entry(*place).or_insert(0) += 1;
    }
    let most = copies.values().copied().max().unwrap_or(0);
    println!("  {} copies of dead letters, of one {most} at most, after {CRASHES} crashes", verdict.dead_again.len());
    ensure!(most <= CRASHES, "{most} copies of one dead letter after {CRASHES} crashes");
    Ok(())
}

fn letters(bench: &Bench, topic: &str) -> Result<u64> {
    kafka::count(bench.kafka.address(), topic, Duration::from_secs(10))
}
