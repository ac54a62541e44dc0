//! When lanes are asked for their news, and when what is done is committed.
//!
//! A pure state machine: the caller says what time it is.

use std::time::{Duration, Instant};

/// How long after a refusal a commit is made again, however short the interval, and however long.
pub(super) const AGAIN: Duration = Duration::from_millis(200);

/// How long before a commit lanes are asked for what it is to say beyond its offset, where the interval is long enough.
const AHEAD: Duration = Duration::from_millis(20);

/// How often lanes are asked at least: emits that Kafka has are looked at then, and count as unfinished until they are.
const ASK: Duration = Duration::from_millis(200);

/// The pace of one group.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    ahead: Duration,
    next_ask: Instant,
    next_commit: Instant,
}

impl Pace {
    /// A group that commits once in `interval`, for the first time that long after `now`.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        let ahead = AHEAD.min(interval / 2);
        Self { interval, ahead, next_ask: now + interval.min(ASK) - ahead, next_commit: now + interval }
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Instant {
        self.next_ask.min(self.next_commit)
    }

    /// Whether lanes are to be asked now; they are then asked again later.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next_ask;
        if is_due {
            let before_commit = self.next_commit - self.ahead;
            // After the one for this commit comes the one for the next.
            self.next_ask =
                if now < before_commit { before_commit } else { before_commit + self.interval }.min(now + ASK);
        }
        is_due
    }

    /// Whether it is time to commit; the next time is then an interval later.
    pub(super) fn commits(&mut self, now: Instant) -> bool {
        let is_due = now >= self.next_commit;
        if is_due {
            self.next_commit = now + self.interval;
        }
        is_due
    }

    /// The next commit is made now.
    pub(super) fn at_once(&mut self, now: Instant) {
        self.next_commit = self.next_commit.min(now);
    }

    /// The next commit is made as soon as lanes have been asked for their news, which is to be now.
    pub(super) fn soon(&mut self, now: Instant) {
        self.next_ask = self.next_ask.min(now);
        self.next_commit = self.next_commit.min(now + self.ahead);
    }

    /// The next commit is made so long from now, as the last one was refused.
    pub(super) fn again(&mut self, wait: Duration, now: Instant) {
        self.next_commit = now + wait;
    }

    /// The next commit is made a little later at the latest: one is in flight, or the group is to be asked something.
    pub(super) fn again_at_the_latest(&mut self, now: Instant) {
        self.next_commit = self.next_commit.min(now + AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// When lanes are asked, and when a commit is made, in so many milliseconds of turns of one each.
    fn history(interval: Duration, length: u64) -> (Vec<u64>, Vec<u64>) {
        let start = Instant::now();
        let mut pace = Pace::new(interval, start);
        let (mut asked, mut committed) = (Vec::new(), Vec::new());
        for at in 0..=length {
            let now = start + ms(at);
            let due = pace.next() <= now;
            let (asks, commits) = (pace.asks(now), pace.commits(now));
            assert_eq!(due, asks || commits, "the thread sleeps until {:?}", pace.next() - start);
            asked.extend(asks.then_some(at));
            committed.extend(commits.then_some(at));
        }
        (asked, committed)
    }

    /// If this fails, a group commits at another pace than its manifest says, or a commit says of records what was true an
    /// interval ago.
    #[test]
    fn lanes_are_asked_before_each_commit() {
        assert_eq!(history(ms(200), 600), (vec![180, 380, 580], vec![200, 400, 600]));
        assert_eq!(history(ms(10), 30), (vec![5, 15, 25], vec![10, 20, 30]));
        assert_eq!(history(ms(11), 22).1, [11, 22]);
        for interval in [10, 13, 40, 200, 201, 399, 1_000, 60_000] {
            let (asked, committed) = history(ms(interval), 120_000);
            assert_eq!(committed, (1..=120_000 / interval).map(|commit| commit * interval).collect::<Vec<_>>());
            for commit in &committed {
                let last = asked.iter().rev().find(|asked| *asked < commit).expect("asked before");
                assert!(commit - last <= 20 && *last + interval > *commit, "{interval}: {last} for {commit}");
            }
            assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= 200), "{interval}: emits are looked at");
            assert!(asked.len() <= committed.len() + 120_000 / 160, "{interval}: lanes are asked {}", asked.len());
        }
    }

    /// If this fails, a refused commit is made again at full speed with a short interval, or a minute later with a long one.
    #[test]
    fn what_was_refused_is_made_again_a_little_later() {
        for interval in [ms(10), ms(200), ms(60_000)] {
            let start = Instant::now();
            let mut pace = Pace::new(interval, start);
            pace.again(AGAIN, start);
            assert!(!pace.commits(start + AGAIN - ms(1)) && pace.commits(start + AGAIN));
            pace.at_once(start + AGAIN);
            assert!(pace.commits(start + AGAIN));
            pace.soon(start + AGAIN);
            assert!(pace.asks(start + AGAIN) && !pace.commits(start + AGAIN));
            assert!(pace.commits(start + AGAIN + AHEAD));
        }
    }
}
