//! `karafka check`: is the manifest right, and the crate in step with it?

use std::mem::ManuallyDrop;

use karafka_generator::{
    plan::{Entry, Options, Plan, lacks_feature, read_file},
    render::Renderer,
};

use super::{
    App, Exit, OutputFormat, Shell,
    app::{count, errors},
    files,
    interrupted::Access,
    runtime::Runtime,
};

/// Check the manifest, and that the crate is in step with it
///
/// Shows each difference and the command that mends it. Without a crate beside it the manifest alone is checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka check                             exit status 1 if anything is wrong or out of step
  karafka check --diff                      with every line that differs
  karafka check --output-format github      annotations in a workflow of GitHub")]
pub(crate) struct Args {
    /// Show every line that differs
    #[arg(long)]
    diff: bool,
}

/// How many lines of a difference are shown unless all are asked for.
const GLANCE: usize = 12;

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    let source = app.source(shell, Access::Read)?;
    let (mut compiled, tree) = app.compile(&source);
    if let Ok(Ok(cargo)) = read_file(&app.root.join("Cargo.toml")).map(String::from_utf8) {
        let missing = compiled.features.into_iter().filter(|(feature, _)| lacks_feature(&cargo, feature));
        compiled.diagnostics.extend(missing.map(|(_, warning)| warning));
        compiled.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    }
    shell.out(&shell.diagnostics(&source, &compiled.diagnostics, shell.color_out()))?;
    let Some(model) = compiled.model else {
        shell.summary(&count(errors(&compiled.diagnostics), "error"));
        return Ok(Exit::Wrong);
    };
    // The process is about to end, and the system takes its memory back faster than we could.
    let (model, tree) = (ManuallyDrop::new(model), ManuallyDrop::new(tree?));
    if tree.entry("Cargo.toml").is_none() && tree.entry("src") != Some(Entry::Folder) {
        shell.summary(&format!("the manifest of `{}` is right; there is no crate beside it", model.app));
        return Ok(Exit::Done);
    }
    let renderer = Renderer::new(&model, Runtime::default().dependency(&app.root)?);
    let plan = ManuallyDrop::new(Plan::new(&model, &renderer, &tree, Vec::new(), Options::default()));
    if plan.is_in_step() {
        let controllers = count(model.controllers.len(), "controller");
        let topics = count(model.topics.len(), "topic");
        shell.summary(&format!("`{}` is in step: {topics}, {controllers}", model.app));
        return Ok(Exit::Done);
    }
    let drift = files::drift(&plan, shell);
    if shell.format == OutputFormat::Full {
        let limit = if args.diff { usize::MAX } else { GLANCE };
        let diffs = files::diffs(&plan, shell.color_out(), limit);
        if !diffs.is_empty() {
            shell.out(&format!("{}\n", diffs.trim_start_matches('\n')))?;
        }
    }
    shell.out(&drift)?;
    Ok(Exit::Wrong)
}
