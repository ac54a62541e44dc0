//! Records that are sent and come from nowhere: a million at once beside librdkafka's own program and beside the safe
//! wrapper's producer by hand, and one at a time.

mod by_hand;
mod ours;
mod performance;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;

pub(crate) use self::{
    by_hand::run as by_hand,
    ours::{all, forget, one_by_one},
    performance::run as performance,
};
use crate::{
    Common,
    consume::{partitions, performance as consumer},
    contest::{self, Contender},
    report::{
        Aim::AtMost,
        Comparison,
        Figure::{Cpu, More, Rate},
        Report, Run,
    },
    role,
    stage::{Brokers, Stage},
};

/// Names the variable with the topic, as the manifest does.
const TOPIC: &str = "BENCH_RELAYED";

/// What every contender is told: the producer's own defaults, and room for what is sent faster than it is taken.
const TOLD: [(&str, &str); 5] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("compression.type", "lz4"),
    ("linger.ms", LINGER),
    ("queue.buffering.max.messages", "500000"),
];

/// One for all rows.
const LINGER: &str = "0.1";

/// Bytes of a record that nobody looks at.
const SIZE: usize = 256;

/// Figures of records that are sent one by one.
const FIGURES: [&str; 4] = ["acknowledged_p50_us", "acknowledged_p99_us", "handed_over_p50_us", "handed_over_p99_us"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to send.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
    /// Partitions of the topic; as many as the mock broker needs, or 4 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
    /// Beside librdkafka's program `rdkafka_performance` as well, which is compiled for it.
    #[arg(long)]
    peers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 200_000, brokers: Brokers::default(), partitions: None, peers: false }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(10_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 5 });
    let partitions = partitions(messages, options.partitions, &options.brokers)?;
    let mut contenders = vec![
        Contender::by_hand("send_all", "send-all"),
        Contender::by_hand("future-producer", "send-all-by-hand"),
        Contender::by_hand("send_and_forget", "send-forget"),
        Contender::by_hand("one by one", "send-one-by-one"),
    ];
    if options.peers {
        let program = consumer::build()?;
        let contender = Contender::by_hand("rdkafka-performance", "send-performance");
        contenders.push(contender.with(consumer::PROGRAM, &program.to_string_lossy()));
    }
    let rows = contest::hold(&contenders, rounds, |contender, round| {
        // Each run has a topic of its own: what another one has sent is in nobody's way.
        let stage = Stage::set(&options.brokers, &[("relayed", partitions)])?;
        let word = contender.clone().with(TOPIC, stage.topic(0)).run(&stage, round, messages)?;
        figures(&word)
    })?;
    let comparisons = vec![
        Comparison::of("send_all", Cpu, "future-producer").aims(AtMost(0.8)),
        Comparison::of("send_all", Rate, "future-producer"),
        Comparison::of("send_and_forget", Cpu, "rdkafka-performance").aims(AtMost(1.2)),
        Comparison::of("send_and_forget", Rate, "rdkafka-performance"),
        Comparison::alone("one by one", More("acknowledged_p99_us")).aims(AtMost(1_000.0)),
        Comparison::alone("one by one", More("handed_over_p99_us")).aims(AtMost(10.0)),
    ];
    Ok(Report { bench: "send", messages, rows, comparisons })
}

fn figures(word: &Value) -> Result<Run> {
    let mut run = role::figures(word)?;
    for name in FIGURES.into_iter().filter(|name| word.get(name).is_some()) {
        run.more.push((name, word[name].as_f64().with_context(|| format!("no `{name}` in {word}"))?));
    }
    Ok(run)
}
