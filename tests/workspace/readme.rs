//! The README's commands, run as its reader would.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    built, checkout, environment,
    process::{self, Process, Signal},
    readme,
};

/// Covers a build of everything on two busy cores.
const PATIENCE: Duration = Duration::from_secs(40 * 60);

/// If this fails, the first thing that a visitor copies from the page does not work.
#[test]
fn every_command_of_the_readme_works() {
    // Outside of this checkout, whose workspace would take the app for a member.
    let home = tempfile::tempdir().expect("a folder");
    let page = std::fs::read_to_string(checkout::root().join("README.md")).expect("there is a README");
    let commands = readme::commands(&page);
    assert!(commands.iter().any(|command| command.text.contains(" new ")), "the README shows no `new`: {commands:?}");

    let target = checkout::target_directory().expect("there is a target directory").join("karafka-tests/readme-target");
    built::copy_dependencies(&target).expect("what is built can be copied");
    let mut reader = Reader { folder: home.path().to_owned(), target, server: None };
    for command in commands {
        let worked = reader.obey(&command.text);
        worked.unwrap_or_else(|error| panic!("README.md:{}: `{}`\n{error:?}", command.line, command.text));
    }
    reader.stop_server().expect("Ctrl-C stops what the README started");
}

/// Someone who types the page's commands one after another, with a second terminal for what does not end.
struct Reader {
    folder: PathBuf,
    /// Not the one of this run: to cargo the same packages of two checkouts are one, and what the copy has built would be
    /// taken for ours, with a runtime that lies in the copy.
    target: PathBuf,
    server: Option<Process>,
}

impl Reader {
    fn obey(&mut self, line: &str) -> Result<()> {
        for part in line.split("&&").map(str::trim) {
            let words: Vec<_> = part.split_whitespace().collect();
            match words.as_slice() {
                // What a clone would hold if everything here were committed.
                ["git", "clone", .., url] => checkout::copy(&self.folder.join(repository(url)))?,
                ["cd", folder] => self.enter(folder)?,
                // This is what runs us.
                ["cargo", "test", "--workspace"] | ["cargo", "test", "-p", "karafka-tests", ..] => is_run_by_ci(part)?,
                _ if serves(&words) => self.start_server(part)?,
                _ => self.run(part)?,
            }
        }
        Ok(())
    }

    fn enter(&mut self, folder: &str) -> Result<()> {
        self.folder = self.folder.join(folder);
        ensure!(self.folder.is_dir(), "there is no folder {}", self.folder.display());
        Ok(())
    }

    fn run(&self, line: &str) -> Result<()> {
        process::run(&mut self.shell(line)?, PATIENCE)?.expect_code(0).map(drop)
    }

    /// Starts what runs until Ctrl-C, and waits until it has handled something or says that it is ready to.
    fn start_server(&mut self, line: &str) -> Result<()> {
        self.stop_server()?;
        let mut server = Process::start(&mut self.shell(line)?)?;
        let feeds_itself = line.contains("--run");
        server.wait_for_line("the first message", PATIENCE, |shown| {
            if feeds_itself { shown.contains("done in") } else { shown.contains("127.0.0.1:") }
        })?;
        self.server = Some(server);
        Ok(())
    }

    fn stop_server(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        server.signal_group(Signal::INT)?;
        let said = server.wait(Duration::from_secs(60))?.expect_code(0)?.text();
        ensure!(said.contains("0 failed") && said.contains("0 to repeat"), "no clean stop:\n{said}");
        Ok(())
    }

    fn shell(&self, line: &str) -> Result<Command> {
        let karafka = checkout::karafka()?.parent().context("karafka lies in a folder")?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(karafka.to_owned()).chain(std::env::split_paths(&path)))?;
        let mut shell = Command::new("sh");
        environment::clean(&mut shell).arg("-c").arg(format!("exec {line}")).current_dir(&self.folder);
        shell.env("PATH", path).env("CARGO_TARGET_DIR", &self.target);
        Ok(shell)
    }
}

/// The folder that `git clone URL` makes.
fn repository(url: &str) -> &str {
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or(url);
    name.strip_suffix(".git").unwrap_or(name)
}

/// Whether a command runs until it is stopped.
fn serves(words: &[&str]) -> bool {
    match words {
        [.., "--run"] | ["karafka", "server" | "s" | "broker", ..] => true,
        ["cargo", "run", rest @ ..] => rest.iter().all(|word| *word == "--release"),
        _ => false,
    }
}

/// What the page tells the reader to test with is what CI runs.
fn is_run_by_ci(line: &str) -> Result<()> {
    let script = std::fs::read_to_string(Path::new(checkout::root()).join(".ci/run")).context("there is no .ci/run")?;
    ensure!(script.lines().any(|ours| ours.trim().ends_with(line)), ".ci/run does not call `{line}`");
    Ok(())
}
