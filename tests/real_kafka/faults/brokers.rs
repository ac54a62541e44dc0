//! Brokers that are away, and that do not take dead letters.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    faulty::{Route, Trial},
    kafka::Producer,
    process::{Signal, Stream},
};

use super::{PATIENCE, conclude, cpu_time, fill, send_one, trial, while_records_come};
use crate::bench::Bench;

const AWAY: Duration = Duration::from_secs(15);

/// If this fails, an outage of Kafka loses or repeats what was handled meanwhile.
pub(super) fn row_7_a_frozen_broker(bench: &Bench) -> Result<()> {
    let trial = trial(bench, "row-7-frozen", Route::Ordered, 4)?.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "45000");
    outage(bench, trial, AWAY, false, |bench| {
        bench.kafka.freeze()?;
        thread::sleep(AWAY);
        bench.kafka.thaw()
    })
}

/// If this fails, an outage of Kafka that lasts longer than the session loses records, or repeats more than what was
/// not committed when it began and what was handled meanwhile.
pub(super) fn row_7_a_frozen_broker_past_the_session(bench: &Bench) -> Result<()> {
    let trial = trial(bench, "row-7-past", Route::Ordered, 4)?;
    outage(bench, trial, AWAY, true, |bench| {
        bench.kafka.freeze()?;
        thread::sleep(AWAY);
        bench.kafka.thaw()
    })
}

/// If this fails, a restart of Kafka loses or repeats what was handled meanwhile.
pub(super) fn row_7_a_killed_broker(bench: &Bench) -> Result<()> {
    let trial = trial(bench, "row-7-killed", Route::Ordered, 4)?.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "45000");
    outage(bench, trial, AWAY, false, |bench| bench.kafka.kill_and_restart(Duration::from_secs(5)))
}

/// If this fails, the loss of a whole cluster for half a minute loses or repeats what was handled meanwhile.
pub(super) fn row_7_three_killed_brokers(bench: &Bench) -> Result<()> {
    let lasts = Duration::from_secs(30);
    let bench = &bench.on_three_brokers()?;
    let trial = trial(bench, "row-7-three", Route::Ordered, 4)?.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "60000");
    outage(bench, trial, lasts, false, |bench| bench.kafka.kill_and_restart(lasts))
}

/// If this fails, a process that stops while Kafka does not answer says that nothing is done again, or less than is.
pub(super) fn row_7_a_stop_while_the_broker_is_frozen(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 4_000;
    let mut trial = trial(bench, "row-7-stop", Route::Ordered, 4)?
        .with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "45000")
        .with("FAULTY_PACE_MS", "4");
    fill(bench, &trial, 4, 0..RECORDS as u64, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(500, &mut [&mut process], PATIENCE)?;
    bench.kafka.freeze()?;
    let stopped = trial.wait_done(1_000, &mut [&mut process], PATIENCE).and_then(|()| {
        process.signal(Signal::TERM)?;
        process.wait(Duration::from_secs(60))
    });
    bench.kafka.thaw()?;
    let output = stopped?.expect_code(2)?.stream(Stream::Out);
    let last = output.lines().rfind(|line| line.contains("\"stopped\"")).context("no last line")?;
    let last: serde_json::Value = serde_json::from_str(last)?;
    let said = usize::try_from(last["to_repeat"].as_u64().context("no number")?)?;
    let partitions = last["partitions"].as_str().context("no partitions")?;
    ensure!(said > 0, "nothing is done again: {last}");
    ensure!((0..4).any(|partition| partitions.contains(&format!("{}/{partition}: ", trial.topic()))), "{partitions}");
    let mut process = trial.start()?;
    trial.wait_done(RECORDS, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    // A commit that stood in the broker's socket was taken when it woke up: fewer are done again then.
    println!("  {said} were said to be done again, in {partitions}");
    conclude(&mut trial, said)?;
    Ok(())
}

/// `past_session` says that the group forgets its member meanwhile, and what is not committed may be done again.
fn outage(
    bench: &Bench,
    trial: Trial<'_>,
    lasts: Duration,
    past_session: bool,
    away: impl FnOnce(&Bench) -> Result<()>,
) -> Result<()> {
    const RECORDS: usize = 20_000;
    let mut trial = trial.with("FAULTY_PACE_MS", "4");
    fill(bench, &trial, 4, 0..RECORDS as u64, |_| String::new())?;
    let mut process = trial.start()?;
    trial.wait_done(1_000, &mut [&mut process], PATIENCE)?;
    let before = cpu_time(process.id())?;
    away(bench)?;
    trial.log.read()?;
    let (busy, during) = (cpu_time(process.id())? - before, trial.log.done());
    let bound = if past_session { trial.uncommitted()? } else { 0 };
    trial.wait_done(RECORDS, &mut [&mut process], 2 * PATIENCE)?;
    trial.wait_committed(PATIENCE).with_context(|| process.text())?;
    trial.stop(process)?;
    println!("  {} records were done while Kafka was away, with {busy:.1?} of CPU", during - 1_000);
    // Handling 250 records a second in each of four lanes costs no more than this; a hot loop takes a whole core.
    ensure!(busy < lasts / 2, "{busy:?} of CPU while Kafka was away");
    conclude(&mut trial, bound)?;
    Ok(())
}

/// If this fails, a record that cannot be buried is dropped, or holds up what is not behind it.
pub(super) fn row_12_no_dead_letter_topic(bench: &Bench) -> Result<()> {
    let mut trial = Trial::without_topics(&bench.kafka, &bench.faulty, "row-12", Route::Buried)?
        .with("KARAFKA_OPTIONS_TOPIC_METADATA_PROPAGATION_MAX_MS", "500");
    let name = trial.topic().to_owned();
    bench.kafka.create_topic(&name, 4)?;
    let producer = Producer::new(bench.kafka.address())?;
    producer.send(&name, 0, "k0", "this is not JSON")?;
    for id in 0..400 {
        send_one(&producer, &name, 4, id, "")?;
    }
    producer.flush()?;
    let others = (0..400u64).filter(|id| id % 97 % 4 != 0).count();
    let mut process = trial.start()?;
    trial.wait_done(others, &mut [&mut process], PATIENCE)?;
    let refused = |line: &str| line.contains(&trial.dead_topic());
    process.wait_for_line("a word of the dead letter topic", PATIENCE, refused)?;
    thread::sleep(Duration::from_secs(2));
    let committed = bench.kafka.committed(trial.group(), &name)?;
    ensure!(committed.get(&0).is_none_or(|next| *next == 0), "the offset moved past it: {committed:?}");
    trial.log.read()?;
    ensure!(trial.log.done() == others, "records behind it were handled");
    bench.kafka.create_topic(&trial.dead_topic(), 1)?;
    trial.wait_done(400, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(process)?;
    let letters = trial.dead_letters()?;
    ensure!(letters.len() == 1, "one record had to die, and {} did", letters.len());
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, the loss of the broker that coordinates a group, at which members commit and which they join, loses
/// records, repeats what was committed, or leaves the group without a member.
pub(super) fn row_9_the_coordinator_is_killed(bench: &Bench) -> Result<()> {
    const CONCURRENCY: usize = 12;
    let bench = &bench.on_three_brokers()?;
    let mut trial = trial(bench, "row-9", Route::Keyed, 6)?
        .with("FAULTY_PACE_MS", "10")
        .with("KARAFKA_CONCURRENCY", &CONCURRENCY.to_string())
        .with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "10000");
    let mut members = vec![trial.start()?];
    let mut bound = 0;
    let sent = while_records_come(bench, &mut trial, 6, 4, |trial| {
        trial.wait_done(300, &mut [&mut members[0]], PATIENCE)?;
        for _ in 0..3 {
            let coordinator = bench.kafka.coordinator(trial.group())?;
            bound += trial.uncommitted()?;
            let newcomer = trial.start()?;
            let id = newcomer.id();
            members.push(newcomer);
            bench.kafka.kill(coordinator)?;
            let killed = Instant::now();
            bound += uncommitted_at_the_next(trial)?;
            let answered = killed.elapsed();
            let mut all: Vec<_> = members.iter_mut().collect();
            trial.wait_until("work of the newcomer", &mut all, PATIENCE, |log| log.begun_by(id) >= 50)?;
            println!(
                "  broker {} went: the next one answered after {answered:.1?}, and who joined meanwhile was at work \
                 after {:.1?}",
                coordinator + 1,
                killed.elapsed()
            );
            bench.kafka.start_again(coordinator)?;
        }
        Ok(())
    })?;
    trial.wait_done(sent, &mut members.iter_mut().collect::<Vec<_>>(), PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    for member in members {
        trial.stop(member)?;
    }
    conclude(&mut trial, bound)?.expect_nobody_beside()?;
    Ok(())
}

/// What was begun and is not committed when the next coordinator answers.
fn uncommitted_at_the_next(trial: &mut Trial<'_>) -> Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match trial.uncommitted() {
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(50)),
            answer => return answer,
        }
    }
}
