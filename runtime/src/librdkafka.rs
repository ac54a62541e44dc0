//! What every client of librdkafka has here, be it a consumer or a producer: its log, and errors without secrets.

use std::sync::atomic::{AtomicU32, Ordering};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel, error::KafkaError};

use crate::{random, settings::shown};

/// An error that repeats no secret: one about a property has its value.
pub(crate) fn without_secret(error: KafkaError) -> KafkaError {
    match error {
        KafkaError::ClientConfig(result, words, key, value) => {
            let value = shown(&key, &value).into_owned();
            KafkaError::ClientConfig(result, words, key, value)
        }
        error => error,
    }
}

/// A `client.id` with this prefix that no other client has: assignors and Kafka's quotas tell clients apart by it.
pub(crate) fn unique_client_id(prefix: &str) -> String {
    static CLIENTS: AtomicU32 = AtomicU32::new(0);
    // The number of a process comes again on other machines.
    let random = random::new_id() & 0xff_ffff;
    format!("{prefix}-{}-{random:x}-{}", std::process::id(), CLIENTS.fetch_add(1, Ordering::Relaxed))
}

/// Why no client could be made. Where librdkafka would have itself compiled anew, it is said what is written instead.
pub(crate) fn why_no_client(error: KafkaError) -> String {
    let words = without_secret(error).to_string();
    if !words.contains("No provider for SASL mechanism") {
        return words;
    }
    format!(
        "{words}; write `sasl.mechanism` under `kafka.options`, such as SCRAM-SHA-512: where it is missing it is GSSAPI, \
         Kerberos, which a program has by the feature `gssapi` of karafka"
    )
}

/// Lets librdkafka write into its log what keeps a client from its brokers, whoever wants to see it.
pub(crate) fn hear_causes(config: &mut ClientConfig) {
    if (config.log_level as i32) < RDKafkaLogLevel::Info as i32 {
        config.set_log_level(RDKafkaLogLevel::Info);
    }
}

/// librdkafka's own log. What a person must know comes as an event, in our words and not with every attempt; this is for
/// those who look into the client: `KARAFKA_LOG=librdkafka=debug`.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    tracing::debug!(target: "librdkafka", ?level, facility, "{message}");
}
