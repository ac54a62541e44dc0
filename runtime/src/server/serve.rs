//! `server`: from settings to a clean stop.

use std::{
    future::Future,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    CLEAN, FAILED, FORCED, Status, bootstrap, complaints::Complaints, development_broker::DevelopmentBroker, show,
    signals::Signals, startup, variables,
};
use crate::{
    App, Result,
    engine::{
        self, Brokers, End, Running, clock,
        watch::{LaneView, View},
    },
    events::{Event, LeftWaiting, Listener, NAMED, Partition, Totals, repeated},
    foreign,
    health::Health,
    settings::{Clients, Flags, Settings},
};

/// How often the main thread looks up from waiting.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// How often it does while all is as it should be.
const IDLE: Duration = Duration::from_millis(200);

/// How long a forced stop waits for the groups to leave: longer than each of their own waits.
const LEAVE: Duration = Duration::from_secs(5);

/// Consumes until a signal, or until Kafka refuses to go on.
pub(super) fn serve<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, signals: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let variables = variables();
    let read = Settings::examine(app.manifest, &variables, flags);
    let opened = match bootstrap::begin(app.manifest, &variables, read, Clients::All) {
        Ok(opened) => opened,
        Err(status) => return status,
    };
    let bootstrap::Opened { settings, listener, tell_due, complaints } = opened;

    // Before anything that may take long, so that a supervisor is told that the app is starting.
    let (listener, health) = match bootstrap::health(app.manifest, &settings, listener, &complaints) {
        Ok(served) => served,
        Err(status) => return status,
    };

    let mut broker = None;
    let address = match settings.brokers.clone() {
        Some(brokers) => brokers,
        None => match DevelopmentBroker::find_or_start(app.manifest, &settings, &listener) {
            Ok(found) => broker.insert(found).address().to_owned(),
            Err(error) => return complaints.fail(&error.to_string()),
        },
    };
    let place = match &broker {
        None => startup::Place::Configured,
        Some(DevelopmentBroker::Beside { .. }) => startup::Place::Beside,
        Some(DevelopmentBroker::Inside { .. }) => startup::Place::Embedded,
    };
    let brokers = Brokers { address, embedded: broker.is_some() };

    let (runtime, state) = match bootstrap::state(build_state, &variables, signals, &complaints) {
        Ok(built) => built,
        Err(status) => return status,
    };
    // Before the groups have anything to tell.
    let health_address = health.as_ref().map(Health::address);
    if settings.is_development() {
        show(&startup::page(app.manifest, &settings, place, &brokers.address, health_address));
    } else {
        startup::log(app.manifest, &settings, &brokers.address, health_address);
    }
    complaints.ask();
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
        Err(error) => return complaints.fail(&error.to_string()),
    };
    if let Some(health) = &health {
        health.watch(running.watch());
    }

    let outside = Outside { listener: &*listener, complaints: &complaints, tell_due: &*tell_due, signals };
    let status = run(running, &settings, &outside);
    drop(broker);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}

/// Who a running process hears, and whom it tells.
pub(super) struct Outside<'a> {
    pub(super) listener: &'a dyn Listener,
    pub(super) complaints: &'a Complaints,
    /// Tells what was summed up.
    pub(super) tell_due: &'a dyn Fn(),
    pub(super) signals: &'a Signals,
}

/// From the first record to the last line.
fn run(running: Running, settings: &Settings, outside: &Outside<'_>) -> Status {
    let Outside { listener, complaints, tell_due, signals } = *outside;
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
        tell_due();
        if signals.wait(IDLE).is_some() || running.wait(Duration::ZERO) {
            break;
        }
    }
    listener.on(&Event::Stopping { budget: settings.shutdown_timeout });
    let (force, watch) = (running.forcer(), running.watch());
    let left_waiting = left_waiting(&watch.view(clock::now()));
    running.stop();
    let (tell, ended) = mpsc::channel();
    let joining = thread::Builder::new().name("karafka stop".to_owned()).spawn(move || {
        let _ = tell.send(running.join());
    });
    if let Err(error) = joining {
        return complaints.fail(&format!("a thread cannot start: {error}"));
    }
    let mut forced = None;
    let end = loop {
        if let Ok(end) = ended.recv_timeout(TICK) {
            break end;
        }
        tell_due();
        match forced {
            None if signals.wait(Duration::ZERO).is_some() => {
                complaints.complain("a second signal: what was begun is not waited for");
                force();
                forced = Some(Instant::now());
            }
            Some(since) if since.elapsed() > LEAVE => {
                complaints
                    .complain("the groups did not leave in time; their partitions wait for the session to expire");
                break watch.unheard_end(Instant::now());
            }
            _ => {}
        }
    };
    conclude(&end, &left_waiting, outside, forced.is_some())
}

/// Tells how the run ended, and which exit status that is.
fn conclude(end: &End, left_waiting: &[LeftWaiting], outside: &Outside<'_>, forced: bool) -> Status {
    let Outside { listener, complaints, .. } = *outside;
    for (group, reason) in &end.uncommitted {
        let message = format!("its last commit failed: {reason}");
        listener.on(&Event::Warning { group, message: &message });
    }
    for (group, reason) in &end.fatal {
        listener.on(&Event::Fatal { group, reason });
        complaints.repeat(&format!("group {group} cannot go on: {}", foreign::paragraph(reason)));
    }
    if let Some(reason) = &end.producer {
        listener.on(&Event::ProducerFatal { reason });
        complaints.repeat(&format!("the producer cannot go on: {}", foreign::paragraph(reason)));
    }
    let to_repeat = end.to_repeat.iter().map(|again| again.records).sum();
    let (handled, failed, partitions, blocked) = (end.handled, end.failed, &*end.to_repeat, &*end.blocked);
    listener.on(&Event::Stopped(Totals {
        handled,
        failed,
        to_repeat,
        partitions,
        blocked,
        left_waiting,
        unsettled: &[],
    }));
    for blocked in blocked.iter().take(NAMED) {
        complaints.repeat(&format!("did not end in time: {blocked}"));
    }
    if blocked.len() > NAMED {
        complaints.repeat(&format!("did not end in time: {} more", blocked.len() - NAMED));
    }
    if end.unacknowledged > 0 {
        complaints.complain(&format!(
            "of {} what was sent, or the job, was not acknowledged in time",
            records(end.unacknowledged)
        ));
    }
    if to_repeat > 0 {
        complaints.repeat(&format!(
            "{} begun or finished, and not known to be committed, will be done again: {}",
            records(to_repeat),
            repeated(partitions)
        ));
    }
    if end.cut_off > 0 {
        complaints.complain(&format!(
            "{} committed, as `delivery: at_most_once` says, did not end, or what was sent was not acknowledged in time; not \
             done again",
            records(end.cut_off)
        ));
    }
    if forced || !blocked.is_empty() || end.cut_off > 0 {
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

/// Where something waits for a person.
fn left_waiting(view: &View) -> Vec<LeftWaiting> {
    let lanes = view.groups.iter().flat_map(|group| &group.lanes);
    let of = |lane: &LaneView| {
        let mut what = Vec::new();
        if lane.stuck > 0 {
            what.push(format!("{} cannot be handled, and no dead_letter is configured", records(lane.stuck)));
        }
        if lane.halted {
            what.push("its position is lost".to_owned());
        }
        if let Some((copy, count)) = &lane.refused {
            what.push(format!("Kafka refuses what {} sent, as that of offset {}", records_have(*count), copy.offset));
        }
        let partition = Partition::clone(&lane.partition);
        let lag = lane.lag().and_then(|lag| u64::try_from(lag).ok());
        (!what.is_empty()).then(|| LeftWaiting { partition, offset: lane.next, what: what.join("; "), lag })
    };
    lanes.filter_map(of).collect()
}

fn records_have(count: usize) -> String {
    if count == 1 { "1 record has".to_owned() } else { format!("{count} records have") }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}
