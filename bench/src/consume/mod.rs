//! CPU and time a message: a typed, generated controller against the same work by hand.

pub(crate) mod broker;
pub(crate) mod by_hand;
mod records;

pub(crate) use records::send_one;

use anyhow::{Result, ensure};
use clap::Args;
use karafka_tests::{
    kafka::Kafka,
    process::{Process, Signal},
};

use crate::{
    Common,
    report::{Measure, Report, Row},
    role,
};

/// What the mock broker keeps of a partition is 5 MiB; these records take less.
const RECORDS_A_PARTITION: u64 = 16_000;

/// Who runs, in this order, in every round.
const CONTENDERS: [(&str, Option<&str>); 3] =
    [("karafka", Some("by-hand")), ("by-hand", None), ("by-hand-defaults", Some("by-hand"))];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to consume. The mock broker gets as many partitions as it needs for them.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// A real Kafka instead of the mock broker; a topic is made there, and deleted afterwards.
    #[arg(long)]
    brokers: Option<String>,
    /// Apache Kafka instead of the mock broker, started for this run (needs Java and Maven).
    #[arg(long, conflicts_with = "brokers")]
    kafka: bool,
    /// Partitions of the topic; as many as the mock broker needs, or 4 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
    /// Only these contenders.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 1_000_000, brokers: None, kafka: false, partitions: None, only: Vec::new() }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(20_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 7 });
    let least = i32::try_from(messages.div_ceil(RECORDS_A_PARTITION))?;
    let is_real = options.kafka || options.brokers.is_some();
    let partitions = options.partitions.unwrap_or(if is_real { 4 } else { least.max(4) });
    ensure!(
        is_real || partitions >= least,
        "the mock broker would drop records: {messages} of them need {least} partitions"
    );

    let kafka = if options.kafka { Some(Kafka::start()?) } else { None };
    let brokers = options.brokers.as_deref().or(kafka.as_ref().map(Kafka::address));
    // Dropped before its Kafka.
    let stage = broker::Stage::set(brokers, partitions)?;
    records::fill(stage.address(), stage.topic(), partitions, messages)?;

    let mut rows: Vec<Row> = CONTENDERS
        .iter()
        .filter(|(name, _)| options.only.is_empty() || options.only.iter().any(|only| only == name))
        .map(|&(name, beside)| Row { contender: name.to_owned(), beside, runs: Vec::new() })
        .collect();
    for round in 0..rounds {
        // Interleaved, so that a slow minute of the machine falls on all; turned about, so that nobody is always
        // first.
        let count = rows.len();
        for turn in 0..count {
            let row = &mut rows[(round + turn) % count];
            let group = format!("{}-{round}", row.contender);
            let mut contender = start(&row.contender, &stage, &group, messages)?;
            let word = role::word(&mut contender)?;
            row.runs.push(role::figures(&word)?);
            end(&row.contender, contender)?;
        }
    }
    Ok(Report { bench: "consume", messages, by: Measure::Cpu, rows })
}

fn start(contender: &str, stage: &broker::Stage, group: &str, messages: u64) -> Result<Process> {
    role::cast(
        contender,
        &[
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_BROKERS", stage.address()),
            ("BENCH_TOPIC", stage.topic()),
            ("BENCH_GROUP", group),
            (benched::probe::MESSAGES, &messages.to_string()),
        ],
    )
}

/// Lets a contender commit and leave its group, so that the next one has the broker to itself. An app runs until it
/// is told to stop; a loop by hand ends by itself.
fn end(name: &str, mut contender: Process) -> Result<()> {
    if name == "karafka" {
        contender.signal(Signal::TERM)?;
    }
    contender.wait(role::PATIENCE)?.expect_code(0).map(drop)
}
