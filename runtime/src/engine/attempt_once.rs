//! One attempt outside of any lane, for tests of a controller: nothing is tried again, and what is sent is kept.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{
    attempt::{Parts, Work},
    driver::{self, Outcome},
    typed::{BatchConsumer, TypedConsumer},
};
use crate::{
    Batch, BatchController, Context, Controller, Error, Interchanger, Parser, Record, Routed, Worker,
    context::{AppShared, EmitScope},
    guard::{Bounds, FailureKind},
    settings::Tombstones,
    trace,
    unperformed::Unperformed,
    worker::MessageOf,
};

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

/// A consumer, as tests of its controller have it.
pub(crate) trait AttemptsOnce<S> {
    /// Attempts one record once, and keeps what it emits.
    fn once<'a>(&'a self, app: Arc<AppShared<S>>, record: Record, tombstones: Tombstones) -> Once<'a>;

    /// Attempts these records as one batch, and keeps what it emits. `None` without `batch:`.
    fn batch_once<'a>(
        &'a self,
        _app: Arc<AppShared<S>>,
        _records: Vec<Record>,
        _tombstones: Tombstones,
    ) -> Option<OnceBatch<'a>> {
        None
    }
}

/// How a record ended, and what it sent.
pub(crate) type Once<'a> = Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>>;

/// How each record of a batch ended, and what the batch sent.
pub(crate) type OnceBatch<'a> = Pin<Box<dyn Future<Output = (Vec<Verdict>, EmitScope)> + Send + 'a>>;

impl<S, W, P, I> AttemptsOnce<S> for TypedConsumer<W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + Controller,
    P: Parser<MessageOf<W>>,
    I: Interchanger<MessageOf<W>>,
{
    fn once<'a>(&'a self, app: Arc<AppShared<S>>, mut record: Record, tombstones: Tombstones) -> Once<'a> {
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

impl<S, W, P, I> AttemptsOnce<S> for BatchConsumer<W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S> + BatchController,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
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

    fn once<'a>(&'a self, app: Arc<AppShared<S>>, record: Record, tombstones: Tombstones) -> Once<'a> {
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
            Unperformed::Failed(_, error) | Unperformed::Unwritable(error) | Unperformed::Taken(error) => {
                Self::Failed(error)
            }
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
