//! `karafka info`: what the app is and what it runs with.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use karafka::foreign;

use super::{
    Exit, Shell,
    running::{RunningApp, variables},
};

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
    let questions = karafka::settings::questions(app.manifest, &variables());
    let mut tools = vec![("folder", foreign::path(&app.root))];
    tools.extend(rustc(&app).map(|version| ("rustc", version)));
    shell.out(&karafka::info::text(app.manifest, &settings, &questions, &errors, &tools))?;
    Ok(if errors.is_empty() { Exit::Done } else { Exit::Wrong })
}

/// The compiler that would build the app.
///
/// rustup runs whatever program the folder's `rust-toolchain.toml` names by its path, so where there is such a file nobody
/// is asked.
fn rustc(app: &RunningApp) -> Option<String> {
    if let Some(file) = toolchain_file(&app.root) {
        return Some(format!("chosen by {}", foreign::path(&file)));
    }
    let output = Command::new("rustc").arg("--version").current_dir(&app.root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().strip_prefix("rustc ").unwrap_or(text.trim()).to_owned()).filter(|version| !version.is_empty())
}

/// The file in which the app's folder, or one above it, chooses its compiler. Whatever stands there counts, links too.
fn toolchain_file(root: &Path) -> Option<PathBuf> {
    let files = |folder: &Path| ["rust-toolchain.toml", "rust-toolchain"].map(|name| folder.join(name));
    root.ancestors().flat_map(files).find(|file| file.symlink_metadata().is_ok())
}
