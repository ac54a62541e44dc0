//! `karafka generate`: brings the crate in step with the manifest.

use clap::Subcommand;
use karafka_generator::{
    model::Model,
    plan::{Edit, Plan, Tree},
    render::Renderer,
};

use super::{
    App, Exit, Shell, app,
    files::{self, Mode},
    runtime::Runtime,
};

/// Brings the crate in step with the manifest.
///
/// With a part's name it adds the part to the manifest first, and keeps your comments and layout there.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true,
    after_help = "\
Examples:
  karafka generate                          after you have edited karafka.yml
  karafka generate --dry-run --diff         what would change, line by line"
)]
pub(crate) struct Args {
    #[command(flatten)]
    mode: Mode,

    #[command(flatten)]
    runtime: Runtime,

    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    let source = app.source(shell)?;
    let Some(model) = app::model(&source, shell) else { return Ok(Exit::Wrong) };
    bring_in_step(shell, &app, &model, Vec::new(), &args.runtime, args.mode)
}

/// Makes the crate what `model` says, and `edits` with it.
fn bring_in_step(
    shell: &Shell,
    app: &App,
    model: &Model,
    edits: Vec<Edit>,
    runtime: &Runtime,
    mode: Mode,
) -> anyhow::Result<Exit> {
    let renderer = Renderer::new(model, runtime.dependency(&app.root)?);
    let tree = Tree::read(&app.root)?;
    let plan = Plan::new(model, &renderer, &tree, edits, mode.options());
    let exit = files::carry_out(shell, &app.root, &plan, mode)?;
    if exit == Exit::Done && plan.is_in_step() {
        shell.summary(&format!("`{}` is in step", model.app));
    }
    Ok(exit)
}
