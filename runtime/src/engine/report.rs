//! Tells the app's listener what happens, with the names that a person knows.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{
    Error, Record,
    client::TopicPartition,
    events::{Event, Listener, Place},
    manifest::{ConsumerEntry, Manifest},
    producer::Delivered,
    worker::FailureKind,
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
pub(crate) struct Report {
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) group: Arc<str>,
    /// `None` for the group's own thread.
    pub(crate) entry: Option<&'static ConsumerEntry>,
}

impl Report {
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
        queue: Option<&str>,
    ) {
        if !self.wants_done() {
            return;
        }
        let emitted: Vec<Place<'_>> = emits
            .iter()
            .map(|(key, delivered)| Place {
                topic: self.reporter.kafka_name(key),
                partition: delivered.partition,
                offset: delivered.offset,
            })
            .collect();
        let place = Place { topic: &partition.topic, partition: partition.partition, offset };
        self.tell(&Event::Done { place, controller: self.controller(), duration, emitted: &emitted, queue });
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
            self.tell(&Event::Panicked { place, controller, attempt, message: &error.to_string(), next });
        } else {
            self.tell(&Event::Failed { place, controller, attempt, error, next });
        }
    }

    /// Under `delivery: at_most_once`: the record is committed, and there is no other attempt.
    pub(crate) fn not_repeated(&self, record: &Record, what: &str, error: &Error) {
        self.tell(&Event::NotRepeated { place: record.into(), controller: self.controller(), what, error });
    }

    /// The last attempt has failed, and the record goes to the dead letter topic.
    pub(crate) fn gave_up(&self, record: &Record, attempts: u32, error: &Error, dead_letter: Option<&str>) {
        let (place, controller) = (record.into(), self.controller());
        let topic = dead_letter.unwrap_or_default();
        self.tell(&Event::DeadLettered { place, controller, attempts, error, topic });
    }

    pub(crate) fn unparseable(&self, record: &Record, error: &Error, dead_letter: Option<&str>) {
        let Some(entry) = self.entry else { return };
        let (topic, controller) = (entry.topic, entry.controller);
        let topics = &self.reporter.manifest.topics;
        let message = topics.iter().find(|known| known.key == topic).map_or("json", |topic| topic.message);
        self.tell(&Event::Unparseable { record, topic, controller, message, error, dead_letter });
    }

    pub(crate) fn tombstone_refused(&self, record: &Record, dead_letter: Option<&str>) {
        let Some(entry) = self.entry else { return };
        let (topic, controller) = (entry.topic, entry.controller);
        self.tell(&Event::TombstoneRefused { record, topic, controller, dead_letter });
    }

    pub(crate) fn send_failed(&self, partition: &TopicPartition, topic: &str, reason: &str, wait: Duration) {
        let (controller, seconds) = (self.controller(), wait.as_secs_f64());
        self.warn(&format!(
            "Kafka has not taken a record for {topic} from {controller} on {partition}: {reason}; sent again in \
             {seconds:.1} s"
        ));
    }

    pub(crate) fn window_full(&self, partition: &TopicPartition, offset: i64) {
        self.warn(&format!(
            "{partition} is not read any further: the record at offset {offset} is not finished, and `window` records \
             wait behind it"
        ));
    }

    /// The position is chosen anew as soon as what was read is done; where that is comes as [`Event::Positioned`].
    pub(crate) fn position_moves(&self, partition: &TopicPartition, reason: &str) {
        self.warn(&format!(
            "the offset to read {partition} from is gone, because retention has passed it ({reason}); it goes on as \
             `lost_position` says when what was read is done"
        ));
    }

    /// `moves` says that the position is chosen anew when the partition is assigned again.
    pub(crate) fn position_lost(&self, partition: &TopicPartition, reason: &str, moves: bool) {
        let help = if moves {
            "it goes on as `lost_position` says when the partition is assigned again, as after a restart"
        } else {
            "move the group's offset with Kafka's own tools, or set `lost_position`, to go on"
        };
        self.warn(&format!(
            "{partition} waits: the offset to read from is gone, because retention has passed it ({reason}). Nothing is \
             skipped by itself; {help}"
        ));
    }

    pub(crate) fn stood_still(&self) {
        self.warn(
            "the process stood still for longer than its session: its partitions may be somebody else's, and nothing is \
             begun until the group has answered",
        );
    }

    pub(crate) fn partition_error(&self, partition: &TopicPartition, reason: &str) {
        self.warn(&format!("{partition}: {reason}"));
    }

    pub(crate) fn warn(&self, message: &str) {
        self.tell(&Event::Warning { group: &self.group, message });
    }

    pub(crate) fn commit_failed(&self, reason: &str) {
        self.tell(&Event::CommitFailed { group: &self.group, reason });
    }
}
