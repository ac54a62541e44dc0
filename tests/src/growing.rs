//! A file that processes under test append lines to, read as it grows, and the wait for what it is to say.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::process::Process;

/// A file of lines that others write.
#[derive(Debug)]
pub struct Growing {
    path: PathBuf,
    read_to: u64,
}

impl Growing {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path, read_to: 0 }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the lines that are new.
    ///
    /// # Errors
    ///
    /// When `read` cannot read one: a torn write would hide a lost record.
    pub fn read<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.read_to))?;
        let mut grown = String::new();
        file.read_to_string(&mut grown)?;
        // A line that is being written is read the next time.
        let whole = grown.rfind('\n').map_or(0, |end| end + 1);
        let lines = grown[..whole].lines();
        let lines = lines.map(|line| read(line).with_context(|| format!("a torn line, or a foreign one: `{line}`")));
        let lines = lines.collect::<Result<_>>()?;
        self.read_to += u64::try_from(whole)?;
        Ok(lines)
    }
}

/// Waits until `look` says that it has come; it says as well how many records are handled, for the error.
///
/// # Errors
///
/// When that does not come within `limit`, or one of `processes` ends first; the error holds what they printed.
pub fn wait_until(
    what: &str,
    processes: &mut [&mut Process],
    limit: Duration,
    mut look: impl FnMut() -> Result<(bool, usize)>,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let (has_come, handled) = look()?;
        if has_come {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let texts: Vec<_> = processes.iter().map(|process| process.text()).collect();
            bail!("no {what} in time: {handled} handled\n{}", texts.join("\n"));
        }
        for process in &mut *processes {
            if !process.is_running()? {
                bail!("no {what}: {handled} handled, and an app ended:\n{}", process.text());
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// If this fails, a record that was handled is read twice or not at all, and the suites judge something else.
    #[test]
    fn each_whole_line_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = Growing::at(folder.path().join("log"));
        let mut read = |text: &str| {
            fs::write(folder.path().join("log"), text).expect("written");
            file.read(|line| line.parse::<u32>().ok())
        };
        assert!(read("").expect("numbers").is_empty());
        assert_eq!(read("1\n2\n3").expect("numbers"), [1, 2]);
        assert_eq!(read("1\n2\n34\n").expect("numbers"), [34]);
        assert!(read("1\n2\n34\nfive\n").is_err(), "what cannot be read is no record");
    }

    /// If this fails, a suite fails for a file that no process has made yet.
    #[test]
    fn a_file_that_is_not_there_has_no_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = Growing::at(folder.path().join("log"));
        assert!(file.read(|line| line.parse::<u32>().ok()).expect("no lines").is_empty());
    }
}
