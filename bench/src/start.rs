//! From the start of a built app's process to its first message, on the broker inside it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use benched::{
    generated::{manifest, messages::Event},
    probe::{MARK, Probe, monotonic},
};
use karafka_tests::process::{Process, Signal};
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
};
use serde_json::Value;

use crate::{
    Common,
    report::{Comparison, Figure, Report, Row, Run},
    role,
    stage::send_one,
};

pub(crate) fn run(common: &Common) -> Result<Report> {
    let rounds = common.rounds.unwrap_or(if common.smoke { 1 } else { 7 });
    let mut rows = ["karafka", "by hand"].map(Row::of);
    for _ in 0..rounds {
        rows[0].runs.push(karafka()?);
        rows[1].runs.push(contend("first-by-hand", &[], |process| {
            let word = role::word(process)?;
            Ok(word["address"].as_str().context("no address")?.to_owned())
        })?);
    }
    let comparisons = vec![Comparison::of("karafka", Figure::Wall, "by hand")];
    Ok(Report { bench: "start", messages: 1, rows: rows.into(), comparisons })
}

fn karafka() -> Result<Run> {
    forget_address()?;
    contend(role::APP, &["server", "--topics", "events"], wait_for_address)
}

/// Where the app leaves its broker's address for `karafka send` and other processes.
fn address_file() -> PathBuf {
    Path::new(manifest().root).join(".karafka/broker.json")
}

/// Takes away what an app that was killed left behind.
pub(crate) fn forget_address() -> Result<()> {
    let file = address_file();
    if file.exists() {
        fs::remove_file(&file)?;
    }
    Ok(())
}

/// Starts a contender, sends it one record as soon as its broker can take it, and reads when that was handled.
fn contend(role: &str, words: &[&str], address: impl FnOnce(&mut Process) -> Result<String>) -> Result<Run> {
    let begun = monotonic().as_secs_f64();
    let mut process = role::spawn(role, words, &[("KARAFKA_ENV", "development"), (benched::probe::MESSAGES, "1")])?;
    let address = address(&mut process)?;
    send_one(&address, "events")?;
    let line = process.wait_for_line("its first message", role::PATIENCE, |line| {
        line.starts_with(MARK) && line.contains("first_at_s")
    })?;
    let word: Value = serde_json::from_str(&line[MARK.len()..])?;
    let first = word["first_at_s"].as_f64().context("no time of the first message")?;
    let rss_mb = word["rss_mb"].as_f64();
    // An app runs until it is told to stop; the loop by hand ends by itself.
    if role == role::APP {
        process.signal(Signal::TERM)?;
    }
    process.wait(role::PATIENCE)?.expect_code(0)?;
    Ok(Run { wall_s: first - begun, rss_mb, ..Run::default() })
}

/// The address of the broker inside an app that was just started.
pub(crate) fn wait_for_address(process: &mut Process) -> Result<String> {
    let file = address_file();
    let deadline = Instant::now() + Duration::from_secs(30);
    while Instant::now() < deadline {
        let word: Option<Value> = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(address) = word.as_ref().and_then(|word| word["address"].as_str()) {
            return Ok(address.to_owned());
        }
        if !process.is_running()? {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("the app left no address in {}:\n{}", file.display(), process.text())
}

/// What one would write to try a consumer without Kafka: the library's mock broker, and a loop until the first
/// message.
pub(crate) fn by_hand() -> Result<()> {
    let probe = Probe::of_process()?;
    let cluster = MockCluster::new(1)?;
    cluster.create_topic("events", 4, 1)?;
    println!(r#"{MARK}{{"address":"{}"}}"#, cluster.bootstrap_servers());
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", env::var("BENCH_GROUP").unwrap_or_else(|_| "by-hand".to_owned()))
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&["events"])?;
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message?;
            let event: Event = serde_json::from_slice(message.payload().context("a record without a value")?)?;
            if probe.see(&event) {
                return Ok(());
            }
        }
    }
}
