//! Refusals of commits that a rebalance explains.
//!
//! Under the classic protocol a commit that is made while the member waits in JoinGroup is answered after it, on the same
//! connection, and its generation is an old one by then. The one that is made at once after that is of the new
//! generation; behind the member's SyncGroup it is taken, ahead of it it is refused once more, and then the assignment
//! that ends the rebalance is waited for.
//!
//! A pure state machine: the caller says what time it is.

use std::time::{Duration, Instant};

use super::pace::AGAIN;

/// How long a rebalance may refuse one commit after the other; beyond that something else is wrong.
const LASTS: Duration = Duration::from_secs(30);

/// How long after the second refusal a commit is made again, doubled with each further one.
const SOON: Duration = Duration::from_millis(25);

/// Commits that a rebalance has refused, with none taken in between.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// When the first of them was refused.
    since: Option<Instant>,
    count: u32,
    /// The newest commit when an assignment ended the rebalance.
    assigned: Option<u64>,
}

/// What is to be thought of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    /// It belongs to the rebalance, and is no fault.
    pub(super) is_expected: bool,
    /// How long after it the commit is made again: at once after the first, as that may well be taken.
    pub(super) again_in: Duration,
}

impl Refusals {
    /// Commit `number` was refused at `now`; `by_rebalance`: for being of an old generation, or made amid a rebalance.
    pub(super) fn refused(&mut self, number: u64, by_rebalance: bool, now: Instant) -> Refused {
        if !by_rebalance {
            return Refused { is_expected: false, again_in: AGAIN };
        }
        let since = *self.since.get_or_insert(now);
        let again_in = match self.count {
            0 => Duration::ZERO,
            count => SOON.saturating_mul(1 << (count - 1).min(16)).min(AGAIN),
        };
        self.count += 1;
        let is_over = self.assigned.is_some_and(|last| number > last);
        Refused { is_expected: !is_over && now.saturating_duration_since(since) < LASTS, again_in }
    }

    /// A commit was taken.
    pub(super) fn taken(&mut self) {
        *self = Self::default();
    }

    /// An assignment has come when commit `last` was the newest. Later ones are of its generation.
    pub(super) fn assigned(&mut self, last: u64) {
        if self.since.is_some() {
            self.assigned.get_or_insert(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAULT: Refused = Refused { is_expected: false, again_in: AGAIN };

    const fn expected(milliseconds: u64) -> Refused {
        Refused { is_expected: true, again_in: Duration::from_millis(milliseconds) }
    }

    /// If this fails, each rebalance is a warning that nobody can do anything about, or the first commit that could be taken
    /// waits for an interval.
    #[test]
    fn a_rebalance_explains_what_it_refuses() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for number in (0..100).step_by(3) {
            assert_eq!(refusals.refused(number, true, now), expected(0));
            assert_eq!(refusals.refused(number + 1, true, now), expected(25));
            refusals.assigned(number + 2);
            // Made before the assignment, answered after it.
            assert_eq!(refusals.refused(number + 2, true, now), expected(50));
            refusals.taken();
        }
    }

    /// If this fails, a group that is refused for long asks at full speed.
    #[test]
    fn what_is_refused_again_and_again_is_made_again_ever_later() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let waits: Vec<_> = (0..40).map(|number| refusals.refused(number, true, now).again_in.as_millis()).collect();
        assert_eq!(waits[..6], [0, 25, 50, 100, 200, 200]);
        assert_eq!(waits[39], 200);
    }

    /// If this fails, a group that never commits again says nothing of it.
    #[test]
    fn what_lasts_beyond_the_rebalance_is_a_fault() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.refused(1, true, now), expected(0));
        refusals.assigned(1);
        refusals.assigned(9);
        assert!(!refusals.refused(2, true, now).is_expected, "it is of the new generation");
        refusals.taken();
        assert_eq!(refusals.refused(3, true, now), expected(0), "another rebalance");
        assert!(refusals.refused(4, true, now + LASTS - Duration::from_millis(1)).is_expected);
        assert!(!refusals.refused(5, true, now + LASTS).is_expected, "no rebalance takes so long");
    }

    /// If this fails, a coordinator that is away, or a topic that is gone, passes for a rebalance.
    #[test]
    fn other_refusals_are_faults() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.refused(1, false, now), FAULT);
        assert_eq!(refusals.refused(2, true, now), expected(0));
        assert_eq!(refusals.refused(3, false, now), FAULT);
        assert_eq!(refusals.refused(4, true, now), expected(25));
        refusals.assigned(0);
        assert!(!refusals.refused(5, true, now).is_expected);
    }
}
