//! Two processes of one group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Result, anyhow};
use karafka_tests::{kafka::Producer, ledger::Entry, process::Process};

use crate::bench::{self, Bench, PARTITIONS, PATIENCE, Track, stop};

/// If this fails, scaling out or in, or a rolling deployment, loses or repeats messages.
pub(crate) fn two_processes_share_and_hand_over(bench: &Bench) -> Result<()> {
    let mut track = bench.track("shared")?;
    let producer = Producer::new(bench.kafka.address())?;
    let (topic, enough) = (track.topic(), AtomicBool::new(false));

    // Records keep coming, so that there is work in hand at each change of owner.
    let (sent, survivor) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_until(&producer, topic, &enough));
        let survivor = hand_over(&mut track);
        enough.store(true, Ordering::Relaxed);
        (sender.join(), survivor)
    });
    let (mut survivor, sent) = (survivor?, sent.map_err(|_| anyhow!("the sender panicked"))??);
    track.wait_for_all(sent, &mut survivor)?;
    stop(survivor)?;

    let mut by_process: BTreeMap<u32, u64> = BTreeMap::new();
    for entry in track.ledger.entries()? {
        *by_process.entry(entry.process).or_default() += 1;
    }
    println!("  {sent} records, by process: {:?}", by_process.values().collect::<Vec<_>>());
    track.check_nothing_missing(sent)?;
    track.check_nothing_repeated()?;
    track.check_committed_what_was_handled()
}

/// Sends some thousand records a second; gives how many it were.
fn send_until(producer: &Producer, topic: &str, enough: &AtomicBool) -> Result<u64> {
    let mut sent = 0;
    while !enough.load(Ordering::Relaxed) {
        for _ in 0..50 {
            bench::send(producer, topic, sent)?;
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    producer.flush()?;
    Ok(sent)
}

/// One process works, a second joins, the first is stopped; gives the second, which has all partitions by then.
fn hand_over(track: &mut Track<'_>) -> Result<Process> {
    let mut first = track.start()?;
    track.ledger.wait_for(2_000, &mut [&mut first], PATIENCE)?;

    let mut second = track.start()?;
    let (first_id, second_id) = (first.id(), second.id());
    let both_work = |entries: &[Entry]| {
        let joined = entries.iter().position(|entry| entry.process == second_id);
        let since = joined.map_or(&[][..], |joined| &entries[joined..]);
        [first_id, second_id].iter().all(|id| since.iter().filter(|entry| entry.process == *id).count() >= 1_000)
    };
    track.ledger.wait_until("work of both processes", &mut [&mut first, &mut second], PATIENCE, both_work)?;

    stop(first)?;
    let all_partitions = |entries: &[Entry]| {
        let last_of_first = entries.iter().rposition(|entry| entry.process == first_id).unwrap_or(0);
        let taken: BTreeSet<_> = entries[last_of_first..].iter().map(|entry| entry.partition).collect();
        taken.len() == usize::try_from(PARTITIONS).unwrap_or_default()
    };
    track.ledger.wait_until("work on all partitions", &mut [&mut second], PATIENCE, all_partitions)?;
    Ok(second)
}
