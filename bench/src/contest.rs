//! Contenders that take turns on one stage, each in a process of its own.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use benched::probe::MESSAGES;
use karafka_tests::{
    environment,
    process::{Process, Signal},
};
use serde_json::Value;

use crate::{
    report::{Row, Run},
    role,
    stage::Stage,
};

/// Who consumes, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Contender {
    pub(crate) name: String,
    part: Part,
    /// The place of its topic on the stage.
    place: usize,
    variables: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
enum Part {
    /// The app, with one of its topics.
    App(&'static str),
    /// The same, which stops itself after the last message and reports then.
    AppToTheEnd(&'static str),
    /// A part of this program that ends by itself.
    ByHand(&'static str),
    /// Another program, as a part of this one.
    Peer(PathBuf),
}

/// Whoever has a row.
pub(crate) trait Named {
    /// What the row is called.
    fn name(&self) -> &str;
}

impl Named for Contender {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Contender {
    /// The app that `karafka generate` made, consuming the topic of this key.
    pub(crate) fn app(name: &str, topic: &'static str) -> Self {
        Self::new(name, Part::App(topic))
    }

    /// The same, measured up to the end of a clean stop.
    pub(crate) fn app_to_the_end(name: &str, topic: &'static str) -> Self {
        Self::new(name, Part::AppToTheEnd(topic))
    }

    /// A part of this program.
    pub(crate) fn by_hand(name: &str, role: &'static str) -> Self {
        Self::new(name, Part::ByHand(role))
    }

    /// Another program, which knows the same variables.
    pub(crate) fn peer(name: &str, program: PathBuf) -> Self {
        Self::new(name, Part::Peer(program))
    }

    fn new(name: &str, part: Part) -> Self {
        Self { name: name.to_owned(), part, place: 0, variables: Vec::new() }
    }

    /// The same on another topic of the stage.
    #[must_use]
    pub(crate) fn on(mut self, place: usize) -> Self {
        self.place = place;
        self
    }

    /// The same with a variable in its environment.
    #[must_use]
    pub(crate) fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Starts it as the only member of a group, for so many messages.
    pub(crate) fn start(&self, stage: &Stage, group: &str, messages: u64) -> Result<Process> {
        let messages = messages.to_string();
        let mut variables = vec![
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_BROKERS", stage.address()),
            ("BENCH_GROUP", group),
            (MESSAGES, &messages),
        ];
        variables.extend(self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let topic = stage.topic(self.place);
        match &self.part {
            Part::App(key) | Part::AppToTheEnd(key) => {
                let variable = format!("BENCH_{}", key.to_uppercase());
                variables.push((&variable, topic));
                let role = if matches!(self.part, Part::App(_)) { role::APP } else { role::APP_TO_THE_END };
                role::spawn(role, &["server", "--topics", key], &variables)
            }
            Part::ByHand(role) => {
                variables.push(("BENCH_TOPIC", topic));
                role::spawn(role, &[], &variables)
            }
            Part::Peer(program) => {
                variables.push(("BENCH_TOPIC", topic));
                let mut command = Command::new(program);
                Process::start(environment::clean(&mut command).env_remove("CARGO").envs(variables))
            }
        }
    }

    /// Lets it commit and leave its group, so that the next one has the broker to itself. An app runs until it is
    /// told to stop; the others end by themselves.
    pub(crate) fn end(&self, mut process: Process) -> Result<()> {
        if matches!(self.part, Part::App(_)) {
            process.signal(Signal::TERM)?;
        }
        process.wait(role::PATIENCE)?.expect_code(0).map(drop)
    }

    /// From its start to its end, with what its probe says.
    pub(crate) fn run(&self, stage: &Stage, round: usize, messages: u64) -> Result<Value> {
        let group = format!("{}-{round}", self.name.replace([' ', ','], "-"));
        let mut process = self.start(stage, &group, messages)?;
        let word = role::word(&mut process)?;
        self.end(process)?;
        Ok(word)
    }
}

/// Rounds in which everybody runs once. Interleaved, so that a slow minute of the machine falls on all; turned about,
/// so that nobody is always first.
pub(crate) fn hold<C: Named>(
    contenders: &[C],
    rounds: usize,
    mut run: impl FnMut(&C, usize) -> Result<Run>,
) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = contenders.iter().map(|contender| Row::of(contender.name())).collect();
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            let place = (round + turn) % contenders.len();
            rows[place].runs.push(run(&contenders[place], round)?);
        }
    }
    Ok(rows)
}
