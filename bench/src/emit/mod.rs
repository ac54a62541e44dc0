//! Each record is parsed, sent on, acknowledged and only then committed; measured until all of that is done and the
//! group is left.

pub(crate) mod by_hand;

use anyhow::Result;
use clap::Args;

use crate::{
    Common,
    consume::partitions,
    contest::{self, Contender},
    report::{
        Aim::{AtLeast, AtMost},
        Comparison,
        Figure::{Cpu, Rate},
        Report,
    },
    role,
    stage::{Brokers, Stage},
};

/// Names the variable with the topic that is sent to, as the manifest does.
pub(crate) const TARGET: &str = "BENCH_RELAYED";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to send on.
    #[arg(long, default_value_t = 200_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
    /// Partitions of both topics; as many as the mock broker needs, or 4 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 200_000, brokers: Brokers::default(), partitions: None }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(10_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 7 });
    let partitions = partitions(messages, options.partitions, &options.brokers)?;
    let stage = Stage::set(&options.brokers, &[("relay", partitions), ("relayed", partitions)])?;
    stage.fill_with_events(0, messages)?;
    let contenders = [Contender::app_to_the_end("karafka", "relay"), Contender::by_hand("by-hand", "relay-by-hand")]
        .map(|contender| contender.with(TARGET, stage.topic(1)));
    let rows =
        contest::hold(&contenders, rounds, |contender, round| role::figures(&contender.run(&stage, round, messages)?))?;
    let comparisons = vec![
        Comparison::of("karafka", Cpu, "by-hand").aims(AtMost(1.0)),
        Comparison::of("karafka", Rate, "by-hand").aims(AtLeast(1.0)),
    ];
    Ok(Report { bench: "emit", messages, rows, comparisons })
}
