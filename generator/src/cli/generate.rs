//! `karafka generate`: brings the crate in step with the manifest.

use std::mem::ManuallyDrop;

use clap::Subcommand;
use karafka::foreign;
use karafka_generator::{
    model::Model,
    plan::{self, Action, Edit, Held, Plan, Tree},
    source::Source,
};

use super::{
    App, Exit, Shell, advice,
    app::{self, MANIFEST},
    files::{self, Mode},
    host,
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
        if exit == Exit::Done {
            let next = if model.consumes() { program(&tree, &model, &plan, &app) } else { without_app(&tree, &app) };
            next.iter().for_each(|next| shell.next(next));
        }
        return Ok(exit);
    };

    let (text, next) = part.add(&source.text, &model)?;
    let edited = Source::new(MANIFEST, text);
    let Some(model) = app::model(&edited, shell) else { return Ok(Exit::Wrong) };
    let edit = Edit { path: MANIFEST.to_owned(), before: Some(source.text), after: edited.text.clone() };
    let (exit, plan) = bring_in_step(shell, (&held, &tree, &edited), &model, vec![edit], &args.runtime, args.mode)?;
    if exit == Exit::Done && !args.mode.dry_run {
        let next = [Some(next), program(&tree, &model, &plan, &app)];
        shell.next(&next.into_iter().flatten().collect::<Vec<_>>().join("\n  "));
    }
    Ok(exit)
}

/// What the author of a crate has to do whose first controller has come, unless a program of his runs it already, or one was made.
fn program(tree: &Tree, model: &Model, plan: &Plan, app: &App) -> Option<String> {
    let consumed = !tree.lock().groups.is_empty();
    let is_made = plan.steps.iter().any(|step| step.path == "src/main.rs" && step.action == Action::Create);
    if consumed || is_made || !model.consumes() || !host::users_of_app(&app.root).is_empty() {
        return None;
    }
    let name = &model.crate_name;
    Some(format!(
        "let a program call `{name}::generated::app()`: `.run({})` makes it one of its own, `.start(state)` runs inside of yours",
        advice::built(&app.root, name)
    ))
}

/// What the author of a crate has to do whose last controller has gone: programs are his, and what they call has gone with it.
fn without_app(tree: &Tree, app: &App) -> Option<String> {
    let users = host::users_of_app(&app.root);
    if users.is_empty() {
        return None;
    }
    let (are, use_it) = if users.len() == 1 { ("is", "uses") } else { ("are", "use") };
    let mut text = format!(
        "{} {are} yours, and {use_it} `generated::app`, which goes with the last controller: take that out; what sends is \
         `generated::producer`",
        users.iter().map(|path| foreign::line(path).to_string()).collect::<Vec<_>>().join(", ")
    );
    if tree.text("Cargo.toml").is_some_and(plan::has_default_run) {
        text.push_str("\n  a program that you delete goes from `default-run` in Cargo.toml, too");
    }
    Some(text)
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
