//! What a lane sends: dead letters, emits that Kafka did not take, and the word of those that it took.

use std::{sync::Arc, time::Duration};

use super::Driver;
use crate::{
    Error, Parser, Record, Routed, Worker,
    client::outgoing::{Sent, Ticket},
    dead_letter::{self, Cause},
    engine::{backoff::after, clock, tracker::Sequence},
    producer::{Delivered, Outgoing},
    worker::MessageOf,
};

/// A performed record whose emits are not all acknowledged, for the log.
pub(super) struct Emitted {
    offset: i64,
    took: Duration,
    missing: u32,
    places: Vec<(&'static str, Delivered)>,
}

/// A record on its way, or to be sent again.
pub(super) struct Resend {
    pub(super) sequence: Sequence,
    pub(super) sent: Sent,
    pub(super) outgoing: Outgoing,
    pub(super) at: Duration,
    pub(super) failures: u32,
}

impl<W, P, I, S> Driver<'_, W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    /// Sends a record to the dead letter topic; it counts as done when Kafka has it.
    pub(super) fn bury(
        &mut self,
        sequence: Sequence,
        record: &Record,
        error_type: &str,
        error: &Error,
        attempts: u32,
        emitted: u32,
    ) {
        let Some(topic) = &self.consumer.dead_letter else { return };
        let cause = Cause { error_type, error, attempts, app: self.report.app(), group: &self.report.group };
        let outgoing = dead_letter::dead_letter(record, topic, &cause);
        self.lane.dying(sequence, emitted + 1);
        self.resending.push(Resend { sequence, sent: Sent::DeadLetter, outgoing, at: Duration::ZERO, failures: 0 });
        // Sent before the lane waits for anything.
        self.shared.wake.notify_one();
    }

    pub(super) fn send_later(&mut self, mut resend: Resend, reason: &str) {
        resend.failures += 1;
        let wait = after(self.consumer.backoff, resend.failures, self.jitter.next());
        self.report.send_failed(&self.partition, &resend.outgoing.topic, reason, wait);
        resend.at = clock::since(self.started).saturating_add(wait);
        self.resending.push(resend);
    }

    /// Sends what is due: dead letters, and what Kafka did not take before.
    pub(super) async fn resend(&mut self) {
        if self.resending.is_empty() {
            return;
        }
        let now = clock::since(self.started);
        let due: Vec<_> = self.resending.extract_if(.., |resend| resend.at <= now).collect();
        for resend in due {
            let lane = Arc::clone(self.shared);
            let (topic, content) = resend.outgoing.clone().split();
            let ticket = Ticket { number: resend.sequence, sent: resend.sent };
            let sent = match self.app.send_from(&lane, ticket, &topic, content) {
                Ok(Some(waits)) => waits.await,
                sent => sent.map(drop),
            };
            if let Err(error) = sent {
                self.send_later(resend, &error.to_string());
            }
        }
    }

    pub(super) fn log_done(&mut self, sequence: Sequence, offset: i64, took: Duration, missing: u32) {
        if missing > 0 {
            self.emits.insert(sequence, Emitted { offset, took, missing, places: Vec::new() });
        } else {
            self.report.done(&self.partition, offset, took, &[], None);
        }
    }

    /// Something that a record has sent has arrived: in a topic, or, without one, in its queue.
    pub(super) fn log_arrived(&mut self, sequence: Sequence, topic: Option<&'static str>, delivered: Delivered) {
        if let Some(emitted) = self.emits.get_mut(&sequence) {
            emitted.places.extend(topic.map(|topic| (topic, delivered)));
            emitted.missing = emitted.missing.saturating_sub(1);
            if emitted.missing == 0
                && let Some(emitted) = self.emits.remove(&sequence)
            {
                let queue = self.consumer.jobs.as_ref().map(|route| route.queue());
                self.report.done(&self.partition, emitted.offset, emitted.took, &emitted.places, queue);
            }
        }
    }
}
