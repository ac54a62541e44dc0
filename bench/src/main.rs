//! Benchmarks of karafka, each beside something real in the same run.
//!
//! Every contender is a process of its own: this program starts itself again with [`role::VARIABLE`] set.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod beside;
mod consume;
mod contest;
mod emit;
mod generate;
mod idle;
mod instructions;
mod jobs;
mod keyed;
mod latency;
mod memory;
mod partitions;
mod report;
mod restart;
mod role;
mod send;
mod stage;
mod start;
mod threads;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::report::Report;

/// Benchmarks of karafka, each beside something real in the same run.
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Args)]
struct Common {
    /// Small and fast: shows that the benchmarks work, measures nothing worth keeping.
    #[arg(long, global = true)]
    smoke: bool,
    /// One JSON object a row instead of a table.
    #[arg(long, global = true)]
    json: bool,
    /// How often each contender runs.
    #[arg(long, global = true)]
    rounds: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// The `karafka` command on an app of 1,000 controllers with messages.
    Generate(generate::Options),
    /// A typed controller against the same work by hand.
    Consume(consume::Options),
    /// From the start of a built app to its first message on the embedded broker.
    Start,
    /// Handlers that wait, in order by key, beside as many waits on tokio alone.
    Keyed(keyed::Options),
    /// A typed controller that sends on what it gets, against the same by hand.
    Emit(emit::Options),
    /// Records that are sent and come from nowhere, beside the same by hand.
    Send(send::Options),
    /// From a record's send to its handler, in an idle app.
    Latency(latency::Options),
    /// As many partitions as records, against one partition.
    Partitions(partitions::Options),
    /// What an app holds that has more lag than fits.
    Memory(memory::Options),
    /// An app of two groups that has nothing to do, and its broker, beside two consumers by hand.
    Idle(idle::Options),
    /// A busy partition beside quiet ones.
    Beside(beside::Options),
    /// What threads cost that nothing needs.
    Threads(threads::Options),
    /// Killed at full speed and started again, on a real Kafka.
    Restart(restart::Options),
    /// Jobs on a real Redis, beside Ruby's Sidekiq.
    Jobs(jobs::Options),
    /// What a record costs in the engine alone, under valgrind, beside what is recorded.
    Instructions(instructions::Options),
    /// All of them that need no Kafka, no Redis and no valgrind, with their defaults.
    All,
}

fn main() -> ExitCode {
    if let Some(role) = role::given() {
        return role::play(&role);
    }
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let (common, bench) = (&cli.common, &cli.bench);
    match bench {
        Bench::Generate(options) => show(generate::run(options, common)?, common),
        Bench::Consume(options) => show(consume::run(options, common)?, common),
        Bench::Start => show(start::run(common)?, common),
        Bench::Keyed(options) => show(keyed::run(options, common)?, common),
        Bench::Emit(options) => show(emit::run(options, common)?, common),
        Bench::Send(options) => show(send::run(options, common)?, common),
        Bench::Latency(options) => show(latency::run(options, common)?, common),
        Bench::Partitions(options) => show(partitions::run(options, common)?, common),
        Bench::Memory(options) => show(memory::run(options, common)?, common),
        Bench::Idle(options) => show(idle::run(options, common)?, common),
        Bench::Beside(options) => show(beside::run(options, common)?, common),
        Bench::Threads(options) => show(threads::run(options, common)?, common),
        Bench::Restart(options) => show(restart::run(options, common)?, common),
        Bench::Jobs(options) => show(jobs::run(options, common)?, common),
        Bench::Instructions(options) => instructions::run(options)?,
        Bench::All => {
            show(generate::run(&generate::Options::default(), common)?, common);
            show(consume::run(&consume::Options::default(), common)?, common);
            show(start::run(common)?, common);
            show(keyed::run(&keyed::Options::default(), common)?, common);
            show(emit::run(&emit::Options::default(), common)?, common);
            show(send::run(&send::Options::default(), common)?, common);
            show(latency::run(&latency::Options::default(), common)?, common);
            show(partitions::run(&partitions::Options::default(), common)?, common);
            show(memory::run(&memory::Options::default(), common)?, common);
            show(idle::run(&idle::Options::default(), common)?, common);
            show(beside::run(&beside::Options::default(), common)?, common);
        }
    }
    Ok(())
}

fn show(mut report: Report, common: &Common) {
    if common.smoke {
        // Nothing was measured, so nothing is met or missed.
        report.comparisons.iter_mut().for_each(|comparison| comparison.aim = None);
    }
    print!("{}", if common.json { report.json() } else { report.table() });
}
