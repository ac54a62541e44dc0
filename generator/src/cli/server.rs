//! `karafka server`: builds and runs the app's own binary.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::bail;

use super::{App, Exit, Shell};

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
    /// Build with optimizations
    #[arg(long)]
    release: bool,

    /// What the app is told
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let app = App::find(shell)?;
    if !app.root.join("Cargo.toml").is_file() {
        bail!("there is no crate beside karafka.yml yet\n  make it with `karafka generate`");
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("run").arg("--manifest-path").arg(app.root.join("Cargo.toml"));
    if args.release {
        cargo.arg("--release");
    }
    if shell.quiet {
        cargo.arg("--quiet");
    }
    cargo.args(["--", "server"]).args(&args.arguments);
    // Returns only if cargo cannot be started.
    let error = cargo.exec();
    bail!("cargo cannot be started: {error}")
}
