//! Handlers that wait, in order by key within one partition, beside as many waits on tokio alone.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use benched::probe::Probe;
use clap::Args;

use crate::{
    Common,
    contest::{self, Contender},
    report::{Aim::AtLeast, Comparison, Figure::Rate, Report},
    role,
    stage::{Brokers, Stage},
};

/// How long a handler waits: `KeyedController`'s.
const WAIT: Duration = Duration::from_millis(10);

/// Keys of the records, in no order.
const KEYS: u64 = 10_000;

/// Names the variable that says how many wait at once.
pub(crate) const CONCURRENCY: &str = "KARAFKA_CONCURRENCY";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to handle.
    #[arg(long, default_value_t = 200_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 200_000, brokers: Brokers::default() }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(10_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 3 });
    let contenders = [
        Contender::app("karafka, 100", "keyed").with(CONCURRENCY, "100"),
        Contender::by_hand("sleepers, 100", "sleepers").with(CONCURRENCY, "100"),
        Contender::app("karafka, 1000", "keyed").with(CONCURRENCY, "1000"),
        Contender::by_hand("sleepers, 1000", "sleepers").with(CONCURRENCY, "1000"),
    ];
    let rows = contest::hold(&contenders, rounds, |contender, round| {
        let stage = stage(&options.brokers, messages)?;
        role::figures(&contender.run(&stage, round, messages)?)
    })?;
    let comparisons = vec![
        Comparison::of("karafka, 100", Rate, "sleepers, 100").aims(AtLeast(0.95)),
        Comparison::of("karafka, 1000", Rate, "sleepers, 1000").aims(AtLeast(0.9)),
    ];
    Ok(Report { bench: "keyed", messages, rows, comparisons })
}

/// Records for one run: the group's name is the manifest's, so each run has a stage of its own.
pub(crate) fn stage(brokers: &Brokers, messages: u64) -> Result<Stage> {
    let stage = Stage::set(brokers, &[("keyed", 1)])?;
    // As short as can be: the mock broker keeps 5 MiB of a partition.
    stage.fill(0, messages, |number| Ok((key(number).to_string(), "1".to_owned())))?;
    Ok(stage)
}

/// The key of a record: each comes about twenty times, at any distance from its like.
fn key(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) % KEYS
}

/// The same number of waits, as many at once, on a runtime like the app's: what handlers that wait can reach.
pub(crate) fn sleepers() -> Result<()> {
    let probe = Probe::of_process()?;
    let waits: u64 = env::var(benched::probe::MESSAGES)?.parse()?;
    let concurrency: u64 = env::var(CONCURRENCY)?.parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let begun = Arc::new(AtomicU64::new(0));
        let sleepers = (0..concurrency).map(|_| {
            let begun = Arc::clone(&begun);
            tokio::spawn(async move {
                while begun.fetch_add(1, Ordering::Relaxed) < waits {
                    probe.begin();
                    tokio::time::sleep(WAIT).await;
                    probe.count();
                }
            })
        });
        for sleeper in sleepers.collect::<Vec<_>>() {
            sleeper.await?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, some key has most of the records, and no scheduler could reach what the sleepers do.
    #[test]
    fn keys_are_spread() {
        let mut records = std::collections::BTreeMap::new();
        for number in 0..200_000 {
            *records.entry(key(number)).or_insert(0_u64) += 1;
        }
        assert!(records.len() > 9_900, "{} keys", records.len());
        assert!(records.values().all(|count| *count < 60), "{:?}", records.values().max());
    }
}
