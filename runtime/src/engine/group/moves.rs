//! Partitions whose position is lost in mid-run: read on from where `lost_position` says.
//!
//! The lane does what it has and ends. What is done is committed, and the partition is assigned anew, so that where it
//! goes on is found, written down and told as at a start.

use std::time::Duration;

use super::Running;
use crate::{
    client::TopicPartition,
    engine::{clock, shared::Order},
};

/// How long after a move the next one may be: a position that is gone again must not make a hot loop.
const MOVE_AGAIN: Duration = Duration::from_secs(1);

impl Running {
    /// Moves partitions whose lanes have ended for it.
    pub(super) fn go_on_with_moves(&mut self) {
        let now = clock::now();
        // While the group itself gives and takes, the client waits for other answers.
        if now < self.next_move || self.revocation.is_some() || self.assignment.is_some() || self.sent != self.ended {
            return;
        }
        let ended = self.lanes.iter().filter(|(_, lane)| lane.shared.is_moving() && lane.shared.has_ended());
        let ended: Vec<TopicPartition> = ended.map(|(partition, _)| partition.clone()).collect();
        if ended.is_empty() && self.moves.is_empty() {
            return;
        }
        self.next_move = now + MOVE_AGAIN;
        if !ended.is_empty() {
            let commits = self.uncommitted(|partition| ended.contains(partition));
            if let Err(error) = self.commit_and_wait(commits) {
                // The new position is found from the commit, so that one has to come first.
                self.commit_failed(&error);
                self.lanes.values_mut().for_each(|lane| lane.committed = None);
                return;
            }
            for partition in &ended {
                if let Some(lane) = self.lanes.remove(partition) {
                    lane.shared.give(Order::Lose);
                    self.leaving.push((partition.clone(), lane));
                }
            }
            self.group.client.unassign(&ended);
            self.moves.extend(ended);
        }
        let moves = std::mem::take(&mut self.moves);
        if let Err(error) = self.take_up(&moves) {
            self.warn_once(format!("cannot go on behind a lost position: {error}; trying again"));
            self.moves = moves;
        }
    }
}
