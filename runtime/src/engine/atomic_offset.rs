//! An offset that one thread sets and others see, or none yet.

use std::sync::atomic::{AtomicI64, Ordering};

/// No offset yet: nothing has been read, and the group has no commit.
pub(crate) const NO_OFFSET: i64 = -1;

/// An offset, or none.
#[derive(Debug)]
pub(crate) struct AtomicOffset(AtomicI64);

impl Default for AtomicOffset {
    fn default() -> Self {
        Self::new(None)
    }
}

impl AtomicOffset {
    pub(crate) fn new(offset: Option<i64>) -> Self {
        Self(AtomicI64::new(offset.unwrap_or(NO_OFFSET)))
    }

    #[inline]
    pub(crate) fn load(&self, ordering: Ordering) -> Option<i64> {
        Some(self.0.load(ordering)).filter(|offset| *offset != NO_OFFSET)
    }

    #[inline]
    pub(crate) fn store(&self, offset: Option<i64>, ordering: Ordering) {
        self.0.store(offset.unwrap_or(NO_OFFSET), ordering);
    }

    /// Sets the offset, unless a later one is set.
    #[inline]
    pub(crate) fn raise(&self, offset: i64, ordering: Ordering) {
        self.0.fetch_max(offset, ordering);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a partition of which nothing is known has an offset, or one goes back to what was before.
    #[test]
    fn an_offset_is_none_until_it_is_set_and_is_raised_only() {
        let offset = AtomicOffset::default();
        let now = || offset.load(Ordering::Relaxed);
        assert_eq!(now(), None);
        offset.raise(7, Ordering::Relaxed);
        offset.raise(3, Ordering::Relaxed);
        assert_eq!(now(), Some(7));
        offset.store(Some(0), Ordering::Relaxed);
        assert_eq!(now(), Some(0));
        offset.store(None, Ordering::Relaxed);
        assert_eq!((now(), AtomicOffset::new(Some(4)).load(Ordering::Relaxed)), (None, Some(4)));
    }
}
