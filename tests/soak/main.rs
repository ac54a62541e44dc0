//! Everything at once: processes of a generated app are killed, frozen, stopped and started amid keyed records of which
//! some are poison; then every record must be handled or dead-lettered, in the order of its key.
//!
//! `cargo run --release -p karafka-tests --features real-kafka --bin soak [-- --smoke]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program: its line is for the terminal")]

use std::{
    collections::BTreeSet,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    faulty::{self, Route, Trial},
    kafka::{Kafka, Producer},
    process::{Process, Signal},
};

/// How much of everything.
struct Size {
    records: u64,
    keys: u64,
    partitions: i32,
    processes: usize,
    /// How long processes are tormented.
    lasts: Duration,
    /// The time between two torments.
    every: Duration,
    /// How long a record takes, so that the work outlasts the torment.
    pace_ms: u64,
    concurrency: usize,
    /// Whether the app is built with `--release`: handlers that sleep need no optimised one.
    as_deployed: bool,
}

const FULL: Size = Size {
    records: 1_000_000,
    keys: 20_000,
    partitions: 12,
    processes: 5,
    lasts: Duration::from_secs(120),
    every: Duration::from_secs(5),
    pace_ms: 5,
    concurrency: 12,
    as_deployed: true,
};

const SMOKE: Size = Size {
    records: 20_000,
    keys: 1_000,
    lasts: Duration::from_secs(20),
    every: Duration::from_secs(4),
    processes: 3,
    pace_ms: 10,
    concurrency: 8,
    as_deployed: false,
    ..FULL
};

/// One record in so many is poison.
const POISON: u64 = 1_000;

fn main() -> ExitCode {
    let smoke = std::env::args().any(|arg| arg == "--smoke");
    match soak(if smoke { &SMOKE } else { &FULL }) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("FAILED: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn soak(size: &Size) -> Result<String> {
    let kafka = thread::spawn(Kafka::start);
    let app = faulty::build(size.as_deployed)?;
    let kafka = kafka.join().map_err(|_| anyhow::anyhow!("starting Kafka panicked"))??;
    let mut trial = Trial::new(&kafka, &app, "soak", Route::Keyed, size.partitions)?
        .with("FAULTY_PACE_MS", &size.pace_ms.to_string())
        .with("KARAFKA_CONCURRENCY", &size.concurrency.to_string());
    let poison = fill(&kafka, &trial, size)?;
    let expected = usize::try_from(size.records)? - poison;

    let begun = Instant::now();
    let mut members = Members { running: Vec::new(), frozen: None, bound: 0, torments: 0 };
    for _ in 0..size.processes {
        members.running.push(trial.start()?);
    }
    while begun.elapsed() < size.lasts {
        thread::sleep(size.every);
        members.torment(&mut trial, size)?;
    }
    members.thaw()?;
    let Members { mut running, bound, torments, .. } = members;
    trial.wait_done(expected, &mut running.iter_mut().collect::<Vec<_>>(), Duration::from_secs(600))?;
    trial.wait_committed(Duration::from_secs(120))?;
    let took = begun.elapsed();
    for process in running {
        trial.stop(process)?;
    }

    let verdict = trial.judge()?;
    let buried: BTreeSet<_> = trial.dead_letters()?.into_iter().map(|letter| letter.key).collect();
    ensure!(buried.len() == poison, "{poison} records are poison, and {} died", buried.len());
    let line = format!(
        "{} records, {} keys, {} partitions, {torments} torments of {} processes: {} handled and {poison} dead-lettered \
         in {took:.0?}; {verdict}; the bound of repeats is {bound}",
        size.records, size.keys, size.partitions, size.processes, expected
    );
    verdict.expect_nothing_lost().and_then(|verdict| verdict.expect_repeats_within(bound)).context(line.clone())?;
    Ok(line)
}

/// Sends everything; gives how many of it are poison. Those have a key of their own, so that they can be told apart.
fn fill(kafka: &Kafka, trial: &Trial<'_>, size: &Size) -> Result<usize> {
    let producer = Producer::new(kafka.address())?;
    let mut poison = 0;
    for id in 0..size.records {
        let key = id % size.keys;
        let partition = i32::try_from(key)? % size.partitions;
        if id % POISON == POISON / 2 {
            poison += 1;
            producer.send(trial.topic(), partition, &format!("poison {id}"), "not JSON")?;
        } else {
            faulty::send(&producer, trial.topic(), partition, &format!("k{key}"), id, "")?;
        }
    }
    producer.flush()?;
    Ok(poison)
}

struct Members {
    running: Vec<Process>,
    /// Which of them stands still.
    frozen: Option<u32>,
    /// What was begun and not committed whenever a process was killed or frozen.
    bound: usize,
    torments: u32,
}

impl Members {
    /// Kills, stops, freezes or thaws one, in turns, and starts another for one that is gone.
    fn torment(&mut self, trial: &mut Trial<'_>, size: &Size) -> Result<()> {
        let turn = self.torments % 4;
        self.torments += 1;
        self.thaw()?;
        match turn {
            0 => {
                let victim = self.running.remove(0);
                trial.kill(victim)?;
                self.bound += trial.uncommitted()?;
            }
            1 => {
                trial.stop(self.running.remove(0))?;
            }
            2 => {
                let victim = self.running.first_mut().context("nobody runs")?;
                victim.freeze()?;
                self.frozen = Some(victim.id());
                self.bound += trial.uncommitted()?;
            }
            _ => {}
        }
        while self.running.len() < size.processes {
            self.running.push(trial.start()?);
        }
        Ok(())
    }

    fn thaw(&mut self) -> Result<()> {
        let Some(id) = self.frozen.take() else { return Ok(()) };
        let process = self.running.iter_mut().find(|process| process.id() == id).context("the frozen one is gone")?;
        process.signal(Signal::CONT)
    }
}
