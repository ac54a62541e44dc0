//! `karafka routes`: who consumes what.

use karafka::topology::Topology;
use karafka_generator::compiled::compiled_in;

use super::{App, Exit, Shell};

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
    let Some(model) = App::find(shell)?.model(shell)? else { return Ok(Exit::Wrong) };
    let topology = Topology::from(compiled_in(&model, "", ""));
    let text = match args.format {
        Format::Text => topology.routes_text(),
        Format::Json => topology.routes_json(),
    };
    shell.out(&text)?;
    Ok(Exit::Done)
}
