//! Killed at full speed and started again: what is done twice, and how long nothing is done.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use benched::{
    positions::KILL_AFTER,
    probe::{MARK, monotonic},
};
use clap::Args;
use karafka_tests::process::Process;
use serde_json::Value;

use crate::{
    Common,
    contest::{self, Contender},
    report::{Aim::NeverAbove, Comparison, Figure::More, Report, Run},
    role,
    stage::{Brokers, Stage},
};

/// How often the engine commits, in seconds.
const COMMIT_INTERVAL_S: f64 = 0.2;

/// The session, in milliseconds: what a member without a name is waited for.
const SESSION_MS: &str = "6000";

const PARTITIONS: u32 = 4;

const REPEATS: &str = "repeats";
const REPEATS_OF_BOUND: &str = "repeats/bound";
const BACK: &str = "back_ms";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records a round; the app is killed after a third of them.
    #[arg(long, default_value_t = 3_000_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    ensure!(
        options.brokers.are_real(),
        "the mock broker knows no sessions worth measuring: give `--kafka` or `--brokers`"
    );
    let messages = if common.smoke { options.messages.min(60_000) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 5 });
    let partitions = i32::try_from(PARTITIONS)?;
    let stage = Stage::set(&options.brokers, &[("killed", partitions), ("named", partitions)])?;
    stage.fill_with_events(0, messages)?;
    // The group of a member with a name is the manifest's: each round goes on where the last one has stopped.
    stage.fill_with_events(1, messages * u64::try_from(rounds)?)?;

    let contenders = [Contender::app("karafka", "killed"), Contender::app("karafka, instance_id", "named").on(1)]
        .map(|contender| contender.with("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", SESSION_MS));
    let rows =
        contest::hold(&contenders, rounds, |contender, round| kill_and_restart(contender, &stage, round, messages))?;
    let session: f64 = SESSION_MS.parse()?;
    let comparisons = vec![
        Comparison::alone("karafka", More(REPEATS_OF_BOUND)).aims(NeverAbove(1.0)),
        Comparison::alone("karafka", More(BACK)).aims(NeverAbove(session)),
        Comparison::alone("karafka, instance_id", More(REPEATS_OF_BOUND)).aims(NeverAbove(1.0)),
        Comparison::alone("karafka, instance_id", More(BACK)).aims(NeverAbove(1_000.0)),
    ];
    Ok(Report { bench: "restart", messages: messages / 3, rows, comparisons })
}

fn kill_and_restart(contender: &Contender, stage: &Stage, round: usize, messages: u64) -> Result<Run> {
    let group = format!("killed-{round}");
    let kill_after = messages / 3;
    let mut first = contender.clone().with(KILL_AFTER, &kill_after.to_string()).start(stage, &group, messages)?;
    let killed = told(&mut first, "last")?;
    first.wait(role::PATIENCE)?;

    let restarted_at = monotonic().as_secs_f64();
    let mut second = contender.start(stage, &group, kill_after)?;
    let back = told(&mut second, "first")?;
    contender.end(second)?;

    let (last, first) = (offsets(&killed, "last")?, offsets(&back, "first")?);
    let mut repeats = 0.0;
    for (partition, last) in last {
        let first = first.get(&partition).with_context(|| format!("partition {partition} did not go on"))?;
        ensure!(*first <= last + 1, "partition {partition} was at {last} and went on at {first}: records are lost");
        repeats += f64::from(i32::try_from(last + 1 - first)?);
    }
    let at = |word: &Value, name: &str| word[name].as_f64().with_context(|| format!("no `{name}` in {word}"));
    let (killed_at, began_again_at) = (at(&killed, "at_s")?, at(&back, "began_at_s")?);
    let wall_s = killed_at - at(&killed, "began_at_s")?;
    let rate = f64::from(u32::try_from(kill_after)?) / wall_s;
    let bound = rate * COMMIT_INTERVAL_S + f64::from(PARTITIONS);
    let more = vec![
        (REPEATS, repeats),
        ("bound", bound),
        (REPEATS_OF_BOUND, repeats / bound),
        (BACK, (began_again_at - killed_at) * 1e3),
        ("back_after_start_ms", (began_again_at - restarted_at) * 1e3),
    ];
    Ok(Run { wall_s, more, ..Run::default() })
}

/// Waits for the line with this word in it.
fn told(app: &mut Process, name: &str) -> Result<Value> {
    let wanted = format!(r#"{{"{name}":"#);
    let line = app.wait_for_line(name, role::PATIENCE, |line| {
        line.strip_prefix(MARK).is_some_and(|text| text.starts_with(&wanted))
    })?;
    Ok(serde_json::from_str(&line[MARK.len()..])?)
}

/// The offsets of the partitions that have begun.
fn offsets(word: &Value, name: &str) -> Result<BTreeMap<usize, i64>> {
    let offsets = word[name].as_array().with_context(|| format!("no `{name}` in {word}"))?;
    let offsets = offsets.iter().filter_map(Value::as_i64).enumerate();
    Ok(offsets.filter(|(_, offset)| *offset >= 0).collect())
}
