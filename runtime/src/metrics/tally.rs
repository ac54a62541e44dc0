//! What is known from events: how often partitions came and went, which records wait and why, and what waits for Redis.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    events::{
        Event, Listener, Partition, TopicPartitionOffset,
        position::{Lost, Positioned, Waits},
    },
    foreign,
    sync::Mutex,
};

/// The most records that are remembered as waiting.
const REMEMBERED: usize = 1_000;

/// For how long it is shown that a partition was read from elsewhere than its group's offset.
const SHOWN: Duration = Duration::from_secs(60 * 60);

/// How many such partitions are remembered.
const MOVED: usize = 100;

/// For how long a record that failed is shown as waiting after its next attempt was due.
const LATE: Duration = Duration::from_secs(60);

/// Counts events of the slow path, beside the app's own listener; what happens a record at a time is counted in the
/// lanes.
pub(crate) struct Tally {
    inner: Arc<dyn Listener>,
    told: Mutex<Told>,
}

/// What events have told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// By the group's id.
    pub(crate) groups: BTreeMap<String, GroupTold>,
    /// The last failure of a record, by partition and controller.
    pub(crate) waiting: BTreeMap<(Partition, String), Waiting>,
    /// Partitions whose positions are lost and that wait, by the group's id: why, and what to do.
    pub(crate) lost: BTreeMap<(String, Partition), String>,
    /// Partitions that began elsewhere than at their group's offset: when, and in words.
    pub(crate) moved: BTreeMap<(String, Partition), (Instant, String)>,
    pub(crate) redis: RedisTold,
}

/// What events have told of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupTold {
    pub(crate) assigned: u64,
    pub(crate) revoked: u64,
    pub(crate) lost: u64,
    pub(crate) commit_failures: u64,
    /// How often partitions were not read from the group's offset, by why.
    pub(crate) positions: BTreeMap<&'static str, u64>,
    /// Why the client gave up.
    pub(crate) fatal: Option<String>,
}

/// What events have told of Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RedisTold {
    /// How many wait for it: in a server, queues whose jobs it does not take.
    pub(crate) away: u64,
    /// Why the last one began to wait.
    pub(crate) reason: String,
}

/// A record that failed and waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) offset: i64,
    pub(crate) error: String,
    /// The failed attempt and when the next one is due; `None` if there will be none.
    pub(crate) again: Option<(u32, Instant)>,
}

impl Tally {
    pub(crate) fn new(inner: Arc<dyn Listener>) -> Self {
        Self { inner, told: Mutex::default() }
    }

    /// Everything that is known at `now`.
    pub(crate) fn told(&self, now: Instant) -> Told {
        let mut told = self.told.lock();
        // Which attempt went well is not told, so a failure that nothing followed is forgotten.
        told.waiting.retain(|_, waiting| waiting.again.is_none_or(|(_, due)| now < due + LATE));
        told.moved.retain(|_, (since, _)| now.saturating_duration_since(*since) < SHOWN);
        told.clone()
    }

    fn hear(&self, event: &Event<'_>, now: Instant) {
        let group = |change: &dyn Fn(&mut GroupTold), name: &str| {
            let mut told = self.told.lock();
            change(told.groups.entry(name.to_owned()).or_default());
        };
        let waits = |place: TopicPartitionOffset<'_>, controller: &str, error: String, again| {
            let mut told = self.told.lock();
            let key = (Partition { topic: place.topic.into(), partition: place.partition }, controller.to_owned());
            let error = foreign::cut(&error).into_owned();
            if told.waiting.len() < REMEMBERED || told.waiting.contains_key(&key) {
                told.waiting.insert(key, Waiting { offset: place.offset, error, again });
            }
        };
        let redis = |change: &dyn Fn(&mut RedisTold)| {
            change(&mut self.told.lock().redis);
        };
        match *event {
            Event::Assigned { group: name, .. } => group(&|told| told.assigned += 1, name),
            Event::Revoked { group: name, partitions, .. } => {
                group(&|told| told.revoked += 1, name);
                self.forget(name, partitions);
            }
            Event::Lost { group: name, partitions, .. } => {
                group(&|told| told.lost += 1, name);
                self.forget(name, partitions);
            }
            Event::CommitFailed { group: name, .. } | Event::CommitRefused { group: name, .. } => {
                group(&|told| told.commit_failures += 1, name);
            }
            Event::RedisAway { reason } => redis(&|told| {
                told.away += 1;
                told.reason = foreign::cut(reason).into_owned();
            }),
            Event::RedisBack | Event::RedisUnanswered => redis(&|told| told.away = told.away.saturating_sub(1)),
            Event::Fatal { group: name, reason } => {
                group(&|told| told.fatal = Some(foreign::cut(reason).into_owned()), name);
            }
            Event::Positioned { group: name, partition, from, to, passed, log, cause } => {
                group(&|told| *told.positions.entry(cause.name()).or_default() += 1, name);
                let key = (name.to_owned(), partition.clone());
                let mut told = self.told.lock();
                told.lost.remove(&key);
                if cause.is_loss() && (told.moved.len() < MOVED || told.moved.contains_key(&key)) {
                    let words = Positioned { group: name, partition, from, to, passed, log, cause }.to_string();
                    told.moved.insert(key, (now, words));
                }
            }
            Event::PositionLost { group: name, partition, from, log, cause, moves, .. } => {
                group(&|told| *told.positions.entry(cause.name()).or_default() += 1, name);
                let words = Waits { group: name, partition, lost: Lost { offset: from, log, cause }, moves };
                let words = format!("{words}; {}", words.help());
                let mut told = self.told.lock();
                told.lost.insert((name.to_owned(), partition.clone()), words);
            }
            Event::Failed { place, controller, attempt, error, next } => {
                waits(place, controller, error.to_string(), Some((attempt, now + next)));
            }
            Event::Panicked { place, controller, attempt, message, next, .. } => {
                waits(place, controller, format!("panicked: {message}"), Some((attempt, now + next)));
            }
            Event::Unparseable { record, controller, error, dead_letter: None, .. } => {
                waits(record.into(), controller, format!("cannot be parsed: {error}"), None);
            }
            Event::Unwritable { record, controller, error, dead_letter: None, .. } => {
                waits(record.into(), controller, format!("cannot be written as a job: {error}"), None);
            }
            Event::TombstoneRefused { record, controller, dead_letter: None, .. } => {
                waits(record.into(), controller, "has no value (a tombstone)".to_owned(), None);
            }
            _ => {}
        }
    }

    fn forget(&self, group: &str, partitions: &[Partition]) {
        let mut told = self.told.lock();
        let is_gone = |(of, partition): &(String, Partition)| of == group && partitions.contains(partition);
        told.lost.retain(|key, _| !is_gone(key));
        told.waiting.retain(|(partition, _), _| !partitions.contains(partition));
    }
}

impl Listener for Tally {
    fn wants_done(&self) -> bool {
        self.inner.wants_done()
    }

    fn on(&self, event: &Event<'_>) {
        if !matches!(event, Event::Done { .. } | Event::Skipped { .. }) {
            self.hear(event, Instant::now());
        }
        self.inner.on(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Error,
        events::{Cause, Log},
    };

    /// If this fails, health names records that are long done, or forgets one that waits.
    #[test]
    fn a_record_waits_until_its_time_has_passed() {
        let tally = Tally::new(Arc::new(()));
        let now = Instant::now();
        let error = Error::new("the shop is closed");
        let place = |partition| TopicPartitionOffset { topic: "orders", partition, offset: 5 };
        let failed = |partition, attempt| Event::Failed {
            place: place(partition),
            controller: "OrdersController",
            attempt,
            error: &error,
            next: Duration::from_secs(30),
        };
        tally.hear(&failed(0, 1), now);
        tally.hear(&failed(0, 2), now + Duration::from_secs(80));
        tally.hear(&failed(1, 1), now);
        let told = tally.told(now + Duration::from_secs(90));
        let attempts: Vec<_> = told.waiting.values().map(|waiting| waiting.again.map(|(attempt, _)| attempt)).collect();
        assert_eq!(attempts, [Some(2)]);
        let partition = Partition { topic: "orders".into(), partition: 0 };
        tally.hear(&Event::Lost { group: "shop", partitions: &[partition], to_repeat: 0 }, now);
        assert!(tally.told(now).waiting.is_empty());
    }

    /// If this fails, health does not say why a partition waits for a person, or goes on saying it when it waits no more;
    /// or a group whose offsets were gone looks well a moment later.
    #[test]
    fn positions_are_told_for_a_while() {
        let tally = Tally::new(Arc::new(()));
        let now = Instant::now();
        let partition = &Partition { topic: "orders".into(), partition: 3 };
        let (group, log) = ("shop", Some(Log { first: 40, end: 100 }));
        let lost = |cause| Event::PositionLost { group, partition, from: 10, log, cause, moves: false, reason: "" };
        let positioned = |cause| Event::Positioned { group, partition, from: None, to: 40, passed: 0, log, cause };
        let key = ("shop".to_owned(), partition.clone());
        tally.hear(&positioned(Cause::NewGroup), now);
        assert!(tally.told(now).moved.is_empty(), "a beginning is no loss");
        tally.hear(&lost(Cause::Retention), now);
        let words = tally.told(now).lost[&key].clone();
        for part in ["offset 10", "40 to 100", "30 are lost", "lost_position: earliest", "--topic orders:3"] {
            assert!(words.contains(part), "no `{part}` in: {words}");
        }
        tally.hear(&positioned(Cause::NoOffset { in_topic: 2, elsewhere: 0 }), now);
        let told = tally.told(now + SHOWN / 2);
        assert!(told.lost.is_empty(), "it goes on");
        assert!(told.moved[&key].1.contains("60 read again at most"), "{told:?}");
        assert!(tally.told(now + SHOWN).moved.is_empty());
        let counted = BTreeMap::from([("new_group", 1), ("no_offset", 1), ("retention", 1)]);
        assert_eq!(tally.told(now).groups["shop"].positions, counted);
        tally.hear(&lost(Cause::BeforeLog), now);
        tally.hear(&Event::Revoked { group: "other", partitions: std::slice::from_ref(partition), to_repeat: 0 }, now);
        assert!(tally.told(now).lost.contains_key(&key), "that was another group");
        tally.hear(&Event::Revoked { group, partitions: std::slice::from_ref(partition), to_repeat: 0 }, now);
        assert!(tally.told(now).lost.is_empty());
    }
}
