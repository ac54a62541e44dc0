//! `karafka routes`: who consumes what.

use super::{Exit, Shell, topology};

/// List who consumes what, a row a consumer, in alphabetical order.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka routes
  karafka routes --format json | jq '.[].controller'")]
pub(crate) struct Args {
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    topology::show(shell, |topology| match args.format {
        Format::Text => topology.routes_text(),
        Format::Json => topology.routes_json(),
    })
}
