//! Ruby's Sidekiq as a peer: its process with jobs of its own, and its API.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    environment,
    process::{self, Process, Signal, Stream},
};

/// How long Ruby may take to come up, and to go, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What each `jobs.rb` begins with: a word when Sidekiq is in Redis for the first time.
const HEAD: &str = "require 'json'
Sidekiq.configure_server { |config| config.on(:heartbeat) { Sidekiq.logger.info('the first heartbeat') } }
";

/// A running Sidekiq; stopped when dropped.
#[derive(Debug)]
pub struct Sidekiq {
    process: Process,
    folder: TempDir,
}

impl Sidekiq {
    /// Starts `sidekiq -r ./jobs.rb ARGS` with this text in `jobs.rb`, and waits until it is in Redis.
    ///
    /// # Errors
    ///
    /// When Sidekiq is missing or does not come up; its log is in the error.
    pub fn start(redis: &str, jobs: &str, args: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("jobs.rb"), format!("{HEAD}{jobs}"))?;
        let mut command = Command::new("sidekiq");
        environment::clean(&mut command).current_dir(folder.path()).env("REDIS_URL", redis);
        let process = Process::start(command.args(["-r", "./jobs.rb"]).args(args))
            .context("Sidekiq is needed (Debian: apt-get install ruby-sidekiq) on PATH")?;
        let mut sidekiq = Self { process, folder };
        sidekiq.process.wait_for_line("its first heartbeat", PATIENCE, |line| line.contains("the first heartbeat"))?;
        Ok(sidekiq)
    }

    /// A file in its own folder, in which its jobs run.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its process, with its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Stops it with SIGTERM; it must end well.
    ///
    /// # Errors
    ///
    /// When it does not end, or with another code than 0.
    pub fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.wait(PATIENCE)?.expect_code(0).map(drop)
    }
}

/// Runs a script with Sidekiq's API (`sidekiq/api`) in `folder`; what it prints, if anything, is JSON.
///
/// # Errors
///
/// When Sidekiq is missing, the script fails, or it prints something else.
pub fn ruby(redis: &str, folder: &Path, script: &str) -> Result<Value> {
    let mut command = Command::new("ruby");
    environment::clean(&mut command).current_dir(folder).env("REDIS_URL", redis);
    let ended = process::run(command.args(["-rjson", "-rsidekiq", "-rsidekiq/api", "-e", script]), PATIENCE)
        .context("Ruby is needed (Debian: apt-get install ruby-sidekiq) on PATH")?
        .expect_code(0)?;
    let printed = ended.stream(Stream::Out);
    if printed.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&printed).with_context(|| format!("no JSON: {}", ended.text()))
}
