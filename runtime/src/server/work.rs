//! `worker`: from settings to a clean stop.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use tokio::time::Instant;

use super::{
    CLEAN, FAILED, FORCED, Status, WRONG_CALL, bootstrap,
    development_broker::DevelopmentBroker,
    serve::{Outside, TICK},
    show,
    signals::Signals,
    startup, variables,
};
use crate::{
    App, Result,
    engine::{
        Brokers, jobs,
        watch::{JobsPhase, JobsWatch, Watch},
        watchdog,
    },
    events::{Event, NAMED, Short, Totals},
    foreign,
    health::Health,
    jobs::worker::{Queues, Signal, Unsettled, Worker, WorkerEnd, WorkerParts},
    producer::Producer,
    settings::{Clients, Flags, Settings, redacted_url},
};

/// Performs jobs until a signal, or until Sidekiq's page asks for a stop.
pub(super) fn work<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, words: &[String], signals: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let variables = variables();
    let (settings, errors) = Settings::examine(app.manifest, &variables, flags);
    let known: BTreeSet<&str> = settings.consumers.iter().filter_map(|consumer| consumer.queue.as_deref()).collect();
    let queues = Queues::read(words, &known);
    // Kafka is there for what jobs emit, and for nothing else.
    let clients = match &queues {
        Ok(queues) if jobs::send(&app.routes, &settings, queues) => Clients::Producer,
        Ok(_) | Err(_) => Clients::None,
    };
    let opened = match bootstrap::begin(app.manifest, &variables, (settings, errors), clients) {
        Ok(opened) => opened,
        Err(status) => return status,
    };
    let bootstrap::Opened { settings, listener, tell_due, complaints } = opened;
    let Some(url) = settings.redis.clone() else {
        return complaints
            .fail("no consumer of karafka.yml has `jobs: redis`, so there are no jobs: `server` performs everything");
    };
    let queues = match queues {
        Ok(queues) => queues,
        Err(error) => {
            complaints.complain(&error.to_string());
            return WRONG_CALL;
        }
    };
    // Before anything that may take long, so that a supervisor is told that the worker is starting.
    let (listener, health) = match bootstrap::health(app.manifest, &settings, listener, &complaints) {
        Ok(served) => served,
        Err(status) => return status,
    };

    let mut broker = None;
    let mut brokers = None;
    if clients == Clients::Producer {
        let address = match settings.brokers.clone() {
            Some(address) => address,
            None => match DevelopmentBroker::find_or_start(app.manifest, &settings, &listener) {
                Ok(found) => broker.insert(found).address().to_owned(),
                Err(error) => return complaints.fail(&error.to_string()),
            },
        };
        brokers = Some(Brokers { address, embedded: broker.is_some() });
    }
    let (runtime, state) = match bootstrap::state(build_state, &variables, signals, &complaints) {
        Ok(built) => built,
        Err(status) => return status,
    };
    let manifest = app.manifest;
    let jobs = match jobs::Jobs::new(manifest, app.routes, &settings, brokers.as_ref(), state) {
        Ok(jobs) => jobs,
        Err(error) => return complaints.fail(&error.to_string()),
    };
    let (producer, sending) = (jobs.producer().cloned(), jobs.sending(&queues));
    let jobs_watch = jobs.watch();
    let watch = Arc::new(Watch::of(Arc::clone(&jobs_watch)));
    // It ends when what is kept here is dropped.
    let _watchdog = match watchdog::start(Arc::clone(&watch), Arc::clone(&listener), runtime.handle(), sending) {
        Ok(watchdog) => watchdog,
        Err(error) => return complaints.fail(&format!("a thread cannot start: {error}")),
    };
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
        Err(error) => {
            return complaints.fail(&format!("Redis cannot be reached as `{}` says: {error}", redacted_url(&url)));
        }
    };
    if let Some(health) = &health {
        health.watch(watch);
    }
    let health_address = health.as_ref().map(Health::address);
    if settings.is_development() {
        show(&startup::worker_page(manifest, &settings, &worker, health_address));
    } else {
        startup::log_worker(manifest, &settings, &worker, health_address);
    }
    complaints.ask();
    let outside = Outside { listener: &*listener, complaints: &complaints, tell_due: &*tell_due, signals };
    let status = run(&worker, &jobs_watch, producer.as_ref(), &settings, &outside);
    drop(broker);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}

/// From the first job to the last line.
fn run(
    worker: &Arc<Worker>,
    watch: &JobsWatch,
    producer: Option<&Producer>,
    settings: &Settings,
    outside: &Outside<'_>,
) -> Status {
    let Outside { listener, complaints, tell_due, signals } = *outside;
    let running = match worker.spawn() {
        Ok(running) => running,
        Err(error) => return complaints.fail(&format!("the worker cannot start: {error}")),
    };
    let mut quiet = false;
    let mut is_stopping = false;
    let mut is_forced = false;
    let mut asked_quiet = false;
    let mut producer_failure = None;
    while !running.is_finished() {
        tell_due();
        // A signal, or Sidekiq's page, asks for quiet.
        if signals.is_quiet() != asked_quiet {
            asked_quiet = !asked_quiet;
            worker.send(if asked_quiet { Signal::Quiet } else { Signal::Work });
        }
        let is_quiet = worker.signal() == Signal::Quiet;
        if is_quiet != quiet && !is_stopping {
            quiet = is_quiet;
            watch.set_phase(if quiet { JobsPhase::Quiet } else { JobsPhase::Working });
            listener.on(if quiet { &Event::Quieted } else { &Event::Resumed });
        }
        if !is_stopping && matches!(worker.signal(), Signal::Stop(_)) {
            is_stopping = true;
            watch.set_phase(JobsPhase::Stopping);
            listener.on(&Event::Stopping { budget: settings.shutdown_timeout });
        }
        if producer_failure.is_none()
            && let Some(reason) = producer.and_then(Producer::failure)
        {
            // No job that sends something can be done any more.
            producer_failure = Some(reason);
            worker.send(Signal::Stop(Instant::now() + settings.shutdown_timeout));
        }
        if signals.wait(TICK).is_none() {
            continue;
        }
        if is_stopping {
            complaints.complain("a second signal: what was begun is not waited for");
            worker.hurry();
            is_forced = true;
        } else {
            worker.send(Signal::Stop(Instant::now() + settings.shutdown_timeout));
        }
    }
    let Ok(end) = running.join() else {
        complaints
            .complain("the worker has failed; what it had in progress is put back when its heartbeat has expired");
        return FAILED;
    };
    let status = conclude(&end, outside, is_forced);
    let Some(reason) = producer_failure else { return status };
    listener.on(&Event::ProducerFatal { reason: &reason });
    complaints.repeat(&format!("the producer cannot go on: {}", foreign::paragraph(&reason)));
    if is_forced { status } else { FAILED }
}

/// Tells how the run ended, and which exit status that is.
fn conclude(end: &WorkerEnd, outside: &Outside<'_>, is_forced: bool) -> Status {
    let Outside { listener, complaints, .. } = *outside;
    let WorkerEnd { performed, failed, put_back, left, ref unsettled } = *end;
    let to_repeat = put_back + left;
    let name = |Unsettled { name, age }: &Unsettled| format!("{name}, begun {} ago", Short(*age));
    let unsettled: Vec<_> = unsettled.iter().map(name).collect();
    let unsettled = &*unsettled;
    listener.on(&Event::Stopped(Totals { handled: performed, failed, to_repeat, unsettled, ..Totals::default() }));
    for name in unsettled.iter().take(NAMED) {
        complaints.repeat(&format!("did not end in time, or Redis has not heard of it: {name}"));
    }
    if put_back > 0 {
        complaints.complain(&format!("{} put back, to be performed again", jobs(put_back)));
    }
    if left > 0 {
        complaints.complain(&format!(
            "Redis has not taken {left} of its jobs back; another worker finds them in a minute, and performs them again"
        ));
    }
    if is_forced || to_repeat > 0 { FORCED } else { CLEAN }
}

fn jobs(count: u64) -> String {
    if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") }
}
