//! Wall time of the `karafka` command on a large app, beside the least that any program must do: write the same
//! files, or read them.

pub(crate) mod floor;

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Result, ensure};
use clap::Args;
use karafka_tests::{cargo::Cargo, checkout, environment};

use crate::{
    Common,
    report::{Comparison, Figure, Report, Row, Run},
    role,
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Controllers, each with a topic and a message of its own.
    #[arg(long, default_value_t = 1_000)]
    controllers: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { controllers: 1_000 }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let controllers = if common.smoke { options.controllers.min(50) } else { options.controllers };
    let rounds = common.rounds.unwrap_or(if common.smoke { 2 } else { 11 });
    let karafka = if common.smoke { checkout::karafka()?.to_owned() } else { released()? };

    let contenders = ["new --manifest", "copying its files", "generate, unchanged", "check", "reading its files"];
    let mut rows = contenders.map(Row::of);
    let comparisons = vec![
        Comparison::of("new --manifest", Figure::Wall, "copying its files"),
        Comparison::of("generate, unchanged", Figure::Wall, "reading its files"),
        Comparison::of("check", Figure::Wall, "reading its files"),
    ];

    for _ in 0..rounds {
        // A new folder each time: a round must not find the last one's files.
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("given.yml"), manifest(controllers))?;
        let (app, copy) = (folder.path().join("big"), folder.path().join("copy"));
        let karafka = |args: &[&str], folder: &Path| {
            let mut command = Command::new(&karafka);
            environment::clean(&mut command).args(args).current_dir(folder);
            command
        };
        let steps = [
            karafka(&["new", "big", "--manifest", "given.yml"], folder.path()),
            floor("copy-tree", &app, &copy)?,
            karafka(&["generate"], &app),
            karafka(&["check"], &app),
            floor("read-tree", &app, &copy)?,
        ];
        for (row, mut step) in rows.iter_mut().zip(steps) {
            row.runs.push(time(&mut step)?);
        }
    }
    Ok(Report { bench: "generate", messages: controllers, rows: rows.into(), comparisons })
}

/// The command as it is installed.
fn released() -> Result<PathBuf> {
    let build = Cargo::within(checkout::root())?.build(&["--release", "-p", "karafka-cli", "--bin", "karafka"])?;
    build.executable("karafka")
}

fn floor(role: &str, from: &Path, to: &Path) -> Result<Command> {
    role::command(role, &[], &[(floor::FROM, &from.to_string_lossy()), (floor::TO, &to.to_string_lossy())])
}

fn time(command: &mut Command) -> Result<Run> {
    let begun = Instant::now();
    let output = command.output()?;
    let wall_s = begun.elapsed().as_secs_f64();
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}:\n{words}", output.status);
    Ok(Run { wall_s, ..Run::default() })
}

/// An app of so many controllers in ten namespaces, each with a topic, a message and a topic to send to.
fn manifest(controllers: u64) -> String {
    let (mut messages, mut topics) = (String::new(), String::new());
    for number in 0..controllers {
        let next = (number + 1) % controllers;
        let _ = writeln!(
            messages,
            "  Message{number}:\n    id: uuid\n    title: string\n    count: u32\n    note?: string\n    tags: [string]\n    \
             status: draft | published\n    sent_at: timestamp"
        );
        let _ = writeln!(
            topics,
            "  topic_{number}: {{ message: Message{number}, key: id, controller: Area{}::Thing{number}Controller, \
             emits: [topic_{next}] }}",
            number % 10
        );
    }
    format!("app: big\n\nmessages:\n{messages}\ntopics:\n{topics}")
}

/// Every file below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}
