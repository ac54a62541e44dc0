//! A lag that does not fit, and a handler that is slower than what comes: how much does the app hold?

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use benched::probe::memory_of;
use clap::Args;
use karafka_tests::process::Signal;

use crate::{
    Common,
    contest::Contender,
    report::{Aim::NeverAbove, Comparison, Figure::Memory, Report, Row, Run},
    role,
    stage::{Brokers, Stage},
};

/// Records of 1 KiB that the mock broker keeps of a partition.
const RECORDS_A_PARTITION: u64 = 4_000;

/// What the process may hold beyond its `memory`, in MiB.
const BESIDE: f64 = 50.0;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records of 1 KiB that wait; the mock broker holds them in memory.
    #[arg(long, default_value_t = 200_000)]
    records: u64,
    /// `memory` of the group, in MiB; for several runs with commas between them.
    #[arg(long, value_delimiter = ',', default_values_t = [16, 64, 256])]
    memory: Vec<u32>,
    /// How long the app is watched, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[command(flatten)]
    brokers: Brokers,
    /// Partitions of the topic; as many as the mock broker needs, or 12 on a real one.
    #[arg(long)]
    partitions: Option<i32>,
}

impl Default for Options {
    fn default() -> Self {
        let (brokers, memory) = (Brokers::default(), vec![16, 64, 256]);
        Self { records: 200_000, memory, seconds: 20, brokers, partitions: None }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let records = if common.smoke { options.records.min(40_000) } else { options.records };
    let watched = Duration::from_secs(if common.smoke { 2 } else { options.seconds });
    let rounds = common.rounds.unwrap_or(1);
    let least = i32::try_from(records.div_ceil(RECORDS_A_PARTITION))?;
    let partitions = options.partitions.unwrap_or(if options.brokers.are_real() { 12 } else { least });
    ensure!(
        options.brokers.are_real() || partitions >= least,
        "the mock broker would drop records: {records} of them need {least} partitions"
    );
    let value = "x".repeat(1_000);

    let (mut rows, mut comparisons) = (Vec::new(), Vec::new());
    for &memory in &options.memory {
        let name = format!("karafka, memory {memory} MiB");
        let mut row = Row::of(&name);
        for _ in 0..rounds {
            // The group's name is the manifest's, so each run has a stage of its own.
            let stage = Stage::set(&options.brokers, &[("lag", partitions)])?;
            stage.fill(0, records, |number| Ok((format!("{number:024}"), value.clone())))?;
            row.runs.push(watch(&stage, memory, watched, records)?);
        }
        rows.push(row);
        comparisons.push(Comparison::alone(&name, Memory).aims(NeverAbove(f64::from(memory) + BESIDE)));
    }
    Ok(Report { bench: "memory", messages: 0, rows, comparisons })
}

/// Lets the app run for a while with more lag than it can handle.
fn watch(stage: &Stage, memory: u32, watched: Duration, records: u64) -> Result<Run> {
    let contender = Contender::app("karafka", "lag").with("BENCH_MEMORY", &format!("{memory}MiB"));
    // One more than there are: the probe stays silent.
    let mut app = contender.start(stage, "unused", records + 1)?;
    let begun = Instant::now();
    while begun.elapsed() < watched {
        ensure!(app.is_running()?, "the app has ended:\n{}", app.text());
        thread::sleep(Duration::from_millis(100));
    }
    let peak = memory_of(&app.id().to_string(), "VmHWM:").context("the system does not say what the app holds")?;
    app.signal(Signal::TERM)?;
    app.wait(role::PATIENCE)?.expect_code(0)?;
    Ok(Run { wall_s: begun.elapsed().as_secs_f64(), rss_mb: Some(peak), ..Run::default() })
}
