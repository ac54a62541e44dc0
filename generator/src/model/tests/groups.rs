//! Groups with ids and properties of their own.

use super::*;

/// The codes of what is found in an app with these lines, and two groups that its consumers are in.
fn codes(lines: &str) -> Vec<&'static str> {
    let topics =
        "topics:\n  one: { consumers: [{ controller: AController }, { controller: BController, group: audit }] }\n";
    compile(&source(&format!("app: a\n{lines}{topics}"))).diagnostics.iter().map(|found| found.code).collect()
}

/// If this fails, a group loses its id or a property on the way to the app, or two ids make two of one consumer.
#[test]
fn a_group_has_a_key_and_an_id() {
    let model = model(
        "app: shop
groups:
  audit: { id: \"${GROUP:-audit}\", ordering: key, kafka: { session.timeout.ms: 10000, sasl.password: \"${PW}\" } }
  shop: { id: shop-v2 }
topics:
  clicks: { consumers: [{ controller: CountController }, { group: audit, controller: AuditController }] }
  views: { group: \"${VIEWS:-views}\", controller: ViewsController }
",
    );
    let ids: Vec<_> = model.groups.iter().map(|group| (group.name.as_str(), group.id.as_str())).collect();
    assert_eq!(
        ids,
        [("${VIEWS:-views}", "${VIEWS:-views}"), ("audit", "${GROUP:-audit}"), ("shop", "shop-v2")],
        "an id beside a key, the default group's too, and a group that consumers name by a variable"
    );
    let settings: Vec<_> = model.groups[1].settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        settings,
        [
            ("id", "${GROUP:-audit}"),
            ("kafka.sasl.password", "${PW}"),
            ("kafka.session.timeout.ms", "10000"),
            ("ordering", "key"),
        ]
    );
    assert!(!format!("{model:?}").contains("${PW}"), "a password is not shown, be it a variable");
    let groups: Vec<_> = model.consumers.iter().map(|consumer| consumer.group.as_str()).collect();
    assert_eq!(groups, ["audit", "shop", "${VIEWS:-views}"]);
}

/// If this fails, a person who copies from the page on groups gets errors.
#[test]
fn the_manifest_of_the_page_is_right() {
    let page = include_str!("../../../../docs/src/groups.md");
    let yaml = page.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    let model = model(yaml);
    let ids: Vec<_> = model.groups.iter().map(|group| (group.name.as_str(), group.id.as_str())).collect();
    assert_eq!(ids, [("audit", "${GROUP:-audit}"), ("shop", "${GROUP_PREFIX:-}shop")]);
}

/// If this fails, `karafka check` calls a manifest wrong that is right in every environment, or that nobody can know yet.
#[test]
fn what_may_be_right_is_right() {
    for lines in [
        // Left out unless somebody sets it.
        "groups: { audit: { protocol: consumer, kafka: { session.timeout.ms: \"${S?}\" } } }\n",
        "kafka: { consumer: { session.timeout.ms: \"${S?}\" } }\ngroups: { audit: { protocol: consumer } }\n",
        // Not known before the start.
        "kafka: { consumer: { session.timeout.ms: \"${S:-400000}\" } }\n",
        "kafka: { consumer: { session.timeout.ms: 400000, max.poll.interval.ms: \"${P}\" } }\n",
        // The group's own stands over the shared one.
        "kafka: { consumer: { max.poll.interval.ms: 50000 } }\ngroups: { a: { kafka: { session.timeout.ms: 6000 } }, audit: { kafka: { session.timeout.ms: 6000 } } }\n",
        // Only where no group has the protocol it says nothing.
        "kafka: { consumer: { group.remote.assignor: uniform } }\ngroups: { audit: { protocol: consumer } }\n",
        "groups: { audit: { id: a-audit }, a: { id: \"${A:-a-audit}\" } }\n",
        "groups: { audit: { id: a }, a: { id: audit } }\n",
        "kafka: { options: { ssl.keystore.location: k, ssl.keystore.password: \"${PW?}\" } }\n",
    ] {
        assert_eq!(codes(lines), [""; 0], "{lines}");
    }
}

/// If this fails, a mistake that several clients share is told for each of them, or one of two is not told.
#[test]
fn a_conflict_is_told_once_for_its_place() {
    for (lines, wanted) in [
        (
            "kafka: { consumer: { session.timeout.ms: 10000 } }\ngroups: { a: { protocol: consumer }, audit: { protocol: consumer, kafka: { fetch.min.bytes: 2 } } }\n",
            &["protocol-conflict"][..],
        ),
        (
            "kafka: { options: { heartbeat.interval.ms: 2000, session.timeout.ms: 10000 } }\ngroups: { audit: { protocol: consumer } }\n",
            &["protocol-conflict", "protocol-conflict"],
        ),
        (
            "kafka: { consumer: { session.timeout.ms: 400000 } }\nenvironments: { x: { concurrency: 2 }, y: { kafka: { consumer: { session.timeout.ms: 500000 } } } }\n",
            &["conflicting-options", "conflicting-options"],
        ),
        (
            "groups: { audit: { id: b, kafka: { session.timeout.ms: 3000 } }, a: { id: b } }\n",
            &["conflicting-options", "shared-group-id"],
        ),
        // What is missing was refused.
        ("kafka: { options: { ssl.keystore.location: k, ssl.keystore.password: } }\n", &["empty-value"]),
        // What nobody is in is not made.
        ("groups: { other: { protocol: consumer, kafka: { session.timeout.ms: 10000 } } }\n", &["unused-group"]),
    ] {
        assert_eq!(codes(lines), wanted, "{lines}");
    }
}

/// If this fails, a person is warned of what they have chosen, or not of what has no effect or a price.
#[test]
fn what_a_group_says_for_nothing_is_warned_of() {
    let topics = "topics:\n  one: { controller: AController }\n  two: { controller: BController, group: audit }\n";
    for (lines, wanted) in [
        ("groups: { audit: { concurrency: 4 }, a: { concurrency: 4 } }\n", &[][..]),
        ("groups: { other: { concurrency: 4 }, audit: { concurrency: 4 } }\n", &["unused-group"]),
        ("groups: { other: { concurrency: 4 }, more: { concurrency: 4 } }\n", &["unused-group", "unused-group"]),
        // A commit has room for so many, and no more.
        ("groups: { audit: { window: 20000 } }\n", &[]),
        ("groups: { audit: { window: 20001 } }\n", &["wide-window"]),
        ("groups: { audit: { window: \"${W}\" } }\n", &[]),
        ("groups: { audit: { ordering: key, concurrency: 1 } }\n", &["idle-ordering"]),
        ("groups: { audit: { ordering: none, concurrency: 1 } }\n", &["idle-ordering"]),
        ("groups: { audit: { ordering: partition, concurrency: 1 } }\n", &[]),
        ("groups: { audit: { concurrency: 1 } }\n", &[]),
        ("groups: { audit: { ordering: key, concurrency: 2 } }\n", &[]),
        ("groups: { audit: { ordering: key, concurrency: \"${C}\" } }\n", &[]),
        ("groups: { audit: { ordering: key } }\n", &[]),
        // Of the process, where the group says nothing, and no environment something else.
        ("concurrency: 1\ngroups: { audit: { ordering: key } }\n", &["idle-ordering"]),
        ("concurrency: 1\ngroups: { audit: { ordering: key, concurrency: 2 } }\n", &[]),
        ("concurrency: 2\ngroups: { audit: { ordering: key, concurrency: 1 } }\n", &["idle-ordering"]),
        (
            "concurrency: 1\nenvironments: { x: { kafka: {} } }\ngroups: { audit: { ordering: key } }\n",
            &["idle-ordering"],
        ),
        ("concurrency: 1\nenvironments: { x: { concurrency: 2 } }\ngroups: { audit: { ordering: key } }\n", &[]),
        (
            "environments: { x: { concurrency: 2 } }\ngroups: { audit: { ordering: key, concurrency: 1 } }\n",
            &["idle-ordering"],
        ),
        // Of a group that nobody is in, this alone.
        ("groups: { other: { ordering: key, concurrency: 1, window: 20001 } }\n", &["unused-group"]),
    ] {
        let found = compile(&source(&format!("app: a\n{lines}{topics}"))).diagnostics;
        let codes: Vec<_> = found.iter().map(|found| found.code).collect();
        assert_eq!(codes, wanted, "{lines}");
    }
    // Its consumer may be the one that was refused.
    let broken =
        "app: a\ngroups: { audit: { concurrency: 4 } }\ntopics: { one: { controller: orders, group: audit } }\n";
    let codes: Vec<_> = compile(&source(broken)).diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["invalid-constant"]);
}

/// If this fails, a record that fails is repeated or kept though its group has promised that it is not, or one word of
/// `defaults` is told for each consumer.
#[test]
fn at_most_once_leaves_nothing_to_repeat() {
    let found = |defaults: &str, consumer: &str| {
        let groups = "groups: { a: { delivery: at_most_once }, b: { delivery: at_least_once } }\n";
        let one = format!("  one: {{ controller: AController{consumer} }}\n");
        let two = format!(
            "  two: {{ controller: BController{consumer} }}\n  three: {{ controller: CController, group: b }}\n"
        );
        let text = format!("app: a\n{defaults}{groups}topics:\n{one}{two}");
        let found = compile(&source(&text)).diagnostics;
        let broken = found.iter().filter(|found| found.code == "broken-promise");
        broken.map(|found| text[found.span.start..found.span.end].to_owned()).collect::<Vec<_>>()
    };
    for (consumer, places) in [
        ("", &[][..]),
        (", timeout: 5s, tombstones: skip", &[]),
        (", retry: { backoff: 1s..2s }", &["1s..2s"; 2][..]),
        (", dead_letter: d, retry: { attempts: 3 }", &["d", "3", "d", "3"]),
        // What `retry` says counts once.
        (", retry: { attempts: 3, backoff: 1s..2s }, dead_letter: d", &["1s..2s", "d", "1s..2s", "d"]),
        (", jobs: redis", &["redis"; 2]),
        (", group: b, dead_letter: d, retry: { attempts: 3, backoff: 1s..2s }", &[]),
        (", group: b, batch: {}", &[]),
        (", group: b, jobs: redis", &[]),
    ] {
        assert_eq!(found("", consumer), places, "{consumer}");
    }
    assert_eq!(found("", ", batch: { size: 1 }").len(), 2);
    for (defaults, places) in [
        ("retry: { backoff: 1s..2s }", &["1s..2s"][..]),
        ("retry: { backoff: 1s..2s, attempts: 3 }, dead_letter: d", &["1s..2s", "d"]),
        ("jobs: redis", &["redis"]),
    ] {
        assert_eq!(found(&format!("defaults: {{ {defaults} }}\n"), ""), places, "{defaults}");
    }
    assert_eq!(found("defaults: { dead_letter: d }\n", ", retry: { attempts: 3 }"), ["d", "3", "3"]);
    assert_eq!(found("defaults: { retry: { attempts: 3 } }\n", ", dead_letter: d"), ["3", "d", "d"]);
}
