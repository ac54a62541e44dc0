//! What threads cost that nothing needs: the same app with a thread a core, and with more.

use std::{num::NonZero, thread};

use anyhow::Result;
use clap::Args;

use crate::{
    Common,
    consume::partitions,
    contest::{self, Contender},
    keyed,
    report::{
        Comparison,
        Figure::{Cpu, Rate},
        Report,
    },
    role,
    stage::{Brokers, Stage},
};

/// Who has a thread a core.
const NONE: &str = "none to spare";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to handle.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
    /// Partitions of the topic; as many as the mock broker needs, or 4 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
    /// How many threads beside one for each core; who has none is always there.
    #[arg(long, value_delimiter = ',', default_values_t = [8, 24])]
    spare: Vec<usize>,
    /// Handlers that wait for 10 ms, a thousand at once, instead of such that are ready at once.
    #[arg(long)]
    waiting: bool,
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(20_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 7 });
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let contender = |name: &str, spare: usize| {
        let contender = Contender::app(name, if options.waiting { "keyed" } else { "events" });
        contender.with("TOKIO_WORKER_THREADS", &(cores + spare).to_string()).with(keyed::CONCURRENCY, "1000")
    };
    let mut contenders = vec![contender(NONE, 0)];
    contenders.extend(options.spare.iter().map(|spare| contender(&named(*spare), *spare)));
    let rows = if options.waiting {
        contest::hold(&contenders, rounds, |contender, round| {
            let stage = keyed::stage(&options.brokers, messages)?;
            role::figures(&contender.run(&stage, round, messages)?)
        })?
    } else {
        let partitions = partitions(messages, options.partitions, &options.brokers)?;
        let stage = Stage::set(&options.brokers, &[("records", partitions)])?;
        stage.fill_with_events(0, messages)?;
        contest::hold(&contenders, rounds, |contender, round| role::figures(&contender.run(&stage, round, messages)?))?
    };
    let names = options.spare.iter().map(|spare| named(*spare));
    let comparisons = names.flat_map(|name| [Cpu, Rate].map(|figure| Comparison::of(&name, figure, NONE)));
    Ok(Report { bench: "threads", messages, rows, comparisons: comparisons.collect() })
}

fn named(spare: usize) -> String {
    format!("{spare} to spare")
}
