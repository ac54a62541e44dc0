//! `karafka server`: builds and runs the app's own binary.

use super::{
    App, Exit, Shell,
    handover::{self, Handover},
    interrupted::Access,
};

/// Build the app and run its server; arguments after `--` go to the app.
///
/// The app takes the place of this command: signals reach it, and its exit status is the command's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka server
  karafka server --release -- --groups audit --concurrency 8
  karafka server -- --help                   what the app's server takes")]
pub(crate) struct Args {
    #[command(flatten)]
    handover: Handover,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    // What it reads is read when it has been built; until then nobody has to wait for it.
    drop(app.hold(shell, Access::Read)?);
    // One that cannot be read is for cargo to say, or for the app.
    if let Some(model) = karafka_generator::compile(&app.source()?).model {
        handover::check_consumes(&model)?;
    }
    handover::check_crate(&app)?;
    handover::hand_over(&app, "server", &args.handover, shell)
}
