//! From a JSON text to a tree, in one pass.
//!
//! The text has been checked by serde_json, which finds the end of a value for us and refuses what is no JSON. What it
//! has not looked at by then is how deep values are nested and what escapes stand for.

use std::borrow::Cow;

use memchr::memchr2;

use super::Fault;

/// How deep lists and objects may stand in one another: as deep as serde_json reads.
const DEEPEST: usize = 127;

/// What a JSON text is made into. Texts are lent where they stand in it as they are.
pub(crate) trait Tree<'t>: Sized {
    /// The fields of an object while they come.
    type Fields: Default;

    const NULL: Self;
    fn bool(value: bool) -> Self;
    fn number(text: Cow<'t, str>) -> Self;
    fn text(text: Cow<'t, str>) -> Self;
    fn list(items: Vec<Self>) -> Self;

    /// In the place of a text that is none.
    ///
    /// # Errors
    ///
    /// What is wrong with it, unless that can wait until somebody wants the text.
    fn broken_text(fault: Fault) -> Result<Self, Fault> {
        Err(fault)
    }

    fn object(fields: Self::Fields) -> Self;
    fn put(fields: &mut Self::Fields, name: Cow<'t, str>, value: Self);

    /// Reads a whole text.
    ///
    /// # Errors
    ///
    /// As [`scan`].
    fn of(text: Cow<'t, str>) -> Result<Self, Fault>;
}

/// Reads a whole text.
///
/// # Errors
///
/// Half of a surrogate pair, nesting that is too deep, and what is no JSON.
pub(crate) fn scan<'t, T: Tree<'t>>(text: &'t str) -> Result<T, Fault> {
    let mut scanner = Scanner { text, at: 0, depth: 0 };
    let value = scanner.value()?;
    if scanner.peek().is_some() { Err(no_json()) } else { Ok(value) }
}

struct Scanner<'t> {
    text: &'t str,
    /// How many bytes have been read.
    at: usize,
    /// How many lists and objects are open.
    depth: usize,
}

impl<'t> Scanner<'t> {
    /// The first byte of what comes, after blanks.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// Goes past `byte`, if it comes.
    fn take(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn value<T: Tree<'t>>(&mut self) -> Result<T, Fault> {
        match self.peek().ok_or_else(no_json)? {
            b'"' => self.string().map_or_else(T::broken_text, |text| Ok(T::text(text))),
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::list),
            b't' => self.word("true", T::bool(true)),
            b'f' => self.word("false", T::bool(false)),
            b'n' => self.word("null", T::NULL),
            b'-' | b'0'..=b'9' => Ok(T::number(Cow::Borrowed(self.number()))),
            _ => Err(no_json()),
        }
    }

    fn word<T>(&mut self, word: &str, value: T) -> Result<T, Fault> {
        if self.text.as_bytes().get(self.at..).is_none_or(|rest| !rest.starts_with(word.as_bytes())) {
            return Err(no_json());
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> &'t str {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        self.at += rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            return Err(Fault::new("recursion limit exceeded"));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list<T: Tree<'t>>(&mut self) -> Result<T, Fault> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(T::list(items));
        }
        loop {
            items.push(self.value().map_err(|fault: Fault| fault.in_item(items.len()))?);
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b']') { Ok(T::list(items)) } else { Err(no_json()) }
    }

    fn object<T: Tree<'t>>(&mut self) -> Result<T, Fault> {
        let mut fields = T::Fields::default();
        if self.take(b'}') {
            return Ok(T::object(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(no_json());
            }
            let name = self.string()?;
            if !self.take(b':') {
                return Err(no_json());
            }
            let value = self.value().map_err(|fault: Fault| fault.in_field(&name))?;
            T::put(&mut fields, name, value);
            if !self.take(b',') {
                break;
            }
        }
        if self.take(b'}') { Ok(T::object(fields)) } else { Err(no_json()) }
    }

    /// A text, whose quote comes.
    fn string(&mut self) -> Result<Cow<'t, str>, Fault> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut has_escapes = false;
        loop {
            let rest = bytes.get(end..).unwrap_or_default();
            end += memchr2(b'"', b'\\', rest).ok_or_else(no_json)?;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            has_escapes = true;
            end += 2;
        }
        self.at = end + 1;
        if !has_escapes {
            return self.text.get(start..end).map(Cow::Borrowed).ok_or_else(no_json);
        }
        let quoted = self.text.get(start - 1..self.at).ok_or_else(no_json)?;
        // That is all that serde_json has not looked at when it found the end.
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| Fault::new("half of a surrogate pair is no character"))
    }
}

fn no_json() -> Fault {
    Fault::new("it is no JSON")
}
