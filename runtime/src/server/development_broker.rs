//! The broker of an app in development that names none: one that runs already, or one inside this process.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use super::startup::BrokerOrigin;
use crate::{
    broker::{Beacon, BrokerError, EmbeddedBroker},
    engine::Brokers,
    events::{Event, Listener, Partition},
    manifest::Manifest,
    settings::Settings,
};

/// How often the embedded broker is asked what it has dropped.
const LOOK: Duration = Duration::from_secs(2);

/// A broker for development.
pub(super) enum DevelopmentBroker {
    /// Of another process of this app.
    Beside { address: String },
    /// Of this process; it ends, and its address file goes, when this is dropped.
    Inside { address: String, _watch: Watch },
}

/// A thread that owns the broker and tells when it drops records.
pub(super) struct Watch {
    root: PathBuf,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl DevelopmentBroker {
    /// Where Kafka is: as the settings say, else in development. The broker ends when it is dropped.
    pub(super) fn or_configured(
        manifest: &Manifest,
        settings: &Settings,
        listener: &Arc<dyn Listener>,
    ) -> Result<(BrokerOrigin, Brokers, Option<Self>), BrokerError> {
        if let Some(address) = settings.brokers.clone() {
            let brokers = Brokers::named(address, Path::new(manifest.root));
            return Ok((BrokerOrigin::Configured, brokers, None));
        }
        let broker = Self::find_or_start(manifest, settings, listener)?;
        let (place, address) = match &broker {
            Self::Beside { address } => (BrokerOrigin::Beside, address.clone()),
            Self::Inside { address, .. } => (BrokerOrigin::Embedded, address.clone()),
        };
        Ok((place, Brokers { address, embedded: true }, Some(broker)))
    }

    /// Finds the app's running broker, or starts one with the app's topics.
    fn find_or_start(
        manifest: &Manifest,
        settings: &Settings,
        listener: &Arc<dyn Listener>,
    ) -> Result<Self, BrokerError> {
        let root = Path::new(manifest.root);
        match Beacon::find(root) {
            Ok(Some(beacon)) => return Ok(Self::Beside { address: beacon.address }),
            Ok(None) => {}
            Err(distrust) => {
                listener.on(&Event::Warning { group: manifest.app, message: &distrust.to_string() });
            }
        }
        let broker = EmbeddedBroker::start(&settings.development_topics())?;
        let address = broker.address().to_owned();
        if let Err(error) = Beacon::of(&broker).leave(root) {
            let message = format!("`karafka send` will not find the embedded broker at {address}: {error}");
            listener.on(&Event::Warning { group: manifest.app, message: &message });
        }
        let watch =
            Watch::over(broker, root, Arc::clone(listener)).map_err(|error| BrokerError::Start(error.to_string()))?;
        Ok(Self::Inside { address, _watch: watch })
    }
}

impl Watch {
    fn over(broker: EmbeddedBroker, root: &Path, listener: Arc<dyn Listener>) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("karafka broker".to_owned()).spawn(move || {
            let mut told = std::collections::BTreeMap::new();
            loop {
                let over = stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
                for dropped in broker.dropped() {
                    let partition = Partition { topic: dropped.topic.into(), partition: dropped.partition };
                    if told.insert(partition.clone(), dropped.count) != Some(dropped.count) {
                        listener.on(&Event::BrokerDropped { partition: &partition, count: dropped.count });
                    }
                }
                if over {
                    break;
                }
            }
        })?;
        Ok(Self { root: root.to_owned(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // First the address, so that nobody comes to a broker that is about to go.
        Beacon::remove(&self.root);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
