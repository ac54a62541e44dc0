//! Partitions that are read on from elsewhere in mid-run: their position is lost, and `lost_position` says where from; or
//! their topic was recreated, and they begin as for a group without an offset.
//!
//! The lane does what it has and ends, or ends at once if its records are those of a topic that is gone. What is done is
//! committed, and the partition is assigned anew, so that where it goes on is found, written down and told as at a start.

use std::time::Duration;

use super::{COMMIT_WAIT, LaneHandle, Running};
use crate::{
    client::{Assigned, Commit, TopicPartition},
    engine::{clock, signals::Signal},
    events::RevocationCause,
};

/// How long after a move the next one may be: a position that is gone again must not make a hot loop.
const MOVE_AGAIN: Duration = Duration::from_secs(1);

impl Running {
    /// Moves partitions whose lanes have ended for it.
    pub(super) fn go_on_with_moves(&mut self) {
        let now = clock::now();
        // While the group itself gives and takes, the client waits for other answers.
        let is_busy = self.revocation.is_some() || self.assignment.is_some() || self.outstanding.is_in_flight();
        if now < self.next_move || is_busy {
            return;
        }
        for topic in std::mem::take(&mut self.recreated) {
            self.begin_recreated(&topic);
        }
        let has_ended = |lane: &LaneHandle| lane.shared.is_moving() && lane.shared.has_ended();
        // What has become of a position is asked first: its topic may be another one.
        let may_move = |partition, lane: &LaneHandle| lane.is_outdated || self.may_move(partition);
        let ended = self.lanes.iter().filter(|(partition, lane)| has_ended(lane) && may_move(partition, lane));
        let (outdated, ended): (Vec<_>, Vec<_>) = ended.partition(|(_, lane)| lane.is_outdated);
        let names = |lanes: Vec<(&TopicPartition, _)>| -> Vec<TopicPartition> {
            lanes.into_iter().map(|(partition, _)| partition.clone()).collect()
        };
        let (outdated, mut ended) = (names(outdated), names(ended));
        if outdated.is_empty() && ended.is_empty() && self.moves.is_empty() {
            return;
        }
        self.next_move = now + MOVE_AGAIN;
        // The new position is found from the commit, so that one has to come first.
        if let Err(error) = self.commit_done(|partition| ended.contains(partition), COMMIT_WAIT) {
            self.commit_failed(&error);
            return;
        }
        if !outdated.is_empty()
            && let Err(error) = self.commit_beginnings(&outdated)
        {
            self.way.moved(Err(format!("a topic was recreated: {error}")));
            return;
        }
        ended.extend(outdated);
        if !ended.is_empty() {
            for partition in &ended {
                if let Some(lane) = self.lanes.remove(partition) {
                    lane.shared.send(Signal::Lose);
                    self.leaving.push((partition.clone(), lane));
                }
            }
            self.ask(|client| client.unassign(&ended));
            self.moves.extend(ended);
        }
        let moves = std::mem::take(&mut self.moves);
        let taken_up = self.take_up(&moves);
        if taken_up.is_err() {
            self.moves = moves;
        }
        self.way.moved(taken_up);
    }

    /// A topic was deleted and recreated: its lanes end, and nothing that is known of its records is kept.
    fn begin_recreated(&mut self, topic: &str) {
        let is_of_topic = |partition: &TopicPartition| *partition.topic == *topic;
        self.remembered.retain(|partition, _| !is_of_topic(partition));
        self.note_recreated(topic);
        if !self.group.client.can_move() {
            self.begin_recreated_at_the_next_start(topic);
            return;
        }
        self.tell_recreated_topic(topic);
        for (partition, lane) in self.lanes.iter_mut().filter(|(partition, _)| is_of_topic(partition)) {
            lane.is_outdated = true;
            self.group.name_late(partition, lane, RevocationCause::Recreated);
            lane.shared.ask_to_move();
            lane.shared.send(Signal::Lose);
        }
    }

    /// Of the topics that were recreated, those begin with this assignment that have no offset in it: there is nothing else
    /// to do about them.
    pub(super) fn begin_recreated_with(&mut self, assigned: &[Assigned]) {
        for topic in std::mem::take(&mut self.recreated) {
            let is_of_topic = |partition: &TopicPartition| *partition.topic == *topic;
            let mut begun = assigned.iter().filter(|assigned| is_of_topic(&assigned.partition)).peekable();
            let is_begun = begun.peek().is_some() && begun.clone().all(|assigned| assigned.committed.is_none());
            if !is_begun || self.lanes.keys().any(is_of_topic) {
                self.recreated.insert(topic);
                continue;
            }
            for assigned in begun {
                self.note_recreated_before(&assigned.partition);
            }
            self.remembered.retain(|partition, _| !is_of_topic(partition));
            self.tell_recreated_topic(&topic);
        }
    }

    fn tell_recreated_topic(&mut self, topic: &str) {
        self.group.report.warn(&format!(
            "the topic `{topic}` was recreated (deleted, and made again): it is read from where a group without an offset begins"
        ));
        // One that is late has nothing to say of the new topic, either.
        for (_, lane) in self.leaving.iter_mut().filter(|(partition, _)| *partition.topic == *topic) {
            lane.is_outdated = true;
        }
    }

    /// Without an assignor that gives partitions one by one, only a start begins with the new topic.
    fn begin_recreated_at_the_next_start(&mut self, topic: &str) {
        let partitions: Vec<_> = self.lanes.keys().filter(|partition| *partition.topic == *topic).cloned().collect();
        if let Err(error) = self.commit_done(|partition| !partitions.contains(partition), COMMIT_WAIT) {
            self.commit_failed(&error);
        }
        match self.commit_beginnings(&partitions) {
            Ok(begins) => begins.iter().for_each(|begin| self.tell_begun(begin)),
            Err(error) => {
                self.warn_once(format!("cannot begin a topic that was recreated: {error}; trying again"));
                self.recreated.insert(topic.to_owned());
                self.next_move = clock::now() + MOVE_AGAIN;
                return;
            }
        }
        self.give_up(format!(
            "the topic `{topic}` was recreated (deleted, and made again); the next start reads it from where a group without an offset \
             begins (with `assignor: cooperative-sticky` that takes no start)"
        ));
    }

    /// Commits where a group without an offset begins.
    fn commit_beginnings(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Commit>, String> {
        let commits = self.ask(|client| client.beginnings(partitions))?;
        self.commit_and_wait(&commits, COMMIT_WAIT).map_err(|error| error.reason)?;
        Ok(commits)
    }
}
