use proptest::prelude::*;
use rdkafka::{
    ClientConfig,
    consumer::BaseConsumer,
    producer::{BaseProducer, DefaultProducerContext},
};

use super::*;

type Given<'t> = &'t [(&'t str, &'t str)];

fn client(given: Given<'_>) -> Client<()> {
    overlay(given.iter().map(|(name, value)| Written {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
        is_certain: true,
        place: (),
    }))
}

/// What librdkafka says when a client is made.
fn refusal(of: ClientUse, given: Given<'_>) -> Option<String> {
    let mut config = ClientConfig::new();
    if let ClientUse::Group(protocol) = of {
        config.set("group.protocol", protocol.as_str());
    } else {
        config.set("enable.idempotence", "true");
    }
    for (name, value) in given {
        config.set(*name, *value);
    }
    match of {
        ClientUse::Group(_) => config.create::<BaseConsumer>().err().map(|error| error.to_string()),
        // With one of topics', librdkafka looks at those at once, and not with the first record that is sent to one.
        ClientUse::Producer => config
            .set("request.timeout.ms", "30000")
            .create::<BaseProducer<DefaultProducerContext>>()
            .err()
            .map(|error| error.to_string()),
    }
}

/// What librdkafka takes, and a group does not bear.
fn is_ours<P>(conflict: &Conflict<P>) -> bool {
    conflict.words().contains("`heartbeat.interval.ms` (") && matches!(conflict.kind, ConflictKind::Order { .. })
}

const CLASSIC: ClientUse = ClientUse::Group(Protocol::Classic);
const CONSUMER: ClientUse = ClientUse::Group(Protocol::Consumer);

/// If this fails, `karafka check` calls an app right that does not start, or one wrong that does; or a person is told
/// something else than what to change.
#[test]
fn each_conflict_is_librdkafkas_and_is_said_in_words() {
    let session = "`session.timeout.ms` (400000) is longer than `max.poll.interval.ms` (300000 by default)";
    let cases: &[(ClientUse, Given<'_>, &[&str])] = &[
        (CLASSIC, &[("session.timeout.ms", "400000")], &[session]),
        (
            CLASSIC,
            &[("max.poll.interval.ms", "10000")],
            &["`session.timeout.ms` (45000 by default) is longer than `max.poll.interval.ms` (10000)"],
        ),
        (CLASSIC, &[("session.timeout.ms", "300000")], &[]),
        (CLASSIC, &[("session.timeout.ms", "400000"), ("max.poll.interval.ms", "400000")], &[]),
        (CONSUMER, &[("max.poll.interval.ms", "10000")], &[]),
        (
            CONSUMER,
            &[("session.timeout.ms", "45000"), ("heartbeat.interval.ms", "3000"), ("group.protocol.type", "consumer")],
            &[
                "with `protocol: consumer`, `group.protocol.type` is the broker's to say",
                "with `protocol: consumer`, `heartbeat.interval.ms` is the broker's to say",
                "with `protocol: consumer`, `session.timeout.ms` is the broker's to say",
            ],
        ),
        (
            CLASSIC,
            &[("fetch.max.bytes", "2000000"), ("receive.message.max.bytes", "2000511")],
            &[
                "`receive.message.max.bytes` (2000511) has no room for `fetch.max.bytes` (2000000) and the 512 bytes around it",
            ],
        ),
        (CLASSIC, &[("fetch.max.bytes", "2000000"), ("receive.message.max.bytes", "2000512")], &[]),
        (
            ClientUse::Producer,
            &[("reconnect.backoff.ms", "20000")],
            &[
                "`reconnect.backoff.ms` (20000) is longer than the longest wait, `reconnect.backoff.max.ms` (10000 by default)",
            ],
        ),
        (
            CLASSIC,
            &[("reconnect.backoff.max.ms", "50")],
            &[
                "`reconnect.backoff.ms` (100 by default) is longer than the longest wait, `reconnect.backoff.max.ms` (50)",
            ],
        ),
        (
            ClientUse::Producer,
            &[("queue.buffering.max.ms", "500"), ("message.timeout.ms", "500")],
            &["`queue.buffering.max.ms` (500) is not shorter than what a record may take, `message.timeout.ms` (500)"],
        ),
        (ClientUse::Producer, &[("linger.ms", "500"), ("message.timeout.ms", "0")], &[]),
        (ClientUse::Producer, &[("delivery.timeout.ms", "3")], &[]),
        (
            ClientUse::Producer,
            &[("linger.ms", "300000")],
            &[
                "`linger.ms` (300000) is not shorter than what a record may take, `delivery.timeout.ms` (300000 by default)",
            ],
        ),
        (
            ClientUse::Producer,
            &[("enable.idempotence", "true"), ("max.in.flight", "6"), ("retries", "0"), ("queuing.strategy", "lifo")],
            &[
                "with `enable.idempotence: true`, `max.in.flight` must be 5 or less",
                "with `enable.idempotence: true`, `queuing.strategy` must be `fifo`",
                "with `enable.idempotence: true`, `retries` must be 1 or more",
            ],
        ),
        (ClientUse::Producer, &[("enable.idempotence", "true"), ("max.in.flight", "5"), ("retries", "1")], &[]),
        (
            ClientUse::Producer,
            &[("enable.idempotence", "false"), ("max.in.flight", "6"), ("retries", "0"), ("queuing.strategy", "lifo")],
            &[],
        ),
        (
            ClientUse::Producer,
            &[("max.in.flight", "6")],
            &["with `enable.idempotence: true`, as it is by default, `max.in.flight` must be 5 or less"],
        ),
        (
            ClientUse::Producer,
            &[("enable.gapless.guarantee", "true"), ("enable.idempotence", "false")],
            &["`enable.gapless.guarantee: true` needs `enable.idempotence: true`"],
        ),
        (
            CLASSIC,
            &[("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "PLAIN"), ("sasl.username", "ann")],
            &["`sasl.mechanism` needs `sasl.password`, which is not there"],
        ),
        (
            ClientUse::Producer,
            &[
                ("security.protocol", "sasl_plaintext"),
                ("sasl.mechanisms", "PLAIN"),
                ("sasl.username", "ann"),
                ("sasl.password", "x"),
            ],
            &[],
        ),
    ];
    for (of, given, wanted) in cases {
        let found = conflicts(*of, &client(given));
        let words: Vec<_> = found.iter().map(Conflict::words).collect();
        assert_eq!(words, *wanted, "{given:?}");
        assert!(found.iter().all(|conflict| !conflict.help(true, &["audit"]).is_empty()));
        let refused = refusal(*of, given);
        assert_eq!(refused.is_some(), !wanted.is_empty(), "{given:?}: {refused:?}");
    }
}

/// If this fails, a member that is alive is taken for dead between two heartbeats, over and over.
#[test]
fn a_session_holds_several_heartbeats() {
    let words = |given: Given<'_>| conflicts(CLASSIC, &client(given)).iter().map(Conflict::words).collect::<Vec<_>>();
    assert_eq!(
        words(&[("session.timeout.ms", "3000")]),
        ["`heartbeat.interval.ms` (3000 by default) is not shorter than `session.timeout.ms` (3000)"]
    );
    assert_eq!(words(&[("session.timeout.ms", "3001")]), [""; 0]);
    assert_eq!(words(&[("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "1000")]), [""; 0]);
    assert_eq!(words(&[("heartbeat.interval.ms", "45000")]).len(), 1);
}

/// If this fails, a person is told to change what they did not write, or an app is refused for a value that nobody knows.
#[test]
fn what_is_not_known_yet_is_right_and_the_written_one_is_to_blame() {
    let written = |name: &str, value: Option<&str>, is_certain| Written {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        is_certain,
        place: name.len(),
    };
    let of = |of, layers: &[Written<usize>]| conflicts(of, &overlay(layers.iter().cloned()));
    let found = of(CLASSIC, &[written("max.poll.interval.ms", Some("10000"), true)]);
    assert_eq!((found[0].property.name.as_str(), &found[0].other), ("max.poll.interval.ms", &None));
    assert_eq!(of(CLASSIC, &[written("session.timeout.ms", None, true)]), []);
    // Left out or not, it cannot be the broker's to say if it is not there.
    assert_eq!(of(CONSUMER, &[written("session.timeout.ms", None, false)]), []);
    assert_eq!(of(CONSUMER, &[written("session.timeout.ms", None, true)]).len(), 1);
    let below = written("session.timeout.ms", Some("400000"), true);
    let maybe = written("session.timeout.ms", None, false);
    assert_eq!(of(CLASSIC, &[below.clone(), maybe.clone()]), []);
    assert_eq!(of(CONSUMER, &[below.clone(), maybe]).len(), 1);
    assert_eq!(of(CLASSIC, &[below, written("session.timeout.ms", Some("10000"), true)]), [], "the last layer counts");
    let layers = [written("linger.ms", Some("400000"), true), written("queue.buffering.max.ms", Some("5"), true)];
    assert_eq!(of(ClientUse::Producer, &layers), [], "it is one property");
    let missing = [written("ssl.keystore.location", Some("/k"), true), written("ssl.keystore.password", None, false)];
    assert_eq!(of(CLASSIC, &missing), []);
    assert_eq!(of(CLASSIC, &missing[..1]).len(), 1);
}

/// A property of consumers with values around its neighbours' bounds.
fn of_consumers() -> impl Strategy<Value = (&'static str, &'static str)> {
    let name = |name: &'static str, values: &'static [&'static str]| {
        prop::sample::select(values).prop_map(move |value| (name, value))
    };
    prop_oneof![
        name("session.timeout.ms", &["1", "6000", "45000", "300000", "300001"]),
        name("max.poll.interval.ms", &["1", "6000", "44999", "45000", "300000"]),
        name("heartbeat.interval.ms", &["1", "3000", "45000"]),
        name("group.protocol.type", &["consumer"]),
        name("fetch.max.bytes", &["1000000", "50000000"]),
        name("receive.message.max.bytes", &["1000512", "50000511", "50000512", "100000000"]),
        name("reconnect.backoff.ms", &["1", "101", "10001"]),
        name("reconnect.backoff.max.ms", &["1", "100", "10000"]),
        name("security.protocol", &["plaintext", "sasl_plaintext"]),
        name("sasl.mechanism", &["PLAIN"]),
        name("sasl.username", &["ann"]),
        name("sasl.password", &["x"]),
    ]
}

/// The same of producers.
fn of_producers() -> impl Strategy<Value = (&'static str, &'static str)> {
    let name = |name: &'static str, values: &'static [&'static str]| {
        prop::sample::select(values).prop_map(move |value| (name, value))
    };
    prop_oneof![
        name("linger.ms", &["0", "0.5", "5", "1000", "300000"]),
        name("delivery.timeout.ms", &["0", "1", "5", "1000", "300000"]),
        name("enable.idempotence", &["true", "false", "T", "0"]),
        name("enable.gapless.guarantee", &["true", "false"]),
        name("max.in.flight", &["1", "5", "6"]),
        name("retries", &["0", "1"]),
        name("queue.buffering.backpressure.threshold", &["1", "2"]),
        name("queuing.strategy", &["fifo", "lifo"]),
        name("reconnect.backoff.ms", &["1", "101", "10001"]),
        name("reconnect.backoff.max.ms", &["1", "100", "10000"]),
    ]
}

proptest! {
    // Each makes a client.
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// If this fails, `karafka check` and librdkafka do not agree on what can start.
    #[test]
    fn agrees_with_librdkafka(
        of in prop::sample::select(vec![CLASSIC, CONSUMER]),
        given in prop::collection::btree_map(of_consumers(), Just(()), 0..6),
        sent in prop::collection::btree_map(of_producers(), Just(()), 0..6),
    ) {
        for (of, given) in [(of, given), (ClientUse::Producer, sent)] {
            let mut given: BTreeMap<_, _> = given.into_keys().collect();
            // Alone it is held against what the engine makes of the group's memory.
            if !given.contains_key("fetch.max.bytes") {
                given.remove("receive.message.max.bytes");
            }
            let given: Vec<_> = given.into_iter().collect();
            let found = conflicts(of, &client(&given));
            let found = found.iter().filter(|conflict| !is_ours(conflict)).count();
            let says_gssapi = given.contains(&("security.protocol", "sasl_plaintext"))
                && !given.iter().any(|(name, _)| *name == "sasl.mechanism");
            // Without a mechanism, it is one that needs a feature.
            if !says_gssapi {
                let refused = refusal(of, &given);
                prop_assert_eq!(refused.is_some(), found > 0, "{:?}: {:?}", given, refused);
            }
        }
    }
}
