//! Why an app does not start.

use std::fmt;

use crate::{producer::SendError, settings::SettingErrors};

/// Why an app did not start; nothing of it runs then.
///
/// `Debug` says what `Display` does: it is what a `main` that returns the error prints.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is missing or wrong, or does not go with another.
    #[error(transparent)]
    Settings(#[from] SettingErrors),
    /// Nothing says where Kafka is.
    #[error(
        "no brokers are configured: set `kafka.brokers` in karafka.yml, or KARAFKA_BROKERS and read it with \
         `Settings::from_env`; an embedded broker is started by `App::run` alone"
    )]
    NoBrokers,
    /// Nothing says where Redis is, and jobs of the app run there.
    #[error(
        "no Redis is configured: set `redis: {{ url: … }}` in karafka.yml, or REDIS_URL and read it with \
         `Settings::from_env`"
    )]
    NoRedis,
    /// Consumers have `jobs: redis`, or a worker was asked for, and the cargo feature `jobs` of `karafka` is not compiled in.
    #[error(
        "`jobs: redis` needs the feature `jobs` of karafka, which is not compiled in: {}",
        crate::settings::feature_help("jobs")
    )]
    JobsNotCompiledIn,
    /// The client of a group could not be made.
    #[error("group `{group}` cannot start: {reason}")]
    Group {
        /// The group's id.
        group: String,
        /// librdkafka's word.
        reason: String,
    },
    /// What sends could not be made.
    #[error(transparent)]
    Producer(#[from] SendError),
    /// The URL of Redis cannot be used.
    #[error("Redis cannot be reached as `{url}` says: {reason}")]
    Redis {
        /// The URL, without its password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A worker was asked for, and no consumer of the manifest has `jobs: redis`.
    #[error("no consumer of karafka.yml has `jobs: redis`, so there are no jobs: `server` performs everything")]
    NoJobs,
    /// The queues that a worker is to take are not as karafka.yml has them.
    #[error("{0}")]
    Queues(String),
    /// It was asked for outside of a tokio runtime.
    #[error("there is no tokio runtime here: await it within one, such as that of `#[tokio::main]`")]
    NoRuntime,
    /// A part of the app panicked as it was made from the state.
    #[error("the app panicked at its start: {reason}")]
    Panicked {
        /// The panic's words.
        reason: String,
    },
    /// There can be no further thread.
    #[error("a thread cannot start: {0}")]
    Thread(#[from] std::io::Error),
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
