//! What the outside may know of a producer: its connections, and what of its records is on the way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, error::RDKafkaErrorCode};

pub(super) use super::flights::Flight;
use super::flights::{Flights, Sent};
use crate::{
    client::connection::{BOOTSTRAP, Connection},
    histogram::{Buckets, Histogram},
    sync::Mutex,
};

/// Hears what a producer's client says, and counts what it sends.
pub(crate) struct ProducerWatch {
    /// `bootstrap.servers`
    pub(super) brokers: String,
    pub(super) connection: Mutex<Connection>,
    pub(super) flights: Flights,
    /// From when records were sent to when Kafka had acknowledged them.
    took: Histogram,
    /// How many records were acknowledged when the client last said something.
    acknowledged: AtomicU64,
}

/// What was sent, at one moment.
#[derive(Debug, Clone)]
pub(crate) struct SendsView {
    /// By the topic's name in Kafka.
    pub(crate) topics: Vec<(String, Sent)>,
    /// From when records were sent to when Kafka had acknowledged them.
    pub(crate) took: Buckets,
}

impl ProducerWatch {
    /// Of a client with these properties.
    pub(super) fn of(config: &ClientConfig) -> Self {
        let brokers = config.get(BOOTSTRAP).unwrap_or_default().to_owned();
        let connection = Mutex::new(Connection::of(config));
        let (flights, took) = (Flights::default(), Histogram::default());
        Self { brokers, connection, flights, took, acknowledged: AtomicU64::default() }
    }

    /// A line of librdkafka's log.
    pub(super) fn hear_log(&self, facility: &str, line: &str) {
        self.acknowledged.store(self.flights.acknowledged(), Ordering::Relaxed);
        self.connection.lock().hear_log(facility, line, Instant::now());
    }

    /// An error of the client. Returns whether it is about a connection.
    pub(super) fn hear(&self, code: RDKafkaErrorCode, text: &str) -> bool {
        self.acknowledged.store(self.flights.acknowledged(), Ordering::Relaxed);
        self.connection.lock().hear(code, text, Instant::now())
    }

    /// What keeps the client from its brokers, and what mends it, if it has said so and nothing was acknowledged since.
    pub(super) fn cause(&self) -> Option<String> {
        if self.flights.acknowledged() > self.acknowledged.load(Ordering::Relaxed) {
            return None;
        }
        let obstacle = self.connection.lock().obstacles(true, Instant::now()).into_iter().next()?;
        Some(format!("{}; {}", obstacle.words, obstacle.help))
    }

    /// What counts the records of a topic.
    pub(super) fn flight(&self, topic: &str) -> Arc<Flight> {
        self.flights.of(topic)
    }

    /// What was sent so far.
    pub(crate) fn view(&self) -> SendsView {
        SendsView { topics: self.flights.sent(), took: self.took.read() }
    }

    /// Kafka has a record, so long after it was sent.
    pub(super) fn acknowledged(&self, topic: &str, took: Duration) {
        self.flights.with(topic, Flight::acknowledged);
        self.took.observe(took);
    }

    /// A record has come back; `reason`: why, if it is not the record's own fault.
    pub(super) fn returned(&self, topic: &str, reason: Option<&str>) {
        self.flights.with(topic, |flight| flight.returned(reason, Instant::now()));
    }
}
