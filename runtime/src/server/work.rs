//! `worker`: from settings to a clean stop.

use std::{future::Future, sync::Arc};

use super::{
    Status, WRONG_CALL, bootstrap, development_broker::DevelopmentBroker, show, signals::Signals, startup, stop,
};
use crate::{
    App, Result,
    engine::{StartError, jobs},
    events::Listeners,
    health::{Served, Vitals},
    jobs::worker::Queues,
    running::{Jobs, JobsWorker, Supervisor, known_queues},
    settings::{Clients, Flags, Settings, process_variables},
};

/// Performs jobs until a signal, or until Sidekiq's page asks for a stop.
pub(super) fn work<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, words: &[String], signals: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let App { manifest, routes, layers, listeners } = app;
    let variables = process_variables();
    let (settings, errors) = Settings::examine(manifest, &variables, flags);
    let queues = Queues::read(words, &known_queues(&settings));
    // Kafka is there for what jobs emit, and for nothing else.
    let clients = match &queues {
        Ok(queues) if jobs::send(&routes, &settings, queues) => Clients::Producer,
        Ok(_) | Err(_) => Clients::None,
    };
    let opened = match bootstrap::begin(manifest, &variables, (settings, errors), clients) {
        Ok(opened) => opened,
        Err(status) => return status,
    };
    let bootstrap::Bootstrapped { settings, listener, tell_due, complaints } = opened;
    let Some(redis) = settings.redis.clone() else { return complaints.fail(&StartError::NoJobs.to_string()) };
    let queues = match queues {
        Ok(queues) => queues,
        Err(error) => {
            complaints.complain(&error.to_string());
            return WRONG_CALL;
        }
    };
    // Before anything that may take long, so that a supervisor is told that the worker is starting.
    let vitals = Arc::new(Vitals::new(manifest, Listeners::beside(listener, listeners)));
    let health = match bootstrap::health(&settings, &vitals, &complaints) {
        Ok(served) => served,
        Err(status) => return status,
    };
    let listener = vitals.listener();
    let mut kafka = None;
    if clients == Clients::Producer {
        match DevelopmentBroker::or_configured(manifest, &settings, &listener) {
            Ok(found) => kafka = Some(found),
            Err(error) => return complaints.fail(&error.to_string()),
        }
    }
    let (runtime, state) = match bootstrap::state(build_state, &variables, signals, &complaints) {
        Ok(built) => built,
        Err(status) => return status,
    };
    let worker = JobsWorker::new(Jobs {
        manifest,
        routes,
        layers,
        settings: &settings,
        redis: &redis,
        brokers: kafka.as_ref().map(|(_, brokers, _)| brokers),
        queues,
        state,
        listener: Arc::clone(&listener),
        runtime: runtime.handle(),
    });
    let mut worker = match worker {
        Ok(worker) => worker,
        Err(error) => return complaints.fail(&error.to_string()),
    };
    vitals.watch(worker.watch());
    let health_address = health.as_ref().map(Served::address);
    if settings.is_development() {
        show(&startup::worker::page(manifest, &settings, worker.worker(), health_address));
    } else {
        startup::worker::log(manifest, &settings, worker.worker(), health_address);
    }
    complaints.ask();
    if let Err(error) = worker.spawn() {
        return complaints.fail(&error.to_string());
    }
    let supervisor = Supervisor { listener, shutdown_timeout: settings.shutdown_timeout, tell_due };
    let status = stop::on_signal(supervisor, Box::new(worker), signals, &complaints);
    drop(kafka);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}
