//! A bad network.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use karafka_tests::faulty::Route;

use super::{PATIENCE, conclude, fill, trial};
use crate::bench::Bench;

/// If this fails, a slow network that drops connections loses, repeats or reorders messages.
pub(super) fn row_10_latency_and_cut_connections(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 4_000;
    let mut trial = trial(bench, "row-10", Route::Buried, 4)?
        .with("KARAFKA_BROKERS", &bench.kafka.far_address())
        .with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "10000")
        .with("FAULTY_PACE_MS", "10");
    fill(bench, &trial, 4, 0..RECORDS as u64, |id| if id % 100 == 50 { "fail" } else { "" }.to_owned())?;
    let dead = RECORDS / 100;
    // A round trip takes 200 to 500 ms.
    bench.kafka.network().delay(Duration::from_millis(100), Duration::from_millis(150));
    let mut process = trial.start()?;
    let mut cut = 0;
    for step in 1..=6 {
        trial.wait_done(step * 500, &mut [&mut process], PATIENCE)?;
        cut += bench.kafka.network().cut();
        thread::sleep(Duration::from_millis(300));
    }
    trial.wait_done(RECORDS - dead, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    bench.kafka.network().delay(Duration::ZERO, Duration::ZERO);
    trial.stop(process)?;
    println!("  {cut} connections were cut");
    let verdict = conclude(&mut trial, 0)?;
    ensure!(
        verdict.dead_again.is_empty(),
        "an idempotent producer wrote a dead letter twice: {:?}",
        verdict.dead_again
    );
    Ok(())
}
