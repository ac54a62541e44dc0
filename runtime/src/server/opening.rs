//! What `server` and `worker` begin with.

use std::{
    collections::BTreeMap,
    future::Future,
    io::{self, IsTerminal as _},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use super::{CLEAN, FAILED, Status, complain, fail, serve::TICK, signals::Signals};
use crate::{
    Result,
    events::{Calm, Development, Listener, LogFormat, Production, log_to},
    manifest::Manifest,
    settings::{Flags, Settings},
};

/// The settings, or an exit status when everything that is wrong with them has been said.
pub(super) fn settings(
    manifest: &Manifest,
    variables: &BTreeMap<String, String>,
    flags: &Flags,
) -> Result<Settings, Status> {
    let settings = Settings::read(manifest, variables, flags);
    let settings = settings.map(|settings| match settings.brokers {
        Some(_) => settings,
        None => settings.for_embedded_broker(),
    });
    settings.and_then(|settings| settings.check_options().map(|()| settings)).map_err(|errors| {
        errors.iter().for_each(|error| complain(&error.to_string()));
        FAILED
    })
}

/// Who hears what happens, and the log beside it.
pub(super) fn listener(settings: &Settings, variables: &BTreeMap<String, String>) -> Arc<dyn Listener> {
    let color = |is_terminal: bool| is_terminal && variables.get("NO_COLOR").is_none_or(String::is_empty);
    let (format, listener): (_, Arc<dyn Listener>) = if settings.is_development() {
        let text = LogFormat::Text { color: color(io::stderr().is_terminal()) };
        (text, Arc::new(Calm::new(Development::new(Box::new(io::stdout()), color(io::stdout().is_terminal())))))
    } else {
        (LogFormat::Json, Arc::new(Calm::new(Production)))
    };
    // An app that has set a subscriber of its own keeps it.
    let _ = log_to(format, variables);
    listener
}

/// The runtime that an app's code runs on, and the app's state; or an exit status, when that is the end.
pub(super) fn state<S, F, Fut>(build_state: F, signals: &Signals) -> Result<(Runtime, S), Status>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let runtime = Builder::new_multi_thread().enable_all().thread_name("karafka work").build();
    let runtime = runtime.map_err(|error| fail(&format!("the runtime cannot start: {error}")))?;
    match runtime.block_on(until_signal(build_state(), signals)) {
        Some(Ok(state)) => Ok((runtime, state)),
        Some(Err(error)) => Err(fail(&format!("the app's state cannot be built: {}", error.chain()))),
        // Nothing was begun, so nothing is left to end.
        None => Err(CLEAN),
    }
}

/// Waits for a future, or for a signal, whichever is first.
async fn until_signal<T>(future: impl Future<Output = T>, signals: &Signals) -> Option<T> {
    let mut future = std::pin::pin!(future);
    loop {
        if let Ok(value) = tokio::time::timeout(TICK, &mut future).await {
            return Some(value);
        }
        if signals.wait(Duration::ZERO).is_some() {
            return None;
        }
    }
}
