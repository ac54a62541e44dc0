//! Fields that may be a record's key, and what is said of those that may not.

use super::*;

const MESSAGES: &str = "
  Order: { id: uuid, at: timestamp, total: decimal(number), state: open | paid, any: json, lines: [string], by: { string: u8 }, home: { city: string }, buyer: Buyer, note?: string }
  Buyer: { id: uuid, age: u8, home: { street: string }, state: new | old, any: string }
  Small: { only: u8 }
  Empty: {}
  Either: { one_of: { order: Order, buyer: Buyer }, by: type }
  Other: { one_of: { buyer: Buyer, order: Order }, by: type }
  Deep: { either: Either }
";

/// What is said of a topic with this message and key.
fn said_of(message: &str, key: &str) -> Option<Diagnostic> {
    let text = format!("app: a\nmessages:{MESSAGES}topics:\n  orders: {{ message: {message}, key: {key} }}\n");
    let mut found = compile(&source(&text)).diagnostics;
    assert!(found.len() < 2, "{found:?}");
    found.pop().inspect(|found| assert_eq!(&text[found.span.start..found.span.end], key))
}

/// If this fails, records get a key that is no single value, or a key that could be one is refused.
#[test]
fn a_key_is_a_single_value_of_every_record() {
    for (message, key, refused) in [
        ("Order", "id", None),
        ("Order", "at", None),
        ("Order", "total", None),
        ("Order", "state", None),
        ("Order", "note", None),
        ("Order", "any", Some("`Order.any` is not a single value, so it cannot be a record's key")),
        ("Order", "lines", Some("`Order.lines` is not a single value, so it cannot be a record's key")),
        ("Order", "by", Some("`Order.by` is not a single value, so it cannot be a record's key")),
        ("Order", "home", Some("`Order.home` is not a single value, so it cannot be a record's key")),
        ("Order", "buyer", Some("`Order.buyer` is not a single value, so it cannot be a record's key")),
        ("Order", "age", Some("`key` names `age`, which is not a field of `Order`")),
        ("Deep", "either", Some("`Deep.either` is not a single value, so it cannot be a record's key")),
        ("Deep", "type", Some("`key` names `type`, which is not a field of `Deep`")),
        // Of several types the tag, or what each of them has, whichever comes first.
        ("Either", "type", None),
        ("Either", "id", None),
        ("Either", "state", None),
        ("Either", "age", Some("`key` names `age`, which is not a field of `Order`")),
        ("Other", "age", Some("`key` names `age`, which is not a field of `Order`")),
        ("Either", "at", Some("`key` names `at`, which is not a field of `Buyer`")),
        ("Other", "at", Some("`key` names `at`, which is not a field of `Buyer`")),
        ("Either", "any", Some("`Order.any` is not a single value, so it cannot be a record's key")),
        ("Other", "any", Some("`Order.any` is not a single value, so it cannot be a record's key")),
        ("Either", "home", Some("`Order.home` is not a single value, so it cannot be a record's key")),
        ("Other", "home", Some("`Buyer.home` is not a single value, so it cannot be a record's key")),
    ] {
        let said = said_of(message, key).map(|found| found.message);
        assert_eq!(said.as_deref(), refused, "{message} {key}");
    }
}

/// If this fails, a person who has named a field that is not there has to look up which ones are.
#[test]
fn the_fields_that_are_there_are_named() {
    let help = |message: &str, key: &str| said_of(message, key).unwrap().help.unwrap();
    assert_eq!(help("Buyer", "xyz"), "its fields are `id`, `age`, `home`, `state`, `any`");
    assert_eq!(help("Buyer", "sate"), "did you mean `state`?");
    assert_eq!(help("Small", "xyz"), "its fields are `only`");
    assert_eq!(help("Empty", "xyz"), "it has no fields");
    assert_eq!(help("Buyer", "home"), "a key is a scalar such as `uuid` or `string`, or an enum");
}
