//! `karafka new`: makes an app.

use super::{Exit, Shell};

/// Makes an app.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, _shell: &Shell) -> anyhow::Result<Exit> {
    Ok(Exit::Done)
}
