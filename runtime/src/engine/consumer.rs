//! One controller on one topic in one group: what a lane is opened on.

use std::sync::Arc;

use tokio::{runtime::Handle, task::JoinHandle};

#[cfg(feature = "jobs")]
use super::job_attempt::{self, JobAttempt, OnceJob};
use super::{
    attempt_once::AttemptsOnce,
    driver::{self, LaneParts},
};
#[cfg(feature = "jobs")]
use crate::context::AppShared;
use crate::{
    BatchController, Controller, Interchanger, Parser, Routed, Worker, manifest::ConsumerEntry, panics::watched,
    worker::MessageOf,
};

pub(crate) use super::typed::{BatchConsumer, TypedConsumer};

/// A consumer that is built once the app's state is there.
pub struct Route<S> {
    pub(crate) entry: &'static ConsumerEntry,
    pub(crate) build: fn(&S) -> Arc<dyn Consumer<S>>,
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { entry: self.entry, build: self.build }
    }
}

/// A consumer without its types.
pub(crate) trait Consumer<S>: AttemptsOnce<S> + Send + Sync {
    /// Starts the lane of a partition as a task.
    fn open(&self, lane: LaneParts<S>, runtime: &Handle) -> JoinHandle<()>;

    /// Makes one attempt at a job.
    #[cfg(feature = "jobs")]
    fn perform_job<'a>(&'a self, app: Arc<AppShared<S>>, job: JobAttempt) -> OnceJob<'a>;
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

    #[cfg(feature = "jobs")]
    fn perform_job<'a>(&'a self, app: Arc<AppShared<S>>, job: JobAttempt) -> OnceJob<'a> {
        Box::pin(watched(job_attempt::perform(&self.0, app, job)))
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

    #[cfg(feature = "jobs")]
    fn perform_job<'a>(&'a self, _: Arc<AppShared<S>>, _: JobAttempt) -> OnceJob<'a> {
        job_attempt::refuse()
    }
}
