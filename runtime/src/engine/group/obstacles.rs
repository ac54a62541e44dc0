//! What stands in the way of a group: gathered now and then, said, and shown to those who watch.

use std::time::{Duration, Instant};

use super::{Group, Running};
use crate::{
    client::TopicPartition,
    engine::{lane_status::NotedFault, watch::Phase},
    events::{Obstacle, ObstacleKind, Severity},
};

/// How often it is gathered.
const LOOK: Duration = Duration::from_secs(1);

/// For how long commits may fail, or the group may give nothing, before that is worth a word: a rebalance, or a broker that
/// is started again, takes some seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is known of a group's way by its own turns.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Since when no commit was taken though some were made, and what was said of the last one.
    commits_fail: Option<(Instant, String)>,
    /// Why what was assigned cannot be read from.
    assign_fails: Option<String>,
    /// Why partitions that are to be read from elsewhere are not.
    move_fails: Option<String>,
    /// Since when it waits for the group's first answer.
    joining: Option<Instant>,
    next_look: Option<Instant>,
}

impl Way {
    /// A commit was not taken, for no reason that passes with a rebalance.
    pub(super) fn commit_failed(&mut self, reason: &str, now: Instant) {
        let since = self.commits_fail.take().map_or(now, |(since, _)| since);
        self.commits_fail = Some((since, reason.to_owned()));
    }

    /// One was, or there is none to make.
    pub(super) fn committed(&mut self) {
        self.commits_fail = None;
    }

    /// Whether what was assigned can be read from.
    pub(super) fn assigned(&mut self, ended: &Result<(), String>) {
        self.assign_fails = ended.as_ref().err().cloned();
    }

    /// Whether partitions that are to be read from elsewhere are.
    pub(super) fn moved(&mut self, ended: Result<(), String>) {
        self.move_fails = ended.err();
    }

    /// Partitions go: what could not be done with them is not to be done any more.
    pub(super) fn revoked(&mut self) {
        (self.assign_fails, self.move_fails) = (None, None);
    }

    /// Whether it is time to gather what there is.
    fn looks(&mut self, now: Instant) -> bool {
        let is_due = self.next_look.is_none_or(|next| now >= next);
        if is_due {
            self.next_look = Some(now + LOOK);
        }
        is_due
    }

    /// What stands in the way by that, where nothing else does. `wait` says what a group may wait for.
    fn obstacles(&mut self, is_joining: bool, wait: &Wait, now: Instant) -> Vec<Obstacle> {
        let lasts = |since: Instant| now.saturating_duration_since(since) >= PATIENCE;
        let mut obstacles = Vec::new();
        if let Some((_, reason)) = self.commits_fail.as_ref().filter(|(since, _)| lasts(*since)) {
            obstacles.push(Obstacle::new(
                ObstacleKind::CommitFails,
                Severity::Degrades,
                format!("Kafka takes no commits: {reason}; records are handled, and a stop or a crash repeats them"),
                "look into the log of the group's coordinator; kafka-consumer-groups --describe shows which broker it is",
            ));
        }
        if let Some(error) = &self.assign_fails {
            obstacles.push(Obstacle::new(
                ObstacleKind::AssignFails,
                Severity::Passes,
                format!("partitions are assigned, and cannot be read from yet: {error}; it tries again"),
                "Kafka has to say which offsets the group has, and where partitions begin and end: look at the brokers",
            ));
        }
        if let Some(error) = self.assign_fails.is_none().then_some(self.move_fails.as_ref()).flatten() {
            obstacles.push(Obstacle::new(
                ObstacleKind::AssignFails,
                Severity::Passes,
                format!("partitions are to be read from elsewhere, and cannot be yet: {error}; it tries again"),
                "Kafka has to say where they begin and end, and to take a commit: look at the brokers",
            ));
        }
        self.joining = if is_joining { Some(self.joining.unwrap_or(now)) } else { None };
        if self.joining.is_some_and(lasts) {
            obstacles.push(Obstacle::new(ObstacleKind::Joining, Severity::Passes, wait.words(), wait.help()));
        }
        obstacles
    }
}

/// What a group that is reached and gives nothing may wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    /// For how long the group keeps a member that says nothing, where that is this member's to say.
    pub(crate) session: Option<Duration>,
    pub(crate) instance_id: Option<String>,
    /// Whether all brokers are on this machine, as one that `karafka broker` runs is.
    pub(crate) may_be_for_development: bool,
}

impl Wait {
    fn words(&self) -> String {
        let session = match self.session {
            Some(session) => format!(" (`session.timeout.ms`, {} s)", session.as_secs_f64()),
            None => " (the broker's `group.consumer.session.timeout.ms`)".to_owned(),
        };
        // Of these groups the broker does not say that there is nothing to give.
        let others = if self.session.is_none() { "other members may have all, " } else { "" };
        // librdkafka's mock cluster waits for more members whenever one has come or gone, also where none is left.
        let broker = match self.may_be_for_development {
            true => {
                "; a broker for development (`karafka broker`) waits about as long after a member that has left well"
            }
            false => "",
        };
        format!(
            "the group has given no partitions yet: {others}a member of it may still be draining, and of one that was killed \
             the session has to end first{session}{broker}"
        )
    }

    fn help(&self) -> String {
        match &self.instance_id {
            None => {
                "`instance_id: ${HOSTNAME}` of the group lets a process that is started again under the same name have \
                     its partitions back at once"
                    .to_owned()
            }
            Some(id) => format!(
                "another process may have the group under another `instance_id` than this one's `{id}`; \
                 kafka-consumer-groups --describe --members names all"
            ),
        }
    }
}

impl Running {
    /// Gathers what stands in the way now and then, says what is new, and shows all to those who watch.
    pub(super) fn look_at_the_way(&mut self, now: Instant) {
        if !self.way.looks(now) {
            return;
        }
        let phase = self.group.watch.phase();
        let is_joining = phase == Phase::Joining || (self.lanes.is_empty() && phase == Phase::Rebalancing);
        if !self.outstanding.is_in_flight() && self.is_settled() {
            self.way.committed();
        }
        let mut current = self.group.client.obstacles(is_joining);
        let is_waiting = is_joining && self.assignment.is_none() && current.is_empty();
        current.extend(self.way.obstacles(is_waiting, &self.group.wait, now));
        self.add_faults_of_lanes(&mut current, now);
        // Whoever has these partitions now stands before the same.
        let is_ours = |partition: &TopicPartition| self.lanes.contains_key(partition);
        self.obstacles.forget(|known| known.is_of_lanes() && !known.partitions.iter().any(is_ours));
        for told in self.obstacles.look(current, now) {
            told.tell(Some(&self.group.report.group), &**self.group.report.reporter.listener());
        }
        self.group.watch.set_obstacles(self.obstacles.view());
    }

    /// What lanes get instead of records: the same of several partitions of a topic is one thing.
    fn add_faults_of_lanes(&mut self, current: &mut Vec<Obstacle>, now: Instant) {
        let Group { client, report, .. } = &mut self.group;
        for (partition, lane) in &self.lanes {
            let Some(noted) = lane.shared.status.fetch_fault() else { continue };
            let NotedFault { fault, at } = &noted;
            let is_forbidden = fault.is_of_rights().then(|| client.forbids(&partition.topic, *at)).flatten();
            if !fault.holds(is_forbidden, now.saturating_duration_since(*at)) {
                lane.shared.status.clear_fetch_fault(&noted);
                continue;
            }
            let obstacle = fault.obstacle(partition, &report.group);
            let is_the_same = |known: &&mut Obstacle| known.is_same(&obstacle) && known.help == obstacle.help;
            match current.iter_mut().find(is_the_same) {
                Some(known) => {
                    known.partitions.push(partition.clone());
                    known.offset = None;
                }
                None => current.push(obstacle),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(way: &mut Way, is_joining: bool, now: Instant) -> Vec<ObstacleKind> {
        let wait = Wait { session: None, instance_id: None, may_be_for_development: false };
        way.obstacles(is_joining, &wait, now).iter().map(|obstacle| obstacle.kind).collect()
    }

    /// If this fails, commits that fail for a minute are nobody's business, or those that a rebalance refuses wake somebody.
    #[test]
    fn commits_may_fail_for_some_seconds() {
        let (mut way, now) = (Way::default(), Instant::now());
        way.commit_failed("no answer", now);
        assert!(kinds(&mut way, false, now + PATIENCE / 2).is_empty());
        way.commit_failed("no answer", now + PATIENCE / 2);
        assert_eq!(kinds(&mut way, false, now + PATIENCE), [ObstacleKind::CommitFails]);
        way.committed();
        way.commit_failed("no answer", now + PATIENCE);
        assert!(kinds(&mut way, false, now + PATIENCE).is_empty());
    }

    /// If this fails, "joining" says nothing of the member that was killed, or says it of a group that has answered.
    #[test]
    fn a_group_that_gives_nothing_says_what_it_may_wait_for() {
        let (mut way, now) = (Way::default(), Instant::now());
        assert!(kinds(&mut way, true, now).is_empty());
        assert_eq!(kinds(&mut way, true, now + PATIENCE), [ObstacleKind::Joining]);
        assert!(kinds(&mut way, false, now + PATIENCE).is_empty());
        assert!(kinds(&mut way, true, now + 2 * PATIENCE).is_empty(), "it begins anew");
        let wait = |instance_id: Option<&str>| Wait {
            session: Some(Duration::from_secs(45)),
            instance_id: instance_id.map(str::to_owned),
            may_be_for_development: false,
        };
        assert!(
            wait(None).words().contains("`session.timeout.ms`, 45 s") && wait(None).help().contains("`instance_id: ")
        );
        assert!(wait(Some("a-1")).help().contains("`a-1`"));
        assert!(!wait(None).words().contains("karafka broker"));
        let local = Wait { may_be_for_development: true, ..wait(None) };
        assert!(local.words().contains("`karafka broker`") && local.words().contains("left well"), "{}", local.words());
    }
}
