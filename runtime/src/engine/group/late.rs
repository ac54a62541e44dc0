//! Attempts that run on without their partition: they are told, and each is named once.

use super::{Group, LAST_WORD, LaneHandle, Running};
use crate::{
    client::TopicPartition,
    engine::{clock, lane_status::AtWork},
    events::{Event, RevocationCause, TopicPartitionOffset},
};

impl Running {
    /// The drain of the partitions that are revoked is used up: tells and names what runs on. Returns whether that is to be
    /// waited for, because some of it listens: what ends as it is told ends before somebody else begins its record.
    pub(super) fn ends_drain(&mut self) -> bool {
        let Some(revocation) = self.revocation.as_mut().filter(|revocation| !revocation.lost) else { return false };
        if std::mem::replace(&mut revocation.is_used_up, true) {
            return false;
        }
        let mut listens = false;
        for partition in &revocation.partitions {
            if let Some(lane) = self.lanes.get_mut(partition) {
                // In this order: what ends as it is told has run on, too.
                self.group.name_late(partition, lane, RevocationCause::Revoked);
                lane.shared.revoked.tell();
                listens |= lane.listens();
            }
        }
        if listens {
            revocation.until = clock::now() + LAST_WORD;
        }
        listens
    }
}

impl Group {
    /// Names what runs in a lane whose partition is gone, unless that was done. Nothing begins in such a lane any more.
    pub(super) fn name_late(&self, partition: &TopicPartition, lane: &mut LaneHandle, why: RevocationCause) {
        if std::mem::replace(&mut lane.said_late, true) {
            return;
        }
        let now = clock::now();
        lane.look(now);
        let controller = self.controllers.get(&*partition.topic).copied().unwrap_or_default();
        let again = why != RevocationCause::Recreated && !lane.is_ahead();
        for AtWork { offset, records, since } in lane.at_work() {
            let place = TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset };
            let running = now.saturating_duration_since(since);
            self.report.reporter.tell(&Event::RunsOn { place, records, controller, running, why, again });
        }
    }
}

impl LaneHandle {
    /// Whether some of what runs waits to be told that it is over, or was told.
    pub(super) fn listens(&self) -> bool {
        !self.shared.has_ended() && self.shared.revoked.is_listened_to()
    }
}
