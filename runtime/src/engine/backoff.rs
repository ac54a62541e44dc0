//! How long a failed record waits before it is tried again.

use std::time::Duration;

use crate::settings::Backoff;

/// The longest wait after the attempt of this number, from 1: doubled each time, up to the cap.
fn ceiling(backoff: Backoff, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    backoff.min.saturating_mul(1 << doublings).min(backoff.max).max(backoff.min)
}

/// The wait after the attempt of this number: between half of its ceiling and the whole, as `random` (0 to 1) says.
///
/// The lower half is kept: with jitter down to nothing, a partition that retries in place would now and then try again
/// at once, which is a hot loop that a person sees in the log.
pub(crate) fn after(backoff: Backoff, attempt: u32, random: f64) -> Duration {
    let ceiling = ceiling(backoff, attempt);
    let part = 0.5 + 0.5 * random.clamp(0.0, 1.0);
    // The longest duration there is does not come back from a floating-point number, which is rounded up.
    Duration::try_from_secs_f64(ceiling.as_secs_f64() * part).unwrap_or(ceiling)
}

/// A small generator of numbers between 0 and 1 (xorshift, Marsaglia 2003): jitter needs no better one.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Seeded, so that a history can be replayed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a record that fails for ever is retried too often, or a recovered service is noticed too late.
    #[test]
    fn doubles_up_to_the_cap() {
        let backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(30) };
        let ceilings: Vec<_> = (1..=7).map(|attempt| ceiling(backoff, attempt).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(ceiling(backoff, u32::MAX).as_secs(), 30);
    }

    /// If this fails, a wait that somebody means to be endless ends the process.
    #[test]
    fn the_longest_backoff_there_is_can_be_waited_for() {
        let backoff = Backoff { min: Duration::MAX, max: Duration::MAX };
        for attempt in [1, 31, u32::MAX] {
            assert!(after(backoff, attempt, 0.0) > Duration::MAX / 3);
            assert_eq!(after(backoff, attempt, 1.0), Duration::MAX);
        }
    }

    /// If this fails, all partitions retry in step and hit a recovering service together.
    #[test]
    fn jitter_spreads_within_the_upper_half() {
        let backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(1) };
        let mut jitter = Jitter::new(42);
        let waits: Vec<_> = (0..1_000).map(|_| after(backoff, 3, jitter.next())).collect();
        assert!(waits.iter().all(|wait| (200..=400).contains(&wait.as_millis())));
        assert!(waits.iter().any(|wait| wait.as_millis() < 250) && waits.iter().any(|wait| wait.as_millis() > 350));
    }
}
