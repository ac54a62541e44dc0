//! Numbers as good as random, without a crate for them: ids of spans, seeds of jitter.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// A new number: different from every other of the process, and as good as random to other processes.
pub(crate) fn new_id() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    KEY.get_or_init(RandomState::new).hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, two attempts are shown as one, or two groups back off in step.
    #[test]
    fn ids_differ() {
        let ids: std::collections::BTreeSet<_> = (0..1_000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
