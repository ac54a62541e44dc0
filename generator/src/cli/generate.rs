//! `karafka generate`: brings the crate in step with the manifest.

use std::mem::ManuallyDrop;

use clap::Subcommand;
use karafka_generator::{
    model::Model,
    plan::{Edit, Held, Plan, Tree},
    source::Source,
};

use super::{
    App, Exit, Shell,
    app::{self, MANIFEST},
    files::{self, Mode},
    interrupted::Access,
    parts::{ControllerArgs, MessageArgs, PartArgs},
    runtime::{Runtime, absolute},
    surroundings::Above,
};

/// Bring the crate in step with the manifest
///
/// With a part's name, add the part to the manifest first; your comments and layout stay there.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka generate                          after you have edited karafka.yml
  karafka generate --dry-run --diff         what would change, line by line
  karafka generate controller Videos::Details --topic video.details
  karafka generate message Order id:uuid total:decimal note:string:optional")]
pub(crate) struct Args {
    #[command(flatten)]
    mode: Mode,

    #[command(flatten)]
    runtime: Runtime,

    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    Controller(ControllerArgs),
    Message(MessageArgs),
    /// Add a worker of your own to a topic: it wraps every attempt of a controller
    #[command(after_help = "\
Example:
  karafka generate worker Workers::DetailsWorker --topic incoming_messages")]
    Worker(PartArgs),
    /// Add a parser of your own to a topic: from a record's bytes to a message
    #[command(after_help = "\
Example:
  karafka generate parser Parsers::BinaryToJson --topic incoming_messages")]
    Parser(PartArgs),
    /// Add an interchanger of your own to a topic: how messages travel through the job queue
    #[command(after_help = "\
Example:
  karafka generate interchanger Interchangers::Binary --topic incoming_messages")]
    Interchanger(PartArgs),
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    let held = app.hold(shell, Access::of("generate", args.mode.dry_run))?;
    let source = app.source()?;
    let (compiled, tree) = app.compile(&source);
    let Some(model) = app::right(compiled, &source, shell) else { return Ok(Exit::Wrong) };
    // The process is about to end, and the system takes its memory back faster than we could.
    let (model, tree) = (ManuallyDrop::new(model), ManuallyDrop::new(tree?));
    let Some(part) = &args.part else {
        let (exit, plan) = bring_in_step(shell, (&held, &tree, &source), &model, Vec::new(), &args.runtime, args.mode)?;
        if exit == Exit::Done && plan.is_in_step() {
            shell.summary(&format!("`{}` is in step", model.app));
        }
        let main = || app::read("src/main.rs", &app.root.join("src/main.rs"));
        if exit == Exit::Done && !model.consumes() && main().is_ok_and(|main| main.text.contains("generated::app()")) {
            shell.next(
                "src/main.rs is yours, and calls `generated::app()`, which goes with the last controller: take that call out; \
                 what sends is `generated::producer`",
            );
        }
        return Ok(exit);
    };

    let (text, next) = part.add(&source.text, &model)?;
    let edited = Source::new(MANIFEST, text);
    let Some(model) = app::model(&edited, shell) else { return Ok(Exit::Wrong) };
    let edit = Edit { path: MANIFEST.to_owned(), before: Some(source.text), after: edited.text.clone() };
    let (exit, _) = bring_in_step(shell, (&held, &tree, &edited), &model, vec![edit], &args.runtime, args.mode)?;
    if exit == Exit::Done && !args.mode.dry_run {
        shell.next(&next);
    }
    Ok(exit)
}

impl Part {
    /// The manifest with the part, and what to do next.
    fn add(&self, text: &str, model: &Model) -> anyhow::Result<(String, String)> {
        use karafka_generator::names::Role;
        match self {
            Self::Controller(args) => args.add(text, model),
            Self::Message(args) => args.add(text),
            Self::Worker(args) => args.add(text, model, Role::Worker),
            Self::Parser(args) => args.add(text, model, Role::Parser),
            Self::Interchanger(args) => args.add(text, model, Role::Interchanger),
        }
    }
}

/// Makes the crate what `model` says, which is `manifest` resolved, and `edits` with it.
fn bring_in_step(
    shell: &Shell,
    (held, tree, manifest): (&Held, &Tree, &Source),
    model: &Model,
    edits: Vec<Edit>,
    runtime: &Runtime,
    mode: Mode,
) -> anyhow::Result<(Exit, ManuallyDrop<Plan>)> {
    let above = Above::of(&absolute(held.root())?);
    let renderer = runtime.renderer(model, held.root(), above.as_ref())?;
    let plan = ManuallyDrop::new(Plan::new(model, &renderer, tree, edits, mode.options()));
    let exit = files::carry_out(shell, held, &plan, (tree, manifest), mode)?;
    Ok((exit, plan))
}
