//! What one would write with care on the safe wrapper's producer: each event is written as JSON, handed over, and its
//! future kept; where the queue is full, the oldest one is awaited.

use std::{collections::VecDeque, env, future::Future, time::Duration};

use anyhow::{Context as _, Result, bail};
use benched::probe::{MESSAGES, Probe};
use rdkafka::{
    ClientConfig,
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{FutureProducer, FutureRecord, future_producer::OwnedDeliveryResult},
    util::AsyncRuntime,
};
use tokio::runtime::Builder;

use super::{TOLD, TOPIC};
use crate::stage::event;

/// tokio, which the wrapper knows only with a feature that nothing else here needs.
struct Tokio;

impl AsyncRuntime for Tokio {
    type Delay = tokio::time::Sleep;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        tokio::time::sleep(duration)
    }
}

pub(crate) fn run() -> Result<()> {
    let (probe, messages) = (Probe::of_process()?, env::var(MESSAGES)?.parse::<usize>()?);
    let topic = env::var(TOPIC)?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", env::var("KARAFKA_BROKERS")?);
    for (name, value) in TOLD {
        config.set(name, value);
    }
    let producer: FutureProducer<DefaultClientContext, Tokio> = config.create()?;
    let events: Vec<_> = (0..1_000).map(event).collect();
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        probe.begin();
        let mut on_their_way = VecDeque::new();
        for event in events.iter().cycle().take(messages) {
            let value = serde_json::to_vec(event)?;
            loop {
                let record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic).payload(&value);
                match producer.send_result(record) {
                    Ok(sent) => break on_their_way.push_back(sent),
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                        let oldest = on_their_way.pop_front().context("the queue is full of nothing")?;
                        acknowledged(oldest.await?)?;
                        probe.count_silently();
                    }
                    Err((error, _)) => bail!(error),
                }
            }
        }
        for sent in on_their_way {
            acknowledged(sent.await?)?;
            probe.count_silently();
        }
        anyhow::Ok(())
    })?;
    probe.report(&[]);
    Ok(())
}

fn acknowledged(result: OwnedDeliveryResult) -> Result<()> {
    result.map(drop).map_err(|(error, _)| error.into())
}
