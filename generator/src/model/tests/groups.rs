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
    let page = include_str!("../../../../docs/groups.md");
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
