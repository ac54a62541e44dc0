//! One controller on one topic in one group, with its types: what a lane is opened on.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    attempt::{Attempt, Bounds, Parts, Work},
    driver::{self, LaneParts},
    shared::{AppShared, EmitScope},
};
use crate::{
    Context, FromState, Parser, Record, Routed, Worker,
    app::MessageOf,
    settings::Tombstones,
    testing::{Outcome, Verdict},
    trace,
    worker::FailureKind,
};

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
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
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
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(async move {
            let mut ctx: Context<W::Controller> = Context::new(app, EmitScope::Captured(Default::default()));
            ctx.trace = trace::of(&mut record);
            let work = if record.value().is_some() {
                match self.0.parse(record) {
                    Ok(message) => Work::Message(message),
                    Err((_, error)) => return Outcome::new(Verdict::Unparseable(error), &ctx.scope),
                }
            } else {
                match tombstones {
                    Tombstones::Deliver => Work::Tombstone(record),
                    Tombstones::Skip => {
                        return Outcome::new(Verdict::Skipped(driver::TOMBSTONE_SKIPPED.to_owned()), &ctx.scope);
                    }
                    Tombstones::Fail => {
                        let error = crate::Error::new(driver::TOMBSTONE_REFUSED);
                        return Outcome::new(Verdict::Unparseable(error), &ctx.scope);
                    }
                }
            };
            let verdict = match self.0.attempt(&work, &ctx, Bounds::default()).await {
                Attempt::Performed => Verdict::Done,
                Attempt::Skipped(reason) => Verdict::Skipped(reason.into_owned()),
                Attempt::Deferred(wait) => Verdict::Deferred(wait),
                Attempt::Failed(FailureKind::Panicked, error) => Verdict::Panicked(error.to_string()),
                Attempt::Failed(_, error) => Verdict::Failed(error),
            };
            Outcome::new(verdict, &ctx.scope)
        })
    }
}
