mod details;
mod groups;
mod redis;

use std::fmt::Write as _;

use super::*;
use crate::manifest::{GroupEntry, TopicEntry};

static MANIFEST: Manifest = Manifest {
    app: "studio",
    version: "1.2.0",
    root: "/srv/studio",
    settings: &[
        ("concurrency", "${WORKERS:-16}"),
        ("kafka.brokers", "${BROKERS?}"),
        ("kafka.options.client.id", "studio-eu"),
        ("kafka.options.sasl.password", "${PASSWORD?}"),
        ("kafka.options.socket.keepalive.enable", "true"),
        ("kafka.consumer.fetch.min.bytes", "1"),
        ("kafka.producer.compression.type", "lz4"),
    ],
    environments: &[("production", &[("concurrency", "64"), ("kafka.options.sasl.username", "${USER_NAME}")])],
    groups: &[
        GroupEntry { name: "audit", settings: &[("memory", "8MiB"), ("protocol", "consumer")] },
        GroupEntry {
            name: "${PREFIX:-}main",
            settings: &[
                ("concurrency", "4"),
                ("instance_id", "${POD?}"),
                ("assignor", "range"),
                ("commit_interval", "${COMMITS:-5s}"),
            ],
        },
    ],
    topics: &[
        TopicEntry { key: "clicks", message: "json", settings: &[("partitions", "12")] },
        TopicEntry { key: "events", message: "json", settings: &[("name", "${PREFIX:-}events")] },
    ],
    consumers: &[
        entry("clicks", "${PREFIX:-}main", &[("tombstones", "skip")]),
        entry("clicks", "audit", &[("start", "${SINCE:-latest}"), ("lost_position", "earliest")]),
        entry("events", "${PREFIX:-}main", &[("retry.backoff", "200ms..5s")]),
    ],
};

const fn entry(
    topic: &'static str,
    group: &'static str,
    settings: &'static [(&'static str, &'static str)],
) -> ConsumerEntry {
    ConsumerEntry {
        topic,
        group,
        controller: "ClicksController",
        worker: "ClicksWorker",
        parser: "json",
        interchanger: "json",
        emits: &[],
        settings,
    }
}

fn variables(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(given: &[(&str, &str)], flags: &Flags) -> Settings {
    Settings::read(&MANIFEST, &variables(given), flags).unwrap()
}

/// The errors as the command line prints them.
fn errors(manifest: &Manifest, given: &[(&str, &str)], flags: &Flags) -> String {
    let errors = match Settings::read(manifest, &variables(given), flags) {
        Ok(settings) => settings.check_options().err().unwrap_or_default(),
        Err(errors) => errors,
    };
    errors.iter().fold(String::new(), |mut text, error| {
        let _ = writeln!(text, "error: {error}");
        text
    })
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({snapshot_path => "../../../../tests/snapshots", prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, text);
    });
}

const DEV: (&str, &str) = ("KARAFKA_ENV", "development");
const PROD: (&str, &str) = ("KARAFKA_ENV", "production");

/// If this fails, an app runs with other numbers than its manifest says.
#[test]
fn reads_the_manifest() {
    let settings = read(&[DEV, ("POD", "studio-0"), ("PREFIX", "eu.")], &Flags::default());
    assert_eq!(settings.brokers, None);
    assert_eq!(settings.client_id, "studio-eu");
    assert_eq!(settings.options, BTreeMap::from([("socket.keepalive.enable".into(), "true".into())]));
    assert_eq!(settings.consumer_options["fetch.min.bytes"], "1");
    assert_eq!(settings.producer_options["compression.type"], "lz4");
    assert_eq!(settings.concurrency, 16);
    let [audit, main] = &settings.groups[..] else { panic!("two groups") };
    assert_eq!((audit.concurrency, audit.memory, audit.protocol), (16, 8 << 20, Protocol::Consumer));
    assert_eq!((main.id.as_str(), main.concurrency, main.assignor), ("eu.main", 4, Assignor::Range));
    assert_eq!(main.instance_id.as_deref(), Some("studio-0-eu.main"));
    assert_eq!(audit.instance_id, None);
    assert_eq!((audit.commit_interval, main.commit_interval), (Duration::from_millis(200), Duration::from_secs(5)));
    assert_eq!(settings.topic("clicks").unwrap().partitions, Some(12));
    assert_eq!(settings.topic("events").unwrap().name, "eu.events");
    let tombstones: Vec<_> = settings.consumers.iter().map(|consumer| consumer.tombstones).collect();
    assert_eq!(tombstones, [Tombstones::Skip, Tombstones::Fail, Tombstones::Fail]);
    let positions: Vec<_> =
        settings.consumers.iter().map(|consumer| (consumer.start, consumer.lost_position)).collect();
    let default = (Start::Earliest, LostPosition::Fail);
    assert_eq!(positions, [default, (Start::Latest, LostPosition::Earliest), default]);
    let events = settings.consumer(&MANIFEST.consumers[2]).unwrap();
    assert_eq!((events.backoff.min, events.backoff.max), (Duration::from_millis(200), Duration::from_secs(5)));
}

/// If this fails, the layer that a person writes last is not the one that counts.
#[test]
fn later_layers_win() {
    let given = [PROD, ("BROKERS", "a:1"), ("USER_NAME", "ann"), ("WORKERS", "not read")];
    let settings = read(&given, &Flags::default());
    assert_eq!((settings.brokers.as_deref(), settings.concurrency), (Some("a:1"), 64));
    assert_eq!(settings.options["sasl.username"], "ann");
    assert_eq!(settings.groups[1].concurrency, 4);

    let given = [
        PROD,
        ("KARAFKA_BROKERS", "b:1"),
        ("KARAFKA_CONCURRENCY", "8"),
        ("KARAFKA_SHUTDOWN_TIMEOUT", "5s"),
        ("KARAFKA_OPTIONS_SASL_USERNAME", "bob"),
        ("KARAFKA_OPTIONS_FETCH_MAX_BYTES", "1048576"),
    ];
    let settings = read(&given, &Flags::default());
    assert_eq!((settings.brokers.as_deref(), settings.concurrency), (Some("b:1"), 8));
    assert_eq!(settings.shutdown_timeout, Duration::from_secs(5));
    assert_eq!((settings.options["sasl.username"].as_str(), settings.groups[1].concurrency), ("bob", 8));
    assert_eq!(settings.options["fetch.max.bytes"], "1048576");

    let flags = Flags {
        brokers: Some("c:1, d:1".to_owned()),
        concurrency: Some("2".to_owned()),
        shutdown_timeout: Some("0s".to_owned()),
        ..Flags::default()
    };
    let settings = read(&given, &flags);
    assert_eq!((settings.brokers.as_deref(), settings.concurrency), (Some("c:1,d:1"), 2));
    assert_eq!((settings.shutdown_timeout, settings.groups[1].concurrency), (Duration::ZERO, 2));
}

/// If this fails, a release binary starts a broker of its own in production, or `cargo run` refuses to.
#[test]
fn cargo_means_development() {
    let by_cargo = [("CARGO", "/bin/cargo"), ("CARGO_MANIFEST_DIR", "/srv"), ("KARAFKA_BROKERS", "a:1")];
    assert_eq!(read(&by_cargo, &Flags::default()).environment, "development");
    let alone = [("KARAFKA_BROKERS", "a:1"), ("USER_NAME", "ann")];
    assert_eq!(read(&alone, &Flags::default()).environment, "production");
    let flags = Flags { default_environment: Some(DEVELOPMENT), ..Flags::default() };
    assert_eq!(read(&alone, &flags).environment, "development");
    assert_eq!(read(&[PROD, by_cargo[0], by_cargo[1], alone[0], alone[1]], &flags).environment, "production");
}

/// If this fails, `--groups` or `--topics` runs something else than it names.
#[test]
fn flags_choose_a_part() {
    let selected = |flags: Flags| {
        let settings = read(&[DEV, ("PREFIX", "eu.")], &flags);
        let consumers: Vec<_> = settings.consumers.iter().map(|consumer| consumer.selected).collect();
        let groups: Vec<_> = settings.groups.iter().map(|group| group.selected).collect();
        (consumers, groups)
    };
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(selected(Flags::default()), (vec![true; 3], vec![true; 2]));
    let audit = Flags { groups: list(&["audit"]), ..Flags::default() };
    assert_eq!(selected(audit), (vec![false, true, false], vec![true, false]));
    let by_id = Flags { groups: list(&["eu.main"]), exclude_topics: list(&["clicks"]), ..Flags::default() };
    assert_eq!(selected(by_id), (vec![false, false, true], vec![false, true]));
    let by_key = Flags { topics: list(&["events"]), ..Flags::default() };
    assert_eq!(selected(by_key), (vec![false, false, true], vec![false, true]));
}

/// If this fails, a person whose app does not start does not learn what to write.
#[test]
fn names_what_is_wrong() {
    static WRONG: Manifest = Manifest {
        settings: &[
            ("concurrency", "${WORKERS}"),
            ("kafka.brokers", "kafka:port"),
            ("kafka.options.sasl.password", "${PASSWORD}"),
            ("kafka.options.enable.auto.commit", "true"),
            ("kafka.consumer.group.id", "x"),
            ("kafka.producer.acks", "${ACKS"),
            ("window", "1"),
        ],
        environments: &[("staging", &[("concurrency", "${WORKERS:-many}")])],
        groups: &[
            GroupEntry { name: "a", settings: &[("memory", "1KiB"), ("ordering", "key"), ("window", "1")] },
            GroupEntry { name: "${A:-a}", settings: &[("concurrency", "0"), ("protocol", "new")] },
        ],
        topics: &[
            TopicEntry { key: "one", message: "json", settings: &[("name", "t")] },
            TopicEntry { key: "t", message: "json", settings: &[("partitions", "0")] },
            TopicEntry { key: "u", message: "json", settings: &[("name", "${U u}")] },
        ],
        consumers: &[entry("one", "a", &[("tombstones", "maybe"), ("retry.backoff", "30s..1s")])],
        ..MANIFEST
    };
    snapshot("settings_wrong_everywhere", &errors(&WRONG, &[DEV], &Flags::default()));
    snapshot("settings_wrong_environment", &errors(&WRONG, &[("KARAFKA_ENV", "staging")], &Flags::default()));
}

/// If this fails, the first error of a first deployment reads worse than the design promises.
#[test]
fn names_the_missing_brokers() {
    snapshot("settings_no_brokers", &errors(&MANIFEST, &[PROD, ("USER_NAME", "ann")], &Flags::default()));
}

/// If this fails, a wrong variable or flag is blamed on the manifest.
#[test]
fn names_variables_and_flags() {
    let given = [DEV, ("KARAFKA_CONCURRENCY", "lots"), ("KARAFKA_OPTIONS_SASL_PASSWORD", "hunter2")];
    let flags = Flags {
        brokers: Some("kafka:0".to_owned()),
        groups: vec!["mian".to_owned()],
        topics: vec!["click".to_owned()],
        shutdown_timeout: Some("30".to_owned()),
        ..Flags::default()
    };
    snapshot("settings_wrong_outside", &errors(&MANIFEST, &given, &flags));
    let flags = Flags { exclude_topics: vec!["clicks".to_owned(), "events".to_owned()], ..Flags::default() };
    snapshot("settings_nothing_selected", &errors(&MANIFEST, &[DEV], &flags));
}

/// If this fails, an option that librdkafka does not know stops the app in a place where nobody looks for it.
#[test]
#[cfg(not(feature = "gssapi"))]
fn asks_librdkafka_for_each_option() {
    let given = [
        DEV,
        ("KARAFKA_OPTIONS_SASL_MECHANISM", "GSSAPI"),
        ("KARAFKA_OPTIONS_SASL_USERNAM", "ann"),
        ("KARAFKA_OPTIONS_FETCH_MIN_BYTES", "few"),
    ];
    snapshot("settings_options_refused_by_librdkafka", &errors(&MANIFEST, &given, &Flags::default()));
}

/// If this fails, a consumer or the producer of an app refuses every broker whose certificate the machine trusts.
#[test]
fn each_client_of_tls_trusts_whom_the_system_trusts() {
    let given = [DEV, ("KARAFKA_OPTIONS_SECURITY_PROTOCOL", "ssl")];
    let settings = read(&given, &Flags::default());
    let trusted = |properties: &BTreeMap<String, String>| properties.get("ssl.ca.location").cloned();
    let says = |name: &str| std::env::var_os(name).is_some();
    let probe = Some("probe".to_owned()).filter(|_| !says("SSL_CERT_FILE") && !says("SSL_CERT_DIR"));
    assert_eq!(trusted(&settings.consumer_properties(&settings.groups[0])), probe);
    assert_eq!(trusted(&settings.producer_properties()), probe);
}

/// If this fails, `info` shows a secret, or hides where a value came from.
#[test]
fn remembers_origins() {
    let given = [PROD, ("BROKERS", "a:1"), ("USER_NAME", "ann"), ("PASSWORD", "hunter2"), ("PREFIX", "eu.")];
    let settings = read(&given, &Flags { concurrency: Some("3".to_owned()), ..Flags::default() });
    let text = settings.values.iter().fold(String::new(), |mut text, value| {
        let _ = writeln!(text, "{} = {}  ({})", value.key, value.shown(), value.source());
        text
    });
    snapshot("settings_origins", &text);
}

/// If this fails, an app whose options are made for a secured cluster cannot be tried without one.
#[test]
fn an_embedded_broker_has_no_security() {
    let given = [DEV, ("PASSWORD", "hunter2"), ("KARAFKA_OPTIONS_SECURITY_PROTOCOL", "sasl_ssl")];
    let settings = read(&given, &Flags::default());
    assert_eq!(settings.options.len(), 3);
    let settings = settings.for_embedded_broker();
    assert_eq!(settings.options, BTreeMap::from([("socket.keepalive.enable".into(), "true".into())]));
    assert_eq!(settings.check_options(), Ok(()));
}

/// An app with dead letter topics: one of the manifest, and one that is not there.
static DEADLY: Manifest = Manifest {
    app: "deadly",
    version: "0.1.0",
    root: "/",
    settings: &[("kafka.brokers", "kafka:9092")],
    environments: &[],
    groups: &[GroupEntry { name: "deadly", settings: &[("ordering", "key"), ("window", "500")] }],
    topics: &[
        TopicEntry { key: "clicks", message: "json", settings: &[("partitions", "12")] },
        TopicEntry { key: "dead", message: "bytes", settings: &[("name", "${PREFIX:-}dead"), ("partitions", "1")] },
        TopicEntry { key: "events", message: "json", settings: &[("name", "${PREFIX:-}events")] },
    ],
    consumers: &[
        entry("clicks", "deadly", &[("dead_letter", "${DEAD:-eu.dead}"), ("retry.attempts", "3")]),
        entry("events", "deadly", &[("dead_letter", "{topic}.dead"), ("timeout", "${LIMIT:-5s}")]),
    ],
};

/// If this fails, the first record that cannot be handled in development finds no topic to go to, or one of the
/// wrong size.
#[test]
fn dead_letter_topics_are_made_in_development() {
    let settings = Settings::read(&DEADLY, &variables(&[("PREFIX", "eu.")]), &Flags::default()).unwrap();
    let wanted = [("clicks", 12), ("eu.dead", 1), ("eu.events", 4), ("eu.events.dead", 4)];
    assert_eq!(settings.development_topics(), wanted.map(|(name, partitions)| (name.to_owned(), partitions)));
}

/// If this fails, a variable makes a topic its own dead letter topic, and one record goes round for ever; or an
/// attempt has no time at all.
#[test]
fn what_variables_make_of_dead_letters_is_checked() {
    let given = variables(&[("DEAD", "clicks"), ("LIMIT", "0s")]);
    let errors = Settings::read(&DEADLY, &given, &Flags::default()).unwrap_err();
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("`topics.events.timeout` is `0s`"), "{said:?}");
    assert!(said[1].starts_with("the dead letter topic of `clicks` is the topic itself"), "{said:?}");
}

/// An app with jobs on Redis, and a group that has none.
static QUEUED: Manifest = Manifest {
    app: "queued",
    version: "0.1.0",
    root: "/",
    settings: &[("redis.url", "redis://:${REDIS_PASSWORD:-hunter2}@redis:6379"), ("kafka.brokers", "kafka:9092")],
    environments: &[],
    groups: &[GroupEntry { name: "audit", settings: &[] }, GroupEntry { name: "queued", settings: &[] }],
    topics: &[
        TopicEntry { key: "clicks", message: "json", settings: &[] },
        TopicEntry { key: "orders", message: "json", settings: &[] },
    ],
    consumers: &[
        entry("clicks", "audit", &[("retry.attempts", "3"), ("retry.backoff", "1s..2s"), ("dead_letter", "dead")]),
        entry("clicks", "queued", &[("jobs", "redis"), ("dead_letter", "dead")]),
        entry(
            "orders",
            "queued",
            &[("jobs", "redis"), ("queue", "critical"), ("retry.attempts", "8"), ("retry.backoff", "5s..5m")],
        ),
    ],
};

/// The same without a word on where Redis is.
static NOWHERE: Manifest = Manifest {
    app: "queued",
    version: "0.1.0",
    root: "/",
    settings: &[("kafka.brokers", "kafka:9092")],
    environments: &[],
    groups: QUEUED.groups,
    topics: QUEUED.topics,
    consumers: QUEUED.consumers,
};

/// The rows that `info` shows of these keys.
fn rows(settings: &Settings, keys: &[&str]) -> Vec<String> {
    let rows = settings.values.iter().filter(|value| keys.iter().any(|key| value.key.ends_with(key)));
    rows.map(|value| format!("{} = {}  ({})", value.key, value.shown(), value.source())).collect()
}

/// If this fails, jobs go to another queue than the manifest says, or are tried otherwise.
#[test]
fn reads_queues() {
    let settings = Settings::read(&QUEUED, &variables(&[PROD]), &Flags::default()).unwrap();
    let [audit, default, critical] = &settings.consumers[..] else { panic!("three consumers") };
    assert_eq!((&audit.queue, audit.job_attempts, audit.job_backoff), (&None, None, None));
    assert_eq!((audit.attempts, audit.backoff.max), (Some(3), Duration::from_secs(2)));
    // What goes to the dead letter topic from the server ends after five attempts; a job has Sidekiq's retries.
    assert_eq!(default.queue.as_deref(), Some("default"));
    assert_eq!((default.attempts, default.job_attempts, default.job_backoff), (Some(5), None, None));
    assert_eq!(critical.queue.as_deref(), Some("critical"));
    let backoff = Backoff { min: Duration::from_secs(5), max: Duration::from_secs(300) };
    assert_eq!((critical.job_attempts, critical.job_backoff), (Some(8), Some(backoff)));
    let wanted = [
        "topics.clicks.consumers.queued.jobs = redis  (karafka.yml)",
        "topics.clicks.consumers.queued.queue = default  (the default)",
        "topics.orders.jobs = redis  (karafka.yml)",
        "topics.orders.queue = critical  (karafka.yml)",
    ];
    assert_eq!(rows(&settings, &[".jobs", ".queue"]), wanted);
}

/// If this fails, an app whose consumers here have no queue needs a Redis.
#[test]
fn without_queues_there_is_no_redis() {
    let audit = Flags { groups: vec!["audit".to_owned()], ..Flags::default() };
    for (manifest, flags) in [(&NOWHERE, &audit), (&QUEUED, &audit), (&DEADLY, &Flags::default())] {
        let given = variables(&[PROD, ("REDIS_URL", "rediss://not-looked-at")]);
        let settings = Settings::read(manifest, &given, flags).unwrap();
        assert_eq!((&settings.redis, rows(&settings, &["redis.url"])), (&None, vec![]));
    }
    assert_eq!(Settings::read(&NOWHERE, &variables(&[PROD]), &audit).unwrap().redis, None);
}

/// If this fails, a person whose jobs have nowhere to go does not learn what to write, or reads a password in the log.
#[test]
fn names_the_missing_redis() {
    snapshot("settings_no_redis", &errors(&NOWHERE, &[PROD], &Flags::default()));
    let mut wrong = String::new();
    for url in ["rediss://ann:hunter2@redis:6380#insecure", "redis://ann:hunter2@redis:port", "localhost:6379"] {
        wrong.push_str(&errors(&QUEUED, &[PROD, ("REDIS_URL", url)], &Flags::default()));
    }
    static UNREADABLE: Manifest = Manifest {
        settings: &[("redis.url", "${WHERE}"), ("kafka.brokers", "kafka:9092")],
        consumers: &[
            entry("clicks", "audit", &[("jobs", "elsewhere")]),
            entry("orders", "queued", &[("jobs", "redis"), ("queue", "very critical")]),
        ],
        ..NOWHERE
    };
    wrong.push_str(&errors(&UNREADABLE, &[DEV], &Flags::default()));
    assert!(!wrong.contains("hunter2"), "{wrong}");
    snapshot("settings_wrong_redis", &wrong);
}

/// If this fails, of a property that is written under two of its names, chance decides which one a client is told.
#[test]
fn a_property_has_one_name_and_the_higher_layer_says_it() {
    static TWO: Manifest = Manifest {
        settings: &[("kafka.options.compression.type", "gzip"), ("kafka.producer.compression.codec", "snappy")],
        environments: &[("eu", &[("kafka.options.compression.codec", "none")])],
        ..MANIFEST
    };
    let read = |environment: &str, more: &[(&str, &str)]| {
        let given = [("KARAFKA_ENV", environment), ("KARAFKA_BROKERS", "a:1")];
        let given: Vec<_> = given.into_iter().chain(more.iter().copied()).collect();
        Settings::read(&TWO, &variables(&given), &Flags::default())
    };
    let codec = |settings: &Settings| settings.consumer_properties(&settings.groups[0])["compression.type"].clone();
    let settings = read("production", &[]).expect("one name a layer");
    assert_eq!(
        (codec(&settings).as_str(), settings.producer_properties()["compression.type"].as_str()),
        ("gzip", "snappy")
    );
    assert_eq!(codec(&read("eu", &[]).expect("the environment's")), "none");
    let variable = [("KARAFKA_OPTIONS_COMPRESSION_TYPE", "zstd")];
    assert_eq!(codec(&read("eu", &variable).expect("the variable's")), "zstd");
}
