//! `karafka send`: puts messages on a topic, checked against its type first.

mod deliver;
mod input;

use std::{
    io::{self, IsTerminal as _, Read as _},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use karafka::{producer::ProducerRecord, settings::parse, types::Timestamp};
use karafka_generator::{manifest::keys::nearest, model::Topic};

use super::{Exit, Shell, WrongCall, running::RunningApp};
use input::Checked;

/// Send each line of standard input to a topic, or samples made from the topic's message type.
///
/// Everything is checked against the type before anything is sent.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karafka send orders --sample 5 --interval 1s
  karafka send orders < orders.jsonl
  echo '{\"id\":\"0f9c…\",\"total\":\"12.50\"}' | karafka send orders --key id --header source=test")]
pub(crate) struct Args {
    /// The topic's key in karafka.yml
    topic: String,

    /// Send N messages made from the topic's message type
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    sample: Option<u64>,

    /// The field whose value is the record's key; by default the topic's `key:`
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,

    /// A header of each record; can be given several times
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// Wait between two messages, such as 1s
    #[arg(long, value_name = "TIME", value_parser = interval)]
    interval: Option<Duration>,

    /// Where Kafka is; by default as the app's settings say, or else the broker that runs for development
    #[arg(long, value_name = "HOST:PORT,…")]
    brokers: Option<String>,
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it must be NAME=VALUE, such as `source=test`".to_owned()),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    parse::duration(text).map_err(|expected| format!("it must be {expected}"))
}

pub(crate) fn run(args: &Args, shell: &Shell) -> anyhow::Result<Exit> {
    let Some(app) = RunningApp::find(shell)? else { return Ok(Exit::Wrong) };
    let topic = find_topic(&app, &args.topic)?;
    let checked = Checked { model: &app.model, topic, key: args.key.as_deref() };
    let messages = match args.sample {
        Some(count) => checked.samples(count, Timestamp::from(SystemTime::now()))?,
        None => {
            let mut text = Vec::new();
            if io::stdin().is_terminal() {
                shell.err("a message a line; Ctrl-D ends\n");
            }
            io::stdin().lock().read_to_end(&mut text).context("standard input cannot be read")?;
            match checked.lines(&text) {
                Ok(messages) => messages,
                Err(wrong) => {
                    shell.err(&wrong.report(&topic.key, shell.color_err()));
                    return Ok(Exit::Wrong);
                }
            }
        }
    };
    if messages.is_empty() {
        bail!("there is nothing to send\n  write a message a line to standard input, or use `--sample 3`");
    }

    let settings = app.settings(args.brokers.as_deref())?;
    let brokers = app.brokers(&settings)?;
    let name = settings.topic(&topic.key).map_or_else(|| topic.key.clone(), |topic| topic.name.clone());
    let records = messages.into_iter().map(|message| {
        let mut record = ProducerRecord::to(name.as_str()).value(message.value);
        if let Some(key) = message.key {
            record = record.key(key);
        }
        args.headers.iter().fold(record, |record, (name, value)| record.header(name.as_str(), value.as_str()))
    });
    deliver::deliver(records.collect(), &settings, &brokers, args.interval, shell)
}

fn find_topic<'a>(app: &'a RunningApp, wanted: &str) -> anyhow::Result<&'a Topic> {
    if let Some(topic) = app.model.topics.iter().find(|topic| topic.key == wanted || topic.name == wanted) {
        return Ok(topic);
    }
    let keys = || app.model.topics.iter().map(|topic| topic.key.as_str());
    let help = match nearest(wanted, keys()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", keys().collect::<Vec<_>>().join(", ")),
    };
    Err(WrongCall(format!("karafka.yml has no topic `{wanted}`\n  {help}")).into())
}
