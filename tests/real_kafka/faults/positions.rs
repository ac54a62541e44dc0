//! Groups whose offsets are gone, or point to what is not there.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    faulty::{Route, Trial},
    ports,
    process::Process,
};

use super::{PATIENCE, fill, trial};
use crate::bench::Bench;

/// If this fails, a partition waits for a person, and neither the log nor health says which offsets are gone, how many,
/// and what to do.
pub(super) fn row_14_retention_passes_a_position_that_waits_for_a_person(bench: &Bench) -> Result<()> {
    let health = format!("127.0.0.1:{}", ports::free()?);
    let mut trial = trial(bench, "row-14-waits", Route::Ordered, 1)?.with("KARAFKA_HEALTH", &health);
    fill(bench, &trial, 1, 0..100, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(100, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    fill(bench, &trial, 1, 100..300, |_| String::new())?;
    bench.kafka.delete_records_before(trial.topic(), 0, 250)?;

    let mut process = trial.start()?;
    let line = process.wait_for_line("why it waits", PATIENCE, |line| line.contains("offset 100 is gone"))?;
    for part in ["\"from\":100", "\"first\":250", "\"end\":300", "\"lost\":150", "\"cause\":\"before_log\""] {
        ensure!(line.contains(part), "no {part} in: {line}");
    }
    let place = format!("--group ordered --topic {}:0 --reset-offsets", trial.topic());
    ensure!(line.contains(&place) && line.contains("lost_position: earliest"), "no help: {line}");
    let ready = ask(&health, "/ready")?;
    ensure!(ready.starts_with("HTTP/1.1 503"), "a partition waits: {ready}");
    for part in ["offset 100 is gone", "the log has 250 to 300", "150 are not there any more", &place] {
        ensure!(ready.contains(part), "health does not say {part}: {ready}");
    }
    let metrics = ask(&health, "/metrics")?;
    let sample = "karafka_positions_total{group=\"ordered\",cause=\"before_log\"} 1";
    ensure!(metrics.contains(sample), "no {sample} in:\n{metrics}");
    ensure!(ask(&health, "/live")?.starts_with("HTTP/1.1 200"), "a new process mends nothing");
    trial.stop(process)?;
    trial.log.read()?;
    ensure!(trial.log.done() == 100, "{} are done: it has moved by itself", trial.log.done());
    ensure!(bench.kafka.committed(trial.group(), trial.topic())?[&0] == 100, "the offset has moved");
    println!("  both offsets, the count and the way on are in the log and in health");
    Ok(())
}

/// If this fails, a group reads a partition again in which its offset is gone, and nobody hears of it.
pub(super) fn row_14_the_offset_of_one_partition_is_gone(bench: &Bench) -> Result<()> {
    for route in [Route::Patient, Route::Shared] {
        let mut trial = trial(bench, "row-14-one-offset", route, 2)?;
        let process = handle(bench, &mut trial, 200)?;
        trial.stop(process)?;
        bench.kafka.delete_offset(trial.group(), trial.topic(), 0)?;
        let end = bench.kafka.ends(trial.topic())?[&0];
        trial.begin_anew()?;
        let mut process = trial.start()?;
        let line = told(&mut process)?;
        expect(&line, &["\"partition\":0", "\"to\":0", "\"first\":0", &format!("\"end\":{end}")])?;
        expect(&line, &["\"level\":\"WARN\"", "no_offset", "1 other partition of the topic"])?;
        expect(&line, &[&format!("{end} read again at most")])?;
        trial.wait_done(usize::try_from(end)?, &mut [&mut process], PATIENCE)?;
        trial.wait_committed(PATIENCE)?;
        ensure!(trial.log.events.iter().all(|event| event.place.0 == 0), "the other partition was read again as well");
        ensure!(process.text().matches("\"cause\":\"no_offset\"").count() == 1, "{}", process.text());
        trial.stop(process)?;
        println!("  {route:?}: {end} records of partition 0 were said to be read again at most, and were");
    }
    Ok(())
}

/// If this fails, a group that was deleted reads everything again without a word of where it begins; or is said to be a
/// known one while nobody can know.
pub(super) fn row_14_all_offsets_of_a_group_are_gone(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-14-no-offsets", Route::Patient, 2)?;
    let process = handle(bench, &mut trial, 200)?;
    trial.stop(process)?;
    bench.kafka.delete_group(trial.group())?;
    let ends = bench.kafka.ends(trial.topic())?;
    trial.begin_anew()?;
    let mut process = trial.start()?;
    trial.wait_done(200, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    let text = process.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("\"cause\":")).collect();
    ensure!(lines.len() == 2, "a line a partition:\n{text}");
    for (partition, end) in ends {
        let line = lines.iter().find(|line| line.contains(&format!("\"partition\":{partition},")));
        let line = line.with_context(|| format!("nothing of {partition}:\n{text}"))?;
        expect(line, &["\"level\":\"INFO\"", "new_group", "\"to\":0", "\"first\":0", &format!("\"end\":{end}")])?;
        expect(line, &["as a new one or one whose offsets are gone", &format!("{end} to read")])?;
    }
    trial.stop(process)?;
    println!("  each partition says where it begins, and how much there is to read");
    Ok(())
}

/// If this fails, a topic that was recreated while nobody ran is read without a word, or is called one that retention has
/// passed. Kafka deletes the offsets of a topic with it.
pub(super) fn row_17_a_shorter_topic_is_recreated_between_two_runs(bench: &Bench) -> Result<()> {
    let mut other = trial(bench, "row-17-beside", Route::Patient, 1)?;
    let process = handle(bench, &mut other, 10)?;
    other.stop(process)?;
    let mut trial = trial(bench, "row-17-between", Route::Patient, 1)?;
    let process = handle(bench, &mut trial, 100)?;
    trial.stop(process)?;
    trial.begin_anew()?;
    bench.kafka.delete_topic(trial.topic())?;
    bench.kafka.create_topic(trial.topic(), 1)?;
    fill(bench, &trial, 1, 0..50, |_| String::new())?;
    let begun = Instant::now();
    let mut process = trial.start()?;
    let line = told(&mut process)?;
    expect(&line, &["\"to\":0", "\"end\":50", "no_offset", "of other topics"])?;
    trial.wait_done(50, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    ensure!(!process.text().contains("retention"), "{}", process.text());
    println!("  the group had no offset any more, which was said after {:.1?}", begun.elapsed());
    trial.stop(process)?;
    Ok(())
}

/// A process that has handled so many records of its topic, and committed them.
fn handle(bench: &Bench, trial: &mut Trial<'_>, count: usize) -> Result<Process> {
    let partitions = i32::try_from(bench.kafka.ends(trial.topic())?.len())?;
    fill(bench, trial, partitions, 0..count as u64, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(count, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    Ok(process)
}

/// The line of log that says where a known group begins without an offset.
fn told(process: &mut Process) -> Result<String> {
    process.wait_for_line("where it begins", PATIENCE, |line| line.contains("\"cause\":\"no_offset\""))
}

fn expect(line: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(line.contains(part), "no `{part}` in: {line}");
    }
    Ok(())
}

fn ask(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
