//! A stop on request.

use anyhow::{Result, ensure};

use crate::bench::{Bench, PATIENCE, stop};

/// If this fails, each deployment repeats or loses messages.
pub(crate) fn nothing_is_lost_or_repeated_by_sigterm(bench: &Bench) -> Result<()> {
    const RECORDS: u64 = 100_000;
    let mut track = bench.track("stopped")?;
    track.fill(RECORDS)?;

    let mut process = track.start()?;
    track.ledger.wait_for(30_000, &mut [&mut process], PATIENCE)?;
    stop(process)?;
    let handled = track.ledger.entries()?.len();
    ensure!(handled < usize::try_from(RECORDS)?, "stopped only after the last record");
    println!("  stopped after {handled} records");
    track.check_committed_what_was_handled()?;

    let mut process = track.start()?;
    track.wait_for_all(RECORDS, &mut process)?;
    stop(process)?;

    track.check_nothing_missing(RECORDS)?;
    track.check_nothing_repeated()?;
    track.check_committed_what_was_handled()
}
