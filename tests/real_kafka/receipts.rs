//! Emits.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use karafka_tests::ledger;

use crate::bench::{Bench, PATIENCE, stop};

/// If this fails, a crash leaves a message that counts as handled while what it emitted never reached Kafka.
pub(crate) fn receipts_are_in_kafka_before_the_offset_moves(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 10_000;
    let mut track = bench.track("answered")?.with_receipts()?;
    track.fill(RECORDS)?;

    let mut process = track.start()?;
    track.ledger.wait_for(3_000, &mut [&mut process], PATIENCE)?;
    process.kill()?;

    let handled: BTreeSet<_> = track.ledger.entries()?.iter().map(|entry| entry.id).collect();
    let answered: BTreeSet<String> = bench.kafka.values(&track.receipts())?.into_iter().collect();
    let unanswered = handled.iter().filter(|id| !answered.contains(&format!(r#"{{"id":{id}}}"#))).count();
    ensure!(unanswered == 0, "`emit` returned for {unanswered} records whose receipt is not in Kafka");

    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    stop(process)?;
    let receipts = bench.kafka.values(&track.receipts())?;
    let repeats = ledger::repeats(track.ledger.entries()?).len();
    println!("  {RECORDS} records, {repeats} repeated, {} receipts", receipts.len());
    track.check_nothing_missing(RECORDS)
}
