//! Foreign words on their way into a log.

use std::io;

use super::{json, page};

/// What a log is written through: an entry is one piece of bytes.
#[derive(Debug)]
pub(crate) struct LogWriter<W> {
    pub(crate) inner: W,
    pub(crate) form: LogForm,
}

/// What an entry of a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// An object of JSON on a line.
    Json,
    /// Words, with codes of colours or without.
    Text { colors: bool },
}

impl<W: io::Write> io::Write for LogWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        match self.form {
            LogForm::Json => self.inner.write_all(json(&text).as_bytes())?,
            LogForm::Text { colors } => {
                let (entry, end) = text.strip_suffix('\n').map_or((&*text, ""), |entry| (entry, "\n"));
                // A line of an entry that is not its first must not look like an entry.
                let entry = page(entry, colors).replace('\n', "\n    │ ");
                self.inner.write_all(entry.as_bytes())?;
                self.inner.write_all(end.as_bytes())?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// If this fails, an entry that an app writes to its log with foreign words in it is two entries, or turns a line.
    #[test]
    fn an_entry_of_a_log_stays_one() {
        let written = |form, entry: &str| {
            let mut writer = LogWriter { inner: Vec::new(), form };
            writer.write_all(entry.as_bytes()).unwrap();
            String::from_utf8(writer.inner).unwrap()
        };
        let json = written(LogForm::Json, "{\"message\":\"a\\n\u{202e}\"}\n");
        assert_eq!(json, "{\"message\":\"a\\n\\u202e\"}\n");
        let text = written(LogForm::Text { colors: true }, "\x1b[31mERROR\x1b[0m a\nERROR \u{202e}b\n");
        assert_eq!(text, "\x1b[31mERROR\x1b[0m a\n    │ ERROR \\u{202e}b\n");
    }
}
