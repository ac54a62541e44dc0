//! Jobs on a Redis that is away, slow, full, or has forgotten them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    thread,
    time::{Duration, Instant, SystemTime},
};

use ::redis::cmd;
use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    checker::Place,
    faulty::{Route, Trial},
    growing,
    kafka::{Offsets, Producer},
    process::Process,
    proxy::Proxy,
    redis::{Jobs, Redis},
};

use super::{PATIENCE, conclude, cpu_time, fill, trial, while_records_come};
use crate::bench::Bench;

/// The queue of jobs that name none.
pub(super) const QUEUE: &str = "default";

/// How many records come every 10 ms while Redis is to go amid pushes.
const PACE: u64 = 30;

/// How soon jobs must flow again when Redis is back: the longest pause between two tries, and what a busy machine adds.
const RESUMES: Duration = Duration::from_secs(10);

/// If this fails, an outage of Redis loses jobs, lets commits pass jobs that Redis does not have, or never ends.
pub(super) fn row_19_redis_is_away(bench: &Bench) -> Result<()> {
    const OUTAGES: usize = 3;
    const CONCURRENCY: usize = 16;
    let redis = Redis::start_durable()?;
    let mut trial = trial(bench, "row-19-away", Route::Queued, 4)?.on(&redis);
    let mut server = trial.start()?;
    let mut worker = trial.start_worker(&["--concurrency", &CONCURRENCY.to_string()], &[])?;
    let (mut pushed, mut done, mut bound) = (0, 0, 0);
    let records = while_records_come(bench, &mut trial, 4, PACE, |trial| {
        for outage in 1..=OUTAGES {
            // Amid pushes and work.
            wait_until_pushed(trial, &redis, pushed + 2_000, done + 200, &mut [&mut server, &mut worker])?;
            redis.kill()?;
            let (committed, had) = (trial.committed_at_rest()?, redis.jobs_on_disk()?);
            trial.expect_jobs_behind(&committed, &had)?;
            (pushed, done) = (had.open().count() + trial.log.done(), trial.log.done());
            // What Redis had taken and not answered is pushed again, and what was at work may be done again.
            let unanswered = beyond(&committed, &had.open_places()?).len();
            bound += unanswered + CONCURRENCY;
            thread::sleep(Duration::from_secs(3));
            let waits = trial.committed()?;
            ensure!(waits == committed, "without Redis commits went on from {committed:?} to {waits:?}");
            redis.start_again()?;
            let back = Instant::now();
            let (more, further) = (pushed + 1, done + CONCURRENCY + 1);
            wait_until_pushed(trial, &redis, more, further, &mut [&mut server, &mut worker])?;
            let took = back.elapsed();
            println!(
                "  outage {outage}: {pushed} records were pushed, {unanswered} of them not committed; pushes and work \
                 went on after {took:.1?}"
            );
            ensure!(took < RESUMES, "work went on only after {took:.1?}");
        }
        Ok(())
    })?;
    trial.wait_done(records, &mut [&mut server, &mut worker], 2 * PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    end(&trial, &redis, server, worker)?;
    conclude(&mut trial, bound)?;
    Ok(())
}

/// If this fails, an app has to be started again because Redis was not there when it came up.
pub(super) fn row_19_redis_comes_later(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 2_000;
    let redis = Redis::start()?;
    redis.kill()?;
    let mut trial = trial(bench, "row-19-later", Route::Queued, 4)?.on(&redis);
    fill(bench, &trial, 4, 0..RECORDS as u64, |_| String::new())?;
    let mut server = trial.start()?;
    let mut worker = trial.start_worker(&[], &[])?;
    for process in [&mut server, &mut worker] {
        let said = process.wait_for_line("a word of Redis", PATIENCE, speaks_of_redis)?;
        println!("  it said: {said}");
    }
    let committed = trial.committed_at_rest()?;
    ensure!(committed.values().all(|next| *next == 0), "without Redis {committed:?} is committed");
    redis.start_again()?;
    let back = Instant::now();
    trial.wait_done(1, &mut [&mut server, &mut worker], PATIENCE)?;
    let took = back.elapsed();
    println!("  work began {took:.1?} after Redis was there");
    ensure!(took < RESUMES, "work began only after {took:.1?}");
    trial.wait_done(RECORDS, &mut [&mut server, &mut worker], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    end(&trial, &redis, server, worker)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, jobs are lost or performed twice because Redis is slow, or more of them than were on their way when it
/// stands still for longer than anyone waits for an answer.
pub(super) fn row_19_redis_is_slow(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 2_000;
    let redis = Redis::start()?;
    let network = Proxy::start(SocketAddr::from(([127, 0, 0, 1], redis.port())))?;
    let mut trial = trial(bench, "row-19-slow", Route::Queued, 4)?
        .on(&redis)
        .with("REDIS_URL", &format!("redis://{}", network.address()));
    fill(bench, &trial, 4, 0..RECORDS as u64, |_| String::new())?;
    // A round trip takes 200 to 500 ms.
    network.delay(Duration::from_millis(100), Duration::from_millis(150));
    let begun = Instant::now();
    let mut server = trial.start()?;
    let mut worker = trial.start_worker(&["--concurrency", "50"], &[])?;
    trial.wait_done(RECORDS, &mut [&mut server, &mut worker], 2 * PATIENCE)?;
    println!("  {RECORDS} jobs took {:.1?} with answers after 200 to 500 ms", begun.elapsed());
    trial.wait_committed(PATIENCE)?;
    trial.stop(worker)?;
    let slow = trial.judge()?;
    ensure!(
        slow.redelivered.is_empty(),
        "{} jobs were performed twice only for a slow network",
        slow.redelivered.len()
    );

    network.delay(Duration::ZERO, Duration::ZERO);
    let all = 20 * RECORDS;
    let frozen_at = thread::scope(|scope| -> Result<u64> {
        let filling = scope.spawn(|| fill(bench, &trial, 4, RECORDS as u64..all as u64, |_| String::new()));
        growing::wait_until("jobs in the queue", &mut [&mut server], PATIENCE, || Ok((length(&redis)? > 500, 0)))?;
        redis.freeze()?;
        filling.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
        now_ms()
    })?;
    let committed = trial.committed_at_rest()?;
    thread::sleep(Duration::from_secs(12));
    let waits = trial.committed()?;
    ensure!(waits == committed, "without an answer of Redis commits went on from {committed:?} to {waits:?}");
    redis.thaw()?;
    let back = Instant::now();
    wait_until_all_are_jobs(&mut trial, &redis, all, &mut server)?;
    println!("  everything was in the queue {:.1?} after Redis went on", back.elapsed());
    trial.wait_committed(PATIENCE)?;
    let jobs = redis.jobs()?;
    let sent_before = jobs.open().filter(|job| job.created_ms().is_ok_and(|at| at <= frozen_at));
    let sent_before = sent_before.map(karafka_tests::redis::Job::place).collect::<Result<BTreeSet<_>>>()?;
    let bound = beyond(&committed, &sent_before.into_iter().collect::<Vec<_>>()).len();
    let mut worker = trial.start_worker(&["--concurrency", "50"], &[])?;
    trial.wait_done(all, &mut [&mut server, &mut worker], 2 * PATIENCE)?;
    end(&trial, &redis, server, worker)?;
    let mut twice = conclude(&mut trial, bound)?.redelivered;
    let copies = twice.len();
    twice.sort_unstable();
    twice.dedup();
    ensure!(twice.len() == copies, "of {} jobs there were {copies} copies after one fault", twice.len());
    Ok(())
}

/// If this fails, a full Redis makes commits pass what it has refused, fills the server's memory or its log, or is not
/// recovered from when it has room.
pub(super) fn row_19_redis_is_full(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 40_000;
    const WATCHED: Duration = Duration::from_secs(5);
    let redis = Redis::start()?;
    let mut trial = trial(bench, "row-19-full", Route::Queued, 4)?.on(&redis);
    fill_heavily(bench, &trial, RECORDS)?;
    redis.leave_room(8 << 20)?;
    let mut server = trial.start()?;
    let said = server.wait_for_line("a word of the full Redis", PATIENCE, |line| line.contains("OOM"))?;
    println!("  it said: {said}");
    let committed = trial.committed_at_rest()?;
    let (busy, said_before) = (cpu_time(server.id())?, warnings(&server));
    thread::sleep(WATCHED);
    let (busy, said) = (cpu_time(server.id())? - busy, warnings(&server) - said_before);
    let (waits, jobs) = (trial.committed()?, redis.jobs()?);
    let places = jobs.open_places()?;
    let peak = peak_memory(server.id())?;
    println!(
        "  {} jobs were in the full Redis, {} records were committed; in {WATCHED:?} it said {said} words and took \
         {busy:.1?} of CPU; {} MiB of memory at most",
        places.len(),
        waits.values().sum::<i64>(),
        peak >> 20
    );
    ensure!(waits == committed, "in a full Redis commits went on from {committed:?} to {waits:?}");
    trial.expect_jobs_behind(&committed, &jobs)?;
    ensure!(!places.is_empty() && places.len() < RECORDS, "{} jobs: this Redis was not full", places.len());
    ensure!(said <= 20, "{said} warnings in {WATCHED:?}");
    ensure!(busy < WATCHED / 4, "{busy:?} of CPU while there was nothing to do");
    // 16 MiB of the group, 8 MiB of jobs on their way, the app itself in a debug build; all records are some 90 MiB.
    ensure!(peak < 96 << 20, "{} MiB of memory", peak >> 20);
    redis.leave_all_room()?;
    let (before, room) = (length(&redis)?, Instant::now());
    growing::wait_until("more jobs", &mut [&mut server], PATIENCE, || Ok((length(&redis)? > before, before)))?;
    let took = room.elapsed();
    println!("  jobs were taken again {took:.1?} after there was room");
    ensure!(took < RESUMES, "jobs were taken again only after {took:.1?}");
    wait_until_all_are_jobs(&mut trial, &redis, RECORDS, &mut server)?;
    trial.wait_committed(PATIENCE)?;
    let mut worker = trial.start_worker(&["--concurrency", "50"], &[])?;
    trial.wait_done(RECORDS, &mut [&mut server, &mut worker], 2 * PATIENCE)?;
    end(&trial, &redis, server, worker)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, a Redis that is full stays full for ever: workers, which would make room in it, take no job.
pub(super) fn row_19_workers_empty_a_full_redis(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 10_000;
    let redis = Redis::start()?;
    let mut trial = trial(bench, "row-19-emptied", Route::Queued, 4)?.on(&redis);
    fill_heavily(bench, &trial, RECORDS)?;
    redis.leave_room(4 << 20)?;
    let mut server = trial.start()?;
    server.wait_for_line("a word of the full Redis", PATIENCE, |line| line.contains("OOM"))?;
    // Jobs are pushed by hundreds: what is left is too little for as many, and still some room.
    redis.leave_room(-(256 << 10))?;
    let full = length(&redis)?;
    let mut worker = trial.start_worker(&["--concurrency", "20"], &[])?;
    trial.wait_done(RECORDS, &mut [&mut server, &mut worker], PATIENCE)?;
    println!("  {RECORDS} jobs went through a Redis that had room for {full}");
    trial.wait_committed(PATIENCE)?;
    end(&trial, &redis, server, worker)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, a Redis that comes back without its data costs more than what it had acknowledged, or stops the app.
pub(super) fn row_19_redis_restarted_without_its_data(bench: &Bench) -> Result<()> {
    let redis = Redis::start_durable()?;
    let mut trial = trial(bench, "row-19-empty", Route::Queued, 4)?.on(&redis);
    let mut server = trial.start()?;
    let (mut acknowledged, mut had) = (0, Jobs::default());
    let records = while_records_come(bench, &mut trial, 4, PACE, |trial| {
        growing::wait_until("jobs in the queue", &mut [&mut server], PATIENCE, || Ok((length(&redis)? > 2_000, 0)))?;
        redis.kill()?;
        had = redis.jobs_on_disk()?;
        let committed = trial.committed_at_rest()?;
        trial.expect_jobs_behind(&committed, &had)?;
        acknowledged = usize::try_from(committed.values().sum::<i64>())?;
        redis.start_again_empty()
    })?;
    trial.wait_committed(PATIENCE)?;
    let mut worker = trial.start_worker(&["--concurrency", "50"], &[])?;
    let had: BTreeSet<Place> = had.open_places()?.into_iter().collect();
    let at_least = records - had.len();
    trial.wait_done(at_least, &mut [&mut server, &mut worker], 2 * PATIENCE)?;
    growing::wait_until("an empty queue", &mut [&mut server, &mut worker], PATIENCE, || {
        Ok((redis.jobs()?.open().next().is_none(), 0))
    })?;
    end(&trial, &redis, server, worker)?;
    let mut verdict = trial.judge()?;
    let (gone, lost): (Vec<_>, Vec<_>) = verdict.lost.iter().partition(|place| had.contains(place));
    println!(
        "  Redis had {} jobs, of which {acknowledged} were committed; {} went with its data, which is as durable as \
         Redis is; lost beside them {}",
        had.len(),
        gone.len(),
        lost.len()
    );
    verdict.lost = lost;
    println!("  {} done: {verdict}; the bound of repeats is 0", trial.log.done());
    // Whatever it had is gone: what is pushed again after that is there once.
    verdict.expect_nothing_lost()?.expect_no_repeats()?;
    ensure!(gone.len() >= acknowledged, "{} of {acknowledged} acknowledged jobs were pushed again", gone.len());
    Ok(())
}

/// The places that these commits have not passed, each once.
fn beyond(committed: &Offsets, places: &[Place]) -> BTreeSet<Place> {
    let open = |place: &&Place| committed.get(&place.0).is_none_or(|next| place.1 >= *next);
    places.iter().filter(open).copied().collect()
}

/// Waits until every record of the topic is a job, each at least once.
fn wait_until_all_are_jobs(trial: &mut Trial<'_>, redis: &Redis, count: usize, server: &mut Process) -> Result<()> {
    trial.log.read()?;
    let done = trial.log.done();
    growing::wait_until(&format!("{count} jobs"), &mut [server], PATIENCE, || {
        // All of them at once are read only when there are so many.
        if done + length(redis)? < count {
            return Ok((false, done));
        }
        let places: BTreeSet<Place> = redis.jobs()?.open_places()?.into_iter().collect();
        Ok((done + places.len() >= count, done))
    })
}

/// Waits until so many jobs were pushed, and so many of them are done.
fn wait_until_pushed(
    trial: &mut Trial<'_>,
    redis: &Redis,
    pushed: usize,
    done: usize,
    processes: &mut [&mut Process],
) -> Result<()> {
    growing::wait_until(&format!("{pushed} jobs pushed, {done} done"), processes, PATIENCE, || {
        let waiting = length(redis)?;
        trial.log.read()?;
        Ok((waiting + trial.log.done() >= pushed && trial.log.done() >= done, trial.log.done()))
    })
}

/// How many jobs wait in the queue.
pub(super) fn length(redis: &Redis) -> Result<usize> {
    redis.ask(cmd("LLEN").arg(format!("queue:{QUEUE}")))
}

/// Stops both processes, after which no job may lie anywhere.
fn end(trial: &Trial<'_>, redis: &Redis, server: Process, worker: Process) -> Result<()> {
    trial.stop(server)?;
    trial.stop(worker)?;
    expect_nothing_left(redis)
}

/// Checks that no job lies anywhere, not even in the list of a process that is gone.
pub(super) fn expect_nothing_left(redis: &Redis) -> Result<()> {
    let jobs = redis.jobs()?;
    ensure!(jobs == Jobs::default(), "not all jobs are done: {}", summary(&jobs));
    let working: Vec<String> = redis.ask(cmd("SMEMBERS").arg("karafka:working"))?;
    ensure!(working.is_empty(), "{working:?} are still said to have jobs in hand");
    Ok(())
}

/// How many jobs lie where.
pub(super) fn summary(jobs: &Jobs) -> String {
    let count = |lists: &BTreeMap<String, Vec<_>>| -> BTreeMap<String, usize> {
        lists.iter().map(|(name, jobs)| (name.clone(), jobs.len())).collect()
    };
    format!(
        "queued {:?}, at work {:?}, scheduled {}, retried {}, dead {}",
        count(&jobs.queued),
        count(&jobs.working),
        jobs.scheduled.len(),
        jobs.retried.len(),
        jobs.dead.len()
    )
}

/// Records of two thousand bytes, in a header, so that a few thousand of them fill a small Redis.
fn fill_heavily(bench: &Bench, trial: &Trial<'_>, count: usize) -> Result<()> {
    let producer = Producer::new(bench.kafka.address())?;
    let weight = "x".repeat(2_000);
    for id in 0..count {
        let (partition, value) = (i32::try_from(id % 4)?, format!(r#"{{"id":{id},"act":""}}"#));
        let headers = [("weight", Some(weight.as_bytes()))];
        producer.send_with_headers(trial.topic(), partition, None, Some(value.as_bytes()), &headers)?;
    }
    producer.flush()
}

fn speaks_of_redis(line: &str) -> bool {
    line.to_lowercase().contains("redis") && is_warning(line)
}

fn is_warning(line: &str) -> bool {
    line.contains("WARN") || line.contains("ERROR")
}

/// How many warnings and errors a process has logged.
fn warnings(process: &Process) -> usize {
    process.lines().iter().filter(|line| is_warning(&line.text)).count()
}

/// The most memory that a process has had, in bytes.
fn peak_memory(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = peak.and_then(|rest| rest.trim().strip_suffix("kB")).context("no peak in the process's status")?;
    Ok(kibibytes.trim().parse::<u64>()? * 1_024)
}

fn now_ms() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}
