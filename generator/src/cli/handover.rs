//! Handing over to the app's own binary, which cargo builds first.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::bail;

use super::{App, Exit, Shell};

/// How the app is built, and what it is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Handover {
    /// Build with optimizations
    #[arg(long)]
    release: bool,

    /// What the app is told
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<String>,
}

/// Refuses an app without a crate.
pub(crate) fn check_crate(app: &App) -> anyhow::Result<()> {
    if !app.root.join("Cargo.toml").is_file() {
        bail!("there is no crate beside karafka.yml yet\n  make it with `karafka generate`");
    }
    Ok(())
}

/// Lets the app take the place of this process, with `command` before its arguments.
pub(crate) fn hand_over(app: &App, command: &str, args: &Handover, shell: &Shell) -> anyhow::Result<Exit> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("run").arg("--manifest-path").arg(app.root.join("Cargo.toml"));
    if args.release {
        cargo.arg("--release");
    }
    if shell.quiet {
        cargo.arg("--quiet");
    }
    cargo.args(["--", command]).args(&args.arguments);
    // Returns only if cargo cannot be started.
    let error = cargo.exec();
    bail!("cargo cannot be started: {error}")
}
