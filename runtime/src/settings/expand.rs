//! Reads `${…}` in the manifest's settings.
//!
//! | written | the variable is set | it is empty | it is not set |
//! | --- | --- | --- | --- |
//! | `${NAME}` | its value | an empty text | an error |
//! | `${NAME:-default}` | its value | the default | the default |
//! | `${NAME?}` | its value | the setting is left out | the setting is left out |
//!
//! `$${` stands for `${` itself; any other `$` is itself. What a variable holds is never read again.

use std::{collections::BTreeMap, fmt};

/// A text with its variables filled in. `Debug` leaves the text out, which may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The text; `None` if a `${NAME?}` leaves the setting out.
    pub text: Option<String>,
    /// The variables that it names, in their order.
    pub variables: Vec<String>,
    /// Those of them that are not set: their defaults are in the text, or, without a text, they leave the setting out.
    pub absent: Vec<String>,
}

impl fmt::Debug for Expanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text: _, variables, absent } = self;
        f.debug_struct("Expanded").field("variables", variables).field("absent", absent).finish_non_exhaustive()
    }
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// A `${NAME}` whose variable is not set.
    #[error("the variable `{variable}` is not set")]
    Unset {
        /// The variable.
        variable: String,
    },
    /// A `${` without its `}`.
    #[error("`${{` has no `}}`")]
    Unclosed,
    /// What stands between `${` and `}` is not one of the three forms.
    #[error("`${{{inside}}}` is not `${{NAME}}`, `${{NAME:-default}}` or `${{NAME?}}`")]
    Malformed {
        /// What stands between the braces.
        inside: String,
    },
}

/// A piece of a text.
enum Segment<'a> {
    Text(&'a str),
    Variable { name: &'a str, otherwise: Fallback<'a> },
}

/// What an absent variable means.
enum Fallback<'a> {
    Fail,
    Default(&'a str),
    LeaveOut,
}

/// Fills in the variables of `text`.
///
/// # Errors
///
/// The first [`ExpandError`], in the order of the text.
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> Result<Expanded, ExpandError> {
    let mut expanded = Expanded { text: None, variables: Vec::new(), absent: Vec::new() };
    let mut result = String::with_capacity(text.len());
    let mut left_out = false;
    for piece in pieces(text)? {
        let (name, otherwise) = match piece {
            Segment::Text(text) => {
                result.push_str(text);
                continue;
            }
            Segment::Variable { name, otherwise } => (name, otherwise),
        };
        expanded.variables.push(name.to_owned());
        let value = variables.get(name).map(String::as_str);
        match (value, otherwise) {
            (Some("") | None, Fallback::Default(default)) => {
                if !left_out {
                    expanded.absent.push(name.to_owned());
                }
                result.push_str(default);
            }
            (Some("") | None, Fallback::LeaveOut) => {
                // Defaults beside it come to nothing.
                if !std::mem::replace(&mut left_out, true) {
                    expanded.absent.clear();
                }
                expanded.absent.push(name.to_owned());
            }
            (None, Fallback::Fail) => return Err(ExpandError::Unset { variable: name.to_owned() }),
            (Some(value), _) => result.push_str(value),
        }
    }
    expanded.text = (!left_out).then_some(result);
    Ok(expanded)
}

/// The variables that `text` names, in their order; none if it cannot be read.
#[must_use]
pub fn names(text: &str) -> Vec<&str> {
    let pieces = pieces(text).unwrap_or_default();
    let name = |piece| match piece {
        Segment::Variable { name, .. } => Some(name),
        Segment::Text(_) => None,
    };
    pieces.into_iter().filter_map(name).collect()
}

/// Whether every `${…}` of `text` has one of the three forms; for `karafka check`, which does not know the variables.
///
/// # Errors
///
/// [`ExpandError::Unclosed`] or [`ExpandError::Malformed`].
pub fn check_syntax(text: &str) -> Result<(), ExpandError> {
    pieces(text).map(|_| ())
}

fn pieces(text: &str) -> Result<Vec<Segment<'_>>, ExpandError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            // `$${`: the first `$` goes, the rest is text.
            pieces.push(Segment::Text(&rest[..at - 1]));
            pieces.push(Segment::Text("${"));
            rest = &rest[at + 2..];
            continue;
        }
        pieces.push(Segment::Text(&rest[..at]));
        let inside_on = &rest[at + 2..];
        let end = inside_on.find('}').ok_or(ExpandError::Unclosed)?;
        pieces.push(variable(&inside_on[..end])?);
        rest = &inside_on[end + 1..];
    }
    pieces.push(Segment::Text(rest));
    Ok(pieces)
}

fn variable(inside: &str) -> Result<Segment<'_>, ExpandError> {
    let (name, otherwise) = if let Some((name, default)) = inside.split_once(":-") {
        (name, Fallback::Default(default))
    } else if let Some(name) = inside.strip_suffix('?') {
        (name, Fallback::LeaveOut)
    } else {
        (inside, Fallback::Fail)
    };
    let nested = matches!(otherwise, Fallback::Default(default) if default.contains("${"));
    if nested || !is_variable_name(name) {
        return Err(ExpandError::Malformed { inside: inside.to_owned() });
    }
    Ok(Segment::Variable { name, otherwise })
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn environment() -> BTreeMap<String, String> {
        BTreeMap::from([
            ("HOST".to_owned(), "kafka".to_owned()),
            ("EMPTY".to_owned(), String::new()),
            ("SLY".to_owned(), "${HOST}".to_owned()),
        ])
    }

    fn expanded(text: &str) -> Result<Option<String>, ExpandError> {
        expand(text, &environment()).map(|expanded| expanded.text)
    }

    /// If this fails, an app connects to brokers, or with secrets, that its manifest does not say.
    #[test]
    fn fills_in_each_form() {
        for (written, wanted) in [
            ("plain", Some("plain")),
            ("a$${HOST}", Some("a${HOST}")),
            ("", Some("")),
            ("${HOST}:9092", Some("kafka:9092")),
            ("${HOST}${HOST}", Some("kafkakafka")),
            ("${EMPTY}", Some("")),
            ("${EMPTY:-x}", Some("x")),
            ("${NONE:-}events", Some("events")),
            ("${NONE:-localhost:9092}", Some("localhost:9092")),
            ("${HOST:-localhost}", Some("kafka")),
            ("${NONE?}", None),
            ("${EMPTY?}", None),
            ("a${NONE?}b", None),
            ("${HOST?}", Some("kafka")),
            ("${SLY}", Some("${HOST}")),
            ("$${HOST}", Some("${HOST}")),
            ("cost: 5$ or $HOST", Some("cost: 5$ or $HOST")),
            ("$$", Some("$$")),
            ("é${HOST}ü", Some("ékafkaü")),
        ] {
            assert_eq!(expanded(written).unwrap().as_deref(), wanted, "{written}");
        }
    }

    /// If this fails, a typo in `${…}` reaches Kafka as text, and the app's author looks for it in the wrong place.
    #[test]
    fn refuses_what_is_no_variable() {
        assert_eq!(expanded("${NONE}"), Err(ExpandError::Unset { variable: "NONE".to_owned() }));
        assert_eq!(expanded("${HOST"), Err(ExpandError::Unclosed));
        for inside in ["", "1A", "A B", "A-x", "A:x", "?", ":-x", "HÖST", "A:-${B", "A??"] {
            let error = expanded(&format!("${{{inside}}}"));
            assert_eq!(error, Err(ExpandError::Malformed { inside: inside.to_owned() }), "{inside}");
        }
    }

    proptest! {
        /// If this fails, a manifest's text stops the app with a panic instead of an error.
        #[test]
        fn never_panics(text in r"([$${}?:\-A-Zé ]|\$\{|HOST|:-){0,24}") {
            let _ = expand(&text, &environment());
            let _ = check_syntax(&text);
        }

        /// If this fails, text without variables is changed on its way to Kafka.
        #[test]
        fn plain_text_stays(text in r"[^$]{0,40}") {
            prop_assert_eq!(expanded(&text).unwrap(), Some(text));
        }
    }
}
