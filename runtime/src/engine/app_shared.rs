//! What every attempt of an app reaches, and where what it sends goes.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    core::tracker::Sequence,
    job_emits::JobEmits,
    lane_shared::{LaneShared, WaitsForRoom},
    revoked::Revoked,
};
use crate::{
    OwnedRecord, Result,
    client::outgoing::{Content, DeliveryReport, Sender, Sent, Ticket},
    jobs::enqueue::Enqueuer,
    producer::{Outgoing, Producer},
    sync::Mutex,
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
    pub(crate) loose: Loose,
    /// Who plays along in a simulation.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) stage: Option<Arc<crate::testing::stage::Stage>>,
}

/// Where an app's records go.
pub(crate) enum Outlet {
    /// To Kafka.
    Kafka(Producer),
    /// To a Kafka in the process.
    #[cfg(any(test, feature = "testing"))]
    Source(crate::testing::source::Source),
    /// Nowhere: the app sends nothing, or a test of a controller captures what it sends.
    Nowhere,
}

impl<S> AppShared<S> {
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
                let room = self.send_from(lane, ticket(*sequence), name, content)?;
                Ok(room.map(|room| lane.wait_for_room(*sequence, room)))
            }
            EmitScope::Job { emits, .. } => self.send_from(emits, ticket(0), name, content),
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
        sender: &Arc<impl Sender + 'static>,
        ticket: Ticket,
        topic: &'a str,
        content: Content,
    ) -> Result<Option<WaitsForRoom<'a>>> {
        let report = || DeliveryReport { sender: Arc::clone(sender) as Arc<dyn Sender>, ticket };
        match &self.outlet {
            Outlet::Kafka(producer) => {
                let full = producer.try_enqueue(topic, &content, Box::new(report()))?;
                Ok(full.map(|report| -> WaitsForRoom<'a> {
                    Box::pin(async move { Ok(producer.enqueue(topic, &content, report).await?) })
                }))
            }
            #[cfg(any(test, feature = "testing"))]
            Outlet::Source(source) => {
                source.produce(content.to(topic.to_owned()), &report());
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
            Self::Source(_) => false,
            Self::Nowhere => false,
        }
    }
}

/// Where a record's emits are counted.
pub(crate) enum EmitScope {
    /// On the way to Kafka, for the record of this sequence number.
    Lane { lane: Arc<LaneShared>, sequence: Sequence },
    /// On the way to Kafka, for a job.
    Job { emits: Arc<JobEmits>, revoked: Arc<Revoked> },
    /// Kept for a test, each with its topic's key.
    Captured { captured: Mutex<Vec<(&'static str, OwnedRecord)>>, revoked: Arc<Revoked> },
}

impl EmitScope {
    /// Kept for a test of an attempt that [`Loose`] may take back.
    pub(crate) fn captured(loose: &Loose) -> Self {
        Self::Captured { captured: Mutex::default(), revoked: loose.begin() }
    }

    /// Who says that the record is somebody else's.
    pub(crate) fn revoked(&self) -> &Revoked {
        match self {
            Self::Lane { lane, .. } => &lane.revoked,
            Self::Job { revoked, .. } | Self::Captured { revoked, .. } => revoked,
        }
    }

    /// Whether the record is somebody else's by now, who begins it as this process has: to fail is no failed attempt then.
    /// A record that was committed before is nobody else's.
    pub(crate) fn is_taken(&self) -> bool {
        let is_ahead = matches!(self, Self::Lane { lane, .. } if lane.commit_request.has_granted());
        self.revoked().is_told() && !is_ahead
    }
}

/// Jobs, and attempts of a test: what is at work and stands in no partition, until it is all taken back at once.
#[derive(Debug, Default)]
pub(crate) struct Loose(Mutex<Arc<Revoked>>);

impl Loose {
    /// What tells an attempt that begins now.
    pub(crate) fn begin(&self) -> Arc<Revoked> {
        Arc::clone(&self.0.lock())
    }

    /// Tells all that has begun, and nothing that begins from here on. Returns whether somebody listens.
    pub(crate) fn take_back(&self) -> bool {
        let begun = std::mem::take(&mut *self.0.lock());
        begun.tell();
        begun.is_listened_to()
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
