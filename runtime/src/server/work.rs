//! `worker`: from settings to a clean stop.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use tokio::time::Instant;

use super::{
    CLEAN, FAILED, FORCED, Status, complain, development_broker::DevelopmentBroker, fail, opening, serve::TICK, show,
    signals::Signals, startup, variables,
};
use crate::{
    App, Result,
    engine::{Brokers, jobs},
    events::{Event, Listener, Totals},
    jobs::worker::{Order, Queues, Worker, WorkerEnd, WorkerParts},
    producer::Producer,
    settings::{Flags, Origin, Settings, redacted_url},
};

/// Performs jobs until a signal, or until Sidekiq's page asks for a stop.
pub(super) fn work<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, words: &[String], signals: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let variables = variables();
    let settings = match opening::settings(app.manifest, &variables, flags) {
        Ok(settings) => settings,
        Err(status) => return status,
    };
    let Some(url) = settings.redis.clone() else {
        return fail(
            "no consumer of karafka.yml has `jobs: redis`, so there are no jobs: `server` performs everything",
        );
    };
    let known: BTreeSet<&str> = settings.consumers.iter().filter_map(|consumer| consumer.queue.as_deref()).collect();
    let queues = match Queues::read(words, &known) {
        Ok(queues) => queues,
        Err(error) => {
            complain(&error.to_string());
            return FORCED;
        }
    };
    let listener = opening::listener(&settings, &variables);
    if settings.values.iter().any(|value| value.key == "health" && value.origin != Origin::Default) {
        complain("health is served by `server` only; a worker shows what it does on Sidekiq's page");
    }

    let mut broker = None;
    let mut brokers = None;
    if jobs::sends(&app.routes, &settings) {
        let address = match settings.brokers.clone() {
            Some(address) => address,
            None => match DevelopmentBroker::find_or_start(app.manifest, &settings, &listener) {
                Ok(found) => broker.insert(found).address().to_owned(),
                Err(error) => return fail(&error.to_string()),
            },
        };
        brokers = Some(Brokers { address, embedded: broker.is_some() });
    }
    let (runtime, state) = match opening::state(build_state, signals) {
        Ok(built) => built,
        Err(status) => return status,
    };
    let manifest = app.manifest;
    let jobs = match jobs::Jobs::new(manifest, app.routes, &settings, brokers.as_ref(), state) {
        Ok(jobs) => jobs,
        Err(error) => return fail(&error.to_string()),
    };
    let producer = jobs.producer().cloned();
    let worker = Worker::new(WorkerParts {
        url: url.clone(),
        app: manifest.app,
        queues,
        concurrency: settings.concurrency,
        shutdown_timeout: settings.shutdown_timeout,
        perform: Arc::new(jobs),
        runtime: runtime.handle().clone(),
        listener: Arc::clone(&listener),
    });
    let worker = match worker {
        Ok(worker) => worker,
        Err(error) => return fail(&format!("Redis cannot be reached as `{}` says: {error}", redacted_url(&url))),
    };
    if settings.is_development() {
        show(&startup::worker_page(manifest, &settings, &worker));
    } else {
        startup::log_worker(manifest, &settings, &worker);
    }
    let status = run(&worker, producer.as_ref(), &settings, &listener, signals);
    drop(broker);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}

/// From the first job to the last line.
fn run(
    worker: &Arc<Worker>,
    producer: Option<&Producer>,
    settings: &Settings,
    listener: &Arc<dyn Listener>,
    signals: &Signals,
) -> Status {
    let running = match worker.spawn() {
        Ok(running) => running,
        Err(error) => return fail(&format!("the worker cannot start: {error}")),
    };
    let mut quiet = false;
    let mut is_stopping = false;
    let mut is_forced = false;
    let mut asked_quiet = false;
    let mut producer_failure = None;
    while !running.is_finished() {
        // A signal, or Sidekiq's page, asks for quiet.
        if signals.is_quiet() != asked_quiet {
            asked_quiet = !asked_quiet;
            worker.give(if asked_quiet { Order::Quiet } else { Order::Work });
        }
        let is_quiet = worker.order() == Order::Quiet;
        if is_quiet != quiet && !is_stopping {
            quiet = is_quiet;
            listener.on(if quiet { &Event::Quieted } else { &Event::Resumed });
        }
        if !is_stopping && matches!(worker.order(), Order::Stop(_)) {
            is_stopping = true;
            listener.on(&Event::Stopping { budget: settings.shutdown_timeout });
        }
        if producer_failure.is_none()
            && let Some(reason) = producer.and_then(Producer::failure)
        {
            // No job that sends something can be done any more.
            producer_failure = Some(reason);
            worker.give(Order::Stop(Instant::now() + settings.shutdown_timeout));
        }
        if signals.wait(TICK).is_none() {
            continue;
        }
        if is_stopping {
            complain("a second signal: what was begun is not waited for");
            worker.hurry();
            is_forced = true;
        } else {
            worker.give(Order::Stop(Instant::now() + settings.shutdown_timeout));
        }
    }
    let Ok(end) = running.join() else {
        complain("the worker has failed; what it had in hand is put back when its heartbeat has expired");
        return FAILED;
    };
    let status = conclude(&end, listener.as_ref(), is_forced);
    let Some(reason) = producer_failure else { return status };
    listener.on(&Event::ProducerFatal { reason: &reason });
    complain(&format!("the producer cannot go on: {reason}"));
    if is_forced { status } else { FAILED }
}

/// Tells how the run ended, and which exit status that is.
fn conclude(end: &WorkerEnd, listener: &dyn Listener, is_forced: bool) -> Status {
    let WorkerEnd { performed, failed, put_back, left } = *end;
    listener.on(&Event::Stopped(Totals { handled: performed, failed, to_repeat: put_back + left, blocked: &[] }));
    if left > 0 {
        complain(&format!(
            "Redis has not taken {left} of its jobs back; another worker finds them in a minute, and performs them again"
        ));
    }
    if is_forced || put_back + left > 0 { FORCED } else { CLEAN }
}
