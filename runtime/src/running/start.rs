//! Starts an app inside of another program.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    thread,
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    Running,
    consumers::Consumers,
    supervisor::{self, Process, Supervisor},
};
use crate::{
    App,
    engine::{self, Brokers, Launch, StartError},
    events::{Listeners, Production, RateLimited},
    foreign,
    health::Vitals,
    manifest::Manifest,
    panics::HandlerPanic,
    settings::{Clients, Consumer, SettingErrors, Settings},
};

/// An app with its settings, to be started inside of another program; see [`App::settings`].
#[must_use = "it does nothing until it is started"]
pub struct Configured<S> {
    pub(super) app: App<S>,
    pub(super) settings: Settings,
}

impl<S: Send + Sync + 'static> App<S> {
    /// With these settings, such as [`Settings::from_env`] reads: the next step is [`Configured::start`].
    pub fn settings(self, settings: Settings) -> Configured<S> {
        Configured { app: self, settings }
    }

    /// With what the manifest and the environment of this process say, as [`Settings::from_env`] reads it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub fn with_env(self) -> Result<Configured<S>, SettingErrors> {
        let settings = Settings::from_env(self.manifest)?;
        Ok(self.settings(settings))
    }

    /// Starts the consumers of the app with what the manifest says, and nothing from the environment; see [`crate::Running`].
    ///
    /// # Errors
    ///
    /// As [`Configured::start`].
    pub async fn start(self, state: S) -> Result<Running, StartError> {
        let settings = Settings::from_manifest(self.manifest)?;
        self.settings(settings).start(state).await
    }
}

impl<S: Send + Sync + 'static> Configured<S> {
    /// Starts the consumers of the app on the tokio runtime that awaits this.
    ///
    /// It returns once each group has its client: Kafka may be away then, which [`Running::health`] says.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing of the app runs then.
    pub async fn start(self, state: S) -> Result<Running, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        elsewhere(runtime, move |runtime| self.start_consumers(state, runtime)).await
    }

    fn start_consumers(self, state: S, runtime: &Handle) -> Result<Running, StartError> {
        let Self { app: App { manifest, routes, layers, listeners }, settings } = self;
        let settings = settings.checked_for(Clients::All)?;
        let brokers = brokers(manifest, &settings)?;
        let hands_over = |consumer: &Consumer| consumer.selected && consumer.queue.is_some();
        if settings.redis.is_none() && settings.consumers.iter().any(hands_over) {
            return Err(StartError::NoRedis);
        }
        for clash in settings.clashes() {
            tracing::warn!(target: "karafka", help = clash.help, "{}", foreign::cut(&clash.words));
        }
        settings.log_unverified();
        let (log, tell_due) = RateLimited::shared(Production);
        let vitals = Arc::new(Vitals::new(manifest, Listeners::beside(log, listeners)));
        let listener = vitals.listener();
        let consumers = Consumers::new(engine::start(Launch {
            manifest,
            routes,
            layers,
            settings: &settings,
            brokers: &brokers,
            state,
            listener: Arc::clone(&listener),
            runtime,
            measures: true,
        })?);
        vitals.watch(consumers.watch());
        let supervisor = Supervisor { listener, shutdown_timeout: settings.shutdown_timeout, tell_due };
        spawn(Box::new(consumers), vitals, supervisor)
    }
}

pub(super) fn spawn(
    process: Box<dyn Process>,
    vitals: Arc<Vitals>,
    supervisor: Supervisor,
) -> Result<Running, StartError> {
    Ok(supervisor::spawn(process, vitals, supervisor)?)
}

/// Where Kafka is, as the settings say.
pub(super) fn brokers(manifest: &Manifest, settings: &Settings) -> Result<Brokers, StartError> {
    let address = settings.brokers.clone().ok_or(StartError::NoBrokers)?;
    Ok(Brokers::named(address, Path::new(manifest.root)))
}

/// Runs what blocks, as it asks Kafka, on a thread of its own. The app's parts are made there, and find the runtime.
pub(super) async fn elsewhere<T: Send + 'static>(
    runtime: Handle,
    start: impl FnOnce(&Handle) -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    let (tell, started) = oneshot::channel();
    thread::Builder::new().name("karafka start".to_owned()).spawn(move || {
        let _entered = runtime.enter();
        let started = catch_unwind(AssertUnwindSafe(|| start(&runtime))).unwrap_or_else(|panic| {
            Err(StartError::Panicked { reason: HandlerPanic::caught("", &*panic).to_string() })
        });
        // What nobody waits for any more is dropped, and so stops.
        let _ = tell.send(started);
    })?;
    started.await.unwrap_or_else(|_| Err(StartError::Thread(std::io::Error::other("it ended at once"))))
}
