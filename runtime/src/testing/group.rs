//! What a test does to one group of an app.

use std::fmt;

use super::{
    TopicKey,
    simulation::Simulation,
    stage::{Call, Script},
};
use crate::{
    client::{ClientEvent, TopicPartition},
    context::simulated::Act,
    settings,
};

/// What one group of the app does, where several consume a topic; [`Simulation`] has the same for topics that one group
/// consumes.
pub struct InGroup<'r, S: Send + Sync + 'static> {
    pub(super) run: &'r Simulation<S>,
    pub(super) group: &'r settings::Group,
}

impl<S: Send + Sync + 'static> Simulation<S> {
    /// A group by its key in the manifest, or by its id in Kafka.
    ///
    /// # Panics
    ///
    /// When the manifest has no such group.
    #[must_use]
    #[track_caller]
    pub fn group(&self, name: &str) -> InGroup<'_, S> {
        let by_id = || self.settings.groups.iter().find(|group| group.id == name);
        let Some(group) = self.settings.group(name).or_else(by_id) else {
            let known: Vec<_> = self.settings.groups.iter().map(|group| group.name.as_str()).collect();
            panic!("karafka.yml has no group `{name}`; it has {}", known.join(", "));
        };
        InGroup { run: self, group }
    }

    /// The only group that consumes a topic.
    #[track_caller]
    pub(super) fn only(&self, topic: &str) -> InGroup<'_, S> {
        self.kafka_name(topic);
        let consumers = self.manifest.consumers.iter().filter(|entry| entry.topic == topic);
        let groups: Vec<_> = consumers.map(|entry| entry.group).collect();
        match &groups[..] {
            [group] => self.group(group),
            [] => panic!("nobody consumes `{topic}`"),
            groups => {
                let first = groups[0];
                panic!(
                    "several groups consume `{topic}`: name one, such as `group(\"{first}\")`; {}",
                    groups.join(", ")
                )
            }
        }
    }

    /// The first `times` attempts at each record of a topic fail for this reason; then its controller performs.
    ///
    /// # Panics
    ///
    /// When no group of the app consumes the topic, or several do: then see [`Simulation::group`].
    #[track_caller]
    pub fn fail(&self, topic: impl TopicKey, times: u32, why: impl fmt::Display) {
        let topic = topic.key();
        self.only(topic).fail(topic, times, why);
    }

    /// Every attempt at a record of a topic fails for this reason.
    ///
    /// # Panics
    ///
    /// As [`Simulation::fail`].
    #[track_caller]
    pub fn fail_always(&self, topic: impl TopicKey, why: impl fmt::Display) {
        let topic = topic.key();
        self.only(topic).fail(topic, u32::MAX, why);
    }

    /// `script` decides what happens in each attempt at a record of a topic, instead of an earlier script. Where it panics,
    /// such as in an assertion, the test fails.
    ///
    /// # Panics
    ///
    /// As [`Simulation::fail`].
    #[track_caller]
    pub fn script(&self, topic: impl TopicKey, script: impl FnMut(&Call) -> Act + Send + 'static) {
        let topic = topic.key();
        self.only(topic).script(topic, script);
    }

    /// The group takes a partition back, as it does when another member joins: what runs may finish, all that is done is
    /// committed, and then it is let go. Waits for that.
    ///
    /// # Panics
    ///
    /// As [`Simulation::fail`], and when the group does not have the partition.
    pub async fn revoke(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.only(topic).revoke(topic, partition).await;
    }

    /// The group has given a partition to somebody else, as it does when a session expires: nothing of it can be
    /// committed any more. Waits until the app has let it go; what runs may still run.
    ///
    /// # Panics
    ///
    /// As [`Simulation::revoke`].
    pub async fn lose(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.only(topic).lose(topic, partition).await;
    }

    /// The group gives a partition that it has taken. Waits until it is read.
    ///
    /// # Panics
    ///
    /// As [`Simulation::fail`], and when the group has the partition.
    pub async fn give_back(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.only(topic).give_back(topic, partition).await;
    }

    /// Every group takes all its partitions back, and then gives them again.
    pub async fn rebalance(&self) {
        for group in &self.settings.groups {
            InGroup { run: self, group }.rebalance().await;
        }
    }
}

impl<S: Send + Sync + 'static> InGroup<'_, S> {
    /// As [`Simulation::fail`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[track_caller]
    pub fn fail(&self, topic: impl TopicKey, times: u32, why: impl fmt::Display) {
        let topic = topic.key();
        let why = why.to_string();
        let decide = move |call: &Call| if call.attempt <= times { Act::fail(&why) } else { Act::Perform };
        self.decided_by(topic, Script { decide: Box::new(decide), fails: (times < u32::MAX).then_some(times) });
    }

    /// As [`Simulation::fail_always`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[track_caller]
    pub fn fail_always(&self, topic: impl TopicKey, why: impl fmt::Display) {
        let topic = topic.key();
        self.fail(topic, u32::MAX, why);
    }

    /// As [`Simulation::script`].
    ///
    /// # Panics
    ///
    /// When the group does not consume the topic.
    #[track_caller]
    pub fn script(&self, topic: impl TopicKey, script: impl FnMut(&Call) -> Act + Send + 'static) {
        self.decided_by(topic.key(), Script { decide: Box::new(script), fails: None });
    }

    #[track_caller]
    fn decided_by(&self, topic: &str, script: Script) {
        let name = self.consumed(topic);
        self.run.stage.script(&self.group.id, name, Some(script));
    }

    /// As [`Simulation::revoke`].
    ///
    /// # Panics
    ///
    /// When the group does not have the partition.
    pub async fn revoke(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.take(vec![self.partition(topic, partition)], false).await;
    }

    /// As [`Simulation::lose`].
    ///
    /// # Panics
    ///
    /// When the group does not have the partition.
    pub async fn lose(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.take(vec![self.partition(topic, partition)], true).await;
    }

    /// As [`Simulation::give_back`].
    ///
    /// # Panics
    ///
    /// When the group has the partition already.
    pub async fn give_back(&self, topic: impl TopicKey, partition: i32) {
        let topic = topic.key();
        self.give(vec![self.partition(topic, partition)]).await;
    }

    /// As [`Simulation::rebalance`].
    pub async fn rebalance(&self) {
        self.moved().await;
        let partitions: Vec<_> = self.run.source.assigned(&self.group.id).into_iter().collect();
        self.take(partitions.clone(), false).await;
        self.give(partitions).await;
    }

    async fn take(&self, partitions: Vec<TopicPartition>, lost: bool) {
        self.moved().await;
        let assigned = self.run.source.assigned(&self.group.id);
        if let Some(missing) = partitions.iter().find(|partition| !assigned.contains(partition)) {
            panic!("the group `{}` does not have {missing} to give", self.group.name);
        }
        self.run.source.say(&self.group.id, ClientEvent::Revoke { partitions, lost });
        self.moved().await;
    }

    async fn give(&self, partitions: Vec<TopicPartition>) {
        self.moved().await;
        let assigned = self.run.source.assigned(&self.group.id);
        if let Some(known) = partitions.iter().find(|partition| assigned.contains(partition)) {
            panic!("the group `{}` has {known} already", self.group.name);
        }
        self.run.source.say(&self.group.id, ClientEvent::Assign(partitions));
        self.moved().await;
    }

    /// Waits until no partition is on its way to or from the app.
    async fn moved(&self) {
        let (source, group) = (&self.run.source, &self.group.id);
        let moved = || source.has_member(group) && !source.is_moving(group);
        self.run.wait_until("partitions have come and gone", moved).await;
    }

    /// A topic's name in Kafka.
    #[track_caller]
    pub(super) fn consumed(&self, topic: &str) -> &str {
        let name = self.run.kafka_name(topic);
        let mut consumers = self.run.manifest.consumers.iter();
        let is_consumed = consumers.any(|entry| entry.topic == topic && entry.group == self.group.name);
        assert!(is_consumed, "the group `{}` does not consume `{topic}`", self.group.name);
        name
    }

    #[track_caller]
    pub(super) fn partition(&self, topic: &str, partition: i32) -> TopicPartition {
        self.consumed(topic);
        self.run.partition(topic, partition)
    }
}
