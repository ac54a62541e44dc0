//! What must not be shown, and settings as they may be: in errors, in `info`, in logs, and by `Debug`.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use super::{BROKERS, REDIS, redacted_url};
use crate::manifest::{GroupEntry, Manifest};

/// What stands in the place of a secret.
pub const REDACTED: &str = "(redacted)";

/// Whether a setting's value must not be shown: what looks like a password, a secret, a token or a key, be it misspelt.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    const SIGNS: [&str; 9] =
        ["password", "passwd", "passphrase", "secret", "token", "credential", "private", ".pem", "jaas"];
    let key = key.to_ascii_lowercase();
    let key = own_part(&key);
    let names_a_place = key.ends_with(".location") || key.ends_with(".ms");
    let is_certificate = matches!(
        key.rsplit_once("ssl.").or_else(|| key.rsplit_once("https.")),
        Some((_, "certificate.pem" | "ca.pem"))
    );
    let is_token_config = key.ends_with("sasl.oauthbearer.config");
    let has_sign = || SIGNS.iter().any(|sign| key.contains(sign)) || key.split(['.', '_', '-']).any(is_misspelt);
    is_token_config || (!names_a_place && !is_certificate && has_sign())
}

/// What a key of a group or topic says of itself: their names are the app's own, and hide nothing.
fn own_part(key: &str) -> &str {
    if !key.starts_with("groups.") && !key.starts_with("topics.") || key.ends_with(".pem") {
        return key;
    }
    let property = key.split_once(".kafka.").map(|(_, property)| property);
    property.or_else(|| key.rsplit_once('.').map(|(_, setting)| setting)).unwrap_or(key)
}

/// Whether a word was probably meant as one that names a secret: a key that nobody knows is shown in the error about it.
fn is_misspelt(word: &str) -> bool {
    [("password", 2), ("passphrase", 2), ("credential", 2), ("secret", 1), ("token", 1)]
        .iter()
        // Most words are too long or too short, and are seen by the thousand.
        .any(|(meant, slips)| word.len().abs_diff(meant.len()) <= *slips && strsim::osa_distance(word, meant) <= *slips)
}

/// A setting's text as it may be shown: [`REDACTED`] for a secret, an address without its password.
#[must_use]
pub fn shown<'a>(key: &str, text: &'a str) -> Cow<'a, str> {
    if is_secret(key) || text.contains("-----BEGIN ") {
        return Cow::Borrowed(REDACTED);
    }
    let is_address = matches!(key, REDIS | BROKERS) || text.contains("://");
    if is_address { Cow::Owned(redacted_url(text)) } else { Cow::Borrowed(text) }
}

/// Settings for `Debug`.
pub(crate) fn shown_all<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<&'a str, Cow<'a, str>> {
    settings.into_iter().map(|(key, text)| (key, shown(key, text))).collect()
}

// Here, as the manifest itself is plain data and knows of no secrets.
impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, version, root, settings, environments, groups, topics, consumers } = self;
        let environments: BTreeMap<_, _> =
            environments.iter().map(|(name, settings)| (name, shown_all(settings.iter().copied()))).collect();
        f.debug_struct("Manifest")
            .field("app", app)
            .field("version", version)
            .field("root", root)
            .field("settings", &shown_all(settings.iter().copied()))
            .field("environments", &environments)
            .field("groups", groups)
            .field("topics", topics)
            .field("consumers", consumers)
            .finish()
    }
}

impl fmt::Debug for GroupEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, settings } = self;
        f.debug_struct("GroupEntry")
            .field("name", name)
            .field("settings", &shown_all(settings.iter().copied()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, `info` shows a password to whoever looks over a shoulder.
    #[test]
    fn knows_secrets() {
        for key in [
            "kafka.options.sasl.password",
            "kafka.options.ssl.key.pem",
            "ssl.key.password",
            "ssl.keystore.password",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "x.client.secret",
            "sasl.jaas.config",
            "kafka.options.sasl.pasword",
            "sasl.passwrod",
            "SASL.Password",
            "ssl.key.passwort",
            "sasl.oauthbearer.client.sercet",
            "groups.audit.kafka.sasl.password",
            "groups.audit.kafka.ssl.key.pem",
            "groups.audit.kafka.sasl.oauthbearer.config",
            "groups.audit.kafka.kafka.sasl.pasword",
            "groups.sasl.password",
            "groups.ssl.key.pem",
            "sasl.paswrd",
            "sasl.tokn",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "kafka.brokers",
            "kafka.options.ssl.key.location",
            "kafka.options.sasl.username",
            "concurrency",
            "ssl.keystore.password.location",
            "sasl.oauthbearer.token.ms",
            "ssl.certificate.pem",
            "kafka.options.ssl.ca.pem",
            // Three slips are another word, as two are in a short one.
            "x.passwxyz",
            "x.passphrxyz",
            "x.credentxyz",
            "x.secrxy",
            "x.tokxy",
            "groups.tokens.id",
            "groups.token.issuers.kafka.fetch.min.bytes",
            "topics.password.resets.retry.backoff",
        ] {
            assert!(!is_secret(key), "{key}");
        }
        let hidden: Vec<_> = super::super::option_names().into_iter().filter(|name| is_secret(name)).collect();
        assert!(hidden.iter().all(|name| name.starts_with("sasl.") || name.starts_with("ssl.")), "{hidden:?}");
    }

    /// If this fails, a value that an error or `info` needs is hidden, or a password is shown.
    #[test]
    fn hides_no_more_than_it_must() {
        for (key, text, wanted) in [
            ("kafka.brokers", "ann:hunter2@h:9092,k:9092", "ann:(redacted)@h:9092,k:9092"),
            ("kafka.brokers", "k:9092", "k:9092"),
            ("redis.url", "redis://:hunter2@h", "redis://:(redacted)@h"),
            ("kafka.options.client.id", "shop@home", "shop@home"),
            ("kafka.options.x", "https://ann:hunter2@h/", "https://ann:(redacted)@h/"),
            ("kafka.options.x", "-----BEGIN KEY-----", "(redacted)"),
            ("kafka.options.sasl.password", "hunter2", "(redacted)"),
        ] {
            assert_eq!(shown(key, text), wanted);
            assert_eq!(shown(key, &shown(key, text)), wanted, "shown twice");
        }
    }
}
