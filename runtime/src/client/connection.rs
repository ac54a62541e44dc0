//! What keeps a client from its brokers: the first cause, with its address, and what mends it.
//!
//! librdkafka reports each failed connection once and then every half minute, and behind it that all brokers are down,
//! which says nothing. It never reports that a connection stands. So the first words that name a cause are kept until
//! something is answered, or they have not been heard for a while.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{ClientConfig, error::RDKafkaErrorCode as Code};

use crate::obstacle::{Obstacle, ObstacleKind, Severity};

/// For how long what was not repeated counts: librdkafka repeats the same after half a minute, and tries again each ten
/// seconds at least.
const REPEATED: Duration = Duration::from_secs(45);

/// The property with the addresses that are configured.
pub(crate) const BOOTSTRAP: &str = "bootstrap.servers";

/// For how long a listener that closes connections without a word may be one that starts.
const GUESSED: Duration = Duration::from_secs(30);

/// A listener that does not take this client at all closes its connection within this time.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The connections of one client.
///
/// **Invariant:** a cause is never replaced by words that name none (held by `tests::the_first_cause_stays`).
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// `bootstrap.servers`, an address each.
    given: Vec<String>,
    /// `security.protocol`
    protocol: String,
    /// By `host:port`.
    troubles: BTreeMap<String, UnreachedBroker>,
    /// Nothing has been answered since it was said that all brokers are down.
    is_away: bool,
    /// Something has been answered: the protocol is right.
    was_reached: bool,
}

/// What librdkafka says of a connection that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure<'a> {
    /// `host:port`
    broker: &'a str,
    words: &'a str,
    /// In which state of the connection it failed, and how long after that had begun.
    state: Option<(&'a str, Duration)>,
}

/// A broker that is not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UnreachedBroker {
    fault: Fault,
    /// librdkafka's, without the broker's name and what changes each time.
    words: String,
    since: Instant,
    last: Instant,
}

/// Why a broker is not reached, as far as librdkafka's words say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The name of one of the addresses that are configured means nothing here.
    Unresolved,
    /// The name that a broker gives itself means nothing here.
    Advertised,
    /// Nothing listens there.
    Refused,
    /// Nothing answers there.
    Silent,
    /// It speaks TLS, and this client does not.
    WantsTls,
    /// This client speaks TLS, and it does not.
    WantsNoTls,
    /// It wants to know who this is.
    WantsSasl,
    /// Its certificate is not signed by anybody who is trusted, or is not its own.
    Certificate,
    /// It wants a certificate of this client.
    WantsCertificate,
    /// It does not know this user, or the password is another one.
    Credentials,
    /// It does not take this way to say who one is.
    Mechanism,
    /// What it sends is larger than this client takes.
    TooLarge,
    /// The connection was cut, and nobody says why.
    Unknown,
}

impl Connection {
    /// Of a client with these properties.
    pub(crate) fn of(config: &ClientConfig) -> Self {
        let given = config.get(BOOTSTRAP).unwrap_or_default().split(',');
        let given = given.map(|address| bare(address.trim()).to_owned()).collect();
        let protocol = config.get("security.protocol").unwrap_or("plaintext").to_ascii_lowercase();
        Self { given, protocol, ..Self::default() }
    }

    /// librdkafka reports an error of the client. Returns whether it is about a connection.
    pub(crate) fn hear(&mut self, code: Code, text: &str, now: Instant) -> bool {
        if code == Code::AllBrokersDown {
            self.is_away = true;
            return true;
        }
        let is_of_connection = matches!(
            code,
            Code::BrokerTransportFailure
                | Code::Resolve
                | Code::SSL
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::OperationTimedOut
                | Code::BadMessage
        );
        let Some(failure) = Failure::read(text).filter(|_| is_of_connection) else { return false };
        let fault = self.fault(code, failure);
        self.note(failure, fault, now);
        true
    }

    /// A line of librdkafka's log. Some causes stand there alone: a connection that the broker has closed is no error to it. A
    /// line that names no cause is nothing, either, such as that of an idle connection.
    pub(crate) fn hear_log(&mut self, facility: &str, line: &str, now: Instant) {
        let text = line.split_once("]: ").map_or(line, |(_, text)| text);
        let Some(failure) = Failure::read(text).filter(|_| facility == "FAIL") else { return };
        let fault = self.fault(Code::BrokerTransportFailure, failure);
        if fault != Fault::Unknown {
            self.note(failure, fault, now);
        }
    }

    fn note(&mut self, failure: Failure<'_>, fault: Fault, now: Instant) {
        let Failure { broker, words, .. } = failure;
        match self.troubles.get_mut(broker) {
            // The same in other words, such as another of the name's addresses, is no news.
            Some(known) if fault == known.fault || fault == Fault::Unknown => known.last = now,
            Some(known) => {
                (known.fault, known.words) = (fault, words.to_owned());
                (known.since, known.last) = (now, now);
            }
            None => {
                let words = words.to_owned();
                self.troubles.insert(broker.to_owned(), UnreachedBroker { fault, words, since: now, last: now });
            }
        }
    }

    /// A broker has answered.
    pub(crate) fn reached(&mut self) {
        self.was_reached = true;
        if std::mem::take(&mut self.is_away) {
            // Those that have not answered say so again.
            self.troubles.clear();
        }
    }

    /// What keeps the client from its brokers. `has_nothing`: what it has asked for is not there, and this may be why.
    pub(crate) fn obstacles(&mut self, has_nothing: bool, now: Instant) -> Vec<Obstacle> {
        let (is_away, before) = (self.is_away, now.checked_sub(REPEATED));
        self.troubles.retain(|_, trouble| is_away || before.is_none_or(|before| trouble.last > before));
        if is_away {
            return vec![self.away(now)];
        }
        let of = |(broker, trouble): (&String, &UnreachedBroker)| {
            let severity = if has_nothing { trouble.severity(now) } else { Severity::Degrades };
            let words = format!("does not reach the broker {broker}: {}", trouble.words);
            Obstacle {
                broker: Some(broker.clone()),
                ..Obstacle::new(ObstacleKind::BrokerAway, severity, words, self.help(broker, trouble.fault))
            }
        };
        self.troubles.iter().map(of).collect()
    }

    /// No broker is reached: why, as far as the first of them has said it that names a cause.
    fn away(&self, now: Instant) -> Obstacle {
        let named = |(_, trouble): &(&String, &UnreachedBroker)| (trouble.fault == Fault::Unknown, trouble.since);
        let Some((broker, trouble)) = self.troubles.iter().min_by_key(named) else {
            let words = format!("reaches no broker of {}", self.given.join(", "));
            return Obstacle::new(ObstacleKind::Disconnected, Severity::Passes, words, SILENT);
        };
        let words = format!("reaches no broker: {broker}: {}", trouble.words);
        let help = self.help(broker, trouble.fault);
        // One at a time, whichever broker it is about by now.
        Obstacle::new(ObstacleKind::Disconnected, trouble.severity(now), words, help)
    }

    fn fault(&self, code: Code, failure: Failure<'_>) -> Fault {
        let Failure { broker, words, state } = failure;
        // A listener that wants something else closes the connection without a word; librdkafka's guesses do not show.
        let closed = state.filter(|(_, age)| !self.was_reached && *age < AT_ONCE && words.starts_with("Disconnected"));
        let closed = closed.map(|(state, _)| state);
        let (is_tls, is_sasl) = (self.protocol.ends_with("ssl"), self.protocol.starts_with("sasl"));
        let says = |part: &str| words.contains(part);
        match code {
            _ if (code == Code::Resolve || says("Failed to resolve"))
                && self.given.iter().any(|given| given == broker) =>
            {
                Fault::Unresolved
            }
            _ if code == Code::Resolve || says("Failed to resolve") => Fault::Advertised,
            _ if says("onnection refused") => Fault::Refused,
            _ if says("connecting to a SSL listener") => Fault::WantsTls,
            _ if says("connecting to a PLAINTEXT broker") || says("wrong version number") => Fault::WantsNoTls,
            _ if says("might require SASL") => Fault::WantsSasl,
            _ if closed == Some("APIVERSION_QUERY") && !is_tls => Fault::WantsTls,
            _ if closed == Some("UP") && !is_sasl => Fault::WantsSasl,
            _ if says("client SSL authentication might be required") => Fault::WantsCertificate,
            _ if says("certificate") => Fault::Certificate,
            _ if says("mechanism") => Fault::Mechanism,
            Code::Authentication | Code::SaslAuthenticationFailed => Fault::Credentials,
            _ if says("authentication error") => Fault::Credentials,
            _ if says("Invalid frame size") || says("Invalid response size") => Fault::TooLarge,
            Code::OperationTimedOut => Fault::Silent,
            _ if says("imed out") || says("o route to host") || says("etwork is unreachable") => Fault::Silent,
            _ => Fault::Unknown,
        }
    }

    fn help(&self, broker: &str, fault: Fault) -> String {
        let given = self.given.join(", ");
        match fault {
            Fault::Unresolved => "this machine does not know the name: correct `brokers` in karafka.yml, or the variable \
                                  KARAFKA_BROKERS, or the machine's DNS"
                .to_owned(),
            Fault::Advertised => format!(
                "the cluster was reached by {given}, and says that this broker is at {broker} (`advertised.listeners` of \
                 the broker), a name that this machine does not know: use the listener that is meant for clients here, \
                 let the broker advertise a name that is known here, or make this one known"
            ),
            Fault::Refused => "nothing listens there: is the broker running, and is the port in `brokers` (or \
                               KARAFKA_BROKERS) that of its listener"
                .to_owned(),
            Fault::Silent => SILENT.to_owned(),
            Fault::WantsTls => "the broker's listener at this port may want TLS: set `security.protocol: ssl` (with \
                                SASL `sasl_ssl`) under `kafka.options`, or use the port of a plain listener"
                .to_owned(),
            Fault::WantsNoTls => "the broker's listener at this port speaks no TLS: set `security.protocol: plaintext` \
                                  (with SASL `sasl_plaintext`) under `kafka.options`, or use the port of its TLS listener"
                .to_owned(),
            Fault::WantsSasl => "the broker's listener at this port may want SASL: set `security.protocol: \
                                 sasl_plaintext` (with TLS `sasl_ssl`), `sasl.mechanism`, `sasl.username` and \
                                 `sasl.password` under `kafka.options`"
                .to_owned(),
            Fault::Certificate => "the broker's certificate is not trusted here: set `ssl.ca.location` under \
                                   `kafka.options` to the certificate of the authority that has signed it, and see that \
                                   it is made out to the host in `brokers`"
                .to_owned(),
            Fault::WantsCertificate => "the broker wants a certificate of its clients: set `ssl.certificate.location` and \
                                        `ssl.key.location` under `kafka.options`"
                .to_owned(),
            Fault::Credentials => "correct `sasl.username` and `sasl.password` under `kafka.options`, or the variables \
                                   that they name"
                .to_owned(),
            Fault::Mechanism => "set `sasl.mechanism` under `kafka.options` to one that the broker's listener takes \
                                 (`sasl.enabled.mechanisms` of the broker)"
                .to_owned(),
            Fault::TooLarge => "raise `receive.message.max.bytes` under `kafka.options`, or leave it out; what is no broker \
                                at all, as an HTTP server, looks like this too"
                .to_owned(),
            Fault::Unknown => "look into the broker's log: it may want TLS or SASL (`security.protocol` under \
                               `kafka.options`) where this client speaks plain, or the other way round"
                .to_owned(),
        }
    }
}

const SILENT: &str = "is the broker running, and may this machine reach it (`brokers` in karafka.yml or KARAFKA_BROKERS, \
                      network, firewall)";

impl UnreachedBroker {
    /// A broker that starts behind somebody who takes connections for it closes them, too.
    fn severity(&self, now: Instant) -> Severity {
        let is_a_guess = matches!(self.fault, Fault::WantsTls | Fault::WantsSasl);
        let is_new = now.saturating_duration_since(self.since) < GUESSED;
        if is_a_guess && is_new { Severity::Passes } else { self.fault.severity() }
    }
}

impl Fault {
    /// What a new broker process or a mended network mends passes by itself.
    fn severity(self) -> Severity {
        match self {
            Self::Refused | Self::Silent | Self::Unknown | Self::Unresolved => Severity::Passes,
            Self::Advertised
            | Self::WantsTls
            | Self::WantsNoTls
            | Self::WantsSasl
            | Self::Certificate
            | Self::WantsCertificate
            | Self::Credentials
            | Self::Mechanism
            | Self::TooLarge => Severity::Person,
        }
    }
}

impl<'a> Failure<'a> {
    /// Of a text as `ssl://host:9092/bootstrap: words (after 3ms in state CONNECT, 4 identical error(s) suppressed)`; of a
    /// group's coordinator the address stands in the words.
    fn read(text: &'a str) -> Option<Self> {
        let (name, words) = text.split_once(": ")?;
        let (words, state) = match words.rfind(" (after ") {
            Some(end) if words.ends_with(')') => (&words[..end], state(&words[end..])),
            _ => (words, None),
        };
        if name == "GroupCoordinator" || name == "TxnCoordinator" {
            let (name, words) = words.split_once(": ")?;
            return Some(Self { broker: bare(name), words, state });
        }
        name.contains(':').then(|| Self { broker: bare(name), words, state })
    }
}

/// `CONNECT` and 3 ms of ` (after 3ms in state CONNECT)`.
fn state(text: &str) -> Option<(&str, Duration)> {
    let (age, state) = text.strip_prefix(" (after ")?.split_once("ms in state ")?;
    let end = state.find([',', ')'])?;
    Some((&state[..end], Duration::from_millis(age.parse().ok()?)))
}

/// `host:port` of `ssl://host:port/1`.
fn bare(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.split_once('/').map_or(name, |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "127.0.0.1:9092";

    fn connection(protocol: &str) -> Connection {
        let mut config = ClientConfig::new();
        config.set(BOOTSTRAP, GIVEN).set("security.protocol", protocol);
        Connection::of(&config)
    }

    fn heard(heard: &[(Code, &str)]) -> (Connection, Instant) {
        let (mut connection, now) = (connection("plaintext"), Instant::now());
        for (code, text) in heard {
            assert!(connection.hear(*code, text, now), "{text}");
        }
        (connection, now)
    }

    fn only(connection: &mut Connection, now: Instant) -> Obstacle {
        let mut obstacles = connection.obstacles(true, now);
        assert_eq!(obstacles.len(), 1, "{obstacles:?}");
        obstacles.remove(0)
    }

    const DOWN: (Code, &str) = (Code::AllBrokersDown, "1/1 brokers are down");

    /// If this fails, whoever is woken reads `AllBrokersDown`, or words without an address, or is told to mend what is not
    /// broken. Texts as librdkafka 2.12 makes them.
    #[test]
    fn each_cause_has_its_mend() {
        let table = [
            (
                Code::Resolve,
                "127.0.0.1:9092/bootstrap: Failed to resolve '127.0.0.1:9092': Name or service not known (after 1ms in state \
                 CONNECT)",
                Severity::Passes,
                "KARAFKA_BROKERS",
            ),
            (
                Code::Resolve,
                "f43be2dafb3b:9092/1: Failed to resolve 'f43be2dafb3b:9092': Name or service not known (after 1ms in state \
                 CONNECT)",
                Severity::Person,
                "reached by 127.0.0.1:9092, and says that this broker is at f43be2dafb3b:9092 (`advertised.listeners`",
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state \
                 CONNECT, 7 identical error(s) suppressed)",
                Severity::Passes,
                "nothing listens there",
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/bootstrap: Disconnected: requesting ApiVersion: might be caused by incorrect \
                 security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10 (see \
                 api.version.request) (after 3ms in state APIVERSION_QUERY)",
                Severity::Person,
                "security.protocol: ssl",
            ),
            (
                Code::BrokerTransportFailure,
                "ssl://127.0.0.1:9092/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker \
                 listener? (after 3ms in state SSL_HANDSHAKE)",
                Severity::Person,
                "security.protocol: plaintext",
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/bootstrap: Disconnected: verify that security.protocol is correctly configured, broker might \
                 require SASL authentication (after 1ms in state UP)",
                Severity::Person,
                "security.protocol: sasl_plaintext",
            ),
            (
                Code::SSL,
                "ssl://127.0.0.1:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                 broker certificate could not be verified, verify that ssl.ca.location is correctly configured or root CA \
                 certificates are installed (install ca-certificates package) (after 4ms in state SSL_HANDSHAKE)",
                Severity::Person,
                "ssl.ca.location",
            ),
            (
                Code::Authentication,
                "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: Authentication failed: Invalid username \
                 or password (after 311ms in state AUTH_REQ)",
                Severity::Person,
                "sasl.password",
            ),
            (
                Code::Authentication,
                "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL SCRAM-SHA-256 mechanism handshake failed: Broker: Unsupported \
                 SASL mechanism: broker's supported mechanisms: PLAIN (after 5ms in state AUTH_HANDSHAKE)",
                Severity::Person,
                "sasl.mechanism",
            ),
            (
                Code::BrokerTransportFailure,
                "127.0.0.1:9092/bootstrap: Connection setup timed out in state CONNECT (after 30034ms in state CONNECT)",
                Severity::Passes,
                "firewall",
            ),
            (
                Code::BadMessage,
                "127.0.0.1:9092/1: Receive failed: Invalid response size 1213486160 (0..1001000000): increase \
                 receive.message.max.bytes (after 0ms in state APIVERSION_QUERY)",
                Severity::Person,
                "receive.message.max.bytes",
            ),
            (
                Code::BrokerTransportFailure,
                "GroupCoordinator: 127.0.0.1:9092: Disconnected (after 9000ms in state UP)",
                Severity::Passes,
                "broker's log",
            ),
        ];
        for (code, text, severity, help) in table {
            let (mut connection, now) = heard(&[(code, text), DOWN]);
            let obstacle = only(&mut connection, now + GUESSED);
            assert_eq!((obstacle.kind, obstacle.severity), (ObstacleKind::Disconnected, severity), "{text}");
            assert!(obstacle.help.contains(help), "no `{help}` in: {obstacle:?}");
            assert!(!obstacle.words.contains("(after") && obstacle.words.contains(":9092: "), "{}", obstacle.words);
        }
    }

    /// If this fails, the words that name the cause are lost behind "Disconnected" and "brokers are down".
    #[test]
    fn the_first_cause_stays() {
        let cause =
            "sasl_plaintext://127.0.0.1:9092/bootstrap: SASL authentication error: no (after 1ms in state AUTH_REQ)";
        let vague = "sasl_plaintext://127.0.0.1:9092/bootstrap: Disconnected (after 9000ms in state UP)";
        let other = "sasl_plaintext://10.0.0.7:9092/2: Disconnected (after 9000ms in state UP)";
        let (mut connection, now) = heard(&[
            (Code::BrokerTransportFailure, other),
            (Code::Authentication, cause),
            DOWN,
            (Code::BrokerTransportFailure, vague),
            DOWN,
        ]);
        let obstacle = only(&mut connection, now + Duration::from_secs(600));
        assert_eq!(obstacle.words, "reaches no broker: 127.0.0.1:9092: SASL authentication error: no");
    }

    /// If this fails, a name with two addresses fills the log in an outage: librdkafka tries them by turns, and each attempt has
    /// other words.
    #[test]
    fn another_address_of_a_name_is_no_news() {
        let refused = |address: &str| {
            format!(
                "localhost:9092/bootstrap: Connect to {address} failed: Connection refused (after 0ms in state CONNECT)"
            )
        };
        let (mut connection, now) = heard(&[(Code::BrokerTransportFailure, &refused("ipv4#127.0.0.1:9092")), DOWN]);
        let first = only(&mut connection, now);
        assert!(connection.hear(Code::BrokerTransportFailure, &refused("ipv6#[::1]:9092"), now));
        assert!(!first.is_news_to(&only(&mut connection, now)));
        let other = "localhost:9092/bootstrap: SSL handshake failed: certificate verify failed (after 4ms in state SSL_HANDSHAKE)";
        assert!(connection.hear(Code::SSL, other, now));
        assert!(first.is_news_to(&only(&mut connection, now)), "that is another cause");
    }

    /// If this fails, an outage that is over is told for ever, or one broker that is away is no broker at all.
    #[test]
    fn what_is_answered_is_reached() {
        let refused = (
            Code::BrokerTransportFailure,
            "b1:9092/1: Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        );
        let (mut connection, now) = heard(&[refused]);
        let away = only(&mut connection, now);
        assert_eq!(
            (away.kind, away.severity, away.broker.as_deref()),
            (ObstacleKind::BrokerAway, Severity::Passes, Some("b1:9092"))
        );
        assert_eq!(
            connection.obstacles(false, now)[0].severity,
            Severity::Degrades,
            "the others give what was asked for"
        );
        connection.reached();
        assert_eq!(connection.obstacles(false, now + REPEATED / 2).len(), 1, "another one has answered");
        assert!(connection.obstacles(false, now + REPEATED).is_empty(), "it was not said again");

        let (mut connection, now) = heard(&[refused, DOWN]);
        assert_eq!(only(&mut connection, now + 10 * REPEATED).kind, ObstacleKind::Disconnected);
        connection.reached();
        assert!(connection.obstacles(true, now).is_empty());
    }

    /// If this fails, a client that speaks plain to a listener with TLS says that nobody answers: librdkafka writes the cause
    /// into its log, and reports that all brokers are down. Or a connection that was idle for long is a trouble.
    #[test]
    fn a_cause_that_stands_in_the_log_alone_is_heard() {
        let (mut connection, now) = heard(&[DOWN]);
        let idle = "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Disconnected (after 600001ms in state UP)";
        connection.hear_log("FAIL", idle, now);
        assert!(only(&mut connection, now).words.starts_with("reaches no broker of"));
        let closed = |state| {
            format!(
                "[thrd:127.0.0.1:9092/bootstrap]: 127.0.0.1:9092/bootstrap: Disconnected: connection closed by peer: receive 0 \
                 after POLLIN (after 1ms in state {state}, 31 identical error(s) suppressed)"
            )
        };
        connection.hear_log("CONFWARN", &closed("APIVERSION_QUERY"), now);
        assert!(only(&mut connection, now).words.starts_with("reaches no broker of"));
        for (state, protocol, help) in [
            ("APIVERSION_QUERY", "plaintext", "security.protocol: ssl"),
            ("APIVERSION_QUERY", "SASL_PLAINTEXT", "security.protocol: ssl"),
            ("UP", "plaintext", "sasl_plaintext"),
            ("UP", "ssl", "sasl_plaintext"),
        ] {
            let mut connection = self::connection(protocol);
            assert!(connection.hear(DOWN.0, DOWN.1, now));
            connection.hear_log("FAIL", &closed(state), now);
            // It may be one that starts, behind somebody who takes connections for it.
            assert_eq!(only(&mut connection, now).severity, Severity::Passes);
            let obstacle = only(&mut connection, now + GUESSED);
            assert!(obstacle.words.starts_with("reaches no broker: 127.0.0.1:9092: Disconnected"), "{obstacle}");
            assert!(obstacle.help.contains(help) && obstacle.severity == Severity::Person, "{obstacle:?}");
            // A broker that has answered before speaks this protocol.
            let mut connection = self::connection(protocol);
            connection.reached();
            connection.hear_log("FAIL", &closed(state), now);
            assert!(connection.obstacles(true, now).is_empty());
        }
    }

    /// If this fails, an error of the group or of a topic is taken for one of the network.
    #[test]
    fn other_errors_are_none_of_its_business() {
        let mut connection = connection("plaintext");
        for (code, text) in [
            (
                Code::UnknownTopicOrPartition,
                "Subscribed topic not available: orders: Broker: Unknown topic or partition",
            ),
            (Code::BrokerTransportFailure, "Failed to fetch committed offsets for 3 partition(s)"),
            (Code::GroupAuthorizationFailed, "FindCoordinator response error: Group authorization failed."),
        ] {
            assert!(!connection.hear(code, text, Instant::now()), "{text}");
        }
    }
}
