//! What was sent to each topic and has not been acknowledged: counted as it goes, looked at from outside.

use crate::sync::{Mutex, RwLock};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// For how long what comes back is taken to be sent again, when nothing of it is on its way.
const SENT_AGAIN: Duration = Duration::from_secs(120);

/// The topics that a producer sends to.
#[derive(Debug, Default)]
pub(crate) struct Flights(RwLock<BTreeMap<String, Arc<Flight>>>);

/// What was sent to one topic.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    sent: AtomicU64,
    acknowledged: AtomicU64,
    returned: AtomicU64,
    /// Why the last one came back, if none was acknowledged since.
    fault: Mutex<Option<(String, Instant)>>,
}

/// What was sent to one topic, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) returned: u64,
}

impl Sent {
    /// What is neither acknowledged nor has come back.
    pub(crate) fn in_flight(self) -> u64 {
        self.sent.saturating_sub(self.acknowledged + self.returned)
    }
}

/// A topic of which nothing is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unacknowledged {
    pub(crate) topic: String,
    /// For how long.
    pub(crate) lasting: Duration,
    /// Why what has come back did, if any has.
    pub(crate) reason: Option<String>,
}

impl Flights {
    /// The one of a topic.
    pub(crate) fn of(&self, topic: &str) -> Arc<Flight> {
        if let Some(known) = self.0.read().get(topic) {
            return Arc::clone(known);
        }
        let mut flights = self.0.write();
        Arc::clone(flights.entry(topic.to_owned()).or_default())
    }

    /// Looks at the one of a topic that was sent to.
    pub(crate) fn with(&self, topic: &str, look: impl FnOnce(&Flight)) {
        if let Some(flight) = self.0.read().get(topic) {
            look(flight);
        }
    }

    /// How many records were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let flights = self.0.read();
        flights.values().map(|flight| flight.acknowledged.load(Ordering::Relaxed)).sum()
    }

    /// What was sent to each topic, in their order.
    pub(crate) fn sent(&self) -> Vec<(String, Sent)> {
        self.all().into_iter().map(|(topic, flight)| (topic, flight.read())).collect()
    }

    fn all(&self) -> Vec<(String, Arc<Flight>)> {
        let flights = self.0.read();
        flights.iter().map(|(topic, flight)| (topic.clone(), Arc::clone(flight))).collect()
    }
}

impl Flight {
    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        // Where nothing has ever come back there is no fault to forget.
        if self.returned.load(Ordering::Relaxed) > 0 {
            *self.fault.lock() = None;
        }
    }

    fn read(&self) -> Sent {
        // In this order what is on its way is never less than it was.
        let returned = self.returned.load(Ordering::Relaxed);
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        Sent { sent: self.sent.load(Ordering::Relaxed), acknowledged, returned }
    }

    /// One has come back; `reason`: why, if it is not the record's own fault.
    pub(crate) fn returned(&self, reason: Option<&str>, now: Instant) {
        self.returned.fetch_add(1, Ordering::Relaxed);
        if let Some(reason) = reason {
            *self.fault.lock() = Some((reason.to_owned(), now));
        }
    }
}

/// What looks at flights saw before.
///
/// **Invariant:** a topic counts as unacknowledged only while something of it is on its way or comes back, and from the
/// last acknowledgement, or from the first look at what is on its way (held by `tests::a_topic_counts_until_it_answers`).
#[derive(Debug, Default)]
pub(crate) struct FlightLooks(BTreeMap<String, Look>);

#[derive(Debug, Clone, Copy)]
struct Look {
    acknowledged: u64,
    since: Instant,
}

impl FlightLooks {
    /// The topics of which nothing has been acknowledged for a while, in their order.
    pub(crate) fn look(&mut self, flights: &Flights, now: Instant) -> Vec<Unacknowledged> {
        flights.all().into_iter().filter_map(|(topic, flight)| self.look_at(topic, &flight, now)).collect()
    }

    fn look_at(&mut self, topic: String, flight: &Flight, now: Instant) -> Option<Unacknowledged> {
        let read = flight.read();
        let (acknowledged, on_its_way) = (read.acknowledged, read.in_flight());
        let fault = flight.fault.lock().clone();
        let comes_back = fault.as_ref().is_some_and(|(_, at)| now.saturating_duration_since(*at) < SENT_AGAIN);
        if on_its_way == 0 && !comes_back {
            self.0.remove(&topic);
            return None;
        }
        let look = self.0.entry(topic.clone()).or_insert(Look { acknowledged, since: now });
        if look.acknowledged != acknowledged {
            *look = Look { acknowledged, since: now };
        }
        let (lasting, reason) = (now.saturating_duration_since(look.since), fault.map(|(reason, _)| reason));
        Some(Unacknowledged { topic, lasting, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a topic that takes nothing is not seen, one that takes some is said to take none, or one that nobody
    /// sends to any more is told for ever.
    #[test]
    fn a_topic_counts_until_it_answers() {
        let (flights, mut looks, start) = (Flights::default(), FlightLooks::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let flight = flights.of("receipts");
        let mut lasting = |second| {
            let seen = looks.look(&flights, after(second));
            seen.first().map(|topic| (topic.lasting.as_secs(), topic.reason.clone()))
        };
        assert_eq!(lasting(0), None);
        flight.sent();
        flight.sent();
        assert_eq!(lasting(1), Some((0, None)));
        assert_eq!(lasting(11), Some((10, None)));
        flight.acknowledged();
        assert_eq!(lasting(12), Some((0, None)), "one of two");
        flight.returned(Some("no"), after(13));
        assert_eq!(lasting(42), Some((30, Some("no".to_owned()))), "it is between two attempts");
        flight.sent();
        assert_eq!(lasting(43), Some((31, Some("no".to_owned()))));
        flight.acknowledged();
        assert_eq!(lasting(44), None);
        flight.sent();
        flight.returned(Some("no"), after(50));
        assert_eq!(lasting(51), Some((0, Some("no".to_owned()))));
        assert_eq!(lasting(50 + SENT_AGAIN.as_secs()), None, "nobody has sent it again");
        flight.sent();
        flight.returned(None, after(200));
        assert_eq!(lasting(201), None, "that one is too large, and others are not");
    }
}
