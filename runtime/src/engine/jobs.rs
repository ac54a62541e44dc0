//! Performs jobs with the consumers of an app.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    Brokers, StartError,
    attempt::Bounds,
    build, config,
    consumer::{Consumer, JobAttempt, Route},
    kafka_names,
    shared::{AppShared, Outlet},
};
use crate::{
    Error, FailureKind,
    jobs::{
        job::{Arguments, Job},
        worker::{Failure, Perform, Performed},
    },
    manifest::{ConsumerEntry, Manifest},
    producer::Producer,
    settings::{Backoff, Settings},
};

/// The consumers of an app whose jobs run on Redis.
pub(crate) struct Jobs<S> {
    app: Arc<AppShared<S>>,
    consumers: Vec<JobConsumer<S>>,
}

struct JobConsumer<S> {
    entry: &'static ConsumerEntry,
    consumer: Arc<dyn Consumer<S>>,
    timeout: Option<Duration>,
    backoff: Option<Backoff>,
}

/// Whether performing an app's jobs sends anything to Kafka.
pub(crate) fn sends<S>(routes: &[Route<S>], settings: &Settings) -> bool {
    let has_jobs = |route: &&Route<S>| settings.consumer(route.entry).is_some_and(|consumer| consumer.queue.is_some());
    routes.iter().filter(has_jobs).any(|route| !route.entry.emits.is_empty())
}

impl<S: Send + Sync + 'static> Jobs<S> {
    /// Builds the consumers; with a producer if they send something and there are `brokers` for it.
    ///
    /// # Errors
    ///
    /// [`StartError::Producer`].
    pub(crate) fn new(
        manifest: &'static Manifest,
        routes: Vec<Route<S>>,
        settings: &Settings,
        brokers: Option<&Brokers>,
        state: S,
    ) -> Result<Self, StartError> {
        let outlet = match brokers {
            Some(brokers) => Outlet::Kafka(Producer::new(&config::producer(settings, brokers))?),
            None => Outlet::Nowhere,
        };
        let mut consumers = Vec::new();
        for (entry, consumer) in build(routes, &state) {
            let Some(found) = settings.consumer(entry).filter(|found| found.queue.is_some()) else { continue };
            let (timeout, backoff) = (found.timeout, found.job_backoff);
            consumers.push(JobConsumer { entry, consumer, timeout, backoff });
        }
        let app = Arc::new(AppShared {
            state,
            outlet,
            queues: BTreeMap::new(),
            names: kafka_names(manifest, settings),
            seed: u64::from(std::process::id()) << 32,
            #[cfg(any(test, feature = "testing"))]
            stage: None,
        });
        Ok(Self { app, consumers })
    }

    /// What jobs send with. Once it has [failed](Producer::failure), no job that emits can be done by this process.
    pub(crate) fn producer(&self) -> Option<&Producer> {
        if let Outlet::Kafka(producer) = &self.app.outlet { Some(producer) } else { None }
    }

    /// The job's consumer and arguments. Without, the job is tried again all the same: a later version of the app may
    /// know it.
    fn find(&self, job: &Job) -> Result<(&JobConsumer<S>, Arguments), Error> {
        let arguments = job.arguments()?;
        let fits = |entry: &ConsumerEntry| entry.worker == job.class && entry.topic == arguments.topic;
        match self.consumers.iter().find(|consumer| fits(consumer.entry)) {
            Some(consumer) => Ok((consumer, arguments)),
            None => Err(Error::new(format_args!(
                "no consumer of karafka.yml has the worker {} on the topic {}, and its jobs on Redis",
                job.class, arguments.topic
            ))),
        }
    }

    async fn attempt(
        &self,
        consumer: &JobConsumer<S>,
        arguments: Arguments,
        attempt: u32,
        attempts: u32,
    ) -> Result<(), (FailureKind, Error)> {
        let bounds = Bounds { timeout: consumer.timeout, attempts: Some(attempts) };
        let mut record = arguments.record;
        if let Some(name) = self.app.names.get(arguments.topic.as_str()) {
            record.topic = name.as_str().into();
        }
        let job = JobAttempt { text: arguments.text, record, attempt, bounds };
        consumer.consumer.perform_job(Arc::clone(&self.app), job).await
    }
}

impl<S: Send + Sync + 'static> Perform for Jobs<S> {
    fn perform<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Performed> {
        Box::pin(async move {
            let (attempt, attempts) = (job.attempt(), job.retry.attempts());
            let (backoff, performed) = match self.find(job) {
                Ok((consumer, arguments)) => {
                    (consumer.backoff, self.attempt(consumer, arguments, attempt, attempts).await)
                }
                Err(error) => (None, Err((FailureKind::Error, error))),
            };
            performed.map_err(|(kind, error)| {
                let is_last = Bounds { timeout: None, attempts: Some(attempts) }.is_last(attempt, &error);
                Failure { kind, error, is_last, backoff }
            })
        })
    }
}
