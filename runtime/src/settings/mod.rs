//! What the app runs with: the manifest, then the environment, then flags, read once at the start.
//!
//! Reading is pure: variables are passed in. Everything comes out typed and within bounds, and everything that is wrong
//! comes out at once.

pub(crate) mod authorities;
mod clients;
pub mod conflicts;
pub mod drain;
mod entries;
mod error;
pub mod expand;
mod layers;
mod options;
pub mod parse;
mod properties;
mod questions;
mod redis_settings;
mod redis_url;
mod secret;
pub mod sizes;
mod tls;
mod written_options;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    time::Duration,
};

pub use clients::Clients;
pub use entries::{
    Assignor, Batch, CONCURRENCY, Consumer, DRAIN, Delivery, Group, LostPosition, MEMORY, Ordering, Protocol, Start,
    Tombstones, Topic, WINDOW,
};
pub use error::{SettingError, SettingErrors};
pub use expand::ExpandError;
use layers::Layers;
pub use layers::{LeftOut, Origin, Value};
pub(crate) use options::refused_by_hand;
pub use options::{
    DEFAULT_FEATURES, OptionError, check_option, compiled_in, feature_help, knows_option, needed_feature, option_names,
    refused, refused_of_some, refused_option, refused_options,
};
pub use properties::{Properties, Side, one_spelling, side};
pub use questions::{Question, questions};
pub use redis_settings::{Identity, Redis};
#[cfg(feature = "jobs")]
pub(crate) use redis_url::SentinelUrl;
pub use redis_url::{redacted_url, redis_url};
pub(crate) use secret::shown_all;
pub use secret::{REDACTED, is_secret, shown};

pub use tls::Unverified;
pub(crate) use tls::{is_tls, unverified};

use self::written_options::FromVariables;
pub use crate::backoff::Backoff;
use crate::manifest::{ConsumerEntry, Manifest};

/// The environment in which a missing broker is started, and a person watches.
pub const DEVELOPMENT: &str = "development";

/// The environment of an app that nobody says anything to.
pub const PRODUCTION: &str = "production";

/// Partitions of a topic in development, where the manifest names no number.
pub const DEVELOPMENT_PARTITIONS: i32 = 4;

/// Where Redis is in development, where nobody says it.
pub const DEVELOPMENT_REDIS: &str = "redis://127.0.0.1:6379";

/// The queue of a consumer whose jobs run on Redis, where the manifest names none.
pub const DEFAULT_QUEUE: &str = "default";

/// The setting that says where Kafka is.
const BROKERS: &str = "kafka.brokers";

/// The setting that says where Redis is.
const REDIS: &str = "redis.url";

/// Where properties of librdkafka stand: every client's, consumers', producers'.
const OPTIONS: [&str; 3] = ["kafka.options.", "kafka.consumer.", "kafka.producer."];

/// What the command line says. `Debug` shows no password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--brokers`
    pub brokers: Option<String>,
    /// `--concurrency`
    pub concurrency: Option<String>,
    /// `--shutdown-timeout`
    pub shutdown_timeout: Option<String>,
    /// `--health`
    pub health: Option<String>,
    /// `--groups`: keys of the manifest. A group that consumers name by `${…}` has no key, and goes by its id. Empty: all.
    pub groups: Vec<String>,
    /// `--topics`: keys of the manifest, or names in Kafka. Empty: all.
    pub topics: Vec<String>,
    /// `--exclude-topics`, as `topics`.
    pub exclude_topics: Vec<String>,
    /// The environment when `KARAFKA_ENV` says nothing. `None`: development when cargo runs the process, else
    /// production.
    pub default_environment: Option<&'static str>,
}

/// Everything that an app runs with. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The app's name.
    pub app: String,
    /// `development`, `production`, or what `KARAFKA_ENV` says.
    pub environment: String,
    /// Where Kafka is, as librdkafka takes it; `None` only in development: an embedded broker stands in.
    pub brokers: Option<String>,
    /// The prefix of `client.id`: the option of that name, or the app's name.
    pub client_id: String,
    /// `kafka.options`, for consumers and producers, without `client.id`.
    pub options: BTreeMap<String, String>,
    /// `kafka.consumer`, over `options`.
    pub consumer_options: BTreeMap<String, String>,
    /// `kafka.producer`, over `options`.
    pub producer_options: BTreeMap<String, String>,
    /// How to reach Redis. `None`: no consumer that the flags leave in has a queue.
    pub redis: Option<Redis>,
    /// How many performs a group runs at once where it does not say.
    pub concurrency: usize,
    /// How long a stop may take.
    pub shutdown_timeout: Duration,
    /// Where `/live`, `/ready` and `/metrics` are served; port 0 is any that is free. `None`: nowhere.
    pub health: Option<SocketAddr>,
    /// One for each of [`Manifest::groups`], in the same order.
    pub groups: Vec<Group>,
    /// One for each of [`Manifest::topics`], in the same order.
    pub topics: Vec<Topic>,
    /// One for each of [`Manifest::consumers`], in the same order.
    pub consumers: Vec<Consumer>,
    /// Every value with its origin, sorted by key, for `info`.
    pub values: Vec<Value>,
    /// What an optional variable leaves out, sorted by key, for `info`.
    pub left_out: Vec<LeftOut>,
    /// What stands in a layer and is an error, without its text: it is there, so nothing else is wrong for want of it.
    unread: Vec<Value>,
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            brokers,
            concurrency,
            shutdown_timeout,
            health,
            groups,
            topics,
            exclude_topics,
            default_environment,
        } = self;
        f.debug_struct("Flags")
            .field("brokers", &brokers.as_deref().map(|text| shown(BROKERS, text)))
            .field("concurrency", concurrency)
            .field("shutdown_timeout", shutdown_timeout)
            .field("health", health)
            .field("groups", groups)
            .field("topics", topics)
            .field("exclude_topics", exclude_topics)
            .field("default_environment", default_environment)
            .finish()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            app,
            environment,
            brokers,
            client_id,
            options,
            consumer_options,
            producer_options,
            redis,
            concurrency,
            shutdown_timeout,
            health,
            groups,
            topics,
            consumers,
            values,
            left_out,
            unread,
        } = self;
        let texts = |options| -> BTreeMap<_, _> {
            let options: &BTreeMap<String, String> = options;
            shown_all(options.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        };
        f.debug_struct("Settings")
            .field("app", app)
            .field("environment", environment)
            .field("brokers", &brokers.as_deref().map(|text| shown(BROKERS, text)))
            .field("client_id", client_id)
            .field("options", &texts(options))
            .field("consumer_options", &texts(consumer_options))
            .field("producer_options", &texts(producer_options))
            .field("redis", redis)
            .field("concurrency", concurrency)
            .field("shutdown_timeout", shutdown_timeout)
            .field("health", health)
            .field("groups", groups)
            .field("topics", topics)
            .field("consumers", consumers)
            .field("values", values)
            .field("left_out", left_out)
            .field("unread", unread)
            .finish()
    }
}

/// The environment of this process; what is not UTF-8 is left out.
pub(crate) fn process_variables() -> BTreeMap<String, String> {
    let variables = std::env::vars_os();
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

impl Settings {
    /// Reads all layers. `variables` is the process's environment.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order: process, groups, topics, consumers, Redis, flags.
    pub fn read(
        manifest: &Manifest,
        variables: &BTreeMap<String, String>,
        flags: &Flags,
    ) -> Result<Self, Vec<SettingError>> {
        let (settings, errors) = Self::examine(manifest, variables, flags);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// What the manifest says, and nothing from the environment: for an app inside of another program.
    ///
    /// # Errors
    ///
    /// Everything that is wrong. Where Kafka and Redis are, can still be said in `brokers` and `redis`.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self, SettingErrors> {
        Self::for_a_host(manifest, &BTreeMap::new())
    }

    /// What the manifest and the environment of this process say, in the variables of `App::run` (`KARAFKA_BROKERS`,
    /// `REDIS_URL` and so on): for an app inside of another program.
    ///
    /// # Errors
    ///
    /// As [`Settings::from_manifest`].
    pub fn from_env(manifest: &Manifest) -> Result<Self, SettingErrors> {
        Self::for_a_host(manifest, &process_variables())
    }

    fn for_a_host(manifest: &Manifest, variables: &BTreeMap<String, String>) -> Result<Self, SettingErrors> {
        let (settings, mut errors) = Self::examine(manifest, variables, &Flags::default());
        errors.retain(|error| !matches!(error, SettingError::NoBrokers { .. } | SettingError::NoRedis { .. }));
        if errors.is_empty() { Ok(settings) } else { Err(SettingErrors(errors)) }
    }

    /// As a process has them that makes these clients, and whose properties librdkafka takes and whose files are there.
    pub(crate) fn checked_for(self, clients: Clients) -> Result<Self, SettingErrors> {
        let settings = self.for_clients(clients);
        match settings.check_options().and_then(|()| settings.check_files()) {
            Ok(()) => Ok(settings),
            Err(errors) => Err(SettingErrors(errors)),
        }
    }

    /// As [`Settings::read`], for `info`: defaults stand where something is wrong.
    #[must_use]
    pub fn examine(
        manifest: &Manifest,
        variables: &BTreeMap<String, String>,
        flags: &Flags,
    ) -> (Self, Vec<SettingError>) {
        let (environment, origin) = environment(variables, flags);
        let mut layers = Layers::new(manifest, &environment, variables);
        layers.values.push(Value {
            key: "environment".to_owned(),
            text: environment.clone(),
            origin,
            ..Value::default()
        });

        refuse_unknown_keys(&mut layers, manifest);
        let flag = flags.brokers.as_deref().map(|text| ("--brokers", text));
        let brokers = layers.process(BROKERS, flag, Some("KARAFKA_BROKERS"));
        let missing = brokers.is_none() && layers.errors.is_empty();
        let brokers = layers.read_optional(brokers, parse::brokers);
        if missing && environment != DEVELOPMENT {
            let consumes = !manifest.consumers.is_empty();
            layers.errors.push(SettingError::NoBrokers { environment: environment.clone(), consumes });
        }

        let from_variables = FromVariables::of(variables);
        let Properties(mut options) = from_variables.and_options(&mut layers, OPTIONS[0]);
        let Properties(consumer_options) = from_variables.or_section(&mut layers, OPTIONS[1]);
        let Properties(producer_options) = from_variables.or_section(&mut layers, OPTIONS[2]);
        let client_id = options.remove("client.id").unwrap_or_else(|| manifest.app.to_owned());

        let flag = flags.concurrency.as_deref().map(|text| ("--concurrency", text));
        let outside = layers.outside("concurrency", flag, Some("KARAFKA_CONCURRENCY")).is_some();
        let concurrency = layers.process("concurrency", flag, Some("KARAFKA_CONCURRENCY"));
        let concurrency = layers.read(concurrency, parse::concurrency, CONCURRENCY);
        layers.note_default("concurrency", &CONCURRENCY.to_string());

        let flag = flags.shutdown_timeout.as_deref().map(|text| ("--shutdown-timeout", text));
        let shutdown_timeout = layers.process("shutdown_timeout", flag, Some("KARAFKA_SHUTDOWN_TIMEOUT"));
        let shutdown_timeout = layers.read(shutdown_timeout, parse::shutdown_timeout, Duration::from_secs(30));
        layers.note_default("shutdown_timeout", "30s");

        let flag = flags.health.as_deref().map(|text| ("--health", text));
        let default = if environment == DEVELOPMENT { "127.0.0.1:0" } else { "off" };
        let health = layers.process("health", flag, Some("KARAFKA_HEALTH"));
        let health = layers.read(health, parse::health, parse::health(default).unwrap_or_default());
        layers.note_default("health", default);

        let shared = outside.then_some(concurrency);
        let groups = manifest.groups.iter().map(|entry| {
            let options = from_variables.or_group(&mut layers, entry.name, entry.settings);
            entries::group(&mut layers, entry, shared, concurrency, options)
        });
        let groups = groups.collect();
        let topics: Vec<Topic> = manifest.topics.iter().map(|entry| entries::topic(&mut layers, entry)).collect();
        let consumers = manifest.consumers.iter().map(|entry| {
            let topic = topics.iter().find(|topic| topic.key == entry.topic);
            entries::consumer(&mut layers, manifest, entry, topic.map_or(entry.topic, |topic| &topic.name))
        });
        let consumers = consumers.collect();

        let app = manifest.app.to_owned();
        let mut settings = Self {
            app,
            environment: environment.clone(),
            brokers,
            client_id,
            options,
            consumer_options,
            producer_options,
            redis: None,
            concurrency,
            shutdown_timeout,
            health,
            groups,
            topics,
            consumers,
            values: Vec::new(),
            left_out: Vec::new(),
            unread: Vec::new(),
        };
        let misnamed = settings.select(flags);
        let hand_over = settings.consumers.iter().filter(|consumer| consumer.selected && consumer.queue.is_some());
        let topics: Vec<_> = hand_over.map(|consumer| consumer.topic.clone()).collect();
        if !topics.is_empty() {
            match cfg!(feature = "jobs") {
                true => settings.redis = redis_settings::read(&mut layers, &environment),
                false => layers.errors.push(SettingError::JobsNotCompiledIn { topics }),
            }
        }
        let Layers { values, left_out, mut errors, .. } = layers;
        settings.values = values;
        settings.values.sort_by(|a, b| a.key.cmp(&b.key));
        settings.left_out = left_out;
        settings.left_out.sort_by(|a, b| a.key.cmp(&b.key));
        settings.unread = errors.iter().filter_map(SettingError::unread).collect();
        errors.extend(settings.names_that_meet());
        errors.extend(settings.own_dead_letters());
        errors.extend(misnamed);
        (settings, errors)
    }

    /// The topics by their names in Kafka with their partitions, as an embedded broker makes them; behind those of the
    /// manifest, dead letter topics that are not there.
    #[must_use]
    pub fn development_topics(&self) -> Vec<(String, i32)> {
        let partitions = |topic: &Topic| topic.partitions.unwrap_or(DEVELOPMENT_PARTITIONS);
        let mut topics: Vec<_> = self.topics.iter().map(|topic| (topic.name.clone(), partitions(topic))).collect();
        let listed: BTreeSet<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        let dead_letters = self.consumers.iter().filter_map(|consumer| consumer.dead_letter.as_deref());
        let unlisted: BTreeSet<&str> = dead_letters.filter(|name| !listed.contains(name)).collect();
        topics.extend(unlisted.into_iter().map(|name| (name.to_owned(), DEVELOPMENT_PARTITIONS)));
        topics
    }

    /// Whether this is development.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.environment == DEVELOPMENT
    }

    /// The group of this key, as [`Group::name`] has it.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The topic of this key.
    #[must_use]
    pub fn topic(&self, key: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.key == key)
    }

    /// The settings of a consumer.
    #[must_use]
    pub fn consumer(&self, entry: &ConsumerEntry) -> Option<&Consumer> {
        self.consumers.iter().find(|consumer| consumer.topic == entry.topic && consumer.group == entry.group)
    }

    /// Whether a key stands somewhere, and its value is an error already.
    fn is_unread(&self, key: &str) -> bool {
        self.unread.iter().any(|value| value.key == key)
    }

    /// A record that cannot be handled would come back for ever.
    fn own_dead_letters(&self) -> Vec<SettingError> {
        let own = |consumer: &&Consumer| {
            if self.is_unread(&format!("topics.{}.name", consumer.topic)) {
                return false;
            }
            let name = self.topic(&consumer.topic).map(|topic| topic.name.as_str());
            consumer.dead_letter.is_some() && consumer.dead_letter.as_deref() == name
        };
        let error = |consumer: &Consumer| SettingError::OwnDeadLetter {
            topic: consumer.topic.clone(),
            name: consumer.dead_letter.clone().unwrap_or_default(),
        };
        self.consumers.iter().filter(own).map(error).collect()
    }

    /// Two groups with one id would take each other's partitions; two topics of one name would be consumed twice.
    fn names_that_meet(&self) -> Vec<SettingError> {
        let groups = self.groups.iter().map(|group| (group.name.as_str(), group.id.as_str()));
        let topics = self.topics.iter().map(|topic| (topic.key.as_str(), topic.name.as_str()));
        let mut errors = self.meetings("groups", "id", groups);
        errors.extend(self.meetings("topics", "name", topics));
        errors
    }

    fn meetings<'a>(
        &self,
        what: &'static str,
        setting: &'static str,
        names: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Vec<SettingError> {
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (written, name) in names {
            by_name.entry(name).or_default().push(written);
        }
        by_name.values_mut().for_each(|written| {
            written.retain(|written| !self.is_unread(&format!("{what}.{written}.{setting}")));
        });
        let meeting = by_name.into_iter().filter(|(_, written)| written.len() > 1);
        let error = |(name, written): (&str, Vec<&str>)| {
            let keys: Vec<String> = written.iter().map(|written| format!("{what}.{written}.{setting}")).collect();
            let values = keys.iter().filter_map(|key| self.values.iter().find(|value| value.key == *key));
            let mut through: Vec<String> = Vec::new();
            for variable in values.flat_map(|value| &value.through) {
                if !through.contains(variable) {
                    through.push(variable.clone());
                }
            }
            let written = written.into_iter().map(str::to_owned).collect();
            SettingError::SameName { what, setting, written, name: name.to_owned(), through }
        };
        meeting.map(error).collect()
    }

    /// Marks what the flags leave in.
    fn select(&mut self, flags: &Flags) -> Vec<SettingError> {
        let mut errors = Vec::new();
        let mut known = |flag, what, wanted: &[String], of: &dyn Fn(&Consumer) -> [String; 2]| {
            let all: Vec<[String; 2]> = self.consumers.iter().map(of).collect();
            for name in wanted {
                if !all.iter().any(|names| names.contains(name)) {
                    let mut known: Vec<_> = all.iter().map(|[name, _]| name.as_str()).collect();
                    known.sort_unstable();
                    known.dedup();
                    let group = self.groups.iter().find(|group| what == "group" && group.id == *name);
                    let instead = match group {
                        Some(group) => Some(format!("that is the id in Kafka of `{}`: write `{flag} {0}`", group.name)),
                        None => nearest(name, &known).map(|near| format!("did you mean `{near}`?")),
                    };
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    errors.push(SettingError::UnknownName { flag, what, name: name.clone(), known, instead });
                }
            }
            all
        };
        let group_names = |consumer: &Consumer| {
            let group = self.group(&consumer.group).filter(|group| group.name.contains("${"));
            // Nobody can be asked to write `${…}` in a shell.
            let name = group.map_or(&consumer.group, |group| &group.id).clone();
            [name, consumer.group.clone()]
        };
        let topic_names = |consumer: &Consumer| {
            let name = self.topic(&consumer.topic).map_or_else(String::new, |topic| topic.name.clone());
            [consumer.topic.clone(), name]
        };
        let groups = known("--groups", "group", &flags.groups, &group_names);
        let topics = known("--topics", "topic", &flags.topics, &topic_names);
        known("--exclude-topics", "topic", &flags.exclude_topics, &topic_names);

        let names = |wanted: &[String], names: &[String; 2]| wanted.iter().any(|name| names.contains(name));
        for (index, consumer) in self.consumers.iter_mut().enumerate() {
            consumer.selected = (flags.groups.is_empty() || names(&flags.groups, &groups[index]))
                && (flags.topics.is_empty() || names(&flags.topics, &topics[index]))
                && !names(&flags.exclude_topics, &topics[index]);
        }
        for group in &mut self.groups {
            group.selected = self.consumers.iter().any(|consumer| consumer.selected && consumer.group == group.name);
        }
        let nothing = !self.consumers.is_empty() && !self.consumers.iter().any(|consumer| consumer.selected);
        if nothing && errors.is_empty() {
            errors.push(SettingError::NothingSelected);
        }
        errors
    }
}

/// The name that was probably meant.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // Two slips in a long name, one in a short one.
    let near = |known: &&str| strsim::osa_distance(name, known) <= if known.len() < 4 { 1 } else { 2 };
    known.iter().copied().filter(near).min_by_key(|known| strsim::osa_distance(name, known))
}

fn refuse_unknown_keys(layers: &mut Layers<'_>, manifest: &Manifest) {
    let of_environments = manifest.environments.iter().flat_map(|(_, settings)| settings.iter());
    let written = manifest.settings.iter().chain(of_environments).map(|(key, _)| *key);
    let is_option = |key: &str| OPTIONS.iter().any(|prefix| key.starts_with(prefix));
    let known = [&[BROKERS, "concurrency", "shutdown_timeout", "health"], &redis_settings::KEYS[..]].concat();
    entries::refuse_unknown(layers, written.filter(|key| !is_option(key)), &known, str::to_owned);
}

/// `KARAFKA_ENV`, or what fits how the process was started.
fn environment(variables: &BTreeMap<String, String>, flags: &Flags) -> (String, Origin) {
    if let Some(name) = variables.get("KARAFKA_ENV").filter(|name| !name.is_empty()) {
        return (name.clone(), Origin::Variable("KARAFKA_ENV".to_owned()));
    }
    let run_by_cargo = variables.contains_key("CARGO") && variables.contains_key("CARGO_MANIFEST_DIR");
    let name = flags.default_environment.unwrap_or(if run_by_cargo { DEVELOPMENT } else { PRODUCTION });
    (name.to_owned(), Origin::Default)
}

#[cfg(test)]
mod tests;
