//! Words from outside, as they may be shown: error texts of an app and of Kafka, names, values, lines of a file.
//!
//! A terminal acts on some characters, and shows others in another order or not at all; a log takes a new line for a
//! new entry. So what came from outside goes through here before anybody sees it: such characters are written out
//! (`\n`, `\u{1b}`, `\u{202e}`), and of one text at most [`LONGEST`] bytes are shown. What has gone through once is
//! not changed by going through again.

#[cfg(feature = "consumer")]
mod log_writer;

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    path::Path,
};

#[cfg(feature = "consumer")]
pub(crate) use log_writer::{LogForm, LogWriter};

/// The most that is shown, logged or kept of one text, in bytes.
pub const LONGEST: usize = 4_096;

/// What [`cut`] needs for its own words.
const MARK: usize = 40;

/// The most line breaks that [`paragraph`] keeps.
const BREAKS: usize = 24;

/// The text on one line, at most [`LONGEST`] bytes of it.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    shortened(escaped(text, |_| false), text.len())
}

/// The path on one line, as [`line()`]: the name of a folder or a file may hold anything but `/`.
#[must_use]
pub fn path(path: &Path) -> String {
    line(&path.to_string_lossy()).into_owned()
}

/// The text with its line breaks, as the errors of databases and compilers have them; each further line begins with
/// `│ `, so that none can be taken for one of somebody else. At most [`LONGEST`] bytes.
#[must_use]
pub fn paragraph(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim_end_matches(['\n', '\r']);
    if !trimmed.contains('\n') {
        return line(trimmed);
    }
    let mut out = String::new();
    for (index, piece) in trimmed.splitn(BREAKS + 1, '\n').enumerate() {
        let piece = piece.strip_suffix('\r').unwrap_or(piece);
        let piece = if index == 0 { piece } else { piece.strip_prefix("│ ").unwrap_or(piece) };
        out.push_str(if index == 0 { "" } else { "\n│ " });
        out.push_str(&escaped(piece, |_| false));
        if out.len() > LONGEST {
            break;
        }
    }
    shortened(Cow::Owned(out), text.len())
}

/// The text as it is, at most [`LONGEST`] bytes of it: for what is kept and not shown.
#[must_use]
pub fn cut(text: &str) -> Cow<'_, str> {
    shortened(Cow::Borrowed(text), text.len())
}

/// A page of text as a terminal may get it: lines and tabs stay, and the codes of colours if there are `colors`.
///
/// For the very edge, behind whatever has put the page together.
#[must_use]
pub fn page(text: &str, colors: bool) -> Cow<'_, str> {
    if !colors {
        return escaped(text, |character| matches!(character, '\n' | '\t'));
    }
    let Some(_) = text.find('\x1b') else { return page(text, false) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        out.push_str(&page(&rest[..at], false));
        rest = &rest[at..];
        let end = color(rest).unwrap_or_else(|| {
            push(&mut out, '\x1b');
            0
        });
        out.push_str(&rest[..end]);
        rest = &rest[end.max(1)..];
    }
    out.push_str(&page(rest, false));
    Cow::Owned(out)
}

/// JSON that means the same, without a character that a terminal would act on.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    // Outside of its texts JSON is ASCII, and white space between its parts is no text.
    let is_fine = |character: char| character.is_ascii() && character != '\x7f' || is_plain(character);
    if text.chars().all(is_fine) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_fine(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal only shows a character, and shows it: neither controls, nor marks of direction, nor what has no
/// width, nor line ends, nor blanks of other kinds.
#[must_use]
pub fn is_plain(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    // Letters and marks by their category that nothing is seen of, and that no language's spelling needs.
    if matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            | '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}'
    ) {
        return false;
    }
    // What Rust escapes is just that: Unicode's Cc, Cf, Zl, Zp, Zs, Co, Cn. But it also escapes marks, as of accents,
    // which belong to letters: those it leaves alone behind another letter.
    let mut bytes = [b'a', 0, 0, 0, 0];
    let length = character.encode_utf8(&mut bytes[1..]).len();
    let pair = std::str::from_utf8(&bytes[..=length]).unwrap_or_default();
    character == '\u{3000}' || pair.escape_debug().nth(2).is_none()
}

/// Writes out a character that is not [plain](is_plain), and others as they are.
pub(crate) fn push(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\0' => out.push_str("\\0"),
        _ if is_plain(character) => out.push(character),
        _ => out.extend(character.escape_unicode()),
    }
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(|character| !is_plain(character) && !stays(character)) else {
        return Cow::Borrowed(text);
    };
    let mut out = text[..first].to_owned();
    for character in text[first..].chars() {
        if stays(character) {
            out.push(character);
        } else {
            push(&mut out, character);
        }
    }
    Cow::Owned(out)
}

/// At most [`LONGEST`] bytes; what was cut says how many there were.
fn shortened(shown: Cow<'_, str>, bytes: usize) -> Cow<'_, str> {
    if shown.len() <= LONGEST {
        return shown;
    }
    let mut end = LONGEST - MARK;
    while !shown.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}… ({} bytes)", &shown[..end], Grouped(u64::try_from(bytes).unwrap_or(u64::MAX))))
}

/// `600,000`
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// The length of the code of a colour at the beginning of a text.
fn color(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let length = parameters.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    parameters[length..].starts_with('m').then_some(length + 3)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Characters that a terminal or a log acts on, or that nobody sees.
    pub(crate) const HOSTILE: &str = "\0\x07\x08\x0b\x0c\r\x1b\x7f\u{80}\u{85}\u{9b}\u{ad}\u{61c}\u{180e}\u{200b}\u{200c}\u{200d}\
        \u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\
        \u{2069}\u{206f}\u{feff}\u{fff9}\u{e0001}\u{e0041}\u{34f}\u{115f}\u{1160}\u{17b4}\u{2800}\u{3164}\u{ffa0}\
        \u{fe00}\u{e0100}\u{e01ef}";

    /// The first hostile character of a text, but for those that are said to belong there.
    pub(crate) fn hostile(text: &str, fine: &[char]) -> Option<char> {
        text.chars().find(|character| HOSTILE.contains(*character) && !fine.contains(character))
    }

    /// If this fails, a character of a foreign text moves the cursor of a person's terminal, or turns a line around.
    #[test]
    fn hostile_characters_are_written_out() {
        for character in HOSTILE.chars() {
            assert!(!is_plain(character), "{character:?}");
            let text = format!("a{character}b");
            let quoted = serde_json::to_string(&text).unwrap();
            for shown in [line(&text), paragraph(&text), page(&text, false), page(&text, true), json(&quoted)] {
                assert_eq!(hostile(&shown, &[]), None, "{shown:?}");
                assert!(shown.contains('a') && shown.contains('b'), "{shown:?}");
            }
        }
        assert_eq!(line("a\nb\x1b[2J\u{202e}\t"), r"a\nb\u{1b}[2J\u{202e}\t");
        assert_eq!(json("\"a\u{202e}\u{e0041}\""), r#""a\u202e\udb40\udc41""#);
    }

    /// If this fails, a person cannot read an error in their own language.
    #[test]
    fn letters_of_every_language_stay() {
        for text in ["größe", "cafe\u{301}", "हिन्दी", "ไทยดี", "日本\u{3000}語", "עברית", "a\\b", "it's \"so\"", "👩"]
        {
            for shown in [line(text), paragraph(text), page(text, true), json(text)] {
                assert_eq!(shown, text);
            }
        }
    }

    /// If this fails, an error of several lines is unreadable, or one of its lines looks like a line of the log.
    #[test]
    fn a_paragraph_keeps_its_lines() {
        assert_eq!(paragraph("one\r\ntwo\n\n"), "one\n│ two");
        assert_eq!(paragraph("one\n"), "one");
        let many = paragraph(&"x\n".repeat(1_000)).into_owned();
        assert_eq!((many.lines().count(), many.contains("\\nx\\n")), (BREAKS + 1, true));
    }

    /// If this fails, one error fills a terminal or a disk, or nobody knows that something is missing.
    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        for (text, end) in [
            ("ü".repeat(300_000), "ü… (600,000 bytes)"),
            // Wherever the cut is, it is inside of a letter in two of these.
            ("€".repeat(200_000), "€… (600,000 bytes)"),
            (format!("x{}", "€".repeat(200_000)), "€… (600,001 bytes)"),
            (format!("xx{}", "€".repeat(200_000)), "€… (600,002 bytes)"),
            ("\x1b".repeat(5_000), "… (5,000 bytes)"),
            ("x\n".repeat(4_000), " bytes)"),
        ] {
            for shown in [line(&text), paragraph(&text)] {
                assert!(shown.len() <= LONGEST, "{}", shown.len());
                assert!(shown.ends_with(end), "{shown}");
            }
        }
        let fits = "x".repeat(LONGEST);
        assert_eq!(cut(&fits), fits);
        assert_eq!(cut(&format!("{fits}x")).len(), LONGEST - MARK + "… (4,097 bytes)".len());
    }

    /// If this fails, colours vanish from a terminal, or a foreign text brings codes of its own.
    #[test]
    fn a_page_keeps_colours_and_nothing_else() {
        let painted = "\x1b[1;31merror\x1b[0m: a\tb\n";
        assert_eq!(page(painted, true), painted);
        assert_eq!(page(painted, false), "\\u{1b}[1;31merror\\u{1b}[0m: a\tb\n");
        for code in ["\x1b[2J", "\x1b]0;x\x07", "\x1b", "\x1b[", "\x1b[31", "\x1b[31\u{202e}m"] {
            assert_eq!(hostile(&page(code, true), &[]), None, "{code:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// If this fails, some text gets through as it is, or a text that is shown twice is garbled.
        #[test]
        fn any_text_comes_out_plain_and_bounded(text in prop_oneof![any::<String>(), "(\\PC|\\pC|\n|\x1b\\[[0-9;]{0,3}[mJ]?){0,600}"]) {
            for (shown, again) in [
                (line(&text).into_owned(), line as fn(&str) -> Cow<'_, str>),
                (paragraph(&text).into_owned(), paragraph),
                (page(&text, false).into_owned(), |text| page(text, false)),
                (page(&text, true).into_owned(), |text| page(text, true)),
            ] {
                prop_assert_eq!(hostile(&shown, &['\x1b']), None);
                prop_assert_eq!(&*again(&shown), &*shown);
            }
            prop_assert!(line(&text).len() <= LONGEST && paragraph(&text).len() <= LONGEST);
            prop_assert!(line(&text).chars().all(is_plain));
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(hostile(&json(&quoted), &[]), None);
            prop_assert_eq!(serde_json::from_str::<String>(&json(&quoted)).unwrap(), text);
        }
    }
}
