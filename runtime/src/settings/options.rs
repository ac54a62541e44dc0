//! Properties of librdkafka that pass through the manifest: which ones may not, which ones exist, which ones are secret.

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

/// Properties that would break the engine's promise, or that the manifest has a key of its own for, each with what to
/// do instead.
const REFUSED: [(&str, &str); 16] = [
    ("acks", ALL_REPLICAS),
    ("auto.commit.enable", ENGINE_COMMITS),
    ("auto.commit.interval.ms", ENGINE_COMMITS),
    ("auto.offset.reset", "write `start` at the topic, or under `defaults`"),
    ("bootstrap.servers", "write `kafka.brokers`, or set KARAFKA_BROKERS"),
    ("enable.auto.commit", ENGINE_COMMITS),
    ("enable.auto.offset.store", ENGINE_COMMITS),
    ("enable.partition.eof", "leave it out: the engine sets it"),
    ("group.id", "write `group` at the topic, or under `defaults`"),
    ("group.instance.id", "write `instance_id` at the group, under `groups`"),
    ("group.protocol", "write `protocol` at the group, under `groups`"),
    ("metadata.broker.list", "write `kafka.brokers`, or set KARAFKA_BROKERS"),
    ("offset.store.method", ENGINE_COMMITS),
    ("partition.assignment.strategy", "write `assignor` at the group, under `groups`"),
    ("request.required.acks", ALL_REPLICAS),
    ("transactional.id", "leave it out: the engine sets it"),
];

/// What may stand there all the same: it says what the engine does anyway.
const HARMLESS: [(&str, &[&str]); 4] = [
    ("acks", &["all", "-1"]),
    ("enable.auto.commit", &["false"]),
    ("enable.auto.offset.store", &["false"]),
    ("request.required.acks", &["all", "-1"]),
];

const ALL_REPLICAS: &str = "leave it out: what an app sends counts as sent when all replicas in sync have it";

const ENGINE_COMMITS: &str = "leave it out: the engine commits what was handled, and nothing else";

/// Why a property may not stand under `kafka.options`, `kafka.consumer` or `kafka.producer`: what to do instead.
///
/// [`refused`] knows the values too.
#[must_use]
pub fn refused_option(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase();
    REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, instead)| *instead)
}

/// As [`refused_option`], but lets pass what says what the engine does anyway: `enable.auto.commit: false`,
/// `enable.auto.offset.store: false` and `acks: all`.
#[must_use]
pub fn refused(name: &str, value: &str) -> Option<&'static str> {
    let harmless = HARMLESS.iter().any(|(lenient, values)| *lenient == name && values.contains(&value.trim()));
    if harmless { None } else { refused_option(name) }
}

/// The properties that are refused whatever their value, in alphabetical order.
pub fn refused_options() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().map(|(name, _)| *name).filter(|name| HARMLESS.iter().all(|(lenient, _)| lenient != name))
}

/// What librdkafka has against a property.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// It does not know it.
    #[error("`{name}` is not a property of librdkafka")]
    Unknown {
        /// The property.
        name: String,
    },
    /// It needs a part that was left out when the app was compiled.
    #[error("`{name}` needs the feature `{feature}` of karafka, which is not compiled in")]
    NotCompiledIn {
        /// The property.
        name: String,
        /// The cargo feature of `karafka`.
        feature: &'static str,
    },
    /// It does not take the value.
    #[error("`{name}`: {reason}")]
    Invalid {
        /// The property.
        name: String,
        /// librdkafka's own words.
        reason: String,
    },
}

/// Asks librdkafka whether it takes a property with this value.
///
/// # Errors
///
/// What it has against it. A feature that is not compiled into *this* binary may well be compiled into the app:
/// `karafka check` lets [`OptionError::NotCompiledIn`] pass.
pub fn check_option(name: &str, value: &str) -> Result<(), OptionError> {
    let owned = || name.to_owned();
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => missing_mechanism(name, value)
            .map_or(Ok(()), |feature| Err(OptionError::NotCompiledIn { name: owned(), feature })),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(OptionError::Unknown { name: owned() })
        }
        Err(KafkaError::ClientConfig(_, reason, ..)) => Err(match feature_named_in(&reason) {
            Some(feature) => OptionError::NotCompiledIn { name: owned(), feature },
            None => OptionError::Invalid { name: owned(), reason },
        }),
        Err(error) => Err(OptionError::Invalid { name: owned(), reason: error.to_string() }),
    }
}

/// Whether librdkafka has a property of this name, whatever its value; for `karafka check`, which does not know what a
/// `${…}` will be.
#[must_use]
pub fn knows_option(name: &str) -> bool {
    !matches!(check_option(name, ""), Err(OptionError::Unknown { .. }))
}

/// What librdkafka does not list: names that it takes for others, and properties whose part may not be compiled in.
const UNLISTED: [&str; 13] = [
    "acks",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "max.in.flight",
    "max.partition.fetch.bytes",
    "retries",
    "sasl.mechanism",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.keystore.location",
];

/// The properties of librdkafka in alphabetical order, for "did you mean"; [`knows_option`] knows some more names.
#[must_use]
pub fn option_names() -> Vec<String> {
    let mut names = crate::client::native::property_names();
    names.extend(UNLISTED.map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}

/// The cargo feature that brings what librdkafka misses, from its words such as `OpenSSL not available at build time`.
fn feature_named_in(reason: &str) -> Option<&'static str> {
    if !reason.contains(" at build time") {
        return None;
    }
    [("OpenSSL", "ssl"), ("zstd", "zstd"), ("GSSAPI", "gssapi"), ("SASL", "gssapi")]
        .iter()
        .find(|(word, _)| reason.contains(word))
        .map(|(_, feature)| *feature)
}

/// librdkafka takes any text as a mechanism, and fails when the client is made.
fn missing_mechanism(name: &str, value: &str) -> Option<&'static str> {
    if !matches!(name, "sasl.mechanism" | "sasl.mechanisms") {
        return None;
    }
    let (part, feature) = match value.to_ascii_uppercase().as_str() {
        "GSSAPI" => ("sasl_gssapi", "gssapi"),
        "OAUTHBEARER" => ("sasl_oauthbearer", "ssl"),
        mechanism if mechanism.starts_with("SCRAM-") => ("sasl_scram", "ssl"),
        _ => return None,
    };
    (!compiled_in().iter().any(|known| known == part)).then_some(feature)
}

/// The parts that librdkafka was compiled with, such as `ssl` or `sasl_scram`.
#[must_use]
pub fn compiled_in() -> Vec<String> {
    let parts = ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
    parts.unwrap_or_default().split(',').map(str::to_owned).collect()
}

/// Whether a setting's value must not be shown: what looks like a password, a secret, a token or a key.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    const SIGNS: [&str; 9] =
        ["password", "passwd", "passphrase", "secret", "token", "credential", "private", ".pem", "jaas"];
    let key = key.to_ascii_lowercase();
    let names_a_place = key.ends_with(".location") || key.ends_with(".ms");
    let is_certificate = matches!(key.rsplit_once("ssl."), Some((_, "certificate.pem" | "ca.pem")));
    let is_token_config = key.ends_with("sasl.oauthbearer.config");
    is_token_config || (!names_a_place && !is_certificate && SIGNS.iter().any(|sign| key.contains(sign)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a manifest can switch off the bookkeeping that keeps records from being lost.
    #[test]
    fn refuses_what_belongs_to_the_engine() {
        for name in ["enable.auto.commit", "group.id", "auto.offset.reset", "bootstrap.servers", "Group.Protocol"] {
            assert!(refused(name, "x").is_some(), "{name}");
        }
        assert_eq!(refused("enable.auto.offset.store", "false"), None);
        assert!(refused("enable.auto.offset.store", "true").is_some());
        assert_eq!(refused("fetch.min.bytes", "1"), None);
        for acks in ["0", "1"] {
            assert!(refused("acks", acks).is_some() && refused("request.required.acks", acks).is_some());
        }
        assert_eq!((refused("acks", "all"), refused("acks", "-1")), (None, None));
    }

    /// If this fails, a refused name is misspelt here, and what it should stop goes through.
    #[test]
    fn every_refused_option_is_one_of_librdkafkas() {
        for (name, _) in REFUSED {
            assert_ne!(check_option(name, ""), Err(OptionError::Unknown { name: name.to_owned() }), "{name}");
            let lenient = HARMLESS.iter().any(|(lenient, _)| *lenient == name);
            assert_eq!(refused_options().any(|refused| refused == name), !lenient, "{name}");
        }
    }

    /// If this fails, a typo in an option is found by a client that behaves otherwise than its owner thinks.
    #[test]
    fn asks_librdkafka() {
        assert!(knows_option("fetch.min.bytes") && knows_option("ssl.ca.location") && !knows_option("fetch.min.byte"));
        assert_eq!(check_option("fetch.min.bytes", "1"), Ok(()));
        let names = option_names();
        for name in ["fetch.min.bytes", "ssl.ca.location", "auto.offset.reset", "compression.type"] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        assert!(names.len() > 100 && names.iter().all(|name| knows_option(name)));
        assert_eq!(check_option("fetch.min.byte", "1"), Err(OptionError::Unknown { name: "fetch.min.byte".into() }));
        assert!(matches!(check_option("fetch.min.bytes", "x"), Err(OptionError::Invalid { .. })));
        assert!(matches!(check_option("fetch.min\0", "x"), Err(OptionError::Invalid { .. })));
    }

    /// If this fails, a person who needs TLS is not told which word to add to Cargo.toml.
    #[test]
    #[cfg(not(any(feature = "ssl", feature = "gssapi")))]
    fn names_the_missing_feature() {
        for (name, value, feature) in [
            ("security.protocol", "ssl", "ssl"),
            ("ssl.ca.location", "/etc/ca.pem", "ssl"),
            ("sasl.mechanisms", "SCRAM-SHA-512", "ssl"),
            ("sasl.mechanism", "GSSAPI", "gssapi"),
        ] {
            let wanted = OptionError::NotCompiledIn { name: name.to_owned(), feature };
            assert_eq!(check_option(name, value), Err(wanted));
        }
        assert_eq!(check_option("sasl.mechanisms", "PLAIN"), Ok(()));
    }

    /// If this fails, `info` shows a password to whoever looks over a shoulder.
    #[test]
    fn knows_secrets() {
        for key in ["kafka.options.sasl.password", "kafka.options.ssl.key.pem", "x.client.secret", "sasl.jaas.config"] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["kafka.brokers", "kafka.options.ssl.key.location", "kafka.options.sasl.username", "concurrency"] {
            assert!(!is_secret(key), "{key}");
        }
    }
}
