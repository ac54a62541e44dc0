//! `karafka generate`: brings the crate in step with the manifest.

use super::{App, Exit, Shell};

/// Brings the crate in step with the manifest.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let _model = App::find(shell)?.model(shell)?;
    Ok(Exit::Done)
}
