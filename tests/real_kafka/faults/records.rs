//! Records that cannot be handled, and handlers that misbehave.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    checker::Kind,
    faulty::{Route, Trial},
    kafka::Producer,
};

use super::{PATIENCE, conclude, fill, trial};
use crate::bench::Bench;

/// If this fails, what cannot be parsed is lost, changed on its way to the dead letter topic, or holds others up.
pub(super) fn row_11_poison_first_last_and_between(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-11", Route::Buried, 4)?;
    let producer = Producer::new(bench.kafka.address())?;
    let mut poison = Vec::new();
    for id in 0..2_000u64 {
        let partition = i32::try_from(id % 4)?;
        if !(4..1_996).contains(&id) || id % 50 < 4 {
            let value = format!("{{ \"id\": {id}, this is not JSON \u{0} ü");
            producer.send(trial.topic(), partition, &format!("poison {id}"), &value)?;
            poison.push(value);
        } else {
            producer.send(trial.topic(), partition, "k", &format!(r#"{{"id":{id},"act":""}}"#))?;
        }
    }
    producer.flush()?;
    let mut process = trial.start()?;
    trial.wait_done(2_000 - poison.len(), &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    same_bytes(bench, &trial, poison.len())?;
    conclude(&mut trial, 0)?.expect_no_copies()?;
    Ok(())
}

/// If this fails, a producer that went wrong for a while stops the app or loses its records.
pub(super) fn row_11_nothing_but_poison(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-11-all", Route::Keyed, 4)?;
    let producer = Producer::new(bench.kafka.address())?;
    for id in 0..1_000 {
        producer.send(trial.topic(), id % 4, &format!("k{}", id % 10), &format!("{id}, not JSON"))?;
    }
    producer.flush()?;
    let process = trial.start()?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    same_bytes(bench, &trial, 1_000)?;
    conclude(&mut trial, 0)?.expect_no_copies()?;
    Ok(())
}

/// Each dead letter has the key and value of the record that it came from.
fn same_bytes(bench: &Bench, trial: &Trial<'_>, count: usize) -> Result<()> {
    let letters = trial.dead_letters()?;
    ensure!(letters.len() == count, "{count} records had to die, and {} did", letters.len());
    let sources = bench.kafka.records(trial.topic())?;
    let sources: BTreeMap<_, _> = sources.into_iter().map(|found| ((found.partition, found.offset), found)).collect();
    for letter in letters {
        let header = |name: &str| -> Result<i64> {
            let bytes = letter.headers.get(name).with_context(|| format!("no `{name}`"))?;
            Ok(std::str::from_utf8(bytes)?.parse()?)
        };
        let place = (i32::try_from(header("karafka.source.partition")?)?, header("karafka.source.offset")?);
        let source = sources.get(&place).with_context(|| format!("a dead letter from {place:?}, where nothing is"))?;
        ensure!(
            (&source.key, &source.value) == (&letter.key, &letter.value),
            "the dead letter of {place:?} was changed"
        );
    }
    Ok(())
}

/// If this fails, one bad handler takes the process, its neighbours or its record down.
pub(super) fn row_15_panics_blocks_and_hangs(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 600;
    let mut trial = trial(bench, "row-15", Route::Keyed, 4)?.with("FAULTY_TIMEOUT", "1500ms");
    let act = |id: u64| {
        match id {
            0 => "block 3000",
            1 => "hang",
            _ if id % 20 == 5 => "panic",
            _ => "sleep 5",
        }
        .to_owned()
    };
    fill(bench, &trial, 4, 0..RECORDS, act)?;
    let mut process = trial.start()?;
    trial.wait_done(usize::try_from(RECORDS)? - 1, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let events = &trial.log.events;
    let blocks = |kind| events.iter().position(|event| event.kind == kind && event.place == (0, 0));
    let (from, to) = blocks(Kind::Begun).zip(blocks(Kind::Done)).context("the blocking record was handled")?;
    let meanwhile = events[from..to].iter().filter(|event| event.kind == Kind::Done).count();
    println!("  {meanwhile} records were done while a handler blocked its thread for three seconds");
    // Its own partition waits with the thread; the other three do not.
    ensure!(meanwhile >= 300, "only {meanwhile} records were done beside a handler that blocks");
    let letters = trial.dead_letters()?;
    let kinds: Vec<_> = letters.iter().filter_map(|letter| letter.headers.get("karafka.error.type")).collect();
    ensure!(kinds == [b"timeout"], "only what hangs had to die, of its time-out: {kinds:?}");
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, an outage of what handlers call spins the CPU, eats the memory, or loses the order.
pub(super) fn row_16_everything_fails_for_a_while(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 40_000;
    let trial = trial(bench, "row-16", Route::Ordered, 4)?;
    let outage = trial.file("outage");
    let mut trial = trial.with("FAULTY_OUTAGE", &outage.to_string_lossy());
    fs::write(&outage, "")?;
    fill(bench, &trial, 4, 0..RECORDS, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_until("a failure", &mut [&mut process], PATIENCE, |log| log.begun() > 0)?;
    let lasts = Duration::from_secs(8);
    thread::sleep(lasts);
    trial.log.read()?;
    let (attempts, memory) = (trial.log.begun(), resident_mib(process.id())?);
    fs::remove_file(&outage)?;
    trial.wait_done(usize::try_from(RECORDS)?, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    println!("  {attempts} attempts and {memory} MiB in an outage of {lasts:?} on 4 partitions");
    // 50, 100, 200, 400 ms and then half a second, each down to its half: fewer than 36 a partition.
    ensure!((4..=4 * 36).contains(&attempts), "{attempts} attempts is no backoff");
    ensure!(memory < 200, "{memory} MiB are resident while nothing moves");
    conclude(&mut trial, 0)?;
    Ok(())
}

fn resident_mib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
