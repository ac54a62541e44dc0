//! A job as it stands in Redis.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::{OwnedRecord, Record, foreign};

/// What Sidekiq makes of `retry: true`.
pub(crate) const RETRIES: u32 = 25;

/// A job that is pushed for a record.
#[derive(Debug, Serialize)]
pub(crate) struct NewJob<'a> {
    /// The worker's constant.
    pub(crate) class: &'a str,
    /// The topic's key, the message as its interchanger wrote it (null: a tombstone), and where it came from.
    pub(crate) args: (&'a str, Option<String>, Coordinates<'a>),
    pub(crate) queue: &'a str,
    pub(crate) jid: String,
    pub(crate) retry: Retry,
    /// In [`seconds`](super::verdict::seconds), as every time in a job.
    pub(crate) created_at: f64,
    pub(crate) enqueued_at: f64,
}

/// A new name for a job: 24 hexadecimal digits.
pub(crate) fn new_jid() -> String {
    let mut jid = uuid::Uuid::new_v4().simple().to_string();
    jid.truncate(24);
    jid
}

/// How often a job is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Retry {
    /// As often as Sidekiq does by itself; or never, and then it is not kept either.
    Whether(bool),
    /// So often.
    Times(u32),
}

impl Retry {
    /// Of `attempts` in all.
    pub(crate) fn of(attempts: Option<u32>) -> Self {
        attempts.map_or(Self::Whether(true), |attempts| Self::Times(attempts.saturating_sub(1)))
    }

    /// How many attempts there are in all.
    pub(crate) fn attempts(self) -> u32 {
        match self {
            Self::Whether(true) => RETRIES + 1,
            Self::Whether(false) => 1,
            Self::Times(times) => times.saturating_add(1),
        }
    }
}

/// Where a job's record stood in Kafka, and what it had beside its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Coordinates<'a> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", borrow)]
    pub(crate) key: Option<Bytes<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", borrow)]
    pub(crate) headers: Vec<(Bytes<'a>, Option<Bytes<'a>>)>,
}

/// Bytes in JSON: text where they are text, so that a person can read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bytes<'a> {
    /// UTF-8.
    Text(Cow<'a, str>),
    /// Anything else, as `{"base64": "…"}`.
    Other {
        /// RFC 4648, padded.
        base64: String,
    },
}

impl<'a> Bytes<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(Cow::Borrowed(text)),
            Err(_) => Self::Other { base64: STANDARD.encode(bytes) },
        }
    }

    fn into_vec(self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Text(text) => Ok(text.into_owned().into_bytes()),
            Self::Other { base64 } => STANDARD.decode(base64),
        }
    }
}

impl<'a> Coordinates<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        let headers = record.headers().into_iter().map(|(name, value)| (Bytes::of(name), value.map(Bytes::of)));
        Self {
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp().map(|time| time.timestamp_millis()),
            key: record.key().map(Bytes::of),
            headers: headers.collect(),
        }
    }

    /// The record without its value, which the job carries as a message.
    fn into_record(self, topic: &str) -> Result<OwnedRecord, base64::DecodeError> {
        let headers = self
            .headers
            .into_iter()
            .map(|(name, value)| Ok((name.into_vec()?, value.map(Bytes::into_vec).transpose()?)));
        Ok(OwnedRecord {
            topic: topic.into(),
            partition: self.partition,
            offset: self.offset,
            timestamp_ms: self.timestamp,
            key: self.key.map(Bytes::into_vec).transpose()?,
            value: None,
            headers: headers.collect::<Result<_, base64::DecodeError>>()?,
        })
    }
}

/// A job that was taken from Redis: what it holds is kept as it came, known or not, to the digit.
///
/// It is a view of its text, which may be large.
#[derive(Debug, Clone)]
pub(crate) struct Job<'a> {
    keys: BTreeMap<String, Cow<'a, RawValue>>,
    /// The worker's constant.
    pub(crate) class: String,
    pub(crate) jid: String,
    pub(crate) queue: String,
    pub(crate) retry: Retry,
    /// How often it was tried again, from 0; `None` before its first failure.
    pub(crate) retry_count: Option<u32>,
    /// How often it was found in the hands of a dead process.
    pub(crate) recovered: u32,
}

/// Why a job cannot be read, let alone performed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("it is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is missing, or is not what Sidekiq's format has there")]
    Key(&'static str),
    #[error("its arguments are not a topic and a message: {0}")]
    Arguments(String),
}

/// What a job is about: a message of a topic, as its interchanger wrote it.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The topic's key in the manifest.
    pub(crate) topic: String,
    /// `None`: a tombstone.
    pub(crate) text: Option<String>,
    /// Where it came from, without its value.
    pub(crate) record: OwnedRecord,
}

impl<'a> Job<'a> {
    /// Reads a job.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(text: &'a str) -> Result<Self, JobError> {
        let keys: BTreeMap<String, &'a RawValue> = serde_json::from_str(text)?;
        fn get<'a, T: Deserialize<'a>>(
            keys: &BTreeMap<String, &'a RawValue>,
            name: &'static str,
        ) -> Result<Option<T>, JobError> {
            let Some(raw) = keys.get(name) else { return Ok(None) };
            serde_json::from_str::<Option<T>>(raw.get()).map_err(|_| JobError::Key(name))
        }
        Ok(Self {
            class: get(&keys, "class")?.ok_or(JobError::Key("class"))?,
            jid: get(&keys, "jid")?.unwrap_or_default(),
            queue: get(&keys, "queue")?.unwrap_or_else(|| "default".to_owned()),
            retry: get(&keys, "retry")?.unwrap_or(Retry::Whether(true)),
            retry_count: get(&keys, "retry_count")?,
            recovered: get(&keys, "karafka_recovered")?.unwrap_or_default(),
            keys: keys.into_iter().map(|(name, value)| (name, Cow::Borrowed(value))).collect(),
        })
    }

    /// Which attempt the next one is, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.retry_count.map_or(1, |count| count.saturating_add(2))
    }

    /// Reads the arguments. A message that is no text, as another process may push it, is taken as its JSON.
    ///
    /// # Errors
    ///
    /// [`JobError::Arguments`].
    pub(crate) fn arguments(&self) -> Result<Arguments, JobError> {
        let wrong = |what: &str| JobError::Arguments(what.to_owned());
        let raw = self.keys.get("args").ok_or(JobError::Key("args"))?;
        let args: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| JobError::Key("args"))?;
        let [topic, message, rest @ ..] = args.as_slice() else { return Err(wrong("there are fewer than two")) };
        let topic: String = serde_json::from_str(topic.get()).map_err(|_| wrong("the first is no text"))?;
        let text = match message.get().as_bytes().first() {
            Some(b'"') => Some(
                serde_json::from_str(message.get())
                    .map_err(|error| wrong(&format!("the message is no text: {error}")))?,
            ),
            Some(b'n') => None,
            _ => Some(message.get().to_owned()),
        };
        let coordinates = match rest {
            [] => Coordinates { partition: -1, offset: -1, ..Coordinates::default() },
            [coordinates] => serde_json::from_str(coordinates.get()).map_err(|error| wrong(&error.to_string()))?,
            _ => return Err(wrong("there are more than three")),
        };
        let record = coordinates.into_record(&topic).map_err(|error| wrong(&error.to_string()))?;
        Ok(Arguments { topic, text, record })
    }

    /// Sets a key, whatever it was before.
    pub(crate) fn set(&mut self, key: &str, value: impl Serialize) {
        // Numbers, texts and lists of them can be written.
        if let Ok(raw) = to_raw_value(&value) {
            self.keys.insert(key.to_owned(), Cow::Owned(raw));
        }
    }

    /// What went wrong, as Sidekiq's page shows it.
    pub(crate) fn set_error(&mut self, class: &str, message: &str) {
        self.set("error_class", class);
        self.set("error_message", foreign::cut(message));
    }

    /// A text of the job, such as `retry_queue`.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.keys.get(key)?.get()).ok()
    }

    /// Whether it is kept in `dead` when it has failed for good; Sidekiq's `dead: false` says no.
    pub(crate) fn is_kept(&self) -> bool {
        self.keys.get("dead").is_none_or(|raw| raw.get() != "false")
    }

    /// The job as it is written.
    pub(crate) fn write(&self) -> String {
        // A map of texts to JSON can be written.
        serde_json::to_string(&self.keys).unwrap_or_default()
    }
}
