//! Plain consuming.

use std::time::Instant;

use anyhow::{Result, ensure};
use karafka_tests::kafka::Producer;

use crate::bench::{Bench, PARTITIONS, stop};

/// If this fails, the suite's own Kafka is broken, and the other cases say nothing of the app.
pub(crate) fn kafka_takes_and_gives_records(bench: &Bench) -> Result<()> {
    bench.kafka.create_topic("self-check", PARTITIONS)?;
    let producer = Producer::new(bench.kafka.address())?;
    for id in 0..1_000 {
        producer.send("self-check", id % PARTITIONS, "key", &id.to_string())?;
    }
    producer.flush()?;
    let values = bench.kafka.values("self-check")?;
    ensure!(values.len() == 1_000, "1000 records were sent, {} came back", values.len());
    let committed = bench.kafka.committed("nobody", "self-check")?;
    ensure!(committed.is_empty(), "a group that never was has committed {committed:?}");
    Ok(())
}

/// If this fails, an app that runs undisturbed loses, repeats or reorders messages, or leaves them uncommitted.
pub(crate) fn every_record_is_handled(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 100_000;
    let mut track = bench.track("undisturbed")?;
    track.fill(RECORDS)?;

    let begun = Instant::now();
    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    println!("  {RECORDS} records from {PARTITIONS} partitions {:.1?} after the start", begun.elapsed());
    stop(process)?;

    track.check_nothing_missing(RECORDS)?;
    track.check_nothing_repeated()?;
    track.check_committed_what_was_handled()
}
