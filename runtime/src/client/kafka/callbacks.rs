//! What librdkafka tells by callbacks, kept for the group's thread, which polls for it.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    types::RDKafkaRespErr,
};

use super::partitions_of;
use crate::{
    client::{ClientEvent, TopicPartition},
    librdkafka, native,
    sync::{Mutex, MutexGuard},
};

/// How many lines of a log are kept until somebody looks.
const LINES: usize = 100;

/// What callbacks leave for [`Client::poll`].
#[derive(Default)]
pub(super) struct Callbacks {
    waiting: Mutex<VecDeque<ClientEvent>>,
    /// What librdkafka waits to hear of: it says nothing else of its group before, and does not close, either.
    unanswered: Mutex<Option<Rebalance>>,
    /// librdkafka's words for the error that `poll` gives next, as a code alone.
    words: Mutex<Option<String>>,
    /// What it has written into its log since somebody looked, as far as there is room.
    lines: Mutex<Vec<(String, String)>>,
    pub(super) closing: AtomicBool,
}

/// Partitions that librdkafka gives or takes.
pub(super) struct Rebalance {
    pub(super) gives: bool,
    pub(super) partitions: Vec<TopicPartition>,
}

impl Callbacks {
    pub(super) fn push(&self, event: ClientEvent) {
        self.waiting.lock().push_back(event);
    }

    pub(super) fn unanswered(&self) -> MutexGuard<'_, Option<Rebalance>> {
        self.unanswered.lock()
    }

    /// Partitions were taken up or let go. Those that the engine moves by itself are no answer.
    pub(super) fn answered(&self, partitions: &[TopicPartition]) {
        let is_of = |rebalance: &mut Rebalance| {
            partitions.is_empty() || rebalance.partitions.iter().any(|partition| partitions.contains(partition))
        };
        drop(self.unanswered().take_if(is_of));
    }

    /// librdkafka's words for the error that has just been polled.
    pub(super) fn take_words(&self) -> Option<String> {
        self.words.lock().take()
    }

    /// Facility and words of each line of its log since this was last asked.
    pub(super) fn take_lines(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.lines.lock())
    }

    pub(super) fn pop(&self) -> Option<ClientEvent> {
        self.waiting.lock().pop_front()
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let mut lines = self.lines.lock();
        if lines.len() < LINES {
            lines.push((facility.to_owned(), message.to_owned()));
        }
        librdkafka::log(level, facility, message);
    }

    /// The wrapper calls this within the `poll` that gives the error itself.
    fn error(&self, _error: KafkaError, reason: &str) {
        *self.words.lock() = Some(reason.to_owned());
    }
}

impl ConsumerContext for Callbacks {
    /// Leaves the answer to the group's thread, which drains lanes first: librdkafka waits for it.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let Some(native) = native::Consumer::from_wrapper(consumer.client().native_ptr()) else { return };
        if self.closing.load(Ordering::Acquire) {
            // Nobody is left to drain.
            let _ = native.unassign(list);
            return;
        }
        let partitions = partitions_of(list);
        let gives = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        *self.unanswered() = Some(Rebalance { gives, partitions: partitions.clone() });
        self.push(if gives {
            ClientEvent::Assign(partitions)
        } else {
            ClientEvent::Revoke { partitions, lost: native.assignment_lost() }
        });
    }
}
