//! The command line: what is common to every command, and which file holds each.
//!
//! Results go to standard output, progress and diagnostics to standard error. A command gives an [`Exit`], or an error
//! that is shown as `error: …`; nothing else decides the exit status.

mod advice;
mod app;
mod broker;
mod check;
mod files;
mod flow;
mod generate;
mod handover;
mod holding;
mod host;
mod info;
mod interrupted;
mod later;
mod new;
mod parts;
mod routes;
mod run;
mod running;
mod runtime;
mod rust_version;
mod send;
mod server;
mod settled;
mod shell;
mod surroundings;
mod topology;
mod typed;
mod worker;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use app::App;
pub(crate) use shell::Shell;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, in step.
    Done,
    /// Something is wrong, and has been shown.
    Wrong,
    /// A signal ended it.
    Interrupted,
    /// What a child process said.
    Status(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Wrong => Self::from(1),
            Exit::Interrupted => Self::from(130),
            Exit::Status(status) => Self::from(status),
        }
    }
}

/// The call itself is wrong in a way that clap cannot see: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongCall(pub(crate) String);

/// Turns one YAML file into a typed Kafka consumer app, and keeps the two in step.
#[derive(Debug, Parser)]
#[command(
    name = "karafka",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  karafka new myapp --run                        an app that runs at once, with a Kafka of its own
  karafka generate controller Videos::Details    a topic and its controller, in manifest and code
  karafka generate                               after you have edited karafka.yml
  karafka check                                  in CI: is everything in step?

Exit status:
  0 done, in step   1 something is wrong and has been shown   2 the call is wrong   130 interrupted"
)]
struct Cli {
    #[command(flatten)]
    common: Common,

    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The app's folder; by default the first one with a karafka.yml, from here upwards
    #[arg(long, global = true, value_name = "DIR", help_heading = "Common options")]
    pub(crate) app: Option<PathBuf>,

    /// Show results and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Common options")]
    pub(crate) quiet: bool,

    /// Show more: files that are in step already, what is run
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub(crate) verbose: bool,

    /// Colour: `auto` is for terminals, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Common options"
    )]
    pub(crate) color: Color,

    /// How mistakes in the manifest are shown; `full` shows the first hundred, the others all
    #[arg(
        long,
        global = true,
        value_name = "full|concise|json|github",
        default_value = "full",
        hide_possible_values = true,
        help_heading = "Common options"
    )]
    pub(crate) output_format: OutputFormat,
}

/// When to write in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How diagnostics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// With the lines of the manifest.
    Full,
    /// A line each.
    Concise,
    /// A JSON object a line.
    Json,
    /// Annotations of GitHub's workflows.
    Github,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Install(new::InstallArgs),
    #[command(visible_alias = "g")]
    Generate(generate::Args),
    Check(check::Args),
    Flow(flow::Args),
    Routes(routes::Args),
    Info(info::Args),
    #[command(visible_alias = "s")]
    Server(server::Args),
    #[command(visible_alias = "w")]
    Worker(worker::Args),
    Broker(broker::Args),
    Send(send::Args),
    #[command(visible_alias = "c", hide = true)]
    Console(later::Args),
}

/// Runs what the arguments say.
pub(crate) fn main() -> ExitCode {
    // clap prints its own errors, to standard error with status 2, and help to standard output with status 0.
    let Cli { common, command } = Cli::parse();
    let shell = Shell::new(&common);
    let outcome = match command {
        Command::New(args) => new::run(&args, &shell),
        Command::Install(args) => new::install(&args, &shell),
        Command::Generate(args) => generate::run(&args, &shell),
        Command::Check(args) => check::run(&args, &shell),
        Command::Flow(args) => flow::run(&args, &shell),
        Command::Routes(args) => routes::run(&args, &shell),
        Command::Info(args) => info::run(&args, &shell),
        Command::Server(args) => server::run(&args, &shell),
        Command::Worker(args) => worker::run(&args, &shell),
        Command::Broker(args) => broker::run(&args, &shell),
        Command::Send(args) => send::run(&args, &shell),
        Command::Console(_) => later::refuse_console(),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            shell.error(&error);
            ExitCode::from(if error.is::<WrongCall>() { 2 } else { 1 })
        }
    }
}

/// Whether the reader of our output has gone away, as `head` does; that is its right, and not an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
