//! Contenders and helpers as processes of their own: this program, started again with a part to play.

use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context, Result};
use benched::{
    generated::app,
    probe::{MARK, Probe},
    state::State,
};
use karafka_tests::{environment, process::Process};
use serde_json::Value;

use crate::{consume, emit, generate, idle, jobs, keyed, latency, report::Run, send, stage, start};

/// Names the part. A variable, because an app reads its command line itself.
pub(crate) const VARIABLE: &str = "BENCH_ROLE";

/// The part of the app that `karafka generate` made.
pub(crate) const APP: &str = "karafka";

/// The same, with the report after a clean stop: what was sent is acknowledged, what was handled is committed.
pub(crate) const APP_TO_THE_END: &str = "karafka-to-the-end";

/// A contender is given up after this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The part that this process plays, if it was started for one.
pub(crate) fn given() -> Option<String> {
    env::var(VARIABLE).ok()
}

/// Plays the part to its end.
pub(crate) fn play(role: &str) -> ExitCode {
    let played = match role {
        APP => return app().run(State::build),
        APP_TO_THE_END => {
            let code = app().run(State::build);
            report();
            return code;
        }
        "by-hand" => consume::by_hand::run(consume::by_hand::Settings::Tuned),
        "by-hand-defaults" => consume::by_hand::run(consume::by_hand::Settings::Defaults),
        "limit" => consume::limit::run(consume::limit::Work::Nothing),
        "limit-typed" => consume::limit::run(consume::limit::Work::Typed),
        "rdkafka-performance" => consume::performance::run(),
        "sleepers" => keyed::sleepers(),
        "relay-by-hand" => emit::by_hand::run(),
        "send-all" => send::all(),
        "send-all-by-hand" => send::by_hand(),
        "send-forget" => send::forget(),
        "send-one-by-one" => send::one_by_one(),
        "send-performance" => send::performance(),
        "jobs-by-hand" => jobs::by_hand(),
        latency::BY_HAND => latency::by_hand(),
        "broker" => stage::serve(),
        idle::BY_HAND => idle::by_hand(),
        "first-by-hand" => start::by_hand(),
        "copy-tree" => generate::floor::copy_tree(),
        "read-tree" => generate::floor::read_tree(),
        _ => Err(anyhow::anyhow!("no role `{role}`")),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{role}: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn report() {
    if let Ok(probe) = Probe::of_process() {
        probe.report(&[]);
    }
}

/// This program with a part to play, these words and these variables, not started yet.
pub(crate) fn command(role: &str, words: &[&str], variables: &[(&str, &str)]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    environment::clean(&mut command).env(VARIABLE, role).args(words).envs(variables.iter().copied());
    command.env_remove("CARGO");
    Ok(command)
}

/// Starts this program with a part to play.
pub(crate) fn spawn(role: &str, words: &[&str], variables: &[(&str, &str)]) -> Result<Process> {
    Process::start(&mut command(role, words, variables)?)
}

/// Waits for the line that a part prints for whoever started it.
pub(crate) fn word(process: &mut Process) -> Result<Value> {
    let line = process.wait_for_line("its result", PATIENCE, |line| line.starts_with(MARK))?;
    serde_json::from_str(&line[MARK.len()..]).with_context(|| format!("not a result: {line}"))
}

/// The figures of the probe's line.
pub(crate) fn figures(word: &Value) -> Result<Run> {
    let figure = |name: &str| word[name].as_f64().with_context(|| format!("no `{name}` in {word}"));
    let (cpu_s, rss_mb) = (Some(figure("cpu_s")?), Some(figure("rss_mb")?));
    Ok(Run { wall_s: figure("wall_s")?, cpu_s, rss_mb, more: Vec::new() })
}
