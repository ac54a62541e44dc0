//! CPU and time a message: generated controllers against the same work by hand, and by others.

pub(crate) mod by_hand;
pub(crate) mod limit;
pub(crate) mod performance;
mod ruststream;

use anyhow::{Result, ensure};
use clap::Args;

use crate::{
    Common,
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

/// What the mock broker keeps of a partition is 5 MiB; these records take less.
pub(crate) const RECORDS_A_PARTITION: u64 = 16_000;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to consume. The mock broker gets as many partitions as it needs for them.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
    /// Partitions of the topic; as many as the mock broker needs, or 4 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Also those that are built for this: librdkafka's own C program (needs cc), and RustStream (fetched by cargo).
    #[arg(long)]
    peers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 1_000_000, brokers: Brokers::default(), partitions: None, only: Vec::new(), peers: false }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(20_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 7 });
    let partitions = partitions(messages, options.partitions, &options.brokers)?;
    let contenders = contenders(options)?;

    let stage = Stage::set(&options.brokers, &[("records", partitions)])?;
    stage.fill_with_events(0, messages)?;
    let rows =
        contest::hold(&contenders, rounds, |contender, round| role::figures(&contender.run(&stage, round, messages)?))?;
    Ok(Report { bench: "consume", messages, rows, comparisons: comparisons() })
}

fn comparisons() -> Vec<Comparison> {
    vec![
        Comparison::of("karafka", Cpu, "by-hand").aims(AtMost(0.65)),
        Comparison::of("karafka", Rate, "by-hand").aims(AtLeast(1.5)),
        Comparison::of("karafka", Rate, "by-hand-defaults").aims(AtLeast(4.0)),
        Comparison::of("karafka", Cpu, "ruststream").aims(AtMost(0.7)),
        Comparison::of("karafka", Rate, "ruststream").aims(AtLeast(1.5)),
        Comparison::of("karafka-no-op", Cpu, "rdkafka-performance").aims(AtMost(0.65)),
        Comparison::of("karafka-no-op", Cpu, "limit").aims(AtMost(1.2)),
        Comparison::of("karafka", Cpu, "limit-typed"),
        Comparison::of("limit-typed", Cpu, "by-hand"),
        Comparison::of("limit-typed", Rate, "by-hand"),
        Comparison::of("by-hand-defaults", Cpu, "by-hand"),
        Comparison::of("limit", Cpu, "rdkafka-performance"),
    ]
}

/// How many partitions hold so many events.
pub(crate) fn partitions(messages: u64, wanted: Option<i32>, brokers: &Brokers) -> Result<i32> {
    let least = i32::try_from(messages.div_ceil(RECORDS_A_PARTITION))?;
    let partitions = wanted.unwrap_or(if brokers.are_real() { 4 } else { least.max(4) });
    ensure!(
        brokers.are_real() || partitions >= least,
        "the mock broker would drop records: {messages} of them need {least} partitions"
    );
    Ok(partitions)
}

/// Who runs, in this order, in every round.
fn contenders(options: &Options) -> Result<Vec<Contender>> {
    let is_wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut contenders = vec![
        Contender::app("karafka", "events"),
        Contender::by_hand("by-hand", "by-hand"),
        Contender::by_hand("by-hand-defaults", "by-hand-defaults"),
        Contender::app("karafka-no-op", "raw"),
        Contender::by_hand("limit", "limit"),
        Contender::by_hand("limit-typed", "limit-typed"),
    ];
    contenders.retain(|contender| is_wanted(&contender.name));
    if options.peers && is_wanted("rdkafka-performance") {
        let program = performance::build()?;
        let contender = Contender::by_hand("rdkafka-performance", "rdkafka-performance");
        contenders.push(contender.with(performance::PROGRAM, &program.to_string_lossy()));
    }
    if options.peers && is_wanted("ruststream") {
        contenders.push(Contender::peer("ruststream", ruststream::build()?));
    }
    ensure!(!contenders.is_empty(), "nobody runs: see `--only` and `--peers`");
    Ok(contenders)
}
