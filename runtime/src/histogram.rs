//! How long things took, in buckets.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds of the buckets, in microseconds, with what Prometheus calls them in seconds.
pub(crate) const BOUNDS: [(u64, &str); 16] = [
    (100, "0.0001"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
    (60_000_000, "60"),
    (300_000_000, "300"),
];

/// Durations in buckets. Written and read without locks.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The last one holds what is above every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// How many were at most as long as each bound; the last one counts all.
    pub(crate) up_to: [u64; BOUNDS.len() + 1],
    /// All durations together.
    pub(crate) sum: Duration,
}

impl Histogram {
    /// Takes in one duration.
    pub(crate) fn observe(&self, took: Duration) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|(bound, _)| *bound < microseconds);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Buckets {
        let mut up_to = [0; BOUNDS.len() + 1];
        let mut count = 0;
        for (total, bucket) in up_to.iter_mut().zip(&self.buckets) {
            count += bucket.load(Ordering::Relaxed);
            *total = count;
        }
        Buckets { up_to, sum: Duration::from_micros(self.microseconds.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a dashboard shows wrong percentiles.
    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for took in [Duration::ZERO, Duration::from_micros(100), Duration::from_micros(101), Duration::from_secs(301)] {
            histogram.observe(took);
        }
        let Buckets { up_to, sum } = histogram.read();
        assert_eq!((up_to[0], up_to[1], up_to[15], up_to[16]), (2, 3, 3, 4));
        assert_eq!(sum, Duration::from_micros(201) + Duration::from_secs(301));
    }
}
