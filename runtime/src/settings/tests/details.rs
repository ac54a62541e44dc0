//! What one process has of the settings, and what stands where nobody says anything.

use super::*;
use crate::settings::sizes::AtWork;

const BATCHED: Manifest = Manifest {
    settings: &[
        ("kafka.brokers", "kafka:9092"),
        ("kafka.options.message.max.bytes", "2000000"),
        ("kafka.options.client.rack", "eu"),
        ("kafka.consumer.fetch.min.bytes", "1"),
        ("kafka.producer.linger.ms", "5"),
    ],
    environments: &[],
    groups: &[
        GroupEntry { name: "audit", settings: &[("concurrency", "7"), ("ordering", "key")] },
        GroupEntry { name: "other", settings: &[] },
        GroupEntry { name: "plain", settings: &[] },
    ],
    topics: &[],
    consumers: &[
        entry("clicks", "audit", &[("batch.size", "50")]),
        entry("events", "audit", &[("batch.wait", "1s")]),
        entry("clicks", "other", &[("batch.size", "5000")]),
        entry("events", "plain", &[]),
    ],
    ..MANIFEST
};

fn read_of(manifest: &Manifest, flags: &Flags) -> Settings {
    Settings::read(manifest, &variables(&[PROD]), flags).expect("right")
}

/// If this fails, a worker of jobs does not start for want of what is the server's, or makes clients with its properties.
#[test]
fn a_process_has_what_its_clients_need() {
    let settings = read_of(&BATCHED, &Flags::default());
    let all = settings.clone().for_clients(Clients::All);
    assert_eq!(all, settings);
    let producer = settings.clone().for_clients(Clients::Producer);
    assert!(producer.groups.iter().all(|group| !group.selected) && producer.consumer_options.is_empty());
    assert_eq!((&producer.brokers, &producer.options), (&settings.brokers, &settings.options));
    assert_eq!(producer.producer_options, settings.producer_options);
    let none = settings.for_clients(Clients::None);
    assert_eq!((&none.brokers, none.options.len(), none.producer_options.len()), (&None, 0, 0));
    assert!(none.values.iter().all(|value| !value.key.starts_with("kafka.")));
}

/// If this fails, a group is said to need more memory than it does, or is not warned when it needs more than it has.
#[test]
fn what_a_group_has_at_work_is_its_own() {
    let at_work = |settings: &Settings, name: &str| settings.at_work(settings.group(name).expect("a group"));
    let settings = read_of(&BATCHED, &Flags::default());
    let records = |records| AtWork { concurrency: 7, is_by_partition: false, records };
    // Of the two consumers one has the batches of who names no size.
    assert_eq!(at_work(&settings, "audit"), records(100));
    assert_eq!((at_work(&settings, "other").records, at_work(&settings, "other").is_by_partition), (5_000, true));
    assert_eq!(at_work(&settings, "plain").records, 1);
    let clicks = read_of(&BATCHED, &Flags { topics: vec!["clicks".to_owned()], ..Flags::default() });
    assert_eq!((at_work(&clicks, "audit"), at_work(&clicks, "plain").records), (records(50), 1));
}

/// If this fails, a consumer fetches as much at once as may be sent, or the producer refuses what may.
#[test]
fn the_bound_of_what_is_sent_is_the_producers() {
    let settings = read_of(&BATCHED, &Flags::default());
    let group = settings.consumer_properties(&settings.groups[0]);
    let named: Vec<_> = group.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(named, [("client.rack", "eu"), ("fetch.min.bytes", "1")]);
    assert_eq!(settings.producer_properties()["message.max.bytes"], "2000000");
}

/// If this fails, what several groups share is complained of once for each, or not at all.
#[test]
fn what_groups_share_is_complained_of_once() {
    static SHARED: Manifest = Manifest {
        settings: &[("kafka.brokers", "kafka:9092"), ("kafka.consumer.session.timeout.ms", "400000")],
        ..BATCHED
    };
    let errors = read_of(&SHARED, &Flags::default()).check_options().expect_err("longer than a poll may take");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].to_string().contains("`kafka.consumer.session.timeout.ms`"), "{}", errors[0]);
}

/// If this fails, a batch has another size, or waits otherwise, than is documented.
#[test]
fn one_word_about_batches_makes_them() {
    let settings = read_of(&BATCHED, &Flags::default());
    let batches: Vec<_> = settings.consumers.iter().map(|consumer| consumer.batch).collect();
    let batch = |size, wait| Some(Batch { size, wait: Duration::from_millis(wait) });
    assert_eq!(batches, [batch(50, 200), batch(100, 1_000), batch(5_000, 200), None]);
}

/// If this fails, a key that this version does not know is ignored, and a person believes that it holds.
#[test]
fn what_nobody_knows_is_refused() {
    static UNKNOWN: Manifest = Manifest {
        topics: &[TopicEntry { key: "clicks", message: "json", settings: &[("colour", "red")] }],
        consumers: &[entry("clicks", "audit", &[("flavour", "sweet")])],
        ..BATCHED
    };
    let found = errors(&UNKNOWN, &[PROD], &Flags::default());
    assert!(found.contains("`topics.clicks.colour`") && found.contains("`topics.clicks.flavour`"), "{found}");
    assert_eq!(found.lines().filter(|line| line.starts_with("error: ")).count(), 2, "{found}");
    let flags = Flags { exclude_topics: vec!["click".to_owned()], ..Flags::default() };
    let found = errors(&BATCHED, &[PROD], &flags);
    assert!(found.contains("--exclude-topics") && found.contains("`clicks`"), "{found}");
    // A variable that two layers need is missing once.
    static TWICE: Manifest = Manifest {
        settings: &[("kafka.brokers", "a:1"), ("kafka.options.client.rack", "${RACK}")],
        environments: &[("production", &[("kafka.options.client.rack", "${RACK}")])],
        ..BATCHED
    };
    let found = errors(&TWICE, &[PROD], &Flags::default());
    assert_eq!(found.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{found}");
}

/// If this fails, an app inside of another program cannot be tested without a Kafka, or starts with half of its settings.
#[test]
fn a_host_may_name_the_brokers_later() {
    static NOWHERE: Manifest = Manifest { settings: &[], ..BATCHED };
    assert_eq!(Settings::from_manifest(&NOWHERE).expect("without brokers").brokers, None);
    static WRONG: Manifest = Manifest { settings: &[("concurrency", "many")], ..BATCHED };
    assert!(Settings::from_manifest(&WRONG).is_err());
    let settings = read_of(&BATCHED, &Flags::default());
    assert_eq!(rows(&settings, &["concurrency"])[0], "concurrency = 32  (the default)");
    assert!(!settings.is_development());
    assert!(Settings::read(&BATCHED, &variables(&[DEV]), &Flags::default()).expect("right").is_development());
    // Cargo sets both; one of them may stand in anybody's shell.
    let one = Settings::read(&BATCHED, &variables(&[("CARGO", "/usr/bin/cargo")]), &Flags::default());
    assert!(!one.expect("right").is_development());
}

/// If this fails, a flag with a slip in it is answered with a name that has nothing to do with it, or with none.
#[test]
fn a_short_name_may_have_one_slip_and_a_long_one_two() {
    assert_eq!([nearest("abd", &["abc"]), nearest("add", &["abc"])], [Some("abc"), None]);
    assert_eq!([nearest("abxy", &["abcd"]), nearest("axyz", &["abcd"])], [Some("abcd"), None]);
}

/// If this fails, of a property that a group has under two names, chance decides which one its client is told.
#[test]
fn the_last_name_of_a_groups_property_counts() {
    static TWO: Manifest = Manifest {
        groups: &[GroupEntry {
            name: "audit",
            settings: &[("kafka.fetch.message.max.bytes", "1000"), ("kafka.max.partition.fetch.bytes", "2000")],
        }],
        ..BATCHED
    };
    let settings = read_of(&TWO, &Flags::default());
    let own: Vec<_> = settings.group("audit").expect("a group").options.values().cloned().collect();
    assert_eq!(own, ["2000"]);
}

/// If this fails, a wrong setting of the deployment is called a mistake in the call.
#[test]
fn only_flags_are_of_the_call() {
    assert!(SettingError::NothingSelected.is_of_call());
    assert!(!SettingError::NoBrokers { environment: "production".to_owned(), consumes: true }.is_of_call());
}

/// If this fails, who only sends waits for a broker that nobody starts, or whose app starts one is not told so.
#[test]
fn a_broker_is_promised_only_where_one_is_started() {
    for (consumes, words) in [
        (true, "in development an app that is a program of its own starts an embedded broker"),
        (false, "what only sends starts none anywhere: `karafka broker` runs one for development"),
    ] {
        let consumers: &[ConsumerEntry] =
            if consumes { &[ConsumerEntry { topic: "orders", ..ConsumerEntry::NEW }] } else { &[] };
        let manifest = Manifest { consumers, ..Manifest::NEW };
        let variables = BTreeMap::from([("KARAFKA_ENV".to_owned(), "production".to_owned())]);
        let (_, errors) = Settings::examine(&manifest, &variables, &Flags::default());
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.contains(words)), "{errors:?}");
    }
}

/// If this fails, one variable that is not set is told as two mistakes, and the second one sends its reader to write what is
/// written already. Or what is wrong beside it is kept back.
#[test]
fn what_cannot_be_read_is_there_all_the_same() {
    static SECURED: Manifest = Manifest {
        settings: &[
            ("kafka.brokers", "kafka:9092"),
            ("kafka.options.sasl.mechanism", "PLAIN"),
            ("kafka.options.sasl.password", "${UNSET}"),
            ("kafka.options.sasl.username", "${UNSET}"),
            ("kafka.options.security.protocol", "SASL_PLAINTEXT"),
            ("kafka.options.ssl.keystore.location", "${UNSET}"),
        ],
        groups: &[
            GroupEntry { name: "audit", settings: &[("id", "${UNSET}")] },
            GroupEntry { name: "a", settings: &[("id", "audit")] },
        ],
        topics: &[
            TopicEntry { key: "clicks", message: "json", settings: &[("name", "${UNSET}")] },
            TopicEntry { key: "taps", message: "json", settings: &[("name", "clicks")] },
        ],
        consumers: &[entry("clicks", "audit", &[("dead_letter", "clicks")])],
        ..BATCHED
    };
    static BY_DEFAULT: Manifest = Manifest {
        settings: &[
            ("kafka.brokers", "kafka:9092"),
            ("kafka.options.sasl.mechanism", "${UNSET}"),
            ("kafka.options.security.protocol", "SASL_PLAINTEXT"),
        ],
        ..BATCHED
    };
    let mut said = String::new();
    for manifest in [&SECURED, &BY_DEFAULT] {
        let (settings, mut errors) = Settings::examine(manifest, &variables(&[PROD]), &Flags::default());
        errors.extend(settings.for_clients(Clients::All).check_options().err().unwrap_or_default());
        for error in errors {
            said.push_str(error.to_string().lines().next().unwrap_or_default());
            said.push('\n');
        }
    }
    let unset = |key: &str| format!("`{key}` in karafka.yml: the variable `UNSET` is not set\n");
    let wanted = [
        unset("kafka.options.sasl.password"),
        unset("kafka.options.sasl.username"),
        unset("kafka.options.ssl.keystore.location"),
        unset("groups.audit.id"),
        unset("topics.clicks.name"),
        "`kafka.options.ssl.keystore.location` in karafka.yml: `ssl.keystore.location` needs `ssl.keystore.password`, which is \
         not there, in the group `audit`\n"
            .to_owned(),
        unset("kafka.options.sasl.mechanism"),
    ];
    assert_eq!(said, wanted.concat());
}

/// If this fails, a slip in a property that the environment or the manifest says is to be looked for in a list of two hundred.
#[test]
fn a_property_that_is_misspelt_is_named_as_it_is_written() {
    static MISSPELT: Manifest = Manifest {
        settings: &[("kafka.brokers", "kafka:9092"), ("kafka.options.ssl.ca.locaton", "/ca.pem")],
        ..BATCHED
    };
    let said = errors(&MISSPELT, &[PROD, ("KARAFKA_OPTIONS_SASL_MECHANSIM", "PLAIN")], &Flags::default());
    assert!(said.contains("`kafka.options.ssl.ca.locaton` in karafka.yml"), "{said}");
    assert!(said.contains("did you mean `ssl.ca.location`?"), "{said}");
    assert!(said.contains("did you mean `KARAFKA_OPTIONS_SASL_MECHANISM`?"), "{said}");
    let said = errors(
        &BATCHED,
        &[PROD, ("KARAFKA_BROKERS", "h:1"), ("KARAFKA_OPTIONS_SASL_MECHANISM", "SCRAM-SHA512")],
        &Flags::default(),
    );
    assert!(
        said.contains("KARAFKA_OPTIONS_SASL_MECHANISM") && said.contains("did you mean `SCRAM-SHA-512`?"),
        "{said}"
    );
}
