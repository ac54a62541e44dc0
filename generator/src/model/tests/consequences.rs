//! What follows from one mistake alone is no second one.

use super::*;

/// Manifests with one mistake each, from what stands below `app:`, and the words that it is told in.
const ONE: &[(&str, &str)] = &[
    ("topics:\n  o: { controller: A, retry: { attempt: 5 } }\n", "`attempt` is not a key of `retry`"),
    ("defaults: { retry: { attemps: 5 } }\ntopics:\n  o: { controller: A }\n", "`attemps` is not a key of `retry`"),
    (
        "groups: { g: { protocl: consumer, kafka: { group.remote.assignor: uniform } } }\ntopics:\n  o: { controller: A, group: g }\n",
        "`protocl` is not a key of a group",
    ),
    (
        "groups: { g: { protocol: consumr, kafka: { group.remote.assignor: uniform } } }\ntopics:\n  o: { controller: A, group: g }\n",
        "`consumr` is not a value of `protocol`",
    ),
    (
        "groups: { g: { protocol: [consumer] } }\nkafka: { consumer: { group.remote.assignor: uniform } }\ntopics:\n  o: { controller: A, group: g }\n",
        "`protocol` takes a text, not a list",
    ),
    (
        "groups: { g: { protocol: classik, kafka: { session.timeout.ms: 10000 } } }\ntopics:\n  o: { controller: A, group: g }\n",
        "`classik` is not a value of `protocol`",
    ),
    (
        "kafka: { options: { enable.idempotence: fals, max.in.flight: 9 } }\ntopics:\n  o: { controller: A }\n",
        "`enable.idempotence` does not take `fals`",
    ),
    (
        "kafka: { options: { sasl.mechanism: SCRAM-SHA512, sasl.username: a, sasl.password: \"${P}\", security.protocol: sasl_ssl } }\ntopics:\n  o: { controller: A }\n",
        "`sasl.mechanism` does not take `SCRAM-SHA512`",
    ),
    (
        "messages: { Order: { id??: uuid } }\ntopics:\n  o: { message: Order, key: id }\n",
        "`id??` has its `?` elsewhere",
    ),
    ("messages: { Order: { id: uid } }\ntopics:\n  o: { message: Order, key: id }\n", "`uid` is neither a type"),
    ("messages: { Order: { id } }\ntopics:\n  o: { message: Order, key: id }\n", "`id` has no type"),
    ("messages: { Order: [id] }\ntopics:\n  o: { message: Order, key: id }\n", "a message takes fields, not a list"),
    ("topics:\n  o: { controller: A, dead_letter: [x], retry: { attempts: 5 } }\n", "`dead_letter` takes a text"),
    (
        "topics:\n  o: { controller: A, jobs: rediss, queue: critical, interchanger: Interchangers::A }\n",
        "`rediss` is not a value of `jobs`",
    ),
    ("defaults: { job: [redis] }\ntopics:\n  o: { controller: A }\n", "`job` is not a key of `defaults`"),
];

/// If this fails, one mistake is shown as several, and its author looks for a second one that is not there.
#[test]
fn a_consequence_is_not_shown_beside_its_cause() {
    for (text, told) in ONE {
        let compiled = compile(&source(&format!("app: a\n{text}")));
        let said: Vec<_> = compiled.diagnostics.iter().map(|found| &found.message).collect();
        let is_same_place = |found: &&Diagnostic| found.span.start != compiled.diagnostics[0].span.start;
        assert!(compiled.diagnostics[0].message.starts_with(told), "{text}: {said:?}");
        // What is wrong with a key's name and with its value are two.
        let others = compiled.diagnostics.iter().skip(1).filter(|found| !found.message.contains("`jobs` takes"));
        assert_eq!(others.filter(is_same_place).count(), 0, "{text}: {said:?}");
        assert!(compiled.model.is_none());
    }
}

/// If this fails, a mistake that has nothing to do with another one comes only when that one is mended.
#[test]
fn what_is_wrong_by_itself_is_shown_beside_others() {
    for (text, codes) in [
        (
            "topics:\n  o: { controller: A, retry: { attempts: 5 } }\n  p: { contoller: B }\n",
            &["missing-dead-letter", "unknown-key"][..],
        ),
        ("topics:\n  o: { controler: A, retry: { attempts: 5 } }\n", &["unknown-key", "missing-dead-letter"]),
        (
            "groups: { g: { asignor: range, kafka: { group.remote.assignor: uniform } } }\ntopics:\n  o: { controller: A, group: g }\n",
            &["unknown-key", "protocol-conflict"],
        ),
        (
            "messages: { Order: { id: uid } }\ntopics:\n  o: { mesage: Order, key: other }\n",
            &["unknown-type", "unknown-key", "unknown-field"],
        ),
    ] {
        let found = compile(&source(&format!("app: a\n{text}"))).diagnostics;
        assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), codes, "{text}: {found:?}");
    }
}

/// If this fails, a message is said to be without fields, or its fields without one, because that one's type is wrong.
#[test]
fn fields_that_were_refused_are_there() {
    let help = |fields: &str, key: &str| {
        let text =
            format!("app: a\nmessages:\n  Order: {{ {fields} }}\ntopics:\n  o: {{ message: Order, key: {key} }}\n");
        let found = compile(&source(&text)).diagnostics;
        found.into_iter().find(|found| found.code == codes::UNKNOWN_FIELD).and_then(|found| found.help)
    };
    assert_eq!(help("customer: strng", "custmer").as_deref(), Some("did you mean `customer`?"));
    assert_eq!(help("customer: strng", "total").as_deref(), Some("its fields are `customer`"));
    assert_eq!(help("id: uuid, customer??: string", "total").as_deref(), Some("its fields are `id`, `customer`"));
    assert_eq!(help("", "total").as_deref(), Some("it has no fields"));
}
