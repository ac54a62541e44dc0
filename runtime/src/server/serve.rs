//! `server`: from settings to a clean stop.

use std::{
    future::Future,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    CLEAN, FAILED, FORCED, Status, complain, development_broker::DevelopmentBroker, fail, opening, show,
    signals::Signals, startup, variables,
};
use crate::{
    App, Result,
    engine::{self, Brokers, End, Running},
    events::{Event, Listener, Totals},
    health::Health,
    settings::{Flags, Settings},
};

/// How often the main thread looks up from waiting.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// How long a forced stop waits for the groups to leave.
const LEAVE: Duration = Duration::from_secs(3);

/// Consumes until a signal, or until Kafka refuses to go on.
pub(super) fn serve<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, signals: &Signals) -> Status
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
    let listener = opening::listener(&settings, &variables);

    // Before anything that may take long, so that a supervisor is told that the app is starting.
    let mut health = None;
    let listener = match settings.health {
        None => listener,
        Some(address) => match Health::serve(address, app.manifest, Arc::clone(&listener)) {
            Ok(served) => health.insert(served).listener(),
            Err(error) => return fail(&format!("health cannot be served at {address}: {error}")),
        },
    };

    let mut broker = None;
    let address = match settings.brokers.clone() {
        Some(brokers) => brokers,
        None => match DevelopmentBroker::find_or_start(app.manifest, &settings, &listener) {
            Ok(found) => broker.insert(found).address().to_owned(),
            Err(error) => return fail(&error.to_string()),
        },
    };
    let place = match &broker {
        None => startup::Place::Configured,
        Some(DevelopmentBroker::Beside { .. }) => startup::Place::Beside,
        Some(DevelopmentBroker::Inside { .. }) => startup::Place::Embedded,
    };
    let brokers = Brokers { address, embedded: broker.is_some() };

    let (runtime, state) = match opening::state(build_state, signals) {
        Ok(built) => built,
        Err(status) => return status,
    };
    let manifest = app.manifest;
    let running = match engine::start(
        app.manifest,
        app.routes,
        &settings,
        &brokers,
        state,
        Arc::clone(&listener),
        runtime.handle(),
    ) {
        Ok(running) => running,
        Err(error) => return fail(&error.to_string()),
    };
    if let Some(health) = &health {
        health.watch(running.watch());
    }
    let health_address = health.as_ref().map(Health::address);
    if settings.is_development() {
        show(&startup::page(manifest, &settings, place, &brokers.address, health_address));
    } else {
        startup::log(manifest, &settings, &brokers.address, health_address);
    }

    let status = run(running, &settings, &listener, signals);
    drop(broker);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}

/// From the first record to the last line.
fn run(running: Running, settings: &Settings, listener: &Arc<dyn Listener>, signals: &Signals) -> Status {
    let mut quiet = false;
    loop {
        if signals.is_quiet() != quiet {
            quiet = !quiet;
            // Said when it holds, and before it does not hold any more.
            if quiet {
                running.set_quiet(true);
                listener.on(&Event::Quieted);
            } else {
                listener.on(&Event::Resumed);
                running.set_quiet(false);
            }
        }
        if signals.wait(TICK).is_some() || running.wait(Duration::ZERO) {
            break;
        }
    }
    listener.on(&Event::Stopping { budget: settings.shutdown_timeout });
    let force = running.forcer();
    running.stop();
    let (tell, ended) = mpsc::channel();
    let joining = thread::Builder::new().name("karafka stop".to_owned()).spawn(move || {
        let _ = tell.send(running.join());
    });
    if let Err(error) = joining {
        return fail(&format!("a thread cannot start: {error}"));
    }
    let mut forced = None;
    let end = loop {
        if let Ok(end) = ended.recv_timeout(TICK) {
            break end;
        }
        match forced {
            None if signals.wait(Duration::ZERO).is_some() => {
                complain("a second signal: what was begun is not waited for");
                force();
                forced = Some(Instant::now());
            }
            Some(since) if since.elapsed() > LEAVE => {
                complain("the groups did not leave in time; their partitions wait for the session to expire");
                return FORCED;
            }
            _ => {}
        }
    };
    conclude(&end, listener.as_ref(), forced.is_some())
}

/// Tells how the run ended, and which exit status that is.
fn conclude(end: &End, listener: &dyn Listener, forced: bool) -> Status {
    for (group, reason) in &end.uncommitted {
        let message = format!("its last commit failed, and some records will be done again: {reason}");
        listener.on(&Event::Warning { group, message: &message });
    }
    for (group, reason) in &end.fatal {
        listener.on(&Event::Fatal { group, reason });
        complain(&format!("group {group} cannot go on: {reason}"));
    }
    if let Some(reason) = &end.producer {
        listener.on(&Event::ProducerFatal { reason });
        complain(&format!("the producer cannot go on: {reason}"));
    }
    let to_repeat = end.unacknowledged.saturating_add(u64::try_from(end.blocked.len()).unwrap_or(u64::MAX));
    let (handled, failed) = (end.handled, end.failed);
    listener.on(&Event::Stopped(Totals { handled, failed, to_repeat, blocked: &end.blocked }));
    for blocked in &end.blocked {
        complain(&format!("did not end in time: {blocked}"));
    }
    if end.unacknowledged > 0 {
        complain(&format!(
            "of {} records what they sent, or the job, was not acknowledged in time; they will be done again",
            end.unacknowledged
        ));
    }
    if forced || !end.blocked.is_empty() {
        FORCED
    } else if !end.fatal.is_empty() || end.producer.is_some() {
        // What is not acknowledged, either, is so because of that.
        FAILED
    } else if to_repeat > 0 {
        FORCED
    } else {
        CLEAN
    }
}
