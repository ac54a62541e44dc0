//! `kill -9`.

use anyhow::{Result, ensure};
use karafka_tests::ledger;

use crate::bench::{Bench, PATIENCE, stop};

/// If this fails, a power cut costs the user messages, or a commit ran ahead of the work.
pub(crate) fn nothing_is_lost_by_kill_9(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 100_000;
    let mut track = bench.track("killed")?;
    track.fill(RECORDS)?;

    let mut process = track.start()?;
    track.ledger.wait_for(30_000, &mut [&mut process], PATIENCE)?;
    process.kill()?;

    let before = track.ledger.entries()?.to_vec();
    ensure!(before.len() < usize::try_from(RECORDS)?, "killed only after the last record");
    let handled = ledger::next_offsets(&before);
    let committed = track.committed()?;
    for (partition, offset) in &committed {
        let first_unhandled = handled.get(partition).copied().unwrap_or(0);
        ensure!(
            *offset <= first_unhandled,
            "partition {partition}: {offset} is committed, {first_unhandled} was not handled"
        );
    }
    let uncommitted = handled.iter().map(|(partition, next)| next - committed.get(partition).copied().unwrap_or(0));
    let uncommitted = usize::try_from(uncommitted.sum::<i64>())?;

    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    stop(process)?;

    track.check_nothing_missing(RECORDS)?;
    track.check_committed_what_was_handled()?;
    let repeats = ledger::repeats(track.ledger.entries()?).len();
    println!(
        "  killed after {} records, {repeats} repeated; the bound is {uncommitted}, handled but not committed, \
         the work of {} ms",
        before.len(),
        span_of_last(&before, uncommitted)
    );
    ensure!(repeats <= uncommitted, "{repeats} records were repeated, but only {uncommitted} were not committed");
    Ok(())
}

/// The milliseconds that the last `count` entries took.
fn span_of_last(entries: &[ledger::Entry], count: usize) -> u64 {
    let last = &entries[entries.len().saturating_sub(count)..];
    last.last().zip(last.first()).map_or(0, |(last, first)| last.at_ms.saturating_sub(first.at_ms))
}
