//! A generated app against Apache Kafka, which is started here.
//!
//! `cargo test -p karafka-tests --features real-kafka --test real_kafka [-- [--jobs N] [PART OF A CASE'S NAME]…]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test program: its figures are for the terminal")]

/// Cases, each named after its function. One that is marked with `#[alone]` runs beside no other: say why.
macro_rules! cases {
    (@) => { false };
    (@ alone) => { true };
    ($($(#[$alone:ident])? $module:ident::$name:ident,)*) => {
        &[$($crate::Case { name: stringify!($name), run: $module::$name, alone: cases!(@ $($alone)?) }),*]
    };
}

/// As the standard one, for cases that run side by side: what one prints is shown in one piece.
macro_rules! println {
    ($($text:tt)*) => { karafka_tests::queue::print(&format!($($text)*)) };
}

mod bench;
mod crash;
mod faults;
mod peers;
mod producer;
mod receipts;
mod share;
mod stop;
mod throughput;

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result, ensure};
use karafka_tests::queue::{self, Queue};

use crate::bench::Bench;

/// Of cases that mostly wait, so many keep two cores busy.
const JOBS: usize = 4;

/// A case: it gets a topic and a group of its own on a Kafka that no other case uses at the same time.
type Case = queue::Case<Bench>;

const CASES: &[Case] = cases![
    throughput::kafka_takes_and_gives_records,
    // Its figure is a measurement.
    #[alone]
    throughput::every_record_is_handled,
    crash::nothing_is_lost_by_kill_9,
    stop::nothing_is_lost_or_repeated_by_sigterm,
    share::two_processes_share_and_hand_over,
    receipts::receipts_are_in_kafka_before_the_offset_moves,
    peers::redis_dies_forgets_freezes_and_fills,
    peers::sidekiq_performs_and_is_asked,
    producer::what_is_acknowledged_is_there_once_and_in_order,
    producer::each_kind_of_acknowledgement_tells_what_it_knows,
    producer::what_kafka_does_not_take_is_named,
    producer::a_full_buffer_loses_nothing,
    producer::what_is_on_its_way_when_a_producer_is_dropped_arrives,
    producer::what_a_killed_process_was_told_is_so,
];

/// What the command line asks for.
struct Wanted {
    jobs: usize,
    /// Parts of names; none means all cases.
    parts: Vec<String>,
}

fn wanted(mut args: impl Iterator<Item = String>) -> Result<Wanted> {
    let mut wanted = Wanted { jobs: JOBS, parts: Vec::new() };
    while let Some(arg) = args.next() {
        let given = if arg == "--jobs" { args.next() } else { arg.strip_prefix("--jobs=").map(str::to_owned) };
        match given {
            Some(number) => wanted.jobs = number.parse().with_context(|| format!("`--jobs {number}` is no number"))?,
            None => {
                ensure!(!arg.starts_with('-'), "`{arg}` is unknown: give parts of names, and `--jobs N` before them");
                wanted.parts.push(arg);
            }
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    if let Some(ended) = producer::child() {
        return ended;
    }
    match suite() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("FAILED to start: {error:?}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is asked for; gives whether there was something and all of it went well.
fn suite() -> Result<bool> {
    let begun = Instant::now();
    let wanted = wanted(std::env::args().skip(1))?;
    let chosen = |name: &str| wanted.parts.is_empty() || wanted.parts.iter().any(|part| name.contains(part.as_str()));
    let cases: Vec<_> = faults::CASES.iter().chain(CASES).filter(|case| chosen(case.name)).collect();
    ensure!(!cases.is_empty(), "no case has one of {:?} in its name", wanted.parts);

    let bench = Bench::set_up()?;
    println!("Kafka {} and the app are up after {:.1?}", karafka_tests::kafka::VERSION, begun.elapsed());
    let apps = bench.apps();
    let queue = Queue {
        jobs: wanted.jobs,
        bench: &|| Bench::on_a_kafka_of_its_own(&apps),
        show: &|text| std::println!("{text}"),
    };
    let outcome = queue.run(bench, &cases);
    println!(
        "{} cases, {} failed, after {:.0?}; one after another they take {:.0?}",
        cases.len(),
        outcome.failed,
        begun.elapsed(),
        outcome.took
    );
    Ok(outcome.failed == 0)
}
