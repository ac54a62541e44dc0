//! Properties of librdkafka that each have a right value, and do not fit together.
//!
//! librdkafka looks at a property alone when it is set, and at all of them only when a client is made; and some of what it
//! takes then keeps a member from staying in its group. A pure function of what is written, so that `karafka check` can
//! say with a place what the start of the app would say, in the same words.

use std::collections::BTreeMap;

use super::{Protocol, one_spelling};

/// A property of a client, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<P> {
    /// Its name, in whichever spelling.
    pub name: String,
    /// Its value; `None`: it is not known before the app starts.
    pub value: Option<String>,
    /// Whether it is there in any case: `${NAME?}` may leave it out.
    pub is_certain: bool,
    /// Where it stands.
    pub place: P,
}

/// The properties of one client, by [`one_spelling`].
pub type Client<P> = BTreeMap<String, Written<P>>;

/// What a client is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientUse {
    /// The consumer of a group with this protocol.
    Group(Protocol),
    /// The app's producer.
    Producer,
}

/// Properties that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict<P> {
    /// The one to change.
    pub property: Written<P>,
    /// The other one, if it is written, too.
    pub other: Option<Written<P>>,
    /// Why.
    pub kind: ConflictKind,
}

/// Why properties do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictKind {
    /// Under `protocol: consumer` it is not the client's to say; the broker may have a setting for it.
    LeftToBroker(Option<BrokerSetting>),
    /// A number is not on the right side of another one.
    Order {
        /// What is wrong, in words that name both and their values.
        words: String,
        /// What to write instead.
        help: &'static str,
    },
    /// It does not go with the other one.
    Forbidden {
        /// What is wrong.
        words: String,
        /// What to write instead.
        help: &'static str,
    },
    /// It needs another one that is not there.
    Missing {
        /// The other one.
        needs: &'static str,
    },
}

/// What says to members of the consumer protocol what a property says to those of the classic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokerSetting {
    /// The broker's setting, for all groups.
    pub of_broker: &'static str,
    /// The group's setting in Kafka, over the broker's.
    pub of_group: &'static str,
}

/// What `protocol: consumer` leaves to the broker.
const LEFT_TO_BROKER: [(&str, Option<BrokerSetting>); 3] = [
    ("group.protocol.type", None),
    (
        "heartbeat.interval.ms",
        Some(BrokerSetting {
            of_broker: "group.consumer.heartbeat.interval.ms",
            of_group: "consumer.heartbeat.interval.ms",
        }),
    ),
    (
        "session.timeout.ms",
        Some(BrokerSetting { of_broker: "group.consumer.session.timeout.ms", of_group: "consumer.session.timeout.ms" }),
    ),
];

/// What a producer needs that sends each record once; librdkafka's own bounds.
const IDEMPOTENT: [(&str, &str, &str); 4] = [
    ("max.in.flight", "5 or less", "write 5 or less, or take it out"),
    ("retries", "1 or more", "write 1 or more, or take it out"),
    ("queue.buffering.backpressure.threshold", "1", "take it out"),
    ("queuing.strategy", "`fifo`", "take it out"),
];

/// Puts layers of properties over each other, the last on top. What a layer may leave out keeps the place of the one below.
pub fn overlay<P>(layers: impl IntoIterator<Item = Written<P>>) -> Client<P> {
    let mut client = Client::new();
    for written in layers {
        let key = one_spelling(&written.name).to_owned();
        match client.get_mut(&key) {
            Some(below) if !written.is_certain => below.value = None,
            _ => drop(client.insert(key, written)),
        }
    }
    client
}

/// What does not fit together in a client, in alphabetical order of the properties. What is not known yet is taken to be
/// right.
#[must_use]
pub fn conflicts<P: Clone>(of: ClientUse, client: &Client<P>) -> Vec<Conflict<P>> {
    let mut rules = Rules { client, found: Vec::new() };
    match of {
        ClientUse::Group(protocol) => rules.group(protocol),
        ClientUse::Producer => rules.producer(),
    }
    rules.any_client();
    rules.found.sort_by(|a, b| a.property.name.cmp(&b.property.name));
    rules.found
}

struct Rules<'c, P> {
    client: &'c Client<P>,
    found: Vec<Conflict<P>>,
}

/// A number as it holds: as it is written, or by default.
struct Number<'c, P> {
    value: f64,
    written: Option<&'c Written<P>>,
}

impl<'c, P: Clone> Rules<'c, P> {
    fn group(&mut self, protocol: Protocol) {
        match protocol {
            Protocol::Consumer => {
                for (name, setting) in LEFT_TO_BROKER {
                    if let Some(property) = self.certain(name) {
                        let (property, kind) = (property.clone(), ConflictKind::LeftToBroker(setting));
                        self.found.push(Conflict { property, other: None, kind });
                    }
                }
            }
            Protocol::Classic => {
                self.order(
                    ("session.timeout.ms", 45_000.0),
                    ("max.poll.interval.ms", 300_000.0),
                    |session, poll| session <= poll,
                    "longer than",
                    "a session is at most as long as the time between two polls: lower `session.timeout.ms`, or raise \
                     `max.poll.interval.ms`",
                );
                self.order(
                    ("heartbeat.interval.ms", 3_000.0),
                    ("session.timeout.ms", 45_000.0),
                    |heartbeat, session| heartbeat < session,
                    "not shorter than",
                    "the session would expire between two heartbeats: write `heartbeat.interval.ms` with a third of \
                     `session.timeout.ms`",
                );
            }
        }
        if let (Some(receive), Some(fetch)) =
            (self.written_number("receive.message.max.bytes"), self.written_number("fetch.max.bytes"))
            && receive.value < fetch.value + 512.0
        {
            let words = format!(
                "`receive.message.max.bytes` ({}) has no room for `fetch.max.bytes` ({}) and the 512 bytes around it",
                receive.value, fetch.value
            );
            let help = "take `receive.message.max.bytes` out: the client makes it fit";
            self.report(receive.written, fetch.written, ConflictKind::Order { words, help });
        }
    }

    fn producer(&mut self) {
        if let Some(linger) = self.written_number("linger.ms")
            && let Some(timeout) = self.number("delivery.timeout.ms", 300_000.0)
            && timeout.value != 0.0
            && timeout.value <= linger.value
        {
            let words = format!(
                "{} is not shorter than what a record may take, {}",
                shown("linger.ms", &linger),
                shown("delivery.timeout.ms", &timeout)
            );
            let help = "lower `linger.ms`, or raise `delivery.timeout.ms`";
            self.report(linger.written, timeout.written, ConflictKind::Order { words, help });
        }
        self.idempotence();
    }

    fn idempotence(&mut self) {
        let flag = |name: &str| match self.client.get(name) {
            // As the producer has them where nobody says (`producer::client`).
            None => Some((name == "enable.idempotence", None)),
            Some(written) => Some((truth(written.value.as_deref()?)?, Some(written))),
        };
        match (flag("enable.idempotence"), flag("enable.gapless.guarantee")) {
            (Some((true, switch)), _) => {
                for (name, right, help) in IDEMPOTENT {
                    let number = self.written_number(name);
                    let text = self.client.get(name).and_then(|written| written.value.as_deref());
                    let is_wrong = match name {
                        "max.in.flight" => number.is_some_and(|number| number.value > 5.0),
                        "retries" => number.is_some_and(|number| number.value < 1.0),
                        "queuing.strategy" => text.is_some_and(|text| text != "fifo"),
                        _ => number.is_some_and(|number| number.value > 1.0),
                    };
                    if is_wrong {
                        let by_default = if switch.is_some() { "" } else { ", as it is by default" };
                        let words = format!("with `enable.idempotence: true`{by_default}, `{name}` must be {right}");
                        self.report(self.client.get(name), switch, ConflictKind::Forbidden { words, help });
                    }
                }
            }
            (Some((false, _)), Some((true, Some(gapless)))) => {
                let words = "`enable.gapless.guarantee: true` needs `enable.idempotence: true`".to_owned();
                let help = "write `enable.idempotence: true` beside it, or take it out";
                self.report(Some(gapless), None, ConflictKind::Forbidden { words, help });
            }
            _ => {}
        }
    }

    fn any_client(&mut self) {
        let first = self.written_number("reconnect.backoff.ms");
        // Where only the first is written, a consumer's longest wait is as long (`engine::config`).
        let longest = self.number("reconnect.backoff.max.ms", 10_000.0);
        if let (Some(first), Some(longest)) = (first.or_else(|| self.number("reconnect.backoff.ms", 100.0)), longest)
            && first.value > longest.value
        {
            let words = format!(
                "{} is longer than the longest wait, {}",
                shown("reconnect.backoff.ms", &first),
                shown("reconnect.backoff.max.ms", &longest)
            );
            let help = "lower `reconnect.backoff.ms`, or raise `reconnect.backoff.max.ms`";
            self.report(first.written, longest.written, ConflictKind::Order { words, help });
        }
        self.needs("ssl.keystore.location", &["ssl.keystore.password"]);
        let value = |name: &str| self.client.get(name).and_then(|written| written.value.as_deref());
        let has_sasl =
            value("security.protocol").is_some_and(|protocol| protocol.to_ascii_lowercase().starts_with("sasl_"));
        let has_password = |mechanism: &str| mechanism == "PLAIN" || mechanism.starts_with("SCRAM-SHA-");
        if has_sasl && value("sasl.mechanism").is_some_and(has_password) {
            self.needs("sasl.mechanism", &["sasl.username", "sasl.password"]);
        }
    }

    fn needs(&mut self, name: &str, others: &[&'static str]) {
        let Some(property) = self.certain(name) else { return };
        for needs in others.iter().filter(|other| !self.client.contains_key(**other)) {
            let (property, kind) = (property.clone(), ConflictKind::Missing { needs });
            self.found.push(Conflict { property, other: None, kind });
        }
    }

    /// Reports two numbers that are not as they must be, if one of them is written.
    fn order(
        &mut self,
        (name, default): (&str, f64),
        (other_name, other_default): (&str, f64),
        fits: fn(f64, f64) -> bool,
        is: &str,
        help: &'static str,
    ) {
        let (Some(number), Some(other)) = (self.number(name, default), self.number(other_name, other_default)) else {
            return;
        };
        if !fits(number.value, other.value) {
            let words = format!("{} is {is} {}", shown(name, &number), shown(other_name, &other));
            self.report(number.written, other.written, ConflictKind::Order { words, help });
        }
    }

    /// Reports the first that is written.
    fn report(&mut self, first: Option<&Written<P>>, second: Option<&Written<P>>, kind: ConflictKind) {
        let mut written = [first, second].into_iter().flatten().cloned();
        if let Some(property) = written.next() {
            self.found.push(Conflict { property, other: written.next(), kind });
        }
    }

    fn certain(&self, name: &str) -> Option<&'c Written<P>> {
        self.client.get(name).filter(|written| written.is_certain)
    }

    /// A number that is written, if it is known.
    fn written_number(&self, name: &str) -> Option<Number<'c, P>> {
        self.number(name, 0.0).filter(|number| number.written.is_some())
    }

    /// A number as it holds, if it is known.
    fn number(&self, name: &str, default: f64) -> Option<Number<'c, P>> {
        let written = self.client.get(name);
        let value = match written {
            None => default,
            // Other forms, octal and hexadecimal, are librdkafka's to read.
            Some(written) => written.value.as_deref()?.trim().parse().ok().filter(|number: &f64| number.is_finite())?,
        };
        Some(Number { value, written })
    }
}

impl<P> Conflict<P> {
    /// What is wrong, in words that fit behind a place.
    #[must_use]
    pub fn words(&self) -> String {
        let name = &self.property.name;
        match &self.kind {
            ConflictKind::LeftToBroker(_) => format!("with `protocol: consumer`, `{name}` is the broker's to say"),
            ConflictKind::Order { words, .. } | ConflictKind::Forbidden { words, .. } => words.clone(),
            ConflictKind::Missing { needs } => format!("`{name}` needs `{needs}`, which is not there"),
        }
    }

    /// What to write instead. `is_shared`: it stands where all groups have it from; `classic`: the groups that can have it.
    #[must_use]
    pub fn help(&self, is_shared: bool, classic: &[&str]) -> String {
        let name = &self.property.name;
        match &self.kind {
            ConflictKind::LeftToBroker(setting) => {
                let instead = match setting {
                    Some(BrokerSetting { of_broker, of_group }) => {
                        format!("; what holds is the broker's `{of_broker}`, or the group's own `{of_group}` in Kafka")
                    }
                    None => String::new(),
                };
                match classic {
                    [first, ..] if is_shared => {
                        let value = self.property.value.as_deref().unwrap_or("…");
                        format!(
                            "write it at the groups with the classic protocol, such as `groups: {{ {first}: {{ kafka: {{ {name}: \
                             {value} }} }} }}`{instead}"
                        )
                    }
                    _ => format!("take it out{instead}"),
                }
            }
            ConflictKind::Order { help, .. } | ConflictKind::Forbidden { help, .. } => (*help).to_owned(),
            ConflictKind::Missing { needs } => format!("write `{needs}` beside it"),
        }
    }
}

/// A number in words: `session.timeout.ms` (400000), or (45000 by default).
fn shown<P>(name: &str, number: &Number<'_, P>) -> String {
    let by_default = if number.written.is_some() { "" } else { " by default" };
    let name = number.written.map_or(name, |written| &written.name);
    format!("`{name}` ({}{by_default})", number.value)
}

/// librdkafka's words for yes and no.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
