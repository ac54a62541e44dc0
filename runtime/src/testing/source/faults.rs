//! What the engine's own tests say to a group besides: members with threads, commits of others, refusals, frozen processes.

use std::{collections::BTreeMap, thread};

use super::{Source, Waits};
use crate::client::{Client, ClientEvent, Close, CommitError, Positions, TopicPartition};

impl Source {
    /// A client that waits on the thread that calls this; it gets every partition of `topics`, in the place of any other.
    pub(crate) fn join_as_thread(&self, group: &str, topics: &BTreeMap<String, Positions>) -> Box<dyn Client> {
        self.join(group, topics, Waits::Thread(thread::current()))
    }

    /// What commits of the group are answered.
    pub(crate) fn answer_commits(&self, group: &str, refusal: Option<CommitError>) {
        self.lock().group(group).refusal = refusal;
    }

    /// Commits that have this partition in them are refused.
    pub(crate) fn refuse_commits_of(&self, group: &str, partition: TopicPartition) {
        self.lock().group(group).refused = Some(partition);
    }

    /// Commits in the place of the group's member.
    pub(crate) fn set_commit(&self, group: &str, partition: TopicPartition, offset: i64, metadata: Option<String>) {
        self.lock().group(group).commits.insert(partition, (offset, metadata));
    }

    /// How often a member of the group has tried to commit.
    pub(crate) fn commits(&self, group: &str) -> u32 {
        self.lock().groups.get(group).map_or(0, |group| group.asked)
    }

    /// Retention passes everything before `begin`.
    pub(crate) fn forget_before(&self, partition: TopicPartition, begin: i64) {
        self.lock().begins.insert(partition, begin);
    }

    /// Lets the thread or task of the group's member stand still, or go on.
    pub(crate) fn freeze(&self, group: &str, is_frozen: bool) {
        self.lock().group(group).is_frozen = is_frozen;
        self.touch();
    }

    /// The topic is deleted and recreated, empty, with as many partitions. What the group has committed stays, as when a
    /// commit of the old one comes late.
    pub(crate) fn recreate(&self, topic: &str) {
        let mut inner = self.lock();
        inner.topics.get_mut(topic).into_iter().flatten().for_each(Vec::clear);
        inner.begins.retain(|partition, _| *partition.topic != *topic);
        *inner.ids.entry(topic.to_owned()).or_default() += 1;
    }

    /// The broker does not say the ids of topics.
    pub(crate) fn be_old(&self) {
        self.lock().is_old = true;
    }

    /// What is from `end` on is gone, as when a replica that never had it leads.
    pub(crate) fn truncate(&self, partition: &TopicPartition, end: usize) {
        let mut inner = self.lock();
        let logs = inner.topics.get_mut(&*partition.topic);
        if let Some(log) = logs.and_then(|logs| logs.get_mut(partition.partition as usize)) {
            log.truncate(end);
        }
        let wakes: Vec<_> = inner.groups.values().filter_map(|group| group.assigned.get(partition).cloned()).collect();
        drop(inner);
        wakes.iter().for_each(|wake| wake());
    }

    /// The group's offset of a partition is deleted, or expires.
    pub(crate) fn forget_commit(&self, group: &str, partition: &TopicPartition) {
        self.lock().group(group).commits.remove(partition);
    }

    /// The group sees that a topic was recreated.
    pub(crate) fn see_recreated(&self, group: &str, topic: &str) {
        self.say(group, ClientEvent::Recreated(topic.to_owned()));
    }

    /// The next commits of the group are kept on their way.
    pub(crate) fn park_commits(&self, group: &str, count: u32) {
        self.lock().group(group).parked = count;
    }

    /// Commits that are kept on their way never arrive; others do from here on.
    pub(crate) fn swallow_commits(&self, group: &str) {
        let mut inner = self.lock();
        let group = inner.group(group);
        group.parked = 0;
        group.on_their_way.clear();
    }

    /// The oldest commit that is kept on its way arrives, and is answered.
    #[track_caller]
    pub(crate) fn let_a_commit_arrive(&self, group: &str) {
        let mut inner = self.lock();
        let group = inner.group(group);
        let (number, commits) = group.on_their_way.pop_front().expect("a commit is on its way");
        group.arrive(number, commits);
        drop(inner);
        self.touch();
    }

    /// The offsets of commits that are kept on their way, oldest first.
    pub(crate) fn on_their_way(&self, group: &str) -> Vec<Vec<i64>> {
        let mut inner = self.lock();
        let commits = inner.group(group).on_their_way.iter();
        commits.map(|(_, commits)| commits.iter().map(|commit| commit.offset).collect()).collect()
    }

    /// How the group's last member has left.
    pub(crate) fn closed(&self, group: &str) -> Option<Close> {
        self.lock().group(group).closed
    }

    /// Lets the member's client wait for where the offsets of an assignment stand, or tells it.
    pub(crate) fn be_silent(&self, group: &str, is_silent: bool) {
        self.lock().group(group).is_silent = is_silent;
    }

    /// Ends when the group's member does not stand still.
    pub(crate) async fn thawed(&self, group: &str) {
        while self.lock().group(group).is_frozen {
            self.activity().await;
        }
    }

    /// The group gives and takes all partitions at once from here on.
    pub(crate) fn be_eager(&self, group: &str) {
        self.lock().group(group).is_eager = true;
    }
}
