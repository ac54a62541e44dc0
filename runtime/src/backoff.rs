//! Whether what has failed is tried again, and how long it waits before.

use std::time::Duration;

use crate::Error;

/// The bounds of the time between two attempts: it doubles from `min`, with jitter, and never passes `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "producer"), expect(unreachable_pub, reason = "it is public as `settings::Backoff`"))]
pub struct Backoff {
    /// After the first failure.
    pub min: Duration,
    /// The cap.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { min: Duration::from_secs(1), max: Duration::from_secs(30) }
    }
}

/// Whether an attempt of this number, from 1, that failed with `error` is the last of so many; `None`: there is no end to them.
pub(crate) fn is_last(attempts: Option<u32>, attempt: u32, error: &Error) -> bool {
    attempts.is_some_and(|attempts| attempt >= attempts || error.is_permanent())
}

/// An error that asks for a wait is obeyed up to here, where no longer one is configured.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

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

/// The wait before the attempt that follows the one of this number, which failed with `error`: what the error asks for, or
/// else the backoff, the longest one where no attempt is expected to mend it.
pub(crate) fn before_next(backoff: Backoff, attempt: u32, error: &Error, random: f64) -> Duration {
    let number = if error.is_permanent() { u32::MAX } else { attempt };
    asked(error, Some(backoff)).unwrap_or_else(|| after(backoff, number, random))
}

/// The wait that an error asks for and gets.
pub(crate) fn asked(error: &Error, backoff: Option<Backoff>) -> Option<Duration> {
    let longest = backoff.map_or(LONGEST_ASKED, |backoff| backoff.max.max(LONGEST_ASKED));
    error.asked_wait().filter(|_| !error.is_permanent()).map(|wait| wait.min(longest))
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

    /// If this fails, a service that says when to come back is asked too early, or one slip of its keeps a record for ever.
    #[test]
    fn an_error_is_obeyed_up_to_an_hour_or_the_longest_backoff() {
        const fn seconds(count: u64) -> Duration {
            Duration::from_secs(count)
        }
        for (longest, asked_for, expected) in [
            (30, seconds(0), seconds(0)),
            (30, seconds(7), seconds(7)),
            (30, seconds(600), seconds(600)),
            (30, Duration::MAX, seconds(3_600)),
            (7_200, seconds(7_000), seconds(7_000)),
            (7_200, Duration::MAX, seconds(7_200)),
        ] {
            let backoff = Backoff { min: seconds(1), max: seconds(longest) };
            let error = Error::new("429").retry_after(asked_for);
            assert_eq!(before_next(backoff, 5, &error, 0.5), expected, "{longest} {asked_for:?}");
            let permanent = Error::permanent(error);
            assert_eq!(before_next(backoff, 1, &permanent, 1.0), backoff.max, "nobody waits for what never comes");
        }
        assert_eq!(asked(&Error::new("429").retry_after(Duration::MAX), None), Some(seconds(3_600)));
        assert_eq!(asked(&Error::new("500"), None), None);
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
