//! Dead letter topics: where the records of a consumer go that cannot be handled, and how often they are tried before.

use std::collections::{HashMap, HashSet};

use super::{Setting, messages::Messages, report::Report, topics::Declared};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{self, ConsumerSettings, Text},
};

/// Stands for the source's name in Kafka.
const TOPIC: &str = "{topic}";

/// Kafka's limit for a topic's name, in bytes.
const LONGEST_NAME: usize = 249;

/// The dead letter topics of an app.
#[derive(Debug)]
pub(super) struct DeadLetters<'a> {
    declared: &'a Declared<'a>,
    defaults: &'a ConsumerSettings,
    /// Topics by their names in Kafka as written.
    in_kafka: HashMap<&'a str, usize>,
    /// Topics of the manifest that hold dead letters of others: `defaults` gives them none.
    holders: HashSet<usize>,
    /// From a topic to the topic of the manifest that holds its dead letters, and where that is written.
    pub(super) ways: Vec<(usize, usize, &'a Text)>,
    /// Places that have been reported: what `defaults` says counts once.
    reported: HashSet<usize>,
}

/// A topic that a `dead_letter` names.
struct Target {
    /// What it says, `{topic}` filled in.
    name: String,
    /// The topic of the manifest that it is, if it is one.
    listed: Option<usize>,
}

impl<'a> DeadLetters<'a> {
    pub(super) fn new(declared: &'a Declared<'a>, defaults: &'a ConsumerSettings) -> Self {
        let mut in_kafka = HashMap::new();
        let mut found = Self {
            declared,
            defaults,
            in_kafka: HashMap::new(),
            holders: HashSet::new(),
            ways: Vec::new(),
            reported: HashSet::new(),
        };
        let topics = || declared.topics.iter().map(|topic| topic.written).enumerate();
        let named = |topic: &&'a manifest::Topic| topic.consumers.iter().any(|one| one.settings.dead_letter.is_some());
        if defaults.dead_letter.is_none() && !topics().any(|(_, topic)| named(&topic)) {
            return found;
        }
        for (at, topic) in topics() {
            in_kafka.entry(kafka_name(topic)).or_insert(at);
        }
        found.in_kafka = in_kafka;
        // A default that names one topic for all makes that one a holder, whoever else there is.
        let shared = defaults.dead_letter.as_ref().filter(|text| !text.value.contains(TOPIC));
        found.holders.extend(shared.and_then(|text| found.listed(&text.value)));
        for (at, topic) in topics() {
            for consumer in &topic.consumers {
                let text = consumer.settings.dead_letter.as_ref().or(defaults.dead_letter.as_ref());
                let target = text.and_then(|text| found.target(text, topic).listed);
                found.holders.extend(target.filter(|target| *target != at));
            }
        }
        found
    }

    /// `dead_letter` and `retry.attempts` of a consumer of the topic at `at`.
    ///
    /// The last attempt of a job on Redis leads to Sidekiq's `dead` set, with or without a dead letter topic; where records are
    /// handled at most once there is only one, and whoever says otherwise is told that (`checks::deliveries`).
    pub(super) fn settings(
        &mut self,
        at: usize,
        own: &'a ConsumerSettings,
        (on_redis, at_most_once): (bool, bool),
        messages: &Messages<'_>,
        report: &mut Report<'_>,
    ) -> Vec<Setting> {
        let source = self.declared.topics[at].written;
        let is_holder = self.holders.contains(&at);
        let given = self.defaults.dead_letter.as_ref().filter(|_| !is_holder);
        let mut settings = Vec::new();
        let text = own.dead_letter.as_ref().or(given);
        if let Some(text) = text
            && let Some(name) = self.dead_letter(at, text, messages, report)
        {
            settings.push(("dead_letter".to_owned(), name));
        }
        match (&own.attempts, &self.defaults.attempts) {
            // Attempts that lead nowhere are taken out together with the default that they lead to.
            (None, Some(_)) if text.is_none() && self.defaults.dead_letter.is_some() && !on_redis => {}
            (Some(attempts), _) | (None, Some(attempts)) => {
                if text.is_none() && !on_redis && !at_most_once && self.is_new(attempts) {
                    let of_defaults = own.attempts.is_none();
                    report.add(without_end(attempts, source, of_defaults, is_holder, report));
                }
                settings.push(("retry.attempts".to_owned(), attempts.value.clone()));
            }
            (None, None) => {}
        }
        settings
    }

    /// The setting's text; nothing if it is refused, which is reported.
    fn dead_letter(
        &mut self,
        at: usize,
        text: &'a Text,
        messages: &Messages<'_>,
        report: &mut Report<'_>,
    ) -> Option<String> {
        let source = self.declared.topics[at].written;
        let Target { name, listed } = self.target(text, source);
        if listed == Some(at) || name == kafka_name(source) {
            if self.is_new(text) {
                report.add(itself(text, source));
            }
            return None;
        }
        if name.len() > LONGEST_NAME && kafka_name(source).len() <= LONGEST_NAME {
            if self.is_new(text) {
                let words = format!("the dead letter topic of `{}` would have {} bytes", source.key.value, name.len());
                let help = format!("Kafka takes {LONGEST_NAME}: write a shorter name, which need not hold `{TOPIC}`");
                report.add(Diagnostic::error(codes::INVALID_TOPIC_NAME, text.span, words).help(help));
            }
            return None;
        }
        let Some(target) = listed else { return Some(text.value.clone()) };
        self.ways.push((at, target, text));
        let target = self.declared.topics[target].written;
        self.check_type(source, target, text, messages, report);
        Some(if name == kafka_name(target) && text.value.contains(TOPIC) {
            text.value.clone()
        } else {
            kafka_name(target).to_owned()
        })
    }

    /// A dead letter is what came, byte for byte; only the source's own message may be expected of it.
    fn check_type(
        &mut self,
        source: &manifest::Topic,
        target: &manifest::Topic,
        text: &Text,
        messages: &Messages<'_>,
        report: &mut Report<'_>,
    ) {
        let Some(message) = &target.message else { return };
        let same = source.message.as_ref().is_some_and(|of_source| of_source.value == message.value);
        if same || !messages.declared.contains_key(message.value.as_str()) || !self.is_new(message) {
            return;
        }
        let words = format!(
            "`{}` holds the records of `{}` as they came, which are no `{}`",
            target.key.value, source.key.value, message.value
        );
        let help = "a dead letter keeps its bytes, whatever its source: take `message` out, and read it with \
                    `parser: bytes`, or give its sources the same `message`";
        let diagnostic = Diagnostic::error(codes::TYPED_DEAD_LETTER, message.span, words);
        report.add(diagnostic.related(text.span, "it is a dead letter topic here").help(help));
    }

    fn target(&self, text: &Text, source: &manifest::Topic) -> Target {
        let name = text.value.replace(TOPIC, kafka_name(source));
        let listed = self.listed(&name);
        Target { name, listed }
    }

    /// A topic of the manifest by its key, or else by its name in Kafka.
    fn listed(&self, name: &str) -> Option<usize> {
        self.declared.index.get(name).or_else(|| self.in_kafka.get(name)).copied()
    }

    fn is_new(&mut self, text: &Text) -> bool {
        self.reported.insert(text.span.start)
    }
}

fn kafka_name(topic: &manifest::Topic) -> &str {
    &topic.name.as_ref().unwrap_or(&topic.key).value
}

fn itself(text: &Text, source: &manifest::Topic) -> Diagnostic {
    let words = format!("`{}` would be its own dead letter topic", source.key.value);
    let other = format!("\"{TOPIC}.dead\"");
    Diagnostic::error(codes::OWN_DEAD_LETTER, text.span, words)
        .help(format!("name another one: `dead_letter: {other}`; it need not be listed"))
        .suggest(text.span, other)
}

/// Attempts with nothing behind the last one.
fn without_end(
    attempts: &Text,
    source: &manifest::Topic,
    of_defaults: bool,
    is_holder: bool,
    report: &Report<'_>,
) -> Diagnostic {
    let name = if of_defaults { format!("\"{TOPIC}.dead\"") } else { format!("{}.dead", source.key.value) };
    let because = if is_holder && !of_defaults {
        format!("`{}` holds dead letters and has no `dead_letter` of its own", source.key.value)
    } else {
        format!("`{}` has no `dead_letter`", source.key.value)
    };
    let words = format!("`attempts` leads nowhere: {because}, and a record is never skipped");
    let help = format!(
        "without one a record that fails is tried again for ever at the longest backoff: add `dead_letter: {name}`, or \
         take `attempts` out"
    );
    let diagnostic = Diagnostic::error(codes::MISSING_DEAD_LETTER, attempts.span, words);
    // The new line goes above `retry: { … }`, if that one has a line of its own.
    let (before, start) = report.before(attempts.span);
    let indent = &before[..before.len() - before.trim_start_matches(' ').len()];
    if before[indent.len()..].starts_with("retry:") {
        let place = crate::source::Span::new(start, start);
        diagnostic.help(format!("{help}:")).suggest(place, format!("{indent}dead_letter: {name}\n"))
    } else {
        diagnostic.help(help)
    }
}
