//! Properties of librdkafka that pass through the manifest: which ones may not, which ones exist, which ones are secret.

use rdkafka::{ClientConfig, error::KafkaError, types::RDKafkaConfRes};

use super::{
    REDACTED,
    properties::{is_number, listed, one_spelling},
    shown,
};

/// Properties that would break the engine's promise, or that the manifest has a key of its own for, each with what to
/// do instead.
const REFUSED: [(&str, &str); 21] = [
    ("acks", ALL_REPLICAS),
    ("auto.commit.enable", ENGINE_COMMITS),
    ("auto.commit.interval.ms", ENGINE_COMMITS),
    ("auto.offset.reset", "write `start` at the topic, or under `defaults`"),
    ("bootstrap.servers", "write `kafka.brokers`, or set KARAFKA_BROKERS"),
    ("delivery.report.only.error", "leave it out: whoever sends a record waits for its report, as that Kafka has it"),
    ("enable.auto.commit", ENGINE_COMMITS),
    ("enable.auto.offset.store", ENGINE_COMMITS),
    ("enable.partition.eof", "leave it out: the engine sets it"),
    (
        "group.id",
        "write `group` at the topic, or under `defaults`; the id in Kafka is `id` at the group, under `groups`, where it differs",
    ),
    ("group.instance.id", "write `instance_id` at the group, under `groups`"),
    ("group.protocol", "write `protocol` at the group, under `groups`"),
    ("log.queue", OWN_LOG),
    ("log_level", OWN_LOG),
    ("metadata.broker.list", "write `kafka.brokers`, or set KARAFKA_BROKERS"),
    ("offset.store.method", ENGINE_COMMITS),
    ("partition.assignment.strategy", "write `assignor` at the group, under `groups`"),
    (LOADS_CODE, "leave it out: an app's code is its crate's, and a manifest loads none"),
    ("request.required.acks", ALL_REPLICAS),
    (
        "test.mock.num.brokers",
        "leave it out: a broker inside of the client would stand in the place of Kafka; `karafka broker` runs one beside the app",
    ),
    ("transactional.id", "leave it out: nothing is sent in transactions"),
];

/// librdkafka loads, and runs, what this names as soon as it is set: also where a property is only looked at.
const LOADS_CODE: &str = "plugin.library.paths";

/// What may stand there all the same: it says what the engine does anyway.
const HARMLESS: [(&str, &[&str]); 5] = [
    ("acks", &["all", "-1"]),
    ("delivery.report.only.error", &["false"]),
    ("enable.auto.commit", &["false"]),
    ("enable.auto.offset.store", &["false"]),
    ("request.required.acks", &["all", "-1"]),
];

const ALL_REPLICAS: &str = "leave it out: what an app sends counts as sent when all replicas in sync have it";

const OWN_LOG: &str =
    "set KARAFKA_LOG where the app runs, such as `info,librdkafka=debug`: the client's log goes into the app's";

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
/// `enable.auto.offset.store: false`, `delivery.report.only.error: false` and `acks: all`.
#[must_use]
pub fn refused(name: &str, value: &str) -> Option<&'static str> {
    let harmless = HARMLESS.iter().any(|(lenient, values)| *lenient == name && values.contains(&value.trim()));
    if harmless { None } else { refused_option(name) }
}

/// As [`refused`], for what is said of some of an app's clients: under `kafka.consumer`, `kafka.producer` or `kafka` of a group.
#[must_use]
pub fn refused_of_some(name: &str, value: &str) -> Option<&'static str> {
    if name == "client.id" {
        return Some("write it under `kafka.options`: all clients of an app go by one");
    }
    refused(name, value)
}

/// Why a program may not say a property, by its [`one_spelling`], of a producer that it makes by hand: what to do instead. It may
/// choose its acknowledgements, and whose code it loads.
pub(crate) fn refused_by_hand(name: &str, value: &str) -> Option<&'static str> {
    match name {
        "acks" | LOADS_CODE => None,
        "bootstrap.servers" => Some("call `brokers` of the builder"),
        "client.id" => Some("call `client_id` of the builder"),
        _ => refused(name, value),
    }
}

/// The properties that are refused whatever their value, in alphabetical order.
pub fn refused_options() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().map(|(name, _)| *name).filter(|name| HARMLESS.iter().all(|(lenient, _)| lenient != name))
}

/// What librdkafka has against a property.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
    /// It is a number, and something stands behind it.
    #[error("`{name}` is a number without a unit, and librdkafka would ignore what stands behind it")]
    Unit {
        /// The property.
        name: String,
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
    if name == LOADS_CODE {
        return Err(OptionError::Invalid { name: owned(), reason: "it loads code".to_owned() });
    }
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) if is_number(name) && has_unit(value) => Err(OptionError::Unit { name: owned() }),
        Ok(_) => match (no_mechanism(name, value), missing_mechanism(name, value)) {
            (Some(reason), _) => Err(OptionError::Invalid { name: owned(), reason }),
            (None, Some(feature)) => Err(OptionError::NotCompiledIn { name: owned(), feature }),
            (None, None) => Ok(()),
        },
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(OptionError::Unknown { name: owned() })
        }
        Err(KafkaError::ClientConfig(_, reason, ..)) => Err(match feature_named_in(&reason) {
            Some(feature) => OptionError::NotCompiledIn { name: owned(), feature },
            None => OptionError::Invalid { name: owned(), reason: without(reason, name, value) },
        }),
        Err(error) => Err(OptionError::Invalid { name: owned(), reason: without(error.to_string(), name, value) }),
    }
}

/// Whether something stands behind a number: librdkafka reads `10s` as 10, be that milliseconds.
fn has_unit(value: &str) -> bool {
    let value = value.trim();
    let is_number = value.parse::<f64>().is_ok() || value.to_ascii_lowercase().starts_with("0x");
    !is_number && value.trim_start_matches(['-', '+']).starts_with(|first: char| first.is_ascii_digit())
}

/// librdkafka's words for what it has against a value: some repeat it.
fn without(reason: String, name: &str, value: &str) -> String {
    let is_shown = value.is_empty() || shown(name, value) == value;
    if is_shown { reason } else { reason.replace(value, REDACTED) }
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
    let mut names = crate::native::property_names();
    // What is not set, such as a password, is in the table alone.
    names.extend(listed().chain(UNLISTED).map(str::to_owned));
    names.sort_unstable();
    names.dedup();
    names
}

/// The property that was probably meant.
pub(super) fn nearest_option(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let names = option_names();
    let far = |known: &String| strsim::osa_distance(&name, known);
    // What librdkafka takes by calls alone, as `ssl_ca`, nobody can write.
    let nearest = names.iter().filter(|known| !known.contains('_')).min_by_key(|known| far(known))?;
    // A slip in each word, or two; more is another word.
    (far(nearest) <= (name.len() / 5).clamp(1, 3)).then(|| nearest.clone())
}

/// The mechanisms of SASL that librdkafka has, as it spells them.
const MECHANISMS: [&str; 6] = ["GSSAPI", "OAUTHBEARER", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// What is wrong with a mechanism: librdkafka takes any text for one, and makes no client then.
fn no_mechanism(name: &str, value: &str) -> Option<String> {
    if one_spelling(name) != "sasl.mechanism" || MECHANISMS.contains(&value) {
        return None;
    }
    // With other signs in between, or none, in other letters, or with a slip.
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
    };
    let far = |known: &&str| strsim::osa_distance(&plain(value), &plain(known));
    let nearest = MECHANISMS.iter().min_by_key(|known| far(known)).filter(|known| far(known) <= 2);
    let meant = nearest.map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
    Some(format!("it is no mechanism: {meant}There are {}", MECHANISMS.join(", ")))
}

/// The cargo features of `karafka` that are on unless an app says `default-features = false`.
pub const DEFAULT_FEATURES: [&str; 5] = ["consumer", "producer", "jobs", "ssl", "zstd"];

/// The cargo feature of `karafka` that a property with this value needs, whatever this binary was compiled with.
#[must_use]
pub fn needed_feature(name: &str, value: &str) -> Option<&'static str> {
    let value = value.trim().to_ascii_lowercase();
    match name {
        "security.protocol" => matches!(&*value, "ssl" | "sasl_ssl").then_some("ssl"),
        "compression.codec" | "compression.type" => (value == "zstd").then_some("zstd"),
        "sasl.mechanism" | "sasl.mechanisms" => mechanism(&value).and_then(brought_by),
        "builtin.features" => value.split(',').find_map(|part| brought_by(part.trim())),
        "enable.sasl.oauthbearer.unsecure.jwt" | "enable.ssl.certificate.verification" | "sasl.oauthbearer.config" => {
            Some("ssl")
        }
        // `ssl_ca` and its kin are taken by calls alone, which need it as well.
        name => (name.starts_with("ssl.") || name.starts_with("ssl_")).then_some("ssl"),
    }
}

/// What to do where a cargo feature of `karafka` is missing.
#[must_use]
pub fn feature_help(feature: &str) -> String {
    let off = if DEFAULT_FEATURES.contains(&feature) { ", where `default-features = false` leaves it out" } else { "" };
    format!("add `features = [\"{feature}\"]` to `karafka` in Cargo.toml{off}")
}

/// The cargo feature that brings what librdkafka misses, from its words such as `OpenSSL not available at build time`.
fn feature_named_in(reason: &str) -> Option<&'static str> {
    // No feature brings libcurl, so naming one would send people round in circles.
    if !reason.contains(" at build time") || reason.contains("libcurl") {
        return None;
    }
    [("OpenSSL", "ssl"), ("zstd", "zstd"), ("GSSAPI", "gssapi"), ("sasl", "gssapi")]
        .iter()
        .find(|(word, _)| reason.contains(word))
        .map(|(_, feature)| *feature)
}

/// librdkafka takes any text as a mechanism, and fails when the client is made.
fn missing_mechanism(name: &str, value: &str) -> Option<&'static str> {
    if !matches!(name, "sasl.mechanism" | "sasl.mechanisms") {
        return None;
    }
    let part = mechanism(value)?;
    if compiled_in().iter().any(|known| known == part) { None } else { brought_by(part) }
}

/// The part of librdkafka that a mechanism needs.
fn mechanism(value: &str) -> Option<&'static str> {
    match value.to_ascii_uppercase().as_str() {
        "GSSAPI" => Some("sasl_gssapi"),
        "OAUTHBEARER" => Some("sasl_oauthbearer"),
        mechanism if mechanism.starts_with("SCRAM-") => Some("sasl_scram"),
        _ => None,
    }
}

/// The cargo feature that brings a part of librdkafka, as `builtin.features` names it.
fn brought_by(part: &str) -> Option<&'static str> {
    match part {
        "ssl" | "sasl_scram" | "sasl_oauthbearer" => Some("ssl"),
        "sasl_gssapi" => Some("gssapi"),
        "zstd" => Some("zstd"),
        _ => None,
    }
}

/// The parts that librdkafka was compiled with, such as `ssl` or `sasl_scram`.
#[must_use]
pub fn compiled_in() -> Vec<String> {
    let parts = ClientConfig::new().create_native_config().and_then(|config| config.get("builtin.features"));
    parts.unwrap_or_default().split(',').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an error repeats a password, or hides what is wrong.
    #[test]
    fn librdkafkas_words_repeat_no_secret() {
        let words = |name, value| without("no such value: x1".to_owned(), name, value);
        assert_eq!(words("sasl.password", "x1"), "no such value: (redacted)");
        for (name, value) in [("client.id", "x1"), ("sasl.password", "")] {
            assert_eq!(words(name, value), "no such value: x1");
        }
    }

    /// If this fails, a manifest can switch off the bookkeeping that keeps records from being lost.
    #[test]
    fn refuses_what_belongs_to_the_engine() {
        for name in ["enable.auto.commit", "group.id", "auto.offset.reset", "bootstrap.servers", "Group.Protocol"] {
            assert!(refused(name, "x").is_some(), "{name}");
        }
        assert_eq!(refused("enable.auto.offset.store", "false"), None);
        assert!(refused("enable.auto.offset.store", "true").is_some());
        assert_eq!(refused("fetch.min.bytes", "1"), None);
        // What is harmless of one property is not of another.
        assert!(refused("enable.auto.commit", "all").is_some() && refused("acks", "false").is_some());
        assert!(refused("group.id", "all").is_some() && refused("group.id", "false").is_some());
        for acks in ["0", "1"] {
            assert!(refused("acks", acks).is_some() && refused("request.required.acks", acks).is_some());
        }
        assert_eq!((refused("acks", "all"), refused("acks", "-1")), (None, None));
        assert_eq!(refused("delivery.report.only.error", "false"), None);
        assert!(refused("client.id", "x").is_none() && refused_of_some("client.id", "x").is_some());
        for (name, value) in [
            ("delivery.report.only.error", "true"),
            ("log.queue", "false"),
            ("log_level", "7"),
            ("test.mock.num.brokers", "1"),
            ("transactional.id", "x"),
        ] {
            for refused in [refused, refused_of_some, refused_by_hand] {
                assert!(refused(name, value).is_some(), "{name}");
            }
        }
        assert_eq!(refused_by_hand("acks", "1"), None);
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

    /// If this fails, looking at a manifest that somebody else has written runs their code.
    #[test]
    fn no_library_is_loaded() {
        assert!(refused(LOADS_CODE, "./evil.so").is_some());
        for value in ["", "/nowhere/evil", "/nowhere/evil;/nowhere/more"] {
            // In librdkafka's words it would be the loader's complaint.
            let reason = "it loads code".to_owned();
            let name = LOADS_CODE.to_owned();
            assert_eq!(check_option(LOADS_CODE, value), Err(OptionError::Invalid { name, reason }), "{value}");
        }
    }

    /// If this fails, a typo in an option is found by a client that behaves otherwise than its owner thinks.
    #[test]
    fn asks_librdkafka() {
        assert!(knows_option("fetch.min.bytes") && knows_option("ssl.ca.location") && !knows_option("fetch.min.byte"));
        assert_eq!(check_option("fetch.min.bytes", "1"), Ok(()));
        let names = option_names();
        for name in ["fetch.min.bytes", "ssl.ca.location", "auto.offset.reset", "compression.type", "sasl.username"] {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        assert!(names.is_sorted_by(|one, next| one < next), "for a person to read");
        assert!(names.len() > 100 && names.iter().all(|name| knows_option(name)));
        assert_eq!(check_option("fetch.min.byte", "1"), Err(OptionError::Unknown { name: "fetch.min.byte".into() }));
        assert!(matches!(check_option("fetch.min.bytes", "x"), Err(OptionError::Invalid { .. })));
        assert!(matches!(check_option("fetch.min\0", "x"), Err(OptionError::Invalid { .. })));
    }

    /// If this fails, `session.timeout.ms: 10s` is ten milliseconds.
    #[test]
    fn a_number_has_no_unit() {
        for (name, value) in
            [("session.timeout.ms", "10s"), ("fetch.max.bytes", "1MiB"), ("linger.ms", "5ms"), ("acks", "1x")]
        {
            assert!(matches!(check_option(name, value), Err(OptionError::Unit { .. })), "{name}: {value}");
        }
        for (name, value) in [
            ("session.timeout.ms", "10000"),
            ("linger.ms", "0.5"),
            ("acks", "all"),
            ("topic.metadata.refresh.interval.ms", "-1"),
            ("client.id", "3rd"),
            ("group.instance.id", "10s"),
        ] {
            assert_eq!(check_option(name, value), Ok(()), "{name}: {value}");
        }
    }

    /// If this fails, an app with a misspelt mechanism passes `check` and `info`, and ends when it makes its client; or one that
    /// librdkafka has is refused.
    #[test]
    fn a_mechanism_is_one_that_librdkafka_has() {
        for name in ["sasl.mechanism", "sasl.mechanisms"] {
            for (value, meant) in [
                ("SCRAM-SHA512", Some("SCRAM-SHA-512")),
                ("scram-sha-256", Some("SCRAM-SHA-256")),
                ("SCRAM_SHA_512", Some("SCRAM-SHA-512")),
                ("plain", Some("PLAIN")),
                (" PLAIN", Some("PLAIN")),
                ("OAUTHBEARR", Some("OAUTHBEARER")),
                ("GSSAPI,PLAIN", None),
                ("LDAP", None),
            ] {
                let Err(OptionError::Invalid { reason, .. }) = check_option(name, value) else {
                    panic!("`{value}` is taken")
                };
                let says = meant.map(|meant| format!("did you mean `{meant}`?"));
                assert!(says.is_none_or(|says| reason.contains(&says)), "{value}: {reason}");
                assert_eq!(reason.contains("did you mean"), meant.is_some(), "{value}: {reason}");
                // As librdkafka has it.
                let client: Result<rdkafka::producer::BaseProducer, _> =
                    ClientConfig::new().set("security.protocol", "sasl_plaintext").set(name, value).create();
                assert!(client.is_err(), "`{value}` is one");
            }
            for value in MECHANISMS {
                assert!(!matches!(check_option(name, value), Err(OptionError::Invalid { .. })), "{value}");
            }
        }
    }

    /// If this fails, a person who has misspelt a property looks for it in a list of two hundred.
    #[test]
    fn a_property_that_is_nearly_right_is_named() {
        for (name, meant) in [
            ("sasl.mechansim", Some("sasl.mechanism")),
            ("sasl.usernam", Some("sasl.username")),
            ("sasl.pasword", Some("sasl.password")),
            ("security.protcol", Some("security.protocol")),
            ("ssl.ca.locaton", Some("ssl.ca.location")),
            ("Fetch.Min.Byte", Some("fetch.min.bytes")),
            ("max.partitions.fetch.byte", Some("max.partition.fetch.bytes")),
            ("interceptor.classes", None),
            ("key.deserializer", None),
            ("x", None),
        ] {
            assert_eq!(nearest_option(name).as_deref(), meant, "{name}");
        }
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
        // What `karafka check` says without being built so is what librdkafka says that was.
        for name in option_names() {
            for value in ["ssl", "zstd", "sasl_scram", "sasl_oauthbearer", "sasl_gssapi", "1", "true"] {
                let Err(OptionError::NotCompiledIn { feature, .. }) = check_option(&name, value) else { continue };
                assert_eq!(needed_feature(&name, value), Some(feature), "{name}: {value}");
            }
        }
    }

    /// If this fails, an app without TLS or zstd is called right by `karafka check`, and ends when it starts.
    #[test]
    fn properties_name_the_feature_that_they_need() {
        for (name, value, feature) in [
            ("security.protocol", "SASL_SSL", Some("ssl")),
            ("security.protocol", "sasl_plaintext", None),
            ("ssl.key.password", "x", Some("ssl")),
            ("enable.ssl.certificate.verification", "false", Some("ssl")),
            ("sasl.mechanism", "scram-sha-256", Some("ssl")),
            ("sasl.mechanism", "PLAIN", None),
            ("sasl.mechanisms", "gssapi", Some("gssapi")),
            ("compression.type", "zstd", Some("zstd")),
            ("compression.codec", "lz4", None),
            ("builtin.features", "snappy, sasl_scram", Some("ssl")),
            ("builtin.features", "gzip,zstd,ssl", Some("zstd")),
            ("builtin.features", "lz4", None),
            ("fetch.min.bytes", "1", None),
        ] {
            assert_eq!(needed_feature(name, value), feature, "{name}: {value}");
        }
        assert!(feature_help("ssl").contains("default-features = false"));
        assert!(!feature_help("gssapi").contains("default-features"));
    }

    /// If this fails, a build without TLS or zstd calls a property of theirs wrong instead of naming the feature, or names
    /// one for OIDC that does not bring it.
    #[test]
    fn librdkafkas_words_name_the_feature() {
        for (reason, feature) in [
            ("OpenSSL not available at build time", Some("ssl")),
            ("OpenSSL >= 1.1.x not available at build time", Some("ssl")),
            ("libzstd not available at build time", Some("zstd")),
            ("cyrus-sasl/libsasl2 not available at build time", Some("gssapi")),
            ("OAuth/OIDC depends on libcurl and OpenSSL which were not available at build time", None),
            ("Invalid value for configuration property \"ssl.ca.location\"", None),
        ] {
            assert_eq!(feature_named_in(reason), feature, "{reason}");
        }
        let oidc = check_option("sasl.oauthbearer.method", "oidc");
        assert!(matches!(oidc, Err(OptionError::Invalid { .. })), "{oidc:?}");
    }

    /// If this fails, an app cannot reach a cluster that asks for TLS, or send with zstd, although nobody has left them out.
    #[test]
    #[cfg(all(feature = "ssl", feature = "zstd"))]
    fn tls_and_zstd_are_compiled_in() {
        let parts = compiled_in();
        for part in ["ssl", "sasl_scram", "sasl_oauthbearer", "zstd"] {
            assert!(parts.iter().any(|known| known == part), "{part} is not among {parts:?}");
        }
        assert_eq!(check_option("security.protocol", "sasl_ssl"), Ok(()));
        assert_eq!(check_option("compression.type", "zstd"), Ok(()));
    }
}
