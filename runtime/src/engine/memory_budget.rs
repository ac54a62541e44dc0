//! What records that wait in lanes may take of a group's memory.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of records may wait in the lanes of a group.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.used.load(Ordering::Relaxed) < self.limit
    }

    /// Counts bytes as waiting, until what is returned is dropped.
    pub(crate) fn reserve(&self, bytes: usize) -> Reservation<'_> {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Reservation { budget: self, bytes }
    }

    /// How many bytes wait, and how many may.
    pub(crate) fn used_of(&self) -> (usize, usize) {
        (self.used.load(Ordering::Relaxed), self.limit)
    }
}

/// Bytes of a [`MemoryBudget`], for as long as their record waits, however it ends.
#[must_use]
pub(crate) struct Reservation<'a> {
    budget: &'a MemoryBudget,
    bytes: usize,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
