//! Groups: a key in the manifest, an id in Kafka, and properties of their own clients.

use super::*;

const MAIN: GroupEntry = GroupEntry { name: "audited", settings: &[("id", "${MAIN?}")] };

const SHARED: GroupEntry = GroupEntry { name: "shared", settings: &[("protocol", "consumer")] };

static AUDITED: Manifest = Manifest {
    app: "audited",
    version: "0.1.0",
    root: "/",
    settings: &[
        ("kafka.brokers", "kafka:9092"),
        ("kafka.options.client.rack", "${RACK?}"),
        ("kafka.options.fetch.min.bytes", "1"),
        ("kafka.options.socket.timeout.ms", "30000"),
        ("kafka.consumer.fetch.message.max.bytes", "65536"),
        ("kafka.consumer.fetch.min.bytes", "2"),
    ],
    environments: &[("production", &[("kafka.consumer.max.partition.fetch.bytes", "131072")])],
    groups: &[
        GroupEntry {
            name: "audit",
            settings: &[
                ("concurrency", "4"),
                ("id", "${GROUP:-audit}"),
                ("instance_id", "one"),
                ("kafka.fetch.min.bytes", "3"),
                ("kafka.heartbeat.interval.ms", "${HEARTBEAT?}"),
                ("kafka.session.timeout.ms", "${SESSION:-10000}"),
                ("ordering", "key"),
            ],
        },
        MAIN,
        SHARED,
    ],
    topics: &[TopicEntry { key: "clicks", message: "json", settings: &[] }],
    consumers: &[entry("clicks", "audit", &[]), entry("clicks", "audited", &[]), entry("clicks", "shared", &[])],
};

fn of(given: &[(&str, &str)]) -> Settings {
    Settings::read(&AUDITED, &variables(given), &Flags::default()).unwrap()
}

fn flags(groups: &[&str]) -> Flags {
    Flags { groups: groups.iter().map(|name| (*name).to_owned()).collect(), ..Flags::default() }
}

/// If this fails, a group whose id differs by environment runs in one of them with other settings, or under another id.
#[test]
fn two_environments_with_different_ids_have_the_same_settings() {
    let (staging, production) = (of(&[PROD, ("GROUP", "audit-staging")]), of(&[PROD, ("GROUP", "audit-production")]));
    let without_id = |settings: &Settings| {
        let group = settings.group("audit").unwrap().clone();
        assert_eq!(group.instance_id, Some(format!("one-{}", group.id)));
        Group { id: String::new(), instance_id: None, ..group }
    };
    assert_eq!(without_id(&staging), without_id(&production));
    let audit = production.group("audit").unwrap();
    assert_eq!((audit.id.as_str(), audit.concurrency, audit.ordering), ("audit-production", 4, Ordering::Key));
    assert_eq!(
        (audit.own_key(), audit.in_words().as_str()),
        (Some("audit"), "audit-production (audit in karafka.yml)")
    );
    // Consumers name the key, whatever the id.
    assert_eq!(production.consumer(&AUDITED.consumers[0]).unwrap().group, "audit");
    let rows = rows(&production, &["groups.audit.id", "groups.audit.kafka.session.timeout.ms"]);
    assert_eq!(
        rows,
        [
            "groups.audit.id = audit-production  (karafka.yml through ${GROUP})",
            "groups.audit.kafka.session.timeout.ms = 10000  (karafka.yml through ${SESSION} (not set: its default))",
        ]
    );
    let settings = of(&[PROD]);
    let ids: Vec<_> = settings.groups.iter().map(|group| (group.id.as_str(), group.own_key())).collect();
    assert_eq!(ids, [("audit", None), ("audited", None), ("shared", None)], "without the variable it is the key");
    assert_eq!(of(&[PROD, ("MAIN", "main-2")]).groups[1].id, "main-2");
}

/// If this fails, a group has a property from a layer that another one stands over, or from none.
#[test]
fn a_groups_own_properties_stand_over_those_of_all() {
    let names = ["client.rack", "fetch.min.bytes", "heartbeat.interval.ms", "session.timeout.ms"];
    let own = |settings: &Settings, group: usize| {
        let options = &settings.groups[group].options;
        names.map(|name| options.get(name).cloned().unwrap_or_default())
    };
    let settings = of(&[DEV]);
    assert_eq!(own(&settings, 0), ["", "3", "", "10000"]);
    assert_eq!(own(&settings, 1), [""; 4]);
    assert_eq!((&*settings.options["fetch.min.bytes"], &*settings.consumer_options["fetch.min.bytes"]), ("1", "2"));
    let given = [DEV, ("SESSION", "20000"), ("HEARTBEAT", "5000"), ("RACK", "r1")];
    assert_eq!(own(&of(&given), 0), ["", "3", "5000", "20000"]);

    // A variable is the last word, for every client and under either name.
    let settings =
        of(&[DEV, ("KARAFKA_OPTIONS_FETCH_MIN_BYTES", "9"), ("KARAFKA_OPTIONS_FETCH_MESSAGE_MAX_BYTES", "70000")]);
    assert_eq!(own(&settings, 0), ["", "", "", "10000"]);
    assert_eq!(settings.options["fetch.min.bytes"], "9");
    assert_eq!(settings.options["max.partition.fetch.bytes"], "70000");
    assert_eq!(settings.consumer_options, BTreeMap::new());
    let settings = of(&[DEV, ("KARAFKA_OPTIONS_FETCH_MIN_BYTES", "")]);
    assert_eq!(own(&settings, 0)[1], "3", "an empty variable says nothing");

    // The name that the environment uses is another one, and it is one property all the same.
    assert_eq!(of(&[DEV]).consumer_options["max.partition.fetch.bytes"], "65536");
    assert_eq!(of(&[PROD]).consumer_options["max.partition.fetch.bytes"], "131072");
}

/// If this fails, two groups take each other's partitions, or a person is not told which variable makes an id wrong.
#[test]
fn ids_are_checked_when_they_are_known() {
    let long = "x".repeat(256);
    let mut said = errors(&AUDITED, &[PROD, ("GROUP", "audited")], &Flags::default());
    said.push_str(&errors(&AUDITED, &[PROD, ("GROUP", "one"), ("MAIN", "one")], &Flags::default()));
    said.push_str(&errors(&AUDITED, &[PROD, ("GROUP", "shared"), ("MAIN", "shared")], &Flags::default()));
    said.push_str(&errors(&AUDITED, &[PROD, ("GROUP", " audit")], &Flags::default()));
    said.push_str(&errors(&AUDITED, &[PROD, ("GROUP", &long)], &Flags::default()));
    static UNSET: Manifest =
        Manifest { groups: &[GroupEntry { name: "audit", settings: &[("id", "${GROUP}")] }, MAIN, SHARED], ..AUDITED };
    said.push_str(&errors(&UNSET, &[PROD, ("GROUP", "")], &Flags::default()));
    said.push_str(&errors(&UNSET, &[PROD], &Flags::default()));
    snapshot("settings_wrong_group_ids", &said);
}

/// If this fails, an app starts with a property that its group does not have, or a person is not told which variable it
/// comes from.
#[test]
fn what_a_groups_protocol_does_not_have_is_said_at_the_start() {
    static WRONG: Manifest = Manifest {
        settings: &[
            ("kafka.brokers", "kafka:9092"),
            ("kafka.options.heartbeat.interval.ms", "${HEARTBEAT?}"),
            ("kafka.producer.linger.ms", "${LINGER?}"),
        ],
        environments: &[],
        groups: &[
            GroupEntry { name: "audit", settings: &[("kafka.session.timeout.ms", "${SESSION:-10000}")] },
            MAIN,
            GroupEntry {
                name: "shared",
                settings: &[("kafka.group.protocol.type", "${TYPE?}"), ("protocol", "consumer")],
            },
        ],
        ..AUDITED
    };
    assert_eq!(errors(&WRONG, &[PROD], &Flags::default()), "");
    let mut said = String::new();
    for given in [
        ("HEARTBEAT", "3000"),
        ("TYPE", "consumer"),
        ("SESSION", "400000"),
        ("SESSION", "2000"),
        ("LINGER", "400000"),
        ("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "20000"),
        ("KARAFKA_OPTIONS_MAX_POLL_INTERVAL_MS", "9000"),
    ] {
        said.push_str(&errors(&WRONG, &[PROD, given], &Flags::default()));
    }
    snapshot("settings_conflicts", &said);
    // What the flags leave out is not made, and need not be right.
    let given = [PROD, ("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "20000")];
    assert_eq!(errors(&WRONG, &given, &flags(&["audit", "audited"])), "");
}

/// If this fails, a group's own properties are not held to what all others are.
#[test]
fn a_groups_properties_are_checked_as_all_are() {
    static WRONG: Manifest = Manifest {
        groups: &[
            GroupEntry {
                name: "audit",
                settings: &[
                    ("kafka.enable.auto.commit", "true"),
                    ("kafka.fetch.min.bytes", "${FEW}"),
                    ("kafka.group.id", "x"),
                    ("colour", "red"),
                ],
            },
            GroupEntry { name: "audited", settings: &[] },
            GroupEntry { name: "shared", settings: &[] },
        ],
        ..AUDITED
    };
    static UNKNOWN: Manifest = Manifest {
        groups: &[
            GroupEntry {
                name: "audit",
                settings: &[("kafka.fetch.min.byte", "1"), ("kafka.session.timeout.ms", "${SESSION:-10s}")],
            },
            GroupEntry { name: "audited", settings: &[] },
            GroupEntry { name: "shared", settings: &[] },
        ],
        ..AUDITED
    };
    let mut said = errors(&WRONG, &[PROD], &Flags::default());
    said.push_str(&errors(&UNKNOWN, &[PROD], &Flags::default()));
    snapshot("settings_wrong_group_options", &said);
}

/// If this fails, `--groups` needs another word in each environment, or an id is silently taken for a key.
#[test]
fn flags_name_groups_by_their_keys() {
    let given = [PROD, ("GROUP", "audit-eu"), ("MAIN", "audit")];
    let selected = |groups: &[&str]| {
        let settings = Settings::read(&AUDITED, &variables(&given), &flags(groups)).unwrap();
        let selected: Vec<_> =
            settings.groups.into_iter().filter(|group| group.selected).map(|group| group.name).collect();
        selected
    };
    // The id of one is the key of another: the key counts.
    assert_eq!(selected(&["audit"]), ["audit"]);
    assert_eq!(selected(&["audited", "shared"]), ["audited", "shared"]);
    let said = errors(&AUDITED, &given, &flags(&["audit-eu", "shred", "other"]));
    snapshot("settings_flags_name_keys", &said);
    assert!(
        Settings::read(&AUDITED, &variables(&given), &flags(&["x"])).unwrap_err().iter().all(SettingError::is_of_call)
    );
}

/// If this fails, an app whose group has a password of its own cannot be tried without a cluster, or a log shows it.
#[test]
fn an_embedded_broker_has_no_security_for_a_group() {
    static SECURED: Manifest = Manifest {
        settings: &[],
        groups: &[
            GroupEntry {
                name: "audit",
                settings: &[("kafka.sasl.password", "${PASSWORD}"), ("kafka.session.timeout.ms", "10000")],
            },
            GroupEntry { name: "audited", settings: &[] },
            GroupEntry { name: "shared", settings: &[] },
        ],
        ..AUDITED
    };
    let given = variables(&[DEV, ("PASSWORD", "hunter2")]);
    let settings = Settings::read(&SECURED, &given, &Flags::default()).unwrap();
    assert_eq!(settings.groups[0].options["sasl.password"], "hunter2");
    assert!(!format!("{settings:?}{SECURED:?}").contains("hunter2"));
    let settings = settings.for_embedded_broker();
    assert_eq!(settings.groups[0].options.len(), 1);
    assert!(settings.values.iter().all(|value| !value.key.contains("sasl")), "{:?}", settings.values);
}

/// If this fails, an app that names no mechanism is told of librdkafka's insides, or one that names its own is refused.
#[test]
#[cfg(not(feature = "gssapi"))]
fn a_mechanism_that_nobody_names_is_gssapi() {
    let sasl = ("KARAFKA_OPTIONS_SECURITY_PROTOCOL", "sasl_plaintext");
    let said = errors(&AUDITED, &[PROD, sasl], &Flags::default());
    assert!(said.contains("`sasl.mechanism: GSSAPI` needs the feature `gssapi` of karafka"), "{said}");
    let given = [
        PROD,
        sasl,
        ("KARAFKA_OPTIONS_SASL_MECHANISM", "PLAIN"),
        ("KARAFKA_OPTIONS_SASL_USERNAME", "ann"),
        ("KARAFKA_OPTIONS_SASL_PASSWORD", "x"),
    ];
    assert_eq!(errors(&AUDITED, &given, &Flags::default()), "");
    let said = errors(&AUDITED, &given[..4], &Flags::default());
    assert!(said.contains("`sasl.mechanism` needs `sasl.password`, which is not there"), "{said}");
}
