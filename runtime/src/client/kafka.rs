//! The client on librdkafka: one consumer a group, polled by the group's own thread.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem::ManuallyDrop,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use rdkafka::{
    ClientConfig, ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::{KafkaError, RDKafkaErrorCode},
    types::RDKafkaRespErr,
};

use super::{
    Assigned, Client, ClientEvent, Close, Commit, CommitAnswer, CommitError, Committed, Positions, TopicPartition,
    Wake,
    native::{self, Commits, PartitionQueue, TopicIds},
    prefetch,
    topic_watch::TopicWatch,
};
use crate::settings::{LostPosition, Start};

/// How long the committed offsets of a new assignment may take to come.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);

/// How many events that are none of the engine's are passed over in one call.
const EVENTS: usize = 1_000;

/// A consumer of one group.
pub(crate) struct KafkaClient {
    /// Dropped by `close`, and only when nothing points into it.
    consumer: ManuallyDrop<BaseConsumer<Events>>,
    native: native::Consumer,
    /// One for each partition that was ever assigned; they outlive the consumer.
    slots: BTreeMap<TopicPartition, Arc<native::WakeSlot>>,
    topics: BTreeMap<String, Positions>,
    watch: TopicWatch,
    /// Dropped by `close`, before the consumer.
    ids: TopicIds,
    /// Dropped by `close`, before the consumer.
    commits: Commits,
    /// Commits that librdkafka did not take.
    refused: VecDeque<CommitAnswer>,
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
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::log(level, facility, message);
    }

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
}

impl KafkaClient {
    /// Joins a group. At most `memory` bytes are fetched ahead.
    ///
    /// # Errors
    ///
    /// What librdkafka says of the configuration or the topics' names.
    pub(crate) fn join(
        config: &ClientConfig,
        memory: u64,
        topics: BTreeMap<String, Positions>,
    ) -> Result<Self, String> {
        let mut config = config.clone();
        prefetch::bound(&mut config, memory, topics.keys().map(String::as_str));
        let mut consumer: BaseConsumer<Events> =
            config.create_with_context(Events::default()).map_err(|error| error.to_string())?;
        let here = thread::current();
        let wake: Wake = Arc::new(move || here.unpark());
        let wake_too = Arc::clone(&wake);
        consumer.set_nonempty_callback(move || wake_too());
        let native = native::Consumer::from_wrapper(consumer.client().native_ptr()).ok_or("no client")?;
        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|error| error.to_string())?;
        let ids = TopicIds::new(native).ok_or("no queue for answers")?;
        let commits = Commits::new(native, wake).ok_or("no queue for answers")?;
        let (consumer, watch) = (ManuallyDrop::new(consumer), TopicWatch::new(Instant::now()));
        let (slots, refused) = (BTreeMap::new(), VecDeque::new());
        Ok(Self { consumer, native, slots, topics, watch, ids, commits, refused })
    }

    /// Looks now and then whether topics are still the ones that they were.
    fn look_at_topics(&mut self) {
        if self.watch.is_asking()
            && let Some(ids) = self.ids.answer()
        {
            let anew = self.watch.hear(ids);
            anew.into_iter().for_each(|topic| self.consumer.context().push(ClientEvent::MadeAnew(topic)));
        }
        if self.watch.asks(Instant::now()) {
            self.ids.ask(self.topics.keys().map(String::as_str));
        }
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

    /// The commit of each partition that has one.
    fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, String> {
        let committed = self.consumer.committed_offsets(list_of(partitions), OFFSETS_TIMEOUT);
        let committed = committed.map_err(|error| error.to_string())?;
        let read = |partition| {
            let offset = offset_in(&committed, partition)?;
            Ok(match offset {
                Offset::Offset(offset) => {
                    let metadata = native::metadata(&committed, partition).to_vec();
                    Some(Committed { offset, metadata })
                }
                _ => None,
            })
        };
        partitions.iter().map(read).collect()
    }

    /// The first offset whose record is not older than `time`, in milliseconds since 1970; [`Offset::Beginning`] and
    /// [`Offset::End`] stand for the edges. `None` if there is no such record.
    fn offsets_at(&self, partitions: &[TopicPartition], time: Offset) -> Result<Vec<Option<i64>>, String> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut times = list_of(partitions);
        times.set_all_offsets(time).map_err(|error| error.to_string())?;
        let offsets = self.consumer.offsets_for_times(times, OFFSETS_TIMEOUT).map_err(|error| error.to_string())?;
        let read = |partition| {
            Ok(match offset_in(&offsets, partition)? {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
        };
        partitions.iter().map(read).collect()
    }

    /// Where reading starts in partitions that the group has no offset in, and how much that passes over; `None` is
    /// the beginning.
    ///
    /// What is not the beginning is asked for and becomes the group's offset: left to librdkafka, a process that ends
    /// before its first commit would start at a later end, and skip what came in between.
    fn first_positions(&self, partitions: &[TopicPartition]) -> Result<BTreeMap<TopicPartition, (i64, i64)>, String> {
        let mut by_start: BTreeMap<Start, Vec<TopicPartition>> = BTreeMap::new();
        for partition in partitions {
            by_start.entry(self.positions_of(partition).start).or_default().push(partition.clone());
        }
        let mut found = BTreeMap::new();
        for (start, partitions) in by_start {
            let time = match start {
                Start::Earliest => continue,
                Start::Latest => Offset::End,
                Start::Ago(age) => Offset::Offset(milliseconds(Utc::now() - age)),
                Start::At(time) => Offset::Offset(milliseconds(time)),
            };
            let (begin, end) =
                (self.offsets_at(&partitions, Offset::Beginning)?, self.offsets_at(&partitions, Offset::End)?);
            let at = self.offsets_at(&partitions, time)?;
            for (place, partition) in partitions.into_iter().enumerate() {
                // Without a record as new as that, the next one to come is the first.
                let start = at[place].or(end[place]).ok_or_else(|| format!("{partition} has no end"))?;
                found.insert(partition, (start, start - begin[place].unwrap_or(start)));
            }
        }
        Ok(found)
    }

    /// What partitions hold. A partition whose leader does not answer is left out: what is wrong with its position
    /// shows when it is read.
    fn edges(&self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Range<i64>> {
        let ask = |time| self.offsets_at(partitions, time).unwrap_or_default();
        let (begin, end) = (ask(Offset::Beginning), ask(Offset::End));
        let edges = begin.into_iter().zip(end);
        let known = partitions.iter().zip(edges).filter_map(|(partition, edges)| match edges {
            (Some(begin), Some(end)) => Some((partition.clone(), begin..end)),
            _ => None,
        });
        known.collect()
    }

    fn positions_of(&self, partition: &TopicPartition) -> Positions {
        self.topics.get(&*partition.topic).copied().unwrap_or_default()
    }
}

fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis().max(0)
}

/// A partition's offset in a list that came back from Kafka.
fn offset_in(list: &TopicPartitionList, partition: &TopicPartition) -> Result<Offset, String> {
    let element = list
        .find_partition(&partition.topic, partition.partition)
        .ok_or_else(|| format!("no offset came for {partition}"))?;
    element.error().map_err(|error| format!("{partition}: {error}"))?;
    Ok(element.offset())
}

impl Client for KafkaClient {
    fn poll(&mut self) -> Option<ClientEvent> {
        self.look_at_topics();
        if let Some(answer) = self.answer(Duration::ZERO) {
            return Some(ClientEvent::Committed(answer));
        }
        // What the wrapper gives to callbacks, such as a line of librdkafka's log, looks like an empty queue, and behind it
        // nothing would wake this thread.
        for _ in 0..EVENTS {
            if let Some(event) = self.consumer.context().pop() {
                return Some(event);
            }
            match self.consumer.poll(Duration::ZERO) {
                None if self.native.has_events() => {}
                None => break,
                Some(Ok(message)) => {
                    use rdkafka::Message as _;
                    // Queues are split before partitions are assigned, so this cannot happen; if it did, going on would
                    // lose the record.
                    let place = format!("{}/{}@{}", message.topic(), message.partition(), message.offset());
                    return Some(ClientEvent::Fatal(format!("record {place} came outside of its partition's queue")));
                }
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition))) => {
                    return Some(ClientEvent::Error(self.missing_topics()));
                }
                Some(Err(error)) => return Some(describe(&error)),
            }
        }
        self.consumer.context().pop()
    }

    fn wait(&mut self, at_most: Duration) {
        thread::park_timeout(at_most);
    }

    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String> {
        let committed = self.committed(partitions)?;
        let chosen = |wanted: &dyn Fn(&TopicPartition, bool) -> bool| -> Vec<TopicPartition> {
            let known = partitions.iter().zip(&committed);
            let chosen = known.filter(|(partition, committed)| wanted(partition, committed.is_some()));
            chosen.map(|(partition, _)| partition.clone()).collect()
        };
        let firsts = self.first_positions(&chosen(&|_, has_offset| !has_offset))?;
        let may_move = |partition: &TopicPartition| self.positions_of(partition).lost != LostPosition::Fail;
        let edges = self.edges(&chosen(&|partition, has_offset| has_offset && may_move(partition)));

        let mut list = TopicPartitionList::new();
        let mut assigned = Vec::with_capacity(partitions.len());
        for (partition, committed) in partitions.iter().zip(committed) {
            let (start, passed) = match (&committed, edges.get(partition)) {
                (Some(Committed { offset, .. }), Some(edges)) if !(edges.start..=edges.end).contains(offset) => {
                    let to_end = self.positions_of(partition).lost == LostPosition::Latest;
                    let start = if to_end { edges.end } else { edges.start };
                    (Some(start), Some(start - offset))
                }
                (Some(Committed { offset, .. }), _) => (Some(*offset), None),
                (None, _) => firsts.get(partition).map(|(start, passed)| (*start, *passed)).unzip(),
            };
            let from = start.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&partition.topic, partition.partition, from)
                .map_err(|error| error.to_string())?;
            let slot = self.slots.entry(partition.clone()).or_default();
            let queue = PartitionQueue::split(self.native, partition, slot, wake(partition))
                .ok_or_else(|| format!("{partition} is not known"))?;
            let (partition, queue) = (partition.clone(), Box::new(queue));
            assigned.push(Assigned { partition, start, committed, passed, queue });
        }
        let held = self.consumer.assignment().map(|held| partitions_of(&held)).unwrap_or_default();
        self.native.assign(&list)?;
        for topic in topics_of(partitions).difference(&topics_of(&held)) {
            self.watch.begins(topic, Instant::now());
        }
        Ok(assigned)
    }

    fn can_move(&self) -> bool {
        // With an eager assignor there is only the whole assignment.
        self.native.is_cooperative()
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        if let Err(error) = self.native.unassign(&list_of(partitions)) {
            self.consumer.context().push(ClientEvent::Error(error));
        }
    }

    fn beginnings(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Commit>, String> {
        let firsts = self.first_positions(partitions)?;
        let begins = self.offsets_at(partitions, Offset::Beginning)?;
        let commits = partitions.iter().zip(begins).map(|(partition, begin)| {
            let offset = firsts.get(partition).map(|(start, _)| *start).or(begin).unwrap_or(0);
            Commit { partition: partition.clone(), offset, metadata: None }
        });
        Ok(commits.collect())
    }

    fn commit(&mut self, number: u64, commits: &[Commit]) {
        if let Err(code) = self.commits.commit(number, &offsets_of(commits)) {
            self.refused.push_back(CommitAnswer { number, ended: Err(commit_error(code)) });
        }
    }

    fn answer(&mut self, at_most: Duration) -> Option<CommitAnswer> {
        self.refused.pop_front().or_else(|| {
            let (number, ended) = self.commits.answer(at_most)?;
            Some(CommitAnswer { number, ended: ended.map_err(commit_error) })
        })
    }

    fn high_watermark(&mut self, partition: &TopicPartition) -> Option<i64> {
        self.native.high_watermark(partition)
    }

    fn prefetched(&mut self, partition: &TopicPartition) -> usize {
        self.native.prefetched(partition)
    }

    fn close(self: Box<Self>, how: Close) -> bool {
        self.consumer.context().closing.store(true, Ordering::Release);
        // What is left behind is leaked, and what points into it and what it points to with it: the process is about to
        // end.
        let Self { consumer, slots, ids, commits, .. } = *self;
        let slots = ManuallyDrop::new(slots);
        drop((ids, commits));
        let close = move || {
            drop(ManuallyDrop::into_inner(consumer));
            drop(ManuallyDrop::into_inner(slots));
        };
        match how {
            Close::Wait => {
                close();
                true
            }
            Close::Within(patience) => {
                let (told, hears) = mpsc::sync_channel(1);
                let closing = thread::Builder::new().name("karafka close".to_owned()).spawn(move || {
                    close();
                    let _ = told.send(());
                });
                closing.is_ok() && hears.recv_timeout(patience).is_ok()
            }
            Close::Abandon => false,
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

fn commit_error(code: RDKafkaErrorCode) -> CommitError {
    let is_metadata = code == RDKafkaErrorCode::OffsetMetadataTooLarge;
    CommitError { reason: KafkaError::ConsumerCommit(code).to_string(), is_metadata }
}

fn partition_of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: Arc::from(topic), partition }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements().iter().map(|element| partition_of(element.topic(), element.partition())).collect()
}

fn topics_of(partitions: &[TopicPartition]) -> BTreeSet<&str> {
    partitions.iter().map(|partition| &*partition.topic).collect()
}

fn offsets_of(commits: &[Commit]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for Commit { partition, offset, metadata } in commits {
        let mut element = list.add_partition(&partition.topic, partition.partition);
        // Only a negative number that is none of Kafka's marks is refused, and ours are offsets of records.
        let _ = element.set_offset(Offset::Offset(*offset));
        if let Some(metadata) = metadata {
            element.set_metadata(metadata);
        }
    }
    list
}

fn list_of(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

#[cfg(test)]
mod tests;
