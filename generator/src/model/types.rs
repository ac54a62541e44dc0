//! The resolved app: every default written out, every name derived, nothing left to look up.
//!
//! Templates, the lock file, `flow`, `routes` and samples read this and nothing else, so that the manifest's shape can
//! change without touching them.

use std::fmt;

use karafka::settings::shown;

use crate::names::Constant;

/// A setting's dotted key and its text, `${…}` unread.
pub type Setting = (String, String);

/// A whole app. `Debug` shows no secret.
#[derive(Clone, Default)]
pub struct Model {
    /// `app:`; also the package's name.
    pub app: String,
    /// The library's name in Rust: `app` with `-` as `_`.
    pub crate_name: String,
    /// `kafka.brokers`, `kafka.options.*`, `kafka.consumer.*`, `kafka.producer.*`, `concurrency`, `redis.*`.
    pub settings: Vec<Setting>,
    /// Name and settings of each environment, in alphabetical order.
    pub environments: Vec<(String, Vec<Setting>)>,
    /// By key, in alphabetical order; every group that a consumer is in.
    pub groups: Vec<Group>,
    /// Every named type, those of nested records too, by name in alphabetical order.
    pub messages: Vec<Message>,
    /// By key, in alphabetical order.
    pub topics: Vec<Topic>,
    /// By constant, in alphabetical order.
    pub controllers: Vec<Controller>,
    /// By constant, in alphabetical order; derived ones too.
    pub workers: Vec<Worker>,
    /// The app's own parsers, by constant, in alphabetical order.
    pub parsers: Vec<Part>,
    /// The app's own interchangers, by constant, in alphabetical order.
    pub interchangers: Vec<Part>,
    /// In the order of their topics' keys, then of their groups.
    pub consumers: Vec<Consumer>,
}

impl Model {
    /// Whether a topic has a controller. An app without any only sends: it has no state, no routes and no process of its own.
    #[must_use]
    pub fn consumes(&self) -> bool {
        !self.consumers.is_empty()
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            crate_name,
            settings,
            environments,
            groups,
            messages,
            topics,
            controllers,
            workers,
            parsers,
            interchangers,
            consumers,
        } = self;
        let environments: Vec<_> = environments.iter().map(|(name, settings)| (name, shown_texts(settings))).collect();
        f.debug_struct("Model")
            .field("app", app)
            .field("crate_name", crate_name)
            .field("settings", &shown_texts(settings))
            .field("environments", &environments)
            .field("groups", groups)
            .field("messages", messages)
            .field("topics", topics)
            .field("controllers", controllers)
            .field("workers", workers)
            .field("parsers", parsers)
            .field("interchangers", interchangers)
            .field("consumers", consumers)
            .finish()
    }
}

/// A consumer group. `Debug` shows no secret.
#[derive(Clone)]
pub struct Group {
    /// Its key, by which consumers name it; with `${…}` unread where it has no entry under `groups`.
    pub name: String,
    /// Its id in Kafka as written, `${…}` unread: its key where the manifest gives none.
    pub id: String,
    /// What the manifest says of it; properties of its client as `kafka.session.timeout.ms`.
    pub settings: Vec<Setting>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, id, settings } = self;
        f.debug_struct("Group").field("name", name).field("id", id).field("settings", &shown_texts(settings)).finish()
    }
}

fn shown_texts(settings: &[Setting]) -> Vec<Setting> {
    settings.iter().map(|(key, text)| (key.clone(), shown(key, text).into_owned())).collect()
}

/// What a topic carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payload {
    /// A named type of [`Model::messages`].
    Message(String),
    /// Any JSON value.
    Json,
    /// Bytes as they are.
    Bytes,
    /// UTF-8 text.
    Text,
}

/// A topic.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its key in the manifest.
    pub key: String,
    /// Its type's name in Rust: the key in camel case.
    pub rust_name: String,
    /// Its name in Kafka as written, `${…}` unread; the key where the manifest gives none.
    pub name: String,
    /// What it carries.
    pub payload: Payload,
    /// The wire name of the message's field that is the record's key.
    pub key_field: Option<String>,
    /// `name`, `partitions`, as far as the manifest names them.
    pub settings: Vec<Setting>,
}

/// A controller; it may serve several topics.
#[derive(Debug, Clone)]
pub struct Controller {
    /// Its constant, its Rust path and its file.
    pub constant: Constant,
    /// What its topics carry.
    pub payload: Payload,
    /// Keys of its topics, in alphabetical order.
    pub topics: Vec<String>,
    /// Keys of the topics that it may send to, in alphabetical order: the union over its consumers.
    pub emits: Vec<String>,
    /// Whether any of its consumers says `tombstones: deliver`.
    pub delivers_tombstones: bool,
    /// Whether its consumers say `batch`: all of them, or none.
    pub takes_batches: bool,
}

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its constant, its Rust path and its file.
    pub constant: Constant,
    /// The constant of its controller.
    pub controller: Constant,
    /// Whether the controller takes batches.
    pub takes_batches: bool,
    /// Whether the manifest names it: then its file is owned, else it is generated.
    pub named: bool,
}

/// A parser or an interchanger of the app's own.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its constant, its Rust path and its file.
    pub constant: Constant,
    /// What it makes or carries: every type it is used with, in order.
    pub payloads: Vec<Payload>,
}

/// `json`, `bytes`, `text`, `binary`, or a constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartRef {
    /// One that comes with the runtime: its name in the manifest.
    BuiltIn(&'static str),
    /// One of the app's own.
    Own(Constant),
}

/// One controller on one topic in one group.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The topic's key.
    pub topic: String,
    /// The group's key.
    pub group: String,
    /// The controller.
    pub controller: Constant,
    /// The worker.
    pub worker: Constant,
    /// The parser.
    pub parser: PartRef,
    /// The interchanger.
    pub interchanger: PartRef,
    /// Keys of the topics that it may send to, in alphabetical order.
    pub emits: Vec<String>,
    /// Whether it says `batch`.
    pub takes_batches: bool,
    /// `batch.size`, `batch.wait`, `dead_letter`, `jobs`, `lost_position`, `queue`, `retry.attempts`, `retry.backoff`,
    /// `start`, `timeout`, `tombstones`, as far as the manifest or its defaults name them. A dead letter topic is its name in
    /// Kafka as written; `{topic}` is left in it. `jobs` is there if it is `redis`, and `queue` only beside it.
    pub settings: Vec<Setting>,
}

impl Consumer {
    /// Whether its jobs run on Redis.
    #[must_use]
    pub fn is_on_redis(&self) -> bool {
        self.settings.iter().any(|(key, value)| key == "jobs" && value == "redis")
    }
}

/// A named type.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its name in Rust and in the manifest.
    pub name: String,
    /// Where it comes from, for its documentation: `NewVideo`, or `NewVideo.author` for a nested record.
    pub path: String,
    /// What it is made of.
    pub shape: Shape,
}

/// What a named type is made of.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A struct.
    Record(Vec<Field>),
    /// An enum of texts: wire name and Rust name.
    Enum(Vec<(String, String)>),
    /// An enum of messages, told apart by a field.
    OneOf {
        /// The field's wire name.
        by: String,
        /// Wire tag, Rust variant, message name.
        variants: Vec<(String, String, String)>,
    },
}

/// A field of a struct.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name on the wire.
    pub wire_name: String,
    /// Its name in Rust, `r#type` for keywords.
    pub rust_name: String,
    /// Whether it may be absent or null.
    pub optional: bool,
    /// What it holds.
    pub kind: Type,
    /// Whether it closes a circle of types, and so is boxed.
    pub boxed: bool,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A scalar by its name in the manifest, such as `u32` or `timestamp`.
    Scalar(Scalar),
    /// Another named type.
    Named(String),
    /// A list.
    List(Box<Type>),
    /// A map with text keys.
    Map(Box<Type>),
}

/// The scalar types of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// `string`: text.
    String,
    /// `bool`.
    Bool,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `decimal`: an exact number, such as money, written as text.
    Decimal,
    /// `bytes`: base64 in JSON.
    Bytes,
    /// `uuid`.
    Uuid,
    /// `timestamp`: a moment.
    Timestamp,
    /// `date`: a day without a time zone.
    Date,
    /// `time`: a time of day.
    Time,
    /// `json`: anything.
    Json,
    /// `decimal(number)`: an exact number, written as one.
    DecimalNumber,
    /// `timestamp(millis)`: a moment in milliseconds since 1970.
    TimestampMillis,
    /// `timestamp(seconds)`: a moment in seconds since 1970.
    TimestampSeconds,
}
