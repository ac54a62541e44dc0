//! The client on librdkafka: one consumer a group, polled by the group's own thread.

use std::{
    collections::{BTreeMap, VecDeque},
    mem::ManuallyDrop,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::{Assigned, Client, ClientEvent, TopicPartition, Wake, native};

/// How long the committed offsets of a new assignment may take to come.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);

/// A consumer of one group.
pub(crate) struct KafkaClient {
    /// Dropped by `close`, and only when nothing points into it.
    consumer: ManuallyDrop<BaseConsumer<Events>>,
    native: native::Consumer,
    /// One for each partition that was ever assigned; they outlive the consumer.
    slots: BTreeMap<TopicPartition, Arc<native::WakeSlot>>,
}

/// What callbacks leave for [`Client::poll`].
#[derive(Default)]
struct Events {
    waiting: Mutex<VecDeque<ClientEvent>>,
    closing: AtomicBool,
}

impl Events {
    fn push(&self, event: ClientEvent) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }

    fn pop(&self) -> Option<ClientEvent> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl ClientContext for Events {
    fn error(&self, _error: KafkaError, _reason: &str) {
        // The same error comes through `poll`, where it is an event.
    }
}

impl ConsumerContext for Events {
    /// Leaves the answer to the group's thread, which drains lanes first: librdkafka waits for it.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let Some(native) = native::Consumer::from_wrapper(consumer.client().native_ptr()) else { return };
        if self.closing.load(Ordering::Acquire) {
            // Nobody is left to drain.
            let _ = native.unassign(list);
            return;
        }
        let partitions = partitions_of(list);
        self.push(if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            ClientEvent::Assign(partitions)
        } else {
            ClientEvent::Revoke { partitions, lost: native.assignment_lost() }
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, list: &TopicPartitionList) {
        let mut error = result.err().map(|error| error.to_string());
        let mut offsets = Vec::new();
        for element in list.elements() {
            if let Err(reason) = element.error() {
                error.get_or_insert_with(|| reason.to_string());
            }
            if let Offset::Offset(offset) = element.offset() {
                offsets.push((partition_of(element.topic(), element.partition()), offset));
            }
        }
        self.push(ClientEvent::Committed { offsets, error });
    }
}

impl KafkaClient {
    /// Joins a group.
    ///
    /// # Errors
    ///
    /// What librdkafka says of the configuration or the topics' names.
    pub(crate) fn join(config: &ClientConfig, topics: &[&str]) -> Result<Self, String> {
        let mut consumer: BaseConsumer<Events> =
            config.create_with_context(Events::default()).map_err(|error| error.to_string())?;
        let here = thread::current();
        consumer.set_nonempty_callback(move || here.unpark());
        let native = native::Consumer::from_wrapper(consumer.client().native_ptr()).ok_or("no client")?;
        consumer.subscribe(topics).map_err(|error| error.to_string())?;
        Ok(Self { consumer: ManuallyDrop::new(consumer), native, slots: BTreeMap::new() })
    }

    /// What is said of a topic that is not there. The wrapper drops librdkafka's own text, which names it.
    fn missing_topics(&self) -> String {
        let subscribed = self.consumer.subscription().map(|list| partitions_of(&list)).unwrap_or_default();
        let names: Vec<_> = subscribed.iter().map(|partition| format!("`{}`", partition.topic)).collect();
        match &*names {
            [name] => format!("the topic {name} is unknown to Kafka; waiting until somebody makes it"),
            names => {
                format!("one of the topics {} is unknown to Kafka; waiting until somebody makes it", names.join(", "))
            }
        }
    }

    /// The offset that each partition was committed at, if it was.
    fn positions(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, String> {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        let committed = self.consumer.committed_offsets(list, OFFSETS_TIMEOUT).map_err(|error| error.to_string())?;
        partitions
            .iter()
            .map(|partition| {
                let element = committed
                    .find_partition(&partition.topic, partition.partition)
                    .ok_or_else(|| format!("no offset came for {partition}"))?;
                element.error().map_err(|error| format!("{partition}: {error}"))?;
                Ok(match element.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                })
            })
            .collect()
    }
}

impl Client for KafkaClient {
    fn poll(&mut self) -> Option<ClientEvent> {
        if let Some(event) = self.consumer.context().pop() {
            return Some(event);
        }
        match self.consumer.poll(Duration::ZERO) {
            None => self.consumer.context().pop(),
            Some(Ok(message)) => {
                use rdkafka::Message as _;
                // Queues are split before partitions are assigned, so this cannot happen; if it did, going on would
                // lose the record.
                let place = format!("{}/{}@{}", message.topic(), message.partition(), message.offset());
                Some(ClientEvent::Fatal(format!("record {place} came outside of its partition's queue")))
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition))) => {
                Some(ClientEvent::Error(self.missing_topics()))
            }
            Some(Err(error)) => Some(describe(&error)),
        }
    }

    fn wait(&mut self, at_most: Duration) {
        thread::park_timeout(at_most);
    }

    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String> {
        let mut list = TopicPartitionList::new();
        let mut assigned = Vec::with_capacity(partitions.len());
        for (partition, start) in partitions.iter().zip(self.positions(partitions)?) {
            let from = start.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&partition.topic, partition.partition, from)
                .map_err(|error| error.to_string())?;
            let slot = self.slots.entry(partition.clone()).or_default();
            let queue = self
                .native
                .split(partition, slot, wake(partition))
                .ok_or_else(|| format!("{partition} is not known"))?;
            assigned.push(Assigned { partition: partition.clone(), start, queue: Box::new(queue) });
        }
        self.native.assign(&list)?;
        Ok(assigned)
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.native.unassign(&list_of(partitions.iter().map(|partition| (partition, None)))) {
            self.consumer.context().push(ClientEvent::Error(error));
        }
    }

    fn commit(&mut self, offsets: &[(TopicPartition, i64)]) {
        if let Err(error) = self.native.commit(&offsets_of(offsets)) {
            let error = Some(error);
            self.consumer.context().push(ClientEvent::Committed { offsets: offsets.to_vec(), error });
        }
    }

    fn commit_and_wait(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<(), String> {
        self.consumer.commit(&offsets_of(offsets), CommitMode::Sync).map_err(|error| error.to_string())
    }

    fn high_watermark(&mut self, partition: &TopicPartition) -> Option<i64> {
        self.native.high_watermark(partition)
    }

    fn close(self: Box<Self>, clean: bool) {
        self.consumer.context().closing.store(true, Ordering::Release);
        let Self { consumer, native: _, slots } = *self;
        if clean {
            drop(ManuallyDrop::into_inner(consumer));
        } else {
            // The client is leaked, and what points into it and what it points to with it: the process is about to
            // end, and a lane has not.
            let _ = ManuallyDrop::new(slots);
        }
    }
}

fn describe(error: &KafkaError) -> ClientEvent {
    match error {
        KafkaError::MessageConsumptionFatal(code) => ClientEvent::Fatal(code.to_string()),
        // These do not mend themselves: a person has to grant something.
        KafkaError::MessageConsumption(
            code @ (RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::FencedInstanceId),
        ) => ClientEvent::Fatal(code.to_string()),
        KafkaError::MessageConsumption(
            code @ (RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut),
        ) => ClientEvent::Disconnected(code.to_string()),
        KafkaError::MessageConsumption(code) => ClientEvent::Error(code.to_string()),
        other => ClientEvent::Error(other.to_string()),
    }
}

fn partition_of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: Arc::from(topic), partition }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| partition_of(element.topic(), element.partition())).collect()
}

fn offsets_of(offsets: &[(TopicPartition, i64)]) -> TopicPartitionList {
    list_of(offsets.iter().map(|(partition, offset)| (partition, Some(*offset))))
}

fn list_of<'a>(partitions: impl Iterator<Item = (&'a TopicPartition, Option<i64>)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        let mut element = list.add_partition(&partition.topic, partition.partition);
        if let Some(offset) = offset {
            // Only a negative number that is none of Kafka's marks is refused, and ours are offsets of records.
            let _ = element.set_offset(Offset::Offset(offset));
        }
    }
    list
}
