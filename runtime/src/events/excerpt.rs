//! The first bytes of a key or value, safe to print on a line.

use crate::foreign;

/// At most this many characters are shown.
const LIMIT: usize = 160;

/// The beginning of `bytes` on one line: text as it is, what cannot be printed escaped, and `…` where it was cut.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    // Four bytes a character at most, so that a value of megabytes is not walked.
    let cut = &bytes[..bytes.len().min(LIMIT * 4)];
    let mut text = String::new();
    let mut characters = 0;
    for chunk in cut.utf8_chunks() {
        for character in chunk.valid().chars() {
            if characters == LIMIT {
                return text + "…";
            }
            match character {
                // Bytes are written with it.
                '\\' => text.push_str("\\\\"),
                _ => foreign::push(&mut text, character),
            }
            characters += 1;
        }
        for byte in chunk.invalid() {
            if characters == LIMIT {
                return text + "…";
            }
            text.push_str(&format!("\\x{byte:02x}"));
            characters += 1;
        }
    }
    if cut.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// A key in quotes, or the word for none.
pub(super) fn key(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "no key".to_owned(),
        Some(bytes) => format!("key \"{}\"", excerpt(bytes)),
    }
}

/// A number of bytes in words.
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a foreign payload clears the terminal of the person who reads the report, or fills it.
    #[test]
    fn stays_on_one_line() {
        assert_eq!(excerpt(br#"{"id":"0f","lines":[]}"#), r#"{"id":"0f","lines":[]}"#);
        assert_eq!(excerpt(b"a\nb\x1b[2J\xff\0"), r"a\nb\u{1b}[2J\xff\0");
        assert_eq!(excerpt("größe \u{202e}".as_bytes()), r"größe \u{202e}");
        assert_eq!(excerpt(&[b'x'; 200]), format!("{}…", "x".repeat(LIMIT)));
        assert_eq!(excerpt(&[0xff; 5_000_000]).chars().count(), LIMIT * 4 + 1);
        assert_eq!(excerpt(b""), "");
        assert_eq!((key(None), key(Some(b""))), ("no key".to_owned(), "key \"\"".to_owned()));
    }
}
