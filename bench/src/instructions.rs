//! Instructions and allocations that the engine itself costs a record, counted under valgrind, beside what is recorded
//! in the repository: `runtime/src/engine/tests/instructions.rs` is what runs.

use std::{fmt::Write, fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use karafka_tests::{cargo::Cargo, checkout, environment};

/// The test, as `--exact` takes it.
const TEST: &str = "engine::tests::instructions::counts_every_record";

/// Names the variable with the number of records to handle, as the test does.
const RECORDS: &str = "KARAFKA_INSTRUCTIONS_RECORDS";

/// Names the variable with the number of records to make, as the test does.
const MADE: &str = "KARAFKA_INSTRUCTIONS_MADE";

/// Of as many that are made: the difference between two runs leaves out start, stop, and the making of records.
const FEWER: u32 = 50_000;
const MORE: u32 = 150_000;

/// How much a figure may grow, in hundredths.
const GROWTH: f64 = 2.0;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Writes what is counted into `bench/instructions.txt`; say in the commit why it has grown.
    #[arg(long)]
    record: bool,
}

/// What a record costs.
#[derive(Debug, Clone, PartialEq)]
struct Count {
    /// Another compiler makes other instructions.
    compiler: String,
    instructions: f64,
    allocations: f64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let counted = count()?;
    let file = checkout::root().join("bench/instructions.txt");
    if options.record {
        fs::write(&file, counted.text())?;
    }
    let recorded = Count::read(&fs::read_to_string(&file).context("nothing is recorded yet: `--record`")?)?;
    println!("\ncounted:\n{}\nrecorded:\n{}", counted.figures(), recorded.figures());
    if counted.compiler != recorded.compiler {
        println!("recorded with {}, and this is {}: not compared", recorded.compiler, counted.compiler);
        return Ok(());
    }
    let grown = counted.grown_over(&recorded);
    ensure!(grown.is_empty(), "{}", grown.join("\n"));
    Ok(())
}

fn count() -> Result<Count> {
    // What the client can do beside is nothing to the engine, and takes minutes to build.
    let features = ["--release", "-p", "karafka", "--no-default-features", "--features", "jobs", "--lib"];
    // With several units, what is inlined where depends on how the compiler deals the code out among them: a line that
    // has nothing to do with records moved the figure by two in a hundred.
    let words = [&["--config", "profile.release.package.karafka.codegen-units=1"], &features[..]].concat();
    let build = Cargo::within(checkout::root())?.build_tests(&words)?;
    let test = build.test_executable("karafka")?;
    let folder = tempfile::tempdir()?;
    let marginal = |figure: &dyn Fn(u32) -> Result<u64>| -> Result<f64> {
        let (fewer, more) = (figure(FEWER)?, figure(MORE)?);
        // Where a record costs nothing, what a thread does now and then makes the difference, and it may be negative.
        let difference = i64::try_from(more)? - i64::try_from(fewer)?;
        Ok((f64::from(i32::try_from(difference)?) / f64::from(MORE - FEWER)).max(0.0))
    };
    let instructions = marginal(&|records| {
        let out = format!("--callgrind-out-file={}", folder.path().join("callgrind").display());
        let text = valgrind(&["--tool=callgrind", &out], &test, records)?;
        number_in(&text, "Collected :")
    })?;
    let allocations = marginal(&|records| {
        let text = valgrind(&["--tool=memcheck", "--leak-check=no"], &test, records)?;
        number_in(&text, "total heap usage:")
    })?;
    Ok(Count { compiler: compiler()?, instructions, allocations })
}

/// Runs the test with so many records; gives what valgrind says.
fn valgrind(tool: &[&str], test: &Path, records: u32) -> Result<String> {
    let mut command = Command::new("valgrind");
    environment::clean(&mut command).args(tool).arg(test).args([TEST, "--exact", "--test-threads=1"]);
    command.env(RECORDS, records.to_string()).env(MADE, MORE.to_string());
    let output = command.output().context("valgrind is missing")?;
    let (told, passed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success() && passed.contains("1 passed"), "the test did not pass:\n{passed}\n{told}");
    Ok(told.into_owned())
}

/// The first number behind these words; thousands have commas.
fn number_in(text: &str, words: &str) -> Result<u64> {
    let line =
        text.lines().find_map(|line| line.split_once(words)).with_context(|| format!("no `{words}`:\n{text}"))?;
    let number = line.1.split_whitespace().next().unwrap_or_default().replace(',', "");
    number.parse().with_context(|| format!("no number behind `{words}`: {}", line.1))
}

/// The compiler and what it compiles for.
fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    match (field("release:"), field("host:")) {
        (Some(release), Some(host)) => Ok(format!("rustc {release} for {host}")),
        _ => bail!("rustc does not say what it is:\n{text}"),
    }
}

impl Count {
    fn read(text: &str) -> Result<Self> {
        let field = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found.map(str::trim).with_context(|| format!("no `{name}` in bench/instructions.txt"))
        };
        let (instructions, allocations) = (field("instructions:")?.parse()?, field("allocations:")?.parse()?);
        Ok(Self { compiler: field("compiler:")?.to_owned(), instructions, allocations })
    }

    fn text(&self) -> String {
        format!(
            "# What a record costs in the engine alone: at least once, a handler that is ready at once, no client and no\n\
             # parser. Written by `cargo run --release -p karafka-bench -- instructions --record`.\n{}",
            self.figures()
        )
    }

    fn figures(&self) -> String {
        let Self { compiler, instructions, allocations } = self;
        format!("compiler: {compiler}\ninstructions: {instructions:.0}\nallocations: {allocations:.2}\n")
    }

    /// What has grown beyond measure, as sentences.
    fn grown_over(&self, recorded: &Self) -> Vec<String> {
        let figures = [
            ("instructions", self.instructions, recorded.instructions),
            ("allocations", self.allocations, recorded.allocations),
        ];
        let grown = figures.into_iter().filter(|(_, now, before)| *now > before * (1.0 + GROWTH / 100.0) + 0.005);
        let sentence = |(name, now, before): (&str, f64, f64)| {
            let mut text = format!("a record costs {now:.2} {name}, and {before:.2} are recorded");
            let _ =
                write!(text, " (more than {GROWTH} % above); if that is worth it, record it: `instructions --record`");
            text
        };
        grown.map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(instructions: f64, allocations: f64) -> Count {
        Count { compiler: "rustc".to_owned(), instructions, allocations }
    }

    /// If this fails, the engine grows slower by steps that nobody is told of.
    #[test]
    fn growth_beyond_two_hundredths_is_refused() {
        let recorded = counted(500.0, 2.0);
        assert!(counted(509.0, 2.0).grown_over(&recorded).is_empty());
        assert!(counted(100.0, 0.0).grown_over(&recorded).is_empty());
        assert_eq!(counted(511.0, 2.0).grown_over(&recorded).len(), 1);
        assert_eq!(counted(511.0, 3.0).grown_over(&recorded).len(), 2);
        assert_eq!(counted(1.0, 0.5).grown_over(&counted(1.0, 0.0)).len(), 1);
    }

    /// If this fails, what was recorded is not what is compared with.
    #[test]
    fn what_is_written_is_read_again() {
        let count = counted(512.0, 1.25);
        assert_eq!(Count::read(&count.text()).expect("it is complete"), count);
    }

    /// If this fails, valgrind's words are taken for another number.
    #[test]
    fn numbers_have_commas() {
        let text = "==7== \n==7==   total heap usage: 1,234,567 allocs, 1,200 frees, 5 bytes allocated\n";
        assert_eq!(number_in(text, "total heap usage:").expect("a number"), 1_234_567);
    }
}
