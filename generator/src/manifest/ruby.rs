//! Words of Karafka for Ruby, from 0.5 to 2.x, and what a manifest says instead.

use super::{
    keys::Section::{self, Consumer, Defaults, Group, Kafka, Redis, Retry, Root, Topic},
    values,
    yaml::{Entry, Node},
};

/// What is written instead of a word of Ruby's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instead {
    /// This key, with the value as it is.
    Key(&'static str),
    /// Something else, in words.
    Words(String),
}

/// How a word of Ruby's is answered.
enum Answer {
    Key(&'static str),
    /// As it is said, with the value in the place of `{}`, or the second text where that is no word.
    With(&'static str, &'static str),
    /// This key, unless the value is another word of Ruby's.
    KeyOr(&'static str, fn(&Node) -> Option<String>),
    Says(&'static str),
    Made(fn(&Node) -> String),
}

use Answer::{Key, KeyOr, Made, Says, With};

/// Where a consumer can say something.
const CONSUMERS: &[Section] = &[Topic, Consumer, Defaults];

const WORDS: &[(&[Section], &str, Answer)] = &[
    (&[Topic, Consumer], "consumer", Key("controller")),
    (CONSUMERS, "deserializer", Key("parser")),
    (CONSUMERS, "deserializers", With("write `parser: {}`", "write `parser: Parsers::Mine`")),
    (&[Topic, Consumer], "responder", Says("name the topics that the controller sends to: `emits: [order_confirmed]`")),
    (CONSUMERS, "consumer_group", Key("group")),
    (CONSUMERS, "subscription_group", Key("group")),
    (
        &[Root],
        "consumer_groups",
        Says(
            "topics stand under `topics`, each with its `group: audit`; settings of groups under `groups: { audit: { … } }`",
        ),
    ),
    (&[Root], "subscription_groups", Says("a group has one client here: write `group: audit` at its topics")),
    (&[Root], "routes", Key("topics")),
    (CONSUMERS, "max_messages", Made(max_messages)),
    (CONSUMERS, "max_wait_time", Made(max_wait_time)),
    (CONSUMERS, "batch_consuming", Says("write `batch: {}` for `perform_batch`, or take it out for `perform`")),
    (CONSUMERS, "batch_processing", Says("write `batch: {}` for `perform_batch`, or take it out for `perform`")),
    (CONSUMERS, "batch_fetching", Says("take it out: records are always fetched many at a time")),
    (CONSUMERS, "dead_letter_queue", Made(dead_letter_queue)),
    (&[Topic, Consumer, Defaults, Retry], "max_retries", Made(max_retries)),
    (CONSUMERS, "initial_offset", KeyOr("start", initial_offset)),
    (CONSUMERS, "start_from_beginning", Made(start_from_beginning)),
    (CONSUMERS, "backend", Made(backend)),
    (&[Redis], "backend", Says("write `defaults: { jobs: redis }`: `redis` says only where Redis is")),
    (CONSUMERS, "inline_processing", Made(inline_processing)),
    (
        CONSUMERS,
        "manual_offset_management",
        Says("take it out: what `perform` has ended with `Ok` is committed, and nothing else"),
    ),
    (
        CONSUMERS,
        "long_running_job",
        Says("take it out: a handler may take as long as it needs and keeps its partition"),
    ),
    (CONSUMERS, "virtual_partitions", Says("write `ordering: key` or `ordering: none` for the group, under `groups`")),
    (CONSUMERS, "active", Made(active)),
    (&[Topic], "config", Made(config)),
    (&[Group], "group_id", Key("id")),
    (&[Group], "group_instance_id", Key("instance_id")),
    (&[Root, Defaults, Topic, Consumer], "pause_timeout", Made(pause)),
    (&[Root, Defaults, Topic, Consumer], "pause_max_timeout", Made(pause)),
    (&[Root, Defaults, Topic, Consumer], "pause_with_exponential_backoff", Made(pause)),
    (
        &[Root],
        "client_id",
        With("write `kafka: { options: { client.id: {} } }`", "write `kafka: { options: { client.id: myapp } }`"),
    ),
    (&[Kafka], "seed_brokers", Key("brokers")),
    (&[Kafka], "bootstrap_servers", Key("brokers")),
    (&[Kafka], "client_id", With("write `options: { client.id: {} }`", "write `options: { client.id: myapp }`")),
];

/// What is written instead of `word`, if that is one of Ruby's at this place.
pub(super) fn instead(section: Section, word: &str, value: &Node) -> Option<Instead> {
    let (.., answer) = WORDS.iter().find(|(sections, known, _)| *known == word && sections.contains(&section))?;
    Some(match answer {
        Key(key) => Instead::Key(key),
        KeyOr(key, words) => words(value).map_or(Instead::Key(key), Instead::Words),
        With(words, otherwise) => Instead::Words(match value.word() {
            Some(text) => words.replace("{}", text),
            None => (*otherwise).to_owned(),
        }),
        Says(words) => Instead::Words((*words).to_owned()),
        Made(words) => Instead::Words(words(value)),
    })
}

fn find<'n>(node: &'n Node, word: &str) -> Option<&'n Node> {
    let mut entries = node.entries().unwrap_or_default().iter();
    entries.find(|entry: &&Entry| entry.key.value.text == word).map(|entry| &entry.value)
}

/// Ruby counts what comes after the first attempt.
fn attempts(retries: Option<&Node>) -> Option<u64> {
    retries?.word()?.parse::<u64>().ok()?.checked_add(1)
}

fn max_retries(value: &Node) -> String {
    match attempts(Some(value)) {
        Some(attempts) => format!("write `retry: {{ attempts: {attempts} }}`: the first attempt counts"),
        None => "write `retry: { attempts: 3 }`: the first attempt counts".to_owned(),
    }
}

fn dead_letter_queue(value: &Node) -> String {
    let topic = find(value, "topic").unwrap_or(value).word().unwrap_or("\"{topic}.dead\"");
    if topic == "false" {
        return "what fails goes to a topic, `dead_letter: orders.dead`, or is tried again for ever; `delivery: at_most_once` of \
                its group passes it over"
            .to_owned();
    }
    // Without it Karafka retries three times.
    let attempts = match find(value, "max_retries") {
        Some(retries) => attempts(Some(retries)).unwrap_or(4),
        None => 4,
    };
    format!("write `dead_letter: {topic}` and `retry: {{ attempts: {attempts} }}`: the first attempt counts")
}

fn start_from_beginning(value: &Node) -> String {
    let start = if value.word() == Some("false") { "latest" } else { "earliest" };
    format!("write `start: {start}`")
}

fn backend(value: &Node) -> String {
    let is_inline = value.word().is_some_and(|word| matches!(word.trim_start_matches(':'), "inline" | "in_process"));
    let jobs = if is_inline { "in_process" } else { "redis" };
    format!("write `jobs: {jobs}`")
}

fn max_messages(value: &Node) -> String {
    let size = value.word().filter(|word| values::number(word).is_some()).unwrap_or("100");
    format!("write `batch: {{ size: {size} }}`")
}

/// Ruby counts milliseconds.
fn max_wait_time(value: &Node) -> String {
    let wait = match value.word() {
        Some(word) if values::number(word).is_some() => format!("{word}ms"),
        Some(word) if values::duration(word).is_some() => word.to_owned(),
        _ => "200ms".to_owned(),
    };
    format!("write `batch: {{ wait: {wait} }}`")
}

fn initial_offset(value: &Node) -> Option<String> {
    let start = match value.word()?.trim_start_matches(':') {
        "smallest" | "beginning" => "earliest",
        "largest" | "end" => "latest",
        _ => return None,
    };
    Some(format!("write `start: {start}`"))
}

fn inline_processing(value: &Node) -> String {
    match value.word() {
        Some("false") => "write `jobs: redis`, and `karafka worker` performs them".to_owned(),
        _ => "write `jobs: in_process`, which is the default".to_owned(),
    }
}

fn active(value: &Node) -> String {
    match value.word() {
        Some("false") => "take the topic out, or start the app with `--exclude-topics`".to_owned(),
        _ => "take it out: every topic with a controller is consumed".to_owned(),
    }
}

fn config(value: &Node) -> String {
    let partitions = find(value, "partitions").and_then(Node::word).unwrap_or("12");
    format!("write `partitions: {partitions}` here")
}

fn pause(_: &Node) -> String {
    "write the first and the longest wait of a consumer: `retry: { backoff: 1s..30s }`".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a word of Ruby's hides a key of the manifest, or is answered with a key that is none.
    #[test]
    fn no_word_is_a_key_and_each_answer_is_one() {
        for (sections, word, answer) in WORDS {
            for section in *sections {
                assert!(section.key(word).is_none(), "{word} is a key of {section:?}");
                if let Key(key) | KeyOr(key, _) = answer {
                    assert!(section.key(key).is_some_and(|key| key.not_yet.is_none()), "{word} in {section:?}");
                }
            }
        }
    }
}
