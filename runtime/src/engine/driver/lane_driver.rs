//! What drives a lane, whichever way its records are attempted: hears the group's thread, takes in, waits, and says how far it is.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::SemaphorePermit;

use super::{
    ConsumerSettings, Kept, LaneParts,
    intake::Intake,
    outbox::{Outbox, Refused, Resend},
    turn::Turn,
};
use crate::{
    Record,
    backoff::Jitter,
    client::{Delivery, PositionLost, TopicPartition},
    context::AppShared,
    engine::{
        atomic_offset::NO_OFFSET,
        clock,
        commit_first::CommitFirst,
        core::lane::{Lane, OrderingKey},
        counts::count,
        lane_shared::{Acknowledgement, LaneShared, LostAt},
        lane_status::NotedFault,
        memory_budget::MemoryBudget,
        pool::Pool,
        report::GroupReporter,
        session::{Gate, Session},
        signals::Signal,
    },
    outgoing::{Sent, Ticket},
    settings::{LostPosition, Ordering},
    topic,
};

pub(super) struct LaneDriver<'a, S> {
    pub(super) lane: Lane,
    pub(super) intake: Intake,
    pub(super) outbox: Outbox<'a>,
    pub(super) jitter: Jitter,
    pub(super) app: &'a Arc<AppShared<S>>,
    pub(super) consumer: &'a ConsumerSettings,
    pub(super) shared: &'a Arc<LaneShared>,
    pub(super) memory: &'a MemoryBudget,
    pub(super) report: GroupReporter,
    pub(super) gate: Gate,
    partition: TopicPartition,
    session: &'a Session,
    /// What the lane's moments are counted from.
    started: Instant,
    said_full: bool,
    /// Whether the group's thread knows that there is something to ask for.
    said_news: bool,
}

/// What a lane has come to wait for.
enum Woken<'a, E> {
    Permit(Option<SemaphorePermit<'a>>),
    Ended(E),
    Other,
}

/// What a lane waits for, beside its attempts and whoever wakes it.
pub(super) struct Waits {
    /// For a permit.
    pub(super) permit: bool,
    /// Until this moment.
    pub(super) due: Option<Duration>,
    /// With so many records that wait in it, for those who watch.
    pub(super) records: usize,
}

/// Attempts that wait, each with its permit.
pub(super) type Attempts<'a, F> = Pool<F, Option<SemaphorePermit<'a>>>;

impl<'a, S> LaneDriver<'a, S> {
    pub(super) fn new(lane: LaneParts<S>, kept: &'a Kept<S>) -> Self {
        let Kept { app, shared, consumer, memory, session, .. } = kept;
        let LaneParts { assigned, earlier, report, .. } = lane;
        let seed = assigned.partition.partition as u64 ^ app.seed;
        let queue = match consumer.commit_first {
            None => assigned.queue,
            Some(_) => Box::new(CommitFirst::new(assigned.queue, Arc::clone(shared))),
        };
        Self {
            lane: Lane::new(assigned.start.unwrap_or(NO_OFFSET), consumer.window, earlier),
            intake: Intake::of(queue),
            outbox: Outbox::new(assigned.partition.clone(), consumer, shared, report.clone()),
            jitter: Jitter::new(seed),
            app,
            consumer,
            shared,
            memory,
            report,
            gate: Gate::default(),
            partition: assigned.partition,
            session,
            started: clock::now(),
            said_full: false,
            said_news: false,
        }
    }

    /// The time, as the lane counts it.
    pub(super) fn now(&self) -> Duration {
        clock::since(self.started)
    }

    /// Takes in orders and acknowledgements. `held` records wait with whoever attempts them.
    pub(super) fn hear(&mut self, held: usize) {
        self.obey(held);
        let acknowledgements = self.shared.take_acknowledgements();
        let are_there = !acknowledgements.is_empty();
        for acknowledgement in acknowledgements {
            match acknowledgement {
                Acknowledgement::Delivered { ticket, delivered } => {
                    let Ticket { number, sent, .. } = ticket;
                    self.outbox.acknowledged(ticket, &mut self.lane);
                    match sent {
                        Sent::Emit(topic) => self.outbox.log_arrived(number, Some(topic), delivered),
                        Sent::Job => self.outbox.log_arrived(number, None, delivered),
                        Sent::DeadLetter => count(&self.shared.counts.dead),
                    }
                }
                Acknowledgement::Undelivered { ticket, outgoing, error } => {
                    let resend = Resend { ticket, outgoing, at: Duration::ZERO };
                    let why = Refused { refusal: error.refusal(), reason: error.to_string() };
                    let (now, random) = (self.now(), self.jitter.next());
                    self.outbox.send_later(resend, why, &self.lane, now, random);
                }
            }
        }
        if are_there {
            self.publish();
        }
        if self.said_news && self.shared.is_asked() {
            self.tell();
            self.said_news = false;
        }
    }

    /// Obeys the group's thread.
    fn obey(&mut self, held: usize) {
        match self.shared.signal() {
            Signal::Run if self.lane.is_closed() && !self.has_unfinished(held) => self.lane.drain(),
            Signal::Run => {}
            // What is committed already would be lost: it is performed before the partition is let go.
            Signal::Drain if self.consumer.commit_first.is_some() && self.has_unfinished(held) => {}
            Signal::Drain => self.lane.drain(),
            Signal::Lose => self.lane.lose(),
        }
    }

    /// Whether something was taken in that is neither done nor stuck.
    fn has_unfinished(&self, held: usize) -> bool {
        // Records of batches wait with whoever gathers them, so that nobody counts here what rests.
        self.taken_in(held) > 0 || self.lane.next_timer().is_some() || self.shared.commit_request.is_open()
    }

    /// How many records were taken in and are not done.
    fn taken_in(&self, held: usize) -> usize {
        self.intake.len() + held + self.lane.running()
    }

    /// Whether a record may start now: the process did not stand still, and nobody wants it quiet. What is left to do
    /// before a partition is let go is done in quiet, too.
    #[inline]
    pub(super) fn may_start(&mut self) -> bool {
        !self.is_quiet() && self.session.lets_start(&mut self.gate)
    }

    #[inline]
    fn is_quiet(&self) -> bool {
        self.session.is_quiet() && self.shared.signal() == Signal::Run
    }

    /// How many more records may be taken in: under `at_most_once` they are committed first, and a crash loses them. So
    /// none are while nothing is to begin.
    pub(super) fn room_ahead(&self, held: usize) -> usize {
        match self.consumer.commit_first {
            None => usize::MAX,
            Some(_) if self.is_quiet() => 0,
            Some(most) => most.saturating_sub(self.taken_in(held)),
        }
    }

    /// Takes more out of the client's queue, at most `room`. Returns whether anything came.
    pub(super) fn refill(&mut self, room: usize) -> bool {
        let has_come = self.intake.refill(self.lane.room().min(room), &self.shared.status);
        if !has_come && let Some(position) = self.intake.position() {
            self.lane.reached(position);
            self.publish();
        }
        has_come
    }

    /// Something came instead of a record.
    #[cold]
    pub(super) fn hindered(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Record(_) => {}
            Delivery::PositionLost(lost) => self.lose_position(lost),
            // If records have come behind it, it is over.
            Delivery::Error(fault) if !self.intake.has_record() => {
                self.shared.status.set_fetch_fault(Some(NotedFault { fault, at: clock::now() }));
            }
            Delivery::Error(_) => {}
        }
    }

    /// Where to read on is not known any more: goes where `lost_position` says, or stands still until a person has. The
    /// group's thread finds out why, and says it.
    fn lose_position(&mut self, lost: PositionLost) {
        let follows = self.consumer.positions.lost != LostPosition::Fail;
        self.shared.lose_position(LostAt { lost, follows });
        if follows && self.shared.ask_to_move() {
            self.lane.close();
            // If nothing is left to do, nothing else wakes the lane to end.
            self.shared.wake.notify_one();
        } else {
            self.shared.status.halt();
            self.lane.halt();
        }
    }

    pub(super) fn ordering_key(&self, record: &Record) -> OrderingKey {
        match self.consumer.ordering {
            Ordering::Partition => Some(0),
            // Two keys of one hash wait for each other, which costs time and nothing else.
            Ordering::Key => record.key().map(topic::hash),
            Ordering::None => None,
        }
    }

    /// Frees what has rested enough.
    #[inline]
    pub(super) fn free_rested(&mut self) {
        if self.lane.next_timer().is_some() {
            self.lane.rested(self.now());
        }
    }

    /// Whether nothing is left to do or to wait for; then the last word has been said.
    pub(super) fn is_over(&mut self) -> bool {
        !self.lane.is_open() && self.ends()
    }

    /// A partition that is let go does not wait for what a producer has refused that has failed for good, nor for copies that
    /// Kafka refuses until a person has changed something: whoever has the partition next does those records again.
    #[cold]
    fn ends(&mut self) -> bool {
        let drains = self.shared.signal() == Signal::Drain;
        if drains && self.outbox.will_never_send(&self.app.outlet, self.lane.unacknowledged()) {
            self.lane.give_up_acknowledgements();
        }
        let is_over = self.lane.is_over();
        if is_over {
            self.shared.status.set_on_their_way(self.lane.on_their_way());
            // For the last commit, and for this process if the partition comes back to it.
            self.tell();
        }
        is_over
    }

    /// Sends what is due: dead letters, and what Kafka did not take before.
    pub(super) async fn resend(&mut self) {
        if self.outbox.has_something_to_send() {
            self.outbox.resend(self.app, &self.lane, self.started, &mut self.jitter).await;
        }
    }

    /// Comes to wait, without a permit, until something has happened. `is_alive`: nothing waits for the group's answer. Returns an
    /// attempt that has ended.
    pub(super) async fn rest<F: Future>(
        &mut self,
        attempts: &mut Attempts<'a, F>,
        turn: &mut Turn<'a>,
        is_alive: bool,
        waits: Waits,
    ) -> Option<F::Output> {
        turn.give_back();
        if !is_alive {
            // So that there is something to ask the group with.
            self.publish();
        }
        self.resend().await;
        self.gate.let_go();
        match self.wait(attempts, turn, waits).await {
            Woken::Permit(permit) => turn.set(permit),
            Woken::Ended(ended) => return Some(ended),
            Woken::Other => {}
        }
        None
    }

    async fn wait<F: Future>(
        &mut self,
        attempts: &mut Attempts<'a, F>,
        turn: &Turn<'a>,
        waits: Waits,
    ) -> Woken<'a, F::Output> {
        self.tell_if_full();
        // Acknowledged emits move the commit, the end of the lane, its window, and what is logged of a record.
        let is_patient = self.lane.is_open() && !self.lane.is_full() && !self.report.wants_done();
        if self.shared.be_patient(is_patient) {
            return Woken::Other;
        }
        self.shared.status.set_waiting(waits.records + self.intake.len());
        if !self.lane.is_open() {
            self.shared.status.set_on_their_way(self.lane.on_their_way());
        }
        let moment = self.lane.next_timer().into_iter().chain(self.outbox.next_due()).chain(waits.due).min();
        let rest = moment.map(|moment| moment.saturating_sub(self.now()));
        let mut wake = pin!(self.shared.wake.notified());
        let mut timer = pin!(async {
            match rest {
                Some(rest) => tokio::time::sleep(rest).await,
                None => std::future::pending().await,
            }
        });
        let permits = turn.permits();
        let mut acquire =
            pin!(async { if waits.permit { permits.acquire().await.ok() } else { std::future::pending().await } });
        poll_fn(|cx| {
            if let Poll::Ready((ended, _permit)) = attempts.poll_next(cx) {
                return Poll::Ready(Woken::Ended(ended));
            }
            if wake.as_mut().poll(cx).is_ready() || timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Woken::Other);
            }
            acquire.as_mut().poll(cx).map(Woken::Permit)
        })
        .await
    }

    /// Tells the group's thread how far the lane is.
    fn tell(&mut self) {
        self.shared.tell(self.lane.progress(), self.lane.own_finished());
    }

    /// Shows what may be committed, and whether there is more to ask for.
    pub(super) fn publish(&mut self) {
        if let Some(offset) = self.lane.committable() {
            match self.consumer.commit_first {
                None => self.shared.publish(offset),
                // What is committed ahead is further on.
                Some(_) => self.shared.raise(offset),
            }
            self.shared.set_passed(self.lane.passed(), self.lane.own_passed());
        }
        if self.lane.has_news() && !self.said_news {
            self.said_news = true;
            self.shared.has_news();
        }
    }

    fn tell_if_full(&mut self) {
        if self.lane.is_full() != self.said_full {
            self.said_full = !self.said_full;
            if self.said_full {
                self.report.window_full(&self.partition, self.lane.committable().unwrap_or(NO_OFFSET));
            }
        }
    }
}
