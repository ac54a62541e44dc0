//! Snake case and camel case: one rule for files, modules, fields, types and variants.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// `details_controller` from `DetailsController`, `http_events` from `HTTPEvents`, `s3_uploads` from `S3Uploads`.
///
/// A word ends where a small letter meets a capital, before the last of several capitals, and at anything that is
/// neither letter nor digit; a digit belongs to the word that it follows.
#[must_use]
pub fn snake(text: &str) -> String {
    // Most fields are written so; this is what the rule makes of them too (held by `tests::snake_case_stays`).
    let stays = is_small(text) && !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    if stays { text.to_owned() } else { text.to_snake_case() }
}

/// `SendMessage` from `send-message`, `sendMessage` and `send_message`; the words are those of [`snake`].
#[must_use]
pub fn camel(text: &str) -> String {
    // Most topics are written so, and then only `_` ends a word (held by `tests::small_words_are_capitalized`).
    if is_small(text) { join_capitalized(text) } else { text.to_upper_camel_case() }
}

fn is_small(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Capitals at the head of each part, the rest as it is: `HTTP_events` gives `HTTPEvents`. Repairs what was meant as
/// a constant without touching its acronyms.
pub(super) fn join_capitalized(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for part in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let mut letters = part.chars();
        if let Some(first) = letters.next() {
            joined.push(first.to_ascii_uppercase());
            joined.push_str(letters.as_str());
        }
    }
    joined
}
