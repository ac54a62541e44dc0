//! What is known from events: how often partitions came and went, which records wait and why, and what waits for Redis.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::events::{Event, Listener, Partition, Place};

/// The most records that are remembered as waiting.
const REMEMBERED: usize = 1_000;

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
    pub(crate) redis: RedisTold,
}

/// What events have told of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupTold {
    pub(crate) assigned: u64,
    pub(crate) revoked: u64,
    pub(crate) lost: u64,
    pub(crate) commit_failures: u64,
    /// Why no broker answers, while none does.
    pub(crate) disconnected: Option<String>,
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
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Which attempt went well is not told, so a failure that nothing followed is forgotten.
        told.waiting.retain(|_, waiting| waiting.again.is_none_or(|(_, due)| now < due + LATE));
        told.clone()
    }

    fn hear(&self, event: &Event<'_>, now: Instant) {
        let group = |change: &dyn Fn(&mut GroupTold), name: &str| {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            change(told.groups.entry(name.to_owned()).or_default());
        };
        let waits = |place: Place<'_>, controller: &str, error: String, again| {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (Partition { topic: place.topic.into(), partition: place.partition }, controller.to_owned());
            if told.waiting.len() < REMEMBERED || told.waiting.contains_key(&key) {
                told.waiting.insert(key, Waiting { offset: place.offset, error, again });
            }
        };
        let redis = |change: &dyn Fn(&mut RedisTold)| {
            change(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner).redis);
        };
        match *event {
            Event::Assigned { group: name, .. } => group(&|told| told.assigned += 1, name),
            Event::Revoked { group: name, partitions, .. } => {
                group(&|told| told.revoked += 1, name);
                self.forget(partitions);
            }
            Event::Lost { group: name, partitions, .. } => {
                group(&|told| told.lost += 1, name);
                self.forget(partitions);
            }
            Event::CommitFailed { group: name, .. } => group(&|told| told.commit_failures += 1, name),
            Event::Disconnected { group: name, reason } => {
                group(&|told| told.disconnected = Some(reason.to_owned()), name);
            }
            Event::Reconnected { group: name } => group(&|told| told.disconnected = None, name),
            Event::RedisAway { reason } => redis(&|told| {
                told.away += 1;
                reason.clone_into(&mut told.reason);
            }),
            Event::RedisBack | Event::RedisUnanswered => redis(&|told| told.away = told.away.saturating_sub(1)),
            Event::Fatal { group: name, reason } => group(&|told| told.fatal = Some(reason.to_owned()), name),
            Event::Failed { place, controller, attempt, error, next } => {
                waits(place, controller, error.chain(), Some((attempt, now + next)));
            }
            Event::Panicked { place, controller, attempt, message, next } => {
                waits(place, controller, format!("panicked: {message}"), Some((attempt, now + next)));
            }
            Event::Unparseable { record, controller, error, dead_letter: None, .. } => {
                waits(record.into(), controller, format!("cannot be parsed: {}", error.chain()), None);
            }
            Event::TombstoneRefused { record, controller, dead_letter: None, .. } => {
                waits(record.into(), controller, "has no value (a tombstone)".to_owned(), None);
            }
            _ => {}
        }
    }

    fn forget(&self, partitions: &[Partition]) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
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
    use crate::Error;

    /// If this fails, health names records that are long done, or forgets one that waits.
    #[test]
    fn a_record_waits_until_its_time_has_passed() {
        let tally = Tally::new(Arc::new(()));
        let now = Instant::now();
        let error = Error::new("the shop is closed");
        let place = |partition| Place { topic: "orders", partition, offset: 5 };
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

    /// If this fails, an app that has reached its brokers again stays unready.
    #[test]
    fn brokers_that_answer_again_are_seen() {
        let tally = Tally::new(Arc::new(()));
        tally.on(&Event::Disconnected { group: "shop", reason: "AllBrokersDown" });
        let of = |tally: &Tally| tally.told(Instant::now()).groups["shop"].disconnected.clone();
        assert_eq!(of(&tally).as_deref(), Some("AllBrokersDown"));
        tally.on(&Event::Reconnected { group: "shop" });
        assert_eq!(of(&tally), None);
    }
}
