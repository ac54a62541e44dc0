mod process;
mod secrets;

use std::collections::BTreeMap;

use super::*;
use crate::{
    manifest::{ConsumerEntry, GroupEntry, Setting, TopicEntry},
    settings::Clients,
};

/// If this fails, an error with words from outside looks like several, or acts on a terminal.
#[test]
fn a_complaint_is_one() {
    let words = crate::foreign::tests::HOSTILE;
    let text = complaints::complaint(&format!("the app's state: {words}\nerror: forged\n  set THIS"));
    assert_eq!(crate::foreign::tests::hostile(&text, &[]), None, "{text}");
    let starts: Vec<_> = text.lines().map(|line| &line[..7]).collect();
    assert_eq!(starts, ["error: ", "  error", "  set T"]);
}

static SHOP: Manifest = SHOP_OF_CONSTANTS;

const SHOP_OF_CONSTANTS: Manifest = Manifest {
    app: "shop",
    version: "0.3.1",
    root: "/srv/shop",
    settings: &[("concurrency", "16"), ("kafka.options.sasl.password", "${PASSWORD?}")],
    environments: &[],
    groups: &[
        GroupEntry { name: "audit", settings: &[("concurrency", "4"), ("ordering", "key")] },
        GroupEntry { name: "${PREFIX:-}shop", settings: &[] },
    ],
    topics: &[
        TopicEntry { key: "order_confirmed", message: "Order", settings: &[] },
        TopicEntry { key: "orders", message: "Order", settings: &[] },
        TopicEntry { key: "video.details", message: "json", settings: &[("partitions", "12")] },
    ],
    consumers: &[
        entry("orders", "${PREFIX:-}shop", "OrdersController", &["order_confirmed"]),
        entry("orders", "audit", "Audit::OrdersController", &[]),
        entry("video.details", "${PREFIX:-}shop", "Videos::DetailsController", &[]),
    ],
};

const fn entry(
    topic: &'static str,
    group: &'static str,
    controller: &'static str,
    emits: &'static [&'static str],
) -> ConsumerEntry {
    let settings = &[];
    ConsumerEntry { topic, group, controller, worker: "W", parser: "json", interchanger: "json", emits, settings }
}

fn settings(given: &[(&str, &str)]) -> Settings {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::read(&SHOP, &given, &Flags::default()).unwrap()
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => "../../../../tests/snapshots",
        prepend_module_to_snapshot => false,
        filters => [(r"(karafka +)\d+\.\d+\.\d+", "$1[version]"), (r"(librdkafka +)\d+\.\d+\.\d+ \(.*\)", "$1[version]")],
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// If this fails, the first page that a person sees does not say what runs where.
#[test]
fn the_start_is_worth_reading() {
    let mut settings = settings(&[("KARAFKA_ENV", "development"), ("PREFIX", "eu.")]);
    let address = "127.0.0.1:40213";
    let health = Some("127.0.0.1:40214".parse().unwrap());
    snapshot(
        "server_start_embedded",
        &startup::page(&SHOP, &settings, startup::BrokerOrigin::Embedded, address, health),
    );
    settings.groups[0].selected = false;
    snapshot("server_start_beside", &startup::page(&SHOP, &settings, startup::BrokerOrigin::Beside, address, None));
}

/// If this fails, a person who reads of a group in Kafka does not find it in karafka.yml, or the other way round.
#[test]
fn a_group_is_shown_by_its_id_and_its_key() {
    static AUDITED: Manifest = Manifest {
        groups: &[
            GroupEntry { name: "audit", settings: &[("id", "${AUDIT:-audit}")] },
            GroupEntry { name: "${PREFIX:-}shop", settings: &[] },
        ],
        ..SHOP
    };
    let given = [("KARAFKA_ENV", "development"), ("AUDIT", "audit-eu"), ("PREFIX", "eu.")];
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings::read(&AUDITED, &given, &Flags::default()).unwrap();
    let page = startup::page(&AUDITED, &settings, startup::BrokerOrigin::Embedded, "127.0.0.1:1", None);
    let line = |group: &str| page.lines().find(|line| line.contains(group)).unwrap_or_default();
    assert!(line("  audit-eu  ").ends_with("order by partition, audit in karafka.yml"), "{page}");
    assert!(line("  eu.shop  ").ends_with("order by partition"), "{page}");
    let text = info::text(&AUDITED, &settings, &[], &[], &[]);
    assert!(text.contains("2: audit-eu (audit in karafka.yml), eu.shop\n"), "{text}");
    let log = secrets::logged(|| startup::log(&AUDITED, &settings, "kafka:9092", None));
    let line =
        |group: &str| log.lines().find(|line| line.contains(&format!("\"group\":\"{group}\""))).unwrap_or_default();
    assert!(line("audit-eu").contains("\"key\":\"audit\"") && !line("eu.shop").contains("\"key\""), "{log}");
    assert!(!line("eu.shop").is_empty(), "{log}");
}

/// If this fails, a person who types `--help` is not told what the app can do, or scripts break over a changed flag.
#[test]
fn help_teaches() {
    let mut command = command_line::command(&SHOP).term_width(100);
    command.build();
    snapshot("server_help", &command.render_help().to_string());
    let server = command.find_subcommand_mut("server").unwrap();
    snapshot("server_help_server", &server.render_help().to_string());
}

/// If this fails, flags mean something else without the word `server` than with it.
#[test]
fn server_is_the_default() {
    use clap::FromArgMatches as _;
    let flags = |words: &[&str]| {
        let matches = command_line::command(&SHOP).try_get_matches_from(words).unwrap();
        let line = command_line::CommandLine::from_arg_matches(&matches).unwrap();
        match line.command {
            None => Flags::from(line.server),
            Some(Command::Server(args)) => Flags::from(args),
            Some(other) => panic!("{other:?}"),
        }
    };
    let wanted = Flags {
        groups: vec!["a".to_owned(), "b".to_owned()],
        exclude_topics: vec!["t".to_owned()],
        concurrency: Some("8".to_owned()),
        ..Flags::default()
    };
    assert_eq!(flags(&["shop", "--groups", "a,b", "--exclude-topics", "t", "--concurrency", "8"]), wanted);
    assert_eq!(flags(&["shop", "server", "--groups", "a,b", "--exclude-topics=t", "--concurrency=8"]), wanted);
    assert_eq!(flags(&["shop"]), Flags::default());
}

/// If this fails, `info` leaves out where a value came from, or shows a password.
#[test]
fn info_redacts() {
    let given =
        [("KARAFKA_ENV", "production"), ("KARAFKA_BROKERS", "kafka:9092"), ("PASSWORD", "hunter2"), ("PREFIX", "eu.")];
    let settings = settings(&given);
    let text = info::text(&SHOP, &settings, &[], &[], &[("rustc", "1.95.0".to_owned())]);
    assert!(!text.contains("hunter2"));
    snapshot("info_production", &text);
    let (settings, errors) = Settings::examine(&SHOP, &BTreeMap::new(), &Flags::default());
    snapshot("info_without_brokers", &info::text(&SHOP, &settings, &[], &errors, &[]));
}

/// If this fails, `info` does not say that a default has won where a variable was to, or that an optional one has left out what
/// keeps others out; or it says nothing of certificates that nobody looks at.
#[test]
fn info_says_what_was_left_to_defaults() {
    static OPEN: Manifest = Manifest {
        settings: &[
            ("kafka.brokers", "${AT:-kafka}:${PORT:-9092}"),
            ("kafka.options.security.protocol", "${PROTOCOL:-ssl}"),
            ("kafka.options.enable.ssl.certificate.verification", "${VERIFY:-false}"),
            ("kafka.options.sasl.username", "${TEAM:-shop}-${KAFKA_USER?}"),
            ("concurrency", "4"),
        ],
        environments: &[("production", &[("concurrency", "${THREADS?}")])],
        ..SHOP_OF_CONSTANTS
    };
    let info = |given: &[(&str, &str)]| {
        let given = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let (settings, errors) = Settings::examine(&OPEN, &given, &Flags::default());
        let text = info::text(&OPEN, &settings, &[], &errors, &[]);
        // Whatever the widths of columns are.
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect::<String>()
    };
    let text = info(&[("PORT", "9093"), ("KAFKA_USER", "")]);
    for line in [
        "kafka.brokers kafka:9093 karafka.yml through ${AT} (not set: its default), ${PORT}",
        "kafka.options.security.protocol ssl karafka.yml through ${PROTOCOL} (not set: its default)",
        "kafka.options.sasl.username (left out) karafka.yml through ${KAFKA_USER} (not set)",
        "concurrency 4 karafka.yml\nconcurrency (left out) karafka.yml (environments.production) through ${THREADS} (not set)",
        "warning: `kafka.options.enable.ssl.certificate.verification: false`, from karafka.yml through ${VERIFY} (not set",
    ] {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
    let (settings, _) = Settings::examine(&OPEN, &BTreeMap::new(), &Flags::default());
    let page = startup::page(&OPEN, &settings, startup::BrokerOrigin::Configured, "h:1", None);
    let log = secrets::logged(|| startup::log(&OPEN, &settings, "h:1", None));
    for said in [page, log] {
        assert!(
            said.contains("`kafka.options.enable.ssl.certificate.verification: false`, from karafka.yml"),
            "{said}"
        );
    }
    let set = [
        ("PREFIX", "a"),
        ("AT", "h"),
        ("PORT", "1"),
        ("PROTOCOL", "ssl"),
        ("VERIFY", "true"),
        ("TEAM", "a"),
        ("KAFKA_USER", "b"),
    ];
    let text = info(&[&set[..], &[("THREADS", "8")]].concat());
    assert!(["not set", "left out", "warning"].iter().all(|words| !text.contains(words)), "{text}");
    assert!(text.contains("kafka.options.sasl.username a-b karafka.yml through ${TEAM}, ${KAFKA_USER}\n"), "{text}");
}

/// If this fails, a worker, which consumes nothing, does not start for what only a group's client would not take.
#[test]
fn a_worker_is_not_kept_by_what_only_a_groups_client_would_not_take() {
    static NEWER: Manifest = Manifest {
        groups: &[
            GroupEntry { name: "audit", settings: &[("protocol", "consumer")] },
            GroupEntry { name: "${PREFIX:-}shop", settings: &[] },
        ],
        ..SHOP_OF_CONSTANTS
    };
    let given = [("KARAFKA_BROKERS", "kafka:9092"), ("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "10000")];
    let given = given.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    assert_eq!([Clients::All, Clients::Producer].map(|clients| starts(&NEWER, &given, clients)), [false, true]);
}

/// Whether a process that makes these clients starts with such settings.
fn starts(manifest: &Manifest, variables: &BTreeMap<String, String>, clients: Clients) -> bool {
    let (settings, errors) = Settings::examine(manifest, variables, &Flags::default());
    bootstrap::checked(settings, errors, clients).1.is_empty()
}

/// If this fails, a worker that sends nothing is kept from its jobs by what only Kafka's clients need, or one that sends
/// starts without it.
#[test]
fn what_is_wrong_with_kafka_keeps_only_who_makes_a_client() {
    const NONE: &[Setting] = &[];
    const AT: Setting = ("kafka.brokers", "kafka:9092");
    let of = |settings: &'static [Setting], group: &'static [Setting]| {
        let groups: &'static [GroupEntry] = Box::leak(Box::new([
            GroupEntry { name: "audit", settings: group },
            GroupEntry { name: "${PREFIX:-}shop", settings: NONE },
        ]));
        Manifest { settings, groups, ..SHOP_OF_CONSTANTS }
    };
    let nothing = BTreeMap::new();
    for (manifest, producer, none) in [
        (of(NONE, NONE), false, true),
        (of(&[("kafka.brokers", "${KAFKA}")], NONE), false, true),
        (of(&[("kafka.brokers", "a b")], NONE), false, true),
        (of(&[AT, ("kafka.options.sasl.password", "${KAFKA_PASSWORD}")], NONE), false, true),
        (of(&[AT, ("kafka.options.socket.timeout.ms", "often")], NONE), false, true),
        (of(&[AT, ("kafka.options.reconnect.backoff.ms", "20000")], NONE), false, true),
        (of(&[AT, ("kafka.producer.linger.ms", "${LINGER}")], NONE), false, true),
        (of(&[AT, ("kafka.consumer.fetch.wait.max.ms", "often")], NONE), true, true),
        (of(&[AT, ("kafka.consumer.group.id", "x")], NONE), true, true),
        (of(&[AT], &[("id", "${AUDIT}")]), true, true),
        (of(&[AT], &[("kafka.session.timeout.ms", "often")]), true, true),
        (of(&[AT], &[("id", "shop")]), true, true),
        // Not Kafka's.
        (of(&[AT, ("concurrency", "${MANY}")], NONE), false, false),
    ] {
        let found =
            [Clients::All, Clients::Producer, Clients::None].map(|clients| starts(&manifest, &nothing, clients));
        assert_eq!(found, [false, producer, none], "{:?} {:?}", manifest.settings, manifest.groups[0].settings);
    }
}
