//! A worker of jobs, as it is looked after.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

use super::{
    end::{Complaint, End, Failure, counted},
    supervisor::{Process, Unheard},
};
use crate::{
    engine::{
        Brokers, StartError,
        consumer::Route,
        jobs,
        watch::{JobsPhase, JobsWatch, Watch},
        watchdog,
    },
    events::{LeftWaiting, Listener, ShortDuration},
    jobs::worker::{Queues, Signal, Unsettled, Worker, WorkerEnd, WorkerParts},
    layer::Layers,
    manifest::Manifest,
    producer::client::ProducerClient,
    settings::{Redis, Settings, redacted_url},
};

/// The queues that a worker with these settings may take jobs from.
pub(crate) fn known_queues(settings: &Settings) -> BTreeSet<&str> {
    settings.consumers.iter().filter_map(|consumer| consumer.queue.as_deref()).collect()
}

/// What a worker is made of.
pub(crate) struct Jobs<'a, S> {
    pub(crate) manifest: &'static Manifest,
    pub(crate) routes: Vec<Route<S>>,
    pub(crate) layers: Layers<S>,
    pub(crate) settings: &'a Settings,
    /// How to reach Redis.
    pub(crate) redis: &'a Redis,
    /// Where Kafka is, if jobs send anything there.
    pub(crate) brokers: Option<&'a Brokers>,
    pub(crate) queues: Queues,
    pub(crate) state: S,
    pub(crate) listener: Arc<dyn Listener>,
    /// Where the app's code runs.
    pub(crate) runtime: &'a Handle,
}

/// A worker of jobs, ready or at work; dropped, it stops at once.
pub(crate) struct JobsWorker {
    worker: Arc<Worker>,
    watch: Arc<Watch>,
    jobs_watch: Arc<JobsWatch>,
    producer: Option<ProducerClient>,
    producer_failure: Option<String>,
    thread: Option<JoinHandle<WorkerEnd>>,
    /// The watchdog ends when this is dropped.
    _watchdog: mpsc::Sender<()>,
}

impl JobsWorker {
    /// A worker that takes no jobs yet.
    pub(crate) fn new<S: Send + Sync + 'static>(parts: Jobs<'_, S>) -> Result<Self, StartError> {
        let Jobs { manifest, routes, layers, settings, redis, brokers, queues, state, listener, runtime } = parts;
        let jobs = jobs::Jobs::new(manifest, routes, layers, settings, brokers, state)?;
        let (producer, sending) = (jobs.producer().cloned(), jobs.sending(&queues));
        let jobs_watch = jobs.watch();
        let watch = Arc::new(Watch::of(Arc::clone(&jobs_watch)));
        if let Some(producer) = &producer {
            watch.sends(producer);
        }
        let _watchdog = watchdog::start(Arc::clone(&watch), Arc::clone(&listener), runtime, sending)?;
        let worker = Worker::new(WorkerParts {
            redis,
            app: manifest.app,
            queues,
            concurrency: settings.concurrency,
            shutdown_timeout: settings.shutdown_timeout,
            perform: Arc::new(jobs),
            runtime: runtime.clone(),
            listener,
        });
        let worker =
            worker.map_err(|error| StartError::Redis { url: redacted_url(&redis.url), reason: error.to_string() })?;
        let (producer_failure, thread) = (None, None);
        Ok(Self { worker, watch, jobs_watch, producer, producer_failure, thread, _watchdog })
    }

    /// Takes jobs from here on.
    pub(crate) fn spawn(&mut self) -> Result<(), StartError> {
        self.thread = Some(self.worker.spawn()?);
        Ok(())
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// What the outside may know of it while it runs.
    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }
}

impl Drop for JobsWorker {
    fn drop(&mut self) {
        // Nothing, when it has ended.
        self.worker.hurry();
    }
}

impl Process for JobsWorker {
    fn set_quiet(&mut self, quiet: bool) {
        self.worker.send(if quiet { Signal::Quiet } else { Signal::Work });
    }

    /// Sidekiq's page may have asked for it.
    fn is_quiet(&self) -> bool {
        let is_quiet = self.worker.signal() == Signal::Quiet;
        self.jobs_watch.set_phase(if is_quiet { JobsPhase::Quiet } else { JobsPhase::Working });
        is_quiet
    }

    fn is_over(&mut self) -> bool {
        if self.producer_failure.is_none() {
            // No job that sends something can be done any more.
            self.producer_failure = self.producer.as_ref().and_then(ProducerClient::failure);
        }
        let is_asked = matches!(self.worker.signal(), Signal::Stop(_));
        is_asked || self.producer_failure.is_some() || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn left_waiting(&self) -> Vec<LeftWaiting> {
        Vec::new()
    }

    fn stop(&mut self, budget: Duration) {
        self.jobs_watch.set_phase(JobsPhase::Stopping);
        self.worker.send(Signal::Stop(Instant::now() + budget));
    }

    fn forcer(&self) -> Box<dyn Fn() + Send> {
        let worker = Arc::clone(&self.worker);
        Box::new(move || worker.hurry())
    }

    fn unheard(&self) -> Option<Unheard> {
        None
    }

    fn join(mut self: Box<Self>, listener: &dyn Listener) -> End {
        let mut end = End::default();
        if let Some(reason) = self.producer_failure.take() {
            end.fail(&Failure::Producer { reason }, listener);
        }
        let Some(Ok(worker)) = self.thread.take().map(JoinHandle::join) else {
            end.fail(&Failure::Worker, listener);
            return end;
        };
        let WorkerEnd { performed, failed, put_back, left, unsettled } = worker;
        let name = |Unsettled { name, age }: Unsettled| format!("{name}, begun {} ago", ShortDuration(age));
        end.unsettled = unsettled.into_iter().map(name).collect();
        (end.handled, end.failed, end.to_repeat) = (performed, failed, put_back + left);
        if put_back > 0 {
            let put_back = counted(put_back, "job");
            end.remains(Complaint::Untold(format!("{put_back} put back, to be performed again")));
        }
        if left > 0 {
            end.remains(Complaint::Untold(format!(
                "Redis has not taken {left} of its jobs back; another worker finds them in a minute, and performs them again"
            )));
        }
        end
    }
}
