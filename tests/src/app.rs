//! An app made by the `karafka` command, as its user would have it, and its process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    cargo::{Build, Cargo},
    checkout, environment,
    process::{self, Ended, Process},
};

/// A generated app in a folder of its own under the target directory.
///
/// The folder is the same in each run, so that its builds replace each other instead of piling up: give each app
/// of a suite its own name.
#[derive(Debug)]
pub struct App {
    name: String,
    folder: PathBuf,
}

impl App {
    /// `karafka new NAME`.
    ///
    /// # Errors
    ///
    /// When the command does not build or fails.
    pub fn new(name: &str) -> Result<Self> {
        Self::make(name, &[])
    }

    /// `karafka new NAME --manifest FILE`, with the manifest's text.
    ///
    /// # Errors
    ///
    /// When the command does not build or fails.
    pub fn from_manifest(name: &str, manifest: &str) -> Result<Self> {
        let home = Self::home(name)?;
        let file = home.join("given.yml");
        fs::write(&file, manifest)?;
        Self::make(name, &["--manifest", &file.to_string_lossy()])
    }

    fn make(name: &str, args: &[&str]) -> Result<Self> {
        let home = Self::home(name)?;
        let folder = home.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot clear {}", folder.display()))?;
        }
        let mut karafka = checkout::karafka_command(&home)?;
        process::run(karafka.args(["new", name]).args(args), Duration::from_secs(60))?.expect_code(0)?;
        Ok(Self { name: name.to_owned(), folder })
    }

    fn home(name: &str) -> Result<PathBuf> {
        let home = checkout::target_directory()?.join("karafka-tests").join(name);
        fs::create_dir_all(&home)?;
        Ok(home)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The text of one of its files.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(path)).with_context(|| format!("cannot read {path} of {}", self.name))
    }

    /// Replaces one of its owned files, which must be there: a test that writes beside the app proves nothing.
    ///
    /// # Errors
    ///
    /// When the file is not there or cannot be written.
    pub fn rewrite(&self, path: &str, text: &str) -> Result<()> {
        self.read(path)?;
        Ok(fs::write(self.folder.join(path), text)?)
    }

    /// `karafka ARGS` in its folder.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not end; the exit status is for the caller to judge.
    pub fn karafka(&self, args: &[&str]) -> Result<Ended> {
        process::run(checkout::karafka_command(&self.folder)?.args(args), Duration::from_secs(120))
    }

    /// Cargo in its folder.
    ///
    /// # Errors
    ///
    /// When the checkout's own workspace cannot be read.
    pub fn cargo(&self) -> Result<Cargo> {
        Cargo::within(&self.folder)
    }

    /// Builds its binary.
    ///
    /// # Errors
    ///
    /// When it does not compile.
    pub fn build(&self) -> Result<Built> {
        self.build_with(&[], "binary")
    }

    /// Builds its binary as it is deployed.
    ///
    /// # Errors
    ///
    /// When it does not compile.
    pub fn build_release(&self) -> Result<Built> {
        self.build_with(&["--release"], "release-binary")
    }

    fn build_with(&self, args: &[&str], suffix: &str) -> Result<Built> {
        let build = self.cargo()?.build(args)?;
        // Taken out of the shared target directory, where an app of the same name would replace it.
        let binary = self.folder.with_file_name(format!("{}-{suffix}", self.name));
        let made = build.executable(&self.name)?;
        if binary.exists() {
            fs::remove_file(&binary)?;
        }
        fs::hard_link(&made, &binary).or_else(|_| fs::copy(&made, &binary).map(drop))?;
        Ok(Built { build, binary, folder: self.folder.clone() })
    }
}

/// A built app.
#[derive(Debug)]
pub struct Built {
    /// What cargo said.
    pub build: Build,
    binary: PathBuf,
    folder: PathBuf,
}

impl Built {
    /// Its binary, to be started in its folder with nothing of this shell's settings.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        environment::clean(&mut command).current_dir(&self.folder).env_remove("CARGO");
        command
    }

    /// Starts it with these variables.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(&self, variables: &[(&str, &str)]) -> Result<Process> {
        Process::start(self.command().envs(variables.iter().copied()))
    }
}
