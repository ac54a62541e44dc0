//! Tells the app's listener what happens, with the names that a person knows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::atomic_offset::NO_OFFSET;
use crate::{
    Error, Record,
    client::TopicPartition,
    events::{Event, JobName, Listener, TopicPartitionOffset},
    guard::FailureKind,
    manifest::{ConsumerEntry, Manifest},
    outgoing::{Delivered, Outgoing},
    settings::{Ordering, WINDOW},
};

/// What the whole app's reports share.
pub(crate) struct Reporter {
    listener: Arc<dyn Listener>,
    wants_done: bool,
    manifest: &'static Manifest,
    /// A topic's name in Kafka by its key.
    names: BTreeMap<&'static str, String>,
}

impl Reporter {
    pub(crate) fn new(
        listener: Arc<dyn Listener>,
        manifest: &'static Manifest,
        names: BTreeMap<&'static str, String>,
    ) -> Self {
        Self { wants_done: listener.wants_done(), listener, manifest, names }
    }

    fn kafka_name(&self, key: &'static str) -> &str {
        self.names.get(key).map_or(key, String::as_str)
    }

    pub(crate) fn listener(&self) -> &Arc<dyn Listener> {
        &self.listener
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.listener.on(event);
    }
}

/// Reports of one group, and of one consumer in its lanes.
#[derive(Clone)]
pub(crate) struct GroupReporter {
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) group: Arc<str>,
    /// `None` for the group's own thread.
    pub(crate) entry: Option<&'static ConsumerEntry>,
}

impl GroupReporter {
    pub(crate) fn of(&self, entry: &'static ConsumerEntry) -> Self {
        Self { entry: Some(entry), ..self.clone() }
    }

    /// Whether anybody wants to hear of records that went well.
    pub(crate) fn wants_done(&self) -> bool {
        self.reporter.wants_done
    }

    /// The app's name.
    pub(crate) fn app(&self) -> &'static str {
        self.reporter.manifest.app
    }

    fn controller(&self) -> &'static str {
        self.entry.map_or("", |entry| entry.controller)
    }

    fn tell(&self, event: &Event<'_>) {
        self.reporter.tell(event);
    }

    pub(crate) fn done(
        &self,
        partition: &TopicPartition,
        offset: i64,
        duration: Duration,
        emits: &[(&'static str, Delivered)],
        job: Option<JobName<'_>>,
        batch: usize,
    ) {
        if !self.wants_done() {
            return;
        }
        let emitted: Vec<TopicPartitionOffset<'_>> = emits
            .iter()
            .map(|(key, delivered)| TopicPartitionOffset {
                topic: self.reporter.kafka_name(key),
                partition: delivered.partition,
                offset: delivered.offset.unwrap_or(NO_OFFSET),
            })
            .collect();
        let place = TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset };
        self.tell(&Event::Done { place, controller: self.controller(), duration, emitted: &emitted, job, batch });
    }

    pub(crate) fn skipped(&self, record: &Record, reason: &str) {
        self.tell(&Event::Skipped { place: record.into(), controller: self.controller(), reason });
    }

    pub(crate) fn tombstone_skipped(&self, record: &Record) {
        self.tell(&Event::TombstoneSkipped { place: record.into(), controller: self.controller() });
    }

    pub(crate) fn deferred(&self, record: &Record, wait: Duration) {
        self.tell(&Event::Deferred { place: record.into(), controller: self.controller(), wait });
    }

    pub(crate) fn failed(&self, record: &Record, attempt: u32, kind: FailureKind, error: &Error, next: Duration) {
        let (place, controller) = (record.into(), self.controller());
        if kind == FailureKind::Panicked {
            let (message, site) = (&*error.to_string(), error.panic_site());
            self.tell(&Event::Panicked { place, controller, attempt, message, site, next });
        } else {
            self.tell(&Event::Failed { place, controller, attempt, error, next });
        }
    }

    /// Under `delivery: at_most_once`: the record is committed, and there is no other attempt.
    pub(crate) fn not_repeated(&self, record: &Record, what: &str, error: &Error) {
        self.tell(&Event::NotRepeated { place: record.into(), controller: self.controller(), what, error });
    }

    /// An attempt has ended with an error, and its record is somebody else's by now.
    pub(crate) fn left(&self, record: &Record, error: &Error) {
        self.tell(&Event::Left { place: record.into(), controller: self.controller(), error });
    }

    /// The last attempt has failed, and the record goes to the dead letter topic.
    pub(crate) fn gave_up(&self, record: &Record, attempts: u32, error: &Error, dead_letter: Option<&str>) {
        let (place, controller) = (record.into(), self.controller());
        let topic = dead_letter.unwrap_or_default();
        self.tell(&Event::DeadLettered { place, controller, attempts, error, topic });
    }

    pub(crate) fn unparseable(&self, record: &Record, error: &Error, ordering: Ordering, dead_letter: Option<&str>) {
        let Some(entry) = self.entry else { return };
        let (topic, controller) = (entry.topic, entry.controller);
        let topics = &self.reporter.manifest.topics;
        let message = topics.iter().find(|known| known.key == topic).map_or("json", |topic| topic.message);
        self.tell(&Event::Unparseable { record, topic, controller, message, error, ordering, dead_letter });
    }

    pub(crate) fn unwritable(&self, record: &Record, error: &Error, ordering: Ordering, dead_letter: Option<&str>) {
        let Some(entry) = self.entry else { return };
        let (topic, controller) = (entry.topic, entry.controller);
        self.tell(&Event::Unwritable { record, topic, controller, error, ordering, dead_letter });
    }

    pub(crate) fn tombstone_refused(&self, record: &Record, ordering: Ordering, dead_letter: Option<&str>) {
        let Some(entry) = self.entry else { return };
        let (topic, controller) = (entry.topic, entry.controller);
        self.tell(&Event::TombstoneRefused { record, topic, controller, ordering, dead_letter });
    }

    /// Kafka has not taken what a record has sent, or its dead letter, for a reason that passes.
    pub(crate) fn send_failed(&self, partition: &TopicPartition, offset: i64, topic: &str, reason: &str) {
        let place = TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset };
        self.tell(&Event::SendFailed { place, controller: self.controller(), topic, reason });
    }

    /// Kafka refuses what a record has sent, or its dead letter, as it is.
    pub(crate) fn refused(
        &self,
        partition: &TopicPartition,
        offset: i64,
        outgoing: &Outgoing,
        is_dead_letter: bool,
        reason: &str,
        failures: u32,
    ) {
        let place = TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset };
        let (controller, topic, size) = (self.controller(), outgoing.topic.as_str(), outgoing.size());
        self.tell(&Event::Refused { place, controller, topic, size, is_dead_letter, reason, failures });
    }

    pub(crate) fn window_full(&self, partition: &TopicPartition, offset: i64) {
        self.warn(&format!(
            "{partition} is not read any further: the record at offset {offset} is not finished, and behind it are as \
             many as `window` or a commit has room for"
        ));
    }

    /// `is_plain`: the broker takes no metadata, else the commit has not enough room for all.
    pub(crate) fn left_out(&self, partition: &TopicPartition, offset: i64, count: u64, is_plain: bool) {
        let why = if is_plain {
            "the broker takes commits without metadata only (`offset.metadata.max.bytes`)".to_owned()
        } else {
            format!("a commit has no room for them (`window` is above {WINDOW})")
        };
        self.warn(&format!(
            "{partition} has {count} finished records behind offset {offset}, which is not finished, that a stop or a crash \
             would repeat: {why}"
        ));
    }

    pub(crate) fn stood_still(&self, still: Duration) {
        let seconds = still.as_secs_f64();
        self.warn(&format!(
            "the process stood still for {seconds:.1} s: its partitions may be somebody else's, and nothing is begun until \
             the group has answered"
        ));
    }

    pub(crate) fn warn(&self, message: &str) {
        self.tell(&Event::Warning { group: &self.group, message });
    }

    /// In a rebalance; it is made again as soon as that lets it through.
    pub(crate) fn commit_refused(&self, reason: &str) {
        self.tell(&Event::CommitRefused { group: &self.group, reason });
    }

    pub(crate) fn commit_failed(&self, reason: &str) {
        self.tell(&Event::CommitFailed { group: &self.group, reason });
    }
}
