//! Sends records and waits for Kafka's word on each.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::cli::{
    Exit, Shell,
    shell::{Tone, paint},
};
use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use karafka::{
    foreign,
    producer::{Delivery, Producer, ProducerBuilder, ProducerRecord},
    settings::Settings,
};

/// Places that are shown one by one, when many are sent at once.
const SHOWN: usize = 5;

/// Records on their way at once.
const WINDOW: usize = 1_000;

/// From this many records on there is a bar.
const LONG: usize = 2_000;

/// Sends in order, and shows where each record went.
pub(super) fn deliver(
    records: Vec<ProducerRecord>,
    settings: &Settings,
    brokers: &str,
    interval: Option<Duration>,
    shell: &Shell,
) -> anyhow::Result<Exit> {
    let mut builder = ProducerBuilder::from_settings(settings)?.brokers(brokers);
    builder = builder.client_id(format!("{}-send", settings.client_id));
    if !settings.producer_properties().contains_key("delivery.timeout.ms") {
        // Nobody waits in front of a terminal for the five minutes that librdkafka would try.
        builder = builder.property("delivery.timeout.ms", "10000");
    }
    let producer = builder.start().with_context(|| format!("the brokers are {brokers}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(send_all(records, &producer, interval, shell))
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

type Sent = (String, Delivery);

async fn send_all(
    records: Vec<ProducerRecord>,
    producer: &Producer,
    interval: Option<Duration>,
    shell: &Shell,
) -> anyhow::Result<Exit> {
    let (count, began) = (records.len(), Instant::now());
    let topic = records.first().map_or_else(String::new, |record| record.topic().to_owned());
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
        on_their_way.push_back((record.topic().to_owned(), producer.send(record)));
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
        match sent.await {
            Ok(delivered) => {
                if self.delivered < self.shown {
                    let offset = delivered.offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
                    let line = format!("{topic}/{}@{offset}\n", delivered.partition);
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
