//! Workers that end amid jobs, and jobs that fail.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ::redis::cmd;
use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    checker::{Kind, Place},
    faulty::{Route, Trial},
    growing,
    process::{Process, Signal},
    redis::Redis,
};

use super::{
    PATIENCE, conclude, fill,
    jobs::{expect_nothing_left, summary},
    trial,
};
use crate::bench::Bench;

/// What a dead process had in hand is taken from it when its heartbeat has expired (60 s) and another process looks (each
/// minute).
const RECOVERY: Duration = Duration::from_secs(150);

/// Makes jobs of `count` records, each once, and ends the server that did.
fn push(bench: &Bench, redis: &Redis, trial: &mut Trial<'_>, count: u64, act: impl Fn(u64) -> String) -> Result<()> {
    fill(bench, trial, 4, 0..count, act)?;
    let server = trial.start()?;
    trial.wait_committed(PATIENCE).with_context(|| server.text())?;
    trial.stop(server)?;
    let places = redis.jobs()?.open_places()?;
    let each: BTreeSet<Place> = places.iter().copied().collect();
    ensure!(
        (places.len() as u64, each.len() as u64) == (count, count),
        "{count} records became {} jobs of {} records",
        places.len(),
        each.len()
    );
    Ok(())
}

/// If this fails, a worker that is killed takes jobs with it, or leaves them in its hand for ever.
pub(super) fn row_20_a_worker_is_killed_amid_jobs(bench: &Bench) -> Result<()> {
    const JOBS: usize = 1_000;
    const KILLS: usize = 3;
    const CONCURRENCY: usize = 5;
    let redis = Redis::start()?;
    let mut trial = trial(bench, "row-20-killed", Route::Queued, 4)?.on(&redis).with("FAULTY_PACE_MS", "100");
    push(bench, &redis, &mut trial, JOBS as u64, |_| String::new())?;
    let concurrency = CONCURRENCY.to_string();
    let worker = |trial: &Trial<'_>| trial.start_worker(&["--concurrency", &concurrency], &[]);
    let mut workers = vec![worker(&trial)?, worker(&trial)?];
    let mut in_hand = 0;
    for kill in 1..=KILLS {
        let id = workers[0].id();
        let mut all: Vec<_> = workers.iter_mut().collect();
        trial.wait_until("work of each worker", &mut all, PATIENCE, |log| log.begun_by(id) >= kill * 30)?;
        trial.kill(workers.remove(0))?;
        let left = redis.jobs()?.working;
        in_hand = left.values().map(Vec::len).sum();
        workers.push(worker(&trial)?);
    }
    let killed = Instant::now();
    let patience = PATIENCE + RECOVERY;
    trial
        .wait_done(JOBS, &mut workers.iter_mut().collect::<Vec<_>>(), patience)
        .with_context(|| redis.jobs().map_or_else(|error| format!("{error:?}"), |jobs| summary(&jobs)))?;
    println!(
        "  after {KILLS} kills {in_hand} jobs were in somebody's hand, and all were done {:.1?} after the last",
        killed.elapsed()
    );
    for worker in workers {
        trial.stop(worker)?;
    }
    expect_nothing_left(&redis)?;
    conclude(&mut trial, CONCURRENCY * KILLS)?;
    Ok(())
}

/// If this fails, a deployment of workers loses jobs, repeats what it need not, or waits longer than it may.
pub(super) fn row_20_a_worker_is_stopped_amid_jobs(bench: &Bench) -> Result<()> {
    const JOBS: usize = 3_000;
    const CONCURRENCY: usize = 8;
    let redis = Redis::start()?;
    let mut trial = trial(bench, "row-20-stopped", Route::Queued, 4)?.on(&redis);
    push(bench, &redis, &mut trial, JOBS as u64, |_| String::new())?;
    let concurrency = CONCURRENCY.to_string();
    let concurrency = ["--concurrency", concurrency.as_str()];

    // What ends within the budget: nothing is repeated, also of what is just being taken.
    for (pace, stops, concurrency) in [("500", 3, "8"), ("5", 8, "50")] {
        let mut took = Vec::new();
        for _ in 0..stops {
            trial.log.read()?;
            let done = trial.log.done();
            let mut worker = trial.start_worker(&["--concurrency", concurrency], &[("FAULTY_PACE_MS", pace)])?;
            trial.wait_done(done + 40, &mut [&mut worker], PATIENCE)?;
            took.push(trial.stop(worker)?);
            let jobs = redis.jobs()?;
            ensure!(jobs.working.is_empty(), "a worker that was stopped well has jobs in hand: {}", summary(&jobs));
        }
        println!("  stops amid jobs of {pace} ms took {took:.0?}");
        ensure!(took.iter().all(|took| *took < Duration::from_secs(5)), "stops took {took:.0?}");
    }
    let verdict = trial.judge()?;
    ensure!(verdict.lost.is_empty(), "clean stops have lost {:?}", verdict.lost);
    ensure!(verdict.redelivered.is_empty(), "clean stops have repeated {:?}", verdict.redelivered);

    // What does not: it goes back to where it came from, at once.
    let mut worker = trial
        .start_worker(&[&concurrency[..], &["--shutdown-timeout", "1s"]].concat(), &[("FAULTY_PACE_MS", "600000")])?;
    let before = trial.log.begun();
    trial.wait_until("jobs at work", &mut [&mut worker], PATIENCE, |log| log.begun() >= before + CONCURRENCY)?;
    let at_work: BTreeSet<Place> =
        trial.log.events.iter().filter(|event| event.process == worker.id()).map(|event| event.place).collect();
    let (id, begun) = (worker.id(), Instant::now());
    worker.signal(Signal::TERM)?;
    let ended = worker.wait(PATIENCE)?;
    trial.note_gone(id)?;
    let (took, jobs) = (begun.elapsed(), redis.jobs()?);
    println!("  {} jobs that did not end in their second: {} after {took:.1?}", at_work.len(), ended.status);
    ensure!(took < Duration::from_secs(6), "the stop took {took:.1?}");
    ensure!(jobs.working.is_empty(), "jobs are in the hand of nobody: {}", summary(&jobs));
    let open: BTreeSet<Place> = jobs.open_places()?.into_iter().collect();
    ensure!(at_work.is_subset(&open), "of the jobs at work not all went back: {}", summary(&jobs));
    let next: Vec<_> = jobs.queued.values().flat_map(|queue| queue.iter().rev().take(at_work.len())).collect();
    let next = next.into_iter().map(karafka_tests::redis::Job::place).collect::<Result<BTreeSet<_>>>()?;
    ensure!(next == at_work, "what was at work is not what comes next: {next:?} and {at_work:?}");

    let mut worker = trial.start_worker(&concurrency, &[])?;
    trial.wait_done(JOBS, &mut [&mut worker], PATIENCE)?;
    trial.stop(worker)?;
    expect_nothing_left(&redis)?;
    conclude(&mut trial, at_work.len())?;
    Ok(())
}

/// If this fails, a job that fails is lost, tried without a pause or for ever, or Sidekiq's page does not show why it failed.
pub(super) fn a_job_that_fails_is_tried_again_and_then_dead(bench: &Bench) -> Result<()> {
    const JOBS: u64 = 40;
    const ATTEMPTS: usize = 3;
    let redis = Redis::start()?;
    let mut trial = trial(bench, "failing", Route::Retried, 4)?.on(&redis);
    let act = |id: u64| match id % 4 {
        0 => "fail",
        1 => "fail-once",
        2 => "panic",
        _ => "",
    };
    push(bench, &redis, &mut trial, JOBS, |id| act(id).to_owned())?;
    let (dies, lives) = (usize::try_from(JOBS / 4)?, usize::try_from(JOBS / 4 * 3)?);
    let mut worker = trial.start_worker(&["--concurrency", "10"], &[])?;
    let retried = waiting(&redis, &mut worker, |jobs| jobs.retried.first().cloned())?;
    ensure!(retried.json["retry_count"] == 0, "after one attempt: {}", retried.json);
    ensure!(retried.json["retried_at"].is_null(), "{}", retried.json);
    let failed = retried.seconds("failed_at")?;
    let due = Duration::from_secs_f64(retried.at.unwrap_or_default());
    ensure!(
        due > failed && due - failed <= Duration::from_millis(2_100),
        "a backoff of 1 s to 2 s: {failed:?}, {due:?}"
    );
    trial.wait_done(lives, &mut [&mut worker], PATIENCE)?;
    waiting(&redis, &mut worker, |jobs| (jobs.dead.len() == dies).then_some(()))?;
    trial.stop(worker)?;
    trial.log.read()?;
    let jobs = redis.jobs()?;
    ensure!(jobs.open().next().is_none(), "{}", summary(&jobs));
    for job in &jobs.dead {
        let json = &job.json;
        ensure!(json["retry"] == ATTEMPTS - 1 && json["retry_count"] == ATTEMPTS - 1, "of {ATTEMPTS} attempts: {json}");
        ensure!(json["error_message"] == "this record fails", "no message: {json}");
        ensure!(job.text("error_class").is_some_and(|class| !class.is_empty()), "no class: {json}");
        ensure!(json["queue"] == "retried" && json["class"] == "Retried::EntriesWorker", "{json}");
        let (failed, retried) = (job.seconds("failed_at")?, job.seconds("retried_at")?);
        ensure!(failed < retried, "the first failure was before the last: {json}");
        let attempts: Vec<_> = of(&trial, job.place()?, Kind::Begun).collect();
        ensure!(attempts == [1, 2, 3], "attempts {attempts:?} of {json}");
    }
    println!("  one of {} dead jobs: {}", jobs.dead.len(), jobs.dead[0].json);
    let (processed, failed): (u64, u64) =
        (redis.ask(cmd("GET").arg("stat:processed"))?, redis.ask(cmd("GET").arg("stat:failed"))?);
    // Of each four one fails three times, and two fail once.
    println!("  Redis counts {processed} attempts, {failed} of them failed");
    ensure!((processed, failed) == (JOBS + JOBS / 4 * 4, JOBS / 4 * 5), "processed {processed}, failed {failed}");
    conclude(&mut trial, 0)?;
    Ok(())
}

/// The attempts of a job of which something is logged.
fn of(trial: &Trial<'_>, place: Place, kind: Kind) -> impl Iterator<Item = u32> {
    trial.log.events.iter().filter(move |event| event.place == place && event.kind == kind).map(|event| event.attempt)
}

/// Waits until the jobs are as wanted, and gives what was found.
fn waiting<T>(
    redis: &Redis,
    worker: &mut Process,
    wanted: impl Fn(&karafka_tests::redis::Jobs) -> Option<T>,
) -> Result<T> {
    let mut found = None;
    growing::wait_until("such jobs", &mut [worker], PATIENCE, || {
        found = wanted(&redis.jobs()?);
        Ok((found.is_some(), 0))
    })?;
    found.context("it was found")
}
