//! Decides where a partition is read from when its group's offset does not say it, and why.
//!
//! A position that is lost is called nothing before Kafka was asked whether the topic is still the one that it was. Only
//! then does a partition wait for a person, or go on as `lost_position` says.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{LaneHandle, Running};
use crate::{
    client::{Assigned, Commit, TopicPartition},
    engine::{clock, lane_shared::LostAt},
    events::{Cause, Event, Log, position},
};

/// How long Kafka may take to say whether a topic is the one that it was.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// Positions that are not, or not any more, what the group's offsets say.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// Lanes that have lost theirs, until the next lane of the partition.
    lost: BTreeMap<TopicPartition, Lost>,
    /// How far partitions had come whose topic was recreated, until the next lane of the partition.
    recreated: BTreeMap<TopicPartition, i64>,
}

/// A position that is lost.
#[derive(Debug)]
struct Lost {
    /// The lane's number.
    lane: u64,
    at: LostAt,
    /// Until when it is waited for what Kafka says of the topic.
    until: Instant,
    /// Whether the topic is the one that it was for certain, once Kafka has been asked.
    is_same: Option<bool>,
    /// It was said why.
    is_told: bool,
}

impl Lost {
    fn cause(&self, offset: i64, log: Option<Log>) -> Cause {
        let lost = &self.at.lost;
        Cause::of_lost(offset, log, self.is_same == Some(true), lost.has_read, lost.is_truncated)
    }
}

impl Running {
    /// Notices lanes that have lost their positions, asks why, and says it.
    pub(super) fn go_on_with_lost(&mut self) {
        let (lanes, moves, now) = (&self.lanes, &self.moves, clock::now());
        self.positions.lost.retain(|partition, lost| match lanes.get(partition) {
            // The topic is another one, or it was another lane.
            Some(lane) => lane.number == lost.lane && !lane.is_outdated,
            None => moves.contains(partition),
        });
        let is_new = |partition: &TopicPartition| !self.positions.lost.contains_key(partition);
        let lanes = self.lanes.iter().filter(|(partition, lane)| !lane.is_outdated && is_new(partition));
        let new: Vec<_> = lanes
            .filter_map(|(partition, lane)| Some((partition.clone(), lane.number, lane.shared.lost()?.clone())))
            .collect();
        for (partition, lane, at) in new {
            self.group.client.look_at(&partition.topic);
            let lost = Lost { lane, at, until: now + LOOK_PATIENCE, is_same: None, is_told: false };
            self.positions.lost.insert(partition, lost);
        }
        let is_due = |lost: &Lost| !lost.is_told && (lost.is_same.is_some() || now >= lost.until);
        let due = self.positions.lost.iter().filter(|(_, lost)| is_due(lost));
        let due: Vec<_> = due.map(|(partition, _)| partition.clone()).collect();
        if due.is_empty() {
            return;
        }
        let logs = self.ask(|client| client.logs(&due));
        for partition in due {
            self.tell_lost(&partition, logs.get(&partition).map(log_of));
        }
    }

    /// Kafka has been asked, and the topic was not recreated as far as anybody knows.
    pub(super) fn looked_at(&mut self, topic: &str, is_same: bool) {
        let lost = self.positions.lost.iter_mut().filter(|(partition, _)| *partition.topic == *topic);
        lost.for_each(|(_, lost)| lost.is_same = Some(is_same));
    }

    /// Whether nothing more is to be learned of a partition that moves.
    pub(super) fn may_move(&self, partition: &TopicPartition) -> bool {
        self.positions.lost.get(partition).is_none_or(|lost| lost.is_told)
    }

    fn tell_lost(&mut self, partition: &TopicPartition, log: Option<Log>) {
        let Some(lane) = self.lanes.get(partition) else { return };
        let Some(lost) = self.positions.lost.get_mut(partition) else { return };
        lost.is_told = true;
        // The client does not say where it was when it has read nothing and the log was truncated.
        let from = lost.at.lost.offset.max(lane.shared.committable().unwrap_or(0));
        let (cause, reason) = (lost.cause(from, log), lost.at.lost.reason.as_str());
        let report = &self.group.report;
        if lane.shared.is_moving() {
            let why = position::Lost { offset: from, log, cause };
            report.warn(&format!(
                "{partition} has lost its position: {why} ({reason}); it goes on as `lost_position` says when what was read \
                 is done"
            ));
        } else {
            let (group, moves) = (&*report.group, lost.at.follows);
            report.reporter.tell(&Event::PositionLost { group, partition, from, log, cause, moves, reason });
        }
    }

    /// The topic of a lane was recreated: where it has come to is told with where the next one begins.
    pub(super) fn note_recreated(&mut self, topic: &str) {
        let lanes = self.lanes.iter().filter(|(partition, _)| *partition.topic == *topic);
        self.positions.recreated.extend(lanes.filter_map(had_come_to));
    }

    /// The same of a partition that comes back after its topic was recreated.
    pub(super) fn note_recreated_before(&mut self, partition: &TopicPartition) {
        let former = self.leaving.iter().filter(|(of, lane)| of == partition && !lane.is_outdated);
        let former = former.map(|(of, lane)| (of, lane)).chain(self.remembered.get_key_value(partition));
        let newest = former.max_by_key(|(_, lane)| lane.number);
        self.positions.recreated.extend(newest.and_then(had_come_to));
    }

    /// Decides where a partition is read from if the group's offset does not say it.
    pub(super) fn tell_position(&mut self, assigned: &Assigned) {
        let partition = &assigned.partition;
        let committed = assigned.committed.as_ref().map(|commit| commit.offset);
        let log = assigned.log.as_ref().map(log_of);
        let lost = self.positions.lost.remove(partition);
        if let Some(from) = self.positions.recreated.remove(partition) {
            self.tell_recreated(partition, from, assigned.start);
        } else if let Some(offset) = committed {
            let (Some(to), Some(passed)) = (assigned.start, assigned.passed) else { return };
            let cause = match lost {
                Some(lost) => lost.cause(offset, log),
                None => Cause::of_lost(offset, log, false, false, false),
            };
            self.tell_positioned(partition, Some(offset), (to, passed), log, cause);
        } else {
            self.tell_missing(assigned, log);
        }
    }

    /// A partition of a topic that was recreated begins at this commit, with the next start.
    pub(super) fn tell_begun(&mut self, begin: &Commit) {
        if let Some(from) = self.positions.recreated.remove(&begin.partition) {
            self.tell_recreated(&begin.partition, from, Some(begin.offset));
        }
    }

    /// A partition of a topic that was recreated begins, at `start` or where its log does.
    fn tell_recreated(&mut self, partition: &TopicPartition, from: i64, start: Option<i64>) {
        let log = self.ask(|client| client.logs(std::slice::from_ref(partition))).get(partition).map(log_of);
        let to = start.or(log.map(|log| log.first)).unwrap_or(0);
        self.tell_positioned(partition, Some(from), (to, to - from), log, Cause::Recreated);
    }

    /// The group has no offset in a partition.
    fn tell_missing(&mut self, assigned: &Assigned, log: Option<Log>) {
        let partition = &assigned.partition;
        let leaving = self.leaving.iter().filter(|(of, lane)| of == partition && !lane.is_outdated);
        let former = leaving.map(|(_, lane)| lane).chain(self.remembered.get(partition));
        let had = former.filter_map(|lane| lane.acknowledged).max();
        let others = assigned.others.unwrap_or_default();
        let cause = Cause::of_missing(partition.partition, had.is_some(), others);
        let Some(to) = assigned.start.or(log.map(|log| log.first)) else {
            if cause.is_loss() {
                self.group.report.warn(&format!(
                    "the group has no offset in {partition}, though it had one or has others: it begins at the beginning, and \
                     what the log holds is not known"
                ));
            }
            return;
        };
        // Nothing is read again, and nothing is skipped.
        let is_nothing = log.is_some_and(Log::is_empty) && (assigned.start.is_none() || cause.is_loss());
        if is_nothing && had.is_none() {
            return;
        }
        let passed = had.map_or(assigned.passed.unwrap_or(0), |had| to - had);
        self.tell_positioned(partition, had, (to, passed), log, cause);
    }

    fn tell_positioned(
        &self,
        partition: &TopicPartition,
        from: Option<i64>,
        (to, passed): (i64, i64),
        log: Option<Log>,
        cause: Cause,
    ) {
        let report = &self.group.report;
        report.reporter.tell(&Event::Positioned { group: &report.group, partition, from, to, passed, log, cause });
    }
}

fn had_come_to((partition, lane): (&TopicPartition, &LaneHandle)) -> Option<(TopicPartition, i64)> {
    Some((partition.clone(), lane.shared.committable().or(lane.acknowledged)?))
}

fn log_of(log: &std::ops::Range<i64>) -> Log {
    Log { first: log.start, end: log.end }
}
