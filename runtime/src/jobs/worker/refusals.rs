//! What Redis has refused lately, so that each key is named once and not each second.

use std::{collections::BTreeMap, time::Duration};

use redis::{ErrorKind, RedisError, RedisResult};
use tokio::time::Instant;

use super::Worker;
use crate::jobs::moves::{Moved, Refusal};

/// How soon a key that still refuses jobs is named again.
const AGAIN: Duration = Duration::from_secs(10 * 60);

/// How many keys are remembered: the names of queues come from whoever pushes.
const MOST: usize = 1_000;

/// The keys that were named, and when.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    named: BTreeMap<String, Instant>,
}

impl Refusals {
    /// Whether this key, which refuses jobs at `now`, has to be named.
    pub(super) fn is_news(&mut self, key: &str, now: Instant) -> bool {
        if self.named.get(key).is_some_and(|named| now.duration_since(*named) < AGAIN) {
            return false;
        }
        self.named.retain(|_, named| now.duration_since(*named) < AGAIN);
        // Beyond that many nothing is said that the others did not say.
        if self.named.len() >= MOST {
            return false;
        }
        self.named.insert(key.to_owned(), now);
        true
    }
}

impl Worker {
    /// Whether a job stays where it is; says why.
    pub(super) fn stays(&self, moved: &Moved) -> bool {
        if let Moved::Refused(refusal) = moved {
            self.tell_refusal(refusal);
        }
        matches!(moved, Moved::Refused(_))
    }

    /// Redis refuses a key: it is named and let be. Returns what concerns more than this key.
    pub(super) fn refused(&self, key: &str, error: RedisError) -> RedisResult<()> {
        if !matches!(error.kind(), ErrorKind::ResponseError | ErrorKind::ExtensionError) {
            return Err(error);
        }
        self.tell_refusal(&Refusal::new(key.as_bytes(), error.to_string().as_bytes()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a worker without a right says so each second, or once in its life; or queues that somebody makes up
    /// fill its memory and its log.
    #[test]
    fn a_key_is_named_once_and_then_now_and_then() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(refusals.is_news("queue:a", at(0)));
        assert!((1..600).all(|second| !refusals.is_news("queue:a", at(second))));
        assert!(refusals.is_news("queue:b", at(300)));
        assert!(refusals.is_news("queue:a", at(600)));
        assert!(!refusals.is_news("queue:b", at(600)));
        let named = (0..5_000).filter(|number| refusals.is_news(&number.to_string(), at(601))).count();
        assert_eq!((named, refusals.named.len()), (MOST - 2, MOST));
        assert!(refusals.is_news("queue:c", at(2_000)));
        assert_eq!(refusals.named.len(), 1);
    }
}
