//! The end of a group: drain, commit, leave.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use super::{COMMIT_PATIENCE, GroupEnd, LaneHandle, Running};
use crate::{
    client::{ClientEvent, Close},
    engine::{clock, shared::Order, watch::Phase},
    events::Blocked,
};

/// How long after a refusal they are made again.
const COMMIT_AGAIN: Duration = Duration::from_millis(100);
/// How long a client with a commit that Kafka has not answered may take to close: it waits for the answer, which may never
/// come.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

impl Running {
    /// Drains, commits, leaves.
    pub(super) fn stop(mut self) -> GroupEnd {
        let until = self.drain();
        while self.drain_turn(until) {}
        self.leave(until)
    }

    /// Lets nothing more start. Says until when what runs may finish.
    pub(crate) fn drain(&mut self) -> Instant {
        self.group.watch.set_phase(Phase::Stopping);
        for lane in self.lanes.values() {
            lane.shared.give(Order::Drain);
        }
        clock::now() + self.group.stop_budget
    }

    /// A turn while lanes drain. Says whether there is another to come.
    pub(crate) fn drain_turn(&mut self, until: Instant) -> bool {
        let all_ended = self.lanes.values().all(|lane| lane.shared.has_ended());
        let all_left = self.leaving.iter().all(|(_, lane)| lane.task.is_finished());
        let over = clock::now() >= until || self.group.order.forces() || self.end.fatal.is_some();
        // An answer that has not come by then is not waited for longer than the last commit's.
        let is_waiting = self.outstanding.is_in_flight() && !self.outstanding.is_overdue(clock::now(), COMMIT_PATIENCE);
        if (all_ended && all_left && !is_waiting) || over {
            return false;
        }
        self.group.watch.turned(clock::now());
        self.miss_an_answer(clock::now());
        // Polling goes on: the group must not take the member for dead while it drains.
        while let Some(event) = self.group.client.poll() {
            match event {
                event @ (ClientEvent::Revoke { .. } | ClientEvent::Committed(_)) => self.hear(event),
                ClientEvent::Assign(_)
                | ClientEvent::Disconnected(_)
                | ClientEvent::Error(_)
                | ClientEvent::MadeAnew(_) => {}
                ClientEvent::Fatal(error) => self.give_up(error),
            }
        }
        self.go_on_with_revocation();
        self.go_on_with_claims(clock::now());
        self.group.client.wait(Duration::from_millis(10));
        true
    }

    /// The last commits, and the end of whatever still runs.
    pub(crate) fn leave(mut self, until: Instant) -> GroupEnd {
        if self.end.fatal.is_none() {
            let until = until.min(clock::now() + COMMIT_PATIENCE);
            // A refusal may pass, such as that of a coordinator that starts up.
            while let Err(error) = self.commit_done(|_| true, COMMIT_PATIENCE) {
                if clock::now() >= until || self.group.order.forces() || self.outstanding.is_in_flight() {
                    self.end.uncommitted = Some(error.reason);
                    break;
                }
                thread::sleep(COMMIT_AGAIN);
            }
        }
        let mut clean = true;
        let now = clock::now();
        for (partition, mut lane) in self.lanes.into_iter().chain(self.leaving) {
            lane.look(now);
            // A group whose client gave up waits for nobody, so nobody was too slow.
            if self.end.fatal.is_none()
                && !lane.shared.has_ended()
                && let Some((offset, since)) = lane.at_work
            {
                let controller = self.group.controllers.get(&*partition.topic).copied().unwrap_or_default().to_owned();
                self.end.blocked.push(Blocked { controller, partition, offset, running: now - since });
            }
            let (performed, dying) = lane.shared.pulse.on_their_way();
            // A future that waits is dropped here; one that blocks its thread stays, and its record with it.
            lane.shared.give(Order::Lose);
            lane.task.abort();
            clean &= ends_soon(&lane.task);
            count(&mut self.end, &lane);
            // They were counted when they were performed.
            self.end.handled = self.end.handled.saturating_sub(performed);
            self.end.unacknowledged += performed + dying;
        }
        let outstanding = self.outstanding.count();
        let close = match (clean, outstanding) {
            (false, _) => Close::Abandon,
            (true, 0) => Close::Wait,
            (true, _) => Close::Within(CLOSE_PATIENCE),
        };
        if !self.group.client.close(close) && clean {
            self.group.report.warn(&format!(
                "Kafka has not answered {outstanding} of the last commits: the client is left behind as it waits for that, \
                 and the group may notice only when the session is over"
            ));
        }
        self.group.watch.set_phase(Phase::Ended);
        self.end
    }

    /// Ends as a killed process does: no lane has another turn, and nothing is committed. Gives what is left of lanes.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn crash(self) -> Vec<JoinHandle<()>> {
        let lanes = self.lanes.into_values().chain(self.leaving.into_iter().map(|(_, lane)| lane));
        let tasks: Vec<_> = lanes.map(|lane| lane.task).collect();
        tasks.iter().for_each(JoinHandle::abort);
        tasks
    }
}

/// Adds what a lane has counted.
pub(super) fn count(end: &mut GroupEnd, lane: &LaneHandle) {
    let counted = lane.shared.counts.read();
    end.handled += counted.handled();
    end.failed += counted.failures();
    end.dead += counted.dead;
}

fn ends_soon(task: &JoinHandle<()>) -> bool {
    for _ in 0..50 {
        if task.is_finished() {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}
