//! What lanes want committed before they perform it: `delivery: at_most_once`.

use std::time::{Duration, Instant};

use super::{Running, to_repeat::CommitPoint};
use crate::{
    client::Commit,
    engine::{clock, signals::Signal},
};

impl Running {
    /// Commits at once what lanes ask for; after a refusal, when it is time to make it again.
    pub(super) fn go_on_with_commit_requests(&mut self, now: Instant) {
        // One commit at a time, as for all others.
        if self.outstanding.is_in_flight() || now < self.next_commit_request {
            return;
        }
        let mut commits = Vec::new();
        for (partition, lane) in &mut self.lanes {
            if lane.shared.signal() == Signal::Lose {
                continue;
            }
            let Some(offset) = lane.shared.commit_request.to_commit() else { continue };
            // Finished beyond it is what an app has finished that repeated, before it was told to commit first.
            let metadata = lane.metadata(offset, self.is_plain).text;
            lane.committed = Some(CommitPoint { offset, metadata: metadata.clone(), ..CommitPoint::default() });
            commits.push(Commit { partition: partition.clone(), offset, metadata });
        }
        if !commits.is_empty() {
            self.commit_in_background(&commits, now);
        }
    }

    /// Kafka has not taken a commit: it is made again, but a lane that is about to end does not wait for that.
    pub(super) fn commit_requests_refused(&mut self, again_in: Duration) {
        self.next_commit_request = clock::now() + again_in;
        for lane in self.lanes.values().filter(|lane| lane.shared.signal() != Signal::Run) {
            lane.shared.commit_request.refuse();
            lane.shared.wake.notify_one();
        }
    }
}
