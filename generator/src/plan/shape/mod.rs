//! The shape of a generated file: what is left of its text when nothing counts that a formatter may change.
//!
//! `cargo fmt` under somebody's own `rustfmt.toml` breaks lines elsewhere, and git writes other line ends: neither is an
//! edit. A token or a word of a comment that is another one is. What rustfmt may do to the files that are generated:
//! blanks and line ends, commas before a bracket that closes, braces around the value of a match arm, the order of `use`
//! and `mod` items that follow each other, and how a `use` is put together. A table of its settings holds this
//! (`no_setting_of_rustfmt_makes_an_edit`, of the generator's tests).

mod items;
#[cfg(test)]
mod tests;
mod tokens;

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::lock;

/// The shape of a text, as a hash. Of one that is no Rust, only the line ends do not count.
pub(super) fn of(text: &str) -> String {
    let text = with_plain_line_ends(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Some(cut) = tokens::cut(text) else { return lock::hash(text) };
    let mut hash = Sha256::new();
    // What no text has in it stands between the parts, so that none runs into the next.
    let mut add = |part: &str| {
        hash.update(part);
        hash.update([0xff]);
    };
    settled(&items::in_order(&cut.tokens)).into_iter().for_each(&mut add);
    let mut kind = "";
    for comment in &cut.comments {
        // Comments that follow each other are one text, wherever its lines end.
        let mut words = comment.text.split_ascii_whitespace().peekable();
        if kind != comment.kind && words.peek().is_some() {
            kind = comment.kind;
            add(kind);
        }
        words.for_each(&mut add);
    }
    lock::hexadecimal(&hash.finalize())
}

/// The text with `\n` at the end of each line.
pub(super) fn with_plain_line_ends(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

/// The tokens without commas before what closes, and each arm of a match as `pattern => value,`.
fn settled<'t>(tokens: &[&'t str]) -> Vec<&'t str> {
    let mut out: Vec<&str> = Vec::with_capacity(tokens.len());
    // Whether each bracket that is open is one around an arm's value.
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&token) = tokens.get(at) {
        at += 1;
        match token {
            "{" if at > 2 && tokens[at - 3..at - 1] == ["=", ">"] => {
                open.push(true);
                continue;
            }
            "{" | "(" | "[" => open.push(false),
            "}" | ")" | "]" | ">" => {
                out.pop_if(|last| *last == ",");
                if token != ">" && open.pop() == Some(true) && token == "}" {
                    at += usize::from(tokens.get(at) == Some(&","));
                    out.push(",");
                    continue;
                }
            }
            _ => {}
        }
        out.push(token);
    }
    out
}
