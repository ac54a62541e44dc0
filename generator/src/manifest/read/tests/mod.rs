//! What is taken, and what each mistake looks like.

mod beside;

use super::*;
use crate::manifest::{MessageBody, Type};

fn take(text: &str) -> Manifest {
    let (manifest, diagnostics) = read(&Source::new("karafka.yml", text));
    assert_eq!(diagnostics, [], "of\n{text}");
    manifest.unwrap()
}

/// If this fails, a manifest of the documentation is refused.
#[test]
fn the_manifests_of_the_documentation_are_taken() {
    for text in [
        include_str!("../../../../../tests/manifests/smallest.yml"),
        include_str!("../../../../../tests/manifests/slide.yml"),
        include_str!("../../../../../tests/manifests/everything.yml"),
    ] {
        take(text);
    }
}

/// If this fails, a value of the manifest gets lost between the text and the app.
#[test]
fn every_value_arrives() {
    let text = include_str!("../../../../../tests/manifests/everything.yml");
    let manifest = take(text);
    let slice = |text_: &Text| &text[text_.span.start..text_.span.end];
    assert_eq!(manifest.app.as_ref().unwrap().value, "studio");
    assert_eq!(slice(manifest.app.as_ref().unwrap()), "studio");
    assert_eq!(manifest.kafka.brokers.as_ref().unwrap().value, "${KAFKA_BROKERS:-localhost:9092}");
    assert_eq!(manifest.kafka.options.len(), 3);
    assert_eq!(manifest.kafka.options[1].1.value, "${KAFKA_PASSWORD?}");
    assert_eq!(slice(&manifest.kafka.options[1].1), "\"${KAFKA_PASSWORD?}\"");
    assert_eq!(manifest.environments[1].kafka.brokers.as_ref().unwrap().value, "${STAGING_1}:9092,staging-2:9092");
    assert_eq!(manifest.environments[0].concurrency.as_ref().unwrap().value, "64");
    assert_eq!(manifest.concurrency.as_ref().unwrap().value, "32");
    assert_eq!(manifest.defaults.backoff.as_ref().unwrap().value, "1s..30s");
    assert_eq!(manifest.defaults.attempts.as_ref().unwrap().value, "3");
    assert_eq!(manifest.defaults.dead_letter.as_ref().unwrap().value, "{topic}.dead");
    assert_eq!(manifest.redis.url.as_ref().unwrap().value, "${REDIS_URL:-redis://localhost:6379}");
    assert_eq!(manifest.defaults.jobs.as_ref().unwrap().value, "in_process");
    assert_eq!(manifest.defaults.queue.as_ref().unwrap().value, "low");
    assert_eq!(manifest.groups[0].settings.len(), 11);
    assert_eq!(manifest.groups[0].id().value, "${GROUP:-composed_application}");
    let [(name, value)] = &manifest.groups[0].kafka[..] else { panic!("one property") };
    assert_eq!((name.value.as_str(), slice(value)), ("session.timeout.ms", "10000"));
    let MessageBody::Fields(fields) = &manifest.messages[0].body else { panic!("a record") };
    assert_eq!((fields[2].name.value.as_str(), fields[2].optional), ("duration_seconds", true));
    assert!(matches!(fields[3].kind.value, Type::List(_)));
    assert!(matches!(fields[4].kind.value, Type::Map(_)));
    let Type::Enum(words) = &fields[5].kind.value else { panic!("an enum") };
    assert_eq!((words[0].value.as_str(), slice(&words[1])), ("draft", "published"));
    assert!(matches!(&fields[6].kind.value, Type::Record(fields) if fields[1].optional));
    assert!(
        matches!(&manifest.messages[5].body, MessageBody::OneOf { variants, by } if variants.len() == 2 && by.value == "type")
    );
    let new_videos = &manifest.topics[0];
    assert_eq!(new_videos.key_field.as_ref().unwrap().value, "id");
    assert_eq!(new_videos.partitions.as_ref().unwrap().value, "12");
    let consumer = &new_videos.consumers[0];
    assert_eq!(consumer.controller.value, "Videos::NewVideosController");
    assert_eq!(consumer.emits[0].value, "video_encoded");
    assert_eq!(consumer.settings.tombstones.as_ref().unwrap().value, "skip");
    assert_eq!(consumer.settings.attempts.as_ref().unwrap().value, "5");
    assert_eq!(consumer.settings.backoff.as_ref().unwrap().value, "200ms..20s");
    assert_eq!(consumer.settings.timeout.as_ref().unwrap().value, "30s");
    assert_eq!(consumer.settings.jobs.as_ref().unwrap().value, "redis");
    assert_eq!(consumer.settings.queue.as_ref().unwrap().value, "critical");
    assert_eq!(consumer.settings.dead_letter.as_ref().unwrap().value, "new_videos.dead");
    assert_eq!(manifest.topics[2].consumers.len(), 0);
    assert_eq!(manifest.topics[5].consumers.len(), 3);
    let batch = manifest.topics[5].consumers[2].batch.as_ref().unwrap();
    assert_eq!((&*batch.size.as_ref().unwrap().value, &*batch.wait.as_ref().unwrap().value), ("500", "200ms"));
    assert_eq!(manifest.topics[5].consumers[1].settings.group.as_ref().unwrap().value, "audit");
}

/// If this fails, YAML's own meaning of a word changes a name: Norway's country code, a version, an octal number.
#[test]
fn texts_keep_their_letters() {
    let manifest = take(
        "app: no\ntopics:\n  on: { controller: Yes }\n  1.10: { group: 0o17, controller: Off }\n  2024-01-01: {}\n  null: {}\n",
    );
    assert_eq!(manifest.app.unwrap().value, "no");
    let keys: Vec<_> = manifest.topics.iter().map(|topic| topic.key.value.as_str()).collect();
    assert_eq!(keys, ["on", "1.10", "2024-01-01", "null"]);
    assert_eq!(manifest.topics[1].consumers[0].settings.group.as_ref().unwrap().value, "0o17");
}

/// If this fails, a manifest from some editors is refused, or shown at places that are off by the mark.
#[test]
fn a_byte_order_mark_and_document_marks_are_fine() {
    for text in ["\u{feff}app: a\n", "---\napp: a\n...\n", "%YAML 1.2\n---\napp: a\n", "app: a\r\n", "\r\n\r\napp: a"] {
        let app = take(text).app.unwrap();
        assert_eq!((app.value.as_str(), &text[app.span.start..app.span.end]), ("a", "a"), "{text:?}");
    }
}

/// If this fails, several topics cannot share what they have in common.
#[test]
fn aliases_and_merge_keys_bring_what_they_name() {
    let manifest = take(
        "app: a\ntopics:\n  x: &common { group: g, parser: text, controller: X }\n  y: { <<: *common, controller: Y }\n  z: *common\n",
    );
    assert_eq!(manifest.topics[1].consumers[0].controller.value, "Y");
    assert_eq!(manifest.topics[1].consumers[0].settings.group.as_ref().unwrap().value, "g");
    assert_eq!(manifest.topics[2].consumers[0].settings.parser.as_ref().unwrap().value, "text");
}

/// Each mistake and the manifest that has it, by the name of its snapshot.
///
/// The name begins with the code; what follows tells the cases of one code apart.
const MISTAKES: &[(&str, &str)] = &[
    (
        "merge-markers",
        "app: a\ntopics:\n<<<<<<< HEAD\n  orders: { contoller: A }\n||||||| 1a2b3c\n  orders: {}\n=======\n  orders: { controller: [B }\n>>>>>>> branch\n",
    ),
    ("merge-markers half", "app: a\ntopics:\n  orders: { controller: A }\n>>>>>>> branch\n"),
    ("bad-character nul", "app: a\ntopics:\n  x\0: {}\n"),
    ("bad-character not utf-8", "app: caf\u{fffd}\n"),
    ("bad-character byte order mark", "app: a\n\u{feff}topics: {}\n"),
    ("bad-character escape", "app: a\u{1b}[31m\n"),
    ("yaml-syntax tab", "app: a\ntopics:\n\torders: {}\n"),
    ("yaml-syntax colon", "app: my: app\n"),
    ("yaml-syntax bracket", "app: a\ntopics:\n  orders: { emits: [a, b }\n"),
    ("yaml-syntax unclosed bracket", "app: a\ntopics: { orders: { controller: A\n"),
    ("yaml-syntax quote", "app: \"a\ntopics: {}\n"),
    ("yaml-syntax indentation", "app: a\ntopics:\n    orders: {}\n  clicks: {}\n"),
    ("yaml-syntax alias", "app: a\ntopics:\n  orders: *common\n"),
    ("yaml-syntax circle", "app: a\ntopics: &x { orders: *x }\n"),
    ("yaml-syntax tag", "app: !!str a\n"),
    (
        "needs-quotes between braces",
        "app: a\nkafka:\n  options: { security.protocol: ssl, sasl.password: ${KAFKA_PASSWORD?} }\n",
    ),
    ("needs-quotes in a list", "app: a\nkafka:\n  brokers: [${HOST_1}:9092, b:9092]\n"),
    ("needs-quotes at sign", "app: @scope\n"),
    ("needs-quotes braces", "app: {{ name }}\n"),
    (
        "needs-quotes password",
        "app: a\nkafka: { options: { sasl.password: hun,ter2, client.id: x } }\ntopics: { orders: { controller: A } }\n",
    ),
    ("needs-quotes topic", "app: a\ndefaults:\n  dead_letter: {topic}.dead\n"),
    ("too-deep", "app: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"),
    (
        "too-large",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n\
         d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]\nf: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e]\n",
    ),
    ("empty-manifest", "# Nothing but a comment.\n"),
    ("several-documents", "app: a\n---\napp: b\n"),
    (
        "duplicate-key topic",
        "app: a\ntopics:\n  orders: { controller: A }\n  clicks: {}\n  orders: { controller: B }\n",
    ),
    ("duplicate-key field", "app: a\nmessages:\n  Order: { id: uuid, id?: uuid }\n"),
    ("unknown-key near", "app: a\ntopics:\n  orders:\n    contoller: Videos::DetailsController\n"),
    ("unknown-key elsewhere", "app: a\ntopics:\n  orders: { controller: A, ordering: partition }\n"),
    (
        "unknown-key ruby",
        "app: a\nclient_id: shop\nconsumer_groups: { audit: {} }\ntopics:\n  orders:\n    consumer: OrdersController\n    deserializer: json\n    \
         max_messages: 50\n    max_wait_time: 500\n    dead_letter_queue: { topic: dead, max_retries: 2 }\n    initial_offset: latest\n    \
         start_from_beginning: false\n    manual_offset_management: true\n    virtual_partitions: { max: 5 }\n    backend: sidekiq\n    \
         pause_timeout: 1000\n    responder: R\nkafka: { seed_brokers: \"kafka:9092\", client_id: x }\ndefaults: { max_retries: 4 }\n",
    ),
    (
        "unknown-key ruby values",
        "app: a\ngroups: { g: { group_id: x, group_instance_id: y } }\ntopics:\n  a: { controller: A, backend: redis, inline_processing: false, active: true }\n  \
         b: { controller: B, backend: inline, inline_processing: true, active: false, max_wait_time: 1s, max_messages: many }\n  \
         c: { controller: C, dead_letter_queue: dead, config: { partitions: 3 }, initial_offset: smallest }\n  \
         d: { controller: D, dead_letter_queue: { topic: false }, initial_offset: earliest, max_wait_time: 500 }\n",
    ),
    (
        "unknown-key property",
        "app: a\nlinger.ms: 5\nkafka: { bootstrap.servers: \"kafka:9092\", linger.ms: 5 }\ngroups: { g: { session.timeout.ms: 10000, jobs: redis } }\ntopics:\n  \
         a: { controller: A, group: g, auto.offset.reset: earliest, fetch.min.bytes: 2, kafka: { fetch.min.bytes: 2 } }\n\
         environments: { production: { brokers: \"kafka:9092\" } }\nretry: { attempts: 3 }\n",
    ),
    (
        "unknown-key variable values",
        "app: a\nshutdown_timeout: 60000\nhealth: 70000\nlogger: true\nenv: staging\ntopics:\n  orders: { controller: A }\n",
    ),
    (
        "unknown-key variable",
        "app: a\nhealth: 9000\nshutdown_timeout: 3s\nlog_level: debug\ntopics:\n  orders: { controller: A }\n",
    ),
    (
        "unknown-key level",
        "app: a\nsecurity.protocol: ssl\nbrokers: \"kafka:9092\"\ncontroller: B\nkafka: { sasl.password: hunter2 }\ntopics:\n  \
         orders: { controller: A, ordering: key, attempts: 3, size: 5 }\n  clicks: { controller: B, group: audit, memory: 64MiB, concurrency: 3 }\n",
    ),
    ("unknown-key far", "app: a\ngroups:\n  g: { colour: red }\n"),
    ("unknown-key not yet", "app: a\ntopics:\n  orders: { controller: A, replicaton: x }\n"),
    ("unknown-key environment", "app: a\nenvironments:\n  production: { topics: {} }\n"),
    ("unknown-key homoglyph", "app: a\ntopics:\n  orders: { \u{441}ontroller: A }\n"),
    ("unknown-key defaults", "app: a\ndefaults: { controller: A }\n"),
    ("invalid-url redis insecure", "app: a\nredis: { url: \"rediss://:hunter2@redis:6380#insecure\" }\n"),
    ("not-supported delivery", "app: a\ngroups:\n  g: { delivery: exactly_once }\n"),
    (
        "unknown-value start",
        "app: a\ndefaults: { start: latst }\ntopics:\n  a: { controller: A, start: yesterday }\n  b: { controller: B, start: 24h }\n  \
         c: { controller: C, lost_position: skip }\n",
    ),
    ("not-supported schema", "app: a\nmessages:\n  Order: { schema: schemas/order.json }\n"),
    ("not-supported header", "app: a\nmessages:\n  A: { id: u8 }\n  E: { one_of: { a: A }, by: header:type }\n"),
    ("not-supported topic", "app: a\ntopics:\n  orders: { controller: A, replication: 3, settings: {} }\n"),
    ("missing-key app", "topics:\n  orders: { controller: A }\n"),
    ("missing-key controller", "app: a\ntopics:\n  orders:\n    parser: bytes\n    group: g\n"),
    ("missing-key consumers entry", "app: a\ntopics:\n  orders:\n    consumers:\n      - { group: audit }\n"),
    ("missing-key by", "app: a\nmessages:\n  A: { id: u8 }\n  E: { one_of: { a: A } }\n"),
    (
        "conflicting-keys consumers",
        "app: a\ntopics:\n  orders:\n    controller: A\n    consumers:\n      - { controller: B }\n",
    ),
    ("conflicting-keys one_of", "app: a\nmessages:\n  A: { id: u8 }\n  E: { one_of: { a: A }, by: type, id: u8 }\n"),
    ("unknown-key batch", "app: a\ndefaults: { batch: {} }\ntopics:\n  a: { controller: A, batch: { sise: 5 } }\n"),
    ("wrong-kind batch", "app: a\ntopics:\n  a: { controller: A, batch: 500 }\n"),
    ("invalid-number batch", "app: a\ntopics:\n  a: { controller: A, batch: { size: 0 } }\n"),
    ("invalid-duration batch", "app: a\ntopics:\n  a: { controller: A, batch: { wait: 0s } }\n"),
    (
        "wrong-kind what fits",
        "app: a\nkafka: kafka:9092\ngroups: { g: 64, h: key }\ntopics:\n  a: { controller: A, retry: 5, batch: 200ms }\n  \
         b: { controller: B, retry: 1s..30s, batch: 50 }\n  c: 12\n  d: { consumers: DController }\n",
    ),
    ("wrong-kind manifest", "- app\n- topics\n"),
    ("wrong-kind section", "app: a\ntopics: [orders, clicks]\n"),
    ("wrong-kind topic", "app: a\ntopics:\n  orders: OrdersController\n"),
    ("wrong-kind text", "app: a\ntopics:\n  orders: { controller: [A, B] }\n"),
    ("wrong-kind emits", "app: a\ntopics:\n  orders: { controller: A, emits: clicks }\n  clicks: {}\n"),
    (
        "wrong-kind entry",
        "app: a\nkafka: { brokers: [\"a:1\", [\"b:1\"]] }\ntopics:\n  orders: { controller: A, emits: [[clicks], { clicks: {} }] }\n  clicks: {}\n",
    ),
    ("wrong-kind option", "app: a\nkafka: { options: { security: { protocol: ssl } } }\n"),
    ("wrong-kind jobs", "app: a\ntopics:\n  orders: { controller: A, jobs: { backend: in_process } }\n"),
    (
        "wrong-kind jobs redis",
        "app: a\ndefaults: { jobs: { backend: redis, url: \"${REDIS_URL}\" } }\ntopics:\n  orders: { controller: A, jobs: { url: \"redis://h\" } }\n",
    ),
    ("wrong-kind redis", "app: a\nredis: redis://h:6379\n"),
    (
        "unknown-key jobs",
        "app: a\njobs: { backend: redis, url: \"redis://:hunter2@h\" }\ntopics:\n  orders: { controller: A, queue: low }\n",
    ),
    ("unknown-key jobs word", "app: a\njobs: in_process\ntopics:\n  orders: { controller: A }\n"),
    ("unknown-key redis", "app: a\nredis: { ulr: redis://h:6379, backend: redis }\n"),
    ("not-supported jobs", "app: a\njobs: { ResizeImage: { queue: low } }\n"),
    ("unknown-value jobs", "app: a\ndefaults: { jobs: sidekiq }\ntopics:\n  orders: { controller: A, jobs: reddis }\n"),
    ("invalid-url", "app: a\nredis: { url: \"redis://ann:hunter2@redis:port\" }\n"),
    (
        "literal-secret",
        "app: a\nkafka:\n  options: { sasl.password: hunter2, client.id: x }\n  consumer:\n    sasl.password: \"${P:-hunter2}\"\n  producer:\n    ssl.keystore.password: hunter2\n",
    ),
    ("literal-secret address", "app: a\nredis: { url: \"redis://ann:hunter2@redis\" }\n"),
    ("literal-secret default", "app: a\nredis: { url: \"${URL:-redis://ann:hunter2@redis}\" }\n"),
    ("invalid-broker user", "app: a\nkafka: { brokers: [b:9092, \"ann:hunter2@b:9092\"] }\n"),
    ("invalid-url host", "app: a\nredis: { url: \"localhost:6379\" }\n"),
    (
        "invalid-name queue",
        "app: a\ndefaults: { queue: very critical }\ntopics:\n  orders: { controller: A, queue: \"critical,3\" }\n",
    ),
    ("variable-not-allowed queue", "app: a\ndefaults: { queue: \"${QUEUE:-critical}\" }\n"),
    ("wrong-kind key", "app: a\n? [x, y]\n: b\n"),
    ("wrong-kind message", "app: a\nmessages: { Order: string }\n"),
    ("wrong-kind variant", "app: a\nmessages:\n  E: { one_of: { a: { id: u8 } }, by: type }\n"),
    ("empty-value null", "app: a\ntopics:\n  orders:\n    controller: A\n    group:\n"),
    (
        "empty-value nothing",
        "app: a\nmessages:\n  Order: { fields: }\ntopics:\n  orders: { consumers: [] }\n  clicks: { consumers: }\n",
    ),
    (
        "empty-value default",
        "app: a\nkafka: { brokers: \"${KAFKA:-}\" }\nconcurrency: \"${N:-}\"\ntopics:\n  orders: { name: \"${P:-}\", controller: A, group: \"${G:-}\" }\n",
    ),
    ("empty-value text", "app: a\ntopics:\n  orders: { controller: A, group: \"\" }\n"),
    ("empty-value option", "app: a\nkafka:\n  options:\n    sasl.password:\n"),
    ("empty-value message", "app: a\nmessages:\n  Order:\n"),
    ("empty-value type", "app: a\nmessages:\n  Order:\n    id:\n    title: ~\n"),
    ("unknown-value near", "app: a\ntopics:\n  orders: { controller: A, tombstones: skipp }\n"),
    ("unknown-value ordering", "app: a\ngroups:\n  g: { ordering: keys }\n  h: { ordering: strict }\n"),
    ("unknown-value far", "app: a\ngroups:\n  g: { assignor: sticky-ish, protocol: new }\n"),
    ("unknown-value parser", "app: a\ntopics:\n  orders: { controller: A, parser: jsn, interchanger: xml }\n"),
    (
        "invalid-number",
        "app: a\nconcurrency: lots\ntopics:\n  orders: { partitions: 0 }\n  clicks: { partitions: 1_000 }\n",
    ),
    (
        "invalid-number attempts",
        "app: a\ndefaults: { retry: { attempts: 0 } }\ngroups:\n  g: { window: 0 }\n  h: { window: 10000001 }\n",
    ),
    ("invalid-number default", "app: a\nconcurrency: \"${N:-lots}\"\ngroups: { g: { window: \"${W:-}0\" } }\n"),
    ("missing-port", "app: a\nkafka: { brokers: [kafka-1, \"kafka-2:9092\"] }\n"),
    ("invalid-broker", "app: a\nkafka: { brokers: \"kafka-1:9092, kafka-2:port\" }\n"),
    ("invalid-duration backwards", "app: a\ndefaults: { retry: { backoff: 30s..1s } }\n"),
    ("invalid-duration zero", "app: a\ndefaults: { retry: { backoff: 0s..30s } }\n"),
    ("invalid-duration none", "app: a\ndefaults: { retry: { backoff: 1.5s..30 } }\n"),
    (
        "invalid-duration timeout",
        "app: a\ndefaults: { timeout: 30 }\ntopics:\n  a: { controller: A, timeout: 0s }\n  b: { controller: B, timeout: 25h }\n",
    ),
    (
        "invalid-duration drain",
        "app: a\ngroups:\n  g: { drain: 99ms }\n  h: { drain: 61m }\n  i: { drain: 10 }\n  j: { drain: \"${DRAIN:-10s}\" }\n",
    ),
    (
        "invalid-duration within",
        "app: a\ngroups:\n  g: { commit_interval: 9ms }\n  h: { commit_interval: 61s }\n  i: { commit_interval: 200 }\n",
    ),
    ("invalid-size", "app: a\ngroups:\n  g: { memory: 64MB }\n  h: { memory: plenty }\n"),
    ("invalid-variable", "app: a\nkafka:\n  brokers: \"${KAFKA-localhost}:9092\"\nconcurrency: ${N\n"),
    (
        "invalid-variable without braces",
        "app: a\nkafka: { brokers: $KAFKA_BROKERS, options: { client.id: $CLIENT } }\nconcurrency: $N\ntopics:\n  \
         orders: { name: \"$PREFIX-orders\", controller: A, group: $GROUP, dead_letter: $DEAD }\n",
    ),
    ("variable-not-allowed", "app: \"${APP}\"\ntopics:\n  \"${PREFIX}orders\": { controller: \"${C}Controller\" }\n"),
    (
        "variable-not-allowed group",
        "app: a\ngroups:\n  \"${GROUP:-audit}\": { ordering: key }\ntopics:\n  t: { controller: A, group: \"${GROUP:-audit}\" }\n",
    ),
    ("unknown-key environment groups", "app: a\nenvironments:\n  production: { groups: { a: { id: b } } }\n"),
    ("empty-value group id", "app: a\ngroups:\n  a: { id: \"\" }\n  b: { id: }\n"),
    (
        "invalid-name group id",
        concat!(
            "app: a\ngroups:\n  a: { id: \" b\" }\n  b: { id: ",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }\n"
        ),
    ),
    ("invalid-variable group id", "app: a\ngroups:\n  a: { id: \"${GROUP-audit}\" }\n"),
    (
        "wrong-kind group kafka",
        "app: a\ngroups:\n  a: { kafka: [session.timeout.ms] }\n  b: { kafka: { session: { timeout.ms: 1 } } }\n",
    ),
    ("variable-not-allowed ordering", "app: a\ngroups:\n  g: { ordering: \"${ORDERING:-key}\" }\n"),
    ("invalid-name homoglyph", "app: a\ntopics:\n  orders: { controller: \u{421}licksController }\n"),
    ("invalid-name blank", "app: a\ntopics:\n  orders: { controller: A, group: \" g\" }\n"),
    ("invalid-name question mark", "app: a\nmessages:\n  Order: { a??: string, ?b: string, c?: string }\n"),
    ("invalid-name umlaut", "app: größe\n"),
    (
        "invalid-name control",
        "app: a\ntopics:\n  orders:\n    controller: |\n      A\n    group: \"g\\th\"\n    parser: \"P\\u0007\"\n",
    ),
    ("invalid-name zero width", "app: a\nmessages:\n  Or\u{200b}der: { id: uuid }\n"),
    (
        "invalid-topic-name blank",
        "app: a\ntopics:\n  \"my orders\": { controller: A }\n  \"..\": {}\n  x: { name: \"${PREFIX:-}a/b\" }\n",
    ),
    (
        "invalid-topic-name dead letter",
        "app: a\ndefaults: { dead_letter: \"{group}.dead\" }\ntopics:\n  a: { controller: A, dead_letter: a/dead }\n  b: { controller: B, dead_letter: \"{topic} dead\" }\n  c: { controller: C, dead_letter: \"${PREFIX}dead!\" }\n",
    ),
    ("invalid-variable dead letter", "app: a\ntopics:\n  a: { controller: A, dead_letter: \"${PREFIX-x}.dead\" }\n"),
    (
        "unknown-option",
        "app: a\nkafka:\n  options: { fetch.min.byte: 1, colour: \"${COLOUR}\" }\nenvironments:\n  production: { kafka: { producer: { compresion.type: lz4 } } }\n",
    ),
    ("unknown-option group", "app: a\ngroups:\n  a: { kafka: { sesion.timeout.ms: 1, colour: \"${COLOUR?}\" } }\n"),
    (
        "invalid-option unit",
        "app: a\nkafka: { producer: { linger.ms: 5ms } }\ngroups:\n  a: { kafka: { session.timeout.ms: 10s, fetch.min.bytes: 0 } }\n",
    ),
    (
        "engine-option group",
        "app: a\ngroups:\n  a: { kafka: { group.id: b, partition.assignment.strategy: range, enable.auto.commit: true } }\n",
    ),
    (
        "engine-option silent",
        "app: a\nkafka:\n  options: { delivery.report.only.error: \"${ONLY?}\", log_level: 7, log.queue: false, test.mock.num.brokers: 1, client.id: a }\n  consumer: { client.id: b }\n  producer: { client.id: c, delivery.report.only.error: false }\ngroups:\n  a: { kafka: { client.id: d } }\n",
    ),
    (
        "misplaced-option",
        "app: a\nkafka:\n  consumer: { linger.ms: 5 }\n  producer: { session.timeout.ms: \"${S?}\" }\ngroups:\n  a: { kafka: { compression.type: lz4 } }\n",
    ),
    ("duplicate-key option", "app: a\nkafka: { producer: { linger.ms: 5, queue.buffering.max.ms: 6 } }\n"),
    ("literal-secret group", "app: a\ngroups:\n  a: { kafka: { sasl.password: hunter2 } }\n"),
    (
        "invalid-option default",
        "app: a\nkafka: { consumer: { fetch.min.bytes: \"${FETCH:-0}\", fetch.wait.max.ms: \"${WAIT:-}\" } }\ngroups:\n  a: { kafka: { session.timeout.ms: \"${SESSION:-10s}\" } }\n",
    ),
    ("invalid-option", "app: a\nkafka: { consumer: { fetch.min.bytes: 0 }, producer: { compression.type: zip } }\n"),
    (
        "engine-option",
        "app: a\nkafka:\n  options:\n    bootstrap.servers: localhost:9092\n    enable.auto.commit: true\n  consumer: { group.id: g, auto.offset.reset: latest }\n",
    ),
    (
        "invalid-type",
        "app: a\nmessages:\n  Order:\n    a: string?\n    b: u8[]\n    c: Vec<string>\n    d: [u8, u16]\n    e: { u32: string }\n    f: not a type\n    g: a | | b\n",
    ),
    (
        "invalid-type null",
        "app: a\nmessages:\n  Order:\n    status: draft | null\n    note: string | null\n    t: null | b | c\n",
    ),
    ("quoted-type list", "app: a\nmessages:\n  Order:\n    tags: \"[string]\"\n    on: 'bool'\n    status: a | 'b'\n"),
    (
        "quoted-type digits",
        "app: a\nmessages:\n  Order: { total: \"decimal(10,2)\", name: 'varchar(255)', tags: \"Vec<string>\", odd: \"x, y\" }\n",
    ),
    ("invalid-type digits", "app: a\nmessages:\n  Order: { total: decimal(10,2), id: uuid, name: varchar (20, 3)}\n"),
    ("reserved-field", "app: a\nmessages:\n  Order: { schema: string, fields?: [string], id: uuid }\n"),
    (
        "duplicate-value",
        "app: a\nmessages:\n  Order: { status: new | old | new }\ntopics:\n  a: { controller: A, emits: [b, b] }\n  b: {}\n",
    ),
];

fn diagnostics(text: &str) -> (Source, Vec<Diagnostic>) {
    let source = Source::new("karafka.yml", text);
    let (_, diagnostics) = read(&source);
    (source, diagnostics)
}

/// If this fails, a person who makes this mistake sees something else than was agreed on.
#[test]
fn each_mistake_is_shown_as_agreed() {
    for (name, text) in MISTAKES {
        let (source, found) = diagnostics(text);
        let code = name.split(' ').next().unwrap();
        assert!(found.iter().all(|diagnostic| diagnostic.code == code), "{name}: {found:#?}");
        assert!(!found.is_empty(), "{name} finds nothing");
        assert!(found.iter().all(|diagnostic| diagnostic.help.is_some()), "{name} does not say what to write instead");
        let shown = crate::diagnostic::render(&source, &found, crate::diagnostic::Format::Full, false);
        let file = format!("mistake_{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        insta::with_settings!({
            snapshot_path => "../../../../../tests/snapshots/mistakes", prepend_module_to_snapshot => false, omit_expression => true,
        }, { insta::assert_snapshot!(file, shown) });
    }
}

/// If this fails, a code of the documentation never shows, or shows in a way that nobody has looked at.
#[test]
fn each_code_has_a_case() {
    let elsewhere = codes::MISSING_FEATURE;
    for code in codes::ALL.iter().filter(|code| code.room == codes::Room::Manifest && code.name != elsewhere) {
        assert!(MISTAKES.iter().any(|(name, _)| name.split(' ').next() == Some(code.name)), "{}", code.name);
    }
}

/// If this fails, a person who does what the help says gets the same error once more.
#[test]
fn suggestions_mend_what_they_are_for() {
    for (name, text) in MISTAKES {
        let (_, found) = diagnostics(text);
        for diagnostic in &found {
            let Some(suggestion) = &diagnostic.suggestion else { continue };
            let mut mended = (*text).to_owned();
            mended.replace_range(suggestion.span.start..suggestion.span.end, &suggestion.replacement);
            let (_, left) = diagnostics(&mended);
            let same = left
                .iter()
                .filter(|other| other.code == diagnostic.code && other.message == diagnostic.message)
                .count();
            let before = found.iter().filter(|other| other.message == diagnostic.message).count();
            assert!(same < before, "{name}: {:?} is still there in\n{mended}", diagnostic.message);
        }
    }
}

/// If this fails, a person mends one mistake only to be shown the next.
#[test]
fn all_mistakes_come_at_once_in_file_order() {
    let (_, found) = diagnostics(
        "ap: a\nconcurrency: x\nmessages:\n  A: { b: \"u8\" }\ngroups:\n  g: { memory: 1 }\ntopics:\n  t: { contoller: X, emits: y }\n",
    );
    let seen: Vec<_> = found.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(seen, ["unknown-key", "invalid-number", "quoted-type", "invalid-size", "unknown-key", "wrong-kind"]);
}

/// If this fails, a mistake in something that ten topics share is shown ten times.
#[test]
fn a_mistake_behind_an_alias_counts_once() {
    let (_, found) = diagnostics("app: a\ntopics:\n  x: &x { controller: X, gruop: g }\n  y: *x\n  z: *x\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// If this fails, a large manifest takes minutes: each step here would, if it were quadratic.
#[test]
fn large_manifests_are_read_in_one_pass() {
    let mut text = String::from("app: a\ntopics:\n");
    for topic in 0..10_000 {
        text.push_str(&format!("  topic_{topic}: {{ controller: C{topic}, contoller: x }}\n"));
    }
    let (source, found) = diagnostics(&text);
    assert_eq!(found.len(), 10_000);
    let shown = |format| crate::diagnostic::render(&source, &found, format, false);
    assert_eq!(shown(crate::diagnostic::Format::Json).lines().count(), 10_000);
    assert_eq!(shown(crate::diagnostic::Format::Full).matches("error[unknown-key]").count(), 100);
    let (_, found) = diagnostics(&"[".repeat(20_000));
    assert_eq!(found[0].code, codes::TOO_DEEP);
}

/// If this fails, a text that the command takes stops the app when it starts, or the other way round.
#[test]
fn the_runtime_reads_variables_as_the_reader_does() {
    use karafka::settings::expand;
    for text in
        ["$${A}", "a$${A B}", "$$${A}", "${A}$${", "$${A}${B:-x}", "${A:-$${B}}", "${A", "${A:b}", "$$", "${A?:-b}"]
    {
        let taken = !matches!(values::variables(text), Variables::Malformed(_));
        assert_eq!(expand::check_syntax(text).is_ok(), taken, "{text}");
        let expanded = expand::expand(text, &std::collections::BTreeMap::new()).map(|expanded| expanded.text);
        if values::variables(text) == Variables::None {
            assert_eq!(expanded, Ok(Some(values::without_variables(text))), "{text}");
        }
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    const MANIFESTS: [&str; 3] = [
        include_str!("../../../../../tests/manifests/smallest.yml"),
        include_str!("../../../../../tests/manifests/slide.yml"),
        include_str!("../../../../../tests/manifests/everything.yml"),
    ];

    /// Reads and renders a text in every way; what it says must lie in the text.
    fn try_all(text: &str) {
        let (source, found) = diagnostics(text);
        for diagnostic in &found {
            assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some(), "{diagnostic:?}");
            assert!(codes::ALL.iter().any(|code| code.name == diagnostic.code));
            if let Some(suggestion) = &diagnostic.suggestion {
                assert!(text.get(suggestion.span.start..suggestion.span.end).is_some(), "{diagnostic:?}");
            }
        }
        use crate::diagnostic::{Format, render};
        for format in [Format::Full, Format::Concise, Format::Json, Format::Github] {
            let shown = render(&source, &found, format, true);
            assert_eq!(shown.is_empty(), found.is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// If this fails, some text makes the command crash.
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            try_all(&Source::from_bytes("k", &bytes).text);
        }

        /// If this fails, some YAML makes the command crash.
        #[test]
        fn never_panics_on_yaml_like_text(text in "([a-z$?~|>*&!%@`'\"{}\\[\\],:# \t\r\nöС日<-]|: |\n  |- |\\$\\{|topics:|app:|messages:){0,60}") {
            try_all(&text);
        }

        /// If this fails, a slip in a good manifest makes the command crash.
        #[test]
        fn never_panics_on_mutations(
            which in 0..MANIFESTS.len(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, "[a-zA-Z{}\\[\\]:,'\"\n $?|&*~ö-]{0,4}"), 1..6),
        ) {
            let mut text = MANIFESTS[which].to_owned();
            for (index, length, replacement) in edits {
                let start = crate::source::floor_char_boundary(&text, index.index(text.len() + 1));
                let end = crate::source::floor_char_boundary(&text, start + length).max(start);
                text.replace_range(start..end, &replacement);
            }
            try_all(&text);
        }
    }
}
