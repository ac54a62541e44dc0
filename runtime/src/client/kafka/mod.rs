//! The client on librdkafka: one consumer a group, polled by the group's own thread.

mod callbacks;
mod offsets;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem::ManuallyDrop,
    ops::Range,
    sync::{Arc, atomic::Ordering, mpsc},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
};

use callbacks::{Callbacks, Rebalance};

use super::{
    Assigned, Client, ClientEvent, Close, Commit, CommitAnswer, CommitError, CommitFault, Committed, Positions,
    TopicPartition, Wake, Watermarks,
    connection::{BOOTSTRAP, Connection},
    leave::Leave,
    positions::{self, Begin, OtherCommits},
    prefetch::{self, Budget},
    topic_watch::{Heard, TopicWatch},
    topics::{TopicStates, TopicUse},
};
use crate::{
    commands, librdkafka,
    native::{self, Commits, PartitionQueue, TopicLookup},
    obstacle::Obstacle,
    settings::LostPosition,
};

/// How many events that are none of the engine's are passed over in one call.
const EVENTS: usize = 1_000;

/// How long is waited for what Kafka says of topics that are about to be read: nothing else depends on it.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(1);

/// How long a client takes that closes and waits for nobody; one that waits has not left its group by then.
const LEAVES: Duration = Duration::from_millis(500);

/// A consumer of one group.
pub(crate) struct KafkaClient {
    /// Dropped by `close`, and only when nothing points into it.
    consumer: ManuallyDrop<BaseConsumer<Callbacks>>,
    native: native::Consumer,
    /// One for each partition that was ever assigned; they outlive the consumer.
    slots: BTreeMap<TopicPartition, Arc<native::WakeSlot>>,
    topics: BTreeMap<String, Positions>,
    watch: TopicWatch,
    /// Dropped by `close`, before the consumer.
    lookup: TopicLookup,
    /// As Kafka has described its topics last.
    states: TopicStates,
    /// When that was asked for.
    described: Option<Instant>,
    /// When Kafka was asked last.
    asked: Instant,
    connection: Connection,
    /// `bootstrap.servers`
    brokers: String,
    /// Dropped by `close`, before the consumer.
    commits: Commits,
    /// Commits that librdkafka did not take.
    refused: VecDeque<CommitAnswer>,
    /// How the group is told that this member leaves, if the client does not.
    leave: Option<Leave>,
    group: String,
}

impl KafkaClient {
    /// Joins a group. Half of the budget's memory is for what is fetched ahead.
    ///
    /// # Errors
    ///
    /// What librdkafka says of the configuration or the topics' names.
    pub(crate) fn join(
        config: &ClientConfig,
        budget: Budget,
        topics: BTreeMap<String, Positions>,
    ) -> Result<Self, String> {
        let mut config = config.clone();
        librdkafka::hear_causes(&mut config);
        let above = prefetch::bound(&mut config, budget, topics.keys().map(String::as_str));
        let mut consumer: BaseConsumer<Callbacks> = config
            .create_with_context(Callbacks::default())
            .map_err(|error| librdkafka::without_secret(error).to_string())?;
        above.into_iter().for_each(|words| consumer.context().push(ClientEvent::Error(words)));
        let here = thread::current();
        let wake: Wake = Arc::new(move || here.unpark());
        let wake_too = Arc::clone(&wake);
        consumer.set_nonempty_callback(move || wake_too());
        let native = native::Consumer::from_wrapper(consumer.client().native_ptr()).ok_or("no client")?;
        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|error| error.to_string())?;
        let lookup = TopicLookup::new(native.client()).ok_or("no queue for answers")?;
        let commits = Commits::new(native, wake).ok_or("no queue for answers")?;
        let (consumer, watch) = (ManuallyDrop::new(consumer), TopicWatch::new(Instant::now()));
        let (slots, refused) = (BTreeMap::new(), VecDeque::new());
        let (leave, group) = (Leave::of(&config), config.get("group.id").unwrap_or_default().to_owned());
        let brokers = config.get(BOOTSTRAP).unwrap_or_default().to_owned();
        let (states, connection) = (TopicStates::default(), Connection::of(&config));
        Ok(Self {
            consumer,
            native,
            slots,
            topics,
            watch,
            lookup,
            states,
            described: None,
            asked: Instant::now(),
            connection,
            brokers,
            commits,
            refused,
            leave,
            group,
        })
    }

    /// Has librdkafka go on with a rebalance that nobody has answered, as a stop came first: it would wait for that, and never
    /// close.
    fn answer_what_a_stop_has_overtaken(&self) {
        let Some(Rebalance { gives, partitions }) = self.consumer.context().unanswered().take() else { return };
        // There is nobody left to hear what is wrong with it.
        let _ = if gives {
            self.native.assign(&TopicPartitionList::new())
        } else {
            self.native.unassign(&list_of(&partitions))
        };
    }

    /// Looks now and then whether topics are still the ones that they were, and what keeps them from being read.
    fn look_at_topics(&mut self) {
        if self.watch.is_asking()
            && let Some(answer) = self.lookup.answer()
        {
            let now = Instant::now();
            let is_answered = answer.is_ok();
            if let Ok(described) = &answer {
                self.connection.reached();
                self.states = TopicStates::of(described, TopicUse::Read);
                self.described = Some(self.asked);
            }
            let known = answer.unwrap_or_default().into_iter();
            let ids = known.filter_map(|(topic, facts)| Some((topic, facts.ok()?.id?))).collect();
            let Heard { recreated, seen } = self.watch.hear(ids, now);
            let events = self.consumer.context();
            recreated.into_iter().for_each(|topic| events.push(ClientEvent::Recreated(topic)));
            seen.into_iter().for_each(|(topic, is_same)| events.push(ClientEvent::Looked { topic, is_same }));
            if !is_answered && self.lookup.asks_again() {
                self.watch.look_now(now);
            } else if !is_answered || !self.states.is_well() {
                self.watch.look_soon(now);
            }
        }
        let now = Instant::now();
        if self.watch.asks(now) {
            self.asked = now;
            self.lookup.ask(self.topics.keys().map(String::as_str));
        }
    }

    /// Learns which topics these are before anything of them is fetched: the question would wait behind the fetch, and one that is
    /// recreated meanwhile would be taken for the one that it was.
    fn know<'a>(&mut self, topics: impl Iterator<Item = &'a str>) {
        let now = Instant::now();
        topics.for_each(|topic| self.watch.begins(topic, now));
        while !self.watch.is_current() && now.elapsed() < KNOWN_WITHIN {
            self.look_at_topics();
            thread::sleep(LOOK);
        }
    }

    /// What an error of the client is to the engine: nothing, if it stands in the way of it and is told as that.
    fn hear(&mut self, error: &KafkaError) -> Option<ClientEvent> {
        let (code, is_fatal) = match error {
            KafkaError::MessageConsumptionFatal(code) => (*code, true),
            KafkaError::MessageConsumption(code) => (*code, false),
            other => return Some(ClientEvent::Error(other.to_string())),
        };
        let now = Instant::now();
        let words = self.consumer.context().take_words().unwrap_or_else(|| code.to_string());
        match code {
            _ if is_fatal => Some(ClientEvent::Fatal(words)),
            _ if self.connection.hear(code, &words, now) => {
                self.watch.look_soon(now);
                None
            }
            RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::TopicAuthorizationFailed => {
                self.watch.look_now(now);
                None
            }
            RDKafkaErrorCode::GroupAuthorizationFailed => {
                let mend = commands::grant(&self.brokers, &["Read"], &format!("--group {}", self.group));
                Some(ClientEvent::Fatal(format!("{words}; {mend}")))
            }
            // These do not mend themselves: a person has to grant something.
            RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::FencedInstanceId => Some(ClientEvent::Fatal(words)),
            _ => Some(ClientEvent::Error(words)),
        }
    }

    fn positions_of(&self, partition: &TopicPartition) -> Positions {
        self.topics.get(&*partition.topic).copied().unwrap_or_default()
    }
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
                Some(Err(error)) => {
                    if let Some(event) = self.hear(&error) {
                        return Some(event);
                    }
                }
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
        self.connection.reached();
        let chosen = |wanted: &dyn Fn(&TopicPartition, bool) -> bool| -> Vec<TopicPartition> {
            let known = partitions.iter().zip(&committed);
            let chosen = known.filter(|(partition, committed)| wanted(partition, committed.is_some()));
            chosen.map(|(partition, _)| partition.clone()).collect()
        };
        let firsts = self.first_positions(&chosen(&|_, has_offset| !has_offset))?;
        let goes_on = |partition: &TopicPartition| self.positions_of(partition).lost != LostPosition::Fail;
        let logs = self.logs_of(&chosen(&|partition, has_offset| !has_offset || goes_on(partition)));
        let elsewhere = self.committed_elsewhere(partitions, &committed);

        let mut list = TopicPartitionList::new();
        let mut assigned = Vec::with_capacity(partitions.len());
        for (partition, committed) in partitions.iter().zip(committed) {
            let (offset, log) = (committed.as_ref().map(|commit| commit.offset), logs.get(partition));
            let lost = self.positions_of(partition).lost;
            let Begin { start, passed } = positions::begin(offset, log, firsts.get(partition).copied(), lost);
            let others = elsewhere.as_ref().filter(|_| offset.is_none());
            let others = others.map(|all| OtherCommits::of(partition, all.iter()));
            let from = start.map_or(Offset::Beginning, Offset::Offset);
            list.add_partition_offset(&partition.topic, partition.partition, from)
                .map_err(|error| error.to_string())?;
            let slot = self.slots.entry(partition.clone()).or_default();
            let queue = PartitionQueue::split(self.native, partition, slot, wake(partition))
                .ok_or_else(|| format!("{partition} is not known"))?;
            let (partition, log, queue) = (partition.clone(), log.cloned(), Box::new(queue));
            assigned.push(Assigned { partition, start, committed, passed, log, others, queue });
        }
        let held = self.consumer.assignment().map(|held| partitions_of(&held)).unwrap_or_default();
        self.know(topics_of(partitions).difference(&topics_of(&held)).copied());
        self.native.assign(&list)?;
        self.consumer.context().answered(partitions);
        Ok(assigned)
    }

    fn can_move(&self) -> bool {
        // With an eager assignor there is only the whole assignment.
        self.native.is_cooperative()
    }

    fn logs(&mut self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Range<i64>> {
        self.logs_of(partitions)
    }

    fn look_at(&mut self, topic: &str) {
        self.watch.suspect(topic, Instant::now());
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        self.consumer.context().answered(partitions);
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
        let refused = self.refused.pop_front();
        if refused.is_some() {
            return refused;
        }
        let (number, ended) = self.commits.answer(at_most)?;
        if ended.is_ok() {
            self.connection.reached();
        }
        Some(CommitAnswer { number, ended: ended.map_err(commit_error) })
    }

    fn obstacles(&mut self, is_joining: bool) -> Vec<Obstacle> {
        let now = Instant::now();
        for (facility, line) in self.consumer.context().take_lines() {
            self.connection.hear_log(&facility, &line, now);
        }
        let mut obstacles = self.connection.obstacles(is_joining, now);
        obstacles.extend(self.states.obstacles(TopicUse::Read, &self.brokers));
        obstacles
    }

    fn forbids(&mut self, topic: &str, since: Instant) -> Option<bool> {
        if self.described.is_some_and(|asked| asked > since) {
            return self.states.forbids(topic);
        }
        if self.asked <= since {
            self.watch.look_now(Instant::now());
        }
        None
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Option<Watermarks> {
        self.native.watermarks(partition)
    }

    fn prefetched(&mut self, partition: &TopicPartition) -> usize {
        self.native.prefetched(partition)
    }

    fn close(self: Box<Self>, how: Close) -> bool {
        self.consumer.context().closing.store(true, Ordering::Release);
        self.answer_what_a_stop_has_overtaken();
        // What is left behind is leaked, and what points into it and what it points to with it: the process is about to
        // end.
        let Self { consumer, native, slots, lookup, commits, leave, .. } = *self;
        let slots = ManuallyDrop::new(slots);
        drop((lookup, commits));
        let close = |consumer| {
            drop(ManuallyDrop::into_inner(consumer));
            drop(ManuallyDrop::into_inner(slots));
        };
        if how == Close::Wait {
            close(consumer);
            return true;
        }
        let sign_off = leave.zip(native.member_id());
        let sign_off = |patience: Duration| {
            if let Some((leave, member)) = sign_off
                && let Err(error) = leave.say(&member, patience)
            {
                tracing::debug!(target: "karafka", %error, "the member cannot sign off");
            }
        };
        match how {
            Close::Within(patience) => {
                let (tx, closed) = mpsc::sync_channel(1);
                let closing = thread::Builder::new().name("karafka close".to_owned());
                let closing = closing.spawn(move || {
                    close(consumer);
                    let _ = tx.send(());
                });
                if closing.is_ok() && closed.recv_timeout(LEAVES.min(patience)).is_err() {
                    let begun = Instant::now();
                    sign_off(patience);
                    return closed.recv_timeout(patience.saturating_sub(LEAVES + begun.elapsed())).is_ok();
                }
                closing.is_ok()
            }
            Close::Wait | Close::Abandon => {
                // Records and queues of the lane stay what they are: the client is closed, and never dropped.
                let until = Instant::now() + LEAVES;
                let is_closing = consumer.close_queue().is_ok();
                while is_closing && !consumer.closed() && Instant::now() < until {
                    consumer.poll(Duration::from_millis(20));
                }
                if !consumer.closed() {
                    sign_off(LEAVES);
                }
                false
            }
        }
    }
}

fn commit_error(code: RDKafkaErrorCode) -> CommitError {
    let fault = match code {
        RDKafkaErrorCode::OffsetMetadataTooLarge => CommitFault::Metadata,
        // Not an unknown member: that one has lost what it had.
        RDKafkaErrorCode::IllegalGeneration
        | RDKafkaErrorCode::RebalanceInProgress
        | RDKafkaErrorCode::StaleMemberEpoch => CommitFault::Rebalance,
        _ => CommitFault::Other,
    };
    CommitError { reason: KafkaError::ConsumerCommit(code).to_string(), fault }
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
