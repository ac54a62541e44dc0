//! No output says a secret: one mark as the password at every place where there can be one, and everything that is said
//! of settings.

use std::collections::BTreeMap;

use super::*;
use crate::{
    foreign::{LogForm, LogWriter},
    manifest::Setting,
    producer::Producer,
};

/// The password.
const MARK: &str = "hunter2Zz";

/// Everything that is said of an app with these settings, before it is started.
fn said(settings: &[(&str, String)], variables: &[(&str, String)], flags: &Flags) -> String {
    let leak = |text: &str| -> &'static str { text.to_owned().leak() };
    let settings: Vec<Setting> = settings.iter().map(|(key, text)| (leak(key), leak(text))).collect();
    // The same of a group alone.
    let of_group: Vec<Setting> =
        settings.iter().filter_map(|(key, text)| Some((key.strip_prefix("groups.shop.")?, *text))).collect();
    let settings: Vec<Setting> = settings.into_iter().filter(|(key, _)| !key.starts_with("groups.")).collect();
    let settings: &'static [Setting] = settings.leak();
    let consumer =
        ConsumerEntry { settings: &[("jobs", "redis")], ..entry("orders", "shop", "OrdersController", &["orders"]) };
    let manifest: &'static Manifest = Box::leak(Box::new(Manifest {
        groups: Box::leak(Box::new([GroupEntry { name: "shop", settings: of_group.leak() }])),
        topics: &[TopicEntry { key: "orders", message: "Order", settings: &[] }],
        consumers: Box::leak(Box::new([consumer])),
        settings,
        environments: Box::leak(Box::new([("staging", settings)])),
        ..SHOP
    }));
    let mut out = format!("{manifest:?}\n{manifest:#?}\n{flags:?}\n");
    for environment in ["development", "production", "staging"] {
        let mut given: BTreeMap<String, String> =
            variables.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        given.insert("KARAFKA_ENV".to_owned(), environment.to_owned());
        let (settings, mut errors) = Settings::examine(manifest, &given, flags);
        errors.extend(settings.check_options().err().unwrap_or_default());
        out.push_str(&format!("{settings:?}\n{settings:#?}\n{errors:?}\n"));
        for error in &errors {
            out.push_str(&complaints::complaint(&error.to_string()));
        }
        for value in &settings.values {
            out.push_str(&format!("{value:?} {} {}\n", value.shown(), value.source()));
        }
        out.push_str(&info::text(manifest, &settings, &[], &errors, &[]));
        let brokers = settings.brokers.clone().unwrap_or_default();
        out.push_str(&startup::page(manifest, &settings, startup::BrokerOrigin::Configured, &brokers, None));
        out.push_str(&logged(|| startup::log(manifest, &settings, &brokers, None)));
    }
    out
}

/// What goes into the log, down to the last word of whoever writes there.
pub(super) fn logged(write: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let paper = Paper::default();
    let inner = paper.clone();
    let lines = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || LogWriter { inner: inner.clone(), form: LogForm::Json })
        .finish();
    tracing::subscriber::with_default(lines, write);
    String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
}

/// If this fails, a password stands in a log, in an error, on a terminal, or where somebody debugs.
#[test]
fn nothing_that_is_said_of_settings_is_a_secret() {
    let options = [
        "sasl.password",
        "sasl.pasword",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.jaas.config",
    ];
    let texts = ["MARK", "${NONE:-MARK}", "${A B:-MARK}", "${MARK", "-----BEGIN KEY-----\nMARK"].map(mark);
    let addresses =
        ["ann:MARK@h:9092", "h:9092,ann:MARK@h:9092", "SSL://ann:MARK@h:9092", "${A B:-ann:MARK@h:1}"].map(mark);
    let urls =
        ["redis://:MARK@h:6379", "redis://ann:MARK@h:port", "rediss://:MARK@h", "unix:///r.sock?pass=MARK", "MARK@h"]
            .map(mark);
    let mut cases: Vec<(String, String)> = Vec::new();
    for prefix in ["kafka.options.", "kafka.consumer.", "kafka.producer.", "groups.shop.kafka."] {
        for name in options {
            cases.extend(texts.iter().map(|text| (format!("{prefix}{name}"), text.clone())));
        }
    }
    cases.extend(addresses.iter().map(|text| ("kafka.brokers".to_owned(), text.clone())));
    cases.extend(urls.iter().map(|text| ("redis.url".to_owned(), text.clone())));
    let none = Flags::default();
    for (key, text) in &cases {
        check(key, text, &said(&[(key, text.clone())], &[], &none));
    }
    for name in options {
        // A client that is made without asking librdkafka first.
        let made = Producer::builder().brokers("localhost:1").property(name, mark("MARK")).start();
        check(name, MARK, &made.map_or_else(|error| format!("{error}\n{error:?}"), |producer| format!("{producer:?}")));
        let variable = format!("KARAFKA_OPTIONS_{}", name.to_ascii_uppercase().replace('.', "_"));
        for text in &texts {
            check(&variable, text, &said(&[], &[(&variable, text.clone())], &none));
            let key = format!("kafka.options.{name}");
            check("PW", text, &said(&[(&key, "${PW}".to_owned())], &[("PW", text.clone())], &none));
        }
    }
    for text in &addresses {
        check("KARAFKA_BROKERS", text, &said(&[], &[("KARAFKA_BROKERS", text.clone())], &none));
        let flags = Flags { brokers: Some(text.clone()), ..Flags::default() };
        check("--brokers", text, &said(&[], &[], &flags));
    }
    for url in &urls {
        check("REDIS_URL", url, &said(&[], &[("REDIS_URL", url.clone())], &none));
    }
}

fn mark(text: &str) -> String {
    text.replace("MARK", MARK)
}

fn check(place: &str, text: &str, said: &str) {
    let line = said.lines().find(|line| line.contains(MARK));
    assert_eq!(line, None, "of {place} = {text}");
}

/// If this fails, whoever writes the user into the address of a broker is not told where it belongs.
#[test]
fn a_user_in_the_address_of_a_broker_is_refused() {
    let flags = Flags { brokers: Some("ann:pw@h:9092".to_owned()), ..Flags::default() };
    let errors = Settings::read(&SHOP, &BTreeMap::from([("PREFIX".to_owned(), String::new())]), &flags).unwrap_err();
    let text = errors.iter().map(ToString::to_string).collect::<String>();
    assert!(
        text.contains("`ann:(redacted)@h:9092`, from the flag --brokers\n") && text.contains("sasl.username"),
        "{text}"
    );
}
