//! What an app would write with our producer.

use std::{
    env,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use benched::{
    generated::{app, topics::Relayed},
    probe::{MESSAGES, Probe},
};
use karafka::{
    Topic as _,
    producer::{Acks, Producer, ProducerBuilder, ProducerRecord, Variant},
    settings::Settings,
};
use tokio::runtime::{Builder, Runtime};

use super::{FIGURES, SIZE, TOLD, TOPIC};
use crate::stage::event;

/// Different events, sent again and again: making them is nobody's work here.
const EVENTS: u64 = 1_000;

/// Between two records that come one by one.
const PAUSE: Duration = Duration::from_millis(1);

fn producer() -> Result<Producer> {
    let settings = Settings::from_env(app().manifest())?;
    let builder = ProducerBuilder::from_settings(&settings)?;
    let builder = TOLD.iter().fold(builder, |builder, (name, value)| builder.property(name, *value));
    Ok(builder.start()?)
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Typed, acknowledged by all, and every fate looked at.
pub(crate) fn all() -> Result<()> {
    let (probe, producer, messages) = (Probe::of_process()?, producer()?, env::var(MESSAGES)?.parse::<usize>()?);
    let events: Vec<_> = (0..EVENTS).map(event).collect();
    runtime()?.block_on(async {
        probe.begin();
        let records = events.iter().cycle().take(messages).map(|event| Relayed.record(event));
        for sent in producer.send_all(records.map_while(Result::ok)).await {
            sent?;
            probe.count_silently();
        }
        anyhow::Ok(())
    })?;
    probe.report(&[]);
    Ok(())
}

/// Bytes that nobody waits for.
pub(crate) fn forget() -> Result<()> {
    let (probe, producer, messages) = (Probe::of_process()?, producer()?, env::var(MESSAGES)?.parse::<u64>()?);
    let (topic, value) = (env::var(TOPIC)?, vec![b'x'; SIZE]);
    runtime()?.block_on(async {
        probe.begin();
        for _ in 0..messages {
            producer.send_and_forget(ProducerRecord::to(topic.as_str()).value(value.as_slice())).await?;
        }
        producer.close(Duration::from_secs(120)).await?;
        anyhow::Ok(())
    })?;
    probe.report(&[]);
    Ok(())
}

/// One that is waited for, then one that is only handed over, again and again.
pub(crate) fn one_by_one() -> Result<()> {
    let (probe, producer) = (Probe::of_process()?, producer()?);
    let handed = producer.variant(Variant::new().acks(Acks::None));
    let messages = env::var(MESSAGES)?.parse::<usize>()?.min(3_000);
    let topic = env::var(TOPIC)?;
    let record = || ProducerRecord::to(topic.as_str()).value(vec![b'x'; SIZE]);
    let (mut acknowledged, mut handed_over) = (Vec::new(), Vec::new());
    runtime()?.block_on(async {
        // Connections and leaders are found before.
        for _ in 0..20 {
            producer.send(record()).await?;
            handed.send(record()).await?;
        }
        probe.begin();
        for _ in 0..messages {
            let begun = Instant::now();
            producer.send(record()).await?;
            acknowledged.push(begun.elapsed());
            let one = record();
            let begun = Instant::now();
            handed.send_and_forget(one).await?;
            handed_over.push(begun.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok(())
    })?;
    let [a50, a99] = percentiles(acknowledged).context("nothing was sent")?;
    let [h50, h99] = percentiles(handed_over).context("nothing was sent")?;
    let [n50, n99, m50, m99] = FIGURES;
    probe.report(&[(n50, a50), (n99, a99), (m50, h50), (m99, h99)]);
    Ok(())
}

/// In microseconds, what half and 99 % do not exceed.
fn percentiles(mut times: Vec<Duration>) -> Option<[f64; 2]> {
    times.sort_unstable();
    let at = |hundredths: usize| times.get((times.len() * hundredths).div_ceil(100).max(1) - 1);
    Some([at(50)?, at(99)?].map(|time| time.as_secs_f64() * 1e6))
}
