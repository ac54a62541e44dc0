//! Who keeps the thread that it runs on, and who does not end: what a look sees of each task that runs handlers.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use super::{
    super::obstacles::{AGAIN, AT_LAST},
    BLOCK,
};

/// What is known of tasks from the looks before, by their names.
#[derive(Debug)]
pub(super) struct Handlers<K> {
    known: BTreeMap<K, KnownTask>,
}

impl<K> Default for Handlers<K> {
    fn default() -> Self {
        Self { known: BTreeMap::new() }
    }
}

/// One task.
#[derive(Debug, Default)]
struct KnownTask {
    /// The poll that was under way at the last look, and since when.
    polling: Option<(u64, Duration)>,
    blocking: Reminder,
    unfinished: Reminder,
}

/// What a look finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// For how long the task has kept its thread, where that is worth a word.
    pub(super) blocked: Option<Duration>,
    /// Whether the word is to be said now.
    pub(super) says_blocking: bool,
    /// Whether it is to be said now that an attempt does not end.
    pub(super) says_unfinished: bool,
}

impl<K: Ord> Handlers<K> {
    /// Looks at a task at `now`, a time that only grows: whether a poll of it is under way, and which, and whether an
    /// attempt has not ended for long.
    pub(super) fn look(&mut self, task: K, polling: Option<u64>, is_unfinished: bool, now: Duration) -> Found {
        let entry = match self.known.entry(task) {
            // Most tasks are never in a poll when somebody looks.
            Entry::Vacant(_) if polling.is_none() && !is_unfinished => return Found::default(),
            entry => entry,
        };
        let known = entry.or_default();
        known.polling = polling.map(|number| match known.polling {
            Some((before, since)) if before == number => (number, since),
            _ => (number, now),
        });
        let running = known.polling.map(|(_, since)| now.saturating_sub(since));
        let blocked = running.filter(|running| *running >= BLOCK);
        Found {
            blocked,
            says_blocking: known.blocking.is_due(blocked.is_some(), now),
            says_unfinished: known.unfinished.is_due(is_unfinished, now),
        }
    }

    /// Forgets the tasks that are not among these, and what is over.
    pub(super) fn keep(&mut self, is_there: impl Fn(&K) -> bool) {
        self.known.retain(|task, known| is_there(task) && !known.is_over());
    }
}

impl KnownTask {
    fn is_over(&self) -> bool {
        self.polling.is_none() && self.blocking == Reminder::Never && self.unfinished == Reminder::Never
    }
}

/// Repeats a report: once, and, if it is still so, again after a while that grows.
#[derive(Debug, Default, PartialEq, Eq)]
enum Reminder {
    #[default]
    Never,
    /// It was said, and is next to be said at `next`, after `wait`.
    Said { next: Duration, wait: Duration },
}

impl Reminder {
    /// Whether it is to be said at `now`. What is over for as long as it would not be said again is forgotten.
    fn is_due(&mut self, is_so: bool, now: Duration) -> bool {
        match *self {
            Self::Never if is_so => {
                *self = Self::Said { next: now + AGAIN, wait: AGAIN };
                true
            }
            Self::Said { next, wait } if now >= next => {
                let wait = (wait * 2).min(AT_LAST);
                *self = if is_so { Self::Said { next: now + wait, wait } } else { Self::Never };
                is_so
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// When it is said, if it is so in each of these seconds.
    fn said(is_so: impl Fn(u64) -> bool, until: u64) -> Vec<u64> {
        let mut handlers = Handlers::default();
        let mut said = Vec::new();
        for second in 0..until {
            // One poll that goes on; or another at each look, which is none that blocks.
            let found =
                handlers.look("lane", Some(if is_so(second) { 1 } else { 3 + 2 * second }), false, seconds(second));
            if found.says_blocking {
                said.push(second);
            }
        }
        said
    }

    /// If this fails, a handler that blocks for a day is said once and forgotten, or fills the log.
    #[test]
    fn what_goes_on_is_said_now_and_then() {
        let said = said(|_| true, 24 * 3_600);
        assert_eq!(said[..4], [2, 62, 182, 422]);
        let waits: Vec<_> = said.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.iter().all(|wait| *wait <= 3_600) && waits.len() < 40, "{waits:?}");
    }

    /// If this fails, a partition whose handlers each block for some seconds fills the log, or is not said when it begins
    /// anew after hours.
    #[test]
    fn what_comes_and_goes_is_one_thing_for_a_while() {
        assert_eq!(said(|second| second % 10 < 5, 50), [2]);
        assert_eq!(said(|second| !(5..1_000).contains(&second), 1_010), [2, 1_002]);
    }

    /// If this fails, many short polls are taken for one that blocks, or one that blocks has no length.
    #[test]
    fn only_the_same_poll_blocks() {
        let mut handlers = Handlers::default();
        for second in 0..10 {
            assert_eq!(handlers.look(0, Some(2 * second + 1), false, seconds(second)), Found::default());
        }
        let blocked = |handlers: &mut Handlers<i32>, second| handlers.look(0, Some(99), false, seconds(second)).blocked;
        assert_eq!(blocked(&mut handlers, 10), None);
        assert_eq!(blocked(&mut handlers, 11), None);
        assert_eq!(blocked(&mut handlers, 12), Some(seconds(2)));
        assert_eq!(handlers.look(0, None, false, seconds(13)), Found::default());
        assert_eq!(blocked(&mut handlers, 14), None, "a poll that is seen anew begins anew");
    }

    /// If this fails, what is remembered of partitions and jobs that are long gone grows for ever.
    #[test]
    fn what_is_gone_or_over_is_forgotten() {
        let mut handlers = Handlers::default();
        for task in 0..100 {
            let _ = handlers.look(task, Some(1), true, seconds(0));
        }
        handlers.keep(|task| *task < 50);
        assert_eq!(handlers.known.len(), 50);
        for task in 0..50 {
            let _ = handlers.look(task, None, false, seconds(61));
        }
        handlers.keep(|_| true);
        assert_eq!(handlers.known.len(), 0);
        let _ = handlers.look(7, None, false, seconds(62));
        assert_eq!(handlers.known.len(), 0, "a task that waits costs nothing");
    }
}
