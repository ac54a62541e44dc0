//! Copies of large records: what a record sends, and its dead letter, against what the topic takes that they go to.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    faulty::{Route, Trial},
    kafka::Producer,
    ports,
    process::Process,
};

use super::{
    PATIENCE,
    health::{ask, until},
};
use crate::bench::{Bench, stop};

/// What a topic takes that is made for large records.
const LARGE: &str = "10485760";

/// Of a client that sends them.
const WIDE: &[(&str, &str)] = &[("message.max.bytes", "100000000")];

/// If this fails, what one topic holds another of the same limit does not get: for its size, its key, its headers, or
/// because its batch was compressed.
pub(super) fn row_22_what_a_source_holds_its_copy_does(bench: &Bench) -> Result<()> {
    let mut trial = Trial::new(&bench.kafka, &bench.faulty, "row-22-through", Route::Buried, 4)?;
    bench.kafka.alter_topic(trial.topic(), "max.message.bytes", LARGE)?;
    bench.kafka.alter_topic(&trial.dead_topic(), "max.message.bytes", LARGE)?;
    let [value, key, header] = [noise(9 << 20), noise(4 << 20), noise(4 << 20)];
    let producer = Producer::with(bench.kafka.address(), WIDE)?;
    producer.send_bytes(trial.topic(), 0, Some(b"k"), Some(&value))?;
    producer.send_bytes(trial.topic(), 1, Some(&key), Some(b"not JSON"))?;
    producer.send_with_headers(trial.topic(), 2, Some(b"k"), Some(b"not JSON"), &[("large", Some(&header))])?;
    producer.flush()?;
    // Some KiB on the wire and on the disk, and 30 MB in memory.
    let producer =
        Producer::with(bench.kafka.address(), &[("message.max.bytes", "100000000"), ("compression.type", "gzip")])?;
    producer.send_bytes(trial.topic(), 3, Some(b"k"), Some(&vec![b'x'; 30_000_000]))?;
    producer.flush()?;
    let process = trial.start()?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let mut sizes: Vec<_> = bench
        .kafka
        .records(&trial.dead_topic())?
        .into_iter()
        .map(|found| found.value.map_or(0, |value| value.len()))
        .collect();
    sizes.sort_unstable();
    ensure!(sizes == [8, 8, 9 << 20, 30_000_000], "the dead letters have these sizes: {sizes:?}");
    Ok(())
}

/// If this fails, an emit that its topic refuses as too large is lost, or fills the log, or nobody learns which one it is and
/// what to raise, or a process has to be started again when that was done.
pub(super) fn row_22_an_emit_waits_until_the_topic_takes_it(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 20;
    let health = format!("127.0.0.1:{}", ports::free()?);
    let mut track = bench.track("copied")?.with_receipts()?.with("KARAFKA_HEALTH", health.clone());
    bench.kafka.alter_topic(track.topic(), "max.message.bytes", LARGE)?;
    let producer = Producer::with(bench.kafka.address(), WIDE)?;
    for id in 0..RECORDS {
        let text = if id == 4 { text(5 << 20) } else { "small".to_owned() };
        producer.send(track.topic(), 0, &id.to_string(), &format!(r#"{{"id":{id},"text":"{text}"}}"#))?;
    }
    producer.flush()?;
    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    let named = ["too_large", &track.receipts(), "5242", "max.message.bytes", "copied/0", "\"offset\":4"];
    refused(&health, &process, &named)?;
    let committed = track.committed()?;
    ensure!(committed.values().sum::<i64>() <= 4, "the offset has moved: {committed:?}");

    bench.kafka.alter_topic(&track.receipts(), "max.message.bytes", LARGE)?;
    healthy(&health)?;
    stop(process)?;
    track.check_nothing_repeated()?;
    track.check_committed_what_was_handled()?;
    let receipts = bench.kafka.records(&track.receipts())?;
    let large = receipts.iter().filter(|found| found.headers.contains_key("text")).count();
    ensure!((receipts.len() as u64, large) == (RECORDS, 1), "{} receipts, {large} of them large", receipts.len());
    Ok(())
}

/// If this fails, the same happens to a dead letter, or what stands behind its record passes it.
pub(super) fn row_22_a_dead_letter_waits_until_the_topic_takes_it(bench: &Bench) -> Result<()> {
    let health = format!("127.0.0.1:{}", ports::free()?);
    let mut trial =
        Trial::new(&bench.kafka, &bench.faulty, "row-22-buried", Route::Buried, 1)?.with("KARAFKA_HEALTH", &health);
    bench.kafka.alter_topic(trial.topic(), "max.message.bytes", LARGE)?;
    let producer = Producer::with(bench.kafka.address(), WIDE)?;
    producer.send_bytes(trial.topic(), 0, Some(b"k"), Some(&noise(5 << 20)))?;
    producer.send(trial.topic(), 0, "k", r#"{"id":1,"act":""}"#)?;
    producer.flush()?;
    let process = trial.start()?;
    let named =
        ["too_large", &trial.dead_topic(), "5243", "max.message.bytes", "row-22-buried-buried/0", "\"offset\":0"];
    refused(&health, &process, &named)?;
    trial.log.read()?;
    ensure!(trial.log.done() == 0, "a later record has passed it");
    let committed = trial.committed()?;
    ensure!(committed.values().sum::<i64>() == 0, "the offset has moved: {committed:?}");

    bench.kafka.alter_topic(&trial.dead_topic(), "max.message.bytes", LARGE)?;
    healthy(&health)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    trial.log.read()?;
    ensure!(trial.dead_letters()?.len() == 1 && trial.log.done() == 1, "one record had to die, and one to be handled");
    Ok(())
}

/// If this fails, records that fit a topic never get there, because they are refused batch by batch.
pub(super) fn row_22_batches_that_are_too_large_arrive_in_smaller_ones(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 5_000;
    let mut track = bench.track("batched")?.with_receipts()?;
    bench.kafka.alter_topic(&track.receipts(), "max.message.bytes", "2000")?;
    track.fill(RECORDS)?;
    let begun = Instant::now();
    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    let ends = bench.kafka.ends(track.topic())?;
    while track.committed()? != ends {
        ensure!(begun.elapsed() < PATIENCE, "{:?} of {ends:?} are committed", track.committed()?);
        thread::sleep(Duration::from_millis(200));
    }
    println!("  {RECORDS} emits to a topic that takes 2,000 bytes a batch, all there after {:.1?}", begun.elapsed());
    stop(process)?;
    let receipts = bench.kafka.records(&track.receipts())?.len() as u64;
    ensure!(receipts == RECORDS, "{receipts} receipts for {RECORDS} records");
    Ok(())
}

/// If this fails, a process takes more memory than the floor that it has named at its start, up to being killed.
pub(super) fn row_23_many_partitions_of_large_records(bench: &Bench) -> Result<()> {
    const PARTITIONS: i32 = 100;
    const EACH: u64 = 4;
    const CONCURRENCY: u64 = 8;
    // What the process takes without records, and what the allocator keeps of those that are gone.
    const BESIDE: u64 = 50;
    let trial = Trial::new(&bench.kafka, &bench.faulty, "row-23", Route::Ordered, PARTITIONS)?;
    let mut trial = trial.with("FAULTY_PACE_MS", "300").with("KARAFKA_CONCURRENCY", &CONCURRENCY.to_string());
    bench.kafka.alter_topic(trial.topic(), "max.message.bytes", LARGE)?;
    let producer = Producer::with(bench.kafka.address(), WIDE)?;
    let blank = " ".repeat(1 << 20);
    for id in 0..EACH * PARTITIONS.unsigned_abs() as u64 {
        let partition = i32::try_from(id)? % PARTITIONS;
        producer.send(trial.topic(), partition, &id.to_string(), &format!(r#"{{"id":{id},"act":""}}{blank}"#))?;
        if id % 100 == 99 {
            producer.flush()?;
        }
    }
    producer.flush()?;
    let mut process = trial.start()?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(12) {
        ensure!(process.is_running()?, "it has ended: {}", process.text());
        thread::sleep(Duration::from_millis(200));
    }
    let peak = peak_mib(process.id())?;
    trial.log.read()?;
    let floor = PARTITIONS.unsigned_abs() as u64 + CONCURRENCY;
    let (done, text) = (trial.log.done(), process.text());
    process.kill()?;
    println!(
        "  {PARTITIONS} partitions of records of 1 MiB: {peak} MiB at most, {done} done meanwhile; the floor is {floor} MiB"
    );
    ensure!(done > 100, "only {done} records were done");
    ensure!(peak < floor + BESIDE, "{peak} MiB are more than {floor} MiB and what the process takes by itself");
    let line = text.lines().filter(|line| line.contains("its 100 partitions take 108 MiB")).count();
    ensure!(line == 1 && text.contains("memory: 108MiB"), "the start does not say the floor: {text}");
    Ok(())
}

/// The most that a process has held in memory.
fn peak_mib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// Waits until health names all of this, and looks at what the refusals cost.
fn refused(health: &str, process: &Process, named: &[&str]) -> Result<()> {
    until(health, "health that names it", |ready| named.iter().all(|part| ready.contains(part)))?;
    ensure!(ask(health, "/live")?.contains("\"healthy\""), "a new process would not mend it");
    let count = || -> Result<u64> {
        let metrics = ask(health, "/metrics")?;
        let counters = metrics.lines().filter(|line| line.starts_with("karafka_send_failures_total"));
        let too_large = counters.filter(|line| line.contains("too_large")).filter_map(|line| line.rsplit(' ').next());
        Ok(too_large.filter_map(|number| number.parse::<u64>().ok()).sum())
    };
    let (before, begun) = (count()?, Instant::now());
    thread::sleep(Duration::from_secs(4));
    let (after, took) = (count()?, begun.elapsed());
    let lines = process.text().lines().filter(|line| line.contains("is refused")).count();
    println!("  refused {} times in {took:.1?}; {lines} line of the log", after - before);
    // Half a second is the longest backoff of one app, and the other's begins with a second: a half of it with jitter.
    ensure!((1..=18).contains(&after.saturating_sub(before)), "{} attempts is no backoff", after - before);
    ensure!(lines == 1, "the log says it {lines} times: {}", process.text());
    Ok(())
}

fn healthy(health: &str) -> Result<()> {
    until(health, "health", |ready| ready.contains("\"status\":\"healthy\""))?;
    Ok(())
}

/// Bytes that no codec makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Text that no codec makes much smaller.
fn text(length: usize) -> String {
    noise(length).into_iter().map(|byte| char::from(b' ' + 3 + byte % 57)).collect()
}
