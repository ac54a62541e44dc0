//! Benchmarks of karafka, each beside something real in the same run.
//!
//! Every contender is a process of its own: this program starts itself again with [`role::VARIABLE`] set.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod consume;
mod generate;
mod report;
mod role;
mod start;

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
    /// All of them, with their defaults.
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
    let show = |report: Report| print!("{}", if cli.common.json { report.json() } else { report.table() });
    match &cli.bench {
        Bench::Generate(options) => show(generate::run(options, &cli.common)?),
        Bench::Consume(options) => show(consume::run(options, &cli.common)?),
        Bench::Start => show(start::run(&cli.common)?),
        Bench::All => {
            show(generate::run(&generate::Options::default(), &cli.common)?);
            show(consume::run(&consume::Options::default(), &cli.common)?);
            show(start::run(&cli.common)?);
        }
    }
    Ok(())
}
