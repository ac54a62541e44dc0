//! What a test can see of a simulation, and wait for.

use std::{collections::BTreeSet, fmt, fmt::Write as _, pin::pin, time::Duration};

use serde::de::DeserializeOwned;

use super::{
    TopicKey, emitted,
    endless::{self, Endless},
    group::InGroup,
    simulation::Simulation,
    source::Origin,
    stage::{At, Status, source_of, text_of},
};
use crate::{
    Message, Record, Topic,
    client::TopicPartition,
    dead_letter::header,
    settings::{Consumer, Delivery, Ordering},
};

/// For how long nothing may happen until a simulation counts as settled: commits and their metadata come within.
const QUIET: Duration = Duration::from_millis(450);

/// How long a test waits: in virtual time, and in real time.
const PATIENCE: [Duration; 2] = [Duration::from_secs(24 * 60 * 60), Duration::from_secs(60)];

/// How many lines of a record's history are shown when a wait ends in vain.
const LAST_LINES: usize = 3;

/// A record of a simulation's Kafka.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Sent {
    /// The topic's key in the manifest.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.topic, self.partition, self.offset)
    }
}

impl<S: Send + Sync + 'static> Simulation<S> {
    /// Waits until nothing is left to do: every record is finished and committed, or waits for a person. Virtual time
    /// moves on by itself meanwhile. Partitions that were taken from the app are not waited for.
    ///
    /// # Panics
    ///
    /// When the app does not run; when nothing happens any more but attempts at records that have no dead letter topic, 100
    /// of them at one record during this wait; or when the app is not done within 24 hours of virtual time. Attempts that
    /// [`Simulation::fail`] has failed are not among the 100; of a [`Simulation::script`] nobody knows when it ends. For
    /// records that always fail there are [`Simulation::advance`] and [`Simulation::until`].
    pub async fn settle(&self) {
        self.settle_groups(&self.groups().collect::<Vec<_>>()).await;
    }

    async fn settle_groups(&self, groups: &[InGroup<'_, S>]) {
        assert!(self.is_running(), "the app does not run: `start` it first");
        let begun = self.source.age();
        let (mut endless, mut look) = (Endless::default(), begun);
        loop {
            self.expect_well().await;
            // Where time is real, whatever makes them fail may pass while it does.
            if !self.is_real && self.source.age() >= look {
                look = self.source.age() + endless::LOOK;
                let attempts = endless::ATTEMPTS;
                assert!(
                    !endless.is_all_that_happens(groups),
                    "nothing is left but attempts that fail, {attempts} of them at one record by now, and no dead letter topic \
                     ends them: `advance` and `until` wait for what comes before that.{}",
                    summary(groups)
                );
            }
            // What happens in other groups is not waited for.
            let quiet = groups.iter().map(|group| self.source.group_quiet_for(&group.group.id)).min();
            let quiet = quiet.unwrap_or_default();
            if quiet < QUIET {
                self.expect_patience(groups, "everything is done", begun);
                tokio::time::sleep(QUIET - quiet).await;
                continue;
            }
            let mut activity = pin!(self.source.activity());
            if groups.iter().all(InGroup::is_settled) {
                return;
            }
            self.wait(groups, "everything is done", begun, activity.as_mut()).await;
        }
    }

    /// Waits until `done` says so; it is asked whenever something has happened.
    ///
    /// # Panics
    ///
    /// When that does not come within 24 hours of virtual time.
    pub async fn until(&self, done: impl Fn(&Self) -> bool) {
        self.wait_until("what `until` was told", || done(self)).await;
    }

    pub(super) async fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        assert!(self.is_running(), "the app does not run: `start` it first");
        let (begun, groups) = (self.source.age(), self.groups().collect::<Vec<_>>());
        loop {
            self.expect_well().await;
            let mut activity = pin!(self.source.activity());
            if done() {
                return;
            }
            self.wait(&groups, what, begun, activity.as_mut()).await;
        }
    }

    async fn wait(&self, groups: &[InGroup<'_, S>], what: &str, begun: Duration, activity: impl Future<Output = ()>) {
        let left = self.expect_patience(groups, what, begun);
        if tokio::time::timeout(left, activity).await.is_err() {
            self.give_up(groups, what);
        }
    }

    /// How long what has begun then may still be waited for; fails the test if that is over.
    fn expect_patience(&self, groups: &[InGroup<'_, S>], what: &str, begun: Duration) -> Duration {
        let [virtual_time, real_time] = PATIENCE;
        let patience = if self.is_real { real_time } else { virtual_time };
        let left = (begun + patience).saturating_sub(self.source.age());
        if left.is_zero() {
            self.give_up(groups, what);
        }
        left
    }

    fn give_up(&self, groups: &[InGroup<'_, S>], what: &str) -> ! {
        let (kind, hours) = if self.is_real { ("", "60 s") } else { (" of virtual time", "24 h") };
        panic!("{what}: that did not come within {hours}{kind}.{}", summary(groups));
    }

    fn groups(&self) -> impl Iterator<Item = InGroup<'_, S>> {
        self.settings.groups.iter().map(|group| InGroup { run: self, group })
    }

    /// What controllers have sent to a topic, partition by partition, in order.
    ///
    /// # Panics
    ///
    /// When the manifest has no such topic.
    #[must_use]
    #[track_caller]
    pub fn emitted(&self, topic: impl TopicKey) -> Vec<Record> {
        let topic = topic.key();
        let records = self.source.records(self.kafka_name(topic)).into_iter();
        records.filter(|kept| kept.origin == Origin::Emit).map(|kept| kept.record.into()).collect()
    }

    /// What controllers have sent to a topic, partition by partition, in order, read back into the topic's type, with key and
    /// headers: `run.emitted_messages(topics::Receipts)[0].payload.total`.
    ///
    /// # Panics
    ///
    /// When the manifest has no such topic, or what was sent is a tombstone, which is no message: see [`Simulation::emitted`].
    #[must_use]
    #[track_caller]
    pub fn emitted_messages<T: Topic>(&self, topic: T) -> Vec<Message<T::Message>>
    where
        T::Message: DeserializeOwned,
    {
        self.emitted(topic).into_iter().map(emitted::message::<T>).collect()
    }

    /// The dead letters of a topic's records, in the order of their deaths: key, value and headers as they were, beside
    /// the `karafka.*` headers of [`crate::dead_letter::header`].
    ///
    /// # Panics
    ///
    /// When the manifest has no such topic.
    #[must_use]
    #[track_caller]
    pub fn dead_letters(&self, topic: impl TopicKey) -> Vec<Record> {
        let topic = topic.key();
        let name = self.kafka_name(topic);
        let letters = self.source.dead_letters().into_iter();
        letters.filter(|letter| source_of(letter).is_some_and(|(source, ..)| source == name)).collect()
    }

    /// How many attempts were made at a record, those before a crash counted; putting it off is none.
    ///
    /// # Panics
    ///
    /// When several groups consume the record's topic: then see [`Simulation::group`].
    #[must_use]
    #[track_caller]
    pub fn attempts(&self, sent: &Sent) -> u32 {
        self.only(&sent.topic).attempts(sent)
    }

    /// Whether a record was performed or skipped, or is in the dead letter topic.
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`].
    #[must_use]
    #[track_caller]
    pub fn is_done(&self, sent: &Sent) -> bool {
        self.only(&sent.topic).is_done(sent)
    }

    /// What happened to a record, a line each, for a person: `assert!(run.is_done(&order), "{}", run.history(&order))`.
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`].
    #[must_use]
    #[track_caller]
    pub fn history(&self, sent: &Sent) -> String {
        self.only(&sent.topic).history(sent)
    }

    /// The offset that is committed for a partition: the first one that is not done.
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`], and when the topic has no such partition.
    #[must_use]
    #[track_caller]
    pub fn committed(&self, topic: impl TopicKey, partition: i32) -> Option<i64> {
        let topic = topic.key();
        self.only(topic).committed(topic, partition)
    }

    /// How many records of a topic lie behind its commits.
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`].
    #[must_use]
    #[track_caller]
    pub fn lag(&self, topic: impl TopicKey) -> u64 {
        let topic = topic.key();
        self.only(topic).lag(topic)
    }

    /// The records of a topic that are not [done](Simulation::is_done).
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`].
    #[must_use]
    #[track_caller]
    pub fn pending(&self, topic: impl TopicKey) -> Vec<Sent> {
        let topic = topic.key();
        self.only(topic).pending(topic)
    }

    /// The records of a topic that are at work: an attempt has begun, and waits for something.
    ///
    /// # Panics
    ///
    /// As [`Simulation::attempts`].
    #[must_use]
    #[track_caller]
    pub fn at_work(&self, topic: impl TopicKey) -> Vec<Sent> {
        let topic = topic.key();
        self.only(topic).at_work(topic)
    }

    /// How much time has passed since the simulation began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.source.age()
    }
}

/// What these groups have not done, in words.
fn summary<S: Send + Sync + 'static>(groups: &[InGroup<'_, S>]) -> String {
    let mut words = String::new();
    for group in groups {
        for sent in group.topics().flat_map(|topic| group.pending(topic)) {
            let _ = write!(words, "\n`{}` has not finished {sent}:", group.group.name);
            let history = group.history(&sent);
            let lines: Vec<_> = history.lines().collect();
            for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                let _ = write!(words, "\n  {line}");
            }
        }
    }
    if words.is_empty() { " Nothing is pending.".to_owned() } else { words }
}

impl<S: Send + Sync + 'static> InGroup<'_, S> {
    /// As [`Simulation::settle`], for this group alone.
    ///
    /// # Panics
    ///
    /// As [`Simulation::settle`].
    pub async fn settle(&self) {
        self.run.settle_groups(std::slice::from_ref(self)).await;
    }

    /// As [`Simulation::dead_letters`], of this group alone.
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[must_use]
    #[track_caller]
    pub fn dead_letters(&self, topic: impl TopicKey) -> Vec<Record> {
        let topic = topic.key();
        self.consumed(topic);
        let mut letters = self.run.dead_letters(topic);
        letters.retain(|letter| text_of(letter, header::GROUP) == Some(&self.group.id));
        letters
    }

    /// As [`Simulation::attempts`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the record's topic.
    #[must_use]
    #[track_caller]
    pub fn attempts(&self, sent: &Sent) -> u32 {
        self.run.stage.attempts(&self.group.id, &self.at(sent))
    }

    /// As [`Simulation::is_done`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the record's topic.
    #[must_use]
    #[track_caller]
    pub fn is_done(&self, sent: &Sent) -> bool {
        let at = self.at(sent);
        match self.run.stage.status(&self.group.id, &at) {
            Status::Finished => true,
            Status::Dying => self.run.stage.buried(&self.group.id).contains(&at),
            Status::Waiting | Status::AtWork | Status::Resting | Status::PutOff | Status::Stuck => false,
        }
    }

    /// As [`Simulation::history`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the record's topic.
    #[must_use]
    #[track_caller]
    pub fn history(&self, sent: &Sent) -> String {
        let history = self.run.stage.history(&self.group.id, &self.at(sent));
        let mut text = String::new();
        for (at, line) in &history.lines {
            let _ = writeln!(text, "{:>9.3} s  {line}", at.as_secs_f64());
        }
        match history.status {
            Status::Waiting => text.push_str("it waits"),
            Status::AtWork => text.push_str("it is at work"),
            Status::Resting | Status::PutOff | Status::Stuck | Status::Dying | Status::Finished => {}
        }
        text
    }

    /// As [`Simulation::committed`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic, or it has no such partition.
    #[must_use]
    #[track_caller]
    pub fn committed(&self, topic: impl TopicKey, partition: i32) -> Option<i64> {
        let topic = topic.key();
        let partition = self.partition(topic, partition);
        self.run.source.commit(&self.group.id, &partition).map(|(offset, _)| offset)
    }

    /// As [`Simulation::lag`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[must_use]
    #[track_caller]
    pub fn lag(&self, topic: impl TopicKey) -> u64 {
        let topic = topic.key();
        let partitions = self.partitions(topic);
        partitions.iter().map(|partition| self.uncommitted(partition).count() as u64).sum()
    }

    /// As [`Simulation::pending`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[must_use]
    #[track_caller]
    pub fn pending(&self, topic: impl TopicKey) -> Vec<Sent> {
        let topic = topic.key();
        let mut pending = self.all(topic);
        pending.retain(|sent| !self.is_done(sent));
        pending
    }

    /// As [`Simulation::at_work`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[must_use]
    #[track_caller]
    pub fn at_work(&self, topic: impl TopicKey) -> Vec<Sent> {
        let topic = topic.key();
        let mut at_work = self.all(topic);
        at_work.retain(|sent| self.run.stage.status(&self.group.id, &self.at(sent)) == Status::AtWork);
        at_work
    }

    /// Every record of a topic.
    #[track_caller]
    fn all(&self, topic: &str) -> Vec<Sent> {
        let records = self.run.source.records(self.consumed(topic)).into_iter().map(|kept| kept.record);
        let sent =
            records.map(|record| Sent { topic: topic.to_owned(), partition: record.partition, offset: record.offset });
        sent.collect()
    }

    fn topics(&self) -> impl Iterator<Item = &'static str> {
        let consumers = self.run.manifest.consumers.iter();
        let group = self.group.name.clone();
        consumers.filter(move |entry| entry.group == group).map(|entry| entry.topic)
    }

    /// Those of its topics whose records are tried again for as long as they fail.
    pub(super) fn topics_without_end(&self) -> impl Iterator<Item = &'static str> {
        let is_once = self.group.delivery == Delivery::AtMostOnce;
        let ends = move |topic: &str| {
            let consumers = self.run.settings.consumers.iter();
            let own = |one: &&Consumer| one.group == self.group.name && one.topic == topic;
            is_once || consumers.filter(own).any(|one| one.dead_letter.is_some())
        };
        self.topics().filter(move |topic| !ends(topic))
    }

    #[track_caller]
    pub(super) fn at(&self, sent: &Sent) -> At {
        (self.consumed(&sent.topic).to_owned(), sent.partition, sent.offset)
    }

    #[track_caller]
    fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let count = self.run.source.partitions(self.consumed(topic));
        (0..count).filter_map(|number| Some(self.partition(topic, i32::try_from(number).ok()?))).collect()
    }

    /// Offsets behind the commit.
    fn uncommitted(&self, partition: &TopicPartition) -> std::ops::Range<i64> {
        let committed = self.run.source.commit(&self.group.id, partition).map_or(0, |(offset, _)| offset);
        committed..self.run.source.end(partition)
    }

    /// Whether nothing more will happen in the group: all that it has is done, or stands behind what waits for a person.
    fn is_settled(&self) -> bool {
        self.is_settled_but_for(&|_| false)
    }

    /// As [`InGroup::is_settled`], where some records count as waiting for a person.
    pub(super) fn is_settled_but_for(&self, is_stuck: &dyn Fn(&At) -> bool) -> bool {
        let source = &self.run.source;
        if source.is_moving(&self.group.id) {
            return false;
        }
        source.assigned(&self.group.id).iter().all(|partition| {
            let uncommitted = self.uncommitted(partition);
            uncommitted.is_empty() || self.is_stuck(partition, uncommitted, is_stuck)
        })
    }

    fn is_stuck(
        &self,
        partition: &TopicPartition,
        uncommitted: std::ops::Range<i64>,
        too: &dyn Fn(&At) -> bool,
    ) -> bool {
        let records = self.run.source.records(&partition.topic);
        let mut records: Vec<_> = records.into_iter().map(|kept| kept.record).collect();
        records.retain(|record| record.partition == partition.partition && uncommitted.contains(&record.offset));
        // Whom the stuck ones hold up, by key; `None` holds up nobody else.
        let mut lines = BTreeSet::new();
        for record in &records {
            let at = (record.topic.to_string(), record.partition, record.offset);
            let line = match self.group.ordering {
                Ordering::Partition => Some(None),
                Ordering::Key => record.key.as_ref().map(Some),
                Ordering::None => None,
            };
            match self.run.stage.status(&self.group.id, &at) {
                Status::Finished | Status::Dying => {}
                status if status == Status::Stuck || too(&at) => {
                    lines.insert(line);
                }
                Status::Waiting if line.is_some() && lines.contains(&line) => {}
                Status::Waiting | Status::AtWork | Status::Resting | Status::PutOff | Status::Stuck => return false,
            }
        }
        // With all done but the commit, that is still to come.
        !lines.is_empty()
    }
}
