//! One mistake is one error: nothing is said that is untrue because of another.

use super::*;
use crate::{
    diagnostic::{Diagnostic, Severity, codes},
    manifest::yaml::{self, Node, Value},
    source::{Source, Span},
};

const MANIFESTS: [&str; 2] = [
    include_str!("../../../../tests/manifests/everything.yml"),
    include_str!("../../../../tests/workspace/manifests/every_key.yml"),
];

/// Where something stands in a manifest.
#[derive(Default)]
struct Places {
    keys: Vec<Span>,
    texts: Vec<Span>,
    others: Vec<Span>,
}

impl Places {
    fn of(text: &str) -> Self {
        let mut places = Self::default();
        places.take(&yaml::parse(&Source::new("karafka.yml", text)).0.unwrap());
        places
    }

    fn take(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar(_) => self.texts.push(node.span),
            Value::Sequence { items, .. } => items.iter().for_each(|item| self.take(item)),
            Value::Mapping { entries, .. } => {
                for entry in entries {
                    self.keys.push(entry.key.span);
                    self.take(&entry.value);
                    if entry.value.entries().is_some_and(|entries| !entries.is_empty()) {
                        self.others.push(entry.value.span);
                    }
                }
            }
        }
    }
}

/// The errors of a manifest with another text at a place.
fn errors_with(text: &str, place: Span, instead: &str) -> Vec<Diagnostic> {
    let mut changed = text.to_owned();
    changed.replace_range(place.start..place.end, instead);
    let found = compile(&Source::new("karafka.yml", changed)).diagnostics;
    found.into_iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect()
}

/// If this fails, a person who has one value wrong is told of others that are right.
#[test]
fn a_wrong_value_is_one_error() {
    for text in MANIFESTS {
        let places = Places::of(text).texts;
        assert!(places.len() > 50);
        for place in places {
            let errors = errors_with(text, place, "\"${\"");
            let written = &text[place.start..place.end];
            assert_eq!(errors.len(), 1, "instead of `{written}`: {errors:#?}");
        }
    }
}

/// If this fails, a person who has written a list in the place of a word is told of what is right as well.
#[test]
fn a_word_of_another_kind_is_one_error() {
    for text in MANIFESTS {
        for place in Places::of(text).texts {
            let errors = errors_with(text, place, "[[]]");
            let written = &text[place.start..place.end];
            assert_eq!(errors.len(), 1, "instead of `{written}`: {errors:#?}");
        }
    }
}

/// If this fails, a person who has misspelt a key is told that what it says is missing.
#[test]
fn a_misspelt_key_is_one_error() {
    for text in MANIFESTS {
        let mut misspelt = 0;
        for place in Places::of(text).keys {
            let written = &text[place.start..place.end];
            let errors = errors_with(text, place, &format!("{written}x"));
            if errors.iter().any(|error| error.code == codes::UNKNOWN_KEY && error.span.start == place.start) {
                misspelt += 1;
                assert_eq!(errors.len(), 1, "instead of `{written}`: {errors:#?}");
            }
        }
        assert!(misspelt > 30, "{misspelt}");
    }
}

/// If this fails, a person who has written a text in the place of keys is told of what stood there as well.
#[test]
fn a_wrong_kind_is_one_error() {
    for text in MANIFESTS {
        for place in Places::of(text).others {
            let errors = errors_with(text, place, "[[]]");
            let written = &text[place.start..place.end];
            assert_eq!(errors.len(), 1, "instead of {written}: {errors:#?}");
        }
    }
}

/// If this fails, an error follows from another one, in a way that no single change of a right manifest shows.
#[test]
fn what_follows_from_a_mistake_is_not_said() {
    for (manifest, code) in [
        (
            "messages:\n  Order: { id: UUID }\ntopics:\n  orders: { message: Order, key: id, controller: OrdersController }\n",
            codes::UNKNOWN_TYPE,
        ),
        (
            "messages:\n  Order: { id: \"uuid\" }\ntopics:\n  orders: { message: Order, key: id, controller: OrdersController }\n",
            codes::QUOTED_TYPE,
        ),
        ("defaults: { jobs: {} }\ntopics:\n  a: { controller: AController, batch: {} }\n", codes::WRONG_KIND),
        (
            "defaults: { queue: low }\ntopics:\n  orders: { controller: orders }\n  more: { controller: MoreController }\n",
            codes::INVALID_CONSTANT,
        ),
        ("messages: [Order]\ntopics:\n  orders: { message: Order, key: id }\n", codes::WRONG_KIND),
        ("messages: { Order: uuid }\ntopics:\n  orders: { message: Order, key: id }\n", codes::WRONG_KIND),
        // A field that was refused, and a message that was, are there all the same.
        (
            "messages: { Order: { \"--\": string, id: u8 } }\ntopics:\n  orders: { message: Order, key: \"--\" }\n",
            codes::INVALID_FIELD_NAME,
        ),
        (
            "messages: { Order: uuid, Any: { one_of: { order: Order, line: Line }, by: type }, Line: { id: u8, order: Order, of: [Order] } }\ntopics:\n  orders: { message: Any, key: id }\n",
            codes::WRONG_KIND,
        ),
        ("mesages: { Order: { id: uuid } }\ntopics:\n  orders: { message: Order, key: id }\n", codes::UNKNOWN_KEY),
        (
            "topics:\n  orders: { consumer: OrdersController, retry: { attempts: 3 }, dead_letter: dead }\n",
            codes::UNKNOWN_KEY,
        ),
        (
            "topics:\n  orders: { consumers: [{ controller: A, group: \" g\" }, { controller: B }] }\n",
            codes::INVALID_NAME,
        ),
        (
            "topics:\n  a: { controller: AController, batch: 500 }\n  b: { controller: AController, batch: {} }\n",
            codes::WRONG_KIND,
        ),
        (
            "topics:\n  a: { controller: AController, parser: txt }\n  b: { controller: AController, parser: text }\n",
            codes::UNKNOWN_VALUE,
        ),
        (
            "topics:\n  a: { controller: AController, worker: \"${W}\" }\n  b: { controller: BController, worker: AWorker }\n",
            codes::VARIABLE_NOT_ALLOWED,
        ),
    ] {
        let text = format!("app: shop\n{manifest}");
        let found = compile(&Source::new("karafka.yml", text.as_str())).diagnostics;
        let codes: Vec<_> = found.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, [code], "{text}\n{found:#?}");
    }
}
