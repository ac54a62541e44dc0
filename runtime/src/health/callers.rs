//! Who is held on the port of health, and who goes when there is room for no more.
//!
//! A state machine without sockets: what it gives up is what the caller of it dropped into it, so that tests can play
//! any history.

use std::collections::BTreeMap;

/// The callers that are held, at most so many, and of their answers at most so many bytes.
///
/// Who comes is always let in, and who has asked is always answered: the one who has been silent for longest makes
/// room, and after those the one who has left its answer unread for longest. So strangers without end are a nuisance
/// to each other, not to a probe.
///
/// **Invariant:** at most `room` are held, and answers of at most `memory` bytes, or one alone (held by
/// `tests::random_histories_agree_with_a_naive_model`).
#[derive(Debug)]
pub(super) struct Callers<T> {
    room: usize,
    memory: usize,
    next: u64,
    /// By number, which is the order in which they came.
    silent: BTreeMap<u64, T>,
    /// By number, with the size of the answer in bytes.
    answered: BTreeMap<u64, (T, usize)>,
    bytes: usize,
}

impl<T> Callers<T> {
    /// Nobody yet; room for `room`, at least one, and answers of `memory` bytes.
    pub(super) fn new(room: usize, memory: usize) -> Self {
        let (silent, answered) = (BTreeMap::new(), BTreeMap::new());
        Self { room: room.max(1), memory, next: 0, silent, answered, bytes: 0 }
    }

    /// Admits a caller that has not asked anything yet. Returns its number, and who has to go for it.
    #[must_use]
    pub(super) fn admit(&mut self, connection: T) -> (u64, Option<T>) {
        let goes = if self.len() < self.room { None } else { self.release() };
        let caller = self.next;
        self.next += 1;
        self.silent.insert(caller, connection);
        (caller, goes)
    }

    /// A caller has asked, and its answer has so many bytes. Returns who has to go for it.
    #[must_use]
    pub(super) fn answer(&mut self, caller: u64, bytes: usize) -> Vec<T> {
        let Some(connection) = self.silent.remove(&caller) else { return Vec::new() };
        let mut go = Vec::new();
        while self.bytes.saturating_add(bytes) > self.memory
            && let Some((oldest, read)) = self.pop_answered()
        {
            go.push(oldest);
            self.bytes -= read;
        }
        self.bytes += bytes;
        self.answered.insert(caller, (connection, bytes));
        go
    }

    /// Makes room for one more. `None`: nobody is held.
    #[must_use]
    pub(super) fn release(&mut self) -> Option<T> {
        if let Some((_, silent)) = self.silent.pop_first() {
            return Some(silent);
        }
        let (oldest, bytes) = self.pop_answered()?;
        self.bytes -= bytes;
        Some(oldest)
    }

    /// A caller has gone by itself, or has been told to.
    pub(super) fn gone(&mut self, caller: u64) {
        self.silent.remove(&caller);
        if let Some((_, bytes)) = self.answered.remove(&caller) {
            self.bytes -= bytes;
        }
    }

    fn pop_answered(&mut self) -> Option<(T, usize)> {
        self.answered.pop_first().map(|(_, answered)| answered)
    }

    fn len(&self) -> usize {
        self.silent.len() + self.answered.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Comes,
        /// Of all who ever came, this one.
        Asks(prop::sample::Index, usize),
        Goes(prop::sample::Index),
        /// A file handle is needed.
        Release,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Comes),
            3 => (any::<prop::sample::Index>(), 0..60_usize).prop_map(|(who, bytes)| Step::Asks(who, bytes)),
            2 => any::<prop::sample::Index>().prop_map(Step::Goes),
            1 => Just(Step::Release),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// Who is held in the order in which they came: number, and the size of the answer once there is one.
    type Naive = Vec<(u64, Option<usize>)>;

    fn first(held: &mut Naive, answered: bool) -> Option<u64> {
        let at = held.iter().position(|(_, bytes)| bytes.is_some() == answered)?;
        Some(held.remove(at).0)
    }

    fn bytes(held: &Naive) -> usize {
        held.iter().filter_map(|(_, bytes)| *bytes).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// If this fails, strangers who say nothing use up the process's file handles or memory, or the one who goes for
        /// a newcomer is a probe that has just asked.
        #[test]
        fn random_histories_agree_with_a_naive_model(room in 1..8_usize, steps in steps()) {
            const MEMORY: usize = 100;
            let mut callers = Callers::new(room, MEMORY);
            let mut held = Naive::new();
            let mut came = 0;
            for step in steps {
                match step {
                    Step::Comes => {
                        let goes = if held.len() < room { None } else { first(&mut held, false).or_else(|| first(&mut held, true)) };
                        prop_assert_eq!(callers.admit(came), (came, goes));
                        held.push((came, None));
                        came += 1;
                    }
                    Step::Asks(who, size) if came > 0 => {
                        let who = who.index(usize::try_from(came).unwrap()) as u64;
                        let mut go = Vec::new();
                        if let Some(at) = held.iter().position(|known| *known == (who, None)) {
                            while bytes(&held) + size > MEMORY && let Some(oldest) = first(&mut held, true) {
                                go.push(oldest);
                            }
                            let at = held.iter().position(|(number, _)| *number == who).unwrap_or(at);
                            held[at].1 = Some(size);
                        }
                        prop_assert_eq!(callers.answer(who, size), go);
                    }
                    Step::Goes(who) if came > 0 => {
                        let who = who.index(usize::try_from(came).unwrap()) as u64;
                        held.retain(|(number, _)| *number != who);
                        callers.gone(who);
                    }
                    Step::Release => {
                        let goes = first(&mut held, false).or_else(|| first(&mut held, true));
                        prop_assert_eq!(callers.release(), goes);
                    }
                    Step::Asks(..) | Step::Goes(_) => {}
                }
                prop_assert_eq!(callers.len(), held.len());
                prop_assert_eq!(callers.bytes, bytes(&held));
                prop_assert!(callers.len() <= room && callers.bytes <= MEMORY);
            }
        }
    }

    /// If this fails, the metrics of an app with very many partitions are given to nobody.
    #[test]
    fn an_answer_larger_than_all_memory_is_given_alone() {
        let mut callers = Callers::new(4, 100);
        let (small, _) = callers.admit("small");
        let (large, _) = callers.admit("large");
        assert_eq!(callers.answer(small, 40), Vec::<&str>::new());
        assert_eq!(callers.answer(large, 1_000), ["small"]);
        let (next, _) = callers.admit("next");
        assert_eq!(callers.answer(next, 40), ["large"]);
    }
}
