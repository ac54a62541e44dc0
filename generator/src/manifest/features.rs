//! What needs a feature of the runtime: properties of librdkafka, and Redis over TLS.

use karafka::settings::{Redis, feature_help, needed_feature, one_spelling};

use super::{
    types::Manifest,
    values::{self, literal},
};
use crate::diagnostic::{Diagnostic, codes, quote};

/// A warning for each property that needs a cargo feature of `karafka`, with the feature, whatever this command was
/// built with. An app that has the feature by its Cargo.toml is right.
#[must_use]
pub fn missing_features(manifest: &Manifest) -> Vec<(&'static str, Diagnostic)> {
    let kafkas = manifest.environments.iter().map(|environment| &environment.kafka).chain([&manifest.kafka]);
    let sections = kafkas.flat_map(|kafka| [&kafka.options, &kafka.consumer, &kafka.producer]);
    let options = sections.chain(manifest.groups.iter().map(|group| &group.kafka)).flatten();
    let mut missing: Vec<_> = options
        .filter_map(|(name, text)| {
            let value = values::without_variables(&text.value);
            let feature = needed_feature(&name.value, &value)?;
            let message = format!("{} needs the feature `{feature}` of karafka", quote(&name.value));
            let warning = Diagnostic::warning(codes::MISSING_FEATURE, name.span, message);
            Some((feature, warning.help(feature_help(feature))))
        })
        .collect();
    missing.extend(by_default(manifest));
    missing.extend(over_tls(manifest));
    missing.sort_by_key(|(_, diagnostic)| diagnostic.span);
    missing.dedup();
    missing
}

/// Where SASL is asked for and nothing says by which mechanism: librdkafka's own is GSSAPI.
fn by_default(manifest: &Manifest) -> Option<(&'static str, Diagnostic)> {
    let kafkas = || manifest.environments.iter().map(|environment| &environment.kafka).chain([&manifest.kafka]);
    let sections = || kafkas().flat_map(|kafka| [&kafka.options, &kafka.consumer, &kafka.producer]);
    let options = || sections().chain(manifest.groups.iter().map(|group| &group.kafka)).flatten();
    if options().any(|(name, _)| one_spelling(&name.value) == "sasl.mechanism") {
        return None;
    }
    let is_sasl = |text: &str| literal(text).is_some_and(|text| text.to_ascii_lowercase().starts_with("sasl_"));
    let (name, _) = options().find(|(name, text)| name.value == "security.protocol" && is_sasl(&text.value))?;
    let message = "without `sasl.mechanism` it is GSSAPI, which needs the feature `gssapi` of karafka";
    let help = "write the mechanism, such as `sasl.mechanism: SCRAM-SHA-512`, or add `features = [\"gssapi\"]` to `karafka` in \
                Cargo.toml";
    Some(("gssapi", Diagnostic::warning(codes::MISSING_FEATURE, name.span, message).help(help)))
}

/// Redis over TLS.
fn over_tls(manifest: &Manifest) -> Option<(&'static str, Diagnostic)> {
    let url = manifest.redis.url.as_ref()?;
    let known = values::without_variables(&url.value);
    Redis::at(known.trim()).is_over_tls().then(|| {
        let message = "Redis over TLS needs the feature `ssl` of karafka";
        ("ssl", Diagnostic::warning(codes::MISSING_FEATURE, url.span, message).help(feature_help("ssl")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{manifest::read, source::Source};

    /// If this fails, an app that cannot start for want of a feature is called right, or one is shown as wrong that
    /// is not.
    #[test]
    fn properties_that_need_a_feature_name_it() {
        let source = Source::new(
            "karafka.yml",
            "app: a\nkafka:\n  options: { fetch.min.bytes: 1, security.protocol: \"${P:-plaintext}\" }\nenvironments:\n  \
             production: { kafka: { consumer: { sasl.mechanism: GSSAPI }, producer: { compression.type: zstd } } }\n",
        );
        let (manifest, diagnostics) = read(&source);
        assert_eq!(diagnostics, []);
        let found = missing_features(&manifest.unwrap_or_default());
        let features: Vec<_> = found.iter().map(|(feature, _)| *feature).collect();
        assert_eq!(features, ["gssapi", "zstd"]);
        assert!(found.iter().all(|(_, warning)| source.position(warning.span.start).0 == 5), "{found:?}");
    }

    /// If this fails, warnings jump about in the file, or one that an alias repeats is shown for each place.
    #[test]
    fn warnings_come_once_and_in_file_order() {
        let source = Source::new(
            "karafka.yml",
            "app: a\nkafka:\n  consumer: { sasl.mechanism: GSSAPI }\n  producer: &p { compression.type: zstd }\nenvironments:\n  \
             production: { kafka: { producer: *p } }\n",
        );
        let (manifest, diagnostics) = read(&source);
        assert_eq!(diagnostics, []);
        let found = missing_features(&manifest.unwrap_or_default());
        let features: Vec<_> = found.iter().map(|(feature, _)| *feature).collect();
        assert_eq!(features, ["gssapi", "zstd"]);
    }

    /// If this fails, an app that cannot reach its Redis for want of a feature is called right.
    #[test]
    fn redis_over_tls_needs_tls() {
        let features = |url: &str| {
            let source = Source::new("karafka.yml", format!("app: a\nredis: {{ url: \"{url}\" }}\n"));
            let (manifest, diagnostics) = read(&source);
            assert_eq!(diagnostics, [], "{url}");
            let found = missing_features(&manifest.unwrap_or_default());
            found.into_iter().map(|(feature, _)| feature).collect::<Vec<_>>()
        };
        for url in
            ["rediss://redis", "rediss+sentinel://redis/jobs", "rediss://${HOST}", "${REDIS_URL:-rediss://redis}"]
        {
            assert_eq!(features(url), ["ssl"], "{url}");
        }
        for url in ["redis://redis", "${REDIS_URL}", "unix:///run/redis.sock"] {
            assert_eq!(features(url), [""; 0], "{url}");
        }
    }

    /// If this fails, `security.protocol: sasl_ssl` alone is called right, and the app asks for a feature when it starts.
    #[test]
    fn a_mechanism_that_nobody_names_is_gssapi() {
        let features = |kafka: &str| {
            let source = Source::new("karafka.yml", format!("app: a\n{kafka}"));
            let (manifest, diagnostics) = read(&source);
            assert_eq!(diagnostics, [], "{kafka}");
            let found = missing_features(&manifest.unwrap_or_default());
            found.iter().filter(|(_, warning)| warning.message.contains("GSSAPI, which")).count()
        };
        assert_eq!(features("kafka: { options: { security.protocol: sasl_plaintext } }\n"), 1);
        for kafka in [
            "kafka: { options: { security.protocol: \"${P:-sasl_ssl}\" } }\n",
            "kafka: { options: { security.protocol: sasl_plaintext, sasl.mechanisms: PLAIN, sasl.username: a, sasl.password: \"${P}\" } }\n",
            "kafka: { options: { security.protocol: sasl_plaintext } }\ngroups: { g: { kafka: { sasl.mechanism: \"${M}\" } } }\n",
            "kafka: { options: { security.protocol: plaintext } }\n",
        ] {
            assert_eq!(features(kafka), 0, "{kafka}");
        }
    }
}
