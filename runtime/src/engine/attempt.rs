//! One attempt at one message: admitted, performed, with panics caught and a bound on its time.

use std::{
    any::Any,
    borrow::Cow,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use super::{
    job_emits::JobEmits,
    shared::{EmitScope, WaitsForRoom},
};
use crate::{
    Admission, Context, Controller, Error, Failure, Interchanger, Message, Parser, Record, Result, Worker,
    client::outgoing::{Report, Sender, Sent, Ticket},
    jobs::enqueue::JobRoute,
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
            Err(panic) => Err((record, Error::new(format_args!("the parser panicked: {}", words_of(&*panic))))),
        }
    }

    /// A hook that panics changes nothing: what it was told of has happened already.
    pub(crate) async fn call_hooks(
        &self,
        failure: &Failure<'_>,
        message: Option<&Message<MessageOf<W>>>,
        ctx: &Context<W::Controller>,
    ) {
        let hooks = async {
            self.worker.after_failure(failure, message, ctx).await;
            if failure.is_last {
                self.worker.gave_up(failure, message, ctx).await;
            }
        };
        if let Err(words) = (CatchPanic { future: pin!(hooks) }).await {
            tracing::error!(worker = W::NAME, "a hook panicked: {words}");
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
        if let Err(Unperformed::Failed(kind, error)) = &attempt {
            // In a place of their own, so that an attempt that goes well is small.
            Box::pin(self.tell_failure(*kind, error, work, ctx, bounds)).await;
        }
        attempt
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
    ) -> Result<(), (FailureKind, Error)> {
        let performed = async {
            match work {
                Work::Message(message) => self.worker.perform(&self.controller, message, ctx).await?,
                Work::Tombstone(record) => self.controller.perform_tombstone(record.key(), ctx).await?,
            }
            emits.all_acknowledged(ctx.emitted.load(Ordering::Relaxed)).await
        };
        let performed = guarded(performed, bounds.timeout).await;
        if let Err((kind, error)) = &performed {
            self.tell_failure(*kind, error, work, ctx, bounds).await;
        }
        performed
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
        self.call_hooks(&failure, work.message(), ctx).await;
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
        self.controller.perform_tombstone(record.key(), ctx).await?;
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

/// Hands a record over as a job; the lane counts it as done when Redis has it. Gives what is to be waited for if too much
/// is on its way already.
fn enqueue<'a, C: crate::Routed>(
    route: &'a JobRoute,
    text: Option<String>,
    record: &Record,
    ctx: &Context<C>,
) -> Result<Option<WaitsForRoom<'a>>> {
    let EmitScope::Lane { lane, sequence } = &ctx.scope else { return Ok(None) };
    let job = route.job(text, record)?;
    let ticket = Ticket { number: *sequence, sent: Sent::Job };
    let report = Report { sender: Arc::clone(lane) as Arc<dyn Sender>, ticket };
    ctx.emitted.fetch_add(1, Ordering::Relaxed);
    Ok(match route.enqueuer.try_push(job, report) {
        Ok(()) => None,
        Err((job, report)) => Some(Box::pin(async move {
            route.enqueuer.push(job, report).await;
            Ok(())
        })),
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
        Err(words) => Err((FailureKind::Panicked, Error::new(words))),
    }
}

/// A future whose panics come out as errors. After one it is not polled again, so what it left half done is dropped.
struct CatchPanic<'a, F> {
    future: Pin<&'a mut F>,
}

impl<F: Future> Future for CatchPanic<'_, F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(words_of(&*panic))),
        }
    }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    if let Some(words) = panic.downcast_ref::<&str>() {
        (*words).to_owned()
    } else if let Some(words) = panic.downcast_ref::<String>() {
        words.clone()
    } else {
        "a panic without words".to_owned()
    }
}
