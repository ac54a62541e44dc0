//! Properties of librdkafka that take one of a few words, for "did you mean".
//!
//! <https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md>

use karafka::settings::one_spelling;

use super::keys::nearest;

/// The words of each property, by [`one_spelling`].
const VALUES: [(&str, &[&str]); 9] = [
    ("broker.address.family", &["any", "v4", "v6"]),
    ("client.dns.lookup", &["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
    ("compression.codec", &["none", "gzip", "snappy", "lz4", "zstd"]),
    ("isolation.level", &["read_uncommitted", "read_committed"]),
    ("metadata.recovery.strategy", &["none", "rebootstrap"]),
    ("queuing.strategy", &["fifo", "lifo"]),
    // It knows `SCRAM-SHA-1`, too, and Kafka does not.
    ("sasl.mechanisms", &["GSSAPI", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]),
    ("security.protocol", &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
    ("ssl.endpoint.identification.algorithm", &["none", "https"]),
];

/// The words that a property takes; `None`: others, too.
pub(super) fn of(name: &str) -> Option<&'static [&'static str]> {
    let name = one_spelling(name);
    VALUES.iter().find(|(property, _)| one_spelling(property) == name).map(|(_, values)| *values)
}

/// The one of `values` that was meant: another case, `-` for `_`, or a slip of the finger.
pub(super) fn meant(value: &str, values: &'static [&'static str]) -> Option<&'static str> {
    nearest(value.trim(), values.iter().copied())
}

#[cfg(test)]
mod tests {
    use karafka::settings::{OptionError, check_option};

    use super::*;

    /// If this fails, a person is told to write what librdkafka refuses, or refused what it takes.
    #[test]
    fn each_value_is_one_that_librdkafka_takes() {
        for (name, values) in VALUES {
            assert_eq!(of(name), Some(values), "{name}");
            for value in values {
                let verdict = check_option(name, value);
                assert!(
                    matches!(verdict, Ok(()) | Err(OptionError::NotCompiledIn { .. })),
                    "{name}: {value}: {verdict:?}"
                );
            }
            assert!(check_option(name, "nonesuch").is_err(), "{name} takes any text");
        }
        assert_eq!(of("sasl.mechanism"), of("sasl.mechanisms"));
        assert_eq!(of("compression.type"), of("compression.codec"));
        assert_eq!(of("client.id"), None);
        let old = check_option("sasl.mechanism", "SCRAM-SHA-1");
        assert!(matches!(old, Ok(()) | Err(OptionError::NotCompiledIn { .. })), "{old:?}");
    }

    /// If this fails, who misspells a value is left to look it up.
    #[test]
    fn what_was_meant_is_found() {
        for (name, value, wanted) in [
            ("sasl.mechanism", "SCRAM-SHA512", Some("SCRAM-SHA-512")),
            ("sasl.mechanisms", "scram-sha-256", Some("SCRAM-SHA-256")),
            ("sasl.mechanism", "SCRAM_SHA_512", Some("SCRAM-SHA-512")),
            ("sasl.mechanism", "PLAN", Some("PLAIN")),
            ("sasl.mechanism", "plain", Some("PLAIN")),
            ("sasl.mechanism", "KERBEROS", None),
            ("security.protocol", "sasl-ssl", Some("sasl_ssl")),
            ("security.protocol", "SASL_SLL", Some("sasl_ssl")),
            ("security.protocol", "tls", None),
            ("compression.type", "gzipp", Some("gzip")),
            ("isolation.level", "read_comitted", Some("read_committed")),
        ] {
            assert_eq!(meant(value, of(name).unwrap()), wanted, "{name}: {value}");
        }
    }
}
