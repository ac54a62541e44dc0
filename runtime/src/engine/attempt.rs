//! One attempt at one message: admitted, performed, with panics caught and a bound on its time.

use std::{
    borrow::Cow,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use super::{app_shared::EmitScope, job_emits::JobEmits, lane_shared::WaitsForRoom};
use crate::{
    Admission, Context, Controller, Error, Failure, Interchanger, Message, Parser, Record, Result, Worker,
    client::outgoing::{DeliveryReport, Sender, Sent, Ticket},
    events::Place,
    foreign,
    jobs::{enqueue::JobRoute, job::new_jid},
    panics::{HandlerPanic, PanicSite},
    worker::{FailureKind, MessageOf},
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

/// Why a message was not performed.
#[derive(Debug)]
pub(crate) enum Unperformed {
    Skipped(Cow<'static, str>),
    Deferred(Duration),
    Failed(FailureKind, Error),
    /// It failed when it had been told that the record is somebody else's: that is no failed attempt, and no hook hears of it.
    Taken(Error),
}

/// How an attempt at a job ended.
pub(crate) type JobEnd = Result<(), JobFailure>;

/// Why a job was not performed.
#[derive(Debug)]
pub(crate) enum JobFailure {
    Failed(FailureKind, Error),
    /// As [`Unperformed::Taken`]: the job goes back as it came.
    Taken,
}

/// What bounds an attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// How long it may take.
    pub(crate) timeout: Option<Duration>,
    /// How many attempts there are, if there is an end to them.
    pub(crate) attempts: Option<u32>,
}

impl Bounds {
    /// Whether an attempt of this number that ended with `error` is the last one.
    pub(crate) fn is_last(self, attempt: u32, error: &Error) -> bool {
        self.attempts.is_some_and(|attempts| attempt >= attempts || error.is_permanent())
    }
}

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
            let Place { topic, partition, offset } = record.into();
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
        let attempt = match (work, &ctx.jobs) {
            (Work::Message(message), None) => guard(pin!(self.admit_and_perform(message, ctx)), bounds.timeout).await,
            (Work::Tombstone(record), None) => guard(pin!(self.perform_tombstone(record, ctx)), bounds.timeout).await,
            // In a place of its own, so that an attempt that performs is small.
            (work, Some(route)) => Box::pin(self.attempt_to_enqueue(work, ctx, route, bounds)).await,
        };
        if matches!(attempt, Err(Unperformed::Failed(..))) {
            // In a place of its own, so that an attempt that goes well is small.
            return Box::pin(self.not_performed(attempt, work, ctx, bounds)).await;
        }
        attempt
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

    /// Makes one attempt at a job, whose message was admitted before it was pushed. Calls the worker's hooks if it fails.
    ///
    /// What it emits has to be acknowledged before it has gone well.
    pub(crate) async fn perform_job(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        emits: &JobEmits,
        bounds: Bounds,
    ) -> JobEnd {
        let performed = async {
            match work {
                Work::Message(message) => self.worker.perform(&self.controller, message, ctx).await?,
                Work::Tombstone(record) => self.controller.perform_tombstone(record, ctx).await?,
            }
            emits.all_acknowledged(ctx.emitted.load(Ordering::Relaxed)).await
        };
        match guarded(performed, bounds.timeout).await {
            Ok(()) => Ok(()),
            Err(_) if ctx.scope.is_taken() => Err(JobFailure::Taken),
            Err((kind, error)) => {
                self.tell_failure(kind, &error, work, ctx, bounds).await;
                Err(JobFailure::Failed(kind, error))
            }
        }
    }

    async fn tell_failure(
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

    async fn attempt_to_enqueue(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        route: &JobRoute,
        bounds: Bounds,
    ) -> Attempt {
        guard(pin!(self.admit_and_enqueue(work, ctx, route)), bounds.timeout).await
    }

    async fn admit_and_perform(
        &self,
        message: &Message<MessageOf<W>>,
        ctx: &Context<W::Controller>,
    ) -> Result<Attempt> {
        Ok(match self.controller.before_enqueue(message, ctx).await? {
            Admission::Accept => {
                #[cfg(any(test, feature = "testing"))]
                crate::testing::stage::act(ctx).await?;
                self.worker.perform(&self.controller, message, ctx).await?;
                Ok(())
            }
            Admission::Skip(reason) => Err(Unperformed::Skipped(reason)),
            Admission::Defer(wait) => Err(Unperformed::Deferred(wait)),
        })
    }

    async fn perform_tombstone(&self, record: &Record, ctx: &Context<W::Controller>) -> Result<Attempt> {
        #[cfg(any(test, feature = "testing"))]
        crate::testing::stage::act(ctx).await?;
        self.controller.perform_tombstone(record, ctx).await?;
        Ok(Ok(()))
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
                Admission::Accept => Some(self.interchanger.encode(&message.payload)?),
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
    ctx: &Context<C>,
) -> Result<Option<WaitsForRoom<'a>>> {
    let EmitScope::Lane { lane, sequence } = &ctx.scope else { return Ok(None) };
    let jid = new_jid();
    let job = route.job(&jid, text, record)?;
    if route.enqueuer.is_told {
        lane.note_job(*sequence, jid);
    }
    let ticket = Ticket::new(*sequence, Sent::Job);
    let report = DeliveryReport { sender: Arc::clone(lane) as Arc<dyn Sender>, ticket };
    ctx.emitted.fetch_add(1, Ordering::Relaxed);
    Ok(match route.enqueuer.try_push(job, report) {
        Ok(()) => None,
        Err((job, report)) => {
            let room: WaitsForRoom<'a> = Box::pin(async move {
                route.enqueuer.push(job, report).await;
                Ok(())
            });
            Some(lane.wait_for_room(*sequence, room))
        }
    })
}

async fn guard(attempt: impl Future<Output = Result<Attempt>>, timeout: Option<Duration>) -> Attempt {
    guarded(attempt, timeout).await.unwrap_or_else(|(kind, error)| Err(Unperformed::Failed(kind, error)))
}

/// One attempt at anything: a panic is an error, and so is taking longer than `timeout`.
pub(crate) async fn guarded<T>(
    attempt: impl Future<Output = Result<T>>,
    timeout: Option<Duration>,
) -> Result<T, (FailureKind, Error)> {
    let attempt = CatchPanic { future: pin!(attempt) };
    let ended = match timeout {
        None => attempt.await,
        Some(limit) => match tokio::time::timeout(limit, attempt).await {
            Ok(ended) => ended,
            Err(_) => {
                return Err((FailureKind::TimedOut, Error::new(format_args!("not done within {limit:?}"))));
            }
        },
    };
    match ended {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err((FailureKind::Error, error)),
        Err(panic) => Err((FailureKind::Panicked, panic.into())),
    }
}

/// A future whose panics come out as errors. After one it is not polled again, so what it left half done is dropped.
struct CatchPanic<'a, F> {
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for CatchPanic<'_, F> {
    type Output = Result<F::Output, HandlerPanic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(HandlerPanic::caught("", &*panic))),
        }
    }
}
