//! What every attempt of an app reaches, and where what it sends goes.

use std::{collections::BTreeMap, sync::Arc};

use super::scope::{EmitScope, Unpartitioned, WaitsForRoom};
use crate::{
    OwnedRecord, Result,
    jobs::enqueue::Enqueuer,
    layer::Layers,
    outgoing::{Content, DeliveryReport, Outgoing, Sender, Sent, Ticket},
    producer::client::{Handed, ProducerClient},
};

/// What every context of an app reaches.
pub(crate) struct AppShared<S> {
    pub(crate) state: S,
    pub(crate) outlet: Outlet,
    /// Where jobs go, by the queue's name; empty where they are performed, and in tests.
    pub(crate) queues: BTreeMap<String, Arc<Enqueuer>>,
    /// A topic's name in Kafka by its key in the manifest.
    pub(crate) names: BTreeMap<&'static str, String>,
    /// What the jitter of backoffs grows from: another number in each process, the same in each run of a simulation.
    pub(crate) seed: u64,
    /// Takes back what was begun outside of a partition.
    pub(crate) loose: Unpartitioned,
    /// What is wrapped around attempts, and around what is sent.
    pub(crate) layers: Layers<S>,
    /// Whether it is measured how long attempts take.
    pub(crate) measures: bool,
    /// Who plays along in a simulation.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) stage: Option<Arc<dyn super::simulated::Attempts>>,
}

/// Where an app's records go.
pub(crate) enum Outlet {
    /// To Kafka.
    Kafka(ProducerClient),
    /// To a Kafka in the process.
    #[cfg(any(test, feature = "testing"))]
    InProcess(Box<dyn super::simulated::Broker>),
    /// Nowhere: the app sends nothing, or a test of a controller captures what it sends.
    Nowhere,
}

impl<S> AppShared<S> {
    /// Of an app with this state that sends nothing, and hands nothing over as a job.
    pub(crate) fn new(state: S, names: BTreeMap<&'static str, String>, layers: Layers<S>) -> Self {
        Self {
            state,
            outlet: Outlet::Nowhere,
            queues: BTreeMap::new(),
            names,
            seed: 0,
            loose: Unpartitioned::default(),
            layers,
            measures: false,
            #[cfg(any(test, feature = "testing"))]
            stage: None,
        }
    }

    fn kafka_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.names.get(key).map_or(key, String::as_str)
    }

    /// Hands over what a controller sends. Returns what is to be waited for if the producer's queue is full.
    pub(crate) fn send<'a>(
        &'a self,
        scope: &EmitScope,
        topic: &'static str,
        content: Content,
    ) -> Result<Option<WaitsForRoom<'a>>> {
        let name = self.kafka_name(topic);
        let ticket = |number| Ticket::new(number, Sent::Emit(topic));
        match scope {
            EmitScope::Lane { lane, sequence } => {
                let room = self.send_from(|| Arc::clone(lane) as _, ticket(*sequence), name, content)?;
                Ok(room.map(|room| Arc::clone(lane).wait_for_room(*sequence, room)))
            }
            #[cfg(feature = "jobs")]
            EmitScope::Job { emits, .. } => self.send_from(|| Arc::clone(emits), ticket(0), name, content),
            EmitScope::Captured { captured, .. } => {
                let mut captured = captured.lock();
                let offset = i64::try_from(captured.len()).unwrap_or(i64::MAX);
                captured.push((topic, owned(content.to(name.to_owned()), offset)));
                Ok(None)
            }
        }
    }

    /// Hands a record to the producer, as [`AppShared::send`]; the sender is told what became of it.
    pub(crate) fn send_from<'a>(
        &'a self,
        sender: impl Fn() -> Arc<dyn Sender>,
        ticket: Ticket,
        topic: &'a str,
        content: Content,
    ) -> Result<Option<WaitsForRoom<'a>>> {
        let report = || DeliveryReport { sender: sender(), ticket };
        match &self.outlet {
            Outlet::Kafka(producer) => Ok(match producer.try_enqueue(topic, &content, Some(Box::new(report())))? {
                Handed::Over => None,
                Handed::Back(report) => {
                    Some(Box::pin(async move { Ok(producer.wait_for_room(topic, &content, report, || Ok(())).await?) }))
                }
            }),
            #[cfg(any(test, feature = "testing"))]
            Outlet::InProcess(broker) => {
                broker.produce(content.to(topic.to_owned()), &report());
                Ok(None)
            }
            Outlet::Nowhere => Err(crate::Error::new("the app has no producer")),
        }
    }
}

impl Outlet {
    /// Whether nothing will be sent any more.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Kafka(producer) => producer.failure().is_some(),
            #[cfg(any(test, feature = "testing"))]
            Self::InProcess(_) => false,
            Self::Nowhere => false,
        }
    }
}

fn owned(outgoing: Outgoing, offset: i64) -> OwnedRecord {
    OwnedRecord {
        topic: outgoing.topic.into(),
        partition: 0,
        offset,
        timestamp_ms: None,
        key: outgoing.key,
        value: outgoing.value,
        headers: outgoing.headers,
    }
}
