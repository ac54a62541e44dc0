//! How a producer is made.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use super::{
    Acks, Clones, Compression, DeliveryListener, Outlet, Producer, SendError, Shared, Variant, close::Ending,
    fates::Fates, gate::Gate, variant::LazyClient,
};
use crate::{
    librdkafka,
    manifest::Manifest,
    settings::{Clients, SettingErrors, Settings, authorities, is_tls, one_spelling, refused_by_hand, unverified},
    sync::Mutex,
    trace::TraceContext,
};

/// Until a record has waited this long, more are gathered for its batch, in milliseconds, where nobody says.
const LINGER: &str = "0.1";

/// What a producer is named where nobody names it: the prefix of its `client.id`.
static NO_APP: Manifest = Manifest { app: "karafka", ..Manifest::NEW };

/// What is done with a record for which the queue has no room: `queue.buffering.max.messages` and
/// `queue.buffering.max.kbytes` are its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It waits until there is room, while it is awaited.
    #[default]
    Wait,
    /// It fails with [`SendError::Full`].
    Fail,
}

/// Why a producer does not start.
///
/// `Debug` says what `Display` does: it is what a `main` that returns the error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Settings are wrong, or do not go together.
    #[error(transparent)]
    Settings(#[from] SettingErrors),
    /// Nothing says where Kafka is.
    #[error(
        "no brokers are configured: call `brokers` of the builder, such as with `localhost:9092`, or begin with what says it: \
         `from_settings` with the settings of a manifest that has `kafka.brokers`; `from_env`, or `Settings::from_env`, where \
         KARAFKA_BROKERS is set"
    )]
    NoBrokers,
    /// A property is not to be said of a producer: another call of the builder says it, or the producer could not keep what it
    /// promises.
    #[error("`{name}` is no property to give a producer: {instead}")]
    Property {
        /// The property.
        name: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// librdkafka makes no client of what it is told.
    #[error(transparent)]
    Client(#[from] SendError),
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes a [`Producer`]; see [`Producer::builder`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use karafka::producer::{Acks, Producer, WhenFull};
///
/// # fn run() -> Result<(), karafka::producer::StartError> {
/// let producer = Producer::builder()
///     .brokers("localhost:9092")
///     .client_id("web")
///     .acks(Acks::All)
///     .linger(Duration::from_millis(5))
///     .when_full(WhenFull::Fail)
///     .property("queue.buffering.max.messages", "10000")
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "nothing is made until `start`"]
pub struct ProducerBuilder {
    brokers: Option<String>,
    client_id: Option<String>,
    properties: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
    when_full: WhenFull,
    listeners: Vec<Box<dyn DeliveryListener>>,
    trace: Option<Box<dyn Fn() -> Option<TraceContext> + Send + Sync>>,
}

impl ProducerBuilder {
    /// With what the environment of this process says, as [`Producer::from_env`] reads it.
    ///
    /// # Errors
    ///
    /// [`StartError::Settings`]: everything that is wrong there.
    pub fn from_env() -> Result<Self, StartError> {
        Self::from_settings(&Settings::from_env(&NO_APP)?)
    }

    /// With an app's settings: brokers, `client.id`, the properties of `kafka.options` and `kafka.producer`, and the names of
    /// its topics.
    ///
    /// # Errors
    ///
    /// [`StartError::Settings`]: properties that librdkafka does not know or take, or that do not go together.
    pub fn from_settings(settings: &Settings) -> Result<Self, StartError> {
        let settings = settings.clone().checked_for(Clients::Producer)?;
        Ok(Self {
            brokers: settings.brokers.clone(),
            client_id: Some(settings.client_id.clone()),
            properties: settings.producer_properties(),
            names: settings.topics.iter().map(|topic| (topic.key.clone(), topic.name.clone())).collect(),
            ..Self::default()
        })
    }

    /// Where Kafka is: addresses with commas between them.
    pub fn brokers(mut self, brokers: impl Into<String>) -> Self {
        self.brokers = Some(brokers.into());
        self
    }

    /// What Kafka's logs and quotas call it; a suffix makes it unique.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// With a property of librdkafka, over whatever was said of it before. What a producer sets itself, such as
    /// `delivery.report.only.error`, keeps it from starting.
    pub fn property(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.properties.insert(one_spelling(name.as_ref()).to_owned(), value.into());
        self
    }

    /// Which replicas acknowledge a record: all of them unless it is told otherwise.
    pub fn acks(self, acks: Acks) -> Self {
        self.property("acks", acks.as_str())
    }

    /// How batches are compressed: with lz4 unless it is told otherwise.
    pub fn compression(self, compression: Compression) -> Self {
        self.property("compression.type", compression.as_str())
    }

    /// How long a record may wait for others of its batch: 0.1 ms unless it is told otherwise. More makes larger batches, which
    /// cost less and come later.
    pub fn linger(self, linger: Duration) -> Self {
        let milliseconds = linger.as_secs_f64() * 1_000.0;
        self.property("linger.ms", milliseconds.to_string())
    }

    /// What is done with a record for which the queue has no room.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// With somebody who hears what becomes of every record.
    pub fn listener(mut self, listener: impl DeliveryListener) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Where the trace of whoever sends is found, such as in OpenTelemetry's current span; without this it is that of
    /// [`TraceContext::scope`].
    pub fn trace(mut self, current: impl Fn() -> Option<TraceContext> + Send + Sync + 'static) -> Self {
        self.trace = Some(Box::new(current));
        self
    }

    /// Makes the producer. Kafka may be away: what is sent waits for it.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(self) -> Result<Producer, StartError> {
        for (name, value) in &self.properties {
            if let Some(instead) = refused_by_hand(name, value) {
                return Err(StartError::Property { name: name.clone(), instead });
            }
        }
        let brokers = self.brokers.clone().ok_or(StartError::NoBrokers)?;
        let properties = self.client_properties(brokers);
        if properties.get("security.protocol").is_some_and(|protocol| is_tls(protocol)) {
            for (name, value) in &properties {
                let Some((words, help)) = unverified(name, value) else { continue };
                tracing::warn!(target: "karafka", help, "`{name}: {value}`, of a producer: {words}");
            }
        }
        self.on(|fates| {
            let client = LazyClient::new(properties, Variant::new(), Arc::clone(fates));
            client.get()?;
            Ok(Outlet::Kafka(client))
        })
    }

    fn client_properties(&self, brokers: String) -> BTreeMap<String, String> {
        let mut properties = self.properties.clone();
        properties.insert("bootstrap.servers".to_owned(), brokers);
        let client_id = self.client_id.as_deref().unwrap_or(NO_APP.app);
        properties.insert("client.id".to_owned(), librdkafka::unique_client_id(client_id));
        properties.entry(one_spelling("linger.ms").to_owned()).or_insert_with(|| LINGER.to_owned());
        // Settings have asked already, for properties that the program may have added to since.
        authorities::trust(&mut properties);
        properties
    }

    /// A topic's name in Kafka by its key in the manifest.
    pub(super) fn names(&self) -> &BTreeMap<String, String> {
        &self.names
    }

    /// The producer on this outlet.
    pub(super) fn on(
        self,
        outlet: impl FnOnce(&Arc<Fates>) -> Result<Outlet, SendError>,
    ) -> Result<Producer, StartError> {
        let Self { names, when_full, listeners, trace, .. } = self;
        let fates = Arc::new(Fates::new(listeners));
        let first = Arc::new(outlet(&fates)?);
        let shared = Shared {
            first: Arc::clone(&first),
            variants: Mutex::default(),
            names,
            when_full,
            trace,
            fates,
            buffer: Mutex::default(),
            gate: Gate::default(),
            ending: Ending::default(),
        };
        Ok(Producer { shared: Arc::new(Clones(Arc::new(shared))), outlet: first })
    }
}

impl fmt::Debug for ProducerBuilder {
    /// Without properties, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a producer that was told of TLS by hand refuses brokers that an app beside it trusts.
    #[test]
    fn tls_by_hand_trusts_whom_an_app_does() {
        let builder = Producer::builder().property("security.protocol", "ssl");
        let mut of_an_app = builder.properties.clone();
        authorities::trust(&mut of_an_app);
        let by_hand = builder.client_properties("kafka:9093".to_owned());
        let whom = |properties: &BTreeMap<String, String>| properties.get("ssl.ca.location").cloned();
        assert_eq!(whom(&by_hand), whom(&of_an_app));
        let told = Producer::builder().property("security.protocol", "ssl").property("ssl.ca.location", "/etc/ca.pem");
        assert_eq!(whom(&told.client_properties(String::new())).as_deref(), Some("/etc/ca.pem"));
    }

    /// If this fails, whoever has brokers in a manifest or in a variable is not told how a producer comes to read them.
    #[test]
    fn every_way_to_say_where_kafka_is_is_named() {
        let words = Producer::builder().start().expect_err("nobody says it").to_string();
        for way in ["`brokers` of the builder", "`from_settings`", "`kafka.brokers`", "`from_env`", "KARAFKA_BROKERS"] {
            assert!(words.contains(way), "no {way} in {words}");
        }
    }

    /// If this fails, a producer does not do what its program says, and nobody is told: it waits for reports that never come, has
    /// another name, or sends elsewhere.
    #[test]
    fn what_a_producer_sets_itself_is_refused() {
        for (name, value, instead) in [
            ("bootstrap.servers", "kafka:9092", "call `brokers` of the builder"),
            ("metadata.broker.list", "kafka:9092", "call `brokers` of the builder"),
            ("client.id", "web", "call `client_id` of the builder"),
            ("delivery.report.only.error", "true", "leave it out: whoever sends a record waits for its report"),
            ("log_level", "7", "set KARAFKA_LOG"),
            ("log.queue", "false", "set KARAFKA_LOG"),
            ("test.mock.num.brokers", "3", "leave it out: a broker inside of the client"),
            ("transactional.id", "x", "leave it out: nothing is sent in transactions"),
        ] {
            let error = Producer::builder().brokers("127.0.0.1:9").property(name, value).start().expect_err(name);
            let words = error.to_string();
            assert!(
                words.starts_with(&format!("`{}` is no property to give a producer: ", one_spelling(name))),
                "{words}"
            );
            assert!(words.contains(instead), "{words}");
        }
        for (name, value) in [("delivery.report.only.error", "false"), ("acks", "1"), ("enable.idempotence", "false")] {
            let builder = Producer::builder().brokers("127.0.0.1:9").property(name, value);
            assert!(builder.start().is_ok(), "{name}");
        }
    }
}
