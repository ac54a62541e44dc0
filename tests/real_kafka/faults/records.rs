//! Records that cannot be handled, and handlers that misbehave.

use std::{collections::BTreeMap, fs, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    checker::{Event, Kind},
    faulty::{Route, Trial, send},
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

/// If this fails, a tombstone, a key that is empty or not text, or a value that is not text is lost or stops the app.
pub(super) fn row_11_tombstones_foreign_bytes_and_empty_keys(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 400;
    // Of twenty records two are tombstones, and two are not JSON.
    const TOMBSTONES: usize = RECORDS / 10;
    for (policy, route, dead) in [("fail", Route::Keyed, 2 * TOMBSTONES), ("skip", Route::Buried, TOMBSTONES)] {
        let mut trial = trial(bench, &format!("row-11-{policy}"), route, 4)?;
        let producer = Producer::new(bench.kafka.address())?;
        for id in 0..RECORDS {
            let value = format!(r#"{{"id":{id},"act":""}}"#);
            let (key, value): (Option<&[u8]>, Option<&[u8]>) = match id % 20 {
                3 => (Some(b"gone"), None),
                4 => (None, None),
                7 => (Some(b""), Some(value.as_bytes())),
                8 => (None, Some(value.as_bytes())),
                9 => (Some(b"\xff\xfe\x00"), Some(value.as_bytes())),
                12 => (Some(b"\xff\xfe\x01"), Some(b"\xff\xfe\x00\x80")),
                13 => (Some(b"empty"), Some(b"")),
                _ => (Some(b"k"), Some(value.as_bytes())),
            };
            producer.send_bytes(trial.topic(), i32::try_from(id % 4)?, key, value)?;
        }
        producer.flush()?;
        let mut process = trial.start()?;
        trial.wait_done(RECORDS - 2 * TOMBSTONES, &mut [&mut process], PATIENCE)?;
        trial.wait_committed(PATIENCE)?;
        trial.stop(process)?;
        same_bytes(bench, &trial, dead)?;
        println!("  `tombstones: {policy}`: {dead} dead letters");
        conclude(&mut trial, 0)?.expect_no_copies()?;
    }
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
    let elsewhere =
        |events: &[Event]| events.iter().filter(|event| event.kind == Kind::Done && event.place.0 != 0).count();
    let (before, all) = (elsewhere(&events[..from]), elsewhere(&events[..to]));
    let meanwhile = all - before;
    println!("  {meanwhile} records were done while a handler blocked its thread for three seconds, {before} before");
    // Its own partition waits with the thread; the other three do not: what is left of them has panicked or hangs.
    ensure!(meanwhile > 0 && all >= 400, "only {all} of 450 records were done beside a handler that blocks");
    let letters = trial.dead_letters()?;
    let kinds: Vec<_> = letters.iter().filter_map(|letter| letter.headers.get("karafka.error.type")).collect();
    ensure!(kinds == [b"timeout"], "only what hangs had to die, of its time-out: {kinds:?}");
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, as many handlers that block as there are cores stop the whole app.
pub(super) fn row_15_more_handlers_block_than_there_are_cores(bench: &Bench) -> Result<()> {
    const OTHERS: usize = 400;
    // Two more than cores, in a partition each, and two partitions beside them.
    let blocking = u64::try_from(thread::available_parallelism()?.get())? + 2;
    let partitions = i32::try_from(blocking)? + 2;
    let mut trial = trial(bench, "row-15-cores", Route::Keyed, partitions)?;
    let producer = Producer::new(bench.kafka.address())?;
    for id in 0..blocking {
        send(&producer, trial.topic(), i32::try_from(id)?, &format!("k{id}"), id, "block 20000")?;
    }
    for id in blocking..blocking + OTHERS as u64 {
        let partition = i32::try_from(blocking + id % 2)?;
        send(&producer, trial.topic(), partition, &format!("k{id}"), id, "sleep 5")?;
    }
    producer.flush()?;
    let mut process = trial.start()?;
    trial.wait_done(usize::try_from(blocking)? + OTHERS, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let events = &trial.log.events;
    let blocks =
        |kind| events.iter().enumerate().filter(move |(_, event)| event.kind == kind && is_blocking(event, blocking));
    let (last_begun, first_done) =
        (blocks(Kind::Begun).map(|(at, _)| at).max(), blocks(Kind::Done).map(|(at, _)| at).min());
    let (from, to) = last_begun.zip(first_done).context("the blocking records were handled")?;
    ensure!(from < to, "they did not block at once");
    let others = events[..to].iter().filter(|event| event.kind == Kind::Done).count();
    println!("  {others} of {OTHERS} others were done while {blocking} handlers blocked their threads");
    ensure!(others == OTHERS, "only {others} of {OTHERS} others were done while {blocking} handlers blocked");
    conclude(&mut trial, 0)?.expect_no_copies()?;
    Ok(())
}

fn is_blocking(event: &Event, blocking: u64) -> bool {
    u64::try_from(event.place.0).is_ok_and(|partition| partition < blocking)
}

/// If this fails, one record in a thousand that fails for ever holds up the others, is lost, or costs repeats.
pub(super) fn row_15_one_in_a_thousand_fails_for_ever(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 20_000;
    const DEAD: usize = RECORDS / 1_000;
    let mut trial = trial(bench, "row-15-thousandth", Route::Keyed, 4)?;
    fill(bench, &trial, 4, 0..RECORDS as u64, |id| if id % 1_000 == 500 { "fail" } else { "" }.to_owned())?;
    let mut process = trial.start()?;
    trial.wait_done(RECORDS - DEAD, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let letters = trial.dead_letters()?.len();
    ensure!(letters == DEAD, "{DEAD} records had to die, and {letters} did");
    conclude(&mut trial, 0)?.expect_no_copies()?;
    Ok(())
}

/// If this fails, a record that fails for ever where there is no dead letter topic holds up more than its key or its
/// partition, is passed by what has to wait for it, or is lost.
pub(super) fn row_15_only_its_line_waits_for_what_fails_for_ever(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 4_000;
    // Its key is `k5`, its partition 1.
    const BAD: u64 = 97 * 10 + 5;
    for (name, route) in [("row-15-partition", Route::Ordered), ("row-15-key", Route::Patient)] {
        let mut trial = trial(bench, name, route, 4)?;
        fill(bench, &trial, 4, 0..RECORDS, |id| if id == BAD { "fail" } else { "" }.to_owned())?;
        let is_behind = |id: &u64| match route {
            Route::Patient => id % 97 == BAD % 97,
            _ => id % 97 % 4 == BAD % 97 % 4,
        };
        let waits = (BAD..RECORDS).filter(is_behind).count();
        let mut process = trial.start()?;
        trial.wait_done(usize::try_from(RECORDS)? - waits, &mut [&mut process], PATIENCE)?;
        thread::sleep(Duration::from_secs(1));
        trial.stop(process)?;
        let mut verdict = trial.judge()?;
        let waiting = std::mem::take(&mut verdict.unseen).len();
        println!("  {name}: {waiting} of {RECORDS} wait; {verdict}; the bound of repeats is 0");
        ensure!(waiting == waits, "{waits} records had to wait, and {waiting} do");
        verdict.expect_nothing_lost()?.expect_repeats_within(0)?;
    }
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
