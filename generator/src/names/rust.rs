//! Rust names for what the manifest names in its own way: fields, enum values, topics, messages.

use super::{
    NameError, Refusal,
    case::{camel, join_capitalized, snake},
    letters, reserved,
};

/// Kafka's limit for a topic's name, in bytes.
const TOPIC_LIMIT: usize = 249;

/// The Rust name of a field: snake case, `r#type` for a keyword, `self_` where a keyword cannot be raw, `_2fa` where
/// it would begin with a digit.
///
/// # Errors
///
/// [`NameError`] if nothing of the name is left for Rust, or it holds what is not printable ASCII.
pub fn field_name(wire_name: &str) -> Result<String, NameError> {
    printable(wire_name).map_err(|why| why.of(wire_name))?;
    let name = snake(wire_name);
    Ok(if reserved::is_keyword(&name) {
        if reserved::can_be_raw(&name) { format!("r#{name}") } else { format!("{name}_") }
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    })
}

/// The Rust name of an enum's value, or of a tag of `one_of`: camel case, `Value404` where it would begin with a
/// digit, `Self_` for `self`.
///
/// # Errors
///
/// As [`field_name`].
pub fn variant_name(wire_name: &str) -> Result<String, NameError> {
    printable(wire_name).map_err(|why| why.of(wire_name))?;
    let name = camel(wire_name);
    Ok(if name == "Self" {
        "Self_".to_owned()
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("Value{name}")
    } else {
        name
    })
}

/// The Rust type of a topic, from its key: `send-message`, `sendMessage` and `send_message` are `SendMessage`.
/// `Topic` goes before a digit and before `Self`.
///
/// # Errors
///
/// As [`topic_name`], and if the key holds neither a letter nor a digit.
pub fn topic_type(key: &str) -> Result<String, NameError> {
    topic_name(key)?;
    printable(key).map_err(|why| why.of(key))?;
    let name = camel(key);
    let taken = name == "Self" || name.starts_with(|c: char| c.is_ascii_digit());
    Ok(if taken { format!("Topic{name}") } else { name })
}

/// Checks a topic's name by Kafka's rule: 1 to 249 bytes of `[A-Za-z0-9._-]`, but not `.` or `..`.
///
/// # Errors
///
/// [`NameError`] with the first thing that Kafka would refuse.
pub fn topic_name(name: &str) -> Result<(), NameError> {
    strict_topic(name).map_err(|why| {
        let plain = letters::plain(name).unwrap_or_default();
        let words: Vec<&str> = plain.split(|c| !of_topic(c)).filter(|word| !word.is_empty()).collect();
        let form = words.join("_");
        let works = strict_topic(&form).and_then(|()| printable(&form)).is_ok();
        NameError { instead: works.then_some(form), ..why.of(name) }
    })
}

fn of_topic(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn strict_topic(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::Empty);
    }
    letters::ascii(name)?;
    if let Some(found) = name.chars().find(|c| !of_topic(*c)) {
        return Err(Refusal::Character { found, allowed: "a topic is made of letters, digits, `.`, `_` and `-`" });
    }
    if name.len() > TOPIC_LIMIT {
        return Err(Refusal::TooLong { length: name.len(), limit: TOPIC_LIMIT });
    }
    if matches!(name, "." | "..") {
        return Err(Refusal::Dots);
    }
    Ok(())
}

/// Checks the name of a message: `[A-Z][A-Za-z0-9]*`, and no keyword of Rust.
///
/// # Errors
///
/// [`NameError`], with the form that works where one can be told.
pub fn message_name(name: &str) -> Result<(), NameError> {
    let strict = |name: &str| {
        letters::ascii(name)?;
        if name.is_empty() {
            return Err(Refusal::Empty);
        }
        if let Some(found) = name.chars().find(|c| !c.is_ascii_alphanumeric()) {
            return Err(Refusal::Character { found, allowed: "a message is named in letters and digits" });
        }
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Err(Refusal::NotCapital { part: name.to_owned() });
        }
        if reserved::is_keyword(name) { Err(Refusal::KeywordItself) } else { Ok(()) }
    };
    strict(name).map_err(|why| {
        let plain = letters::plain(name).map(|plain| join_capitalized(&plain));
        NameError { instead: plain.filter(|form| strict(form).is_ok()), ..why.of(name) }
    })
}

/// Printable ASCII with a letter or a digit in it: what serde can carry under another name.
fn printable(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::Empty);
    }
    letters::ascii(name)?;
    if let Some(found) = name.chars().find(char::is_ascii_control) {
        return Err(Refusal::Character { found, allowed: "names are printable" });
    }
    if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Refusal::NoLetter);
    }
    Ok(())
}
