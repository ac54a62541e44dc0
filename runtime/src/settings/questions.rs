//! Variables that are nearly right: nothing reads them as they are, and a person has probably meant others.

use std::{collections::BTreeMap, fmt};

use super::expand;
use crate::{foreign, manifest::Manifest};

/// What says where Kafka is.
const BROKERS: &str = "KARAFKA_BROKERS";

/// What the process reads, but for `KARAFKA_OPTIONS_…`, whose names librdkafka checks.
const VARIABLES: [&str; 6] =
    ["KARAFKA_ENV", BROKERS, "KARAFKA_CONCURRENCY", "KARAFKA_SHUTDOWN_TIMEOUT", "KARAFKA_HEALTH", "KARAFKA_LOG"];

/// Environments that need no entry in the manifest.
const ENVIRONMENTS: [&str; 2] = [super::DEVELOPMENT, super::PRODUCTION];

/// How near a name must be to be what was meant.
const NEAR_ENOUGH: f64 = 0.8;

/// Something that is probably not meant as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// A variable that nothing reads.
    Variable {
        /// Its name.
        name: String,
        /// The one that was probably meant.
        meant: &'static str,
    },
    /// `KARAFKA_ENV` names an environment that the manifest does not have, beside one that it has.
    Environment {
        /// Its name.
        name: String,
        /// The one that was probably meant.
        meant: String,
    },
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name, meant } => {
                write!(f, "the variable {} is set, and nothing reads it: did you mean {meant}?", foreign::line(name))
            }
            Self::Environment { name, meant } => write!(
                f,
                "KARAFKA_ENV is {}, and the settings of `{meant}` do not hold there: did you mean KARAFKA_ENV={meant}?",
                foreign::line(name)
            ),
        }
    }
}

impl Question {
    /// Whether it is about where Kafka is.
    #[must_use]
    pub fn is_of_brokers(&self) -> bool {
        matches!(self, Self::Variable { meant: BROKERS, .. })
    }
}

/// Everything about the process's environment that is probably not meant as it is, by name.
#[must_use]
pub fn questions(manifest: &Manifest, variables: &BTreeMap<String, String>) -> Vec<Question> {
    let mut questions: Vec<_> = variables
        .keys()
        .filter(|name| !VARIABLES.contains(&name.as_str()) && !name.starts_with("KARAFKA_OPTIONS_"))
        .filter(|name| !is_named(manifest, name))
        .filter_map(|name| {
            let meant = nearest(name, VARIABLES.iter().copied())?;
            // One that is set as well was meant, and this is another's.
            (!variables.contains_key(meant)).then(|| Question::Variable { name: name.clone(), meant })
        })
        .collect();
    questions.extend(environment(manifest, variables));
    questions
}

fn environment(manifest: &Manifest, variables: &BTreeMap<String, String>) -> Option<Question> {
    let name = variables.get("KARAFKA_ENV").filter(|name| !name.is_empty())?;
    let known = || manifest.environments.iter().map(|(name, _)| *name).chain(ENVIRONMENTS);
    if known().any(|known| known == name) {
        return None;
    }
    let plain = name.to_lowercase();
    let is_short = |known: &&str| plain.len() >= 3 && known.starts_with(&plain);
    let meant = known().find(is_short).or_else(|| nearest(&plain, known()))?;
    Some(Question::Environment { name: name.clone(), meant: meant.to_owned() })
}

/// Whether the manifest itself reads a variable.
fn is_named(manifest: &Manifest, name: &str) -> bool {
    let of_environments = manifest.environments.iter().map(|(_, settings)| *settings);
    let of_groups = manifest.groups.iter().map(|group| group.settings);
    let of_topics = manifest.topics.iter().map(|topic| topic.settings);
    let of_consumers = manifest.consumers.iter().map(|consumer| consumer.settings);
    let settings = [manifest.settings].into_iter().chain(of_environments).chain(of_groups).chain(of_topics);
    let texts = settings.chain(of_consumers).flatten().map(|(_, text)| *text);
    let groups = manifest.groups.iter().map(|group| group.name);
    texts.chain(groups).any(|text| expand::names(text).contains(&name))
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&word.to_uppercase(), &known.to_uppercase());
    let near = known.map(|known| (likeness(known), known)).filter(|(likeness, _)| *likeness >= NEAR_ENOUGH);
    near.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: Manifest = Manifest {
        app: "shop",
        version: "0.1.0",
        root: "/app",
        settings: &[("kafka.brokers", "${KARAFKA_BROKER:-kafka:9092}")],
        environments: &[("production", &[("concurrency", "64")]), ("staging", &[])],
        groups: &[],
        topics: &[],
        consumers: &[],
    };

    fn asked(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        questions(&MANIFEST, &variables).iter().map(ToString::to_string).collect()
    }

    /// If this fails, a slip in a variable's name is found out in production, by what the app does instead.
    #[test]
    fn a_variable_that_is_nearly_right_is_questioned() {
        for (name, meant) in [
            ("KARAFKA_CONCURENCY", "KARAFKA_CONCURRENCY"),
            ("KARAFKA_BROKRS", "KARAFKA_BROKERS"),
            ("KARAFKA_SHUTDOWN_TIMOUT", "KARAFKA_SHUTDOWN_TIMEOUT"),
            ("KARAFKA_HEALHT", "KARAFKA_HEALTH"),
            ("KARFKA_LOG", "KARAFKA_LOG"),
            ("Karafka_Env", "KARAFKA_ENV"),
        ] {
            let words = format!("the variable {name} is set, and nothing reads it: did you mean {meant}?");
            assert_eq!(asked(&[(name, "x")]), [words]);
        }
    }

    /// If this fails, a process that makes no client is asked about brokers, or one that makes some is not.
    #[test]
    fn some_questions_are_about_kafka() {
        let is_of_brokers = |name: &str| {
            let found = questions(&MANIFEST, &BTreeMap::from([(name.to_owned(), "x".to_owned())]));
            found.iter().map(Question::is_of_brokers).collect::<Vec<_>>()
        };
        assert_eq!(is_of_brokers("KARAFKA_BROKRS"), [true]);
        assert_eq!(is_of_brokers("KARAFKA_HEALHT"), [false]);
    }

    /// If this fails, a word is questioned that has little to do with ours, or one that has is not.
    #[test]
    fn four_fifths_are_near_enough() {
        assert_eq!(nearest("abcdx", ["abcde"].into_iter()), Some("abcde"));
        assert_eq!(nearest("abcxy", ["abcde"].into_iter()), None);
    }

    /// If this fails, an app is asked about variables that are others', or that its manifest reads.
    #[test]
    fn other_variables_are_left_alone() {
        let ours = [
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_LOG", "debug"),
            ("KARAFKA_OPTIONS_SECURITY_PROTOCOL", "ssl"),
            ("KARAFKA_BROKER", "kafka:9092"),
            ("KAFKA_VERSION", "4.3"),
            ("KARAFKA_TOPIC_PREFIX", "eu."),
            ("PATH", "/bin"),
            ("KARAFKA_CONCURRENCY", "3"),
            ("KARAFKA_CONCURENCY", "4"),
        ];
        assert_eq!(asked(&ours), [""; 0]);
    }

    /// If this fails, `KARAFKA_ENV=prod` runs without the settings of production, and nobody is told.
    #[test]
    fn an_environment_that_is_nearly_right_is_questioned() {
        for (name, meant) in [
            ("prod", "production"),
            ("Production", "production"),
            ("stag", "staging"),
            ("dev", "development"),
            ("stagin", "staging"),
        ] {
            let words = format!(
                "KARAFKA_ENV is {name}, and the settings of `{meant}` do not hold there: did you mean KARAFKA_ENV={meant}?"
            );
            assert_eq!(asked(&[("KARAFKA_ENV", name)]), [words]);
        }
        for name in ["", "production", "staging", "development", "test", "ci", "eu-west-1", "pr"] {
            assert_eq!(asked(&[("KARAFKA_ENV", name)]), [""; 0], "{name}");
        }
    }
}
