//! Names of apps, which are names of packages and of crates too.

use super::{NameError, Refusal, case::snake, letters, reserved};

/// The limit of registries for a package's name.
const LIMIT: usize = 64;

/// Checks the name of an app: `[a-z][a-z0-9]*([-_][a-z0-9]+)*`, at most 64 bytes, neither refused by Cargo nor in the
/// way of a crate that the app needs.
///
/// # Errors
///
/// [`NameError`], with the form that works where one can be told.
pub fn app_name(name: &str) -> Result<(), NameError> {
    strict(name).map_err(|why| NameError {
        instead: repairs(name).into_iter().find(|form| strict(form).is_ok()),
        ..why.of(name)
    })
}

/// The library's name in Rust: `-` becomes `_`.
#[must_use]
pub fn crate_name(app: &str) -> String {
    app.replace('-', "_")
}

fn strict(name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::Empty);
    }
    letters::ascii(name)?;
    if let Some(found) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        return Err(Refusal::Character { found, allowed: "an app is named in small letters, digits, `-` and `_`" });
    }
    if let Some(found) = name.chars().find(char::is_ascii_uppercase) {
        return Err(Refusal::Character { found, allowed: "Rust warns about capitals in the name of a crate" });
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Refusal::NotSmall);
    }
    if name.split(['-', '_']).any(str::is_empty) {
        return Err(Refusal::Separators);
    }
    if name.len() > LIMIT {
        return Err(Refusal::TooLong { length: name.len(), limit: LIMIT });
    }
    let crate_name = crate_name(name);
    let because = match crate_name.as_str() {
        "std" | "core" | "alloc" | "proc_macro" | "test" => "it would hide a crate of Rust's own",
        "karafka" | "serde" | "tokio" => "it would hide a crate that the app depends on",
        "deps" | "examples" | "build" | "incremental" => "Cargo keeps its own files under that name",
        word if reserved::is_keyword(word) => "it is a keyword of Rust",
        word if reserved::is_device(word) => "Windows keeps it for a device",
        _ => return Ok(()),
    };
    Err(Refusal::Crate { because })
}

fn repairs(name: &str) -> Vec<String> {
    let Some(plain) = letters::plain(name) else { return Vec::new() };
    let words = snake(&plain);
    let words = words.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    let words = if plain.contains('-') { words.replace('_', "-") } else { words.to_owned() };
    vec![words.clone(), format!("{words}-app")]
}
