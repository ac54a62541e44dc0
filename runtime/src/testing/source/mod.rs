//! A Kafka in the process: topics, what groups have committed of them, and members that come and go as a test says.
//!
//! A group has one member at a time. Its client is either polled by a thread, as in the engine's own tests, or by a
//! task of a simulation, whose waits take virtual time.

mod client;
#[cfg(test)]
mod faults;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use self::client::Member;
use crate::{
    OwnedRecord, Record,
    client::{Client, ClientEvent, Commit, CommitAnswer, CommitError, CommitFault, Positions, TopicPartition, Wake},
    context::simulated::Broker,
    engine::clock,
    outgoing::{Delivered, DeliveryReport, Outgoing, Sent},
    sync::{Mutex, MutexGuard},
    topic,
};

/// The time of the first moment of a simulation, in milliseconds since 1970: 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600_000;

/// The broker; all clones are one.
#[derive(Clone)]
pub(crate) struct Source(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    /// Something has happened.
    activity: Notify,
}

struct Inner {
    born: Instant,
    /// When something last happened.
    active: Instant,
    /// When something last happened that is about every group.
    of_all: Instant,
    /// By topic, then by partition.
    topics: BTreeMap<String, Vec<Vec<Kept>>>,
    groups: BTreeMap<String, Group>,
    /// How many records without a key have come, by topic.
    keyless: BTreeMap<String, usize>,
    /// The app was killed: nothing that is left of it is heard.
    is_down: bool,
    /// Where logs begin, since retention has passed what was before.
    begins: BTreeMap<TopicPartition, i64>,
    /// How often topics were recreated, which is their id.
    ids: BTreeMap<String, u64>,
    /// The broker is too old to have ids.
    is_old: bool,
}

/// A record of a topic, and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) record: OwnedRecord,
    pub(crate) origin: Origin,
}

/// Who has sent a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The test.
    Test,
    /// A controller.
    Emit,
    /// The engine, of a record that was given up.
    DeadLetter,
}

#[derive(Default)]
struct Group {
    /// When something last happened in it.
    active: Option<Instant>,
    commits: BTreeMap<TopicPartition, (i64, Option<String>)>,
    /// What is answered to commits.
    refusal: Option<CommitError>,
    /// A partition whose commits are refused, and what else is in them.
    refused: Option<TopicPartition>,
    /// How often a commit has come.
    asked: u32,
    /// Members are numbered; only the newest one is heard.
    member: u32,
    events: VecDeque<ClientEvent>,
    /// Partitions that the member has been told it is given or asked to give back, as long as it has not answered.
    moving: BTreeSet<TopicPartition>,
    /// What the member reads, and how it is woken.
    assigned: BTreeMap<TopicPartition, Wake>,
    waits: Option<Waits>,
    /// How many commits are kept on their way, and those that are.
    parked: u32,
    on_their_way: VecDeque<(u64, Vec<Commit>)>,
    /// How the last member has left.
    #[cfg(test)]
    closed: Option<crate::client::Close>,
    /// Partitions come and go all at once.
    is_eager: bool,
    /// The member's process stands still.
    #[cfg(test)]
    is_frozen: bool,
    /// The coordinator does not answer where offsets stand.
    #[cfg(test)]
    is_silent: bool,
}

/// How a member's client waits.
#[derive(Clone)]
pub(crate) enum Waits {
    /// It blocks its thread.
    #[cfg(test)]
    Thread(std::thread::Thread),
    /// It does not: it notes for how long it would.
    Task(Arc<Mutex<Duration>>),
}

impl Broker for Source {
    // At once.
    fn produce(&self, outgoing: Outgoing, report: &DeliveryReport) {
        if self.is_down() {
            return;
        }
        let origin = match report.ticket.sent {
            Sent::Emit(_) | Sent::Job => Origin::Emit,
            Sent::DeadLetter => Origin::DeadLetter,
        };
        report.sender.delivered(report.ticket, self.append(outgoing, None, origin));
    }
}

impl Source {
    pub(crate) fn new() -> Self {
        let now = clock::now();
        let (topics, groups, keyless) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (begins, ids) = (BTreeMap::new(), BTreeMap::new());
        let (active, of_all) = (now, now);
        let inner =
            Inner { born: now, active, of_all, topics, groups, keyless, is_down: false, begins, ids, is_old: false };
        Self(Arc::new(Shared { inner: Mutex::new(inner), activity: Notify::new() }))
    }

    /// Makes a topic with this many partitions, or gives it more.
    pub(crate) fn make(&self, topic: &str, partitions: usize) {
        let mut inner = self.lock();
        let logs = inner.topics.entry(topic.to_owned()).or_default();
        logs.resize_with(partitions.max(logs.len()).max(1), Vec::new);
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> usize {
        self.lock().topics.get(topic).map_or(0, Vec::len)
    }

    /// Appends a record: to `partition`, or where its key belongs; those without one go round.
    pub(crate) fn append(&self, outgoing: Outgoing, partition: Option<usize>, origin: Origin) -> Delivered {
        let mut inner = self.lock();
        let now = clock::now();
        let timestamp = EPOCH + i64::try_from((now - inner.born).as_millis()).unwrap_or(i64::MAX);
        let Inner { topics, keyless, active, groups, .. } = &mut *inner;
        *active = now;
        let Outgoing { topic, key, value, headers, .. } = outgoing;
        let logs = topics.entry(topic.clone()).or_insert_with(|| vec![Vec::new()]);
        let partition = partition.unwrap_or_else(|| match &key {
            Some(key) => usize::try_from(topic::hash(key) % logs.len() as u64).unwrap_or(0),
            None => {
                let count = keyless.entry(topic.clone()).or_default();
                *count += 1;
                (*count - 1) % logs.len()
            }
        });
        let log = &mut logs[partition];
        let (topic, partition, offset) = (Arc::from(topic), partition as i32, log.len() as i64);
        let topic_of = Arc::clone(&topic);
        let record = OwnedRecord { topic, partition, offset, timestamp_ms: Some(timestamp), key, value, headers };
        log.push(Kept { record, origin });
        let place = TopicPartition { topic: topic_of, partition };
        let readers = groups.values_mut().filter(|group| group.assigned.contains_key(&place));
        readers.for_each(|group| group.active = Some(now));
        let wakes: Vec<_> = groups.values().filter_map(|group| group.assigned.get(&place).cloned()).collect();
        drop(inner);
        wakes.iter().for_each(|wake| wake());
        self.0.activity.notify_waiters();
        Delivered { partition, offset: Some(offset) }
    }

    /// Every record of a topic, partition by partition.
    pub(crate) fn records(&self, topic: &str) -> Vec<Kept> {
        self.lock().topics.get(topic).into_iter().flatten().flatten().cloned().collect()
    }

    /// Dead letters, topic by topic.
    pub(crate) fn dead_letters(&self) -> Vec<Record> {
        let inner = self.lock();
        let kept = inner.topics.values().flatten().flatten();
        kept.filter(|kept| kept.origin == Origin::DeadLetter).map(|kept| kept.record.clone().into()).collect()
    }

    /// The offset behind the last record of a partition.
    pub(crate) fn end(&self, partition: &TopicPartition) -> i64 {
        self.lock().end(partition)
    }

    /// A client that gets every partition of `topics`, in the place of any other member of the group.
    pub(crate) fn join(&self, group: &str, topics: &BTreeMap<String, Positions>, waits: Waits) -> Box<dyn Client> {
        let mut inner = self.lock();
        let partitions: Vec<_> = topics.keys().flat_map(|topic| inner.partitions_of(topic)).collect();
        let member = inner.group(group);
        member.member += 1;
        member.assigned.clear();
        member.moving.clear();
        member.events = VecDeque::from([ClientEvent::Assign(partitions)]);
        member.waits = Some(waits.clone());
        let number = member.member;
        let ids = topics.keys().filter_map(|topic| Some((topic.clone(), inner.id(topic)?))).collect();
        drop(inner);
        Box::new(Member::new(self.clone(), group.to_owned(), number, topics.clone(), ids, waits))
    }

    /// The group's member is dead to it from here on, whatever it still says.
    pub(crate) fn cut(&self, name: &str) {
        let mut inner = self.lock();
        let group = inner.group(name);
        group.member += 1;
        group.events.clear();
        group.moving.clear();
        group.assigned.clear();
        group.waits = None;
        drop(inner);
        self.touch_group(name);
    }

    /// The app was killed, with every member that it had; or it may start again.
    pub(crate) fn set_down(&self, is_down: bool) {
        let mut inner = self.lock();
        inner.is_down = is_down;
        let groups: Vec<_> = inner.groups.keys().cloned().collect();
        drop(inner);
        if is_down {
            groups.iter().for_each(|group| self.cut(group));
        }
        self.touch();
    }

    /// Whether the app was killed.
    pub(crate) fn is_down(&self) -> bool {
        self.lock().is_down
    }

    /// What the group says next to its member.
    pub(crate) fn say(&self, name: &str, event: ClientEvent) {
        let mut inner = self.lock();
        let group = inner.group(name);
        group.events.push_back(event);
        #[cfg(test)]
        if let Some(Waits::Thread(thread)) = &group.waits {
            thread.unpark();
        }
        drop(inner);
        self.touch_group(name);
    }

    /// Partitions that the group's member reads.
    pub(crate) fn assigned(&self, group: &str) -> BTreeSet<TopicPartition> {
        let inner = self.lock();
        inner.groups.get(group).into_iter().flat_map(|group| group.assigned.keys().cloned()).collect()
    }

    /// Whether the group has a member.
    pub(crate) fn has_member(&self, group: &str) -> bool {
        self.lock().groups.get(group).is_some_and(|group| group.waits.is_some())
    }

    /// Whether the group waits for an answer of its member.
    pub(crate) fn is_moving(&self, group: &str) -> bool {
        let waits = |event: &ClientEvent| !matches!(event, ClientEvent::Committed(_));
        let inner = self.lock();
        inner.groups.get(group).is_some_and(|group| !group.moving.is_empty() || group.events.iter().any(waits))
    }

    /// What the group has committed, with its metadata.
    pub(crate) fn commit(&self, group: &str, partition: &TopicPartition) -> Option<(i64, Option<String>)> {
        self.lock().groups.get(group)?.commits.get(partition).cloned()
    }

    /// Notes that something happens that is about every group.
    pub(crate) fn touch(&self) {
        let mut inner = self.lock();
        inner.active = clock::now();
        inner.of_all = inner.active;
        drop(inner);
        self.0.activity.notify_waiters();
    }

    /// Notes that something happens in a group.
    pub(crate) fn touch_group(&self, group: &str) {
        let mut inner = self.lock();
        inner.active = clock::now();
        inner.group(group).active = Some(clock::now());
        drop(inner);
        self.0.activity.notify_waiters();
    }

    /// How long nothing has happened.
    pub(crate) fn quiet_for(&self) -> Duration {
        clock::since(self.lock().active)
    }

    /// How long nothing has happened in a group.
    pub(crate) fn group_quiet_for(&self, group: &str) -> Duration {
        let inner = self.lock();
        let active = inner.groups.get(group).and_then(|group| group.active);
        clock::since(active.unwrap_or(inner.born).max(inner.of_all))
    }

    /// Ends when something happens after this call.
    pub(crate) fn activity(&self) -> impl Future<Output = ()> {
        self.0.activity.notified()
    }

    /// How long ago this Kafka was made.
    pub(crate) fn age(&self) -> Duration {
        clock::since(self.lock().born)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock()
    }
}

impl Group {
    /// The next event that the member may hear. The group gives and takes one thing at a time, as Kafka's does, and
    /// waits for the answer; only that a partition is lost is said at once.
    fn next_event(&mut self) -> Option<ClientEvent> {
        let waits = !self.moving.is_empty();
        let is_held_back = |event: &ClientEvent| {
            waits && matches!(event, ClientEvent::Assign(_) | ClientEvent::Revoke { lost: false, .. })
        };
        let next = self.events.iter().position(|event| !is_held_back(event))?;
        let event = self.events.remove(next)?;
        if let ClientEvent::Assign(partitions) | ClientEvent::Revoke { partitions, .. } = &event {
            self.moving = partitions.iter().cloned().collect();
        }
        Some(event)
    }
}

impl Group {
    /// A commit comes, unless it is kept on its way.
    fn commit(&mut self, number: u64, commits: Vec<Commit>) {
        if self.parked > 0 {
            self.parked -= 1;
            self.on_their_way.push_back((number, commits));
        } else {
            self.arrive(number, commits);
        }
    }

    fn arrive(&mut self, number: u64, commits: Vec<Commit>) {
        self.asked += 1;
        let is_refused = |refusal: &CommitError| {
            refusal.fault != CommitFault::Metadata || commits.iter().any(|commit| commit.metadata.is_some())
        };
        let of_refused = commits.iter().any(|commit| Some(&commit.partition) == self.refused.as_ref());
        let refusal = of_refused.then(|| CommitError::other("the topic is gone"));
        let ended = match self.refusal.clone().filter(is_refused).or(refusal) {
            Some(refusal) => Err(refusal),
            None => {
                let commits = commits.into_iter().map(|commit| (commit.partition, (commit.offset, commit.metadata)));
                self.commits.extend(commits);
                Ok(())
            }
        };
        self.events.push_back(ClientEvent::Committed(CommitAnswer { number, ended }));
    }

    /// The next answer to a commit, before all else that waits to be heard.
    fn next_answer(&mut self) -> Option<CommitAnswer> {
        let place = self.events.iter().position(|event| matches!(event, ClientEvent::Committed(_)))?;
        match self.events.remove(place)? {
            ClientEvent::Committed(answer) => Some(answer),
            _ => None,
        }
    }
}

impl Inner {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    fn partitions_of(&self, topic: &str) -> Vec<TopicPartition> {
        let name: Arc<str> = Arc::from(topic);
        let count = self.topics.get(topic).map_or(0, Vec::len);
        (0..count).map(|number| TopicPartition { topic: Arc::clone(&name), partition: number as i32 }).collect()
    }

    fn log(&self, partition: &TopicPartition) -> &[Kept] {
        let logs = self.topics.get(&*partition.topic);
        logs.and_then(|logs| logs.get(partition.partition as usize)).map_or(&[], Vec::as_slice)
    }

    /// What tells the topic from others of its name, if the broker says it.
    fn id(&self, topic: &str) -> Option<u64> {
        (!self.is_old).then(|| self.ids.get(topic).copied().unwrap_or_default())
    }

    fn begin(&self, partition: &TopicPartition) -> i64 {
        self.begins.get(partition).copied().unwrap_or_default()
    }

    fn end(&self, partition: &TopicPartition) -> i64 {
        self.log(partition).len() as i64
    }
}
