//! Changes the cores in thousands of small ways, one at a time, and says which changes no test notices.
//!
//! `cargo run -p karafka-tests --bin mutants [-- ROOM|PATH… --sample N --seed S]`
//!
//! All mutants are in one build, each behind a number that is read from the environment (`rewrite`), so that a mutant costs
//! what its tests take. Each test is run once without a mutant to see what it reaches; a mutant is then judged by the tests
//! that reach it, quick ones first (`trial`). What is mutated is listed in `rooms`, what cannot be noticed in
//! `equivalent.toml`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program: its table is for the terminal")]

mod copy;
mod find;
mod known;
mod rewrite;
mod rooms;
mod table;
mod trial;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    copy::Copy,
    known::Known,
    table::{Judged, Table},
    trial::{Show, Verdict},
};

/// Says which mutants of the cores no test notices.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rooms (core, jobs, settings, manifest, model, plan), or files and folders in them; without any, all.
    rooms: Vec<String>,
    /// Judges so many of the mutants, drawn at random.
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// What the sample is drawn with.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Builds, and judges none.
    #[arg(long, hide = true)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::from(2)
        }
    }
}

/// Whether all mutants were caught that can be.
fn run(arguments: &Arguments) -> Result<bool> {
    let files = rooms::files(&arguments.rooms)?;
    let known = Known::read()?;
    let mut copy = Copy::of(&files)?;
    eprintln!("{} mutants in {} files; building", copy.mutants().len(), files.len());
    let programs = copy.build()?;

    let mut mutants = copy.mutants();
    let all: Vec<_> =
        mutants.iter().map(|(source, mutant)| (&*source.file, &*mutant.function, &*mutant.change)).collect();
    let files: Vec<_> = files.iter().map(|(_, file)| &**file).collect();
    let stale = known.stale(&files, &all);
    for (file, mutant) in &stale {
        println!("{file}: `{mutant}` is listed as equivalent, and is no mutant");
    }
    if arguments.list {
        for (source, mutant) in &mutants {
            println!("{}:{}: {}: {}", source.file, mutant.line, mutant.function, mutant.change);
        }
        return Ok(stale.is_empty());
    }
    if let Some(count) = arguments.sample {
        mutants = sample(mutants, count, arguments.seed);
    }

    let folder = tempfile::tempdir()?;
    let bar = Bar::new("tests without mutants");
    let tests = trial::explore(&programs, folder.path(), &bar)?;
    bar.end();
    ensure!(!tests.is_empty(), "no test reaches anything here");
    eprintln!("{} tests come by; judging {} mutants", tests.len(), mutants.len());
    let bar = Bar::new("mutants");
    let verdicts = trial::side_by_side(&mutants, &bar, |(source, mutant)| {
        let verdict = trial::judge(mutant.number, &tests)?;
        if verdict != Verdict::Caught && !known.has(&source.file, &mutant.function, &mutant.change) {
            bar.say(&format!("{}:{}: {}: {}", source.file, mutant.line, mutant.function, mutant.change));
        }
        Ok(verdict)
    })?;
    bar.end();

    let judged = mutants.iter().zip(verdicts).map(|((source, mutant), verdict)| Judged {
        room: source.room.name,
        file: &source.file,
        mutant,
        is_caught: verdict == Verdict::Caught,
        is_reached: verdict != Verdict::Unreached,
        is_known: known.has(&source.file, &mutant.function, &mutant.change),
    });
    let table = Table(judged.collect());
    println!("{table}");
    Ok(table.is_good() && stale.is_empty())
}

/// Draws `count` of `all`, in their order.
fn sample<T>(all: Vec<T>, count: usize, seed: u64) -> Vec<T> {
    // What decides is a number of each, as random as this needs: splitmix64 of its place.
    let random = |place: usize| {
        let mut bits = seed.wrapping_add((place as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    };
    let mut places: Vec<_> = (0..all.len()).collect();
    places.sort_by_key(|place| random(*place));
    places.truncate(count);
    places.sort_unstable();
    let is_drawn = |place: &usize| places.binary_search(place).is_ok();
    all.into_iter().enumerate().filter(|(place, _)| is_drawn(place)).map(|(_, one)| one).collect()
}

/// How far a run is, where somebody watches.
struct Bar(ProgressBar);

impl Bar {
    fn new(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar.with_message(what))
    }

    fn say(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Show for Bar {
    fn one_of(&self, all: usize) {
        self.0.set_length(all as u64);
        self.0.inc(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a sample cannot be judged again, or is no sample.
    #[test]
    fn a_sample_is_the_same_for_a_seed() {
        let drawn = |seed| sample((0..1_000).collect(), 50, seed);
        assert_eq!(drawn(1).len(), 50);
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert_eq!(sample(vec![7, 8, 9], 5, 1), [7, 8, 9]);
    }
}
