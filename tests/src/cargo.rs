//! Nested cargo: builds in other folders that share this run's target directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, diagnostic::DiagnosticLevel};

use crate::{
    checkout, environment,
    process::{self, Ended, Stream},
};

/// Long enough for a cold release build of everything on two busy cores.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Cargo, working in one folder.
#[derive(Debug)]
pub struct Cargo {
    folder: PathBuf,
    target: PathBuf,
}

/// What a build said, message by message.
#[derive(Debug)]
pub struct Build {
    messages: Vec<Message>,
}

impl Cargo {
    /// Cargo in `folder`, building into the target directory of this run.
    ///
    /// # Errors
    ///
    /// When the checkout's own workspace cannot be read.
    pub fn within(folder: &Path) -> Result<Self> {
        Ok(Self { folder: folder.to_owned(), target: checkout::target_directory()?.to_owned() })
    }

    /// `cargo SUBCOMMAND`, not started yet.
    #[must_use]
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        environment::clean(&mut command);
        command.arg(subcommand).current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        command.env("CARGO_TERM_COLOR", "never");
        command
    }

    /// Runs `cargo SUBCOMMAND ARGS` to its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not end in time; a bad exit status is for the caller to judge.
    pub fn run(&self, subcommand: &str, args: &[&str]) -> Result<Ended> {
        process::run(self.command(subcommand).args(args), LIMIT)
    }

    /// `cargo build`, with its messages.
    ///
    /// # Errors
    ///
    /// When it fails; the error holds the compiler's words.
    pub fn build(&self, args: &[&str]) -> Result<Build> {
        self.make("build", args)
    }

    /// `cargo test --no-run`, with its messages.
    ///
    /// # Errors
    ///
    /// When it fails; the error holds the compiler's words.
    pub fn build_tests(&self, args: &[&str]) -> Result<Build> {
        self.make("test", &[&["--no-run"], args].concat())
    }

    fn make(&self, subcommand: &str, args: &[&str]) -> Result<Build> {
        let mut command = self.command(subcommand);
        command.arg("--message-format=json-render-diagnostics").args(args);
        let ended = process::run(&mut command, LIMIT)?;
        if !ended.status.success() {
            bail!("cargo {subcommand} failed in {}:\n{}", self.folder.display(), ended.stream(Stream::Err));
        }
        let messages = Message::parse_stream(ended.stream(Stream::Out).as_bytes()).collect::<Result<_, _>>()?;
        Ok(Build { messages })
    }
}

impl Build {
    /// Where the binary `name` was put.
    ///
    /// # Errors
    ///
    /// When the build made none of that name.
    pub fn executable(&self, name: &str) -> Result<PathBuf> {
        let made = self.artifacts().filter(|artifact| artifact.target.name == name && artifact.target.is_bin());
        let path = made.filter_map(|artifact| artifact.executable.clone()).last();
        path.map(Into::into).with_context(|| format!("the build made no binary `{name}`"))
    }

    /// Where the test program of the library `name` was put.
    ///
    /// # Errors
    ///
    /// When the build made none of that name.
    pub fn test_executable(&self, name: &str) -> Result<PathBuf> {
        let made = self.artifacts().filter(|artifact| artifact.target.name == name && artifact.profile.test);
        let path = made.filter_map(|artifact| artifact.executable.clone()).last();
        path.map(Into::into).with_context(|| format!("the build made no tests of `{name}`"))
    }

    /// Where the build script of this package has put what it made.
    #[must_use]
    pub fn out_directory(&self, package: &str) -> Option<PathBuf> {
        let of_package = |id: &str| id.contains(&format!("#{package}@"));
        let scripts = self.messages.iter().filter_map(|message| match message {
            Message::BuildScriptExecuted(script) => Some(script),
            _ => None,
        });
        scripts
            .filter(|script| of_package(&script.package_id.repr))
            .map(|script| script.out_dir.clone().into())
            .next_back()
    }

    fn artifacts(&self) -> impl Iterator<Item = &cargo_metadata::Artifact> {
        self.messages.iter().filter_map(|message| match message {
            Message::CompilerArtifact(artifact) => Some(artifact),
            _ => None,
        })
    }

    /// The compiler's warnings.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let diagnostics = self.messages.iter().filter_map(|message| match message {
            Message::CompilerMessage(message) => Some(&message.message),
            _ => None,
        });
        let warnings = diagnostics.filter(|diagnostic| diagnostic.level == DiagnosticLevel::Warning);
        warnings.map(|warning| warning.rendered.clone().unwrap_or_else(|| warning.message.clone())).collect()
    }
}
