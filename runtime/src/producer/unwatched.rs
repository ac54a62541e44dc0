//! Stands in for `watch` where no health and no metrics are compiled in: nobody asks, and nothing is kept but the client's
//! last words, for the error of a record that they keep from its broker.

use std::{sync::Arc, time::Duration};

use rdkafka::{ClientConfig, error::RDKafkaErrorCode};

use crate::sync::Mutex;

/// Keeps the last words of a producer's client, until Kafka has a record.
pub(crate) struct ProducerWatch(Mutex<Option<String>>);

/// Counts nothing.
pub(crate) struct Flight;

impl ProducerWatch {
    pub(super) fn of(_: &ClientConfig) -> Self {
        Self(Mutex::new(None))
    }

    /// A line of librdkafka's log: that of a connection that the broker has closed stands there alone.
    pub(super) fn hear_log(&self, facility: &str, line: &str) {
        if facility == "FAIL" {
            let text = line.split_once("]: ").map_or(line, |(_, text)| text);
            self.0.lock().get_or_insert_with(|| text.to_owned());
        }
    }

    /// All of it is for the log, too.
    pub(super) fn hear(&self, code: RDKafkaErrorCode, text: &str) -> bool {
        // That all brokers are down says nothing of why.
        if code != RDKafkaErrorCode::AllBrokersDown {
            *self.0.lock() = Some(text.to_owned());
        }
        false
    }

    /// What the client has said since Kafka last had a record.
    pub(super) fn cause(&self) -> Option<String> {
        self.0.lock().as_ref().map(|text| format!("says: {text}"))
    }

    pub(super) fn flight(&self, _topic: &str) -> Arc<Flight> {
        Arc::new(Flight)
    }

    pub(super) fn acknowledged(&self, _topic: &str, _took: Duration) {
        *self.0.lock() = None;
    }

    pub(super) fn returned(&self, _topic: &str, _reason: Option<&str>) {}
}

impl Flight {
    pub(super) fn sent(&self) {}
}
