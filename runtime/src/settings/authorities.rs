//! Whose certificates a client of TLS trusts where nobody says.

use std::{collections::BTreeMap, env};

use super::is_tls;

/// Variables from which OpenSSL itself takes the authorities to trust.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Properties that say whom to trust.
const WRITTEN: [&str; 2] = ["ssl.ca.location", "ssl.ca.pem"];

/// Has a client of TLS trust whom the system trusts, where neither its properties nor a variable say otherwise.
///
/// An OpenSSL that was built from source looks for authorities where nobody has put any, and would refuse every
/// broker; librdkafka knows the places of the systems, and looks there when it is told to.
pub(crate) fn trust(properties: &mut BTreeMap<String, String>) {
    trust_beside(properties, VARIABLES.iter().any(|name| env::var_os(name).is_some()));
}

fn trust_beside(properties: &mut BTreeMap<String, String>, is_said_by_variable: bool) {
    let is_tls = properties.get("security.protocol").is_some_and(|protocol| is_tls(protocol));
    if is_tls && !is_said_by_variable && WRITTEN.iter().all(|name| !properties.contains_key(*name)) {
        properties.insert("ssl.ca.location".to_owned(), "probe".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an app refuses every broker whose certificate the machine trusts, or trusts others than it was told to.
    #[test]
    fn the_systems_authorities_stand_in_where_nobody_names_others() {
        for (written, is_said_by_variable, trusted) in [
            (&[("security.protocol", "ssl")][..], false, Some("probe")),
            (&[("security.protocol", " SASL_SSL ")], false, Some("probe")),
            (&[("security.protocol", "ssl")], true, None),
            (&[("security.protocol", "sasl_plaintext")], false, None),
            (&[], false, None),
            (&[("security.protocol", "ssl"), ("ssl.ca.location", "/etc/ca.pem")], false, Some("/etc/ca.pem")),
            (&[("security.protocol", "ssl"), ("ssl.ca.pem", "-----BEGIN")], false, None),
        ] {
            let mut properties = written.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            trust_beside(&mut properties, is_said_by_variable);
            assert_eq!(properties.get("ssl.ca.location").map(String::as_str), trusted, "{written:?}");
        }
    }
}
