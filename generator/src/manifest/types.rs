//! The manifest as it is written: every value with its place, nothing filled in.
//!
//! Only what this version can do has a field here. A key of the language whose behaviour comes later is refused by
//! the reader (`not-supported`), so that nothing is ever accepted and ignored.

use std::{collections::BTreeMap, fmt};

use karafka::settings::{redacted_url, shown};

use crate::source::{Span, Spanned};

/// A text of the manifest and its place.
pub type Text = Spanned<String>;

/// The whole manifest.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// `app:`
    pub app: Option<Text>,
    /// `kafka:`
    pub kafka: Kafka,
    /// `environments:`, in the order of the file.
    pub environments: Vec<Environment>,
    /// `concurrency:` of the process: a number, or `${…}`.
    pub concurrency: Option<Text>,
    /// `redis:`
    pub redis: Redis,
    /// `defaults:` for every consumer.
    pub defaults: ConsumerSettings,
    /// `messages:`, in the order of the file.
    pub messages: Vec<Message>,
    /// A whole section cannot be read, so that what needs it cannot be judged.
    pub is_partial: bool,
    /// `groups:`, in the order of the file.
    pub groups: Vec<Group>,
    /// `topics:`, in the order of the file.
    pub topics: Vec<Topic>,
    /// Whether properties of librdkafka were refused, so that those that are here are not all that are written.
    pub has_refused_options: bool,
    /// The entries whose keys are misspelt, and which were read as what they were meant for: those without entries of their own,
    /// in the order of the file.
    pub misspelt: Vec<Span>,
}

/// `kafka:`; option values are text, whatever YAML thinks of them. `Debug` shows no secret.
#[derive(Clone, Default)]
pub struct Kafka {
    /// `brokers:`, a list joined with commas.
    pub brokers: Option<Text>,
    /// `options:`, for consumers and producers.
    pub options: Vec<(Text, Text)>,
    /// `consumer:`
    pub consumer: Vec<(Text, Text)>,
    /// `producer:`
    pub producer: Vec<(Text, Text)>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { brokers, options, consumer, producer } = self;
        f.debug_struct("Kafka")
            .field("brokers", &brokers.as_ref().map(|text| redacted_url(&text.value)))
            .field("options", &shown_options(options))
            .field("consumer", &shown_options(consumer))
            .field("producer", &shown_options(producer))
            .finish()
    }
}

fn shown_options(options: &[(Text, Text)]) -> BTreeMap<String, String> {
    let text = |(name, text): &(Text, Text)| (name.value.clone(), shown(&name.value, &text.value).into_owned());
    options.iter().map(text).collect()
}

/// `redis:`. `Debug` shows no password.
#[derive(Clone, Default)]
pub struct Redis {
    /// `url:`, as [`karafka::settings::redis_url`] takes it, or `${…}`
    pub url: Option<Text>,
    /// `ca_file:`
    pub ca_file: Option<Text>,
    /// `certificate_file:`
    pub certificate_file: Option<Text>,
    /// `key_file:`
    pub key_file: Option<Text>,
}

impl Redis {
    /// What is written, each by its key.
    pub fn written(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        let Self { url, ca_file, certificate_file, key_file } = self;
        let texts = [url, ca_file, certificate_file, key_file];
        let named = ["url", "ca_file", "certificate_file", "key_file"].into_iter().zip(texts);
        named.filter_map(|(name, text)| Some((name, text.as_ref()?)))
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.written().map(|(name, text)| (name, redacted_url(&text.value)));
        f.debug_map().entries(shown).finish()
    }
}

/// One entry of `environments:`.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name, compared with `KARAFKA_ENV`.
    pub name: Text,
    /// `kafka:` there.
    pub kafka: Kafka,
    /// `concurrency:` there.
    pub concurrency: Option<Text>,
}

/// One entry of `groups:`. `Debug` shows no secret.
#[derive(Clone)]
pub struct Group {
    /// Its key.
    pub name: Text,
    /// `concurrency`, `ordering`, `protocol`, `assignor`, `instance_id`, `memory`, `window`, `delivery`, `drain`,
    /// `commit_interval`, `id`:
    /// those that this version can do, checked, in the order of the file.
    pub settings: Vec<(Text, Text)>,
    /// Those settings that are written and were refused, so that what they say is not known.
    pub refused: Vec<&'static str>,
    /// `kafka:`, properties of its client.
    pub kafka: Vec<(Text, Text)>,
}

impl Group {
    /// What it says of a setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Text> {
        self.settings.iter().find(|(key, _)| key.value == name).map(|(_, value)| value)
    }

    /// Its id in Kafka as it is written: its `id`, or else its key.
    #[must_use]
    pub fn id(&self) -> &Text {
        self.setting("id").unwrap_or(&self.name)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, settings, refused, kafka } = self;
        f.debug_struct("Group")
            .field("name", name)
            .field("settings", settings)
            .field("refused", refused)
            .field("kafka", &shown_options(kafka))
            .finish()
    }
}

/// What a consumer can say, and `defaults:` for it.
#[derive(Debug, Clone, Default)]
pub struct ConsumerSettings {
    /// `group:`
    pub group: Option<Text>,
    /// `parser:`: a constant, or `json`, `bytes`, `text`.
    pub parser: Option<Text>,
    /// `interchanger:`: a constant, or `json`, `binary`.
    pub interchanger: Option<Text>,
    /// `tombstones: deliver | skip | fail`
    pub tombstones: Option<Text>,
    /// `retry: { attempts: 5 }`, a number or `${…}`
    pub attempts: Option<Text>,
    /// `retry: { backoff: 1s..30s }`
    pub backoff: Option<Text>,
    /// `timeout:` of an attempt, a duration or `${…}`
    pub timeout: Option<Text>,
    /// `dead_letter:`, a topic's key, or a name in Kafka with `${…}` and `{topic}`
    pub dead_letter: Option<Text>,
    /// `start:`, as [`karafka::settings::parse::start`] takes it, or `${…}`
    pub start: Option<Text>,
    /// `lost_position: fail | earliest | latest`
    pub lost_position: Option<Text>,
    /// `jobs: in_process | redis`; one that cannot be read is kept, so that the consumer is not said to have none.
    pub jobs: Option<Text>,
    /// `queue:`
    pub queue: Option<Text>,
}

/// A consumer of a topic: its own keys, or an entry of `consumers:`.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The key or the entry.
    pub span: Span,
    /// `controller:`, a constant.
    pub controller: Text,
    /// `worker:`, a constant.
    pub worker: Option<Text>,
    /// `emits:`, keys of topics.
    pub emits: Vec<Text>,
    /// `batch:`
    pub batch: Option<Batch>,
    /// The rest.
    pub settings: ConsumerSettings,
}

/// `batch: { size: 500, wait: 200ms }`
#[derive(Debug, Clone)]
pub struct Batch {
    /// The key.
    pub span: Span,
    /// `size:`, a number or `${…}`
    pub size: Option<Text>,
    /// `wait:`, a duration or `${…}`
    pub wait: Option<Text>,
}

/// One entry of `topics:`.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its key, which names it in Rust.
    pub key: Text,
    /// `name:` in Kafka, where it differs.
    pub name: Option<Text>,
    /// `message:`, a name under `messages:`.
    pub message: Option<Text>,
    /// `key:`, a field of the message.
    pub key_field: Option<Text>,
    /// `partitions:`, a number or `${…}`.
    pub partitions: Option<Text>,
    /// Who consumes it here: none, one, or `consumers:`.
    pub consumers: Vec<Consumer>,
    /// Something of it cannot be read, and may have been a consumer.
    pub is_partial: bool,
}

/// One entry of `messages:`.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its name.
    pub name: Text,
    /// What it is made of.
    pub body: MessageBody,
}

/// What a message is made of.
#[derive(Debug, Clone)]
pub enum MessageBody {
    /// A record; `{ fields: { … } }` when a field has a reserved name.
    Fields(Vec<Field>),
    /// `{ one_of: { created: OrderCreated, … }, by: type }`
    OneOf {
        /// Tag and message, in the order of the file.
        variants: Vec<(Text, Text)>,
        /// The field that tells them apart.
        by: Text,
    },
    /// What was refused: of a message that has it nothing is known but its name.
    Unread,
}

/// A field of a record.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name on the wire, without the `?`.
    pub name: Text,
    /// Whether it may be absent or null.
    pub optional: bool,
    /// What it holds.
    pub kind: Spanned<Type>,
}

/// What a field holds.
#[derive(Debug, Clone)]
pub enum Type {
    /// A scalar, or another message: the name as written.
    Name(String),
    /// `a | b`: texts, in the order of the file.
    Enum(Vec<Text>),
    /// `[T]`
    List(Box<Spanned<Type>>),
    /// `{ string: T }`
    Map(Box<Spanned<Type>>),
    /// `{ name: string, age?: u8 }`
    Record(Vec<Field>),
    /// What was refused.
    Unread,
}
