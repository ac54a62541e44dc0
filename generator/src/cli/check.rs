//! `karafka check`: is the manifest right, and the crate in step with it?

use std::{env, mem::ManuallyDrop, path::Path};

use karafka::foreign;
use karafka_generator::{
    diagnostic::{Diagnostic, Finding, Severity, codes},
    plan::{self, Entry, Options, Plan, lacks_feature, runtime_folder},
    source::Source,
};

use super::{
    App, Exit, Shell,
    app::{count, errors},
    files,
    interrupted::Access,
    runtime::{Runtime, absolute},
    surroundings::{self, Above},
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

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    // While another command writes, half of the files are old and half are new.
    let held = app.hold(shell, Access::Read)?;
    let source = app.source()?;
    let (mut compiled, tree) = app.compile(&source);
    let above = Above::of(&absolute(&app.root)?);
    if let Some(cargo) = surroundings::text(&app.root) {
        let workspace = above.as_ref().map(|above| &above.workspace);
        let missing = compiled.features.into_iter().filter(|(feature, _)| lacks_feature(&cargo, workspace, feature));
        compiled.diagnostics.extend(missing.map(|(_, warning)| warning));
        compiled.diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    }
    drop(held);
    shell.out(&shell.diagnostics(&source, &compiled.diagnostics, shell.color_out()))?;
    shell.out(&shell.findings(&stays_here(&app.root)?, shell.color_out()))?;
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
    let renderer = Runtime::default().renderer(&model, &app.root, above.as_ref())?;
    let plan = ManuallyDrop::new(Plan::new(&model, &renderer, &tree, Vec::new(), Options::default()));
    if plan.is_in_step() {
        let controllers = match model.consumes() {
            true => count(model.controllers.len(), "controller"),
            false => "nothing is consumed".to_owned(),
        };
        let topics = count(model.topics.len(), "topic");
        shell.summary(&format!("`{}` is in step: {topics}, {controllers}", model.app));
        return Ok(Exit::Done);
    }
    let lines = if args.diff { usize::MAX } else { files::GLANCE };
    let drift = plan::drift(&plan, &tree, &source, lines);
    shell.out(&shell.findings(&drift, shell.color_out()))?;
    let wrong = drift.iter().filter(|found| found.diagnostic.severity == Severity::Error).count();
    shell.summary(&count(errors(&compiled.diagnostics) + wrong, "error"));
    Ok(Exit::Wrong)
}

/// In CI, a runtime that only the machine has on which the app was made.
fn stays_here(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let is_ci = env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    let Some(text) = surroundings::text(root).filter(|_| is_ci) else { return Ok(Vec::new()) };
    let Some((path, span)) = runtime_folder(&text) else { return Ok(Vec::new()) };
    let app = absolute(root)?;
    let runtime = absolute(&app.join(&path))?;
    if runtime.starts_with(surroundings::repository(&app).unwrap_or(&app)) {
        return Ok(Vec::new());
    }
    let words = format!("karafka is taken from `{}`, which lies outside of the app's repository", foreign::line(&path));
    let help = "write `git = \"URL\"` or `version = \"…\"` for `path`, or keep the checkout in the repository";
    let diagnostic = Diagnostic::warning(codes::LOCAL_RUNTIME, span, words).help(help);
    Ok(vec![Finding { source: Source::new("Cargo.toml", text), diagnostic }])
}
