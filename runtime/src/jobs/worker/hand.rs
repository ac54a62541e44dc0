//! What a worker has in hand, as far as it knows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// A job is found in the hand this many times, a heartbeat apart, before it is taken for one that this process knows
/// nothing of: an answer that is still on its way may name it.
const LOOKS: u32 = 3;

/// The jobs in the hand of this process, as they stand in Redis.
#[derive(Debug, Default)]
pub(super) struct Hand {
    jobs: Mutex<BTreeMap<String, Held>>,
    /// Jobs that stand in Redis as in this hand, and are not: how often they were seen there.
    strays: Mutex<BTreeMap<String, u32>>,
}

#[derive(Debug, Default)]
struct Held {
    /// How many of the same text: a queue may hold one twice.
    count: u32,
    /// When it was begun, in seconds since 1970; `None`: not yet.
    began: Option<i64>,
}

impl Hand {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Held>) -> T) -> T {
        change(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take(&self, job: &str) {
        self.with(|jobs| jobs.entry(job.to_owned()).or_default().count += 1);
    }

    pub(super) fn begin(&self, job: &str, now: i64) {
        self.with(|jobs| {
            if let Some(held) = jobs.get_mut(job) {
                held.began = Some(now);
            }
        });
    }

    pub(super) fn let_go(&self, job: &str) {
        self.with(|jobs| {
            if let Some(held) = jobs.get_mut(job) {
                held.count = held.count.saturating_sub(1);
                if held.count == 0 {
                    jobs.remove(job);
                }
            }
        });
    }

    pub(super) fn len(&self) -> u64 {
        self.with(|jobs| jobs.values().map(|held| u64::from(held.count)).sum())
    }

    /// What was begun and is not settled, and when it was begun.
    pub(super) fn at_work(&self) -> Vec<(String, i64)> {
        self.with(|jobs| jobs.iter().filter_map(|(job, held)| Some((job.clone(), held.began?))).collect())
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.with(|jobs| {
            jobs.iter().flat_map(|(job, held)| std::iter::repeat_n(job.clone(), held.count as usize)).collect()
        })
    }

    /// Those that this process knows nothing of.
    pub(super) fn unknown(&self, in_redis: Vec<String>) -> Vec<String> {
        self.with(|jobs| in_redis.into_iter().filter(|job| !jobs.contains_key(job)).collect())
    }

    /// Looks at what Redis says is in this hand. Gives what this process has known nothing of for some heartbeats: Redis
    /// has moved it here, and its answer was lost.
    pub(super) fn strays(&self, in_redis: Vec<String>) -> Vec<String> {
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = std::mem::take(&mut *strays);
        let mut found = Vec::new();
        for job in self.unknown(in_redis) {
            let looks = seen.get(&job).map_or(1, |looks| looks + 1);
            if looks >= LOOKS {
                found.push(job);
            } else {
                strays.insert(job, looks);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a job whose answer was lost stays in the hand until the process dies, or one that has just come is
    /// put back and performed twice.
    #[test]
    fn what_nobody_knows_of_is_a_stray_after_some_looks() {
        let hand = Hand::default();
        hand.take("known");
        let strays = |in_redis: &[&str]| hand.strays(in_redis.iter().map(|job| (*job).to_owned()).collect());
        assert!(strays(&["known", "lost"]).is_empty());
        assert!(strays(&["known", "lost"]).is_empty());
        assert_eq!(strays(&["known", "lost"]), ["lost"]);
        // One that is named in time, or is gone, is forgotten.
        assert!(strays(&["late"]).is_empty());
        hand.take("late");
        assert!(strays(&["late"]).is_empty());
        hand.let_go("late");
        assert!(strays(&["late"]).is_empty());
    }

    /// If this fails, the second of two jobs with one text is lost with the first.
    #[test]
    fn a_job_can_be_held_twice() {
        let hand = Hand::default();
        hand.take("same");
        hand.take("same");
        hand.begin("same", 7);
        hand.let_go("same");
        assert_eq!((hand.len(), hand.all()), (1, vec!["same".to_owned()]));
        assert_eq!(hand.at_work(), [("same".to_owned(), 7)]);
        hand.let_go("same");
        assert_eq!(hand.len(), 0);
    }
}
