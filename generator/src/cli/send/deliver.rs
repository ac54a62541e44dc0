//! Sends records and waits for Kafka's word on each.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use karafka::{
    foreign,
    producer::{Delivered, Outgoing, Producer, SendError},
    settings::Settings,
};
use tokio::task::{JoinHandle, LocalSet};

use crate::cli::{
    Exit, Shell,
    shell::{Tone, paint},
};

/// Places that are shown one by one, when many are sent at once.
const SHOWN: usize = 5;

/// Records on their way at once.
const WINDOW: usize = 1_000;

/// From this many records on there is a bar.
const LONG: usize = 2_000;

/// Sends in order, and shows where each record went.
pub(super) fn deliver(
    records: Vec<Outgoing>,
    settings: &Settings,
    brokers: &str,
    interval: Option<Duration>,
    shell: &Shell,
) -> anyhow::Result<Exit> {
    let mut properties = settings.producer_properties();
    properties.insert("bootstrap.servers".to_owned(), brokers.to_owned());
    properties.insert("client.id".to_owned(), format!("{}-send", settings.client_id));
    // Nobody waits in front of a terminal for the five minutes that librdkafka would try.
    properties.entry("delivery.timeout.ms".to_owned()).or_insert_with(|| "10000".to_owned());
    let producer = Producer::new(&properties).with_context(|| format!("the brokers are {brokers}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, send_all(records, producer, interval, shell))
}

/// What came of the records so far.
struct Tally<'a> {
    shell: &'a Shell,
    bar: ProgressBar,
    /// How many places are shown one by one.
    shown: usize,
    delivered: usize,
    failed: usize,
    first_failure: Option<String>,
}

type Sent = (String, JoinHandle<Result<Delivered, SendError>>);

async fn send_all(
    records: Vec<Outgoing>,
    producer: Producer,
    interval: Option<Duration>,
    shell: &Shell,
) -> anyhow::Result<Exit> {
    let (count, began) = (records.len(), Instant::now());
    let topic = records.first().map_or_else(String::new, |record| record.topic.clone());
    let bar = if count >= LONG && !shell.quiet { ProgressBar::new(count as u64) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("     sending  [{bar:27}] {pos}/{len}") {
        bar.set_style(style.progress_chars("=> "));
    }
    let shown = if interval.is_some() { usize::MAX } else { SHOWN };
    let mut tally = Tally { shell, bar, shown, delivered: 0, failed: 0, first_failure: None };

    let mut on_their_way: VecDeque<Sent> = VecDeque::new();
    for (index, record) in records.into_iter().enumerate() {
        if let Some(interval) = interval.filter(|_| index > 0) {
            tokio::time::sleep(interval).await;
        }
        let (topic, producer) = (record.topic.clone(), producer.clone());
        on_their_way.push_back((topic, tokio::task::spawn_local(async move { producer.send(record).await })));
        while on_their_way.len() >= if interval.is_some() { 1 } else { WINDOW } {
            tally.next(&mut on_their_way).await?;
        }
    }
    while !on_their_way.is_empty() {
        tally.next(&mut on_their_way).await?;
    }
    tally.bar.finish_and_clear();
    tally.conclude(count, &topic, began.elapsed())
}

impl Tally<'_> {
    /// Waits for the oldest one: acknowledgements are shown in the order of sending.
    async fn next(&mut self, on_their_way: &mut VecDeque<Sent>) -> anyhow::Result<()> {
        let Some((topic, sent)) = on_their_way.pop_front() else { return Ok(()) };
        self.bar.inc(1);
        match sent.await? {
            Ok(Delivered { partition, offset }) => {
                if self.delivered < self.shown {
                    let line = format!("{topic}/{partition}@{offset}\n");
                    self.bar.suspend(|| self.shell.out(&line))?;
                }
                self.delivered += 1;
            }
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
        Ok(())
    }

    fn conclude(self, count: usize, topic: &str, took: Duration) -> anyhow::Result<Exit> {
        if self.delivered > self.shown {
            self.shell.out(&format!("… and {} more\n", self.delivered - self.shown))?;
        }
        if self.delivered > 0 {
            let noun = if self.delivered == 1 { "message" } else { "messages" };
            let words = format!("{} {noun} to {topic} in {:.1} s, acknowledged", self.delivered, took.as_secs_f64());
            self.shell.progress(Tone::Good, "sent", &words);
        }
        let Some(reason) = self.first_failure else { return Ok(Exit::Done) };
        let mark = paint(Tone::Bad, "error", self.shell.color_err());
        self.shell.err(&format!("{mark}: {} of {count} were not sent: {}\n", self.failed, foreign::paragraph(&reason)));
        Ok(Exit::Wrong)
    }
}
