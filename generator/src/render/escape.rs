//! Texts of the manifest, made safe for the place that they go to.

use std::fmt::Write;

/// A Rust string literal, also one of TOML: quotes and all.
///
/// Letters and digits of any script stay readable; whatever has no shape of its own (control, direction and zero-width
/// characters) is written as an escape, which is also what rustc and clippy ask for.
#[must_use]
pub fn literal(text: &str) -> String {
    if is_simple(text) {
        return between('"', text);
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_plain(c) => out.push(c),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// A basic string of TOML.
#[must_use]
pub fn toml(text: &str) -> String {
    if is_simple(text) {
        return between('"', text);
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_plain(c) => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// A text in backquotes for a doc comment: one line, nothing in it that Markdown or rustdoc would read.
#[must_use]
pub fn code(text: &str) -> String {
    if is_simple(text) && !text.trim().is_empty() {
        return between('`', text);
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('`');
    for c in text.chars() {
        match c {
            // It would end the code.
            '`' => out.push('\''),
            c if is_plain(c) => out.push(c),
            _ => out.push(' '),
        }
    }
    // Markdown takes empty backquotes, and blanks inside them, for something else.
    if out[1..].trim().is_empty() {
        out.push_str("\" \"");
    }
    out.push('`');
    out
}

/// Several texts in backquotes: `a`, `b` and `c`.
#[must_use]
pub fn codes<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(code).collect();
    match texts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Whether every character stands for itself wherever texts go, as those of almost all names do.
fn is_simple(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'`'))
}

fn between(quote: char, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    out.push_str(text);
    out.push(quote);
    out
}

fn is_plain(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a text of the manifest can end its literal and become code of the app.
    #[test]
    fn a_literal_holds_whatever_it_is_given() {
        assert_eq!(literal(r#"a"b\c"#), r#""a\"b\\c""#);
        assert_eq!(literal("*/ {{ x }} {% y %}\n\r\t"), r#""*/ {{ x }} {% y %}\n\r\t""#);
        // A direction override can make code look like something else; rustc refuses it in source.
        assert_eq!(literal("\u{202e}é\0\u{200b}"), r#""\u{202e}é\u{0}\u{200b}""#);
    }

    /// If this fails, a name can break out of a comment, or rustdoc warns about an app's documentation.
    #[test]
    fn code_stays_on_its_line_and_in_its_backquotes() {
        assert_eq!(code("a\nb`c"), "`a b'c`");
        assert_eq!(code("\u{202e}"), "` \" \"`");
        assert_eq!(codes(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
