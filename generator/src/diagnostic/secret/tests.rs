use super::*;

fn hidden(text: &str) -> String {
    redacted("karafka.yml", text)
}

/// If this fails, `karafka check` prints a password, or hides what a person has to see to mend the manifest.
#[test]
fn secrets_are_found_in_whatever_form() {
    for (text, shown) in [
        (
            "kafka:\n  options:\n    sasl.password: S\n    a: b\n",
            "kafka:\n  options:\n    sasl.password: (redacted)\n    a: b\n",
        ),
        ("kafka: { options: { sasl.password: S, a: b } }", "kafka: { options: { sasl.password: (redacted), a: b } }"),
        ("kafka: { options: { sasl.password: S,S, a: b } }", "kafka: { options: { sasl.password: (redacted), a: b } }"),
        (
            "kafka: { options: { 'sasl.password': \"S}, S\", a: b } }",
            "kafka: { options: { 'sasl.password': (redacted), a: b } }",
        ),
        ("kafka: { brokr: y, sasl.password: S }", "kafka: { brokr: y, sasl.password: (redacted) }"),
        (
            "kafka:\n  options: {\n    sasl.password: S,\n    a: b }",
            "kafka:\n  options: {\n    sasl.password: (redacted),\n    a: b }",
        ),
        (
            "kafka:\n  sasl.password: |\n    S\n\n    S\n  a: b\n",
            "kafka:\n  sasl.password: (redacted)\n    (redacted)\n\n    (redacted)\n  a: b\n",
        ),
        ("kafka:\n  sasl.password:\n    S\n  a: b\n", "kafka:\n  sasl.password:\n    (redacted)\n  a: b\n"),
        (
            "kafka:\n  sasl.password: 'S\n    S'\n  a: b\n",
            "kafka:\n  sasl.password: (redacted)\n    (redacted)\n  a: b\n",
        ),
        ("kafka:\n  sasl.password: 'S\n  a: b\n", "kafka:\n  sasl.password: (redacted)\n  a: b\n"),
        ("kafka:\n  sasl.password:S\n", "kafka:\n  sasl.password:(redacted)\n"),
        ("kafka:\n  sasl.password = S\n", "kafka:\n  sasl.password = (redacted)\n"),
        ("kafka:\n  sasl.password S\n", "kafka:\n  sasl.password (redacted)\n"),
        ("kafka:\n  sasl.pasword: S\n", "kafka:\n  sasl.pasword: (redacted)\n"),
        ("kafka:\n  # sasl.password: S\n", "kafka:\n  # sasl.password: (redacted)\n"),
        ("kafka:\n\tsasl.password: S\n", "kafka:\n\tsasl.password: (redacted)\n"),
        (
            "x: &pw S\nkafka: { options: { sasl.password: *pw, a: b } }",
            "x: &pw (redacted)\nkafka: { options: { sasl.password: (redacted), a: b } }",
        ),
        ("defaults: { sasl.password: S }", "defaults: { sasl.password: (redacted) }"),
        (
            "kafka: { options: { ssl.key.pem: \"-----BEGIN KEY-----\\nS\" } }",
            "kafka: { options: { ssl.key.pem: (redacted) } }",
        ),
        (
            "a: |\n  -----BEGIN KEY-----\n  S\n  -----END KEY-----\nb: c\n",
            "a: |\n  (redacted)\n  (redacted)\n  (redacted)\nb: c\n",
        ),
        ("groups: { g: { kafka: { sasl.password: S } } }", "groups: { g: { kafka: { sasl.password: (redacted) } } }"),
        (
            "groups:\n  g:\n    kafka:\n      sasl.password:\n        S\n      a: b\n",
            "groups:\n  g:\n    kafka:\n      sasl.password:\n        (redacted)\n      a: b\n",
        ),
        (
            "groups:\n  g:\n    kafka:\n      sasl.pasword S\n",
            "groups:\n  g:\n    kafka:\n      sasl.pasword (redacted)\n",
        ),
        ("kafka: { brokers: \"ann:S@h:9092\" }", "kafka: { brokers: \"ann:(redacted)@h:9092\" }"),
        (
            "kafka:\n  brokers: [ann:S@h:9092, bob:S@h:9092]",
            "kafka:\n  brokers: [ann:(redacted)@h:9092, bob:(redacted)@h:9092]",
        ),
        ("redis: { url: redis://:S@h:6379 }", "redis: { url: redis://:(redacted)@h:6379 }"),
        ("redis: { url: redis://ann:S\"S@h }", "redis: { url: redis://ann:(redacted)@h }"),
        ("redis: { url: redis://S@h }", "redis: { url: redis://(redacted)@h }"),
        ("redis: { url: 'unix:///r.sock?db=1&pass=S' }", "redis: { url: 'unix:///r.sock?db=1&pass=(redacted)' }"),
        ("kafka: { options: { sasl.password: \"${PW:-S}\" } }", "kafka: { options: { sasl.password: (redacted) } }"),
        // Nothing is secret here.
        (
            "kafka: { options: { sasl.password: \"${PW}\", a: b } }",
            "kafka: { options: { sasl.password: \"${PW}\", a: b } }",
        ),
        ("kafka:\n  options:\n    sasl.password: ${PW?}\n", "kafka:\n  options:\n    sasl.password: ${PW?}\n"),
        ("messages:\n  User: { id: uuid, password: strng }\n", "messages:\n  User: { id: uuid, password: strng }\n"),
        (
            "topics:\n  password.resets: { controller: A }\n  tokens:\n    controller: B\n",
            "topics:\n  password.resets: { controller: A }\n  tokens:\n    controller: B\n",
        ),
        ("redis: { url: redis://h:6379/0 } # ann@example.org", "redis: { url: redis://h:6379/0 } # ann@example.org"),
    ] {
        let shown_text = hidden(text);
        assert!(!shown_text.contains('S'), "{text}\n{shown_text}");
        assert_eq!(shown_text, shown, "{text}");
    }
}

/// If this fails, a password of one letter garbles what is said, and so tells which one it is.
#[test]
fn a_short_secret_leaves_the_words_whole() {
    let source = Source::new("karafka.yml", "kafka: { brokers: \"ann:d@h:9092\" }\n");
    let place = Span::new(18, 32);
    let diagnostic = Diagnostic::error(codes::INVALID_BROKER, place, "`ann:(redacted)@h:9092` is no address");
    let shown = Shown::new(&source, std::slice::from_ref(&diagnostic)).without_secrets(&diagnostic);
    assert!(shown.message.contains("ann:(redacted)@h:9092"), "{}", shown.message);
}

/// If this fails, the difference of a generated file shows a password.
#[test]
fn secrets_are_found_in_programs() {
    let text = "(\"kafka.options.sasl.password\", \"a\\\"S\"),\n(\"redis.url\", \"redis://:S@h\"),\n(\"a\", \"b\"),\n(\n    \"ssl.key.pem\",\n    \"S\",\n)";
    assert_eq!(
        redacted("src/generated/routes.rs", text),
        "(\"kafka.options.sasl.password\", \"(redacted)\"),\n(\"redis.url\", \"redis://:(redacted)@h\"),\n(\"a\", \"b\"),\n(\n    \"ssl.key.pem\",\n    \"(redacted)\",\n)"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// If this fails, some text turns a mistake in the manifest into a crash, or lines of a difference do not match.
    #[test]
    fn any_text_keeps_its_lines(text in "(sasl\\.password|token|pass|kafka|topics|://|-----BEGIN |-----END|[\"'{}\\[\\],:=@&*?#ö\n\r\t a-z-]){0,60}") {
        for name in ["karafka.yml", "routes.rs"] {
            let shown = redacted(name, &text);
            proptest::prop_assert_eq!(shown.split('\n').count(), text.split('\n').count());
        }
    }
}
