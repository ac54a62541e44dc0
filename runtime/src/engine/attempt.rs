//! One attempt at one message: admitted, performed, with panics caught and a bound on its time.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use crate::{
    Admission, Context, Controller, Error, Failure, Interchanger, Message, Parser, Record, Result, Worker,
    context::{EmitScope, WaitsForRoom},
    events::TopicPartitionOffset,
    foreign,
    guard::{Bounds, CatchPanic, FailureKind, guarded, guarded_for_ever},
    jobs::enqueue::JobRoute,
    outgoing::{DeliveryReport, Sent, Ticket},
    panics::{HandlerPanic, PanicSite},
    unperformed::Unperformed,
    worker::MessageOf,
};

/// The parts of a consumer: worker, controller, parser and interchanger, built from the app's state.
pub(crate) struct Parts<W: Worker, P, I> {
    pub(crate) worker: W,
    pub(crate) controller: W::Controller,
    pub(crate) parser: P,
    /// Off the path while jobs run in the process.
    pub(crate) interchanger: I,
}

/// What is attempted.
pub(crate) enum Work<T> {
    Message(Message<T>),
    /// A record without a value, under `tombstones: deliver`.
    Tombstone(Record),
}

impl<T> Work<T> {
    pub(crate) fn record(&self) -> &Record {
        match self {
            Self::Message(message) => message,
            Self::Tombstone(record) => record,
        }
    }

    pub(crate) fn record_mut(&mut self) -> &mut Record {
        match self {
            Self::Message(message) => &mut message.record,
            Self::Tombstone(record) => record,
        }
    }

    fn message(&self) -> Option<&Message<T>> {
        match self {
            Self::Message(message) => Some(message),
            Self::Tombstone(_) => None,
        }
    }
}

/// How an attempt ended: performed, or why not.
pub(crate) type Attempt = Result<(), Unperformed>;

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    P: Parser<MessageOf<W>>,
{
    /// Parses a record with a value, into where its message is to be worked on. A parser that panics has not parsed.
    pub(crate) fn parse(&self, record: Record, place: &mut Option<Work<MessageOf<W>>>) -> Result<(), (Record, Error)> {
        let Some(value) = record.value() else {
            return Err((record, Error::new("the record has no value")));
        };
        match catch_unwind(AssertUnwindSafe(|| self.parser.parse(value, &record))) {
            Ok(Ok(payload)) => {
                *place = Some(Work::Message(Message { payload, record }));
                Ok(())
            }
            Ok(Err(error)) => Err((record, error)),
            Err(panic) => Err((record, HandlerPanic::caught("the parser panicked: ", &*panic).into())),
        }
    }

    /// A hook that panics changes nothing: what it was told of has happened already.
    pub(crate) async fn call_hooks(
        &self,
        failure: &Failure<'_>,
        record: &Record,
        message: Option<&Message<MessageOf<W>>>,
        ctx: &Context<W::Controller>,
    ) {
        let hooks = async {
            self.worker.after_failure(failure, record, message, ctx).await;
            if failure.is_last {
                self.worker.gave_up(failure, record, message, ctx).await;
            }
        };
        if let Err(panic) = (CatchPanic { future: pin!(hooks) }).await {
            let location = panic.site().map(|site| &*site.location);
            let backtrace = panic.site().and_then(PanicSite::backtrace);
            let TopicPartitionOffset { topic, partition, offset } = record.into();
            tracing::error!(
                target: "karafka",
                topic,
                partition,
                offset,
                worker = W::NAME,
                location,
                backtrace,
                "a hook panicked: {}",
                foreign::cut(&panic.to_string())
            );
        }
    }
}

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    W::Controller: Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    /// Makes one attempt, and calls the worker's hooks if it fails.
    pub(crate) async fn attempt(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        bounds: Bounds,
    ) -> Attempt {
        let attempt = match work {
            Work::Message(message) if ctx.performs_unwrapped() && bounds.timeout.is_none() => {
                let performed = guarded_for_ever(pin!(self.admit_and_perform(message, ctx))).await;
                performed.unwrap_or_else(|(kind, error)| Err(Unperformed::Failed(kind, error)))
            }
            // In a place of its own, so that an attempt at a message that is performed, and that is all, is small.
            _ => Box::pin(self.attempt_in_layers(work, ctx, bounds)).await,
        };
        if matches!(attempt, Err(Unperformed::Failed(..))) {
            // In a place of its own, so that an attempt that goes well is small.
            return Box::pin(self.not_performed(attempt, work, ctx, bounds)).await;
        }
        attempt
    }

    /// An attempt at anything, with the layers of the app around it, if there are any.
    async fn attempt_in_layers(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        bounds: Bounds,
    ) -> Attempt {
        let wrapped = ctx.wrapped(vec![work.record()]);
        let mut ended = Ok(());
        let inside = async {
            ended = match (work, &ctx.jobs) {
                (Work::Message(message), None) => self.admit_and_perform(message, ctx).await?,
                (Work::Tombstone(record), None) => self.perform_tombstone(record, ctx).await?,
                (work, Some(route)) => self.admit_and_enqueue(work, ctx, route).await?,
            };
            match &ended {
                // Layers are to take back what they have begun.
                Err(Unperformed::Unwritable(error)) => Err(Error::new(error)),
                _ => Ok(()),
            }
        };
        match guarded(ctx.app.layers.attempt(&wrapped, inside), bounds.timeout).await {
            _ if matches!(ended, Err(Unperformed::Unwritable(_))) => ended,
            Ok(()) => ended,
            Err((kind, error)) => Err(Unperformed::Failed(kind, error)),
        }
    }

    /// What a failure comes to: none where the record is somebody else's by now, else one that hooks hear of.
    async fn not_performed(
        &self,
        attempt: Attempt,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        bounds: Bounds,
    ) -> Attempt {
        match attempt {
            Err(Unperformed::Failed(_, error)) if ctx.scope.is_taken() => Err(Unperformed::Taken(error)),
            Err(Unperformed::Failed(kind, error)) => {
                self.tell_failure(kind, &error, work, ctx, bounds).await;
                Err(Unperformed::Failed(kind, error))
            }
            ended => ended,
        }
    }

    /// Calls the worker's hooks for an attempt that failed.
    pub(super) async fn tell_failure(
        &self,
        kind: FailureKind,
        error: &Error,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        bounds: Bounds,
    ) {
        let is_last = bounds.is_last(ctx.attempt(), error);
        let failure = Failure { kind, error, attempt: ctx.attempt(), is_last };
        self.call_hooks(&failure, work.record(), work.message(), ctx).await;
    }

    async fn admit_and_perform(
        &self,
        message: &Message<MessageOf<W>>,
        ctx: &Context<W::Controller>,
    ) -> Result<Attempt> {
        Ok(match self.controller.before_enqueue(message, ctx).await? {
            Admission::Accept => {
                #[cfg(any(test, feature = "testing"))]
                crate::context::simulated::act(ctx).await?;
                self.worker.perform(&self.controller, message, ctx).await?;
                Ok(())
            }
            Admission::Skip(reason) => Err(Unperformed::Skipped(reason)),
            Admission::Defer(wait) => Err(Unperformed::Deferred(wait)),
        })
    }

    async fn perform_tombstone(&self, record: &Record, ctx: &Context<W::Controller>) -> Result<Attempt> {
        #[cfg(any(test, feature = "testing"))]
        crate::context::simulated::act(ctx).await?;
        self.controller.perform_tombstone(record, ctx).await?;
        Ok(Ok(()))
    }

    /// A message as a job carries it. An interchanger that panics has not written it.
    fn written(&self, message: &MessageOf<W>) -> Result<String> {
        let written = catch_unwind(AssertUnwindSafe(|| self.interchanger.encode(message)));
        written.unwrap_or_else(|panic| Err(HandlerPanic::caught("the interchanger panicked: ", &*panic).into()))
    }

    /// Admits, and hands over as a job what would be performed.
    async fn admit_and_enqueue(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        route: &JobRoute,
    ) -> Result<Attempt> {
        let text = match work {
            Work::Message(message) => match self.controller.before_enqueue(message, ctx).await? {
                Admission::Accept => match self.written(&message.payload) {
                    Ok(text) => Some(text),
                    Err(error) => return Ok(Err(Unperformed::Unwritable(error))),
                },
                Admission::Skip(reason) => return Ok(Err(Unperformed::Skipped(reason))),
                Admission::Defer(wait) => return Ok(Err(Unperformed::Deferred(wait))),
            },
            Work::Tombstone(_) => None,
        };
        if let Some(room) = enqueue(route, text, work.record(), ctx)? {
            room.await?;
        }
        Ok(Ok(()))
    }
}

/// Hands a record over as a job; the lane counts it as done when Redis has it. Returns what is to be waited for if too much
/// is on its way already.
fn enqueue<'a, C: crate::Routed>(
    route: &'a JobRoute,
    text: Option<String>,
    record: &Record,
    ctx: &'a Context<C>,
) -> Result<Option<WaitsForRoom<'a>>> {
    let EmitScope::Lane { lane, sequence } = &ctx.scope else { return Ok(None) };
    let (jid, job) = route.job(text, record)?;
    if route.is_told() {
        lane.note_job(*sequence, jid);
    }
    let ticket = Ticket::new(*sequence, Sent::Job);
    let report = DeliveryReport { sender: Arc::clone(lane) as _, ticket };
    Ok(match route.try_push(job, report) {
        Ok(()) => {
            ctx.emitted.fetch_add(1, Ordering::Relaxed);
            None
        }
        Err((job, report)) => {
            let emitted = &ctx.emitted;
            let room: WaitsForRoom<'a> = Box::pin(async move {
                route.push(job, report).await;
                // Counted when it is on its way, and not if the wait is given up.
                emitted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
            Some(Arc::clone(lane).wait_for_room(*sequence, room))
        }
    })
}
