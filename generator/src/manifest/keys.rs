//! The table of every key of the language.
//!
//! What the reader takes and refuses, the nearest key that it proposes, what it says of keys whose behaviour comes
//! later, and the JSON Schema for editors: all of it comes from here.

use std::ops::RangeInclusive;

use Section::{Batch, Consumer, Defaults, Environment, Group, Kafka, Message, Redis, Retry, Root, Topic};

/// A place in the manifest with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The top of the file.
    Root,
    /// `kafka:`
    Kafka,
    /// An entry of `environments:`.
    Environment,
    /// `redis:`
    Redis,
    /// `defaults:`
    Defaults,
    /// An entry of `messages:` that is not simply a list of fields.
    Message,
    /// An entry of `groups:`.
    Group,
    /// An entry of `topics:`.
    Topic,
    /// An entry of a topic's `consumers:`.
    Consumer,
    /// `retry:`
    Retry,
    /// `batch:`
    Batch,
}

/// All sections, in the order of the documentation.
pub const SECTIONS: &[Section] =
    &[Root, Kafka, Redis, Environment, Defaults, Message, Group, Topic, Consumer, Retry, Batch];

impl Section {
    /// What a message calls it: "`contoller` is not a key of …".
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Root => "the manifest",
            Kafka => "`kafka`",
            Environment => "an environment",
            Redis => "`redis`",
            Defaults => "`defaults`",
            Message => "a message",
            Group => "a group",
            Topic => "a topic",
            Consumer => "a consumer",
            Retry => "`retry`",
            Batch => "`batch`",
        }
    }

    /// Its keys, in the order of the documentation.
    pub fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.sections.contains(&self))
    }

    /// Its key of this name.
    #[must_use]
    pub fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

/// One key of the language.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it stands.
    pub sections: &'static [Section],
    /// How it is written.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// A value that fits, as it would be written in one line.
    pub example: &'static str,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// For a key whose behaviour comes later: what happens without it, and so what to do.
    pub not_yet: Option<&'static str>,
}

/// What a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Takes {
    /// A name of the app's own, without `${…}`.
    Name,
    /// A constant such as `Videos::DetailsController`, or one of the small words of the runtime.
    Constant(&'static [&'static str]),
    /// One of these words, without `${…}`.
    Choice(&'static [Word]),
    /// Addresses of brokers with `${…}`: a text, or a list of them.
    Brokers,
    /// A topic's name in Kafka, with `${…}`.
    TopicName,
    /// A topic's key, or a name in Kafka with `${…}` and `{topic}`.
    DeadLetter,
    /// The id of a group or of one of its members, with `${…}`.
    Id,
    /// A whole number in a range, or `${…}`.
    Number(RangeInclusive<u64>),
    /// A duration such as `30s`, or `${…}`.
    Duration,
    /// A duration in a range of milliseconds, or `${…}`.
    DurationWithin(RangeInclusive<u64>),
    /// `earliest`, `latest`, an age such as `24h ago`, an RFC 3339 moment, or `${…}`.
    Start,
    /// A range of durations such as `1s..30s`, or `${…}`.
    Backoff,
    /// A size such as `64MiB`, or `${…}`.
    Size,
    /// The address of a Redis, with `${…}`.
    RedisUrl,
    /// The name of a file where the app runs, with `${…}`.
    File,
    /// The name of a job queue, without `${…}`.
    Queue,
    /// A list of topics' keys.
    Topics,
    /// librdkafka properties and their values.
    Options,
    /// A field of the message.
    Field,
    /// The keys of a section.
    Keys(Section),
    /// Names, each with the keys of a section.
    Named(Section),
    /// A list of the keys of a section.
    List(Section),
    /// Fields and their types.
    Fields,
    /// Tags and the messages that they stand for.
    Variants,
    /// Whatever it will be: this version refuses the key.
    Later,
}

/// A word that a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// How it is written.
    pub text: &'static str,
    /// For a word whose behaviour comes later: what to do instead.
    pub not_yet: Option<&'static str>,
}

const fn now(text: &'static str) -> Word {
    Word { text, not_yet: None }
}

const fn later(text: &'static str, instead: &'static str) -> Word {
    Word { text, not_yet: Some(instead) }
}

const fn key(
    sections: &'static [Section],
    name: &'static str,
    takes: Takes,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key { sections, name, takes, example, doc, not_yet: None }
}

const fn not_yet(
    sections: &'static [Section],
    name: &'static str,
    example: &'static str,
    doc: &'static str,
    instead: &'static str,
) -> Key {
    Key { sections, name, takes: Takes::Later, example, doc, not_yet: Some(instead) }
}

/// How many performs at once, at most: a number beyond it is a slip of the finger.
const CONCURRENCY: RangeInclusive<u64> = 1..=65_536;
/// Kafka itself advises against more partitions in a whole cluster.
const PARTITIONS: RangeInclusive<u64> = 1..=100_000;
/// A wider window costs more memory than anybody has.
const WINDOW: RangeInclusive<u64> = 1..=10_000_000;
/// Less is no time to end anything, and for more no group waits.
const DRAINS: RangeInclusive<u64> = 100..=3_600_000;
/// Kafka is not asked more often than that, and no crash is to repeat more than a minute's work for want of a commit.
const COMMIT_INTERVALS: RangeInclusive<u64> = 10..=60_000;
/// The first one counts.
const ATTEMPTS: RangeInclusive<u64> = 1..=1_000_000;
/// More than this is no batch but the whole partition.
const BATCH: RangeInclusive<u64> = 1..=100_000;

const BACKENDS: &[Word] = &[now("in_process"), now("redis")];
const ORDERING: &[Word] = &[now("partition"), now("key"), now("none")];
const DELIVERY: &[Word] = &[
    now("at_least_once"),
    now("at_most_once"),
    later("exactly_once", "records are handled at least once: take it out, and make `perform` bear a repeat"),
];
const LOST_POSITION: &[Word] = &[now("fail"), now("earliest"), now("latest")];
const TOMBSTONES: &[Word] = &[now("deliver"), now("skip"), now("fail")];
const PROTOCOLS: &[Word] = &[now("classic"), now("consumer")];
const ASSIGNORS: &[Word] = &[now("cooperative-sticky"), now("range"), now("roundrobin")];

/// Keys of a consumer, which `defaults:` can give to all of them.
const CONSUMERS: &[Section] = &[Topic, Consumer, Defaults];

/// Every key, by section, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key(&[Root], "app", Takes::Name, "myapp", "The app's name, also its package's and its default group's."),
    key(&[Root, Environment], "kafka", Takes::Keys(Kafka), "{ brokers: \"localhost:9092\" }", "How to reach Kafka."),
    key(
        &[Root],
        "redis",
        Takes::Keys(Redis),
        "{ url: \"redis://localhost:6379\" }",
        "How to reach Redis, where jobs run there.",
    ),
    key(
        &[Root],
        "environments",
        Takes::Named(Environment),
        "{ production: { concurrency: 64 } }",
        "Settings that differ by `KARAFKA_ENV`.",
    ),
    key(&[Root, Environment, Group], "concurrency", Takes::Number(CONCURRENCY), "32", "How many performs run at once."),
    not_yet(
        &[Root],
        "jobs",
        "{ ResizeImage: { message: Resize } }",
        "Jobs of one's own, by name.",
        "a job is a message of a topic whose consumer has `jobs: redis`; `defaults: { jobs: redis }` says it for all",
    ),
    key(
        &[Root],
        "defaults",
        Takes::Keys(Defaults),
        "{ dead_letter: \"{topic}.dead\" }",
        "For every consumer that does not say otherwise.",
    ),
    key(&[Root], "messages", Takes::Named(Message), "{ Order: { id: uuid } }", "The types of what topics carry."),
    key(&[Root], "groups", Takes::Named(Group), "{ orders: { concurrency: 64 } }", "Settings of consumer groups."),
    key(
        &[Root],
        "topics",
        Takes::Named(Topic),
        "{ orders: { controller: OrdersController } }",
        "The topics, and who consumes them.",
    ),
    key(
        &[Kafka],
        "brokers",
        Takes::Brokers,
        "localhost:9092",
        "The addresses of some brokers, with commas between them.",
    ),
    key(
        &[Kafka],
        "options",
        Takes::Options,
        "{ security.protocol: ssl }",
        "Properties of librdkafka, for consumers and producers.",
    ),
    key(
        &[Kafka],
        "consumer",
        Takes::Options,
        "{ fetch.min.bytes: 1 }",
        "Properties of librdkafka, for consumers only.",
    ),
    key(
        &[Kafka],
        "producer",
        Takes::Options,
        "{ compression.type: lz4 }",
        "Properties of librdkafka, for producers only.",
    ),
    key(
        &[Redis],
        "url",
        Takes::RedisUrl,
        "redis://localhost:6379",
        "Where Redis is, if the variable `REDIS_URL` does not say; in development `redis://127.0.0.1:6379` by default.",
    ),
    key(
        &[Redis],
        "ca_file",
        Takes::File,
        "/etc/tls/redis-ca.pem",
        "With `rediss://`: certificates (PEM) of who vouches for Redis, instead of those whom the system trusts.",
    ),
    key(
        &[Redis],
        "certificate_file",
        Takes::File,
        "/etc/tls/app.pem",
        "With `rediss://`: the app's own certificate (PEM), where Redis asks for one.",
    ),
    key(
        &[Redis],
        "key_file",
        Takes::File,
        "/etc/tls/app.key",
        "The key of that certificate (PEM), without a passphrase.",
    ),
    key(
        &[Message],
        "fields",
        Takes::Fields,
        "{ id: uuid }",
        "The fields, where one of them is called like a key of messages.",
    ),
    key(
        &[Message],
        "one_of",
        Takes::Variants,
        "{ created: OrderCreated }",
        "Several messages on one topic, by the tag that tells them apart.",
    ),
    key(&[Message], "by", Takes::Field, "type", "The field that holds the tag of `one_of`."),
    not_yet(
        &[Message],
        "schema",
        "schemas/order.json",
        "A JSON Schema, Avro or Protobuf file.",
        "write the fields here, as in `Order: { id: uuid, total: decimal }`",
    ),
    not_yet(
        &[Message],
        "type",
        "shop.v1.Order",
        "The type in the schema file.",
        "write the fields here, as in `Order: { id: uuid, total: decimal }`",
    ),
    not_yet(
        &[Message],
        "include",
        "[schemas]",
        "Folders for imports of the schema file.",
        "write the fields here, as in `Order: { id: uuid, total: decimal }`",
    ),
    key(
        &[Group],
        "id",
        Takes::Id,
        "\"${GROUP:-audit}\"",
        "The group's id in Kafka, where it is not its key: it may differ by environment. Consumers and flags name the key; Kafka, \
         metrics and logs the id.",
    ),
    key(
        &[Group],
        "kafka",
        Takes::Options,
        "{ session.timeout.ms: 10000 }",
        "Properties of librdkafka for this group's client, over `kafka.consumer` and `kafka.options`.",
    ),
    key(&[Group], "ordering", Takes::Choice(ORDERING), "partition", "Which records wait for one another."),
    key(&[Group], "protocol", Takes::Choice(PROTOCOLS), "classic", "The group's protocol: `consumer` is KIP-848."),
    key(&[Group], "assignor", Takes::Choice(ASSIGNORS), "cooperative-sticky", "How partitions are shared out."),
    key(&[Group], "instance_id", Takes::Id, "${HOSTNAME}", "This process's name, for static membership."),
    key(&[Group], "memory", Takes::Size, "64MiB", "How much may be in flight and fetched ahead."),
    key(
        &[Group],
        "window",
        Takes::Number(WINDOW),
        "5000",
        "How many records of a partition may lie between the oldest unfinished and the newest in flight; 20000 by default. \
         In a wider window a commit may have no room to say which of them are finished, and a stop repeats those.",
    ),
    key(
        &[Group],
        "drain",
        Takes::DurationWithin(DRAINS),
        "30s",
        "How long a rebalance waits for what runs in the partitions that it takes; 10s by default. What runs beyond it is told \
         by `ctx.revoked()`, and its records are begun by another member as well.",
    ),
    key(
        &[Group],
        "commit_interval",
        Takes::DurationWithin(COMMIT_INTERVALS),
        "1s",
        "How long what is done may stay uncommitted; 200ms by default. A crash repeats what was done in it; a stop, and a \
         partition that goes, commit at once.",
    ),
    key(
        &[Group],
        "delivery",
        Takes::Choice(DELIVERY),
        "at_most_once",
        "What is promised of each record. `at_least_once` commits when it is done; `at_most_once` before it is begun, \
         and what fails or cannot be parsed is then reported, and neither repeated nor kept.",
    ),
    key(
        &[Topic],
        "name",
        Takes::TopicName,
        "${TOPIC_PREFIX:-}orders",
        "The topic's name in Kafka, where it is not its key.",
    ),
    key(&[Topic], "message", Takes::Name, "Order", "The type of what the topic carries, from `messages:`."),
    key(&[Topic], "key", Takes::Field, "id", "The field of the message that is the record's key."),
    key(&[Topic, Consumer], "controller", Takes::Constant(&[]), "OrdersController", "Who handles the records."),
    key(
        &[Topic, Consumer],
        "worker",
        Takes::Constant(&[]),
        "OrdersWorker",
        "Who runs the controller, where it is not derived from the controller's name.",
    ),
    key(
        &[Topic, Consumer],
        "emits",
        Takes::Topics,
        "[order_confirmed]",
        "The only topics that the controller can send to.",
    ),
    key(
        CONSUMERS,
        "group",
        Takes::Id,
        "myapp",
        "The consumer group, by its key under `groups` where it has settings; the app's name by default.",
    ),
    key(CONSUMERS, "parser", Takes::Constant(&["json", "bytes", "text"]), "json", "Who turns bytes into the message."),
    key(
        CONSUMERS,
        "interchanger",
        Takes::Constant(&["json", "binary"]),
        "json",
        "Who turns the message into a job and back.",
    ),
    key(
        CONSUMERS,
        "tombstones",
        Takes::Choice(TOMBSTONES),
        "skip",
        "What becomes of records without a value; they fail by default.",
    ),
    key(
        CONSUMERS,
        "retry",
        Takes::Keys(Retry),
        "{ attempts: 5, backoff: 1s..30s }",
        "How a failing record is tried again.",
    ),
    key(
        CONSUMERS,
        "jobs",
        Takes::Choice(BACKENDS),
        "redis",
        "Where its jobs run: `in_process` (the default) is in the server, which acknowledges a record when its job is done; \
         `redis` is in `karafka worker`, and the server acknowledges a record when its job is enqueued.",
    ),
    key(
        CONSUMERS,
        "start",
        Takes::Start,
        "24h ago",
        "Where a group without an offset begins: `earliest` (the default), `latest`, an age, or a moment.",
    ),
    key(
        CONSUMERS,
        "lost_position",
        Takes::Choice(LOST_POSITION),
        "earliest",
        "What happens when retention has passed the group's offset; the partition waits for a person by default.",
    ),
    key(CONSUMERS, "timeout", Takes::Duration, "30s", "How long one attempt may take; as long as it needs by default."),
    key(
        CONSUMERS,
        "dead_letter",
        Takes::DeadLetter,
        "\"{topic}.dead\"",
        "The topic where records go that cannot be handled; without one they are tried again for ever.",
    ),
    key(
        CONSUMERS,
        "queue",
        Takes::Queue,
        "critical",
        "The queue of its jobs, where they run on Redis; `default` by default.",
    ),
    key(
        // Not in `defaults`: it says which method a controller has.
        &[Topic, Consumer],
        "batch",
        Takes::Keys(Batch),
        "{ size: 500, wait: 200ms }",
        "Hands several records of a partition at once to the controller, which has `perform_batch` instead of `perform`.",
    ),
    key(&[Topic], "partitions", Takes::Number(PARTITIONS), "12", "How many partitions the topic has."),
    not_yet(
        &[Topic],
        "replication",
        "3",
        "How many copies of each partition there are.",
        "karafka does not make topics on a cluster yet: take it out, and set it there",
    ),
    not_yet(
        &[Topic],
        "settings",
        "{ retention.ms: 604800000 }",
        "The topic's settings in Kafka.",
        "karafka does not make topics on a cluster yet: take it out, and set them there",
    ),
    key(
        &[Topic],
        "consumers",
        Takes::List(Consumer),
        "[{ controller: OrdersController }, { group: audit, controller: AuditController }]",
        "Several groups that consume the topic.",
    ),
    key(
        &[Retry],
        "backoff",
        Takes::Backoff,
        "1s..30s",
        "The first and the longest wait before a record is tried again; a job on Redis has Sidekiq's waits by default.",
    ),
    key(
        &[Retry],
        "attempts",
        Takes::Number(ATTEMPTS),
        "5",
        "How often a record is tried before it goes to the dead letter topic, the first time counted; a job on Redis goes \
         to Sidekiq's `dead` set instead, after 25 retries by default.",
    ),
    key(&[Batch], "size", Takes::Number(BATCH), "500", "How many records a batch holds at most; 100 by default."),
    key(
        &[Batch],
        "wait",
        Takes::Duration,
        "200ms",
        "How long the first record of a batch waits for others at most; 200ms by default.",
    ),
];

/// The nearest of `candidates` to a word, if it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.75;
    // Longer words are not slips of the finger, and comparing them would take long.
    const LONGEST: usize = 100;
    if word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.', ' '], "");
    let wanted = plain(word);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            let other = plain(candidate);
            let likeness = strsim::normalized_damerau_levenshtein(&wanted, &other).max(one_typo(&wanted, &other));
            (likeness, candidate)
        })
        .filter(|&(likeness, _)| likeness >= NEAR_ENOUGH)
        // The first of equals, so that the answer does not hang on the order of floats.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, candidate)| candidate)
}

/// A singular for a plural, or one slip in a short word, is near whatever the measure says.
fn one_typo(wanted: &str, other: &str) -> f64 {
    let (shorter, longer) = (wanted.len().min(other.len()), wanted.len().max(other.len()));
    if shorter >= 2 && longer >= 3 && strsim::damerau_levenshtein(wanted, other) == 1 { 0.9 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a key has two meanings at one place, and which one counts hangs on the table's order.
    #[test]
    fn a_section_has_each_key_once() {
        for &section in SECTIONS {
            let mut names: Vec<_> = section.keys().map(|key| key.name).collect();
            let count = names.len();
            assert!(count > 0, "{section:?}");
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{section:?}");
        }
    }

    /// If this fails, a person is told of a key without what it is for.
    #[test]
    fn each_key_says_what_it_is_for_and_what_to_do_without_it() {
        for key in KEYS {
            assert!(key.doc.ends_with('.') && !key.doc.contains('\n'), "{}", key.name);
            assert!(!key.example.is_empty(), "{}", key.name);
            assert_eq!(key.not_yet.is_some(), key.takes == Takes::Later, "{}", key.name);
        }
    }

    /// If this fails, a slip of the finger is answered with silence, or with a word that was never meant.
    #[test]
    fn near_words_are_proposed_and_far_ones_are_not() {
        let topic = |word| nearest(word, Topic.keys().map(|key| key.name));
        assert_eq!(topic("contoller"), Some("controller"));
        assert_eq!(topic("consumer"), Some("consumers"));
        assert_eq!(topic("Controller"), Some("controller"));
        assert_eq!(topic("emit"), Some("emits"));
        assert_eq!(topic("gorup"), Some("group"));
        assert_eq!(topic("lostPosition"), Some("lost_position"));
        assert_eq!(topic("colour"), None);
        assert_eq!(topic("x"), None);
        assert_eq!(topic(&"controller".repeat(1_000)), None);
        assert_eq!(nearest("topcs", Root.keys().map(|key| key.name)), Some("topics"));
    }

    /// If this fails, what is proposed hangs on the order of candidates, or a word of two letters is taken for any other.
    #[test]
    fn how_near_is_near_enough() {
        // Three quarters; and one slip, in words that have something else in common.
        assert_eq!(nearest("abcdefxy", ["abcdefgh"]), Some("abcdefgh"));
        assert_eq!(nearest("abcdexyz", ["abcdefgh"]), None);
        assert_eq!([nearest("ab", ["abc"]), nearest("ab", ["ac"]), nearest("a", ["b"])], [Some("abc"), None, None]);
        // The first of equals, and the best of all.
        assert_eq!(nearest("topix", ["topic", "topid"]), Some("topic"));
        assert_eq!(nearest("topics", ["topicss", "topics", "topicsss"]), Some("topics"));
        let [longest, longer] = [100, 101].map(|length| "a".repeat(length));
        assert_eq!(nearest(&longest, [&*longest]), Some(&*longest));
        assert_eq!(nearest(&longer, [&*longest]), None);
        assert_eq!(nearest(&longest, [&*longer]), None);
    }
}
