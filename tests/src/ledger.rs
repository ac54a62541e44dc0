//! What a run of an app under test handled: one line a record, appended with one write before `perform` returns.
//!
//! The app's part is `real_kafka/ledger_app/`; a line is `partition offset id process milliseconds`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use anyhow::Result;

use crate::{
    growing::{self, Growing},
    kafka::Offsets,
    process::Process,
};

/// A file of handled records, read as it grows.
#[derive(Debug)]
pub struct Ledger {
    file: Growing,
    entries: Vec<Entry>,
}

/// A record that was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The id in its value.
    pub id: u64,
    /// The process that handled it.
    pub process: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Ledger {
    /// A new ledger in `folder`; an app makes the file.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self { file: Growing::at(folder.join("ledger")), entries: Vec::new() }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Everything handled so far.
    ///
    /// # Errors
    ///
    /// When a line is not one of an app's: a torn write would hide a lost record.
    pub fn entries(&mut self) -> Result<&[Entry]> {
        self.entries.extend(self.file.read(Entry::read)?);
        Ok(&self.entries)
    }

    /// Waits until it holds at least `count` lines.
    ///
    /// # Errors
    ///
    /// When that does not come within `limit`, or one of `processes` ends first; the error holds what they printed.
    pub fn wait_for(&mut self, count: usize, processes: &mut [&mut Process], limit: Duration) -> Result<()> {
        self.wait_until(&format!("{count} handled records"), processes, limit, |entries| entries.len() >= count)
    }

    /// Waits until what it holds is as `wanted` says.
    ///
    /// # Errors
    ///
    /// As for [`Ledger::wait_for`].
    pub fn wait_until(
        &mut self,
        what: &str,
        processes: &mut [&mut Process],
        limit: Duration,
        wanted: impl Fn(&[Entry]) -> bool,
    ) -> Result<()> {
        growing::wait_until(what, processes, limit, || {
            let entries = self.entries()?;
            Ok((wanted(entries), entries.len()))
        })
    }
}

impl Entry {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let entry = Self {
            partition: words.next()?.parse().ok()?,
            offset: words.next()?.parse().ok()?,
            id: words.next()?.parse().ok()?,
            process: words.next()?.parse().ok()?,
            at_ms: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(entry)
    }
}

/// The ids of `0..count` that nobody handled.
#[must_use]
pub fn missing(entries: &[Entry], count: u64) -> Vec<u64> {
    let handled: BTreeSet<_> = entries.iter().map(|entry| entry.id).collect();
    (0..count).filter(|id| !handled.contains(id)).collect()
}

/// The entries whose record had been handled before, each as often as it was repeated.
#[must_use]
pub fn repeats(entries: &[Entry]) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    entries.iter().filter(|entry| !seen.insert((entry.partition, entry.offset))).copied().collect()
}

/// The offset after the last handled one of each partition: what a clean stop commits.
#[must_use]
pub fn next_offsets(entries: &[Entry]) -> Offsets {
    let mut next = BTreeMap::new();
    for entry in entries {
        let offset = next.entry(entry.partition).or_insert(0);
        *offset = entry.offset.max(*offset - 1) + 1;
    }
    next
}

/// The first place where a partition's records were first handled out of their order.
#[must_use]
pub fn disorder(entries: &[Entry]) -> Option<Entry> {
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut first_time = entries.iter().filter(|entry| seen.insert((entry.partition, entry.offset)));
    first_time
        .find(|entry| last.insert(entry.partition, entry.offset).is_some_and(|before| before > entry.offset))
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(partition: i32, offset: i64, id: u64) -> Entry {
        Entry { partition, offset, id, process: 1, at_ms: 0 }
    }

    /// If this fails, a lost or repeated record goes unseen and the suite against Kafka proves nothing.
    #[test]
    fn what_is_lost_or_repeated_is_seen() {
        let handled = [entry(0, 0, 0), entry(1, 0, 1), entry(0, 1, 3), entry(0, 0, 0)];
        assert_eq!(missing(&handled, 4), [2]);
        assert_eq!(repeats(&handled), [entry(0, 0, 0)]);
        assert_eq!(next_offsets(&handled), BTreeMap::from([(0, 2), (1, 1)]));
    }

    /// If this fails, records that overtake each other in a partition go unseen; a repeat is no overtaking.
    #[test]
    fn overtaking_is_seen() {
        assert_eq!(disorder(&[entry(0, 0, 0), entry(0, 1, 1), entry(0, 0, 0), entry(0, 2, 2)]), None);
        assert_eq!(disorder(&[entry(0, 1, 1), entry(1, 0, 5), entry(0, 0, 0)]), Some(entry(0, 0, 0)));
    }

    /// If this fails, a torn line is taken for a record that was handled.
    #[test]
    fn a_torn_line_is_refused() {
        assert_eq!(
            Entry::read("3 14 159 26 5"),
            Some(Entry { partition: 3, offset: 14, id: 159, process: 26, at_ms: 5 })
        );
        assert_eq!(Entry::read("3 14 15"), None);
        assert_eq!(Entry::read("3 14 159 26 53 14"), None);
    }
}
