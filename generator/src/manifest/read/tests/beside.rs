//! What is said of a mistake and of nothing else, and what is right though it looks like one.

use super::*;

/// What is said of a manifest, mistake by mistake.
fn found(text: &str) -> Vec<Diagnostic> {
    diagnostics(&format!("app: a\n{text}\n")).1
}

fn codes_of(text: &str) -> Vec<&'static str> {
    found(text).iter().map(|diagnostic| diagnostic.code).collect()
}

/// What the first mistake's help says.
fn help(text: &str) -> String {
    found(text).into_iter().next().and_then(|diagnostic| diagnostic.help).unwrap_or_default()
}

/// If this fails, a person is shown the wrong mistake: one beside another is taken for part of it, or hides it.
#[test]
fn mistakes_beside_each_other_are_told_apart() {
    let codes = |options: &str| -> Vec<_> {
        let (_, found) = diagnostics(&format!("app: a\nkafka:\n  options: {options}\n"));
        found.iter().map(|diagnostic| diagnostic.code).collect()
    };
    // The rest of one password, and another one.
    assert_eq!(codes("{ ssl.key.password: abc, sasl.password: de, fg }"), [codes::LITERAL_SECRET, codes::NEEDS_QUOTES],);
    assert_eq!(codes("{ sasl.password geheim }"), [codes::EMPTY_VALUE]);
    // A variable as a shell has it is all of the value, in capitals.
    assert_eq!(codes("{ client.id: $NAME }"), [codes::INVALID_VARIABLE]);
    for text in ["$name", "$NAME/1"] {
        assert_eq!(codes(&format!("{{ client.id: {text} }}")), [""; 0], "{text}");
    }
    let messages = |text: &str| -> Vec<_> {
        let (_, found) = diagnostics(&format!("app: a\nmessages:\n  A: {text}\n"));
        found.into_iter().map(|diagnostic| diagnostic.message).collect()
    };
    for nameless in ["{ \"\": string }", "{ ~: string }", "{ \"?\": string }"] {
        assert_eq!(messages(nameless), ["a field needs a name"], "{nameless}");
    }
    assert_eq!(messages("{ \"~\": string }"), [""; 0]);
    assert_eq!(messages("{ ö: string }").len(), 1);
    // One of a pair of names is enough to be wrong.
    assert_eq!(messages("{ one_of: { ö: B, a: Ö }, by: type }").len(), 2);
    // What stands before the comma is no name of a queue either.
    let (_, found) = diagnostics("app: a\ntopics: { t: { controller: C, worker: W, queue: \"a b,2\" } }\n");
    assert!(found[0].help.as_ref().is_some_and(|help| help.starts_with("write 1 to 100")), "{found:?}");
}

/// If this fails, a name that is missing is taken, or one that is unusual is called missing.
#[test]
fn a_message_needs_a_name() {
    for nameless in ["{ \"\": { a: string } }", "{ : { a: string } }"] {
        let found = found(&format!("messages: {nameless}"));
        assert_eq!(found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), ["a message needs a name"]);
    }
    assert_eq!(codes_of("messages: { \"~\": { a: string }, ~: { a: string } }").len(), 1, "only that it stands twice");
}

/// If this fails, a help says to write what is refused, or not what would do.
#[test]
fn a_help_proposes_what_is_taken() {
    assert!(!help("kafka: localhost").contains("brokers: localhost"));
    assert!(help("kafka: kafka:9092").contains("brokers: kafka:9092"));
    let batch = |wait: &str| help(&format!("topics: {{ t: {{ controller: C, batch: {wait} }} }}"));
    assert!(batch("1ms").contains("wait: 1ms") && !batch("0ms").contains("wait: 0ms"));
    assert!(
        help("health: 0").contains("KARAFKA_HEALTH=0`") && help("health: 1").contains("KARAFKA_HEALTH=127.0.0.1:1`")
    );
    let ruby = |key: &str| help(&format!("topics: {{ t: {{ controller: C, {key} }} }}"));
    assert!(ruby("dead_letter_queue: { topic: x, max_retries: many }").contains("attempts: 4"));
    assert!(ruby("max_wait_time: soon").contains("wait: 200ms"));
    assert!(ruby("foo.bar: 1").contains("takes") && !ruby("foo.bar: 1").contains("librdkafka"));
    // A group whose name nobody can write is not proposed.
    let (_, found) = diagnostics("app: café\ntopics: { t: { controller: C, concurrency: 3 } }\n");
    assert!(found.iter().all(|one| !one.help.as_ref().is_some_and(|help| help.contains("café: "))), "{found:?}");
    assert!(!help("kafka: { groups: {} }").contains("environment"));
}

/// If this fails, a help names one place twice.
#[test]
fn places_are_named_once() {
    for key in crate::manifest::keys::KEYS {
        let help = help(&format!("kafka: {{ {}: x }}", key.name));
        let Some(places) = help.strip_prefix("it is a key of ") else { continue };
        let places = places.split(": write").next().unwrap_or_default().replace(" and ", ", ");
        let mut places: Vec<_> = places.split(", ").collect();
        let count = places.len();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), count, "{help}");
    }
}

/// If this fails, nothing where there should be something passes, or nothing is said that is of use.
#[test]
fn nothing_is_called_nothing() {
    assert_eq!(codes_of("defaults:"), [""; 0]);
    assert_eq!(codes_of("defaults: 3"), [codes::WRONG_KIND]);
    assert_eq!(codes_of("kafka: { brokers: [] }"), [codes::EMPTY_VALUE]);
    assert_eq!(codes_of("topics: { t: { controller: C, emits: { a: b } } }"), [codes::WRONG_KIND]);
    let messages = |text: &str| found(&format!("messages:\n  A: {text}"));
    assert_eq!(messages("{ one_of: {}, by: type }")[0].message, "`one_of` has nothing to choose from");
    assert!(messages("{ one_of: { a: }, by: type }")[0].message.ends_with("not nothing"));
}

/// If this fails, a variable is looked for in a password, or is overlooked; or the place of it is wrong.
#[test]
fn a_shells_variable_is_found_where_there_may_be_one() {
    let redis = |url: &str| codes_of(&format!("redis: {{ url: \"{url}\" }}"));
    assert_eq!(redis("$REDIS_URL"), [codes::INVALID_VARIABLE]);
    assert!(!redis("redis://:a$B@h").contains(&codes::INVALID_VARIABLE));
    let (source, found) = diagnostics("app: a\nconcurrency: 1$N\n");
    assert_eq!(&source.text[found[0].span.start..found[0].span.end], "$N");
}

/// If this fails, Kafka refuses a topic that the check took, or a good name with a variable in it is refused.
#[test]
fn names_of_topics_may_be_made_of_variables() {
    let name = |name: &str| codes_of(&format!("topics: {{ t: {{ controller: C, name: \"{name}\" }} }}"));
    let dead = |name: &str| codes_of(&format!("topics: {{ t: {{ controller: C, dead_letter: \"{name}\" }} }}"));
    for right in ["${P}", "${P}events", "${P}.", "eu.${P:-x}"] {
        assert_eq!((name(right), dead(right)), (vec![], vec![]), "{right}");
    }
    for wrong in ["a/b${P}", ".."] {
        assert_eq!(
            (name(wrong), dead(wrong)),
            (vec![codes::INVALID_TOPIC_NAME], vec![codes::INVALID_TOPIC_NAME]),
            "{wrong}"
        );
    }
    assert_eq!(dead("{topic}"), [""; 0]);
}

/// If this fails, a mistake counts for what was meant although that stands beside it, or is told twice.
#[test]
fn what_is_wrong_is_not_used() {
    let read = |text: &str| read(&Source::new("karafka.yml", format!("app: a\n{text}\n"))).0.expect("a manifest");
    for keys in ["controller: B, controler: A", "controler: A, controller: B"] {
        let manifest = read(&format!("topics: {{ t: {{ {keys} }} }}"));
        assert_eq!(manifest.topics[0].consumers[0].controller.value, "B", "{keys}");
    }
    let manifest = read("topics: { t: { controller: C, emits: [ö, x] } }");
    assert_eq!(manifest.topics[0].consumers[0].emits.len(), 1);
    // A bracket that closes belongs to a type only if one was opened.
    let fields = |text: &str| match &read(&format!("messages: {{ A: {text} }}")).messages[0].body {
        MessageBody::Fields(fields) => fields.len(),
        MessageBody::OneOf { .. } | MessageBody::Unread => 0,
    };
    assert_eq!(fields("{ a: string, \"b)\": string }"), 2);
    let (_, found) = diagnostics("app: a\nmessages: { A: { a: string, b) } }\n");
    assert!(found.iter().any(|one| one.message.contains("`b)`")), "{found:?}");
}
