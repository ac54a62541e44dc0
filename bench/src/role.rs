//! Contenders and helpers as processes of their own: this program, started again with a part to play.

use std::{
    env,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context, Result};
use benched::probe::MARK;
use karafka_tests::{environment, process::Process};
use serde_json::Value;

use crate::{consume, generate, report::Run, start};

/// Names the part. A variable, because an app reads its command line itself.
pub(crate) const VARIABLE: &str = "BENCH_ROLE";

/// A contender is given up after this time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// The part that this process plays, if it was started for one.
pub(crate) fn given() -> Option<String> {
    env::var(VARIABLE).ok()
}

/// Plays the part to its end.
pub(crate) fn play(role: &str) -> ExitCode {
    let played = match role {
        "karafka" => return benched::generated::app().run(benched::state::State::build),
        "by-hand" => consume::by_hand::run(consume::by_hand::Settings::Tuned),
        "by-hand-defaults" => consume::by_hand::run(consume::by_hand::Settings::Defaults),
        "broker" => consume::broker::serve(),
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

/// This program with a part to play and these variables, not started yet.
pub(crate) fn command(role: &str, variables: &[(&str, &str)]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    environment::clean(&mut command).env(VARIABLE, role).envs(variables.iter().copied());
    command.env_remove("CARGO");
    Ok(command)
}

/// Starts this program with a part to play.
pub(crate) fn cast(role: &str, variables: &[(&str, &str)]) -> Result<Process> {
    Process::start(&mut command(role, variables)?)
}

/// Waits for the line that a part prints for whoever started it.
pub(crate) fn word(process: &mut Process) -> Result<Value> {
    let line = process.wait_for_line("its result", PATIENCE, |line| line.starts_with(MARK))?;
    serde_json::from_str(&line[MARK.len()..]).with_context(|| format!("not a result: {line}"))
}

/// The figures of the probe's line.
pub(crate) fn figures(word: &Value) -> Result<Run> {
    let figure = |name: &str| word[name].as_f64().with_context(|| format!("no `{name}` in {word}"));
    Ok(Run { wall_s: figure("wall_s")?, cpu_s: Some(figure("cpu_s")?), rss_mb: Some(figure("rss_mb")?) })
}
