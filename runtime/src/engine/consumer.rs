//! One controller on one topic in one group, with its types: what a lane is opened on.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};
use tracing::Instrument as _;

use super::{
    app_shared::{AppShared, EmitScope},
    attempt::{Bounds, JobEnd, JobFailure, Parts, Unperformed, Work, guarded},
    driver::{self, LaneParts, Outcome},
    job_emits::JobEmits,
};
use crate::{
    Batch, BatchController, Context, Controller, Error, FromState, Interchanger, Message, OwnedRecord, Parser, Record,
    Routed, Worker,
    manifest::ConsumerEntry,
    panics::watched,
    settings::Tombstones,
    trace,
    worker::{FailureKind, MessageOf},
};

/// A consumer that is built once the app's state is there.
pub(crate) struct Route<S> {
    pub(crate) entry: &'static ConsumerEntry,
    pub(crate) build: fn(&S) -> Arc<dyn Consumer<S>>,
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { entry: self.entry, build: self.build }
    }
}

/// How a test's attempt at one record ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Performed.
    Done,
    /// Skipped by `before_enqueue` or `tombstones: skip`, with the reason.
    Skipped(String),
    /// Put off by `before_enqueue`.
    Deferred(Duration),
    /// `before_enqueue` or `perform` gave an error: it would be tried again.
    Failed(Error),
    /// `before_enqueue` or `perform` panicked: it would be tried again.
    Panicked(String),
    /// The parser gave an error: the partition would wait.
    Unparseable(Error),
}

/// A consumer without its types.
pub(crate) trait Consumer<S>: Send + Sync {
    /// Starts the lane of a partition as a task.
    fn open(&self, lane: LaneParts<S>, runtime: &Handle) -> JoinHandle<()>;

    /// Attempts these records as one batch, and keeps what it emits; for tests of a controller. `None` without `batch:`.
    fn batch_once<'a>(
        &'a self,
        _app: Arc<AppShared<S>>,
        _records: Vec<Record>,
        _tombstones: Tombstones,
    ) -> Option<OnceBatch<'a>> {
        None
    }

    /// Makes one attempt at a job.
    fn perform_job<'a>(&'a self, app: Arc<AppShared<S>>, job: JobAttempt) -> OnceJob<'a>;

    /// Attempts one record once, and keeps what it emits; for tests of a controller.
    fn once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        record: Record,
        tombstones: Tombstones,
    ) -> Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>>;
}

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

/// How each record of a batch ended, and what the batch sent.
pub(crate) type OnceBatch<'a> = Pin<Box<dyn Future<Output = (Vec<Verdict>, EmitScope)> + Send + 'a>>;

/// A consumer with its types.
pub(crate) struct TypedConsumer<W: Worker, P, I>(Arc<Parts<W, P, I>>);

/// A consumer with its types, whose controller takes batches.
pub(crate) struct BatchConsumer<W: Worker, P, I>(Arc<Parts<W, P, I>>);

impl<S, W, P, I> FromState<S> for Parts<W, P, I>
where
    W: Worker + FromState<S>,
    W::Controller: FromState<S>,
    P: FromState<S>,
    I: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self {
            worker: W::from_state(state),
            controller: W::Controller::from_state(state),
            parser: P::from_state(state),
            interchanger: I::from_state(state),
        }
    }
}

impl<S, W: Worker, P, I> FromState<S> for TypedConsumer<W, P, I>
where
    Parts<W, P, I>: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self(Arc::new(Parts::from_state(state)))
    }
}

impl<S, W: Worker, P, I> FromState<S> for BatchConsumer<W, P, I>
where
    Parts<W, P, I>: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self(Arc::new(Parts::from_state(state)))
    }
}

impl<S, W, P, I> Consumer<S> for TypedConsumer<W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    fn open(&self, lane: LaneParts<S>, runtime: &Handle) -> JoinHandle<()> {
        runtime.spawn(watched(driver::run(Arc::clone(&self.0), lane)))
    }

    fn perform_job<'a>(&'a self, app: Arc<AppShared<S>>, job: JobAttempt) -> OnceJob<'a> {
        Box::pin(watched(async move {
            let JobAttempt { text, record, attempt, bounds } = job;
            let emits = Arc::new(JobEmits::default());
            let scope = EmitScope::Job { emits: Arc::clone(&emits), revoked: app.loose.begin() };
            let mut ctx: Context<W::Controller> = Context::new(app, scope);
            ctx.attempt = attempt;
            let mut record = Record::from(record);
            ctx.trace = trace::of(&mut record);
            let span = trace::span(&record, "", attempt, ctx.trace.as_deref());
            let work = match text {
                None => Work::Tombstone(record),
                Some(text) => {
                    let decoded = guarded(async { self.0.interchanger.decode(&text) }, None).await;
                    let payload = decoded.map_err(|(kind, error)| {
                        JobFailure::Failed(kind, error.about("the interchanger cannot read the job's message"))
                    })?;
                    Work::Message(Message { payload, record })
                }
            };
            self.0.perform_job(&work, &ctx, &emits, bounds).instrument(span).await
        }))
    }

    fn once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        mut record: Record,
        tombstones: Tombstones,
    ) -> Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>> {
        Box::pin(async move {
            let scope = EmitScope::captured(&app.loose);
            let mut ctx: Context<W::Controller> = Context::new(app, scope);
            ctx.trace = trace::of(&mut record);
            let work = match self.0.prepare_once(record, tombstones) {
                Ok(work) => work,
                Err(verdict) => return (verdict, ctx.scope),
            };
            let verdict = match self.0.attempt(&work, &ctx, Bounds::default()).await {
                Ok(()) => Verdict::Done,
                Err(why) => Verdict::of(why),
            };
            (verdict, ctx.scope)
        })
    }
}

impl<S, W, P, I> Consumer<S> for BatchConsumer<W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + BatchController,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    fn open(&self, lane: LaneParts<S>, runtime: &Handle) -> JoinHandle<()> {
        runtime.spawn(watched(driver::run_batches(Arc::clone(&self.0), lane)))
    }

    fn perform_job<'a>(&'a self, _: Arc<AppShared<S>>, _: JobAttempt) -> OnceJob<'a> {
        // The manifest refuses it; a job that was pushed from elsewhere waits in `dead` for a person.
        Box::pin(async {
            let error = Error::new("its controller takes batches, and jobs come one by one");
            Err(JobFailure::Failed(FailureKind::Error, Error::permanent(error)))
        })
    }

    fn batch_once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        records: Vec<Record>,
        tombstones: Tombstones,
    ) -> Option<OnceBatch<'a>> {
        Some(Box::pin(async move {
            let scope = EmitScope::captured(&app.loose);
            let ctx: Context<W::Controller> = Context::new(app, scope);
            let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(records.len());
            let mut messages = Vec::with_capacity(records.len());
            for record in records {
                verdicts.push(match self.0.prepare_once(record, tombstones) {
                    Ok(Work::Message(message)) => {
                        messages.push(message);
                        None
                    }
                    Ok(Work::Tombstone(_)) => Some(Verdict::Unparseable(Error::new(driver::TOMBSTONE_IN_BATCH))),
                    Err(verdict) => Some(verdict),
                });
            }
            let (_, outcomes) =
                self.0.attempt_batch(Batch::new(messages), |_| (None, 1), &ctx, Bounds::default()).await;
            let mut outcomes = outcomes.into_iter().map(|outcome| match outcome {
                Outcome::Done | Outcome::Left => Verdict::Done,
                Outcome::Not(why) => Verdict::of(why),
                Outcome::Together(FailureKind::Panicked, error) => Verdict::Panicked(error.to_string()),
                Outcome::Together(_, error) | Outcome::Taken(error) => Verdict::Failed(Error::new(error)),
            });
            let verdicts = verdicts.into_iter().filter_map(|known| known.or_else(|| outcomes.next())).collect();
            (verdicts, ctx.scope)
        }))
    }

    fn once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        record: Record,
        tombstones: Tombstones,
    ) -> Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>> {
        Box::pin(async move {
            let scope = EmitScope::captured(&app.loose);
            let Some(batch) = self.batch_once(app, vec![record], tombstones) else { return (Verdict::Done, scope) };
            let (mut verdicts, scope) = batch.await;
            (verdicts.pop().unwrap_or(Verdict::Done), scope)
        })
    }
}

impl Verdict {
    fn of(why: Unperformed) -> Self {
        match why {
            Unperformed::Skipped(reason) => Self::Skipped(reason.into_owned()),
            Unperformed::Deferred(wait) => Self::Deferred(wait),
            Unperformed::Failed(FailureKind::Panicked, error) => Self::Panicked(error.to_string()),
            Unperformed::Failed(_, error) | Unperformed::Taken(error) => Self::Failed(error),
        }
    }
}

impl<W, P, I> Parts<W, P, I>
where
    W: Worker,
    P: Parser<MessageOf<W>>,
{
    /// What is attempted of a record in a test, or how it ends without.
    fn prepare_once(&self, record: Record, tombstones: Tombstones) -> Result<Work<MessageOf<W>>, Verdict> {
        if record.value().is_some() {
            let mut work = None;
            return match (self.parse(record, &mut work), work) {
                (Err((_, error)), _) => Err(Verdict::Unparseable(error)),
                (Ok(()), work) => work.ok_or(Verdict::Done),
            };
        }
        match tombstones {
            Tombstones::Deliver => Ok(Work::Tombstone(record)),
            Tombstones::Skip => Err(Verdict::Skipped(driver::TOMBSTONE_SKIPPED.to_owned())),
            Tombstones::Fail => Err(Verdict::Unparseable(Error::new(driver::TOMBSTONE_REFUSED))),
        }
    }
}
