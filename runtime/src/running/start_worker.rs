//! Starts a worker of jobs inside of another program.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    Configured, Running,
    start::{brokers, elsewhere, spawn},
    supervisor::Supervisor,
    worker::{Jobs, JobsWorker, known_queues},
};
use crate::{
    App,
    engine::{StartError, jobs},
    events::{Listeners, Production, RateLimited},
    health::Vitals,
    jobs::worker::Queues,
    settings::Clients,
};

impl<S: Send + Sync + 'static> Configured<S> {
    /// Starts a worker of the app's jobs on the tokio runtime that awaits this, for these queues: `critical` and `default`, in
    /// this order, or with their weights, as `critical,3` and `default,1`; all of them, with the same weight, if none is named.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing of the app runs then.
    #[cfg_attr(docsrs, doc(cfg(feature = "jobs")))]
    pub async fn start_worker(self, state: S, queues: &[&str]) -> Result<Running, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let queues: Vec<String> = queues.iter().map(|&queue| queue.to_owned()).collect();
        elsewhere(runtime, move |runtime| self.start_jobs(state, &queues, runtime)).await
    }

    fn start_jobs(self, state: S, queues: &[String], runtime: &Handle) -> Result<Running, StartError> {
        let Self { app: App { manifest, routes, layers, listeners }, settings } = self;
        let known = known_queues(&settings);
        if known.is_empty() {
            return Err(StartError::NoJobs);
        }
        let queues = Queues::read(queues, &known).map_err(|wrong| StartError::Queues(wrong.to_string()))?;
        let redis = settings.redis.clone().ok_or(StartError::NoRedis)?;
        let sends = jobs::send(&routes, &settings, &queues);
        let settings = settings.checked_for(if sends { Clients::Producer } else { Clients::None })?;
        let brokers = if sends { Some(brokers(manifest, &settings)?) } else { None };
        settings.log_unverified();
        let (log, tell_due) = RateLimited::shared(Production);
        let vitals = Arc::new(Vitals::new(manifest, Listeners::beside(log, listeners)));
        let listener = vitals.listener();
        let mut worker = JobsWorker::new(Jobs {
            manifest,
            routes,
            layers,
            settings: &settings,
            redis: &redis,
            brokers: brokers.as_ref(),
            queues,
            state,
            listener: Arc::clone(&listener),
            runtime,
        })?;
        vitals.watch(worker.watch());
        worker.spawn()?;
        let supervisor = Supervisor { listener, shutdown_timeout: settings.shutdown_timeout, tell_due };
        spawn(Box::new(worker), vitals, supervisor)
    }
}
