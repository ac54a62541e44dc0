//! One controller on one topic in one group, with its types: what a lane is opened on.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    attempt::{Bounds, Parts, Unperformed, Work},
    driver::{self, LaneParts},
    shared::{AppShared, EmitScope},
};
use crate::{
    Context, Error, FromState, Parser, Record, Routed, Worker,
    manifest::ConsumerEntry,
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

    /// Attempts one record once, and keeps what it emits; for tests of a controller.
    fn once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        record: Record,
        tombstones: Tombstones,
    ) -> Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>>;
}

/// A consumer with its types.
pub(crate) struct TypedConsumer<W: Worker, P, I>(Arc<Parts<W, P, I>>);

impl<S, W, P, I> FromState<S> for TypedConsumer<W, P, I>
where
    W: Worker + FromState<S>,
    W::Controller: FromState<S>,
    P: FromState<S>,
    I: FromState<S>,
{
    fn from_state(state: &S) -> Self {
        Self(Arc::new(Parts {
            worker: W::from_state(state),
            controller: W::Controller::from_state(state),
            parser: P::from_state(state),
            _interchanger: I::from_state(state),
        }))
    }
}

impl<S, W, P, I> Consumer<S> for TypedConsumer<W, P, I>
where
    S: Send + Sync + 'static,
    W: Worker,
    W::Controller: Routed<State = S>,
    P: Parser<MessageOf<W>>,
    I: Send + Sync + 'static,
{
    fn open(&self, lane: LaneParts<S>, runtime: &Handle) -> JoinHandle<()> {
        runtime.spawn(driver::run(Arc::clone(&self.0), lane))
    }

    fn once<'a>(
        &'a self,
        app: Arc<AppShared<S>>,
        mut record: Record,
        tombstones: Tombstones,
    ) -> Pin<Box<dyn Future<Output = (Verdict, EmitScope)> + Send + 'a>> {
        Box::pin(async move {
            let mut ctx: Context<W::Controller> = Context::new(app, EmitScope::Captured(Default::default()));
            ctx.trace = trace::of(&mut record);
            let mut work = None;
            if record.value().is_some() {
                if let Err((_, error)) = self.0.parse(record, &mut work) {
                    return (Verdict::Unparseable(error), ctx.scope);
                }
            } else {
                match tombstones {
                    Tombstones::Deliver => work = Some(Work::Tombstone(record)),
                    Tombstones::Skip => {
                        return (Verdict::Skipped(driver::TOMBSTONE_SKIPPED.to_owned()), ctx.scope);
                    }
                    Tombstones::Fail => {
                        let error = Error::new(driver::TOMBSTONE_REFUSED);
                        return (Verdict::Unparseable(error), ctx.scope);
                    }
                }
            }
            let Some(work) = work else { return (Verdict::Done, ctx.scope) };
            let verdict = match self.0.attempt(&work, &ctx, Bounds::default()).await {
                Ok(()) => Verdict::Done,
                Err(Unperformed::Skipped(reason)) => Verdict::Skipped(reason.into_owned()),
                Err(Unperformed::Deferred(wait)) => Verdict::Deferred(wait),
                Err(Unperformed::Failed(FailureKind::Panicked, error)) => Verdict::Panicked(error.to_string()),
                Err(Unperformed::Failed(_, error)) => Verdict::Failed(error),
            };
            (verdict, ctx.scope)
        })
    }
}
