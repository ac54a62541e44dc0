//! Which logs are written: what `KARAFKA_LOG` and `RUST_LOG` say.
//!
//! Not by tracing-subscriber's `EnvFilter`: its cargo feature would hold for all of the program that an app is embedded in, and
//! makes the `fmt::init()` of that one show errors alone.

use std::collections::BTreeMap;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Where a filter may stand; the first one that says something holds.
const VARIABLES: [&str; 2] = ["KARAFKA_LOG", "RUST_LOG"];

/// What holds where nobody says, or nothing that can be read.
const DEFAULT: &str = "info,karafka::perform=off,rdkafka=off,librdkafka=error";

/// What these variables say, and what is wrong with it: a part that cannot be read is left out.
pub(super) fn of(variables: &BTreeMap<String, String>) -> (Targets, Vec<String>) {
    let mut complaints = Vec::new();
    let said = VARIABLES.iter().find_map(|name| Some((*name, variables.get(*name).filter(|text| !text.is_empty())?)));
    let said = said.and_then(|(name, text)| read(name, text, &mut complaints));
    let filter = said.or_else(|| read(VARIABLES[0], DEFAULT, &mut Vec::new()));
    (filter.unwrap_or_default(), complaints)
}

/// The parts of a text that can be read; `None` if it has none.
fn read(variable: &str, text: &str, complaints: &mut Vec<String>) -> Option<Targets> {
    let mut targets: Option<Targets> = None;
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match directive(part) {
            Ok((target, level)) => {
                let known = targets.take().unwrap_or_default();
                targets = Some(match target {
                    Some(target) => known.with_target(target, level),
                    None => known.with_default(level),
                });
            }
            Err(reason) => complaints.push(format!("{variable}: `{part}` is ignored: {reason}")),
        }
    }
    targets
}

/// `LEVEL`, `TARGET=LEVEL`, or `TARGET` for all of it.
fn directive(part: &str) -> Result<(Option<&str>, LevelFilter), &'static str> {
    if part.contains(['[', ']', '{', '}', '/']) {
        return Err("it is neither `LEVEL` nor `TARGET=LEVEL`, and spans, fields and words are not filtered by");
    }
    let level =
        |level: &str| level.parse().map_err(|_| "levels are `trace`, `debug`, `info`, `warn`, `error` and `off`");
    match part.split_once('=') {
        None => Ok(part.parse().map_or((Some(part), LevelFilter::TRACE), |level| (None, level))),
        Some((target, "")) => Ok((Some(target.trim()), LevelFilter::TRACE)),
        Some((target, text)) => Ok((Some(target.trim()), level(text.trim())?)),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    /// What is written with these variables, and how many complaints there are.
    fn written(variables: &[(&str, &str)], target: &str) -> (Option<Level>, usize) {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let (filter, complaints) = of(&variables);
        let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
        (levels.into_iter().find(|level| filter.would_enable(target, level)), complaints.len())
    }

    /// If this fails, a variable does not show what the book says it shows, or hides it; or a slip in it hides everything.
    #[test]
    fn variables_say_which_logs_are_written() {
        let of = |text, target| written(&[("KARAFKA_LOG", text)], target);
        for (text, target, level, complaints) in [
            ("", "karafka", Some(Level::INFO), 0),
            ("", "shop::orders", Some(Level::INFO), 0),
            ("", "karafka::perform", None, 0),
            ("", "rdkafka::client", None, 0),
            ("", "librdkafka", Some(Level::ERROR), 0),
            ("warn", "karafka", Some(Level::WARN), 0),
            ("off", "karafka", None, 0),
            ("WARN", "karafka", Some(Level::WARN), 0),
            ("info,karafka=debug", "karafka", Some(Level::DEBUG), 0),
            ("info, karafka = debug ,", "karafka", Some(Level::DEBUG), 0),
            ("info,karafka=debug", "shop", Some(Level::INFO), 0),
            ("karafka=debug", "shop", None, 0),
            ("info,karafka::perform=info", "karafka::perform", Some(Level::INFO), 0),
            ("info,librdkafka=debug", "librdkafka", Some(Level::DEBUG), 0),
            ("shop", "shop::orders", Some(Level::TRACE), 0),
            ("shop=", "shop::orders", Some(Level::TRACE), 0),
            ("debug,shop=loud", "shop", Some(Level::DEBUG), 1),
            ("shop=loud", "shop", Some(Level::INFO), 1),
            ("warn,[perform{topic=orders}]=debug,karafka[perform]=debug,shop/word", "karafka", Some(Level::WARN), 3),
        ] {
            assert_eq!(of(text, target), (level, complaints), "`{text}` of {target}");
        }
        let both = [("RUST_LOG", "debug"), ("KARAFKA_LOG", "warn")];
        assert_eq!(written(&both, "shop"), (Some(Level::WARN), 0));
        assert_eq!(written(&[("RUST_LOG", "debug"), ("KARAFKA_LOG", "")], "shop"), (Some(Level::DEBUG), 0));
    }
}
