//! How to reach Redis: its address, and whose certificates count where it is reached over TLS.

use std::{fmt, path::PathBuf};

use super::{
    DEVELOPMENT, DEVELOPMENT_REDIS, REDIS, SettingError,
    layers::{Layers, Value},
    parse::Expected,
    redacted_url, redis_url,
};

/// How to reach Redis. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redis {
    /// Where it is, as [`redis_url`] takes it. It may hold a password: show [`redacted_url`].
    pub url: String,
    /// A file of certificates (PEM): who vouches for the server, instead of those whom the system trusts.
    pub ca: Option<PathBuf>,
    /// A file with the app's own certificate (PEM), and one with its key, where the server asks for one.
    pub identity: Option<Identity>,
}

/// A certificate of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A file with the certificate, and behind it those that lead to an authority (PEM).
    pub certificate: PathBuf,
    /// A file with its key, without a passphrase (PEM).
    pub key: PathBuf,
}

impl Redis {
    /// Redis at this address, as [`redis_url`] takes it; over TLS, whom the system trusts vouches for it.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ca: None, identity: None }
    }

    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        self.url.starts_with("rediss://") || self.url.starts_with("rediss+sentinel://")
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, ca, identity } = self;
        let url = redacted_url(url);
        f.debug_struct("Redis").field("url", &url).field("ca", ca).field("identity", identity).finish()
    }
}

/// The settings of files for TLS.
const CA: &str = "redis.ca_file";
const CERTIFICATE: &str = "redis.certificate_file";
const KEY: &str = "redis.key_file";

const NOT_COMPILED_IN: Expected = "`redis://…` or `unix:///…`: TLS is not compiled in; add `features = [\"ssl\"]` to \
                                   `karafka` in Cargo.toml, where `default-features = false` leaves it out";

/// All settings of Redis.
pub(super) const KEYS: [&str; 4] = [REDIS, CA, CERTIFICATE, KEY];

/// How to reach Redis. In development there is a default; elsewhere jobs would wait on a machine that nobody has named.
pub(super) fn read(layers: &mut Layers<'_>, environment: &str) -> Option<Redis> {
    let url = url(layers, environment);
    let is_over_tls = url.as_deref().map(|url| Redis::at(url).is_over_tls());
    let mut file = |key: &'static str, other: Option<&'static str>| {
        let value = layers.process(key, None, None)?;
        let other = other.map(|other| layers.process(other, None, None).is_some());
        layers.read_optional(Some(value), |path| match (is_over_tls, other) {
            // Somebody believes that this is encrypted.
            (Some(false), _) => Err("left out, as `redis.url` is not over TLS: `rediss://…`"),
            (_, Some(false)) => Err("beside the other of `redis.certificate_file` and `redis.key_file`"),
            _ => self::file(path),
        })
    };
    let ca = file(CA, None);
    let (certificate, key) = (file(CERTIFICATE, Some(KEY)), file(KEY, Some(CERTIFICATE)));
    let identity = certificate.zip(key).map(|(certificate, key)| Identity { certificate, key });
    Some(Redis { url: url?, ca, identity })
}

fn url(layers: &mut Layers<'_>, environment: &str) -> Option<String> {
    let errors = layers.errors.len();
    let value: Option<Value> = layers.process(REDIS, None, Some("REDIS_URL"));
    let missing = value.is_none() && layers.errors.len() == errors;
    if !missing {
        return layers.read_optional(value, |text| match redis_url(text)? {
            url if Redis::at(&*url).is_over_tls() && !cfg!(feature = "ssl") => Err(NOT_COMPILED_IN),
            url => Ok(url),
        });
    }
    if environment != DEVELOPMENT {
        layers.errors.push(SettingError::NoRedis { environment: environment.to_owned() });
        return None;
    }
    layers.note_default(REDIS, DEVELOPMENT_REDIS);
    Some(DEVELOPMENT_REDIS.to_owned())
}

/// The name of a file. Whether it is there is found out by who reads it.
fn file(path: &str) -> Result<PathBuf, Expected> {
    match path.trim() {
        "" => Err("the name of a file (PEM)"),
        path => Ok(PathBuf::from(path)),
    }
}
