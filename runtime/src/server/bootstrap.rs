//! What `server` and `worker` begin with.

use std::{
    collections::BTreeMap,
    future::Future,
    io::{self, IsTerminal as _},
    num::NonZero,
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

use super::{CLEAN, FAILED, Status, WRONG_CALL, complaints::Complaints, panics, signals::Signals};
use crate::{
    Result,
    events::{Development, Listener, LogFormat, Production, RateLimited, log_to},
    foreign,
    health::{Served, Vitals},
    manifest::Manifest,
    settings::{Clients, SettingError, Settings, questions},
};

/// What `server` and `worker` have once their settings are read.
pub(super) struct Bootstrapped {
    pub(super) settings: Settings,
    /// Who hears what happens.
    pub(super) listener: Arc<dyn Listener>,
    /// Tells what was summed up; to be called now and then.
    pub(super) tell_due: Box<dyn Fn() + Send>,
    pub(super) complaints: Complaints,
}

/// Begins the log of a process that has read these settings and makes these clients; or an exit status, when everything that
/// is wrong has been said there.
pub(super) fn begin(
    manifest: &Manifest,
    variables: &BTreeMap<String, String>,
    (settings, errors): (Settings, Vec<SettingError>),
    clients: Clients,
) -> Result<Bootstrapped, Status> {
    let (settings, errors) = checked(settings, errors, clients);
    panics::tell(settings.is_development());
    let (listener, tell_due) = listener(&settings, variables);
    let questions = questions(manifest, variables).into_iter();
    let questions = questions.filter(|question| clients != Clients::None || !question.is_of_brokers()).collect();
    let complaints = Complaints::new(manifest.app, &settings, questions);
    if errors.is_empty() {
        return Ok(Bootstrapped { settings, listener, tell_due, complaints });
    }
    errors.iter().for_each(|error| complaints.complain(&error.to_string()));
    complaints.ask();
    Err(status_of(&errors))
}

/// The settings of a process that makes these clients, and everything that is wrong with them: what only others would not
/// start with is not.
pub(super) fn checked(
    settings: Settings,
    mut errors: Vec<SettingError>,
    clients: Clients,
) -> (Settings, Vec<SettingError>) {
    errors.retain(|error| error.concerns(clients));
    let mut settings = settings.for_clients(clients);
    if settings.brokers.is_none() {
        settings = settings.for_embedded_broker();
    }
    if errors.is_empty() {
        errors = settings.check_options().and_then(|()| settings.check_files()).err().unwrap_or_default();
    }
    (settings, errors)
}

/// The exit status of a start that these have ended.
pub(super) fn status_of(errors: &[SettingError]) -> Status {
    if errors.iter().all(SettingError::is_of_call) { WRONG_CALL } else { FAILED }
}

/// Who hears what happens, what tells it what was summed up, and the log beside it.
fn listener(settings: &Settings, variables: &BTreeMap<String, String>) -> (Arc<dyn Listener>, Box<dyn Fn() + Send>) {
    let color = |is_terminal: bool| is_terminal && variables.get("NO_COLOR").is_none_or(String::is_empty);
    let (format, told) = if settings.is_development() {
        let text = LogFormat::Text { color: color(io::stderr().is_terminal()) };
        (text, RateLimited::shared(Development::new(Box::new(io::stdout()), color(io::stdout().is_terminal()))))
    } else {
        (LogFormat::Json, RateLimited::shared(Production))
    };
    // An app that has set a subscriber of its own keeps it.
    let _ = log_to(format, variables);
    told
}

/// What says how many threads an app's code has, in tokio's own words.
const THREADS: &str = "TOKIO_WORKER_THREADS";

/// How many threads there are beside one for each core: so many handlers, and one less for each core, may keep theirs before
/// nothing else runs. Those that nobody keeps sleep, and cost a record nothing that can be measured (bench/README.md).
const SPARE: usize = 8;

/// How many threads an app's code has: as many as the variable says, else one for each core that this process may use, and
/// some to spare.
fn threads(variable: Option<&String>, cores: usize) -> Result<usize, String> {
    let Some(text) = variable else { return Ok(cores + SPARE) };
    let threads = text.trim().parse().ok().filter(|threads| (1..=4_096).contains(threads));
    threads.ok_or_else(|| format!("{THREADS} is `{text}`, and must be a whole number from 1 to 4096"))
}

/// Serves health where the settings say; or an exit status.
pub(super) fn health(
    settings: &Settings,
    vitals: &Arc<Vitals>,
    complaints: &Complaints,
) -> Result<Option<Served>, Status> {
    let Some(address) = settings.health else { return Ok(None) };
    let served = Served::serve(address, vitals);
    served.map(Some).map_err(|error| complaints.fail(&format!("health cannot be served at {address}: {error}")))
}

/// The runtime that an app's code runs on, and the app's state; or an exit status, when that is the end.
pub(super) fn state<S, F, Fut>(
    build_state: F,
    variables: &BTreeMap<String, String>,
    signals: &Signals,
    complaints: &Complaints,
) -> Result<(Runtime, S), Status>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<S>>,
{
    // Within a container's quota, where there is one.
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads(variables.get(THREADS), cores).map_err(|error| complaints.fail(&error))?;
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().thread_name("karafka work").build();
    let runtime = runtime.map_err(|error| complaints.fail(&format!("the runtime cannot start: {error}")))?;
    match runtime.block_on(until_signal(build_state(), signals)) {
        Some(Ok(state)) => Ok((runtime, state)),
        Some(Err(error)) => {
            let reason = format!("the app's state cannot be built: {}", foreign::paragraph(&error.to_string()));
            Err(complaints.fail(&reason))
        }
        // Nothing was begun, so nothing is left to end.
        None => Err(CLEAN),
    }
}

/// How often the main thread looks up from waiting for the state.
const TICK: Duration = Duration::from_millis(50);

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

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, as many handlers that block as there are cores stop the whole app, or a person who has said how many
    /// threads there are is not obeyed; or a misspelled number is a panic.
    #[test]
    fn threads_are_some_more_than_cores_or_as_many_as_is_said() {
        let of = |text: &str, cores| threads(Some(&text.to_owned()), cores);
        assert_eq!((threads(None, 1), threads(None, 2), threads(None, 64)), (Ok(9), Ok(10), Ok(72)));
        assert_eq!((of("1", 64), of(" 24 ", 2)), (Ok(1), Ok(24)));
        for text in ["", "0", "-1", "4097", "many", "18446744073709551616"] {
            assert!(of(text, 2).is_err_and(|error| error.contains(THREADS) && error.contains(text)), "{text}");
        }
    }
}
