use karafka_generator::{compile, source::Source};

use super::*;

const MANIFEST: &str = "
app: shop
messages:
  Order: { id: uuid, customer: string, items: [{ sku: string, count: u32 }], note?: string }
  Made: { id: u8, by?: { string: { name: string } } }
  Event: { one_of: { made: Made }, by: type }
  Reading: { at: timestamp, ratio: f64, narrow: f32, exact: decimal, count: u64, sensor: uuid, extra?: json }
  Readings: { one_of: { reading: Reading }, by: type }
topics:
  orders: { message: Order, key: customer, controller: OrdersController }
  clicks: { controller: ClicksController }
  events: { message: Event, controller: EventsController }
  readings: { message: Readings, controller: ReadingsController }
  lines: { parser: text, controller: LinesController }
";

fn with<T>(topic: &str, key: Option<&str>, check: impl FnOnce(&Checked<'_>) -> T) -> T {
    let compiled = compile(&Source::new("karafka.yml", MANIFEST));
    let model = compiled.model.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let topic = model.topics.iter().find(|known| known.key == topic).unwrap();
    check(&Checked { model: &model, topic, key })
}

fn report(topic: &str, key: Option<&str>, text: &str) -> String {
    with(topic, key, |checked| checked.lines(text.as_bytes()).unwrap_err().report(topic, false))
}

const GOOD: &str = r#"{"id":"7f1ff5f6-63c4-4a2b-8a0e-2f6a0f9f5c11","customer":"c-1","items":[{"sku":"a","count":1}]}"#;

/// If this fails, a person stumbles over how many messages were wrong.
#[test]
fn how_many_do_not_fit_is_said_in_english() {
    for (text, words) in [
        ("{}".to_owned(), "\n1 of 1 message does not fit"),
        (format!("{{}}\n{GOOD}"), "\n1 of 2 messages does not fit"),
        (format!("{{}}\n{GOOD}\n{{}}"), "\n2 of 3 messages do not fit"),
    ] {
        let said = report("orders", None, &text);
        assert!(said.contains(words), "{said}");
    }
}

/// If this fails, `karafka send` changes what it was given, or sends it under another key than the app would.
#[test]
fn sends_lines_as_they_are() {
    let text = format!("{GOOD}\r\n\n  {GOOD}\n");
    let messages = with("orders", None, |checked| checked.lines(text.as_bytes())).unwrap();
    let wanted = Message { key: Some(b"c-1".to_vec()), value: GOOD.as_bytes().to_vec() };
    assert_eq!(messages, [wanted.clone(), wanted]);
    let clicks = with("clicks", Some("n"), |checked| checked.lines(br#"{"b":1.50,"n":7}"#)).unwrap();
    assert_eq!(clicks, [Message { key: Some(b"7".to_vec()), value: br#"{"b":1.50,"n":7}"#.to_vec() }]);
    let lines = with("lines", None, |checked| checked.lines("a\n\nb c".as_bytes())).unwrap();
    assert_eq!(lines.iter().map(|line| line.value.as_slice()).collect::<Vec<_>>(), [&b"a"[..], b"", b"b c"]);
    assert_eq!(with("orders", None, |checked| checked.lines(b"")).unwrap(), []);
}

/// If this fails, `karafka send` puts a record into another partition than the app does, or takes two keys for one.
#[test]
fn a_key_is_written_as_the_app_writes_it() {
    let reading = r#"{"at":"2026-11-22T14:01:07+02:00","ratio":1.50,"narrow":0.10,"exact":"1.10","count":18446744073709551615,"sensor":"7F1FF5F6-63C4-4A2B-8A0E-2F6A0F9F5C11","extra":[1e400],"type":"reading"}"#;
    for (field, key) in [
        ("at", "2026-11-22T12:01:07Z"),
        ("ratio", "1.5"),
        ("narrow", "0.1"),
        ("exact", "1.10"),
        ("count", "18446744073709551615"),
        ("sensor", "7f1ff5f6-63c4-4a2b-8a0e-2f6a0f9f5c11"),
        ("type", "reading"),
    ] {
        let messages = with("readings", Some(field), |checked| checked.lines(reading.as_bytes())).unwrap();
        assert_eq!(messages, [Message { key: Some(key.into()), value: reading.as_bytes().to_vec() }], "{field}");
    }
    for key in ["12345678901234567890123", "1.10", "1e400", "-0"] {
        let line = format!("{{\"n\":{key}}}");
        let messages = with("clicks", Some("n"), |checked| checked.lines(line.as_bytes())).unwrap();
        assert_eq!(messages, [Message { key: Some(key.into()), value: line.into_bytes() }]);
    }
}

/// If this fails, a person is told of another number than the one that is wrong.
#[test]
fn a_wrong_number_is_shown_as_it_was_written() {
    let reading = r#"{"at":"2026-11-22T12:01:07Z","ratio":1,"narrow":1,"exact":"1","count":1,"sensor":"7f1ff5f6-63c4-4a2b-8a0e-2f6a0f9f5c11","type":"reading"}"#;
    for (good, wrong, said) in [
        (
            "\"count\":1",
            "\"count\":18446744073709551616",
            "count: expected a whole number from 0 to 18446744073709551615, found 18446744073709551616",
        ),
        ("\"ratio\":1", "\"ratio\":1e400", "ratio: expected a number within the range of an `f64`, found 1e400"),
        (
            "\"exact\":\"1\"",
            "\"exact\":1e400",
            "exact: expected a decimal as text or as a number, such as \"1.10\", found a number",
        ),
    ] {
        let line = reading.replace(good, wrong);
        let refused = with("readings", None, |checked| checked.lines(line.as_bytes())).unwrap_err().lines;
        assert_eq!(refused, [(1, said.to_owned())]);
    }
}

/// If this fails, a person who sends a wrong batch is not told which line and which field, or half of it is sent.
#[test]
fn names_line_and_field() {
    let text = format!(
        "{GOOD}\n{{\"id\":\n{}\n\n{}\n",
        GOOD.replace("\"count\":1", "\"count\":-1"),
        GOOD.replace("\"customer\":\"c-1\",", ""),
    );
    let mut report = report("orders", None, &text);
    report.push_str("---\n");
    report.push_str(&self::report("clicks", Some("n"), "{}\n"));
    report.push_str("---\n");
    report.push_str(&self::report("clicks", None, &"{\n".repeat(25)));
    insta::with_settings!({snapshot_path => "../../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!("send_refuses", report);
    });
}

/// If this fails, a message is sent that the app cannot parse, because a field stands in it twice.
#[test]
fn a_field_stands_once() {
    let twice =
        |topic: &str, line: &str| with(topic, None, |checked| checked.lines(line.as_bytes())).unwrap_err().lines;
    for (topic, line, path) in [
        ("orders", GOOD.replace("\"customer\"", "\"customer\":\"c-0\",\"customer\""), "customer"),
        ("orders", GOOD.replace("\"count\":1", "\"count\":1,\"\\u0063ount\":2"), "items[0].count"),
        ("events", r#"{"id":1,"type":"made","id":2}"#.to_owned(), "id"),
        ("events", r#"{"type":"made","id":1,"type":"made"}"#.to_owned(), "type"),
        ("events", r#"{"type":"made","id":1,"by":{"x":{"name":"a","name":"b"}}}"#.to_owned(), "by.x.name"),
        ("events", r#"{"far":1e400,"id":1,"type":"made","id":2}"#.to_owned(), "id"),
    ] {
        assert_eq!(twice(topic, &line), [(1, format!("{path}: stands twice"))], "{line}");
    }
    // What the app itself takes: other fields, keys of maps, and any JSON.
    for (topic, line) in [
        ("orders", GOOD.replace("{\"id\"", "{\"x\":1,\"x\":2,\"id\"")),
        ("events", r#"{"type":"made","id":1,"by":{"x":{"name":"a"},"x":{"name":"b"}}}"#.to_owned()),
        ("clicks", r#"{"a":1,"a":2}"#.to_owned()),
    ] {
        assert_eq!(with(topic, None, |checked| checked.lines(line.as_bytes())).unwrap().len(), 1, "{line}");
    }
}

/// If this fails, `--sample` makes messages that the app itself cannot read.
#[test]
fn samples_fit_their_type() {
    for topic in ["orders", "clicks", "events", "lines"] {
        let messages = with(topic, None, |checked| checked.samples(50, Timestamp::default())).unwrap();
        let text = messages.iter().map(|message| message.value.clone()).collect::<Vec<_>>().join(&b'\n');
        let read = with(topic, None, |checked| checked.lines(&text)).unwrap();
        assert_eq!(read, messages, "{topic}");
    }
}
