//! What a lane sends: dead letters, emits that Kafka did not take, and the word of those that it took.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::ConsumerSettings;
use crate::{
    Error, Record,
    backoff::{Jitter, after},
    client::TopicPartition,
    context::{AppShared, Outlet},
    dead_letter::{self, Cause},
    engine::{
        atomic_offset::NO_OFFSET,
        clock,
        core::{
            debts::{BatchId, Debts},
            lane::Lane,
            tracker::Sequence,
        },
        counts::count,
        lane_shared::LaneShared,
        refused::RefusedCopy,
        report::GroupReporter,
    },
    events::JobName,
    outgoing::{Delivered, Outgoing, Refusal, SendError, Sent, Ticket},
};

/// What a record, or a batch, has sent, for the log: what is done is told when all of it has arrived.
#[derive(Default)]
pub(super) struct Emitted {
    /// Once the attempt has ended.
    done: Option<DoneOffsets>,
    /// How many are on their way then.
    missing: usize,
    places: Vec<(&'static str, Delivered)>,
}

/// What an attempt has done, for the log.
pub(super) struct DoneOffsets {
    /// Of a batch, those that are done.
    pub(super) offsets: Vec<i64>,
    pub(super) took: Duration,
    /// How many records the attempt was at.
    pub(super) batch: usize,
}

/// The most records and batches whose emits are remembered for the log: what is given up is never told as done.
const REMEMBERED: usize = 10_000;

/// A record on its way, or to be sent again.
pub(super) struct Resend {
    pub(super) ticket: Ticket,
    pub(super) outgoing: Outgoing,
    pub(super) at: Duration,
}

/// Why a record is given up.
pub(super) struct GivenUp<'a> {
    pub(super) error_type: &'a str,
    pub(super) error: &'a Error,
    /// How many there were.
    pub(super) attempts: u32,
}

/// Why Kafka has not taken something.
pub(super) struct Refused {
    /// What a person has to change before it does.
    pub(super) refusal: Option<Refusal>,
    pub(super) reason: String,
}

/// Between two records that Kafka has refused as too large: longer than librdkafka gathers a batch for by default. It may
/// have been the batch that was too large, and is again if they all come together.
const APART: Duration = Duration::from_millis(20);

/// What a lane sends and has sent.
pub(super) struct Outbox<'a> {
    /// What batches have sent; empty without `batch:`.
    pub(super) debts: Debts,
    /// Records that Kafka did not take, to be sent again.
    resending: Vec<Resend>,
    /// When the last of those is due that are sent one by one.
    one_by_one: Duration,
    /// Where emits of performed records went, for the log; empty unless somebody listens.
    emits: BTreeMap<u64, Emitted>,
    partition: TopicPartition,
    consumer: &'a ConsumerSettings,
    shared: &'a Arc<LaneShared>,
    report: GroupReporter,
}

impl<'a> Outbox<'a> {
    pub(super) fn new(
        partition: TopicPartition,
        consumer: &'a ConsumerSettings,
        shared: &'a Arc<LaneShared>,
        report: GroupReporter,
    ) -> Self {
        let (resending, one_by_one, emits) = (Vec::new(), Duration::ZERO, BTreeMap::new());
        Self { debts: Debts::default(), resending, one_by_one, emits, partition, consumer, shared, report }
    }

    /// When something is to be sent next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.resending.iter().map(|resend| resend.at).min()
    }

    #[inline]
    pub(super) fn has_something_to_send(&self) -> bool {
        !self.resending.is_empty()
    }

    /// Whether what is not acknowledged, of so many records, never will be: its producer has failed, or Kafka refuses all of it
    /// as it is.
    pub(super) fn will_never_send(&self, outlet: &Outlet, unacknowledged: usize) -> bool {
        let is_all_refused = || {
            let are_refused = self.resending.iter().all(|resend| self.shared.status.refused.holds(resend.ticket));
            are_refused && unacknowledged <= self.resending.len()
        };
        self.has_something_to_send() && (outlet.has_failed() || is_all_refused())
    }

    /// Kafka, or Redis, has something.
    pub(super) fn acknowledged(&mut self, ticket: Ticket, lane: &mut Lane) {
        if ticket.failures > 0 {
            self.shared.status.refused.forget(ticket);
        }
        if Debts::is_batch(ticket.number) {
            self.debts.acknowledged(ticket.number).into_iter().for_each(|record| lane.acknowledged(record));
        } else {
            lane.acknowledged(ticket.number);
        }
    }

    /// Sends a record to the dead letter topic; it counts as done when Kafka has it.
    pub(super) fn send_dead_letter(&mut self, sequence: Sequence, record: &Record, cause: &GivenUp<'_>) {
        let Some(topic) = &self.consumer.dead_letter else { return };
        self.emits.remove(&sequence);
        let GivenUp { error_type, error, attempts } = *cause;
        let cause = Cause { error_type, error, attempts, app: self.report.app(), group: &self.report.group };
        let outgoing = dead_letter::dead_letter(record, topic, &cause);
        self.resending.push(Resend { ticket: Ticket::new(sequence, Sent::DeadLetter), outgoing, at: Duration::ZERO });
        // Sent before the lane waits for anything.
        self.shared.wake.notify_one();
    }

    /// Kafka has not taken something, or refuses it as it is: it is sent again after a backoff.
    #[cold]
    pub(super) fn send_later(&mut self, mut resend: Resend, why: Refused, lane: &Lane, now: Duration, random: f64) {
        let Refused { refusal: why, reason } = why;
        let Resend { ticket, outgoing, at } = &mut resend;
        ticket.failures = ticket.failures.saturating_add(1);
        count(self.shared.counts.of_sending(why));
        *at = now.saturating_add(after(self.consumer.backoff, ticket.failures, random));
        if why == Some(Refusal::TooLarge) {
            *at = (*at).max(self.one_by_one.saturating_add(APART));
            self.one_by_one = *at;
        }
        let offset = self.source_of(ticket.number, lane);
        match why {
            None => {
                self.shared.status.refused.forget(*ticket);
                self.report.send_failed(&self.partition, offset, &outgoing.topic, &reason);
            }
            Some(why) => {
                let is_dead_letter = ticket.sent == Sent::DeadLetter;
                self.report.refused(&self.partition, offset, outgoing, is_dead_letter, &reason, ticket.failures);
                let copy = RefusedCopy { offset, why, reason, failures: ticket.failures };
                self.shared.status.refused.note(*ticket, copy);
            }
        }
        self.resending.push(resend);
    }

    /// The offset of the record that something was sent for; of a batch, one of its records.
    fn source_of(&self, number: u64, lane: &Lane) -> i64 {
        let record = if Debts::is_batch(number) { self.debts.owing(number) } else { Some(number) };
        let offset = record.and_then(|sequence| lane.offset(sequence));
        offset.or_else(|| lane.committable()).unwrap_or(NO_OFFSET)
    }

    /// Sends what is due: dead letters, and what Kafka did not take before.
    pub(super) async fn resend<S>(&mut self, app: &AppShared<S>, lane: &Lane, started: Instant, jitter: &mut Jitter) {
        let now = clock::since(started);
        let due: Vec<_> = self.resending.extract_if(.., |resend| resend.at <= now).collect();
        for resend in due {
            let (topic, content) = resend.outgoing.clone().split();
            let sent = match app.send_from(|| Arc::clone(self.shared) as _, resend.ticket, &topic, content) {
                Ok(Some(waits)) => waits.await,
                sent => sent.map(drop),
            };
            if let Err(error) = sent {
                let refusal = error.downcast_ref::<SendError>().and_then(SendError::refusal);
                let why = Refused { refusal, reason: error.to_string() };
                self.send_later(resend, why, lane, clock::since(started), jitter.next());
            }
        }
    }

    /// A record is done but for `missing` of what it has sent.
    pub(super) fn log_done(&mut self, sequence: Sequence, offset: i64, took: Duration, missing: u32) {
        let done = DoneOffsets { offsets: vec![offset], took, batch: 1 };
        self.log_ended(sequence, done, usize::try_from(missing).unwrap_or(usize::MAX));
    }

    /// A batch has ended that has sent so much in this attempt.
    pub(super) fn log_batch(&mut self, batch: BatchId, done: DoneOffsets, sent: u32) {
        let arrived = self.emits.get(&batch).map_or(0, |emitted| emitted.places.len());
        self.log_ended(batch, done, usize::try_from(sent).unwrap_or(usize::MAX).saturating_sub(arrived));
    }

    fn log_ended(&mut self, number: u64, done: DoneOffsets, missing: usize) {
        let mut emitted = self.emits.remove(&number).unwrap_or_default();
        if missing == 0 {
            self.tell_done(number, &done, &emitted.places);
        } else {
            (emitted.done, emitted.missing) = (Some(done), missing);
            self.emits.insert(number, emitted);
        }
    }

    /// Something that a record, or a batch, has sent has arrived: in a topic, or, without one, in its queue.
    pub(super) fn log_arrived(&mut self, number: u64, topic: Option<&'static str>, delivered: Delivered) {
        if !self.report.wants_done() {
            return;
        }
        let emitted = self.emits.entry(number).or_default();
        emitted.places.extend(topic.map(|topic| (topic, delivered)));
        emitted.missing = emitted.missing.saturating_sub(1);
        if emitted.missing == 0
            && let Some(done) = emitted.done.take()
        {
            let places = std::mem::take(&mut emitted.places);
            self.emits.remove(&number);
            self.tell_done(number, &done, &places);
        }
        if self.emits.len() > REMEMBERED {
            self.emits.pop_first();
        }
    }

    fn tell_done(&self, number: u64, done: &DoneOffsets, places: &[(&'static str, Delivered)]) {
        let jid = self.consumer.jobs.as_ref().and_then(|_| self.shared.take_job(number));
        let job = self.consumer.jobs.as_ref().map(|route| {
            let (queue, class, jid) = (route.queue(), route.class(), jid.as_deref().unwrap_or_default());
            JobName { queue, class, jid }
        });
        for (index, offset) in done.offsets.iter().enumerate() {
            // Of a batch with its first record, and not with each of hundreds.
            let places = if index == 0 { places } else { &[] };
            self.report.done(&self.partition, *offset, done.took, places, job, done.batch);
        }
    }
}
