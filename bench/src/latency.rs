//! From just before a record is handed to a producer until `perform` starts: an idle app with its default settings,
//! and records that come one by one.

use std::{env, time::Duration};

use anyhow::{Context, Result};
use benched::{
    delays::Delays,
    probe::{MARK, MESSAGES, Probe, monotonic},
};
use clap::Args;
use karafka::broker::EmbeddedBroker;
use karafka_tests::process::{Process, Signal};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use serde_json::Value;

use crate::{
    Common,
    contest::{self, Contender},
    report::{Aim::AtMost, Comparison, Figure::More, Report, Run},
    role,
    stage::{Brokers, Stage},
    start,
};

/// The time between two records.
const PAUSE: Duration = Duration::from_millis(5);

/// Records that go before, until the group has settled; they say no time.
const BEFORE: u64 = 20;

/// The part of this program that does it by hand.
pub(crate) const BY_HAND: &str = "ticks-by-hand";

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
    let contenders = [Contender::app("karafka", "ticks"), Contender::by_hand("by-hand", BY_HAND)];
    // Each run has a topic of its own, or a broker: what another one was sent is late by minutes.
    let topics = vec![("ticks", 4); rounds * contenders.len()];
    let stage = if options.brokers.are_real() { Some(Stage::set(&options.brokers, &topics)?) } else { None };
    let rows = contest::hold(&contenders, rounds, |contender, round| {
        let is_app = contender.name == "karafka";
        figures(&match &stage {
            Some(stage) => {
                let place = 2 * round + usize::from(is_app);
                let group = format!("{}-{round}", contender.name);
                let mut process = contender.clone().on(place).start(stage, &group, messages + BEFORE)?;
                hear(&mut process, is_app, stage.address(), stage.topic(place), messages)?
            }
            None => embedded(is_app, messages)?,
        })
    })?;
    let comparisons = vec![
        Comparison::alone("karafka", More("p99_ms")).aims(AtMost(5.0)),
        Comparison::of("karafka", More("p50_ms"), "by-hand"),
        Comparison::of("karafka", More("p99_ms"), "by-hand"),
    ];
    Ok(Report { bench: "latency", messages: 0, rows, comparisons })
}

/// On the broker inside the process, as an app has it in development.
fn embedded(is_app: bool, messages: u64) -> Result<Value> {
    start::forget_address()?;
    let all = (messages + BEFORE).to_string();
    let variables = [("KARAFKA_ENV", "development"), (MESSAGES, &*all)];
    let (role, words): (_, &[&str]) =
        if is_app { (role::APP, &["server", "--topics", "ticks"]) } else { (BY_HAND, &[]) };
    let mut process = role::spawn(role, words, &variables)?;
    let address = if is_app {
        start::wait_for_address(&mut process)?
    } else {
        role::word(&mut process)?["address"].as_str().context("no address")?.to_owned()
    };
    hear(&mut process, is_app, &address, "ticks", messages)
}

/// Sends to a contender, and hears what it found.
fn hear(process: &mut Process, is_app: bool, address: &str, topic: &str, messages: u64) -> Result<Value> {
    send(address, topic, messages)?;
    let line = process
        .wait_for_line("its result", role::PATIENCE, |line| line.starts_with(MARK) && line.contains("p99_ms"))?;
    if is_app {
        process.signal(Signal::TERM)?;
    }
    while process.is_running()? {
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(serde_json::from_str(&line[MARK.len()..])?)
}

/// The loop that one would write, on the brokers given or on one inside the process.
pub(crate) fn by_hand() -> Result<()> {
    let (probe, delays) = (Probe::of_process()?, Delays::default());
    let mut config = ClientConfig::new();
    config.set("auto.offset.reset", "earliest").set("enable.auto.offset.store", "false");
    config.set("group.id", env::var("BENCH_GROUP").unwrap_or_else(|_| "by-hand".to_owned()));
    let broker = match env::var("KARAFKA_BROKERS") {
        Ok(brokers) => {
            config.set("bootstrap.servers", brokers);
            None
        }
        Err(_) => {
            let broker = EmbeddedBroker::start(&[("ticks".to_owned(), 4)])?;
            println!(r#"{MARK}{{"address":"{}"}}"#, broker.address());
            // As the runtime sets it there: the mock broker looks up when this time is over, and not before.
            config.set("bootstrap.servers", broker.address()).set("fetch.wait.max.ms", "10");
            Some(broker)
        }
    };
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[&env::var("BENCH_TOPIC").unwrap_or_else(|_| "ticks".to_owned())])?;
    loop {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message?;
        delays.note(message.payload().context("a record without a value")?);
        consumer.store_offset_from_message(&message)?;
        if probe.count_silently() {
            probe.report(&delays.percentiles());
            break;
        }
    }
    drop(consumer);
    drop(broker);
    Ok(())
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
