//! A busy partition beside quiet ones: what has news is not to wait for what has none.

use anyhow::Result;
use clap::Args;

use crate::{
    Common,
    contest::{self, Contender},
    report::{Comparison, Figure::Rate, Report},
    role,
    stage::{Brokers, Stage, event},
};

/// The variable of the setting that is tried.
const WAIT: &str = "KARAFKA_OPTIONS_FETCH_WAIT_MAX_MS";

/// Who has no quiet partitions beside its own.
const ALONE: &str = "alone";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records in the busy partition.
    #[arg(long, default_value_t = 500_000)]
    messages: u64,
    /// Partitions of the topic; all but the first are empty.
    #[arg(long, default_value_t = 12)]
    partitions: i32,
    /// `fetch.wait.max.ms` of further apps, beside the one that has karafka's own.
    #[arg(long, value_delimiter = ',')]
    waits: Vec<u64>,
    #[command(flatten)]
    brokers: Brokers,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 500_000, partitions: 12, waits: Vec::new(), brokers: Brokers::default() }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    // The mock broker keeps 5 MiB a partition.
    let kept = if options.brokers.are_real() { u64::MAX } else { 15_000 };
    let messages = options.messages.min(kept).min(if common.smoke { 2_000 } else { u64::MAX });
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 5 });
    let stage = Stage::set(&options.brokers, &[(ALONE, 1), ("beside", options.partitions)])?;
    for place in 0..2 {
        stage.fill_partition(place, 0, messages, |number| {
            Ok((number.to_string(), serde_json::to_string(&event(number))?))
        })?;
    }
    let mut contenders = vec![Contender::app(ALONE, "events"), Contender::app("beside", "events").on(1)];
    contenders.extend(
        options
            .waits
            .iter()
            .map(|wait| Contender::app(&format!("beside, {wait} ms"), "events").on(1).with(WAIT, &wait.to_string())),
    );
    let rows =
        contest::hold(&contenders, rounds, |contender, round| role::figures(&contender.run(&stage, round, messages)?))?;
    let beside = contenders.iter().skip(1).map(|contender| Comparison::of(&contender.name, Rate, ALONE));
    Ok(Report { bench: "beside", messages, comparisons: beside.collect(), rows })
}
