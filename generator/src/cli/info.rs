//! `karafka info`: what the app is and what it runs with.

use std::process::Command;

use super::{Exit, Shell, running::RunningApp};

/// Show versions, environment, brokers, groups, counts, and each setting with where it came from; secrets are redacted.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka info
  KARAFKA_ENV=production karafka info        what would the app run with there?")]
pub(crate) struct Args {}

pub(crate) fn run(_args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let Some(app) = RunningApp::find(shell)? else { return Ok(Exit::Wrong) };
    let (settings, errors) = app.examine(None);
    let mut tools = vec![("folder", app.root.display().to_string())];
    tools.extend(rustc(&app).map(|version| ("rustc", version)));
    shell.out(&karafka::info::text(app.manifest, &settings, &errors, &tools))?;
    Ok(if errors.is_empty() { Exit::Done } else { Exit::Wrong })
}

/// The compiler that would build the app, which its folder may choose.
fn rustc(app: &RunningApp) -> Option<String> {
    let output = Command::new("rustc").arg("--version").current_dir(&app.root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("rustc ").unwrap_or(text.trim()).to_owned()).filter(|version| !version.is_empty())
}
