use karafka_generator::{compile, source::Source};

use super::*;

const MANIFEST: &str = "
app: shop
messages:
  Order: { id: uuid, customer: string, items: [{ sku: string, count: u32 }], note?: string }
  Made: { id: u8, by?: { string: { name: string } } }
  Event: { one_of: { made: Made }, by: type }
topics:
  orders: { message: Order, key: customer, controller: OrdersController }
  clicks: { controller: ClicksController }
  events: { message: Event, controller: EventsController }
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
