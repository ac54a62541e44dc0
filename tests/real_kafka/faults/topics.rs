//! Topics with gaps, and topics that change.

use std::{thread, time::Duration, time::Instant};

use anyhow::{Result, ensure};
use karafka_tests::{
    faulty::{Route, Trial},
    kafka::{Producer, Transaction},
    process::{Process, Signal},
};

use super::{PATIENCE, conclude, fill, send_one};
use crate::bench::Bench;

/// If this fails, lag never reaches 0 on topics that are written in transactions, or what was taken back is handled.
pub(super) fn row_14_transactions(bench: &Bench) -> Result<()> {
    let mut trial = super::trial(bench, "row-14-transactions", Route::Ordered, 1)?;
    let producer = Transaction::producer(bench.kafka.address(), "row-14", trial.topic())?;
    let values = |from: u64| -> Vec<_> { (from..from + 20).map(|id| format!(r#"{{"id":{id},"act":""}}"#)).collect() };
    // Aborted at the head, in the middle and at the end.
    for round in 0..9 {
        producer.send(&values(round * 20), round % 2 == 1)?;
    }
    let mut process = trial.start()?;
    trial.wait_done(4 * 20, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    // And while it runs.
    producer.send(&values(180), true)?;
    producer.send(&values(200), false)?;
    trial.wait_done(5 * 20, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, a compacted topic stops its consumer, or its lag never reaches 0.
pub(super) fn row_14_compaction(bench: &Bench) -> Result<()> {
    let mut trial = Trial::without_topics(&bench.kafka, &bench.faulty, "row-14-compaction", Route::Ordered)?;
    let name = trial.topic().to_owned();
    let config = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("max.compaction.lag.ms", "200"),
    ];
    bench.kafka.create_topic_with(&name, 2, &config)?;
    for round in 0..6 {
        fill(bench, &trial, 2, round * 100..(round + 1) * 100, |_| String::new())?;
        thread::sleep(Duration::from_millis(150));
    }
    let deadline = Instant::now() + Duration::from_secs(40);
    let mut left = bench.kafka.records(&name)?.len();
    while left > 300 {
        ensure!(Instant::now() < deadline, "Kafka has compacted nothing: {left} of 600 records are there");
        thread::sleep(Duration::from_millis(200));
        left = bench.kafka.records(&name)?.len();
    }
    let mut process = trial.start()?;
    // Kafka may go on compacting, but never what is newest of its key.
    trial.wait_done(97, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let left = bench.kafka.records(&name)?.len();
    println!("  {left} of 600 records were left, and {} were handled", trial.log.done());
    conclude_compacted(&mut trial)
}

/// What Kafka has taken away after it was handled is no phantom here.
fn conclude_compacted(trial: &mut Trial<'_>) -> Result<()> {
    let mut verdict = trial.judge()?;
    verdict.phantoms.clear();
    println!("  {} done: {verdict}; the bound of repeats is 0", trial.log.done());
    verdict.expect_nothing_lost()?.expect_no_repeats()?;
    Ok(())
}

/// If this fails, new partitions of a topic wait for a restart of the app.
pub(super) fn row_17_partitions_are_added(bench: &Bench) -> Result<()> {
    let mut trial = super::trial(bench, "row-17", Route::Keyed, 2)?
        .with("KARAFKA_OPTIONS_TOPIC_METADATA_REFRESH_INTERVAL_MS", "1000")
        .with("FAULTY_PACE_MS", "5");
    fill(bench, &trial, 2, 0..500, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(100, &mut [&mut process], PATIENCE)?;
    bench.kafka.grow_topic(trial.topic(), 4)?;
    let producer = Producer::new(bench.kafka.address())?;
    // Keys of their own: a key that moves to another partition keeps no order anywhere.
    for id in 500..1_000 {
        let partition = 2 + i32::from(id % 2 == 0);
        karafka_tests::faulty::send(&producer, trial.topic(), partition, &format!("new{}", id % 97), id, "")?;
    }
    producer.flush()?;
    trial.wait_done(1_000, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, an app that starts before its topics has to be started again.
pub(super) fn row_17_the_topic_comes_later(bench: &Bench) -> Result<()> {
    let mut trial = Trial::without_topics(&bench.kafka, &bench.faulty, "row-17-later", Route::Ordered)?
        .with("KARAFKA_OPTIONS_TOPIC_METADATA_REFRESH_INTERVAL_MS", "1000");
    let name = trial.topic().to_owned();
    let mut process = trial.start()?;
    let named = process.wait_for_line("a word of the missing topic", PATIENCE, |line| {
        line.contains(&name) && line.contains("does not know the topic")
    })?;
    println!("  it said: {named}");
    bench.kafka.create_topic(&name, 2)?;
    let producer = Producer::new(bench.kafka.address())?;
    for id in 0..100 {
        send_one(&producer, &name, 2, id, "")?;
    }
    producer.flush()?;
    trial.wait_done(100, &mut [&mut process], PATIENCE)?;
    trial.stop(process)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, an app whose topic was deleted and recreated stands still in silence, or skips what is in the new one.
pub(super) fn row_17_a_topic_is_recreated(bench: &Bench) -> Result<()> {
    // As apps have it: the client looks at its topics each half minute.
    let (mut trial, process) = recreated(bench, "row-17-anew", Duration::from_secs(32))?;
    let mut process = process;
    let begun = Instant::now();
    trial.wait_done(1_000, &mut [&mut process], PATIENCE)?;
    let took = begun.elapsed();
    println!("  what is in the new topic was handled {took:.1?} after it was filled");
    ensure!(took < Duration::from_secs(60), "nobody noticed for {took:?}");
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, the same happens to a topic that comes back before the client has missed it: its position is gone,
/// and it is said at once that the topic is another, never that retention has passed it.
pub(super) fn row_17_a_topic_is_recreated_at_once(bench: &Bench) -> Result<()> {
    let (mut trial, process) = recreated(bench, "row-17-at-once", Duration::ZERO)?;
    let (mut process, begun) = (process, Instant::now());
    process.wait_for_line("a word of the recreated topic", Duration::from_secs(60), |line| {
        line.contains(trial.topic()) && line.contains("was recreated")
    })?;
    println!("  it was noticed {:.1?} after the topic was filled", begun.elapsed());
    trial.wait_done(1_000, &mut [&mut process], PATIENCE)?;
    println!("  what is in it was handled after {:.1?}", begun.elapsed());
    trial.wait_committed(PATIENCE)?;
    let text = process.text();
    ensure!(text.contains("\"cause\":\"recreated\""), "it does not say from where to where:\n{text}");
    ensure!(!text.contains("retention"), "it was called retention:\n{text}");
    trial.stop(process)?;
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, the same happens to a topic that is deleted, recreated and filled beyond the old position while its
/// consumer stands still: it goes on in the middle of the new one, and nobody hears of what it has passed.
pub(super) fn row_17_a_topic_is_recreated_unseen(bench: &Bench) -> Result<()> {
    let mut trial =
        super::trial(bench, "row-17-unseen", Route::Ordered, 2)?.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "45000");
    fill(bench, &trial, 2, 0..500, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(500, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.begin_anew()?;
    process.freeze()?;
    bench.kafka.delete_topic(trial.topic())?;
    bench.kafka.create_topic(trial.topic(), 2)?;
    fill(bench, &trial, 2, 0..2_000, |_| String::new())?;
    process.signal(Signal::CONT)?;
    let begun = Instant::now();
    trial.wait_done(2_000, &mut [&mut process], PATIENCE)?;
    println!("  all of the new topic was handled after {:.1?}", begun.elapsed());
    trial.wait_committed(PATIENCE)?;
    let text = process.text();
    ensure!(text.contains("was recreated"), "it was not said:\n{text}");
    trial.stop(process)?;
    let mut verdict = trial.judge()?;
    println!("  {} done: {verdict}; the bound of repeats is what it has done before it noticed", trial.log.done());
    // It began where the old topic ended, and went back to the beginning.
    verdict.reordered.clear();
    verdict.committed_back.clear();
    verdict.went_back.clear();
    verdict.expect_nothing_lost()?.expect_repeats_within(1_500)?;
    Ok(())
}

/// An app that has handled 500 records of a topic, which was then deleted and, after a while, recreated with 1,000.
fn recreated<'a>(bench: &'a Bench, name: &str, away: Duration) -> Result<(Trial<'a>, Process)> {
    let mut trial = super::trial(bench, name, Route::Ordered, 2)?;
    fill(bench, &trial, 2, 0..500, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(500, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.begin_anew()?;
    bench.kafka.delete_topic(trial.topic())?;
    thread::sleep(away);
    bench.kafka.create_topic(trial.topic(), 2)?;
    fill(bench, &trial, 2, 0..1_000, |_| String::new())?;
    Ok((trial, process))
}
