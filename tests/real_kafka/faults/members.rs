//! Members of a group that come, go, stand still and take each other's names.

use std::{thread, time::Duration};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    checker::{Event, Kind},
    faulty::{Route, Trial, send},
    kafka::Producer,
    process::{Process, Signal},
};

use super::{PATIENCE, conclude, fill, trial, while_records_come};
use crate::bench::Bench;

/// Waits until `sent` records are done, stops all members, and checks that nothing was lost, repeated, or begun by two.
fn all_once(mut trial: Trial<'_>, mut members: Vec<Process>, sent: usize) -> Result<()> {
    trial.wait_done(sent, &mut members.iter_mut().collect::<Vec<_>>(), PATIENCE)?;
    for member in members {
        trial.stop(member)?;
    }
    conclude(&mut trial, 0)?.expect_nobody_beside()?;
    Ok(())
}

/// If this fails, a deployment cuts handlers off or repeats what they did, or takes longer than they do.
pub(super) fn row_2_sigterm_amid_slow_handlers(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-2", Route::Keyed, 12)?.with("FAULTY_PACE_MS", "200");
    fill(bench, &trial, 12, 0..1_000, |_| String::new())?;
    let mut took = Vec::new();
    for stop in 1..=3 {
        let mut process = trial.start()?;
        trial.wait_done(stop * 100, &mut [&mut process], PATIENCE)?;
        took.push(trial.stop(process)?);
    }
    let mut process = trial.start()?;
    trial.wait_done(1_000, &mut [&mut process], PATIENCE)?;
    trial.stop(process)?;
    // A handler, and half a second for everything else; printed, as a busy machine is no fault of the app.
    println!("  stops amid handlers of 200 ms took {took:.0?}; the aim is 700 ms at most");
    ensure!(took.iter().all(|took| *took < Duration::from_secs(5)), "stops took {took:.0?}");
    conclude(&mut trial, 0)?.expect_nobody_beside()?;
    Ok(())
}

/// If this fails, an app some of whose keys fail does finished work again with each deployment, though it says that it has
/// nothing to repeat.
pub(super) fn row_2_sigterm_amid_thousands_of_failing_keys(bench: &Bench) -> Result<()> {
    const RECORDS: usize = 12_000;
    let mut trial = trial(bench, "row-2-failing", Route::Patient, 1)?;
    let producer = Producer::new(bench.kafka.address())?;
    for id in 0..RECORDS as u64 {
        send(&producer, trial.topic(), 0, &format!("k{id}"), id, if id % 2 == 0 { "fail" } else { "" })?;
    }
    producer.flush()?;
    let mut process = trial.start()?;
    trial.wait_done(RECORDS / 2, &mut [&mut process], PATIENCE)?;
    trial.stop(process)?;
    let begun = trial.log.begun();
    let mut process = trial.start()?;
    trial.wait_until("all that fail", &mut [&mut process], PATIENCE, |log| log.begun() >= begun + RECORDS / 2)?;
    trial.stop(process)?;
    let mut verdict = trial.judge()?;
    let waiting = std::mem::take(&mut verdict.unseen).len();
    println!("  {waiting} of {RECORDS} fail and wait; {verdict}; the bound of what is done again is 0");
    ensure!(waiting == RECORDS / 2, "{} records had to wait, and {waiting} do", RECORDS / 2);
    // Attempts of thousands do not fit the commit beside what is finished: those begin anew.
    ensure!(verdict.repeated.is_empty(), "{} records were done again", verdict.repeated.len());
    verdict.expect_nothing_lost()?;
    Ok(())
}

/// If this fails, a rolling deployment repeats or loses messages.
pub(super) fn row_2_rolling_sigterm_of_three_members(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-2-rolling", Route::Keyed, 6)?.with("FAULTY_PACE_MS", "10");
    let mut members = Vec::new();
    let sent = while_records_come(bench, &mut trial, 6, 4, |trial| {
        for _ in 0..3 {
            members.push(trial.start()?);
        }
        for _ in 0..6 {
            let newest = members.last().map_or(0, Process::id);
            let mut all: Vec<_> = members.iter_mut().collect();
            trial.wait_until("work of the newest member", &mut all, PATIENCE, |log| log.begun_by(newest) >= 50)?;
            trial.stop(members.remove(0))?;
            members.push(trial.start()?);
        }
        Ok(())
    })?;
    all_once(trial, members, sent)
}

/// If this fails, scaling out repeats or loses messages.
pub(super) fn row_3_members_join_while_handlers_run(bench: &Bench) -> Result<()> {
    members_join(bench, trial(bench, "row-3", Route::Keyed, 6)?)
}

/// If this fails, the same happens where the broker shares the partitions out.
pub(super) fn row_3_members_join_under_kip_848(bench: &Bench) -> Result<()> {
    members_join(bench, trial(bench, "row-3", Route::Shared, 6)?)
}

/// If this fails, the same happens where every partition goes and comes with each rebalance.
pub(super) fn row_3_members_join_under_eager_assignors(bench: &Bench) -> Result<()> {
    members_join(bench, trial(bench, "row-3", Route::Ranged, 6)?)?;
    members_join(bench, trial(bench, "row-3", Route::Robin, 6)?)
}

fn members_join(bench: &Bench, trial: Trial<'_>) -> Result<()> {
    let mut trial = trial.with("FAULTY_PACE_MS", "20");
    let mut members = Vec::new();
    let sent = while_records_come(bench, &mut trial, 6, 4, |trial| {
        for _ in 0..3 {
            let member = trial.start()?;
            let id = member.id();
            members.push(member);
            let mut all: Vec<_> = members.iter_mut().collect();
            trial.wait_until("work of the new member", &mut all, PATIENCE, |log| log.begun_by(id) >= 50)?;
        }
        Ok(())
    })?;
    all_once(trial, members, sent)
}

/// If this fails, a handler that outlives its partition commits over its successor's head, or its record is lost.
pub(super) fn row_4_the_drain_does_not_fit(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-4", Route::Ordered, 2)?;
    // Longer than the ten seconds that a revocation waits.
    let long = |id: u64| if id < 2 { "sleep 13000" } else { "" }.to_owned();
    fill(bench, &trial, 2, 0..40, long)?;
    let mut first = trial.start()?;
    trial.wait_until("both handlers at work", &mut [&mut first], PATIENCE, |log| log.begun() == 2)?;
    let mut second = trial.start()?;
    let id = second.id();
    trial.wait_until("the second member at work", &mut [&mut first, &mut second], PATIENCE, |log| {
        log.begun_by(id) > 0
    })?;
    let taken = trial.log.events.iter().find(|event| event.kind == Kind::Begun && event.process == id);
    let taken = taken.context("the second member has begun something")?.place;
    let is_late = |event: &Event| event.kind == Kind::Done && event.place == taken;
    trial.wait_until("the late end", &mut [&mut first, &mut second], PATIENCE, |log| log.events.iter().any(is_late))?;
    // More than a commit interval later, and with the second member's own handler still at work.
    thread::sleep(Duration::from_millis(700));
    let committed = bench.kafka.committed(trial.group(), trial.topic())?;
    trial.log.read()?;
    let ends = trial.log.events.iter().filter(|event| is_late(event)).count();
    ensure!(ends == 1, "the second member was too fast for this test");
    let at = committed.get(&taken.0).copied().unwrap_or(0);
    ensure!(at <= taken.1, "a handler that had lost its partition committed {at}, its record is {taken:?}");
    trial.wait_done(40, &mut [&mut first, &mut second], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    let text = first.text();
    let named: Vec<_> = text.lines().filter(|line| line.contains("runs on without its partition")).collect();
    let place = format!(r#""topic":"{}","partition":{},"offset":{},"#, trial.topic(), taken.0, taken.1);
    ensure!(named.len() == 1 && named[0].contains(&place), "{place} is not named once:\n{text}");
    let again = trial.stop_after_a_loss(first)?;
    ensure!(again == 1, "one record was done too late to be committed, and {again} are said to be done again");
    trial.stop(second)?;
    conclude(&mut trial, 1)?;
    Ok(())
}

/// If this fails, a handler that ends as it is told that its partition is gone runs beside the new owner of its record, or its
/// record fails for that; or nobody is told which one it was.
pub(super) fn row_4_a_handler_that_listens_is_told(bench: &Bench) -> Result<()> {
    for route in [Route::Ordered, Route::Shared, Route::Ranged] {
        let mut trial = trial(bench, "row-4-listens", route, 2)?.with("FAULTY_DRAIN", "3s");
        fill(bench, &trial, 2, 0..40, |id| if id < 2 { "listen" } else { "" }.to_owned())?;
        let mut first = trial.start_with(&[("FAULTY_LISTEN_MS", "20000")])?;
        let begun = if route == Route::Ordered { 2 } else { 40 };
        trial.wait_until("both handlers at work", &mut [&mut first], PATIENCE, |log| log.begun() == begun)?;
        let mut second = trial.start()?;
        let ids = [first.id(), second.id()];
        trial.wait_until("the second member at work", &mut [&mut first, &mut second], PATIENCE, |log| {
            log.begun_by(ids[1]) > 0
        })?;
        let events = || trial.log.events.iter();
        let begun = events().find(|event| event.kind == Kind::Begun && event.process == ids[1]);
        let begun = begun.context("the second member has begun something")?;
        let is_end =
            |event: &&Event| event.kind == Kind::Failed && event.process == ids[0] && event.place == begun.place;
        let ended = events().find(is_end).context("it was at work beside the first member's")?;
        let (taken, waited) = (begun.place, begun.at_ms.checked_sub(ended.at_ms));
        let waited = waited.context("the second member began it before the first one's end")?;
        trial.wait_done(40, &mut [&mut first, &mut second], PATIENCE)?;
        trial.wait_committed(PATIENCE)?;
        let text = first.text();
        let named: Vec<_> = text.lines().filter(|line| line.contains("runs on without its partition")).collect();
        ensure!(named.iter().all(|line| line.contains(r#""level":"WARN""#)) && !text.contains(r#""message":"failed""#));
        let place =
            format!(r#""topic":"{}","partition":{},"offset":{},"controller":""#, trial.topic(), taken.0, taken.1);
        ensure!(named.iter().filter(|line| line.contains(&place)).count() == 1, "{place} is not named once:\n{text}");
        println!("  {route:?}: {} named; begun anew {waited} ms after it was left", named.len());
        // Nothing of it is done again that was done.
        trial.stop(first)?;
        trial.stop(second)?;
        // With an eager assignor both partitions go, and one of them comes back.
        conclude(&mut trial, if route == Route::Ranged { 2 } else { 1 })?.expect_nobody_beside()?;
    }
    Ok(())
}

/// If this fails, what is said of a drain that is longer than the group waits for a member is not so, or it is not said at the
/// start; or a member that the group has thrown out amid its drain never ends when it is stopped.
pub(super) fn row_4_a_drain_that_the_group_does_not_wait_for(bench: &Bench) -> Result<()> {
    for route in [Route::Shared, Route::Ranged] {
        let mut trial = trial(bench, "row-4-late", route, 2)?
            .with("FAULTY_DRAIN", "12s")
            .with("KARAFKA_OPTIONS_MAX_POLL_INTERVAL_MS", "4000");
        fill(bench, &trial, 2, 0..40, |id| if id < 2 { "listen" } else { "" }.to_owned())?;
        let mut first = trial.start_with(&[("FAULTY_LISTEN_MS", "16000")])?;
        trial.wait_until("both handlers at work", &mut [&mut first], PATIENCE, |log| log.begun() == 40)?;
        let mut second = trial.start()?;
        let id = second.id();
        trial.wait_until("the second member at work", &mut [&mut first, &mut second], PATIENCE, |log| {
            log.begun_by(id) > 0
        })?;
        let text = first.text();
        ensure!(text.contains("and the group waits 4s for a member"), "{text}");
        ensure!(!text.contains("runs on without its partition"), "the drain was over:\n{text}");
        trial.wait_done(40, &mut [&mut first, &mut second], PATIENCE)?;
        trial.wait_committed(PATIENCE)?;
        // Its drain is not over.
        let again = trial.stop_after_a_loss(first)?;
        println!("  {route:?}: the member that was thrown out says that {again} are done again");
        trial.stop(second)?;
        conclude(&mut trial, 2)?;
    }
    Ok(())
}

/// If this fails, a deployment that rolls over many processes repeats or loses messages, or two own a partition.
pub(super) fn row_5_members_come_and_go(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-5", Route::Keyed, 12)?.with("FAULTY_PACE_MS", "10");
    let mut members: Vec<Process> = Vec::new();
    let mut stops = 0;
    let sent = while_records_come(bench, &mut trial, 12, 4, |trial| {
        members.push(trial.start()?);
        for change in 0..8 {
            thread::sleep(Duration::from_secs(3));
            if change % 3 == 2 {
                trial.stop(members.remove(0))?;
                stops += 1;
            } else {
                members.push(trial.start()?);
            }
        }
        Ok(())
    })?;
    println!("  {} members came and {stops} went, each three seconds after the last", members.len() + stops);
    all_once(trial, members, sent)
}

/// If this fails, a handler that takes longer than the poll limit loses its partition, and starts over for ever.
pub(super) fn row_6_a_handler_beyond_the_poll_limit(bench: &Bench) -> Result<()> {
    let mut trial = trial(bench, "row-6", Route::Ordered, 2)?.with("KARAFKA_OPTIONS_MAX_POLL_INTERVAL_MS", "4000");
    fill(bench, &trial, 2, 0..20, |id| if id == 0 { "sleep 12000" } else { "" }.to_owned())?;
    let mut process = trial.start()?;
    trial.wait_done(20, &mut [&mut process], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    let text = process.text();
    ensure!(text.matches(r#""message":"assigned""#).count() == 1, "the member did not keep its partitions:\n{text}");
    trial.stop(process)?;
    ensure!(trial.log.begun() == 20, "{} attempts at 20 records", trial.log.begun());
    conclude(&mut trial, 0)?;
    Ok(())
}

/// If this fails, two processes that were given one name both work, or neither says why it stopped.
pub(super) fn row_18_two_with_one_name(bench: &Bench) -> Result<()> {
    const CONCURRENCY: usize = 8;
    let mut trial = trial(bench, "row-18", Route::Named, 4)?
        .with("FAULTY_INSTANCE", "twin")
        .with("FAULTY_PACE_MS", "10")
        .with("KARAFKA_CONCURRENCY", &CONCURRENCY.to_string());
    fill(bench, &trial, 4, 0..3_000, |_| String::new())?;
    let mut first = trial.start()?;
    trial.wait_done(200, &mut [&mut first], PATIENCE)?;
    let mut second = trial.start()?;
    let id = first.id();
    let ended = first.wait(PATIENCE)?;
    trial.note_gone(id)?;
    trial.log.read()?;
    let at_the_end = begun_at_the_end(&trial, id);
    let bound = at_the_end + CONCURRENCY;
    let ended = ended.expect_code(1)?;
    let words = ended.text();
    ensure!(words.to_lowercase().contains("fenced"), "the first member does not say why it ended:\n{words}");
    trial.wait_done(3_000, &mut [&mut second], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    trial.stop(second)?;
    let verdict = conclude(&mut trial, bound)?;
    let fenced = verdict.after_fencing.len();
    println!(
        "  the first member began {fenced} records beside the second; the bound is {at_the_end}, what it begins until its \
         next commit is answered"
    );
    ensure!(fenced <= at_the_end, "{fenced} records were begun after the answer that it is fenced");
    Ok(())
}

/// How many records a process began in its last half second: it hears that it is fenced with its next commit, 200 ms
/// after the one before, and the rest is for the answer on a busy machine.
fn begun_at_the_end(trial: &Trial<'_>, process: u32) -> usize {
    let begun = || trial.log.events.iter().filter(|event| event.kind == Kind::Begun && event.process == process);
    let last = begun().map(|event| event.at_ms).max().unwrap_or(0);
    begun().filter(|event| event.at_ms + 500 >= last).count()
}

/// If this fails, a process that stood still (a laptop's lid, a paused VM) goes on with what others have taken over.
pub(super) fn row_21_frozen_past_the_session(bench: &Bench) -> Result<()> {
    const CONCURRENCY: usize = 8;
    const PARTITIONS: usize = 4;
    let mut trial = trial(bench, "row-21", Route::Keyed, 4)?
        .with("FAULTY_PACE_MS", "5")
        .with("KARAFKA_CONCURRENCY", &CONCURRENCY.to_string());
    fill(bench, &trial, 4, 0..12_000, |_| String::new())?;
    let mut first = trial.start()?;
    let mut second = trial.start()?;
    let ids = [first.id(), second.id()];
    trial.wait_until("work of both", &mut [&mut first, &mut second], PATIENCE, |log| {
        ids.iter().all(|id| log.begun_by(*id) >= 200)
    })?;
    first.freeze()?;
    let bound = trial.uncommitted()?;
    let before = trial.log.begun_by(ids[0]);
    // What it was at stands still, and is not at work beside what others begin meanwhile.
    trial.note_gone(ids[0])?;
    thread::sleep(Duration::from_secs(6));
    first.signal(Signal::CONT)?;
    trial.wait_done(12_000, &mut [&mut first, &mut second], PATIENCE)?;
    trial.wait_committed(PATIENCE)?;
    let again = trial.log.begun_by(ids[0]) - before;
    println!("  the frozen member began {again} records after it went on");
    let said = trial.stop_after_a_loss(first)?;
    println!("  it says that {said} of what it had done is done again, where its partitions did not come back");
    trial.stop(second)?;
    let verdict = conclude(&mut trial, bound + CONCURRENCY)?;
    // A lane may be frozen between its look at the clock and the start; nothing else may begin.
    let fenced = verdict.after_fencing.len();
    println!(
        "  of these, {fenced} were somebody else's; the bound is {PARTITIONS}, one a lane that was about to start"
    );
    ensure!(fenced <= PARTITIONS, "{fenced} records were begun after the session was over");
    Ok(())
}
