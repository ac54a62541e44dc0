//! Emits.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::bench::{Bench, PATIENCE, stop};

/// If this fails, a crash leaves a message that counts as done while what it emitted never reached Kafka.
pub(crate) fn receipts_are_in_kafka_before_the_offset_moves(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 50_000;
    let mut track = bench.track("answered")?.with_receipts()?;
    track.fill(RECORDS)?;

    let mut process = track.start()?;
    track.ledger.wait_for(15_000, &mut [&mut process], PATIENCE)?;
    process.kill()?;

    // The offsets first: what is written afterwards cannot make good for them.
    let committed = track.committed()?;
    let answered = answered(bench, &track.receipts())?;
    let entries = track.ledger.entries()?;
    let done: Vec<_> = entries
        .iter()
        .filter(|entry| committed.get(&entry.partition).is_some_and(|next| entry.offset < *next))
        .collect();
    let unanswered = done.iter().filter(|entry| !answered.contains(&entry.id)).count();
    println!("  killed after {} records, {} of them committed, {} receipts", entries.len(), done.len(), answered.len());
    ensure!(unanswered == 0, "{unanswered} of {} records count as done, but their receipt is not in Kafka", done.len());

    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    stop(process)?;
    track.check_nothing_missing(RECORDS)?;
    track.check_committed_what_was_handled()?;
    let answered = self::answered(bench, &track.receipts())?;
    let unanswered = (0..RECORDS).filter(|id| !answered.contains(id)).count();
    ensure!(unanswered == 0, "{unanswered} of {RECORDS} records were handled, but have no receipt");
    Ok(())
}

/// The ids that have a receipt.
fn answered(bench: &Bench, receipts: &str) -> Result<BTreeSet<u64>> {
    let id = |value: &String| value.strip_prefix(r#"{"id":"#)?.strip_suffix('}')?.parse().ok();
    let values = bench.kafka.values(receipts)?;
    values.iter().map(|value| id(value).with_context(|| format!("not a receipt: {value}"))).collect()
}
