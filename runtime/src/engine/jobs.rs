//! Performs jobs with the consumers of an app.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use super::{
    Brokers, StartError, build, config,
    consumer::{Consumer, Route},
    job_attempt::{JobAttempt, JobEnd, JobFailure},
    kafka_names,
    watch::JobsWatch,
};
use crate::{
    Error,
    context::{AppShared, Outlet},
    events::JobName,
    guard::{Bounds, FailureKind},
    jobs::{
        job::{Arguments, Job, JobError},
        worker::{Failure, NotPerformed, Perform, Performed, Queues},
    },
    layer::Layers,
    manifest::{ConsumerEntry, Manifest},
    producer::{client::ProducerClient, sending::Sending},
    settings::{Backoff, Settings},
};

/// The consumers of an app whose jobs run on Redis.
pub(crate) struct Jobs<S> {
    manifest: &'static Manifest,
    app: Arc<AppShared<S>>,
    consumers: Vec<JobConsumer<S>>,
    watch: Arc<JobsWatch>,
}

struct JobConsumer<S> {
    entry: &'static ConsumerEntry,
    consumer: Arc<dyn Consumer<S>>,
    queue: String,
    timeout: Option<Duration>,
    backoff: Option<Backoff>,
}

/// Whether a worker that takes jobs of these queues sends anything to Kafka.
pub(crate) fn send<S>(routes: &[Route<S>], settings: &Settings, queues: &Queues) -> bool {
    let is_taken = |queue: &str| queues.names().any(|name| name == queue);
    let is_ours = |route: &&Route<S>| {
        settings.consumer(route.entry).and_then(|consumer| consumer.queue.as_deref()).is_some_and(is_taken)
    };
    routes.iter().filter(is_ours).any(|route| !route.entry.emits.is_empty())
}

/// Why a job is not given to a consumer of this app. What is said of a class comes before what is said of arguments: those
/// of another app's job are whatever they are there.
#[derive(Debug, thiserror::Error)]
enum NotGiven {
    #[error("its class is empty, so that no worker is named")]
    NoClass,
    #[error("no worker of this app is called {class}: the job is another app's, or another version's")]
    UnknownClass { class: String },
    #[error("karafka.yml has the jobs of {class} in the server's process, and not on Redis")]
    InProcess { class: String },
    #[error(transparent)]
    Arguments(#[from] JobError),
    #[error("{class} is the worker of {topics}, and its first argument names the topic {topic}")]
    OtherTopic { class: String, topics: String, topic: String },
    #[error(
        "{class} emits, and this process does not reach Kafka, as no job of the queues that it takes emits: \
         the queue of {class} is {queue}"
    )]
    Emits { class: String, queue: String },
}

impl NotGiven {
    /// The error of the job: its name is what Sidekiq's page shows as the class of the error.
    fn into_error(self) -> Error {
        let name = match self {
            Self::NoClass => "karafka::NoWorker",
            Self::UnknownClass { .. } => "karafka::UnknownWorker",
            Self::InProcess { .. } => "karafka::WorkerInProcess",
            Self::Arguments(_) => "karafka::InvalidArguments",
            Self::OtherTopic { .. } => "karafka::OtherTopic",
            Self::Emits { .. } => "karafka::NoKafka",
        };
        // No version of any app has a worker without a name.
        let error = if matches!(self, Self::NoClass) { Error::permanent(self) } else { self.into() };
        error.called(name)
    }
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
        layers: Layers<S>,
        settings: &Settings,
        brokers: Option<&Brokers>,
        state: S,
    ) -> Result<Self, StartError> {
        let outlet = match brokers {
            Some(brokers) => Outlet::Kafka(ProducerClient::new(&config::producer(settings, brokers), Arc::default())?),
            None => Outlet::Nowhere,
        };
        let mut consumers = Vec::new();
        for (entry, consumer) in build(routes, &state) {
            let Some(found) = settings.consumer(entry) else { continue };
            let Some(queue) = found.queue.clone() else { continue };
            let (timeout, backoff) = (found.timeout, found.job_backoff);
            consumers.push(JobConsumer { entry, consumer, queue, timeout, backoff });
        }
        let seed = u64::from(std::process::id()) << 32;
        let shared = AppShared::new(state, kafka_names(manifest, settings), layers);
        let app = Arc::new(AppShared { outlet, seed, ..shared });
        Ok(Self { manifest, app, consumers, watch: Arc::new(JobsWatch::new(settings.concurrency)) })
    }

    /// What jobs send with. Once it has [failed](ProducerClient::failure), no job that emits can be done by this process.
    pub(crate) fn producer(&self) -> Option<&ProducerClient> {
        if let Outlet::Kafka(producer) = &self.app.outlet { Some(producer) } else { None }
    }

    /// What watches what jobs send, if they send anything.
    pub(crate) fn sending(&self, queues: &Queues) -> Option<Sending> {
        let is_taken = |consumer: &&JobConsumer<S>| queues.names().any(|name| name == consumer.queue);
        let emits = self.consumers.iter().filter(is_taken).flat_map(|consumer| consumer.entry.emits);
        let topics = emits.filter_map(|key| self.app.names.get(key).cloned()).collect();
        Sending::new(self.producer()?.clone(), topics, true)
    }

    /// What the outside may know of the jobs at work.
    pub(crate) fn watch(&self) -> Arc<JobsWatch> {
        Arc::clone(&self.watch)
    }

    /// The job's consumer and arguments. Without, the job is tried again all the same: a later version of the app may
    /// know it.
    fn find(&self, job: &Job<'_>) -> Result<(&JobConsumer<S>, Arguments), NotGiven> {
        if job.class.is_empty() {
            return Err(NotGiven::NoClass);
        }
        let class = || job.class.clone();
        let ours = || self.consumers.iter().filter(|consumer| consumer.entry.worker == job.class);
        if ours().next().is_none() {
            return Err(match self.manifest.consumers.iter().any(|entry| entry.worker == job.class) {
                true => NotGiven::InProcess { class: class() },
                false => NotGiven::UnknownClass { class: class() },
            });
        }
        let arguments = job.arguments()?;
        let Some(consumer) = ours().find(|consumer| consumer.entry.topic == arguments.topic) else {
            let topics = ours().map(|consumer| consumer.entry.topic).collect::<Vec<_>>().join(", ");
            return Err(NotGiven::OtherTopic { class: class(), topics, topic: arguments.topic });
        };
        if self.producer().is_none() && !consumer.entry.emits.is_empty() {
            return Err(NotGiven::Emits { class: class(), queue: consumer.queue.clone() });
        }
        Ok((consumer, arguments))
    }

    async fn attempt(&self, consumer: &JobConsumer<S>, arguments: Arguments, attempt: u32, attempts: u32) -> JobEnd {
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
    fn perform<'a>(&'a self, job: &'a Job<'_>) -> BoxFuture<'a, Performed> {
        Box::pin(async move {
            let (attempt, attempts) = (job.attempt(), job.retry.attempts());
            let (backoff, performed) = match self.find(job) {
                Ok((consumer, arguments)) => {
                    let name = JobName { queue: &job.queue, class: &job.class, jid: &job.jid };
                    let work = self.attempt(consumer, arguments, attempt, attempts);
                    let performed = self.watch.during(name, attempt, consumer.timeout, work, Result::is_ok).await;
                    (consumer.backoff, performed)
                }
                Err(not_given) => (None, Err(JobFailure::Failed(FailureKind::Error, not_given.into_error()))),
            };
            match performed {
                Ok(()) => Ok(()),
                Err(JobFailure::Taken) => Err(NotPerformed::Taken),
                Err(JobFailure::Failed(kind, error)) => {
                    let is_last = Bounds { timeout: None, attempts: Some(attempts) }.is_last(attempt, &error);
                    Err(NotPerformed::Failed(Failure { kind, error, is_last, backoff }))
                }
            }
        })
    }

    fn take_back(&self) -> bool {
        self.app.loose.take_back()
    }
}
