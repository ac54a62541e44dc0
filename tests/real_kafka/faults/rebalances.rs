//! Members that are killed or frozen amid a slow rebalance: one in which another member drains for seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, ensure};
use karafka_tests::{
    checker::Kind,
    faulty::{Log, Route, Trial, send},
    kafka::Producer,
    process::Signal,
};

use super::{PATIENCE, conclude, trial, while_records_come};
use crate::bench::Bench;

const PARTITIONS: i32 = 6;
/// Records in flight in a process.
const CONCURRENCY: usize = 4;
/// For how long the member drains that the others wait for: less than a revocation waits.
const DRAIN: Duration = Duration::from_secs(9);
/// How long after the first member has given back what it had to, and waits to join anew, it is killed or frozen.
const WAITS: Duration = Duration::from_millis(2_500);
/// What the manifest leaves it at.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);
/// What Kafka takes to answer a commit on a busy machine.
const ANSWER: Duration = Duration::from_millis(300);
/// `protocol: consumer`: the group's session, which is none of the client's settings.
const SESSION: Duration = Duration::from_secs(6);

/// What becomes of the first member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill,
    Freeze(Duration),
}

/// If this fails, a crash in a rebalance loses messages, or repeats more than what was done while the member waited to join.
pub(super) fn row_3_killed_amid_a_slow_rebalance(bench: &Bench) -> Result<()> {
    amid_a_slow_rebalance(bench, "row-3-kill", Route::Patient, Fault::Kill)
}

/// If this fails, the same happens where the broker shares the partitions out, or a crash there repeats more than a commit
/// interval's work.
pub(super) fn row_3_killed_amid_a_slow_rebalance_under_kip_848(bench: &Bench) -> Result<()> {
    amid_a_slow_rebalance(bench, "row-3-kill", Route::Shared, Fault::Kill)
}

/// If this fails, a process that stands still in a rebalance loses messages, goes on with what others have taken over, or
/// repeats more than what was done while the member waited to join.
pub(super) fn row_21_frozen_amid_a_slow_rebalance(bench: &Bench) -> Result<()> {
    // Who waits to join is not taken for dead; it is a session after the others have joined.
    amid_a_slow_rebalance(bench, "row-21-slow", Route::Patient, Fault::Freeze(DRAIN + Duration::from_secs(4)))
}

/// If this fails, the same happens where the session is the broker's: a process that stood still for longer goes on beside
/// the new owner, as it knows of another session.
pub(super) fn row_21_frozen_amid_a_slow_rebalance_under_kip_848(bench: &Bench) -> Result<()> {
    amid_a_slow_rebalance(bench, "row-21-slow", Route::Shared, Fault::Freeze(2 * SESSION))
}

fn amid_a_slow_rebalance(bench: &Bench, name: &str, route: Route, fault: Fault) -> Result<()> {
    let mut trial = trial(bench, name, route, PARTITIONS)?
        .with("FAULTY_PACE_MS", "5")
        .with("KARAFKA_CONCURRENCY", &CONCURRENCY.to_string());
    if route == Route::Shared {
        let session = SESSION.as_millis().to_string();
        let settings = [("consumer.session.timeout.ms", &*session), ("consumer.heartbeat.interval.ms", "1000")];
        bench.kafka.configure_group(trial.group(), &settings)?;
    }
    let producer = Producer::new(bench.kafka.address())?;
    let (mut members, mut bound, mut lanes) = (Vec::new(), 0, 0);
    let sent = while_records_come(bench, &mut trial, PARTITIONS, 4, |trial| {
        for _ in 0..2 {
            let member = trial.start()?;
            let id = member.id();
            members.push(member);
            let mut all: Vec<_> = members.iter_mut().collect();
            trial.wait_until("work of the new member", &mut all, PATIENCE, |log| log.begun_by(id) >= 200)?;
        }
        let [first, second] = [members[0].id(), members[1].id()];
        let of_second = partitions_of(trial, second);
        ensure!(of_second.len() == 3, "the second member has {of_second:?}");
        // Whatever it is to give back, it is at work on for long.
        for partition in &of_second {
            let (key, act) = (format!("slow-{partition}"), format!("sleep {}", DRAIN.as_millis()));
            send(&producer, trial.topic(), *partition, &key, 1_000_000, &act)?;
        }
        producer.flush()?;
        let slow = |log: &Log| slow_at_work(log, second) == of_second.len();
        trial.wait_until("slow work", &mut members.iter_mut().collect::<Vec<_>>(), PATIENCE, slow)?;

        members.push(trial.start()?);
        let third = members[2].id();
        let begun = Instant::now();
        while !members[0].text().contains(r#""message":"revoked""#) {
            ensure!(begun.elapsed() < DRAIN, "the first member has given nothing back:\n{}", members[0].text());
            thread::sleep(Duration::from_millis(10));
        }
        let waits_since = now()?;
        thread::sleep(WAITS);
        let mut victim = members.remove(0);
        if fault == Fault::Kill { victim.signal(Signal::KILL) } else { victim.freeze() }?;
        let at = now()?;
        trial.log.read()?;
        let is_slow = !members[0].text().contains(r#""message":"revoked""#);
        ensure!(is_slow, "the second member had nothing more to drain: the rebalance was not slow");
        let waits = route == Route::Patient;
        ensure!(!waits || trial.log.begun_by(third) == 0, "the first member did not wait to join");

        // In a classic group no commit gets through while the member waits; the one before may be an interval old.
        let since = if waits { waits_since } else { at } - ms(COMMIT_INTERVAL);
        bound = begun_since(trial, first, since - ms(ANSWER)) + CONCURRENCY;
        let in_an_interval = begun_since(trial, first, at - ms(COMMIT_INTERVAL));
        let open = trial.uncommitted_of(first)?;
        lanes = partitions_of(trial, first).len();
        println!(
            "  {} at {} ms of its wait: it began {in_an_interval} records in the last commit interval of {} ms, with \
             {CONCURRENCY} in flight; {open} were not committed",
            if fault == Fault::Kill { "killed" } else { "frozen" },
            at - waits_since,
            ms(COMMIT_INTERVAL),
        );
        ensure!(open <= bound, "{open} records were not committed, and the bound is {bound}");
        // What it was at stands still, and is not at work beside what others begin meanwhile.
        trial.note_gone(first)?;
        match fault {
            Fault::Kill => drop(victim.wait(PATIENCE)?),
            Fault::Freeze(time) => {
                thread::sleep(time);
                let before = trial.log.begun_by(first);
                victim.signal(Signal::CONT)?;
                members.push(victim);
                let mut all: Vec<_> = members.iter_mut().collect();
                trial.wait_until("work after it went on", &mut all, PATIENCE, |log| log.begun_by(first) > before)?;
            }
        }
        let after = trial.log.begun_by(second);
        let mut all: Vec<_> = members.iter_mut().collect();
        trial.wait_until("work after all", &mut all, PATIENCE, |log| log.begun_by(second) >= after + 200)
    })?;
    trial.wait_done(sent + 3, &mut members.iter_mut().collect::<Vec<_>>(), PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    for member in members {
        trial.stop_after_a_loss(member)?;
    }
    let verdict = conclude(&mut trial, bound)?;
    if fault != Fault::Kill {
        // A lane may be frozen between its look at the clock and the start; nothing else may begin.
        let fenced = verdict.after_fencing.len();
        println!(
            "  {fenced} records were begun beside their new owner; the bound is {lanes}, one a lane that was about to"
        );
        ensure!(fenced <= lanes, "{fenced} records were begun after the session was over");
    }
    Ok(())
}

/// The partitions that a process was the last to begin something of.
fn partitions_of(trial: &Trial<'_>, process: u32) -> BTreeSet<i32> {
    let begun = trial.log.events.iter().filter(|event| event.kind == Kind::Begun);
    let last: BTreeMap<i32, u32> = begun.map(|event| (event.place.0, event.process)).collect();
    last.into_iter().filter(|(_, last)| *last == process).map(|(partition, _)| partition).collect()
}

/// In how many partitions a process is at something that it began a second before its last.
fn slow_at_work(log: &Log, process: u32) -> usize {
    let mut open = BTreeMap::new();
    let mut last = 0;
    for event in log.events.iter().filter(|event| event.process == process) {
        last = last.max(event.at_ms);
        match event.kind {
            Kind::Begun => drop(open.insert(event.place, event.at_ms)),
            Kind::Done | Kind::Failed => drop(open.remove(&event.place)),
            Kind::Gone => {}
        }
    }
    let slow = open.into_iter().filter(|(_, at)| at + 500 <= last).map(|(place, _)| place.0);
    slow.collect::<BTreeSet<_>>().len()
}

fn begun_since(trial: &Trial<'_>, process: u32, since: u64) -> usize {
    let begun = trial.log.events.iter().filter(|event| event.kind == Kind::Begun && event.process == process);
    begun.filter(|event| event.at_ms >= since).count()
}

/// Milliseconds since 1970, as in the log.
fn now() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis())?)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
