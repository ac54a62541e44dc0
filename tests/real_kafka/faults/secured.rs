//! Ways to be kept out of a Kafka, each of which the app has to name, with what mends it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use karafka_tests::{
    faulty::{Route, Trial},
    kafka::{SecuredKafka, UNKNOWN_NAME, USER},
    ports,
};

use super::health::{ask, until};
use crate::bench::Bench;

/// A way to be kept out.
struct Way<'a> {
    name: &'a str,
    brokers: &'a str,
    options: &'a [(&'a str, &'a str)],
    /// What `/ready` and the log have to say.
    parts: &'a [&'a str],
}

/// Within this time it has to be said, the start of the app with it.
const IN_TIME: Duration = Duration::from_secs(15);

/// If this fails, whoever starts an app against a cluster that does not let it in reads that all brokers are down, or is told
/// to mend what is not broken, or reads it long after a probe has killed the process.
pub(super) fn row_24_each_way_to_be_kept_out_is_named(bench: &Bench) -> Result<()> {
    let kafka = SecuredKafka::start()?;
    let nobody = format!("127.0.0.1:{}", ports::free()?);
    let (user, password) = USER;
    let sasl = |password| {
        [
            ("SECURITY_PROTOCOL", "sasl_plaintext"),
            ("SASL_MECHANISM", "PLAIN"),
            ("SASL_USERNAME", user),
            ("SASL_PASSWORD", password),
        ]
    };
    let (right, wrong) = (sasl(password), sasl("bob-pass"));
    let scram = [wrong[0], ("SASL_MECHANISM", "SCRAM-SHA-256"), wrong[2], wrong[3]];
    let tls = [("SECURITY_PROTOCOL", "ssl")];
    let topic = "row-24-ordered";
    kafka.grant("Read", ["--group", "ordered"])?;
    let ways = [
        Way {
            name: "refused",
            brokers: &nobody,
            options: &[],
            parts: &[&nobody, "Connection refused", "nothing listens there"],
        },
        Way {
            name: "advertised name",
            brokers: &kafka.advertised,
            options: &[],
            parts: &[UNKNOWN_NAME, "Failed to resolve", "advertised.listeners"],
        },
        Way {
            name: "no TLS",
            brokers: &kafka.tls,
            options: &[],
            parts: &[&kafka.tls, "Disconnected", "security.protocol: ssl"],
        },
        Way {
            name: "TLS to a plain listener",
            brokers: &kafka.plain,
            options: &tls,
            parts: &[&kafka.plain, "SSL handshake failed", "security.protocol: plaintext"],
        },
        Way {
            name: "an authority that is not trusted",
            brokers: &kafka.tls,
            options: &tls,
            parts: &[&kafka.tls, "certificate", "ssl.ca.location"],
        },
        Way {
            name: "no SASL",
            brokers: &kafka.sasl,
            options: &[],
            parts: &[&kafka.sasl, "security.protocol: sasl_plaintext"],
        },
        Way {
            name: "wrong password",
            brokers: &kafka.sasl,
            options: &wrong,
            parts: &[&kafka.sasl, "Authentication failed", "sasl.password"],
        },
        Way {
            name: "wrong mechanism",
            brokers: &kafka.sasl,
            options: &scram,
            parts: &[&kafka.sasl, "mechanism", "sasl.enabled.mechanisms"],
        },
        Way {
            name: "a topic that may not be seen",
            brokers: &kafka.sasl,
            options: &right,
            parts: &[topic, "may not read the topic", "--operation Read"],
        },
    ];
    for way in &ways {
        say(bench, way)?;
    }
    kafka.create_topic(topic)?;
    kafka.grant("Describe", ["--topic", topic])?;
    say(bench, &Way { name: "a topic that may not be read", ..ways[8] })?;
    kafka.grant("Read", ["--topic", topic])?;
    let granted = Way { name: "granted", parts: &["\"status\":\"healthy\""], ..ways[8] };
    say(bench, &granted)?;
    // As the book's page on deployment has it for a managed cluster.
    let authority = kafka.authority.to_string_lossy();
    let managed = [&[("SECURITY_PROTOCOL", "sasl_ssl"), ("SSL_CA_LOCATION", &*authority)], &right[1..]].concat();
    say(bench, &Way { name: "TLS and SASL", brokers: &kafka.sasl_tls, options: &managed, ..granted })
}

/// What health says first, and what mends it.
fn reason(answer: &str) -> Result<String> {
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let verdict: serde_json::Value = serde_json::from_str(body)?;
    let of = |name: &str| verdict["reasons"][0][name].as_str().unwrap_or("nothing").to_owned();
    Ok(format!("{} / {}", of("message"), of("help")))
}

/// Starts an app, waits until its health names the way, and looks for the same words in its log.
fn say(bench: &Bench, way: &Way<'_>) -> Result<()> {
    let health = format!("127.0.0.1:{}", ports::free()?);
    let mut trial = Trial::without_topics(&bench.kafka, &bench.faulty, "row-24", Route::Ordered)?
        .with("KARAFKA_BROKERS", way.brokers)
        .with("KARAFKA_HEALTH", &health)
        .with("KARAFKA_SHUTDOWN_TIMEOUT", "1s");
    for (name, value) in way.options {
        trial = trial.with(&format!("KARAFKA_OPTIONS_{name}"), value);
    }
    let process = trial.start()?;
    let took = until(&health, way.name, |ready| way.parts.iter().all(|part| ready.contains(part)));
    let text = process.text();
    let took = took.map_err(|error| error.context(text.clone()))?;
    ensure!(took < IN_TIME, "{} was named after {took:.1?}", way.name);
    let is_logged = |line: &str| way.parts.iter().all(|part| line.contains(part));
    let logged = text.lines().filter(|line| is_logged(line)).count();
    let is_healthy = way.parts[0].contains("healthy");
    ensure!(is_healthy || logged == 1, "the log says it {logged} times: {text}");
    println!("  {}, after {took:.1?}: {}", way.name, reason(&ask(&health, "/ready")?)?);
    drop(process);
    Ok(())
}
