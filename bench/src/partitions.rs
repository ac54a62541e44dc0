//! As many records in as many partitions, and in one: what a partition costs beside what a record costs.

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    Common,
    contest::{self, Contender},
    report::{
        Aim::AtMost,
        Comparison,
        Figure::{Cpu, More},
        Report,
    },
    role,
    stage::{Brokers, Stage},
};

/// CPU before the first message: the start of the process, the group, the assignment.
const START: &str = "start_cpu_ms";

/// CPU of the process up to the last message.
const ALL: &str = "all_cpu_ms";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Partitions, and records.
    #[arg(long, default_value_t = 1_000)]
    partitions: i32,
    #[command(flatten)]
    brokers: Brokers,
}

impl Default for Options {
    fn default() -> Self {
        Self { partitions: 1_000, brokers: Brokers::default() }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let partitions = if common.smoke { options.partitions.min(100) } else { options.partitions };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 11 });
    let messages = u64::try_from(partitions)?;
    let stage = Stage::set(&options.brokers, &[("one", 1), ("many", partitions)])?;
    stage.fill_with_events(0, messages)?;
    stage.fill_with_events(1, messages)?;
    let contenders = [
        Contender::app("karafka, many", "events").on(1),
        Contender::app("karafka, one", "events"),
        Contender::by_hand("by-hand, many", "by-hand").on(1),
        Contender::by_hand("by-hand, one", "by-hand"),
        Contender::by_hand("limit, many", "limit").on(1),
        Contender::by_hand("limit, one", "limit"),
    ];
    let rows = contest::hold(&contenders, rounds, |contender, round| {
        let word = contender.run(&stage, round, messages)?;
        let mut run = role::figures(&word)?;
        let start_s = word["start_cpu_s"].as_f64().context("no CPU of the start")?;
        run.more.extend([(START, start_s * 1e3), (ALL, (start_s + run.cpu_s.unwrap_or_default()) * 1e3)]);
        Ok(run)
    })?;
    let comparisons = vec![
        Comparison::of("karafka, many", Cpu, "karafka, one").aims(AtMost(3.0)),
        Comparison::of("karafka, many", More(START), "karafka, one"),
        Comparison::of("karafka, many", More(ALL), "karafka, one"),
        Comparison::of("by-hand, many", Cpu, "by-hand, one"),
        Comparison::of("by-hand, many", More(ALL), "by-hand, one"),
        Comparison::of("limit, many", Cpu, "limit, one"),
        Comparison::of("limit, many", More(ALL), "limit, one"),
        Comparison::of("karafka, many", Cpu, "by-hand, many"),
        Comparison::of("karafka, many", More(ALL), "by-hand, many"),
    ];
    Ok(Report { bench: "partitions", messages, rows, comparisons })
}
