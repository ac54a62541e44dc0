//! Properties of librdkafka that need a feature of the runtime.

use karafka::settings::{OptionError, check_option};

use super::{types::Manifest, values};
use crate::diagnostic::{Diagnostic, codes, quote};

/// A warning for each property that needs a cargo feature of `karafka`, as far as this command was built without it;
/// with the feature. An app whose Cargo.toml names the feature is right.
#[must_use]
pub fn missing_features(manifest: &Manifest) -> Vec<(&'static str, Diagnostic)> {
    let kafkas = manifest.environments.iter().map(|environment| &environment.kafka).chain([&manifest.kafka]);
    let options = kafkas.flat_map(|kafka| [&kafka.options, &kafka.consumer, &kafka.producer]).flatten();
    let mut missing: Vec<_> = options
        .filter_map(|(name, text)| {
            let value = values::without_variables(&text.value);
            let Err(OptionError::NotCompiledIn { feature, .. }) = check_option(&name.value, &value) else {
                return None;
            };
            let message = format!("{} needs the feature `{feature}` of karafka", quote(&name.value));
            let help = format!("add `features = [\"{feature}\"]` to `karafka` in Cargo.toml");
            Some((feature, Diagnostic::warning(codes::MISSING_FEATURE, name.span, message).help(help)))
        })
        .collect();
    missing.sort_by_key(|(_, diagnostic)| diagnostic.span);
    missing.dedup();
    missing
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
             production: { kafka: { consumer: { sasl.mechanism: GSSAPI } } }\n",
        );
        let (manifest, diagnostics) = read(&source);
        assert_eq!(diagnostics, []);
        let found = missing_features(&manifest.unwrap_or_default());
        // A command that was built with the feature cannot tell.
        let built_in = karafka::settings::compiled_in().iter().any(|part| part == "sasl_gssapi");
        let features: Vec<_> = found.iter().map(|(feature, _)| *feature).collect();
        assert_eq!(features, if built_in { vec![] } else { vec!["gssapi"] });
        assert!(found.iter().all(|(_, warning)| source.position(warning.span.start).0 == 5), "{found:?}");
    }
}
