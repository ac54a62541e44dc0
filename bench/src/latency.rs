//! From just before a record is handed to a producer until `perform` starts: an idle app with its default settings,
//! and records that come one by one.

use std::time::Duration;

use anyhow::{Context, Result};
use benched::probe::{MESSAGES, monotonic};
use clap::Args;
use karafka_tests::process::{Process, Signal};
use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use serde_json::Value;

use crate::{
    Common,
    contest::Contender,
    report::{Aim::AtMost, Comparison, Figure::More, Report, Row, Run},
    role,
    stage::{Brokers, Stage},
    start,
};

/// The time between two records.
const PAUSE: Duration = Duration::from_millis(5);

/// Records that go before, until the group has settled; they say no time.
const BEFORE: u64 = 20;

const FIGURES: [&str; 3] = ["p50_ms", "p99_ms", "max_ms"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Records to send.
    #[arg(long, default_value_t = 3_000)]
    messages: u64,
    #[command(flatten)]
    brokers: Brokers,
}

impl Default for Options {
    fn default() -> Self {
        Self { messages: 3_000, brokers: Brokers::default() }
    }
}

pub(crate) fn run(options: &Options, common: &Common) -> Result<Report> {
    let messages = if common.smoke { options.messages.min(200) } else { options.messages };
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 3 });
    let mut row = Row::of("karafka");
    for round in 0..rounds {
        let word = if options.brokers.are_real() {
            let stage = Stage::set(&options.brokers, &[("ticks", 4)])?;
            let mut app =
                Contender::app("karafka", "ticks").start(&stage, &format!("ticks-{round}"), messages + BEFORE)?;
            send(stage.address(), stage.topic(0), messages)?;
            let word = role::word(&mut app)?;
            stop(app)?;
            word
        } else {
            embedded(messages)?
        };
        row.runs.push(figures(&word)?);
    }
    let comparisons = vec![Comparison::alone("karafka", More("p99_ms")).aims(AtMost(5.0))];
    Ok(Report { bench: "latency", messages, rows: vec![row], comparisons })
}

/// On the broker inside the app, as in development.
fn embedded(messages: u64) -> Result<Value> {
    start::forget_address()?;
    let all = (messages + BEFORE).to_string();
    let variables = [("KARAFKA_ENV", "development"), (MESSAGES, &*all)];
    let mut app = role::cast(role::APP, &["server", "--topics", "ticks"], &variables)?;
    let address = start::wait_for_address(&mut app)?;
    send(&address, "ticks", messages)?;
    let word = role::word(&mut app)?;
    stop(app)?;
    Ok(word)
}

fn stop(mut app: Process) -> Result<()> {
    app.signal(Signal::TERM)?;
    app.wait(role::PATIENCE)?.expect_code(0).map(drop)
}

fn figures(word: &Value) -> Result<Run> {
    let mut run = role::figures(word)?;
    for name in FIGURES {
        run.more.push((name, word[name].as_f64().with_context(|| format!("no `{name}` in {word}"))?));
    }
    Ok(run)
}

/// Sends records one by one; each says when. What the producer waits for to fill a batch is not the app's time.
fn send(address: &str, topic: &str, messages: u64) -> Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> =
        ClientConfig::new().set("bootstrap.servers", address).set("linger.ms", "0").create()?;
    for number in 0..messages + BEFORE {
        let sent = if number < BEFORE { "none".to_owned() } else { monotonic().as_nanos().to_string() };
        let record = BaseRecord::<(), str>::to(topic).partition(i32::try_from(number % 4)?).payload(&sent);
        producer.send(record).map_err(|(error, _)| error)?;
        if number + 1 == BEFORE {
            // The group has to take shape first.
            producer.flush(Duration::from_secs(10))?;
            std::thread::sleep(Duration::from_secs(5));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(producer.flush(Duration::from_secs(10))?)
}
