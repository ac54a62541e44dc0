//! What a client of TLS is told: files that have to be there, and what it is told not to look at.

use std::{fs, io, path::Path};

use super::{SettingError, Settings, Value, one_spelling};
#[cfg(feature = "consumer")]
use crate::foreign;

/// Properties that name a file which is read when a client is made.
const FILES: [&str; 5] =
    [AUTHORITIES, "ssl.certificate.location", "ssl.crl.location", "ssl.key.location", "ssl.keystore.location"];

/// It may name a folder, too, or say that the system's are to be looked for.
const AUTHORITIES: &str = "ssl.ca.location";

/// Something that a client of TLS is told not to look at, so that whoever is in between can read and write everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// The setting, its value, and where it came from.
    pub words: String,
    /// What to do.
    pub help: &'static str,
}

/// Whether a property with this value leaves something unverified: what that is, and what to do.
pub(crate) fn unverified(name: &str, value: &str) -> Option<(&'static str, &'static str)> {
    let value = value.trim().to_ascii_lowercase();
    match (name, &*value) {
        ("enable.ssl.certificate.verification", "false" | "f" | "0") => Some((
            "brokers' certificates are not verified: whoever is in between can read and write everything, passwords too",
            "leave it out, and name the authority that has signed them, with `ssl.ca.location`",
        )),
        ("ssl.endpoint.identification.algorithm", "none") => Some((
            "the host name in brokers' certificates is not verified: whoever has any certificate of a trusted authority \
             can stand in for them",
            "leave it out, and reach brokers by the names that stand in their certificates",
        )),
        _ => None,
    }
}

/// Whether a protocol is one over TLS.
pub(crate) fn is_tls(protocol: &str) -> bool {
    matches!(&*protocol.trim().to_ascii_lowercase(), "ssl" | "sasl_ssl")
}

impl Settings {
    /// Looks for the files that settings name for TLS, on this machine and from this process's folder: nothing is looked for
    /// where no client will use it.
    ///
    /// # Errors
    ///
    /// A [`SettingError::File`] for each that is not there or cannot be read.
    pub fn check_files(&self) -> Result<(), Vec<SettingError>> {
        let mut errors = Vec::new();
        for (name, value) in self.of_tls().filter(|(name, _)| FILES.contains(name)) {
            let Err(error) = look_for(name, &value.text) else { continue };
            errors.push(SettingError::File {
                key: value.key.clone(),
                source_of: value.source(),
                path: std::path::absolute(&value.text).unwrap_or_else(|_| value.text.clone().into()),
                reason: reason(&error),
            });
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// What clients of TLS are told not to verify.
    #[must_use]
    pub fn unverified(&self) -> Vec<Unverified> {
        let found = self.of_tls().filter_map(|(name, value)| {
            let (words, help) = unverified(name, &value.text)?;
            Some(Unverified {
                words: format!("`{}: {}`, from {}: {words}", value.key, value.shown(), value.source()),
                help,
            })
        });
        found.collect()
    }

    /// Warns of that in the log of a process that starts.
    #[cfg(feature = "consumer")]
    pub(crate) fn log_unverified(&self) {
        for Unverified { words, help } in self.unverified() {
            tracing::warn!(target: "karafka", help, "{}", foreign::cut(&words));
        }
    }

    /// The properties by their one spelling, if a client talks to a broker over TLS.
    fn of_tls(&self) -> impl Iterator<Item = (&str, &Value)> {
        let properties = || {
            let named = self.values.iter().filter_map(|value| Some((self.property_of(&value.key)?, value)));
            named.map(|(name, value)| (one_spelling(name), value))
        };
        // Without an address there is an embedded broker, which has none of this, or nobody has said yet where Kafka is.
        let has_tls = self.brokers.is_some()
            && properties().any(|(name, value)| name == "security.protocol" && is_tls(&value.text));
        properties().filter(move |_| has_tls)
    }
}

fn look_for(name: &str, path: &str) -> io::Result<()> {
    if path.is_empty() || (name == AUTHORITIES && path == "probe") {
        return Ok(());
    }
    let found = fs::metadata(path)?;
    if found.is_dir() && name != AUTHORITIES {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if found.is_dir() {
        return fs::read_dir(path).map(|_| ());
    }
    // To open a pipe would be to wait for whoever writes into it.
    if found.is_file() { fs::File::open(Path::new(path)).map(|_| ()) } else { Ok(()) }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this process may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{manifest::Manifest, settings::Flags};

    static MANIFEST: Manifest = Manifest { app: "shop", ..Manifest::NEW };

    fn settings(options: &[(&str, &str)], brokers: &str) -> Settings {
        let mut variables = BTreeMap::from([("KARAFKA_BROKERS".to_owned(), brokers.to_owned())]);
        variables.insert("KARAFKA_ENV".to_owned(), "development".to_owned());
        for (name, text) in options {
            variables.insert(format!("KARAFKA_OPTIONS_{}", name.to_uppercase().replace('.', "_")), (*text).to_owned());
        }
        let (settings, errors) = Settings::examine(&MANIFEST, &variables, &Flags::default());
        assert_eq!(errors, []);
        settings
    }

    /// If this fails, an app whose authority's file is not in its image starts, and says after a while that it cannot reach
    /// its brokers; or one that needs no such file does not start.
    #[test]
    fn files_that_settings_name_are_looked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let [file, missing] = ["there.pem", "missing.pem"].map(|name| folder.path().join(name).display().to_string());
        fs::write(&file, "-----BEGIN").expect("written");
        let of = |protocol, name, path: &str, brokers| {
            settings(&[("security.protocol", protocol), (name, path)], brokers).check_files()
        };
        for name in FILES {
            assert_eq!(of("ssl", name, &file, "h:1"), Ok(()), "{name}");
            assert_eq!(of("plaintext", name, &missing, "h:1"), Ok(()), "{name} is not used");
            assert_eq!(of("SSL", name, &missing, ""), Ok(()), "{name} is not used by an embedded broker");
            let errors = of("sasl_ssl", name, &missing, "h:1").expect_err(name);
            let words = errors[0].to_string();
            let variable = format!("KARAFKA_OPTIONS_{}", name.to_uppercase().replace('.', "_"));
            for part in [&*format!("kafka.options.{name}"), &variable, &missing, "there is no such file"] {
                assert!(words.contains(part), "no {part} in {words}");
            }
            let folder = of("ssl", name, &folder.path().display().to_string(), "h:1");
            assert_eq!(folder.is_ok(), name == AUTHORITIES, "{name}: {folder:?}");
        }
        assert_eq!(of("ssl", AUTHORITIES, "probe", "h:1"), Ok(()));
        let relative = of("ssl", AUTHORITIES, "no/such.pem", "h:1").expect_err("missing")[0].to_string();
        assert!(relative.contains(&*std::env::current_dir().expect("a folder").to_string_lossy()), "{relative}");
    }

    /// If this fails, a broker that somebody stands in for is believed, and nobody is told.
    #[test]
    fn what_is_not_verified_is_said() {
        let of = |protocol, name, value| {
            settings(&[("security.protocol", protocol), (name, value)], "h:1").unverified().len()
        };
        for off in ["false", "False", "0", "f"] {
            assert!(
                super::super::check_option("enable.ssl.certificate.verification", off).is_ok()
                    || cfg!(not(feature = "ssl")),
                "{off}"
            );
            assert_eq!(of("ssl", "enable.ssl.certificate.verification", off), 1, "{off}");
        }
        assert_eq!(of("sasl_ssl", "ssl.endpoint.identification.algorithm", "none"), 1);
        assert_eq!(of("sasl_ssl", "ssl.endpoint.identification.algorithm", "https"), 0);
        assert_eq!(of("ssl", "enable.ssl.certificate.verification", "true"), 0);
        assert_eq!(of("plaintext", "enable.ssl.certificate.verification", "false"), 0);
        let said = settings(&[("security.protocol", "ssl"), ("enable.ssl.certificate.verification", "false")], "h:1");
        let words = &said.unverified()[0].words;
        assert!(
            words.contains("KARAFKA_OPTIONS_ENABLE_SSL_CERTIFICATE_VERIFICATION")
                && words.contains("certificate.verification: false`"),
            "{words}"
        );
    }
}
