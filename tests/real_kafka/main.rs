//! A generated app against Apache Kafka, which is started here.
//!
//! `cargo test -p karafka-tests --features real-kafka --test real_kafka [PART OF A CASE'S NAME]…`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test program: its figures are for the terminal")]

/// Cases, each named after its function.
macro_rules! cases {
    ($($module:ident::$name:ident,)*) => {
        &[$($crate::Case { name: stringify!($name), run: $module::$name }),*]
    };
}

mod bench;
mod crash;
mod faults;
mod peers;
mod receipts;
mod share;
mod stop;
mod throughput;

use std::{process::ExitCode, time::Instant};

use anyhow::Result;

use crate::bench::Bench;

/// A case: it gets a topic and a group of its own on the Kafka of all.
struct Case {
    name: &'static str,
    run: fn(&Bench) -> Result<()>,
}

const CASES: &[Case] = cases![
    throughput::kafka_takes_and_gives_records,
    throughput::every_record_is_handled,
    crash::nothing_is_lost_by_kill_9,
    stop::nothing_is_lost_or_repeated_by_sigterm,
    share::two_processes_share_and_hand_over,
    receipts::receipts_are_in_kafka_before_the_offset_moves,
    peers::redis_dies_forgets_freezes_and_fills,
    peers::sidekiq_performs_and_is_asked,
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let cases: Vec<_> = CASES.iter().chain(faults::CASES).filter(|case| chosen(case.name)).collect();

    let begun = Instant::now();
    let bench = match Bench::set_up() {
        Ok(bench) => bench,
        Err(error) => {
            eprintln!("FAILED to start: {error:?}");
            return ExitCode::FAILURE;
        }
    };
    println!("Kafka {} and the app are up after {:.1?}", karafka_tests::kafka::VERSION, begun.elapsed());

    let mut failed = 0;
    for case in &cases {
        println!("case {}", case.name);
        let begun = Instant::now();
        match (case.run)(&bench) {
            Ok(()) => println!("  ok, {:.1?}", begun.elapsed()),
            Err(error) => {
                println!("  FAILED, {:.1?}\n{error:?}", begun.elapsed());
                failed += 1;
            }
        }
    }
    println!("{} cases, {failed} failed", cases.len());
    if failed == 0 && !cases.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
