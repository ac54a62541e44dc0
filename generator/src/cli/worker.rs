//! `karafka worker`: builds the app, and runs its own binary as a worker.

use anyhow::bail;
use karafka_generator::model::Consumer;

use super::{
    App, Exit, Shell,
    handover::{self, Handover},
};

/// Build the app and perform its jobs from Redis; arguments after `--` go to the app.
///
/// For consumers with `jobs: redis`, whose messages the server only enqueues. Several workers share the queues, Ruby's
/// Sidekiq among them. The app takes the place of this command: signals reach it, and its exit status is the command's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka worker
  karafka worker -- --queues critical,3 default,1 --concurrency 10
  karafka worker --release -- --shutdown-timeout 25s
  karafka worker -- --help                   what the app's worker takes")]
pub(crate) struct Args {
    #[command(flatten)]
    handover: Handover,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    let Some(model) = app.model(shell)? else { return Ok(Exit::Wrong) };
    handover::check_consumes(&model)?;
    if !model.consumers.iter().any(Consumer::is_on_redis) {
        bail!(
            "no jobs of this app run on Redis, so a worker has nothing to do: `karafka server` performs them itself\n  \
             write `jobs: redis` at the consumers that it should perform, or for all of them \
             `defaults: {{ jobs: redis }}` in karafka.yml, and run `karafka generate`"
        );
    }
    handover::check_crate(&app)?;
    handover::hand_over(&app, "worker", &args.handover, shell)
}
