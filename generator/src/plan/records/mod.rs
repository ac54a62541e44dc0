//! What a change of the manifest means for records that are in Kafka already.
//!
//! The lock file remembers what the app read when it was last generated, which controller took which topic and what
//! messages were made of, and by which keys it wrote. What an app does now is compared with that; nothing is refused, but it is said before it shows in
//! production.

mod comparison;

use std::collections::{BTreeMap, BTreeSet};

use comparison::Comparison;
use karafka::foreign;

use super::Plan;
use crate::{
    diagnostic::{Diagnostic, Finding, codes},
    manifest::{self, Manifest, MessageBody},
    model::{Consumer, Model, PartRef, Payload, Shape, Type},
    source::{Source, Span},
};

/// What an app reads, and by what it keys what it writes: by topics' names in Kafka as written, and by messages' names.
///
/// Plain texts, a line each in the lock file, so that git merges them and a person can read a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Of each topic, by its name in Kafka as written: its controllers, each with its message, or `-` where a record can be
    /// anything, and its dead letter topic if it has one, a blank between them.
    pub topics: BTreeMap<String, BTreeSet<String>>,
    /// Of each message what it is made of: `total: decimal`, `note?: string`; `| draft` of a choice between texts,
    /// `| created: OrderCreated` of one between messages, and the field by which it is made as `by type`.
    pub messages: BTreeMap<String, BTreeSet<String>>,
    /// Of each topic that the app sends to, by its name in Kafka as written: the field that is a record's key, if one is.
    ///
    /// A controller sends to what it emits, a program with the generated producer to every topic. What is consumed here and
    /// emitted by nobody may have its records, and their keys, from elsewhere: it counts where the manifest names a key.
    pub keys: BTreeMap<String, BTreeSet<String>>,
}

/// What changes for records that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A controller reads other topics than before.
    Topics {
        /// Its constant.
        controller: String,
        /// What it reads no longer.
        from: Vec<String>,
        /// What it reads instead.
        to: Vec<String>,
        /// The dead letter topics before and now, where they differ.
        dead_letters: Option<(String, String)>,
    },
    /// Controllers read a topic no longer, and none instead; there are more of them than have come in their place.
    Left {
        /// The topic.
        topic: String,
        /// Who read it.
        controllers: Vec<String>,
        /// Who reads it now in the place of some of them: of which ones, their names alone do not say.
        come: Vec<String>,
        /// Whether others still do.
        is_read: bool,
    },
    /// Records of a topic are written with another field as their key.
    Key {
        /// The topic.
        topic: String,
        /// The field before; none: they had no key.
        from: Option<String>,
        /// The field now.
        to: Option<String>,
    },
    /// Dead letters of a topic go elsewhere.
    DeadLetters {
        /// The topic.
        topic: String,
        /// Where they went.
        from: String,
        /// Where they go.
        to: String,
    },
    /// Records that are there may not be what is read now.
    Message {
        /// The topic.
        topic: String,
        /// Where what cannot be read goes.
        dead_letter: Option<String>,
        /// The message that differs.
        message: String,
        /// The field, if it is one.
        field: Option<String>,
        /// How it differs.
        how: Difference,
    },
}

/// How a message differs from what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Records that are there do not have it, and it must be there.
    Added,
    /// Records that are there may be without it, and it must be there.
    Required,
    /// It is of another type: the one before.
    Retyped(String),
    /// A value that is no longer taken.
    Gone(String),
    /// Another field tells the messages apart: the one before.
    By(String),
    /// Records could be anything before, or another kind of thing.
    Typed,
}

/// One controller on one topic, taken apart.
#[derive(Clone, Copy)]
struct Reader<'l> {
    controller: &'l str,
    message: &'l str,
    dead_letter: Option<&'l str>,
}

impl<'l> Reader<'l> {
    fn parse(line: &'l str) -> Option<Self> {
        let mut parts = line.splitn(3, ' ');
        Some(Self { controller: parts.next()?, message: parts.next()?, dead_letter: parts.next() })
    }

    /// Whether both read the same and send dead letters to the same topic: one may be the other under another name.
    fn is_like(&self, other: &Self) -> bool {
        (self.message, self.dead_letter) == (other.message, other.dead_letter)
    }
}

impl Reads {
    /// What the app of this model reads.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let mut reads = Self::default();
        for consumer in &model.consumers {
            let Some(topic) = model.topics.iter().find(|topic| topic.key == consumer.topic) else { continue };
            // A parser of the app's own reads what it likes.
            let message = match (&consumer.parser, &topic.payload) {
                (PartRef::BuiltIn("json"), Payload::Message(name)) => Some(name),
                _ => None,
            };
            let mut line = format!("{} {}", consumer.controller.as_str(), message.map_or("-", String::as_str));
            if let Some(dead_letter) = dead_letter(consumer, &topic.name) {
                line.push(' ');
                line.push_str(&dead_letter);
            }
            reads.topics.entry(topic.name.clone()).or_default().insert(line);
            message.into_iter().for_each(|name| reads.add_message(model, name));
        }
        let emitted: BTreeSet<&str> =
            model.consumers.iter().flat_map(|consumer| &consumer.emits).map(String::as_str).collect();
        let consumed: BTreeSet<&str> = model.consumers.iter().map(|consumer| consumer.topic.as_str()).collect();
        for topic in &model.topics {
            let key = topic.key.as_str();
            if topic.key_field.is_some() || emitted.contains(key) || !consumed.contains(key) {
                reads.keys.insert(topic.name.clone(), topic.key_field.iter().cloned().collect());
            }
        }
        reads
    }

    /// Adds a message and those in it.
    fn add_message(&mut self, model: &Model, name: &str) {
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if self.messages.contains_key(name) {
                continue;
            }
            let Some(message) = model.messages.iter().find(|message| message.name == name) else { continue };
            let lines = match &message.shape {
                Shape::Record(fields) => {
                    let line = |field: &'_ crate::model::Field| {
                        let mark = if field.optional { "?" } else { "" };
                        format!("{}{mark}: {}", field.wire_name, type_text(&field.kind))
                    };
                    open.extend(fields.iter().filter_map(|field| named(&field.kind)));
                    fields.iter().map(line).collect()
                }
                Shape::Enum(values) => values.iter().map(|(value, _)| format!("| {value}")).collect(),
                Shape::OneOf { by, variants } => {
                    open.extend(variants.iter().map(|(_, _, message)| message.as_str()));
                    let tags = variants.iter().map(|(tag, _, message)| format!("| {tag}: {message}"));
                    tags.chain([format!("by {by}")]).collect()
                }
            };
            self.messages.insert(name.to_owned(), lines);
        }
    }

    /// What changes for records that are there when an app that read `self` reads `new`.
    #[must_use]
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        let mut changes = self.moved(new);
        let left = self.left(new, &changes);
        changes.extend(left);
        changes.extend(self.keyed(new));
        for (topic, lines) in &new.topics {
            for reader in lines.iter().filter_map(|line| Reader::parse(line)) {
                let Some(old) = self.reader(topic, reader.controller) else { continue };
                if let (Some(from), to) = (old.dead_letter, reader.dead_letter)
                    && Some(from) != to
                {
                    let to = to.map_or_else(|| "nowhere: what fails waits".to_owned(), |to| format!("`{to}`"));
                    changes.push(Change::DeadLetters { topic: topic.clone(), from: from.to_owned(), to });
                }
                let mut comparison = Comparison { old: self, new, seen: BTreeSet::new(), found: Vec::new() };
                comparison.readers(old.message, reader.message);
                for (message, field, how) in comparison.found {
                    let (topic, dead_letter) = (topic.clone(), reader.dead_letter.map(str::to_owned));
                    let change = Change::Message { topic, dead_letter, message, field, how };
                    if !changes.contains(&change) {
                        changes.push(change);
                    }
                }
            }
        }
        changes
    }

    fn reader(&self, topic: &str, controller: &str) -> Option<Reader<'_>> {
        let lines = self.topics.get(topic)?;
        lines.iter().filter_map(|line| Reader::parse(line)).find(|reader| reader.controller == controller)
    }

    /// Controllers that gain topics and lose some: what looks like another name in the manifest is another topic in Kafka.
    fn moved(&self, new: &Self) -> Vec<Change> {
        let (before, now) = (self.by_controller(), new.by_controller());
        let mut changes = Vec::new();
        for (controller, old) in before {
            let Some(now) = now.get(controller) else { continue };
            let only = |some: &BTreeMap<&str, Option<&str>>, others: &BTreeMap<&str, Option<&str>>| -> Vec<String> {
                some.keys().filter(|topic| !others.contains_key(*topic)).map(|topic| (*topic).to_owned()).collect()
            };
            let (from, to) = (only(&old, now), only(now, &old));
            let (Some(lost), Some(gained)) = (from.first(), to.first()) else { continue };
            let dead_letters = match (old.get(lost.as_str()), now.get(gained.as_str())) {
                (Some(Some(before)), Some(Some(after))) if before != after => {
                    Some(((*before).to_owned(), (*after).to_owned()))
                }
                _ => None,
            };
            changes.push(Change::Topics { controller: controller.to_owned(), from, to, dead_letters });
        }
        changes
    }

    /// Topics that nobody reads any more, or fewer than before: what is in them stays there, and nothing fails.
    fn left(&self, new: &Self, moved: &[Change]) -> Vec<Change> {
        // Those of `reads` who do not read the topic in `others`.
        fn only<'l>(reads: &'l Reads, others: &Reads, topic: &str) -> Vec<Reader<'l>> {
            let lines = reads.topics.get(topic).into_iter().flatten();
            let readers = lines.filter_map(|line| Reader::parse(line));
            readers.filter(|reader| others.reader(topic, reader.controller).is_none()).collect()
        }
        let is_told = |topic: &String, controller: &str| {
            moved.iter().any(|change| {
                matches!(change, Change::Topics { controller: of, from, .. } if of == controller && from.contains(topic))
            })
        };
        let left = |topic: &String| {
            let (gone, come) = (only(self, new, topic), only(new, self, topic));
            // A controller under another name is in the group that the first one was in, or the guard of groups asks.
            if gone.len() <= come.len() {
                return None;
            }
            // As many as are alike before and now are the same ones.
            let is_renamed = |one: &Reader<'_>| {
                let alike = |all: &[Reader<'_>]| all.iter().filter(|other| one.is_like(other)).count();
                alike(&gone) == alike(&come)
            };
            let names = |readers: &[Reader<'_>]| -> Vec<String> {
                let others = readers.iter().filter(|reader| !is_renamed(reader));
                others.map(|reader| reader.controller.to_owned()).collect()
            };
            let (mut controllers, come) = (names(&gone), names(&come));
            controllers.retain(|one| !is_told(topic, one));
            let is_read = new.topics.contains_key(topic);
            let is_left = !controllers.is_empty();
            is_left.then(|| Change::Left { topic: topic.clone(), controllers, come, is_read })
        };
        self.topics.keys().filter_map(left).collect()
    }

    /// Topics whose records are keyed by something else than before.
    fn keyed(&self, new: &Self) -> Vec<Change> {
        let keyed = |(topic, before): (&String, &BTreeSet<String>)| {
            let now = match new.keys.get(topic) {
                Some(now) => now.first(),
                // It is consumed alone now, and what is sent to it has no key.
                None if new.topics.contains_key(topic) => None,
                None => return None,
            };
            let is_same = before.first() == now || now.is_some_and(|now| before.contains(now));
            let (from, to) = (before.first().cloned(), now.cloned());
            (!is_same).then(|| Change::Key { topic: topic.clone(), from, to })
        };
        self.keys.iter().filter_map(keyed).collect()
    }

    fn by_controller(&self) -> BTreeMap<&str, BTreeMap<&str, Option<&str>>> {
        let mut all: BTreeMap<&str, BTreeMap<&str, Option<&str>>> = BTreeMap::new();
        for (topic, lines) in &self.topics {
            for reader in lines.iter().filter_map(|line| Reader::parse(line)) {
                all.entry(reader.controller).or_default().insert(topic, reader.dead_letter);
            }
        }
        all
    }
}

fn dead_letter(consumer: &Consumer, topic: &str) -> Option<String> {
    let (_, name) = consumer.settings.iter().find(|(key, _)| key == "dead_letter")?;
    Some(name.replace("{topic}", topic))
}

fn type_text(kind: &Type) -> String {
    match kind {
        Type::Scalar(scalar) => scalar.name().to_owned(),
        Type::Named(name) => name.clone(),
        Type::List(inner) => format!("[{}]", type_text(inner)),
        Type::Map(inner) => format!("{{ string: {} }}", type_text(inner)),
    }
}

fn named(kind: &Type) -> Option<&str> {
    match kind {
        Type::Scalar(_) => None,
        Type::Named(name) => Some(name),
        Type::List(inner) | Type::Map(inner) => named(inner),
    }
}

impl Change {
    /// The change as a person reads it, at its place in the manifest.
    fn finding(&self, manifest: &Source, read: &Manifest) -> Finding {
        let (code, span, words, help) = match self {
            Self::Topics { controller, from, to, dead_letters } => {
                let words = format!("`{controller}` reads {} now, and no longer {}", quoted(to), quoted(from));
                let mut help = format!(
                    "records of {} that were not handled yet stay there, and {} is read from where a group without an offset \
                     begins",
                    quoted(from),
                    quoted(to)
                );
                if let Some((before, now)) = dead_letters {
                    help.push_str(&format!("; dead letters go to {}, and those in {} stay", line(now), line(before)));
                }
                if let [name] = from.as_slice() {
                    help.push_str(&format!(
                        "; another key for the same topic is written with `name: {}`",
                        foreign::line(name)
                    ));
                }
                (codes::TOPIC_CHANGE, to.first().and_then(|name| topic_span(read, name)), words, help)
            }
            Self::Left { topic, controllers, come, is_read } => {
                let rest = match (come.as_slice(), is_read) {
                    ([], true) => "others go on".to_owned(),
                    ([], false) => "nobody here does now".to_owned(),
                    (come, _) => format!("only {} {} come in their place", quoted(come), singular(come, "has", "have")),
                };
                let reads = singular(controllers, "reads", "read");
                let words = format!("{} no longer {reads} {}, and {rest}", quoted(controllers), line(topic));
                (codes::TOPIC_CHANGE, topic_span(read, topic), words, LEFT.to_owned())
            }
            Self::Key { topic, from, to } => {
                let (words, help) = key_words(topic, from.as_deref(), to.as_deref());
                (codes::TOPIC_CHANGE, key_span(read, topic), words, help)
            }
            Self::DeadLetters { topic, from, to } => {
                let words = format!("dead letters of {} went to {}, and now to {to}", line(topic), line(from));
                let help = format!("those that are in {} stay there", line(from));
                (codes::TOPIC_CHANGE, topic_span(read, topic), words, help)
            }
            Self::Message { topic, dead_letter, message, field, how } => {
                let (words, help) = message_words(topic, dead_letter.as_deref(), message, field.as_deref(), how);
                let span = field_span(read, message, field.as_deref()).or_else(|| topic_span(read, topic));
                (codes::MESSAGE_CHANGE, span, words, help)
            }
        };
        let diagnostic = Diagnostic::warning(code, span.unwrap_or_default(), words).help(help);
        let source = if span.is_some() { manifest.clone() } else { Source::whole(&manifest.name) };
        Finding { source, diagnostic }
    }
}

/// What the plan changes for records that are in Kafka already, each at its place in the manifest.
#[must_use]
pub fn warnings(plan: &Plan, manifest: &Source) -> Vec<Finding> {
    if plan.changes.is_empty() {
        return Vec::new();
    }
    let read = manifest::read(manifest).0.unwrap_or_default();
    plan.changes.iter().map(|change| change.finding(manifest, &read)).collect()
}

/// What becomes of records that were read: by this group alone, as others go on.
const LEFT: &str = "records that its group has not handled yet stay there, and those to come are not handled by it either; other \
                    groups that read the topic go on as before. All of them count as the group's lag until Kafka forgets its \
                    offsets there (`offsets.retention.minutes`, seven days by default). A consumer that comes back to the \
                    group before that begins where this one has ended, and later where `start` says";

fn key_words(topic: &str, from: Option<&str>, to: Option<&str>) -> (String, String) {
    let topic = line(topic);
    let Some(to) = to else {
        let words = format!("records of {topic} have no key now; theirs was {}", line(from.unwrap_or_default()));
        let help = "without a key they are spread over the partitions, and those that were in order are in none; where a \
                    consumer counts on order, or the topic is compacted, leave `key` in";
        return (words, help.to_owned());
    };
    let before = from.map_or_else(|| "they had none".to_owned(), |from| format!("it was {}", line(from)));
    let words = format!("the key of records of {topic} is {} now; {before}", line(to));
    let help = format!(
        "a record's key picks its partition: those of one {} are on other partitions from now on than those that are there, \
         and a consumer may handle a new one before an old one. Where that matters, let its groups catch up before this \
         is deployed; where the topic is compacted, nothing replaces what is there under the old keys",
        line(to)
    );
    (words, help)
}

fn message_words(
    topic: &str,
    dead_letter: Option<&str>,
    message: &str,
    field: Option<&str>,
    how: &Difference,
) -> (String, String) {
    let fate = match dead_letter {
        Some(name) => format!("those records go to the dead letter topic {}", line(name)),
        None => format!("those records of {} hold up what is behind them in their order", line(topic)),
    };
    let whole = field.map_or_else(|| format!("`{message}`"), |field| format!("`{message}.{}`", foreign::line(field)));
    let field = foreign::line(field.unwrap_or_default());
    match how {
        Difference::Added => (
            format!("{whole} must be there now, and records that are there do not have it"),
            format!("{fate}; write `{field}?` as long as there are such records"),
        ),
        Difference::Required => (
            format!("{whole} must be there now, and records that are there may be without it"),
            format!("{fate}; leave it `{field}?` as long as there are such records"),
        ),
        Difference::Retyped(before) => (
            format!("{whole} is of another type now: in records that are there it is {}", line(before)),
            format!("{fate}; a new type is safest as a new field, `{field}_2?`, beside this one"),
        ),
        Difference::Gone(value) => (
            format!("{whole} no longer takes {}, which records that are there may have", line(value)),
            format!("{fate}; leave it in as long as there are such records"),
        ),
        Difference::By(before) => (
            format!("{whole} is told apart by another field now: in records that are there it is {}", line(before)),
            fate,
        ),
        Difference::Typed => {
            (format!("{} takes {whole} now, and records that are there may be something else", line(topic)), fate)
        }
    }
}

fn line(text: &str) -> String {
    format!("`{}`", foreign::line(text))
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| line(name)).collect();
    names.join(", ")
}

/// The one word for one, the other for several.
fn singular<'w>(names: &[String], one: &'w str, several: &'w str) -> &'w str {
    if names.len() == 1 { one } else { several }
}

fn topic_span(read: &Manifest, name: &str) -> Option<Span> {
    let named = |topic: &&manifest::Topic| topic.name.as_ref().unwrap_or(&topic.key).value == name;
    read.topics.iter().find(named).map(|topic| topic.key.span)
}

/// Where a topic's `key` stands, or the topic.
fn key_span(read: &Manifest, name: &str) -> Option<Span> {
    let named = |topic: &&manifest::Topic| topic.name.as_ref().unwrap_or(&topic.key).value == name;
    read.topics.iter().find(named).map(|topic| topic.key_field.as_ref().unwrap_or(&topic.key).span)
}

/// Where a field stands, or the message, if the manifest has it under this name.
fn field_span(read: &Manifest, message: &str, field: Option<&str>) -> Option<Span> {
    let message = read.messages.iter().find(|one| one.name.value == message)?;
    let fields = match &message.body {
        MessageBody::Fields(fields) => fields.as_slice(),
        MessageBody::OneOf { .. } | MessageBody::Unread => &[],
    };
    let field = fields.iter().find(|one| Some(one.name.value.as_str()) == field);
    Some(field.map_or(message.name.span, |field| field.name.span))
}
