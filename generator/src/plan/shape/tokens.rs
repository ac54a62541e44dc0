//! A Rust text as its tokens and comments: as much of the language as it takes to tell blanks between tokens from blanks
//! in them.

/// A text, cut up.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cut<'t> {
    /// Names, numbers and literals as they are written, and each other character by itself. The blanks between two marks
    /// are not kept: none of those that mean something else with blanks between them (`: :`) compiles.
    pub(super) tokens: Vec<&'t str>,
    /// In their order, wherever they stand.
    pub(super) comments: Vec<Comment<'t>>,
}

/// A comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comment<'t> {
    /// What it begins with, which says what it is about: `//`, `///`, `//!`, `/*`, `/**`, `/*!`.
    pub(super) kind: &'static str,
    /// What follows, to its end.
    pub(super) text: &'t str,
}

/// Cuts a text up; nothing for one that ends within a literal or a comment, which no compiler reads either.
pub(super) fn cut(text: &str) -> Option<Cut<'_>> {
    let mut cut = Cut::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            // Rust knows no others between tokens that a formatter would touch: all others count as tokens.
            c if is_blank(c) => {
                rest = &rest[1..];
                continue;
            }
            '/' if rest.starts_with("//") || rest.starts_with("/*") => {
                let (comment, length) = comment(rest)?;
                cut.comments.push(comment);
                rest = &rest[length..];
                continue;
            }
            '"' => quoted(rest, 1, '"')?,
            '\'' => quote(rest)?,
            c if c.is_ascii_digit() => number(rest),
            c if is_name(c) => name(rest)?,
            c => c.len_utf8(),
        };
        let (token, others) = rest.split_at(length);
        cut.tokens.push(token);
        rest = others;
    }
    Some(cut)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn name_length(text: &str) -> usize {
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

/// The comment at the beginning of a text, and its length.
fn comment(text: &str) -> Option<(Comment<'_>, usize)> {
    // A fourth slash or a third star makes it a plain one again.
    let kinds: [(&str, &[&str]); 6] =
        [("///", &["////"]), ("//!", &[]), ("//", &[]), ("/**", &["/***", "/**/"]), ("/*!", &[]), ("/*", &[])];
    let is_of = |(kind, but): &&(&str, &[&str])| text.starts_with(kind) && !but.iter().any(|but| text.starts_with(but));
    let kind = kinds.iter().find(is_of)?.0;
    if kind.starts_with("//") {
        let end = text.find('\n').unwrap_or(text.len());
        return Some((Comment { kind, text: &text[kind.len()..end] }, end));
    }
    let (mut depth, mut at) = (1_usize, 2);
    while depth > 0 {
        let next = at + text[at..].find("*/")?;
        let inner = text[at..next].find("/*").map(|offset| at + offset);
        (depth, at) = inner.map_or((depth - 1, next + 2), |inner| (depth + 1, inner + 2));
    }
    // `/**/` is `/*` with nothing in it.
    let inside = text.get(kind.len()..at - 2).unwrap_or_default();
    Some((Comment { kind, text: inside }, at))
}

/// The length of a literal with escapes that begins with `opening` bytes and ends with this quote.
fn quoted(text: &str, opening: usize, quote: char) -> Option<usize> {
    let mut chars = text[opening..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()?),
            c if c == quote => return Some(opening + at + 1),
            _ => {}
        }
    }
    None
}

/// The length of what begins with a single quote: a character, or a lifetime.
fn quote(text: &str) -> Option<usize> {
    let mut inside = text[1..].chars();
    let (first, second) = (inside.next()?, inside.next());
    if first != '\\' && second != Some('\'') {
        // A mark by itself is no Rust, and a token all the same.
        return Some(1 + name_length(&text[1..]));
    }
    quoted(text, 1, '\'')
}

/// The length of a number, with its point and its suffix.
fn number(text: &str) -> usize {
    let whole = name_length(text);
    let fraction = text[whole..].strip_prefix('.').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    fraction.map_or(whole, |rest| whole + 1 + name_length(rest))
}

/// The length of a name, or of the literal that it begins: `r#type`, `b"…"`, `br#"…"#`, `b'…'`.
fn name(text: &str) -> Option<usize> {
    let length = name_length(text);
    let rest = &text[length..];
    match (&text[..length], rest.chars().next()) {
        ("b" | "c", Some('"')) => quoted(text, length + 1, '"'),
        ("b", Some('\'')) => quoted(text, length + 1, '\''),
        ("r" | "br" | "cr", Some('"' | '#')) => {
            let hashes = rest.len() - rest.trim_start_matches('#').len();
            let inside = &rest[hashes..];
            if let Some(inside) = inside.strip_prefix('"') {
                let end = format!("\"{}", &rest[..hashes]);
                return inside.find(&end).map(|at| length + hashes + 1 + at + end.len());
            }
            Some(if hashes == 1 { length + 1 + name_length(inside) } else { length })
        }
        _ => Some(length),
    }
}
