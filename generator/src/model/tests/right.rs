//! Manifests in which nothing is wrong, and of which nothing is said.

use super::*;

const MESSAGES: &str = "messages:\n  Order: { id: uuid, total: decimal, note?: string }\n  Receipt: { order: uuid }\n";

/// What may stand in a manifest, beside `app` and [`MESSAGES`].
const RIGHT: &[(&str, &str)] = &[
    ("nothing", ""),
    ("a topic", "topics:\n  orders: { controller: OrdersController }\n"),
    ("a typed topic", "topics:\n  orders: { message: Order, controller: OrdersController }\n"),
    ("a topic that nobody reads", "topics:\n  orders: { message: Order }\n"),
    (
        "emits to a typed topic that nobody reads",
        "topics:\n  orders: { message: Order, controller: OrdersController, emits: [receipts] }\n  receipts: { message: Receipt }\n",
    ),
    (
        "emits to one that another reads",
        "topics:\n  orders: { message: Order, controller: OrdersController, emits: [receipts] }\n  receipts: { message: Receipt, controller: ReceiptsController }\n",
    ),
    (
        "emits to several, and to one twice",
        "topics:\n  orders: { controller: OrdersController, emits: [receipts, audit] }\n  receipts: { message: Receipt, controller: ReceiptsController, emits: [audit] }\n  audit: { parser: text, controller: AuditController }\n",
    ),
    (
        "emits to one without a message, read in one way",
        "topics:\n  orders: { controller: OrdersController, emits: [audit] }\n  audit: { parser: bytes, controller: AuditController }\n",
    ),
    (
        "emits to a typed topic, read by two",
        "topics:\n  orders: { controller: OrdersController, emits: [receipts] }\n  receipts:\n    message: Receipt\n    consumers:\n      - { controller: ReceiptsController }\n      - { controller: AuditController, group: audit }\n",
    ),
    (
        "emits back to its own topic, and by a circle",
        "topics:\n  orders: { message: Order, controller: OrdersController, emits: [orders, receipts] }\n  receipts: { message: Receipt, controller: ReceiptsController, emits: [orders] }\n",
    ),
    (
        "emits of a consumer among several",
        "topics:\n  receipts: { message: Receipt }\n  orders:\n    message: Order\n    consumers:\n      - { controller: OrdersController, emits: [receipts] }\n      - { controller: AuditController, group: audit }\n",
    ),
    (
        "waits that a stop just waits for",
        "topics:\n  orders: { controller: OrdersController, timeout: 30s, retry: { backoff: 1s..30s }, batch: { wait: 30s } }\n",
    ),
    (
        "a key that tells messages apart",
        "  Either: { one_of: { a: Order, b: Receipt }, by: type }\ntopics:\n  orders: { message: Either, key: type, controller: OrdersController }\n",
    ),
    ("a key", "topics:\n  orders: { message: Order, key: id, controller: OrdersController }\n"),
    ("a name in Kafka", "topics:\n  orders: { name: shop.orders, message: Order, controller: OrdersController }\n"),
    (
        "a dead letter topic that is not listed",
        "topics:\n  orders: { controller: OrdersController, dead_letter: orders.dead, retry: { attempts: 3 } }\n",
    ),
    (
        "a dead letter topic for all",
        "defaults: { dead_letter: \"{topic}.dead\", retry: { attempts: 3, backoff: 1s..30s } }\ntopics:\n  orders: { name: shop.orders, controller: OrdersController }\n  receipts: { controller: ReceiptsController }\n",
    ),
    (
        "a dead letter topic that is read",
        "topics:\n  orders: { controller: OrdersController, dead_letter: dead }\n  dead: { parser: bytes, controller: DeadController }\n",
    ),
    (
        "a dead letter topic of its source's message",
        "topics:\n  orders: { message: Order, controller: OrdersController, dead_letter: dead }\n  dead: { message: Order, controller: DeadController }\n",
    ),
    (
        "a group with settings",
        "groups:\n  audit: { id: audit-1, ordering: key, concurrency: 8, memory: 64MiB, window: 1000 }\ntopics:\n  orders: { controller: OrdersController, group: audit }\n",
    ),
    (
        "at most once",
        "groups:\n  clicks: { delivery: at_most_once }\ntopics:\n  orders: { controller: OrdersController, group: clicks }\n",
    ),
    (
        "batches",
        "topics:\n  orders: { message: Order, controller: OrdersController, batch: { size: 10, wait: 1s }, tombstones: skip }\n",
    ),
    (
        "what is for consumers to come",
        "defaults: { queue: low, interchanger: binary }\nredis: { url: \"redis://localhost\" }\nkafka: { consumer: { group.remote.assignor: uniform } }\n",
    ),
    (
        "jobs on Redis",
        "defaults: { jobs: redis }\nredis: { url: \"redis://localhost\" }\ntopics:\n  orders: { controller: OrdersController, queue: critical, interchanger: binary }\n",
    ),
    (
        "parts of one's own",
        "topics:\n  orders: { message: Order, controller: Orders::MainController, worker: Orders::MainWorker, parser: Parsers::Mine }\n",
    ),
    (
        "environments",
        "kafka: { brokers: \"${BROKERS:-localhost:9092}\" }\nenvironments:\n  production: { kafka: { brokers: [\"a:9092\", \"b:9092\"], options: { compression.type: lz4 } }, concurrency: 16 }\n",
    ),
    (
        "properties",
        "kafka: { consumer: { session.timeout.ms: 30000 }, producer: { linger.ms: 5 } }\ntopics:\n  orders: { controller: OrdersController }\n",
    ),
];

/// If this fails, a person is told to mend what is right, and cannot go on until they have made it worse.
#[test]
fn nothing_is_said_of_what_is_right() {
    for (name, lines) in RIGHT {
        let compiled = compile(&source(&format!("app: shop\n{MESSAGES}{lines}")));
        assert_eq!(compiled.diagnostics, [], "{name}");
        assert!(compiled.model.is_some(), "{name}");
    }
    for (name, manifest) in [
        ("slide", include_str!("../../../../tests/manifests/slide.yml")),
        ("smallest", include_str!("../../../../tests/manifests/smallest.yml")),
    ] {
        let found = compile(&source(manifest)).diagnostics;
        let wrong: Vec<_> = found.iter().filter(|found| found.severity != Severity::Note).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}

/// If this fails, the dead letters of a topic whose name in Kafka is another than its key go to a topic that nobody has made, or
/// round in a circle.
#[test]
fn a_template_of_dead_letters_means_the_name_in_kafka() {
    let with = |lines: &str| compile(&source(&format!("app: shop\n{MESSAGES}{lines}")));
    let dead_letter = |compiled: &Compiled, topic: &str| -> Option<String> {
        let consumers = &compiled.model.as_ref().unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)).consumers;
        let consumer = consumers.iter().find(|consumer| consumer.topic == topic).unwrap();
        consumer.settings.iter().find(|(key, _)| key == "dead_letter").map(|(_, text)| text.clone())
    };
    let default = "defaults: { dead_letter: \"{topic}.dead\" }\n";
    let orders = "  orders: { name: shop.orders, controller: OrdersController }\n";

    // By its name in Kafka the other topic holds the dead letters, and has no default of its own.
    let by_name =
        with(&format!("{default}topics:\n{orders}  dead: {{ name: shop.orders.dead, controller: DeadController }}\n"));
    assert_eq!(dead_letter(&by_name, "orders").as_deref(), Some("{topic}.dead"));
    assert_eq!(dead_letter(&by_name, "dead"), None);
    // By its key too, and then its name in Kafka is meant.
    let by_key = with(&format!(
        "{default}topics:\n{orders}  shop.orders.dead: {{ name: graveyard, controller: DeadController }}\n"
    ));
    assert_eq!(dead_letter(&by_key, "orders").as_deref(), Some("graveyard"));
    assert_eq!(dead_letter(&by_key, "shop.orders.dead"), None);
    // What is only like the source's key is another topic, with dead letters of its own.
    let other = with(&format!("{default}topics:\n{orders}  orders.dead: {{ controller: DeadController }}\n"));
    assert_eq!(dead_letter(&other, "orders").as_deref(), Some("{topic}.dead"));
    assert_eq!(dead_letter(&other, "orders.dead").as_deref(), Some("{topic}.dead"));

    // Its own name in Kafka is itself, its key is another topic; the template alone is itself.
    for (text, is_itself) in [("shop.orders", true), ("\"{topic}\"", true), ("orders", true), ("shop.order", false)] {
        let itself = with(&format!(
            "topics:\n  orders: {{ name: shop.orders, controller: OrdersController, dead_letter: {text} }}\n"
        ));
        let codes: Vec<_> = itself.diagnostics.iter().map(|found| found.code).collect();
        assert_eq!(codes, if is_itself { vec!["own-dead-letter"] } else { vec![] }, "{text}");
    }
    // The longest name is Kafka's, of the name and not of the key.
    let long = "x".repeat(245);
    let too_long = with(&format!("{default}topics:\n  orders: {{ name: {long}, controller: OrdersController }}\n"));
    assert_eq!(too_long.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["invalid-topic-name"]);
    let just = with(&format!("{default}topics:\n  orders: {{ name: {}, controller: OrdersController }}\n", &long[1..]));
    assert_eq!(dead_letter(&just, "orders").as_deref(), Some("{topic}.dead"));
}
