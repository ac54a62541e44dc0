//! Partitions that the group gives and takes, and what is remembered of them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{COMMIT_PATIENCE, COMMIT_WAIT, LAST_WORD, LaneHandle, Running, stop::count, to_repeat::CommitPoint};
use crate::{
    client::{Assigned, CommitError, TopicPartition, Wake},
    engine::{clock, core::progress::Progress, lane_shared::LaneShared, signals::Signal, watch::Phase},
    events::{Event, RevocationCause},
};

/// The least time for a commit of its own of what goes: it is not to be given up untried.
const UNTRIED: Duration = Duration::from_secs(1);

/// How long an assignment waits before its offsets are asked for again.
const ASSIGN_AGAIN: Duration = Duration::from_millis(500);

/// How long lanes that are kept may take to say what they have finished, before others go.
const NEWS: Duration = Duration::from_millis(20);

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
    /// Its drain is used up, and what runs on has been told.
    pub(super) is_used_up: bool,
    /// Until when the lanes that are kept may say what they have finished, once nothing else is waited for.
    pub(super) asked: Option<Instant>,
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
        let ended = self.take_up(&assignment.partitions);
        self.way.assigned(&ended);
        match ended {
            Ok(()) => {
                // What was asked before does not prove that the assignment came after a standstill: a commit does.
                self.refusals.assigned(self.outstanding.last());
                self.pace.soon(clock::now());
                let (group, partitions) = (&self.group.report.group, &assignment.partitions);
                self.group.report.reporter.tell(&Event::Assigned { group, partitions });
                self.group.watch.set_phase(Phase::Assigned);
            }
            Err(_) => {
                assignment.when = now + ASSIGN_AGAIN;
                self.assignment = Some(assignment);
            }
        }
    }

    /// Starts to read partitions, and opens their lanes.
    pub(super) fn take_up(&mut self, partitions: &[TopicPartition]) -> Result<(), String> {
        let mut lanes = BTreeMap::new();
        let here = thread::current();
        let mut make_wake = |partition: &TopicPartition| -> Wake {
            let shared = Arc::new(LaneShared::new(None, here.clone()));
            lanes.insert(partition.clone(), Arc::clone(&shared));
            Arc::new(move || shared.wake.notify_one())
        };
        let assigned = self.ask(|client| client.assign(partitions, &mut make_wake))?;
        self.sweep();
        self.begin_recreated_with(&assigned);
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
        let committed = assigned.committed.as_ref().map(|commit| commit.offset);
        self.tell_position(&assigned);
        let commit = assigned.committed.as_ref();
        let mut earlier = commit.map(|commit| Progress::decode(&commit.metadata, commit.offset)).unwrap_or_default();
        let known = match committed.filter(|_| committed == start) {
            Some(offset) => CommitPoint { offset, metadata: earlier.encode(offset).text, ..CommitPoint::default() },
            None => CommitPoint { offset: start.unwrap_or(0), ..CommitPoint::default() },
        };
        let former = self.remembered.remove(&partition);
        let late = self.leaving.iter().filter(|(of, lane)| *of == partition && !lane.is_outdated);
        for former in late.map(|(_, lane)| lane).chain(&former) {
            // Else somebody has moved the group back, and wants these records again.
            if former.acknowledged <= committed {
                earlier.merge(&former.finished());
            }
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
            shared.status.set_committed(committed);
        }
        shared.tell(earlier.clone(), 0);
        match (self.group.open_lane)(assigned, earlier, Arc::clone(&shared), &self.group.runtime) {
            Some(task) => {
                self.group.watch.opened(partition.clone(), Arc::clone(&shared));
                self.outstanding.forget(&partition);
                self.opened += 1;
                let lane = LaneHandle {
                    number: self.opened,
                    shared,
                    task,
                    // What this process remembers beyond that is committed at once.
                    committed: committed.filter(|_| committed == start).map(|_| known.clone()),
                    known,
                    acknowledged: committed,
                    is_outdated: false,
                    late: Progress::default(),
                    polling: None,
                    said_left_out: false,
                    said_late: false,
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
        self.way.revoked();
        // What is between two positions is not assigned, and the client refuses to let go what it does not have.
        let is_revoked = |partition: &mut TopicPartition| partitions.contains(partition);
        let between: Vec<_> = self.moves.extract_if(.., is_revoked).collect();
        partitions.retain(|partition| !between.contains(partition));
        let signal = if lost { Signal::Lose } else { Signal::Drain };
        for partition in &partitions {
            if let Some(lane) = self.lanes.get(partition) {
                lane.shared.send(signal);
            }
        }
        let budget = if lost { LAST_WORD } else { self.group.drain };
        let until = clock::now() + budget;
        self.revocation = Some(Revocation { partitions, until, lost, is_used_up: false, asked: None });
    }

    /// Releases revoked partitions once their lanes have ended or the drain is used up.
    pub(super) fn go_on_with_revocation(&mut self) {
        let Some(revocation) = &self.revocation else { return };
        let all_ended = revocation
            .partitions
            .iter()
            .all(|partition| self.lanes.get(partition).is_none_or(|lane| lane.shared.has_ended()));
        // A commit on its way is waited for: if it is refused, its offsets have to be committed below.
        let now = clock::now();
        if (!all_ended || self.outstanding.is_in_flight()) && now < revocation.until {
            return;
        }
        let lost = revocation.lost;
        if !all_ended && self.ends_drain() {
            return;
        }
        if !lost && self.waits_for_news(now) {
            return;
        }
        let Some(Revocation { partitions, until, lost, .. }) = self.revocation.take() else { return };
        // Also after a drain that is used up: the commit of what is done is not to be given up untried.
        let patience = until.saturating_duration_since(clock::now()).clamp(COMMIT_PATIENCE, COMMIT_WAIT);
        if !lost && let Err(error) = self.commit_before_they_go(&partitions, patience) {
            self.commit_failed(&error);
        }
        let (mut to_repeat, now) = (0, clock::now());
        for partition in &partitions {
            if let Some(mut lane) = self.lanes.remove(partition) {
                if lost {
                    self.group.name_late(partition, &mut lane, RevocationCause::Lost);
                }
                lane.look(now);
                to_repeat += lane.unfinished(&lane.at_work()) + lane.owed().all();
                // What finishes from here on commits nothing: the lane is not in the map any more.
                lane.shared.send(Signal::Lose);
                self.leaving.push((partition.clone(), lane));
            }
        }
        self.ask(|client| client.unassign(&partitions));
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

    /// Whether lanes have yet to say what they have finished, for the commit before some of them go: those that are kept, and
    /// those that go with something still running. Of one that has ended the last word is there.
    fn waits_for_news(&mut self, now: Instant) -> bool {
        let Some(revocation) = &mut self.revocation else { return false };
        let mut lanes = self.lanes.values().map(|lane| &lane.shared).filter(|lane| !lane.has_ended());
        let until = *revocation.asked.get_or_insert_with(|| {
            lanes.clone().for_each(|lane| lane.ask_for_news());
            now + NEWS
        });
        now < until && lanes.any(|lane| lane.is_asked())
    }

    /// Commits what is done of partitions that go, together with what is done of those that are kept: in a classic group the
    /// member joins anew next, and until all others have done so, no commit gets through.
    fn commit_before_they_go(&mut self, going: &[TopicPartition], patience: Duration) -> Result<(), CommitError> {
        let began = clock::now();
        let ended = self.commit_done(|_| true, patience);
        // Both together take no longer than one may: the group waits for this member.
        let left = patience.saturating_sub(clock::since(began)).max(UNTRIED);
        match &ended {
            // What may be wrong with those that are kept is none of the others' business. Without an answer there is nothing
            // to be had by asking again.
            Err(error) if !self.outstanding.is_in_flight() => {
                self.commit_failed(error);
                self.commit_done(|partition| going.contains(partition), left)
            }
            _ => ended,
        }
    }

    /// Forgets lanes that have ended, but for what they have finished.
    pub(super) fn sweep(&mut self) {
        let ended: Vec<_> = self.leaving.extract_if(.., |(_, lane)| lane.shared.has_ended()).collect();
        for (partition, lane) in ended {
            self.group.watch.closed(&lane.shared);
            let owed = lane.owed();
            count(&mut self.end, &lane, owed);
            if !self.tell_newer(&partition, &lane) && !lane.is_outdated {
                self.remembered.insert(partition, lane);
            }
        }
    }

    /// Leaves what a late lane has finished with the newest one of its partition. Returns whether there is a newer one.
    pub(super) fn tell_newer(&mut self, partition: &TopicPartition, lane: &LaneHandle) -> bool {
        let Some(newer) = self.lane_of(partition).filter(|newer| newer.number > lane.number) else { return false };
        if !lane.is_outdated {
            newer.late.merge(&lane.finished());
        }
        true
    }
}
