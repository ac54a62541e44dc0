//! Clients that differ in what librdkafka has once for a client, each made when it is first needed.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{client::ProducerClient, fates::Fates};
use crate::{outgoing::SendError, sync::Mutex};

/// Which replicas have a record when it counts as acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Acks {
    /// None is asked: a record counts as soon as it is written to the connection. It is lost without a word if the broker dies,
    /// or does not lead its partition, as right after the topic was made. Its offset is not known.
    None,
    /// The partition's leader: a record is lost if that dies before others have it.
    Leader,
    /// All that are in sync.
    #[default]
    All,
}

impl Acks {
    /// As librdkafka's `acks` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        }
    }

    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "0" => Some(Self::None),
            "1" => Some(Self::Leader),
            "all" | "-1" => Some(Self::All),
            _ => None,
        }
    }
}

/// How records are compressed, a batch at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    #[default]
    Lz4,
    /// Zstandard; it needs the feature `zstd`.
    Zstd,
}

impl Compression {
    /// As librdkafka's `compression.type` has it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// In what some records differ from those of their [`Producer`](super::Producer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[must_use]
pub struct Variant {
    acks: Option<Acks>,
    compression: Option<Compression>,
}

impl Variant {
    /// One that differs in nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With these acknowledgements. A client that does not wait for all cannot be idempotent: a retry may write a record twice.
    pub fn acks(self, acks: Acks) -> Self {
        Self { acks: Some(acks), ..self }
    }

    /// With this compression.
    pub fn compression(self, compression: Compression) -> Self {
        Self { compression: Some(compression), ..self }
    }

    /// With what `other` says over it.
    pub(super) fn with(self, other: Self) -> Self {
        Self { acks: other.acks.or(self.acks), compression: other.compression.or(self.compression) }
    }
}

/// Acknowledgements and compression of a client, as librdkafka has them.
pub(super) type Kind = (String, String);

/// A client, once somebody needs it.
///
/// What cannot be made is tried again with the next record: file handles and certificates come and go.
pub(super) struct LazyClient {
    /// What was said of the producer.
    said: BTreeMap<String, String>,
    /// What is said over that.
    variant: Variant,
    fates: Arc<Fates>,
    made: OnceLock<ProducerClient>,
    making: Mutex<()>,
}

impl LazyClient {
    pub(super) fn new(said: BTreeMap<String, String>, variant: Variant, fates: Arc<Fates>) -> Self {
        Self { said, variant, fates, made: OnceLock::new(), making: Mutex::default() }
    }

    /// The client, made now if it was not.
    pub(super) fn get(&self) -> Result<&ProducerClient, SendError> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let _making = self.making.lock();
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = ProducerClient::new(&self.properties(), Arc::clone(&self.fates))?;
        Ok(self.made.get_or_init(|| made))
    }

    pub(super) fn made(&self) -> Option<&ProducerClient> {
        self.made.get()
    }

    pub(super) fn variant(&self) -> Variant {
        self.variant
    }

    /// One like this first one of a producer but for what the variant says, and its kind; `None` if that is the same.
    pub(super) fn varied(&self, variant: Variant) -> Option<(Kind, Self)> {
        let variant = self.variant.with(variant);
        let varied = Self::new(self.said.clone(), variant, Arc::clone(&self.fates));
        let kind = varied.kind();
        (kind != self.kind()).then_some((kind, varied))
    }

    /// What of a client makes it another one: acknowledgements and compression, said or by default.
    fn kind(&self) -> Kind {
        let said = |name: &str, default: &str| self.said.get(name).map_or(default, |text| text.trim()).to_owned();
        let acks = self.variant.acks.map_or_else(|| said("acks", "all"), |acks| acks.as_str().to_owned());
        let acks = Acks::read(&acks).map_or(acks, |acks| acks.as_str().to_owned());
        let compression = self.variant.compression.map(|compression| compression.as_str().to_owned());
        (acks, compression.unwrap_or_else(|| said("compression.type", "lz4")))
    }

    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let (acks, compression) = self.kind();
        let mut properties = self.said.clone();
        if acks != Acks::All.as_str() {
            // It cannot be; where both are said of the whole producer, librdkafka says so.
            if self.variant.acks.is_some() {
                properties.remove("enable.idempotence");
            }
            properties.entry("enable.idempotence".to_owned()).or_insert_with(|| "false".to_owned());
        }
        properties.insert("acks".to_owned(), acks);
        properties.insert("compression.type".to_owned(), compression);
        properties
    }
}
