//! A bad network.

use std::{collections::BTreeSet, thread, time::Duration};

use anyhow::{Result, ensure};
use karafka_tests::{checker::Kind, faulty::Route};

use super::{PATIENCE, conclude, fill, trial};
use crate::bench::Bench;

/// If this fails, a slow network that drops connections loses, repeats or reorders messages, or copies dead letters again and again.
pub(super) fn row_10_latency_and_cut_connections(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 4_000;
    const CUTS: usize = 6;
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
    for step in 1..=CUTS {
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
    // A cut that outlasts the session takes the partition away: a dead letter whose acknowledgement was cut off is sent
    // once more when its record comes back, as after a crash (row 13).
    for place in &verdict.dead_again {
        let attempts =
            trial.log.events.iter().filter(|event| event.kind == Kind::Begun && event.place == *place).count();
        println!("  {place:?} has a copy in the dead letter topic, after {attempts} attempts");
    }
    let sources: BTreeSet<_> = verdict.dead_again.iter().collect();
    ensure!(sources.len() == verdict.dead_again.len(), "more than one copy of a dead letter: {:?}", verdict.dead_again);
    ensure!(sources.len() <= CUTS, "{} copies of dead letters after {CUTS} cuts", sources.len());
    Ok(())
}
