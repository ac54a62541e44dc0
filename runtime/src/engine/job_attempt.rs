//! One attempt at a job: its message read, performed, and what it emits acknowledged.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
};

use tracing::Instrument as _;

use super::{
    attempt::{Parts, Work},
    job_emits::JobEmits,
};
use crate::{
    Context, Controller, Error, FailureKind, Interchanger, Message, OwnedRecord, Parser, Record, Result, Routed,
    Worker,
    context::{AppShared, EmitScope},
    guard::{Bounds, guarded},
    trace,
    worker::MessageOf,
};

/// An attempt at a job.
#[derive(Debug)]
pub(crate) struct JobAttempt {
    /// The message as its interchanger wrote it; `None`: a tombstone.
    pub(crate) text: Option<String>,
    /// Where it came from, without its value.
    pub(crate) record: OwnedRecord,
    /// Which one it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) bounds: Bounds,
}

/// How an attempt at a job ended.
pub(crate) type OnceJob<'a> = Pin<Box<dyn Future<Output = JobEnd> + Send + 'a>>;

/// How an attempt at a job ended.
pub(crate) type JobEnd = Result<(), JobFailure>;

/// Why a job was not performed.
#[derive(Debug)]
pub(crate) enum JobFailure {
    Failed(FailureKind, Error),
    /// As [`Unperformed::Taken`]: the job goes back as it came.
    Taken,
}

/// Makes one attempt at a job.
pub(super) async fn perform<S, W, P, I>(parts: &Parts<W, P, I>, app: Arc<AppShared<S>>, job: JobAttempt) -> JobEnd
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    let JobAttempt { text, record, attempt, bounds } = job;
    let emits = Arc::new(JobEmits::default());
    let scope = EmitScope::Job { emits: Arc::clone(&emits) as _, revoked: app.loose.begin() };
    let mut ctx: Context<W::Controller> = Context::new(app, scope);
    ctx.attempt = attempt;
    let mut record = Record::from(record);
    ctx.trace = trace::of(&mut record);
    let span = trace::span(&record, "", attempt, ctx.trace.as_deref());
    let work = match text {
        None => Work::Tombstone(record),
        Some(text) => {
            let decoded = guarded(async { parts.interchanger.decode(&text) }, None).await;
            // As what cannot be parsed: the text stays what it is, so that there is no further attempt, and no hook hears of it.
            let payload = decoded.map_err(|(kind, error)| {
                let error = error.context("the interchanger cannot read the job's message");
                JobFailure::Failed(kind, Error::permanent(error))
            })?;
            Work::Message(Message { payload, record })
        }
    };
    let attempt = parts.perform_job(&work, &ctx, &emits, bounds).instrument(span);
    match ctx.trace.as_deref() {
        None => attempt.await,
        // What producers of the app's own send in it belongs to the trace, too.
        Some(trace) => trace.clone().scope(attempt).await,
    }
}

/// What becomes of a job whose controller takes batches.
pub(super) fn refuse<'a>() -> OnceJob<'a> {
    // The manifest refuses it; a job that was pushed from elsewhere waits in `dead` for a person.
    Box::pin(async {
        let error = Error::new("its controller takes batches, and jobs come one by one");
        Err(JobFailure::Failed(FailureKind::Error, Error::permanent(error)))
    })
}

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    W::Controller: Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    /// Makes one attempt at a job, whose message was admitted before it was pushed. Calls the worker's hooks if it fails.
    ///
    /// What it emits has to be acknowledged before it has gone well.
    async fn perform_job(
        &self,
        work: &Work<MessageOf<W>>,
        ctx: &Context<W::Controller>,
        emits: &JobEmits,
        bounds: Bounds,
    ) -> JobEnd {
        let performing = async {
            match work {
                Work::Message(message) => self.worker.perform(&self.controller, message, ctx).await,
                Work::Tombstone(record) => self.controller.perform_tombstone(record, ctx).await,
            }
        };
        let performed = async {
            if ctx.app.layers.wrap_no_attempt() {
                performing.await?;
            } else {
                ctx.app.layers.attempt(&ctx.wrapped(vec![work.record()]), performing).await?;
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
}
