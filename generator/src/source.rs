//! A text with a name, and places in it.

use std::fmt;

/// A half-open range of bytes in a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to `end`.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands in the source.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, found at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// A text with the name that messages show, such as `karafka.yml`. `Debug` leaves the text out, which may hold secrets.
#[derive(Clone)]
pub struct Source {
    /// The name, as a person would type it.
    pub name: String,
    /// The text.
    pub text: String,
    is_whole: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, text, is_whole: _ } = self;
        f.debug_struct("Source").field("name", name).field("bytes", &text.len()).finish_non_exhaustive()
    }
}

impl Source {
    /// A source of this name and text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), is_whole: false }
    }

    /// A source of this name from the bytes of a file. What is not UTF-8 becomes U+FFFD, which the manifest's reader
    /// reports with its place.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(name, String::from_utf8_lossy(bytes))
    }

    /// A file of this name as a whole, such as one that is missing: what is said of it names no line.
    pub fn whole(name: impl Into<String>) -> Self {
        Self { is_whole: true, ..Self::new(name, "") }
    }

    /// Whether it is a file as a whole, without places in it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Line and column, both from 1 and in characters, of a byte.
    ///
    /// Reads the text up to there; for many places, [`Source::lines`].
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        self.lines().position(byte)
    }

    /// Where the lines begin, to look up many places.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(&self.text)
    }
}

/// Where the lines of a text begin.
///
/// A place is found in O(log lines), however long its line. `Debug` leaves the text out.
#[derive(Clone)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// How many characters begin before each block of [`BLOCK`] bytes.
    blocks: Vec<usize>,
}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// Bytes that are counted one by one to find a column.
const BLOCK: usize = 256;

impl<'a> Lines<'a> {
    /// The lines of `text`, which end with `\n` or `\r\n`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut characters = 0;
        let blocks = text
            .as_bytes()
            .chunks(BLOCK)
            .map(|block| {
                let before = characters;
                characters += characters_in(block);
                before
            })
            .collect();
        Self { text, starts, blocks }
    }

    /// How many characters begin before a byte.
    fn characters_before(&self, byte: usize) -> usize {
        // A text whose length is a multiple of the block has no block at its end.
        let Some(block) = self.blocks.len().checked_sub(1).map(|last| last.min(byte / BLOCK)) else {
            return 0;
        };
        self.blocks[block] + characters_in(&self.text.as_bytes()[block * BLOCK..byte])
    }

    /// The line, from 1, that holds a byte.
    #[must_use]
    pub fn line(&self, byte: usize) -> usize {
        self.starts.partition_point(|&start| start <= byte.min(self.text.len()))
    }

    /// Line and column, both from 1 and in characters, of a byte.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = floor_char_boundary(self.text, byte);
        let line = self.line(byte);
        (line, self.characters_before(byte) - self.characters_before(self.starts[line - 1]) + 1)
    }

    /// The bytes of a line, from 1, without its end. Empty at the text's end for a line that is not there.
    #[must_use]
    pub fn span(&self, line: usize) -> Span {
        let at = |line: usize| self.starts.get(line).copied();
        let Some(start) = line.checked_sub(1).and_then(at) else {
            return Span::new(self.text.len(), self.text.len());
        };
        let end = at(line).unwrap_or(self.text.len());
        let text = self.text[start..end].trim_end_matches('\n');
        Span::new(start, start + text.strip_suffix('\r').unwrap_or(text).len())
    }

    /// How many lines there are, at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len()
    }
}

/// How many characters begin in some bytes of UTF-8.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count()
}

/// The nearest place at or before `byte` where a character begins.
#[must_use]
pub fn floor_char_boundary(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, an editor jumps to the wrong place.
    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("karafka.yml", "a: ö\r\nb: 日本x\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(source.text.find('ö').expect("is there")), (1, 4));
        assert_eq!(source.position(source.text.find('x').expect("is there")), (2, 6));
        assert_eq!(source.position(4), (1, 4), "inside a character: its beginning");
        assert_eq!(source.position(usize::MAX), (3, 1));
    }

    /// If this fails, a text is cut inside of a letter, which ends the command.
    #[test]
    fn a_cut_is_between_letters() {
        for letter in ["a", "é", "日", "𝒳"] {
            for shift in 0..4 {
                let text = format!("{}{}", "-".repeat(shift), letter.repeat(3));
                for byte in 0..text.len() + 2 {
                    let place = floor_char_boundary(&text, byte);
                    let letters = text.len().min(byte).saturating_sub(shift) / letter.len();
                    let expected = if byte <= shift { byte } else { shift + letters * letter.len() };
                    assert_eq!(place, expected.min(text.len()), "{text} at {byte}");
                }
            }
        }
    }

    /// If this fails, a column in a long line is off by what its blocks hold.
    #[test]
    fn columns_are_right_in_long_lines() {
        for length in [0, 85, 86, 255, 256, 257, 600] {
            let source = Source::new("karafka.yml", format!("a\n{}", "日".repeat(length)));
            for column in [0, length / 2, length] {
                assert_eq!(source.position(2 + 3 * column), (2, column + 1), "of {length}");
            }
        }
    }

    /// If this fails, a diagnostic shows the wrong line, or the carriage return of a Windows file.
    #[test]
    fn lines_are_without_their_ends() {
        let text = "a\r\n\nlast";
        let lines = Lines::new(text);
        let shown: Vec<_> = (1..=lines.count()).map(|line| lines.span(line)).map(|s| &text[s.start..s.end]).collect();
        assert_eq!(shown, ["a", "", "last"]);
        assert_eq!(lines.span(9), Span::new(text.len(), text.len()));
        assert_eq!(lines.span(0), Span::new(text.len(), text.len()));
    }
}
