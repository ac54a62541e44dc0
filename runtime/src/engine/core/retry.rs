//! What becomes of a record that was not performed.
//!
//! A pure decision: it is told how the record ended and what the manifest says, and answers. Who asks tells the lane, the log and
//! Kafka.

use std::time::Duration;

use crate::{
    Error,
    backoff::{before_next, is_last},
    settings::Backoff,
};

/// What the manifest says of a consumer's records that fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How many attempts there are before the last resort, if there is an end to them.
    pub(crate) attempts: Option<u32>,
    pub(crate) backoff: Backoff,
    pub(crate) last_resort: LastResort,
}

/// Where a record goes that will not be performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastResort {
    /// To the dead letter topic.
    DeadLetter,
    /// Nowhere: it holds the commit back, until an attempt goes well or a person has changed something.
    Person,
    /// Nowhere: under `delivery: at_most_once` it was committed before it was begun, so that it is passed over.
    PassOver,
}

/// How a record ended that was not performed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Setback<'a> {
    /// It is not wanted: the controller has skipped it, or it is a tombstone under `tombstones: skip`.
    Skipped,
    /// The controller has put it off.
    Deferred(Duration),
    /// No attempt can do anything for it: it cannot be parsed, or not be written as a job, or is a tombstone that nobody expects.
    Unreadable,
    /// The attempt of this number, from 1, has failed.
    Failed { attempt: u32, error: &'a Error },
    /// The attempt failed when the record was somebody else's.
    Taken,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fate {
    /// It is done with, as it was not wanted.
    Skipped,
    /// It is done with, though it has failed.
    PassedOver,
    /// It is tried again after this time, as a further attempt.
    Again(Duration),
    /// It is tried again after this time, and what was is no attempt.
    PutOff(Duration),
    /// It goes to the dead letter topic.
    DeadLetter,
    /// It waits for a person, and its key with it.
    Stuck,
    /// It is left to whoever has its partition next.
    Left,
}

impl Policy {
    /// What becomes of a record that ended so. `random`, from 0 to 1, spreads waits, and is asked where there is one to spread.
    ///
    /// **Invariants** (held by `tests::random_histories_keep_the_promise`): attempts never exceed the bound where there is a dead
    /// letter topic, and a permanent error ends them; no wait is longer than the backoff's longest, but for one that
    /// the error asks for; and only `at_most_once` passes over what has failed.
    pub(crate) fn fate(self, setback: Setback<'_>, random: impl FnOnce() -> f64) -> Fate {
        match (setback, self.last_resort) {
            (Setback::Skipped, _) => Fate::Skipped,
            (Setback::Deferred(wait), _) => Fate::PutOff(wait),
            (Setback::Taken, _) => Fate::Left,
            (Setback::Unreadable | Setback::Failed { .. }, LastResort::PassOver) => Fate::PassedOver,
            (Setback::Unreadable, LastResort::DeadLetter) => Fate::DeadLetter,
            (Setback::Unreadable, LastResort::Person) => Fate::Stuck,
            (Setback::Failed { attempt, error }, LastResort::DeadLetter) if is_last(self.attempts, attempt, error) => {
                Fate::DeadLetter
            }
            (Setback::Failed { attempt, error }, LastResort::DeadLetter | LastResort::Person) => {
                Fate::Again(before_next(self.backoff, attempt, error, random()))
            }
        }
    }

    /// Whether this attempt is a repeated one, and the last before the dead letter topic however it fails.
    pub(crate) fn is_last_chance(self, attempt: u32) -> bool {
        let is_last = self.attempts.is_some_and(|attempts| attempt >= attempts);
        attempt > 1 && is_last && self.last_resort == LastResort::DeadLetter
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Fate::{Again, DeadLetter, Left, PassedOver, PutOff, Skipped, Stuck},
        LastResort::{PassOver, Person},
        *,
    };
    use crate::backoff::Jitter;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    const BACKOFF: Backoff = Backoff { min: seconds(1), max: seconds(30) };

    fn policy(attempts: Option<u32>, last_resort: LastResort) -> Policy {
        Policy { attempts, backoff: BACKOFF, last_resort }
    }

    /// If this fails, a record is lost, tried for ever, or given up too early; or a person is not waited for.
    #[test]
    fn each_setback_has_its_fate() {
        let (plain, permanent) = (Error::new("503"), Error::permanent(Error::new("404")));
        let (polite, late) = (Error::new("429").retry_after(seconds(90)), Error::new("429").retry_after(Duration::MAX));
        let dead_letter = policy(Some(3), LastResort::DeadLetter);
        let (person, pass_over) = (policy(None, Person), policy(Some(1), PassOver));
        let failed = |attempt, error| Setback::Failed { attempt, error };
        let unwanted = [Setback::Skipped, Setback::Deferred(seconds(7)), Setback::Taken];
        let table = [
            // What was not performed, and did not fail, does not ask for a last resort.
            (unwanted[0], [Skipped, Skipped, Skipped]),
            (unwanted[1], [PutOff(seconds(7)), PutOff(seconds(7)), PutOff(seconds(7))]),
            (unwanted[2], [Left, Left, Left]),
            (Setback::Unreadable, [DeadLetter, Stuck, PassedOver]),
            (failed(1, &plain), [Again(seconds(1)), Again(seconds(1)), PassedOver]),
            (failed(2, &plain), [Again(seconds(2)), Again(seconds(2)), PassedOver]),
            (failed(3, &plain), [DeadLetter, Again(seconds(4)), PassedOver]),
            // A lane may take over a record with more attempts than there are now.
            (failed(9, &plain), [DeadLetter, Again(seconds(30)), PassedOver]),
            (failed(u32::MAX, &plain), [DeadLetter, Again(seconds(30)), PassedOver]),
            (failed(1, &permanent), [DeadLetter, Again(seconds(30)), PassedOver]),
            (failed(1, &polite), [Again(seconds(90)), Again(seconds(90)), PassedOver]),
            (failed(3, &polite), [DeadLetter, Again(seconds(90)), PassedOver]),
            (failed(1, &late), [Again(seconds(3_600)), Again(seconds(3_600)), PassedOver]),
        ];
        for (setback, expected) in table {
            let fates = [dead_letter, person, pass_over].map(|policy| policy.fate(setback, || 1.0));
            assert_eq!(fates, expected, "{setback:?}");
        }
    }

    /// If this fails, simulations do not replay: what is not spread takes a random number from what is.
    #[test]
    fn only_a_wait_takes_a_random_number() {
        let (plain, permanent) = (Error::new("503"), Error::permanent(Error::new("404")));
        let (dead_letter, failed) = (policy(Some(2), LastResort::DeadLetter), |attempt| (attempt, &plain));
        let none = || unreachable!("nothing is to be spread");
        for setback in [Setback::Skipped, Setback::Deferred(seconds(1)), Setback::Taken, Setback::Unreadable] {
            let _ = dead_letter.fate(setback, none);
        }
        for (attempt, error) in [failed(2), failed(3), (1, &permanent)] {
            let _ = dead_letter.fate(Setback::Failed { attempt, error }, none);
        }
        let _ = policy(None, PassOver).fate(Setback::Failed { attempt: 1, error: &plain }, none);
    }

    /// If this fails, a batch performs a record alone that has another chance, or lets one that has none take others along.
    #[test]
    fn the_last_chance_is_the_last_attempt_before_the_dead_letter_topic() {
        let dead_letter = policy(Some(3), LastResort::DeadLetter);
        assert_eq!([1, 2, 3, 4].map(|attempt| dead_letter.is_last_chance(attempt)), [false, false, true, true]);
        let once = policy(Some(1), LastResort::DeadLetter);
        assert!(!once.is_last_chance(1), "nobody knows yet that it fails");
        assert!(policy(Some(2), LastResort::DeadLetter).is_last_chance(2));
        for last_resort in [Person, PassOver] {
            assert!(!policy(Some(3), last_resort).is_last_chance(3), "nothing comes after it");
        }
        assert!(!policy(None, LastResort::DeadLetter).is_last_chance(u32::MAX));
    }

    /// If this fails, some record, in a run of failures that no table has, is tried beyond its bound, waits longer than
    /// anybody has said, or is passed over that could not be.
    #[test]
    fn random_histories_keep_the_promise() {
        let mut random = Jitter::new(2016);
        let mut below = |bound: u32| (random.next() * f64::from(bound)) as u32;
        for _ in 0..20_000 {
            let last_resort = [LastResort::DeadLetter, Person, PassOver][below(3) as usize];
            let attempts = [None, Some(1 + below(5))][below(2) as usize];
            let min = Duration::from_millis(u64::from(below(5_000)));
            let backoff = Backoff { min, max: min + Duration::from_millis(u64::from(below(60_000))) };
            let policy = Policy { attempts, backoff, last_resort };
            let (mut attempt, mut fates) = (1, Vec::new());
            while fates.len() < 12 {
                let asked = (below(4) == 0).then(|| seconds(u64::from(below(10_000))));
                let error = asked.map_or_else(|| Error::new("503"), |wait| Error::new("429").retry_after(wait));
                let is_permanent = below(8) == 0;
                let error = if is_permanent { Error::permanent(error) } else { error };
                let setback = match below(10) {
                    0 => Setback::Deferred(seconds(u64::from(below(100)))),
                    _ => Setback::Failed { attempt, error: &error },
                };
                let spread = f64::from(below(101)) / 100.0;
                let fate = policy.fate(setback, || spread);
                fates.push(fate);
                match (fate, setback) {
                    (PutOff(wait), Setback::Deferred(asked)) => assert_eq!(wait, asked),
                    (Again(wait), Setback::Failed { .. }) => {
                        assert_ne!(last_resort, PassOver, "it was committed, and is begun once");
                        let waits_for_nothing = is_permanent && attempts.is_some();
                        assert!(last_resort == Person || !waits_for_nothing, "a permanent error waits for an attempt");
                        match asked.filter(|_| !is_permanent) {
                            Some(asked) => assert_eq!(wait, asked.min(backoff.max.max(seconds(3_600)))),
                            None => assert!(backoff.min / 2 <= wait && wait <= backoff.max, "{wait:?} of {backoff:?}"),
                        }
                        attempt += 1;
                    }
                    (DeadLetter, Setback::Failed { .. }) => {
                        assert_eq!(last_resort, LastResort::DeadLetter);
                        assert!(is_permanent || attempts.is_some_and(|attempts| attempt >= attempts), "{fates:?}");
                        break;
                    }
                    (PassedOver, Setback::Failed { .. }) => {
                        assert_eq!(last_resort, PassOver);
                        break;
                    }
                    other => panic!("{other:?} of {policy:?}"),
                }
                let bound = attempts.filter(|_| last_resort == LastResort::DeadLetter);
                assert!(bound.is_none_or(|attempts| attempt <= attempts), "attempt {attempt} of {attempts:?}");
            }
        }
    }
}
