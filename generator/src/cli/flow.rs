//! `karafka flow`: what goes where.

use karafka::topology::Topology;
use karafka_generator::compiled::compiled_in;

use super::{App, Exit, Shell};

/// Show what goes where: topic ⇒ controller ⇒ topics that it emits to.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka flow
  karafka flow --format mermaid > docs/flow.mmd
  karafka flow --format dot | dot -Tsvg > flow.svg")]
pub(crate) struct Args {
    /// How it is written
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Dot,
    Json,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let Some(model) = App::find(shell)?.model(shell)? else { return Ok(Exit::Wrong) };
    let topology = Topology::from(compiled_in(&model, "", ""));
    let text = match args.format {
        Format::Text => topology.flow_text(),
        Format::Mermaid => topology.flow_mermaid(),
        Format::Dot => topology.flow_dot(),
        Format::Json => topology.flow_json(),
    };
    shell.out(&text)?;
    Ok(Exit::Done)
}
