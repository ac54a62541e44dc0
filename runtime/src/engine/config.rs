//! What librdkafka is told: the settings, and what belongs to the engine.

use std::{collections::BTreeMap, path::Path, time::Duration};

use rdkafka::ClientConfig;

use super::group::Wait;
use crate::{
    broker::Beacon,
    librdkafka::unique_client_id,
    settings::{DRAIN, Group, Protocol, Settings, drain, one_spelling},
};

/// Which brokers an app consumes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brokers {
    /// As `bootstrap.servers` takes them.
    pub(crate) address: String,
    /// Whether they are an [`crate::broker::EmbeddedBroker`], in this process or another.
    pub(crate) embedded: bool,
}

impl Brokers {
    /// Those that somebody names: they may be what `karafka broker` runs for the app whose folder is `root`.
    pub(crate) fn named(address: String, root: &Path) -> Self {
        let embedded = local(&address).is_some_and(|address| {
            // What lies there and is not believed is said by whoever looks for a broker.
            Beacon::find(root).is_ok_and(|beacon| beacon.is_some_and(|beacon| beacon.address == address))
        });
        Self { address, embedded }
    }
}

/// One port of this machine, as a beacon has it.
fn local(address: &str) -> Option<String> {
    let address = address.trim();
    let port = address.strip_prefix("127.0.0.1:").or_else(|| address.strip_prefix("localhost:"))?;
    port.parse().ok().map(|port: u16| format!("127.0.0.1:{port}"))
}

/// How long a connection that is cut again and again may wait to be made again, in milliseconds, where nobody says.
const RECONNECT: u64 = 1_000;

/// Properties of a group's consumer, but for those that bound what is fetched ahead.
pub(crate) fn consumer(settings: &Settings, group: &Group, brokers: &Brokers) -> ClientConfig {
    let mut properties = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        properties.insert(one_spelling(name).to_owned(), value.to_owned());
    };
    // A partition whose queue was full is fetched again after this time: librdkafka waits for a second by default, and
    // the consumer idles meanwhile.
    set("fetch.queue.backoff.ms", "5");
    // A new topic, or one that was recreated, is noticed within this time: librdkafka's default is five minutes.
    set("topic.metadata.refresh.interval.ms", "30000");
    // A connection that is cut again and again is made again within this time. librdkafka's own ten seconds, and half
    // as much for jitter, are as long as a session: the coordinator would take the member for dead.
    set("reconnect.backoff.max.ms", &RECONNECT.to_string());
    let written = settings.consumer_properties(group);
    let says = |name: &str| written.contains_key(name);
    if brokers.embedded {
        // The mock cluster looks for news when this time is over, and not before. `client::prefetch` sets it elsewhere.
        set("fetch.wait.max.ms", "10");
    }
    for (name, value) in &written {
        set(name, value);
        if name == "reconnect.backoff.ms" && !says("reconnect.backoff.max.ms") {
            // librdkafka takes no first wait that is longer than the longest.
            let longest = value.trim().parse().map_or(value.clone(), |first: u64| first.max(RECONNECT).to_string());
            set("reconnect.backoff.max.ms", &longest);
        }
    }
    if brokers.embedded && group.protocol == Protocol::Classic {
        // The mock cluster lets a member that is not a group's first wait for almost a whole session. Heartbeats that are
        // meant for another session would not come in time for this one.
        if !says("session.timeout.ms") {
            set("session.timeout.ms", "1500");
        }
        if !says("session.timeout.ms") || !says("heartbeat.interval.ms") {
            set("heartbeat.interval.ms", "300");
        }
    }
    set("bootstrap.servers", &brokers.address);
    set("group.id", &group.id);
    set("group.protocol", group.protocol.as_str());
    if group.protocol == Protocol::Classic {
        set("partition.assignment.strategy", group.assignor.as_str());
    }
    if let Some(instance_id) = &group.instance_id {
        set("group.instance.id", instance_id);
    }
    // Cooperative assignors go round in circles when two members share a client id.
    set("client.id", &unique_client_id(&settings.client_id));
    set("enable.auto.commit", "false");
    // With it, dropping a consumer commits everything that was prefetched.
    set("enable.auto.offset.store", "false");
    // The end of a partition would come as an error, which moves librdkafka's position; see `native`.
    set("enable.partition.eof", "false");
    // A position that is gone is an error, never a silent jump.
    set("auto.offset.reset", "error");
    config_of(&properties)
}

/// How long a process of a group with `protocol: consumer` may stand still and take itself for a member all the same. Its
/// session is the broker's, or the group's own (`group.consumer.session.timeout.ms`), and counts from the last heartbeat:
/// one of six seconds, with a heartbeat each five as by default, may be over a second after the last turn.
const STANDSTILL: Duration = Duration::from_secs(1);

/// For how long after its last turn a process may take itself for a member: the group waits for a session, but counts
/// from the last heartbeat that it got, which may be an interval older than the turn.
pub(crate) fn standstill(consumer: &ClientConfig, protocol: Protocol) -> Duration {
    if protocol == Protocol::Consumer {
        return STANDSTILL;
    }
    let of = |name: &str, default: u64| {
        Duration::from_millis(consumer.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(default))
    };
    let session = of("session.timeout.ms", 45_000);
    // Commits are signs of life as well, so that a long interval does not count whole.
    session.saturating_sub(of("heartbeat.interval.ms", 3_000)).max(session / 2)
}

/// What a group may wait for that gives its member nothing.
pub(crate) fn wait(group: &Group, consumer: &ClientConfig) -> Wait {
    let session = match group.protocol {
        Protocol::Consumer => None,
        Protocol::Classic => {
            let said = consumer.get("session.timeout.ms").and_then(|text| text.trim().parse().ok());
            Some(Duration::from_millis(said.unwrap_or(45_000)))
        }
    };
    let brokers = consumer.get("bootstrap.servers").unwrap_or_default();
    let may_be_for_development = session.is_some() && brokers.split(',').all(|broker| local(broker).is_some());
    Wait { session, instance_id: group.instance_id.clone(), may_be_for_development }
}

/// How long a group waits for the answer of a member in a rebalance.
fn rebalance_timeout(consumer: &ClientConfig) -> Duration {
    let milliseconds = consumer.get(drain::REBALANCE_TIMEOUT_PROPERTY).and_then(|text| text.trim().parse().ok());
    milliseconds.map_or(drain::REBALANCE_TIMEOUT, Duration::from_millis)
}

/// What a group's drain does not fit, a sentence each: `karafka check` knows neither the environment nor what `${…}` holds.
pub(crate) fn misfits(settings: &Settings, group: &Group, consumer: &ClientConfig) -> Vec<String> {
    let mut misfits = vec![drain::drain_in_rebalance(group.drain, rebalance_timeout(consumer))];
    // The default is nobody's choice.
    if group.drain != DRAIN {
        misfits.push(drain::drain_in_stop(group.drain, settings.shutdown_timeout));
        let ours =
            settings.consumers.iter().filter(|one| one.group == group.name && one.selected && one.queue.is_none());
        let longest = ours.filter_map(|consumer| consumer.timeout).max();
        misfits.push(longest.and_then(|timeout| drain::drain_of_attempt(group.drain, timeout)));
    }
    misfits.into_iter().flatten().map(|misfit| format!("{}; {}", misfit.message, misfit.help)).collect()
}

/// Properties of the app's producer.
pub(crate) fn producer(settings: &Settings, brokers: &Brokers) -> BTreeMap<String, String> {
    let mut properties = settings.producer_properties();
    properties.insert("bootstrap.servers".to_owned(), brokers.address.clone());
    properties.insert("client.id".to_owned(), unique_client_id(&settings.client_id));
    properties
}

fn config_of(properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in properties {
        config.set(name, value);
    }
    config
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rdkafka::consumer::BaseConsumer;

    use super::*;
    use crate::{
        broker::EmbeddedBroker,
        manifest::{GroupEntry, Manifest, Setting},
        producer::client::ProducerClient,
        settings::{Flags, SettingError, check_option, option_names, side},
    };

    static MANIFEST: Manifest = Manifest {
        app: "shop",
        version: "0.1.0",
        root: "/",
        settings: &[
            ("kafka.options.fetch.wait.max.ms", "1"),
            ("kafka.options.reconnect.backoff.ms", "${BACKOFF?}"),
            ("kafka.consumer.fetch.message.max.bytes", "65536"),
            ("kafka.consumer.fetch.wait.max.ms", "2"),
        ],
        environments: &[],
        groups: &[
            GroupEntry {
                name: "audit",
                settings: &[
                    ("id", "${GROUP:-audit}"),
                    ("kafka.fetch.wait.max.ms", "3"),
                    ("kafka.max.partition.fetch.bytes", "131072"),
                    ("kafka.heartbeat.interval.ms", "2000"),
                ],
            },
            GroupEntry { name: "patient", settings: &[("kafka.session.timeout.ms", "30000")] },
            GroupEntry { name: "shared", settings: &[("protocol", "consumer")] },
        ],
        topics: &[],
        consumers: &[],
    };

    fn config(group: usize, embedded: bool, given: &[(&str, &str)]) -> ClientConfig {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables: BTreeMap<_, _> = given.chain([("KARAFKA_ENV".to_owned(), "development".to_owned())]).collect();
        let settings = Settings::read(&MANIFEST, &variables, &Flags::default()).expect("they are right");
        let brokers = Brokers { address: "127.0.0.1:1".to_owned(), embedded };
        consumer(&settings, &settings.groups[group], &brokers)
    }

    /// If this fails, a group's client has a property from a layer that another one stands over.
    #[test]
    fn the_last_layer_counts_under_whichever_name() {
        let audit = config(0, false, &[("GROUP", "audit-eu")]);
        assert_eq!(audit.get("group.id"), Some("audit-eu"));
        assert_eq!(audit.get("fetch.wait.max.ms"), Some("3"));
        assert_eq!(audit.get("max.partition.fetch.bytes"), Some("131072"));
        assert_eq!(audit.get("fetch.message.max.bytes"), None, "two names of one property are set in any order");
        let patient = config(1, false, &[]);
        assert_eq!(
            (patient.get("fetch.wait.max.ms"), patient.get("max.partition.fetch.bytes")),
            (Some("2"), Some("65536"))
        );
    }

    /// If this fails, an app that was stopped well and is told by a variable where `karafka broker` is waits there for most of
    /// a minute when it is started again; or a real broker is taken for that one, and its members for dead after a second.
    #[test]
    fn a_broker_for_development_is_known_by_its_address() {
        let broker = EmbeddedBroker::start(&[]).expect("a broker");
        let folder = tempfile::tempdir().expect("a folder");
        let is_embedded = |address: &str| Brokers::named(address.to_owned(), folder.path()).embedded;
        assert!(!is_embedded(broker.address()), "it is not this app's");
        Beacon::of(&broker).leave(folder.path()).expect("left");
        let port = broker.address().rsplit_once(':').expect("a port").1;
        assert!(is_embedded(broker.address()) && is_embedded(&format!(" localhost:{port}")));
        for other in ["kafka:9092", "127.0.0.1:9", "localhost:port", &format!("{},kafka:9092", broker.address())] {
            assert!(!is_embedded(other), "{other}");
        }
    }

    /// If this fails, an app with properties that are right does not start, or its member is taken for dead.
    #[test]
    fn what_the_engine_sets_itself_collides_with_nothing() {
        for (group, embedded, backoff, session, heartbeat) in [
            (0, false, None, None, Some("2000")),
            // Heartbeats for another session would not come in time for the embedded broker's.
            (0, true, None, Some("1500"), Some("300")),
            (1, true, None, Some("30000"), Some("300")),
            (2, true, None, None, None),
            (2, false, None, None, None),
            (1, false, Some("500"), Some("30000"), None),
            (1, true, Some("2500"), Some("30000"), Some("300")),
        ] {
            let given: Vec<_> = backoff.map(|backoff| ("BACKOFF", backoff)).into_iter().collect();
            let config = config(group, embedded, &given);
            assert_eq!((config.get("session.timeout.ms"), config.get("heartbeat.interval.ms")), (session, heartbeat));
            let longest = if backoff == Some("2500") { "2500" } else { "1000" };
            assert_eq!(config.get("reconnect.backoff.max.ms"), Some(longest));
            let made = config.create::<BaseConsumer>();
            assert!(made.is_ok(), "group {group}, embedded {embedded}: {:?}", made.err());
        }
    }

    /// Two values that librdkafka takes for a property, if it is one that a text can say.
    fn values(name: &str) -> Option<[&'static str; 2]> {
        let texts =
            ["true", "false", "all", "-1", "1", "2", "5", "100", "5000", "100000", "x", "y", "none", "lz4", "gzip"];
        let more =
            ["earliest", "latest", "file", "broker", "range", "roundrobin", "read_committed", "read_uncommitted"];
        let rest = ["fifo", "lifo", "classic", "consumer", "plaintext", "sasl_plaintext", "use_all_dns_ips", "default"];
        let all = texts.into_iter().chain(more).chain(rest).chain(["any", "v4", "random", "murmur2"]);
        let mut taken = all.filter(|text| check_option(name, text).is_ok());
        Some([taken.next()?, taken.next()?])
    }

    /// If this fails, a property that a person has written is overridden, and nobody tells them.
    #[test]
    fn what_is_written_holds_or_is_refused() {
        let brokers = Brokers { address: "127.0.0.1:1".to_owned(), embedded: false };
        let (mut held, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for name in option_names() {
            let (Some(values), true) = (values(&name), side(&name).is_some()) else { continue };
            for (section, of_consumers, of_producers) in [
                ("kafka.options.", true, true),
                ("kafka.consumer.", true, false),
                ("kafka.producer.", false, true),
                ("groups.shop.kafka.", true, false),
            ] {
                // What consumers would read as the least that they fetch: `Settings::consumer_properties` says why.
                let of_consumers = of_consumers && !(name == "message.max.bytes" && section == "kafka.options.");
                for value in values {
                    let written: Setting = (format!("{section}{name}").leak(), value);
                    let of_group = written.0.strip_prefix("groups.shop.").map(|key| (key, value));
                    let manifest = Manifest {
                        settings: if of_group.is_some() { &[] } else { vec![written].leak() },
                        groups: vec![GroupEntry {
                            name: "shop",
                            settings: of_group.into_iter().collect::<Vec<_>>().leak(),
                        }]
                        .leak(),
                        ..Manifest::NEW
                    };
                    let variables = BTreeMap::from([("KARAFKA_ENV".to_owned(), "development".to_owned())]);
                    let settings = match Settings::read(Box::leak(Box::new(manifest)), &variables, &Flags::default()) {
                        Ok(settings) => settings,
                        Err(errors) => {
                            assert!(matches!(errors[..], [SettingError::Refused { .. }]), "{errors:?}");
                            refused.insert(name.clone());
                            continue;
                        }
                    };
                    let consumer = of_consumers.then(|| consumer(&settings, &settings.groups[0], &brokers));
                    let producer = of_producers.then(|| ProducerClient::config(&producer(&settings, &brokers)));
                    for config in [consumer, producer].into_iter().flatten() {
                        let holds = config.get(one_spelling(&name)).unwrap_or_default();
                        // Of a `client.id` it is the first part.
                        let is_held = holds == value || (name == "client.id" && holds.starts_with(value));
                        assert!(is_held, "{section}{name}: {value} is written, and {holds} holds");
                    }
                    held.insert(name.clone());
                }
            }
        }
        assert!(held.len() > 80 && refused.contains("delivery.report.only.error"), "{held:?} {refused:?}");
    }
}
