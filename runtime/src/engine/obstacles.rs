//! Remembers what stands in the way, and says it when it begins, when it is over, and now and then in between.
//!
//! A pure state machine: whoever looks says what there is and what time it is, so that tests can replay any history.

use std::time::{Duration, Instant};

use crate::events::{Event, Listener, Obstacle};

/// For how long the same is not said again at first; then twice as long each time, up to [`AT_LAST`].
pub(super) const AGAIN: Duration = Duration::from_secs(60);
pub(super) const AT_LAST: Duration = Duration::from_secs(3_600);

/// For how long something else is not said of the same thing.
const NEWS: Duration = Duration::from_secs(10);

/// What stands in the way of one group, or of one producer.
///
/// **Invariant:** each beginning and each change is said within [`AGAIN`] if it is still so then, an end is said if and
/// only if its beginning was, and nothing is said more often than once in [`NEWS`] (held by
/// `tests::what_is_said_agrees_with_what_is`).
#[derive(Debug, Default)]
pub(crate) struct Obstacles {
    known: Vec<KnownObstacle>,
}

#[derive(Debug)]
struct KnownObstacle {
    obstacle: Obstacle,
    since: Instant,
    /// It stands there now; else it is remembered so that what comes and goes is not said each time.
    is_there: bool,
    is_said: bool,
    next: Instant,
    wait: Duration,
}

/// Something to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) obstacle: Obstacle,
    /// For how long it has been so.
    pub(crate) lasting: Duration,
    pub(crate) is_over: bool,
}

/// An obstacle at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObstacleView {
    pub(crate) obstacle: Obstacle,
    pub(crate) since: Instant,
}

impl Obstacles {
    /// What there is `now`, each thing once. Returns what is to be said of it.
    pub(crate) fn look(&mut self, current: Vec<Obstacle>, now: Instant) -> Vec<Told> {
        let mut told = Vec::new();
        for known in self.known.iter_mut().filter(|known| known.is_there) {
            if !current.iter().any(|obstacle| obstacle.is_same(&known.obstacle)) {
                told.extend(known.ends(now));
            }
        }
        for obstacle in current {
            match self.known.iter_mut().find(|known| known.obstacle.is_same(&obstacle)) {
                Some(known) => known.goes_on(obstacle, now),
                None => self.known.push(KnownObstacle::new(obstacle, now)),
            }
        }
        told.extend(self.known.iter_mut().filter_map(|known| known.is_due(now)));
        self.known.retain(|known| known.is_there || now < known.next);
        told
    }

    /// These are no longer there for those who are told, and nobody can say that they are over.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&Obstacle) -> bool) {
        self.known.retain(|known| !is_gone(&known.obstacle));
    }

    /// What stands there.
    pub(crate) fn view(&self) -> Vec<ObstacleView> {
        let there = self.known.iter().filter(|known| known.is_there);
        there.map(|known| ObstacleView { obstacle: known.obstacle.clone(), since: known.since }).collect()
    }
}

impl KnownObstacle {
    fn new(obstacle: Obstacle, now: Instant) -> Self {
        Self { obstacle, since: now, is_there: true, is_said: false, next: now, wait: AGAIN }
    }

    fn ends(&mut self, now: Instant) -> Option<Told> {
        self.is_there = false;
        self.next = self.next.min(now + AGAIN);
        let (obstacle, lasting) = (self.obstacle.clone(), now.saturating_duration_since(self.since));
        std::mem::take(&mut self.is_said).then_some(Told { obstacle, lasting, is_over: true })
    }

    fn goes_on(&mut self, obstacle: Obstacle, now: Instant) {
        if !self.is_there {
            (self.is_there, self.since, self.wait) = (true, now, AGAIN);
        } else if self.is_said && obstacle.is_news_to(&self.obstacle) {
            self.next = self.next.min(now + NEWS);
            self.wait = AGAIN;
        }
        self.obstacle = obstacle;
    }

    fn is_due(&mut self, now: Instant) -> Option<Told> {
        if !self.is_there || now < self.next {
            return None;
        }
        self.is_said = true;
        self.next = now + self.wait;
        self.wait = (self.wait * 2).min(AT_LAST);
        let (obstacle, lasting) = (self.obstacle.clone(), now.saturating_duration_since(self.since));
        Some(Told { obstacle, lasting, is_over: false })
    }
}

impl Told {
    /// Tells it to a listener; `group` is the group's id, where it is about one.
    pub(crate) fn tell(&self, group: Option<&str>, listener: &dyn Listener) {
        let Self { obstacle, lasting, is_over } = self;
        listener.on(&match is_over {
            true => Event::Cleared { group, obstacle, lasted: *lasting },
            false => Event::Obstructed { group, obstacle, lasting: *lasting },
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::{ObstacleKind, Severity};

    fn obstacle(words: &str) -> Obstacle {
        Obstacle::new(ObstacleKind::Disconnected, Severity::Passes, words, "start it")
    }

    /// What is said, as seconds and whether it is over, of a thing that is there in these seconds in these words.
    fn said(there: impl Fn(u64) -> Option<&'static str>, until: u64) -> Vec<(u64, bool)> {
        let (mut obstacles, start) = (Obstacles::default(), Instant::now());
        let mut said = Vec::new();
        for second in 0..until {
            let current = there(second).map(obstacle).into_iter().collect();
            let told = obstacles.look(current, start + Duration::from_secs(second));
            said.extend(told.into_iter().map(|told| (second, told.is_over)));
        }
        said
    }

    /// If this fails, an outage of a night fills the log, is said once and never again, or its end is not said.
    #[test]
    fn says_it_at_once_and_then_less_and_less_often() {
        let until = 20_000;
        let told = said(|second| (second < 15_000).then_some("refused"), until);
        let beginnings: Vec<_> = told.iter().filter(|(_, is_over)| !is_over).map(|(second, _)| *second).collect();
        assert_eq!(beginnings, [0, 60, 180, 420, 900, 1_860, 3_780, 7_380, 10_980, 14_580]);
        assert_eq!(told.last(), Some(&(15_000, true)));
    }

    /// If this fails, a connection that comes and goes each second fills the log, or one that goes for good after that is not
    /// said.
    #[test]
    fn what_comes_and_goes_is_said_once_a_minute() {
        let told = said(|second| (second % 2 == 0 || second > 100).then_some("refused"), 200);
        assert_eq!(told, [(0, false), (1, true), (60, false), (61, true), (120, false), (180, false)]);
    }

    /// If this fails, what has changed for the worse is not said for an hour, or each of its changes is.
    #[test]
    fn other_words_are_said_soon() {
        let words = |second| Some(if second < 500 { "refused" } else { "wrong password" });
        let told: Vec<_> = said(words, 600).into_iter().map(|(second, _)| second).collect();
        assert_eq!(told, [0, 60, 180, 420, 510, 570]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// If this fails, the log says that something is over which stands there, or the other way round; or it is flooded.
        #[test]
        fn what_is_said_agrees_with_what_is(steps in prop::collection::vec((0..30_u64, 0..3_u8), 1..200)) {
            let (mut obstacles, mut now) = (Obstacles::default(), Instant::now());
            let (mut open, mut there, mut last) = (false, None::<Instant>, None::<Instant>);
            for (seconds, state) in steps {
                now += Duration::from_secs(seconds);
                let words = ["refused", "wrong password"].get(usize::from(state)).copied();
                there = words.map(|_| there.unwrap_or(now));
                for told in obstacles.look(words.map(obstacle).into_iter().collect(), now) {
                    prop_assert_eq!(told.is_over, words.is_none());
                    if told.is_over {
                        prop_assert!(open, "an end without a beginning");
                    } else {
                        prop_assert!(last.is_none_or(|last| now - last >= NEWS), "too often");
                        last = Some(now);
                    }
                    open = !told.is_over;
                }
                prop_assert!(words.is_some() || !open, "an end is not said");
                if let Some(since) = there {
                    prop_assert!(open || now - since < AGAIN, "a beginning is not said");
                }
                prop_assert_eq!(obstacles.view().len(), usize::from(words.is_some()));
            }
        }
    }
}
