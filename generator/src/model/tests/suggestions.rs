//! Each place that suggests: what is near is suggested, and what is not is not.

use super::*;

/// A place, a manifest with `@` in it, a word for `@` that is nearly right and what it should be, and one that is like nothing.
const PLACES: &[(&str, &str, &str, &str, &str)] = &[
    ("a key at the top", "app: a\n@: {}\n", "topcs", "topics", "zebra"),
    ("a key of a topic", "app: a\ntopics: { orders: { @: OrdersController } }\n", "contoller", "controller", "zebra"),
    ("a key of a group", "app: a\ngroups: { a: { @: 3 } }\n", "concurency", "concurrency", "zebra"),
    ("a key in letters that look alike", "app: a\n@: {}\n", "t\u{43e}pics", "topics", "größe"),
    (
        "a parser that comes with the runtime",
        "app: a\ntopics: { orders: { controller: OrdersController, parser: @ } }\n",
        "jsn",
        "json",
        "zebra",
    ),
    (
        "one of some words",
        "app: a\ntopics: { orders: { controller: OrdersController, tombstones: @ } }\n",
        "delivr",
        "deliver",
        "zebra",
    ),
    (
        "a start",
        "app: a\ntopics: { orders: { controller: OrdersController, start: @ } }\n",
        "earlist",
        "earliest",
        "zebra",
    ),
    (
        "a size",
        "app: a\ngroups: { a: { memory: @ } }\ntopics: { orders: { controller: OrdersController, group: a } }\n",
        "64MB",
        "64MiB",
        "1kb",
    ),
    ("a property", "app: a\nkafka: { options: { @: x } }\n", "compresion.type", "compression.type", "zebra"),
    ("a type", "app: a\nmessages: { A: { id: @ } }\n", "uid", "uuid", "zebra"),
    ("a type of another language", "app: a\nmessages: { A: { id: @ } }\n", "bigint", "i64", "tinyblob2"),
    ("a message as a type", "app: a\nmessages: { Order: { id: u8 }, A: { o: @ } }\n", "Oder", "Order", "Zebra"),
    (
        "a topic's message",
        "app: a\nmessages: { Order: { id: u8 } }\ntopics: { orders: { message: @, controller: OrdersController } }\n",
        "Oder",
        "Order",
        "Zebra",
    ),
    (
        "a message in a `one_of`",
        "app: a\nmessages: { Order: { id: u8 }, Any: { one_of: { a: @ }, by: type } }\n",
        "Oder",
        "Order",
        "Zebra",
    ),
    (
        "a record's key",
        "app: a\nmessages: { Order: { customer: u8 } }\ntopics: { orders: { message: Order, key: @, controller: OrdersController } }\n",
        "custmer",
        "customer",
        "zebra",
    ),
    (
        "an emit",
        "app: a\ntopics: { receipts: {}, orders: { controller: OrdersController, emits: [@] } }\n",
        "recipts",
        "receipts",
        "zebra",
    ),
    (
        "a group that nobody is in",
        "app: a\ngroups: { @: {} }\ntopics: { orders: { controller: OrdersController, group: audits } }\n",
        "audit",
        "audits",
        "zebra",
    ),
    (
        "a controller",
        "app: a\ntopics: { orders: { controller: @ } }\n",
        "orders_controller",
        "OrdersController",
        "Größe",
    ),
    (
        "a backoff",
        "app: a\ntopics: { orders: { controller: OrdersController, retry: { backoff: @ } } }\n",
        "30s..1s",
        "1s..30s",
        "zebra",
    ),
];

/// If this fails, a person with a slip of the finger has to look it up, or is sent to what they never meant.
#[test]
fn what_is_near_is_suggested_and_nothing_else_is() {
    for (place, manifest, nearly, meant, far) in PLACES {
        let found = |word: &str| {
            let found = compile(&source(&manifest.replace('@', word))).diagnostics;
            let [found] = found.as_slice() else { panic!("{place}, {word}: {found:#?}") };
            found.clone()
        };
        let near = found(nearly);
        let help = near.help.as_deref().unwrap_or_default();
        let says = format!("`{meant}`");
        assert!(help.contains(&says) && (help.contains("did you mean") || help.contains("write ")), "{place}: {help}");
        // Of a topic or a group the words alone are said: it may as well be missing.
        if let Some(suggestion) = near.suggestion.filter(|_| !place.contains("emit")) {
            assert_eq!(suggestion.replacement, *meant, "{place}");
            let mended = manifest.replace('@', nearly);
            assert_eq!(&mended[suggestion.span.start..suggestion.span.end], *nearly, "{place}");
        }
        let far = found(far);
        let help = far.help.as_deref().unwrap_or_default();
        assert!(!help.contains("did you mean") && !help.contains(&format!("write {says}")), "{place}: {help}");
        assert!(far.suggestion.is_none_or(|suggestion| suggestion.replacement != *meant), "{place}");
    }
}

/// If this fails, a manifest with hundreds of wrong names beside hundreds of right ones takes long, or the first of them
/// are no longer helped.
#[test]
fn not_every_name_of_thousands_is_compared() {
    let mut text = "app: a\nmessages:\n".to_owned();
    for number in 0..300 {
        text.push_str(&format!("  Order{number}: {{ id: u8 }}\n"));
    }
    text.push_str("topics:\n");
    for number in 0..300 {
        text.push_str(&format!("  orders{number}: {{ message: Oder{number}, controller: A{number}Controller }}\n"));
    }
    let found = compile(&source(&text)).diagnostics;
    let helped: Vec<_> =
        found.iter().map(|found| found.help.as_deref().is_some_and(|help| help.contains("did you mean"))).collect();
    assert_eq!(helped.len(), 300);
    assert!(helped[0] && helped[100] && !helped[299], "{helped:?}");
}

/// If this fails, an editor writes a name into the middle of what is written in another way.
#[test]
fn what_is_not_written_plainly_is_not_replaced() {
    for (group, is_replaced) in [("shop", true), ("\"shop\"", false)] {
        let text = format!(
            "app: a\ngroups: {{ main: {{ id: shop }} }}\ntopics:\n  orders: {{ controller: OrdersController, group: {group} }}\n  \
             clicks: {{ controller: ClicksController, group: main }}\n"
        );
        let found = compile(&source(&text)).diagnostics;
        let [found] = found.as_slice() else { panic!("{group}: {found:#?}") };
        assert_eq!((found.code, found.suggestion.is_some()), (codes::SHARED_GROUP_ID, is_replaced), "{group}");
    }
}

/// If this fails, a value that lacks a field says nothing of the one that is misspelt, or calls any other one that.
#[test]
fn a_field_that_is_nearly_there_is_asked_for() {
    let model = messages("Order: { customer: string }");
    let payload = Payload::Message("Order".into());
    for (value, asks) in [("{\"custmer\": \"x\"}", true), ("{\"zebra\": \"x\"}", false), ("{}", false)] {
        let error = value::check(&model, &payload, &serde_json::from_str(value).unwrap()).unwrap_err();
        assert_eq!(error.message.contains("is it `custmer`?"), asks, "{}", error.message);
        assert_eq!(error.message.contains("is it"), asks, "{}", error.message);
    }
}

/// If this fails, whoever writes a parser's name for a message's is told to write what is refused next.
#[test]
fn what_stands_instead_of_a_message_is_taken() {
    for (refused, says, instead) in [
        ("{ message: bytes, controller: OrdersController }", "write `parser: bytes`", "parser: bytes, "),
        ("{ message: text, controller: OrdersController }", "write `parser: text`", "parser: text, "),
        ("{ message: json, controller: OrdersController }", "leave `message` out", ""),
        ("{ message: bytes }", "leave `message` out", ""),
        ("{ message: text }", "leave `message` out", ""),
        ("{ message: json }", "leave `message` out", ""),
    ] {
        let manifest = |topic: &str| format!("app: a\ntopics:\n  orders: {topic}\n");
        let found = compile(&source(&manifest(refused))).diagnostics;
        let [found] = found.as_slice() else { panic!("{refused}: {found:#?}") };
        let help = found.help.as_deref().unwrap_or_default();
        assert!(help.contains(says), "{refused}: {help}");
        let rest = refused.split_once("controller").map_or("}".to_owned(), |(_, rest)| format!("controller{rest}"));
        model(&manifest(&format!("{{ {instead}{rest}")));
    }
}
