//! Partitions that the group gives and takes, and what is remembered of them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{COMMIT_PATIENCE, DRAIN_BUDGET, LaneHandle, Running, stop::count};
use crate::{
    client::{Assigned, TopicPartition, Wake},
    engine::{
        clock,
        progress::Progress,
        shared::{LaneShared, NO_OFFSET, Order},
        watch::Phase,
    },
    events::Event,
};

/// How long an assignment waits before its offsets are asked for again.
const ASSIGN_AGAIN: Duration = Duration::from_millis(500);

/// What this process has finished of a partition that it does not have any more.
pub(super) struct Memory {
    /// The offset that Kafka had.
    pub(super) acknowledged: i64,
    pub(super) progress: Progress,
}

/// Partitions that the group gives.
pub(super) struct Assignment {
    pub(super) partitions: Vec<TopicPartition>,
    /// When it is taken up.
    pub(super) when: Instant,
    /// Until when it may wait for what earlier lanes of its partitions are still at.
    pub(super) until: Instant,
}

/// Partitions that the group takes, while their lanes finish.
pub(super) struct Revocation {
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) until: Instant,
    pub(super) lost: bool,
}

impl Running {
    pub(super) fn go_on_with_assignment(&mut self) {
        let now = clock::now();
        let Some(mut assignment) = self.assignment.take_if(|assignment| assignment.when <= now) else { return };
        let is_free = |partition| {
            let mut leaving = self.leaving.iter();
            !leaving.any(|(left, lane)| left == partition && !lane.shared.has_ended())
        };
        // A record that was begun before the partition went and came back is better finished than begun again.
        if now < assignment.until && !assignment.partitions.iter().all(is_free) {
            self.assignment = Some(assignment);
            return;
        }
        match self.take_up(&assignment.partitions) {
            Ok(()) => {
                self.belongs();
                let (group, partitions) = (&self.group.report.group, &assignment.partitions);
                self.group.report.reporter.tell(&Event::Assigned { group, partitions });
                self.group.watch.set_phase(Phase::Assigned);
            }
            Err(error) => {
                self.warn_once(format!("cannot start to read: {error}; trying again"));
                assignment.when = now + ASSIGN_AGAIN;
                self.assignment = Some(assignment);
            }
        }
    }

    /// Starts to read partitions, and opens their lanes.
    pub(super) fn take_up(&mut self, partitions: &[TopicPartition]) -> Result<(), String> {
        let mut lanes = BTreeMap::new();
        let mut make_wake = |partition: &TopicPartition| -> Wake {
            let shared = Arc::new(LaneShared::new(None, thread::current()));
            lanes.insert(partition.clone(), Arc::clone(&shared));
            Arc::new(move || shared.wake.notify_one())
        };
        let assigned = self.group.client.assign(partitions, &mut make_wake)?;
        self.sweep();
        for assigned in assigned {
            if let Some(shared) = lanes.remove(&assigned.partition) {
                self.open_lane(assigned, shared);
            }
        }
        self.next_measure = clock::now();
        Ok(())
    }

    fn open_lane(&mut self, assigned: Assigned, shared: Arc<LaneShared>) {
        let (partition, start) = (assigned.partition.clone(), assigned.start);
        let commit = assigned.committed.as_ref();
        let committed = commit.map(|commit| commit.offset);
        let group = &self.group.report.group;
        if let (Some(passed), Some(to)) = (assigned.passed, start) {
            let event = Event::Positioned { group, partition: &partition, from: committed, to, passed };
            self.group.report.reporter.tell(&event);
        }
        let mut earlier = commit.map(|commit| Progress::decode(&commit.metadata, commit.offset)).unwrap_or_default();
        if let Some(memory) = self.memory.remove(&partition)
            // Else somebody has moved the group back, and wants these records again.
            && memory.acknowledged <= committed.unwrap_or(NO_OFFSET)
        {
            earlier.merge(&memory.progress);
        }
        if committed > start {
            // The records behind these offsets are others now.
            earlier = Progress::default();
        }
        earlier.forget_before(start.unwrap_or(0));
        if self.group.client.can_move() {
            shared.let_move();
        }
        if let Some(start) = start {
            shared.publish(start);
        }
        if let Some(committed) = committed {
            shared.pulse.set_committed(committed);
        }
        shared.tell(earlier.clone());
        match (self.group.open_lane)(assigned, earlier, Arc::clone(&shared), &self.group.runtime) {
            Some(task) => {
                self.group.watch.opened(partition.clone(), Arc::clone(&shared));
                self.outstanding.forget(&partition);
                let known = |committed| (committed, shared.progress(committed).encode(committed));
                let known = committed.filter(|_| committed == start).map(known);
                let lane = LaneHandle {
                    shared,
                    task,
                    committed: known,
                    acknowledged: committed,
                    is_outdated: false,
                    at_work: None,
                };
                self.lanes.insert(partition, lane);
            }
            // A static member that comes back with other topics first gets what it had before, until the group has
            // heard of its new ones.
            None => self.warn_once(format!("{partition} was assigned, and nobody here consumes it; others go on")),
        }
    }

    pub(super) fn revoke(&mut self, mut partitions: Vec<TopicPartition>, lost: bool) {
        self.group.watch.set_phase(Phase::Rebalancing);
        // An assignment that was not yet taken up is void.
        self.assignment = None;
        // What is between two positions is not assigned, and the client refuses to let go what it does not have.
        let is_revoked = |partition: &mut TopicPartition| partitions.contains(partition);
        let between: Vec<_> = self.moves.extract_if(.., is_revoked).collect();
        partitions.retain(|partition| !between.contains(partition));
        let order = if lost { Order::Lose } else { Order::Drain };
        for partition in &partitions {
            if let Some(lane) = self.lanes.get(partition) {
                lane.shared.give(order);
            }
        }
        let budget = if lost { Duration::ZERO } else { DRAIN_BUDGET };
        self.revocation = Some(Revocation { partitions, until: clock::now() + budget, lost });
    }

    /// Lets revoked partitions go once their lanes have ended or the budget is used up.
    pub(super) fn go_on_with_revocation(&mut self) {
        let Some(revocation) = &self.revocation else { return };
        let all_ended = revocation
            .partitions
            .iter()
            .all(|partition| self.lanes.get(partition).is_none_or(|lane| lane.shared.has_ended()));
        // A commit on its way is waited for: if it is refused, its offsets have to be committed below.
        if (!all_ended || self.outstanding.is_in_flight()) && clock::now() < revocation.until {
            return;
        }
        let Some(Revocation { partitions, until, lost }) = self.revocation.take() else { return };
        // Also after a drain that has used its budget up: the commit of what is done is not to be given up untried.
        let patience = until.saturating_duration_since(clock::now()).max(COMMIT_PATIENCE);
        if !lost && let Err(error) = self.commit_done(|partition| partitions.contains(partition), patience) {
            self.commit_failed(&error);
        }
        let mut to_repeat = 0;
        for partition in &partitions {
            if let Some(lane) = self.lanes.remove(partition) {
                // What finishes from here on commits nothing: the lane is not in the map any more.
                lane.shared.give(Order::Lose);
                to_repeat += u64::from(!lane.shared.has_ended() && lane.shared.at_work().is_some());
                self.leaving.push((partition.clone(), lane));
            }
        }
        self.group.client.unassign(&partitions);
        if !self.lanes.is_empty() {
            // What is left goes on; a further assignment comes only if there is something to give.
            self.group.watch.set_phase(Phase::Assigned);
        }
        let group = &self.group.report.group;
        self.group.report.reporter.tell(&if lost {
            Event::Lost { group, partitions: &partitions, to_repeat }
        } else {
            Event::Revoked { group, partitions: &partitions, to_repeat }
        });
    }

    /// Forgets lanes that have ended, but for what they have finished.
    pub(super) fn sweep(&mut self) {
        for (partition, lane) in self.leaving.extract_if(.., |(_, lane)| lane.shared.has_ended()) {
            self.group.watch.closed(&lane.shared);
            count(&mut self.end, &lane);
            let acknowledged = lane.acknowledged.unwrap_or(NO_OFFSET);
            let progress = lane.shared.progress(acknowledged);
            // A newer lane has more to say than one that was late.
            if !progress.is_empty() && !lane.is_outdated && !self.lanes.contains_key(&partition) {
                self.memory.insert(partition, Memory { acknowledged, progress });
            }
        }
    }
}
