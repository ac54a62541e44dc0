//! The certificates by which Redis and the app know each other, where they speak over TLS.

use redis::{Client, IntoConnectionInfo, RedisResult};

use crate::settings::Redis;

/// Whose certificates count.
pub(super) struct Certificates(#[cfg(feature = "ssl")] Option<redis::TlsCertificates>);

#[cfg(feature = "ssl")]
impl Certificates {
    /// Reads the files of certificates, if there is TLS.
    ///
    /// # Errors
    ///
    /// Which file is not what it must be.
    pub(super) fn of(redis: &Redis) -> RedisResult<Self> {
        if !redis.is_over_tls() {
            return Ok(Self(None));
        }
        // The client takes the process's provider of cryptography, and panics at its first connection where there is none. One
        // that the app has chosen stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let root_cert = redis.ca.as_deref().map(files::certificates).transpose()?;
        let client_tls = redis.identity.as_ref().map(files::identity).transpose()?;
        Ok(Self(Some(redis::TlsCertificates { client_tls, root_cert })))
    }

    /// A client that has connected to nothing yet, and over TLS will to nobody whose certificate is not good for its host.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(super) fn client(&self, at: impl IntoConnectionInfo) -> RedisResult<Client> {
        match &self.0 {
            None => Client::open(at),
            Some(certificates) => Client::build_with_tls(at, certificates.clone()),
        }
    }
}

#[cfg(not(feature = "ssl"))]
impl Certificates {
    /// There are none: settings that were read say so with what mends it, and these may have been changed since.
    ///
    /// # Errors
    ///
    /// Where there should be TLS.
    pub(super) fn of(redis: &Redis) -> RedisResult<Self> {
        match redis.is_over_tls() {
            false => Ok(Self()),
            true => Err((redis::ErrorKind::InvalidClientConfig, "TLS is not compiled in: the feature `ssl`").into()),
        }
    }

    /// A client that has connected to nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    #[expect(clippy::unused_self, reason = "with TLS there is something in it")]
    pub(super) fn client(&self, at: impl IntoConnectionInfo) -> RedisResult<Client> {
        Client::open(at)
    }
}

#[cfg(feature = "ssl")]
mod files {
    use std::{fs, io, path::Path};

    use redis::{ClientTlsConfig, RedisError, RedisResult};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

    use crate::settings::Identity;

    pub(super) fn identity(own: &Identity) -> RedisResult<ClientTlsConfig> {
        Ok(ClientTlsConfig { client_cert: certificates(&own.certificate)?, client_key: key(&own.key)? })
    }

    /// A file that has a certificate at least; without one, the client would trust nobody, and say so of each server.
    pub(super) fn certificates(file: &Path) -> RedisResult<Vec<u8>> {
        let text = read(file)?;
        let first = CertificateDer::pem_slice_iter(&text).next();
        match first {
            Some(Ok(_)) => Ok(text),
            Some(Err(error)) => Err(wrong(file, &format!("is not PEM: {error}"))),
            None => Err(wrong(file, "has no certificate (PEM: `-----BEGIN CERTIFICATE-----`)")),
        }
    }

    fn key(file: &Path) -> RedisResult<Vec<u8>> {
        let text = read(file)?;
        match PrivateKeyDer::from_pem_slice(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(wrong(file, &format!("has no private key without a passphrase (PEM): {error}"))),
        }
    }

    fn read(file: &Path) -> RedisResult<Vec<u8>> {
        fs::read(file).map_err(|error| wrong(file, &format!("cannot be read: {error}")))
    }

    fn wrong(file: &Path, what: &str) -> RedisError {
        io::Error::other(format!("the file `{}` {what}", file.display())).into()
    }
}
