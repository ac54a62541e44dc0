//! Dead letter topics: which topic is meant, and what is said of one that cannot hold what comes.

use super::*;

/// What is said of an app with these lines: each code, and the line and the text at its place.
fn said_of(lines: &str) -> Vec<String> {
    let text = format!("app: a\n{lines}");
    let found = compile(&source(&text)).diagnostics;
    let place = |span: Span| format!("{}:{}", source(&text).position(span.start).0, &text[span.start..span.end]);
    found.into_iter().map(|found| format!("{} at {}", found.code, place(found.span))).collect()
}

/// If this fails, records that fail go back to where they came from, and come again for ever.
#[test]
fn a_topic_is_known_by_its_key_and_by_its_name_in_kafka() {
    for (lines, said) in [
        // Its own name, though another topic has that as its key.
        (
            "topics:\n  orders: { name: shop, controller: A, dead_letter: shop }\n  shop: { name: other, controller: B }\n",
            &["own-dead-letter at 3:shop"][..],
        ),
        ("topics:\n  orders: { name: shop, controller: A, dead_letter: orders }\n", &["own-dead-letter at 3:orders"]),
        ("topics:\n  orders: { name: shop, controller: A, dead_letter: shops }\n", &[]),
        // Round in a circle by names, and by a template.
        (
            "topics:\n  one: { name: o, controller: A, dead_letter: t }\n  two: { name: t, controller: B, dead_letter: one }\n",
            &["own-dead-letter at 4:one"],
        ),
        (
            "topics:\n  one: { name: o, controller: A, dead_letter: \"{topic}.dead\" }\n  two: { name: o.dead, controller: B, dead_letter: o }\n",
            &["own-dead-letter at 4:o"],
        ),
        // What meets and does not come back.
        (
            "topics:\n  one: { controller: A, dead_letter: end }\n  two: { controller: B, dead_letter: end }\n  end: { controller: C, dead_letter: last }\n  last: { controller: D }\n",
            &[],
        ),
        (
            "topics:\n  one: { controller: A, dead_letter: two }\n  two: { controller: B, dead_letter: three }\n  three: { controller: C, dead_letter: two }\n  four: { controller: D, dead_letter: one }\n",
            &["own-dead-letter at 5:two"],
        ),
    ] {
        assert_eq!(said_of(lines), said, "{lines}");
    }
}

/// If this fails, a name that Kafka does not take is found out when the first record dies, or one that it takes is refused; or
/// one mistake is said of all topics.
#[test]
fn the_longest_name_is_kafkas() {
    let of = |name: usize, dead_letter: &str| {
        let name = "x".repeat(name);
        let found = said_of(&format!(
            "defaults: {{ dead_letter: \"{dead_letter}\" }}\ntopics:\n  orders: {{ name: {name}, controller: A }}\n  more: {{ name: {}, controller: B }}\n",
            name.replace('x', "y")
        ));
        found.into_iter().map(|found| found.split_once(" at ").unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of(244, "{topic}.dead"), [""; 0]);
    assert_eq!(of(245, "{topic}.dead"), ["invalid-topic-name"]);
    assert_eq!(of(249, "{topic}.dead"), ["invalid-topic-name"]);
    // Each is too long by itself, and nothing follows from that.
    assert_eq!(of(250, "{topic}.dead"), ["invalid-topic-name"; 2]);
    assert_eq!(of(124, "{topic}.{topic}"), [""; 0]);
    assert_eq!(of(125, "{topic}.{topic}"), ["invalid-topic-name"]);
}

/// If this fails, a record that fails is tried again for ever though a number of attempts is written, and nobody is told; or a
/// person is told of what leads somewhere.
#[test]
fn attempts_lead_somewhere() {
    let missing = |place: &str| vec![format!("missing-dead-letter at {place}")];
    for (lines, said) in [
        ("topics:\n  one: { controller: A, retry: { attempts: 5 } }\n", missing("3:5")),
        ("topics:\n  one: { controller: A, retry: { backoff: 1s..2s } }\n", vec![]),
        ("topics:\n  one: { controller: A, dead_letter: d, retry: { attempts: 5 } }\n", vec![]),
        ("defaults: { dead_letter: d }\ntopics:\n  one: { controller: A, retry: { attempts: 5 } }\n", vec![]),
        // Once for all, and only where there is one without.
        (
            "defaults: { retry: { attempts: 5 } }\ntopics:\n  one: { controller: A, dead_letter: d }\n  two: { controller: B }\n  more: { controller: C }\n",
            missing("2:5"),
        ),
        // One that holds dead letters has none by `defaults`, and its attempts go with it; its own do not.
        (
            "defaults: { dead_letter: d, retry: { attempts: 5 } }\ntopics:\n  one: { controller: A }\n  d: { controller: B }\n",
            vec![],
        ),
        (
            "defaults: { dead_letter: d }\ntopics:\n  one: { controller: A }\n  d: { controller: B, retry: { attempts: 4 } }\n",
            missing("5:4"),
        ),
        (
            "defaults: { dead_letter: d, retry: { attempts: 5 } }\ntopics:\n  one: { controller: A }\n  d: { controller: B, retry: { attempts: 4 } }\n",
            missing("5:4"),
        ),
        (
            "defaults: { retry: { attempts: 5 } }\ntopics:\n  one: { controller: A, dead_letter: d }\n  d: { controller: B }\n",
            missing("2:5"),
        ),
        // A job of Sidekiq's ends in its set of the dead.
        ("topics:\n  one: { controller: A, jobs: redis, retry: { attempts: 5 } }\n", vec![]),
        (
            "defaults: { jobs: redis, retry: { attempts: 5 } }\ntopics:\n  one: { controller: A }\n  two: { controller: B, jobs: in_process }\n",
            missing("2:5"),
        ),
        // What is handled at most once has no second attempt, and no dead letter could be added: that alone is said.
        (
            "groups: { a: { delivery: at_most_once } }\ntopics:\n  one: { controller: A, retry: { attempts: 5 } }\n",
            vec!["broken-promise at 4:5".to_owned()],
        ),
        (
            "defaults: { retry: { attempts: 5 } }\ngroups: { once: { delivery: at_most_once } }\ntopics:\n  one: { controller: A, group: once }\n",
            vec!["broken-promise at 2:5".to_owned()],
        ),
        (
            "defaults: { retry: { attempts: 5 } }\ngroups: { once: { delivery: at_most_once } }\ntopics:\n  one: { controller: A, group: once }\n  two: { controller: B }\n",
            vec!["missing-dead-letter at 2:5".to_owned(), "broken-promise at 2:5".to_owned()],
        ),
    ] {
        assert_eq!(said_of(lines), said, "{lines}");
    }
}

/// If this fails, a person reads why a topic has no dead letter topic, and it is another reason.
#[test]
fn the_reason_is_the_topics_own() {
    let words = |lines: &str| {
        let found = compile(&source(&format!("app: a\n{lines}"))).diagnostics;
        let [found] = found.as_slice() else { panic!("{found:?}") };
        (found.message.clone(), found.help.clone().unwrap())
    };
    let says = |topic: &str, because: &str, name: &str| {
        (
            format!("`attempts` leads nowhere: `{topic}` {because}, and a record is never skipped"),
            format!(
                "without one a record that fails is tried again for ever at the longest backoff: add `dead_letter: {name}`, \
                 or take `attempts` out"
            ),
        )
    };
    assert_eq!(
        words("topics:\n  one: { controller: A, dead_letter: d }\n  d: { controller: B, retry: { attempts: 4 } }\n"),
        says("d", "holds dead letters and has no `dead_letter` of its own", "d.dead"),
    );
    assert_eq!(
        words(
            "defaults: { retry: { attempts: 5 } }\ntopics:\n  one: { controller: A, dead_letter: d }\n  d: { controller: B }\n"
        ),
        says("d", "has no `dead_letter`", "\"{topic}.dead\""),
    );
    assert_eq!(
        words("topics: { one: { controller: A, retry: { attempts: 4 } } }\n"),
        says("one", "has no `dead_letter`", "one.dead"),
    );
}

/// If this fails, dead letters are read as what they are not, or as what they are is refused.
#[test]
fn a_dead_letter_is_what_came() {
    let messages = "messages: { Order: { id: u8 }, Refund: { id: u8 } }\n";
    for (topics, said) in [
        ("  one: { message: Order, controller: A, dead_letter: d }\n  d: { message: Order, controller: B }\n", vec![]),
        ("  one: { controller: A, dead_letter: d }\n  d: { controller: B }\n", vec![]),
        ("  one: { message: Order, controller: A, dead_letter: d }\n  d: { controller: B }\n", vec![]),
        (
            "  one: { message: Order, controller: A, dead_letter: d }\n  d: { message: Refund, controller: B }\n",
            vec!["typed-dead-letter at 5:Refund"],
        ),
        (
            "  one: { controller: A, dead_letter: d }\n  d: { message: Refund, controller: B }\n",
            vec!["typed-dead-letter at 5:Refund"],
        ),
        // Once, of whichever source; and what is not there is no message at all.
        (
            "  one: { message: Refund, controller: A, dead_letter: d }\n  d: { message: Refund, controller: B }\n  more: { message: Order, controller: C, dead_letter: d }\n  last: { controller: D, dead_letter: d }\n",
            vec!["typed-dead-letter at 5:Refund"],
        ),
        (
            "  one: { message: Order, controller: A, dead_letter: d }\n  d: { message: Zebra, controller: B }\n",
            vec!["unknown-message at 5:Zebra"],
        ),
    ] {
        assert_eq!(said_of(&format!("{messages}topics:\n{topics}")), said, "{topics}");
    }
}
