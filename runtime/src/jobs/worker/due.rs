//! How far a set of jobs that are due has been looked through, where some have to stay in it.

use std::time::Duration;

use tokio::time::Instant;

use crate::jobs::verdict::seconds;

/// How often a set in which jobs have to stay is looked through from its beginning.
const WHOLE: Duration = Duration::from_secs(60);

/// By how much the clocks of those who set jobs aside may differ, in milliseconds.
const SKEW: i64 = 10_000;

/// Where the next page of a set begins: at a score, but for the first ones that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// As Redis writes it.
    pub(super) from: String,
    pub(super) skip: usize,
}

impl Page {
    /// The one after this, of which each job had a score, and stays in the set or not.
    pub(super) fn next<'a>(self, jobs: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        jobs.into_iter().fold(self, |Self { from, skip }, (score, stays)| {
            // What came before a score that has changed is passed.
            let skip = if score == from { skip } else { 0 };
            Self { from: score.to_owned(), skip: skip + usize::from(stays) }
        })
    }
}

/// What is known of a set from the last time.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When it was looked through from its beginning, and up to which moment it is now, if jobs stay in it.
    stays: Option<(Instant, i64)>,
}

impl Seen {
    /// Where to begin at `now`: at the beginning, where only jobs stand that have not been seen; but if some stay, only at
    /// what has come due since, as they may be many. The moment is in milliseconds since 1970, as [`Seen::ended`] was told.
    pub(super) fn begin(&mut self, now: Instant) -> Page {
        self.stays = self.stays.filter(|(began, _)| now.duration_since(*began) < WHOLE);
        let from = self.stays.map(|(_, to)| seconds(to - SKEW).to_string());
        Page { from: from.unwrap_or_else(|| "-inf".to_owned()), skip: 0 }
    }

    /// It was looked through up to `now_ms`, and some jobs stay in it, or none of those that were seen.
    pub(super) fn ended(&mut self, now: Instant, now_ms: i64, stay: bool) {
        self.stays = match self.stays {
            Some((began, _)) => Some((began, now_ms)),
            None => stay.then_some((now, now_ms)),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// If this fails, jobs that have to stay in `retry` keep those behind them there too, or one of them is passed over.
        #[test]
        fn each_job_is_seen_once_whatever_stays(
            jobs in prop::collection::vec((0..4_u8, any::<bool>()), 0..60),
            size in 1..7_usize,
        ) {
            let mut set: Vec<(String, usize, bool)> =
                jobs.iter().enumerate().map(|(name, (score, stays))| (score.to_string(), name, *stays)).collect();
            set.sort();
            let (all, mut page, mut seen) = (set.clone(), Page { from: "-inf".to_owned(), skip: 0 }, Vec::new());
            loop {
                let begins = |job: &(String, usize, bool)| page.from == "-inf" || job.0 >= page.from;
                let found: Vec<_> = set.iter().filter(|job| begins(job)).skip(page.skip).take(size).cloned().collect();
                if found.is_empty() {
                    break;
                }
                set.retain(|job| job.2 || !found.contains(job));
                page = page.next(found.iter().map(|job| (job.0.as_str(), job.2)));
                seen.extend(found);
            }
            prop_assert_eq!(seen, all);
        }
    }

    /// If this fails, jobs of a queue that may not be written are read each second for ever, or never looked at again, or
    /// others wait behind them.
    #[test]
    fn what_stays_is_looked_at_again_after_a_while() {
        let (mut seen, start) = (Seen::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(seen.begin(at(0)).from, "-inf");
        seen.ended(at(0), 100_000, false);
        assert_eq!(seen.begin(at(1)).from, "-inf");
        seen.ended(at(1), 101_000, true);
        for second in 2..61_u32 {
            let last = 100 + second - 1;
            assert_eq!(seen.begin(at(second.into())).from, (last - 10).to_string());
            seen.ended(at(second.into()), i64::from(100 + second) * 1_000, second % 2 == 0);
        }
        assert_eq!(seen.begin(at(61)).from, "-inf");
        seen.ended(at(61), 161_000, false);
        assert_eq!(seen.begin(at(62)).from, "-inf");
    }
}
