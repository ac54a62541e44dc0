//! `karafka flow`: what goes where.

use super::{Exit, Shell, topology};

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
    topology::show(shell, |topology| match args.format {
        Format::Text => topology.flow_text(),
        Format::Mermaid => topology.flow_mermaid(),
        Format::Dot => topology.flow_dot(),
        Format::Json => topology.flow_json(),
    })
}
