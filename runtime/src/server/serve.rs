//! `server`: from settings to a clean stop.

use std::{future::Future, sync::Arc};

use super::{Status, bootstrap, development_broker::DevelopmentBroker, show, signals::Signals, startup, stop};
use crate::{
    App, Result,
    engine::{self, Launch},
    events::Listeners,
    health::{Served, Vitals},
    running::{Consumers, Supervisor},
    settings::{Clients, Flags, Settings, process_variables},
};

/// Consumes until a signal, or until Kafka refuses to go on.
pub(super) fn serve<S, F, Fut>(app: App<S>, build_state: F, flags: &Flags, signals: &Signals) -> Status
where
    S: Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let App { manifest, routes, layers, listeners } = app;
    let variables = process_variables();
    let read = Settings::examine(manifest, &variables, flags);
    let opened = match bootstrap::begin(manifest, &variables, read, Clients::All) {
        Ok(opened) => opened,
        Err(status) => return status,
    };
    let bootstrap::Bootstrapped { settings, listener, tell_due, complaints } = opened;

    // Before anything that may take long, so that a supervisor is told that the app is starting.
    let vitals = Arc::new(Vitals::new(manifest, Listeners::beside(listener, listeners)));
    let health = match bootstrap::health(&settings, &vitals, &complaints) {
        Ok(served) => served,
        Err(status) => return status,
    };
    let listener = vitals.listener();
    let (place, brokers, broker) = match DevelopmentBroker::or_configured(manifest, &settings, &listener) {
        Ok(found) => found,
        Err(error) => return complaints.fail(&error.to_string()),
    };
    let (runtime, state) = match bootstrap::state(build_state, &variables, signals, &complaints) {
        Ok(built) => built,
        Err(status) => return status,
    };
    // Before the groups have anything to tell.
    let health_address = health.as_ref().map(Served::address);
    if settings.is_development() {
        show(&startup::page(manifest, &settings, place, &brokers.address, health_address));
    } else {
        startup::log(manifest, &settings, &brokers.address, health_address);
    }
    complaints.ask();
    let groups = match engine::start(Launch {
        manifest,
        routes,
        layers,
        settings: &settings,
        brokers: &brokers,
        state,
        listener: Arc::clone(&listener),
        runtime: runtime.handle(),
        measures: health.is_some(),
    }) {
        Ok(groups) => Consumers::new(groups),
        Err(error) => return complaints.fail(&error.to_string()),
    };
    vitals.watch(groups.watch());

    let supervisor = Supervisor { listener, shutdown_timeout: settings.shutdown_timeout, tell_due };
    let status = stop::on_signal(supervisor, Box::new(groups), signals, &complaints);
    drop(broker);
    // A handler that never returns must not hold up the end of the process.
    runtime.shutdown_background();
    status
}
