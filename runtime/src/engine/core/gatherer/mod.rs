//! Which records of a partition may be performed together, and which of them wait.
//!
//! A pure state machine beside the lane, for consumers with `batch:`. To such a lane a record is at work from the
//! moment that it is gathered, and by no key: the order is kept here. A batch holds whole runs: of each key
//! that it holds, consecutive records from the first on. Until it has ended, nobody else gets any of that key; and a
//! record that has failed, or whose dead letter is on its way, holds back those behind it of its key. What has been in a
//! batch before comes again without newer records, and before them; its last attempt is made alone, so that one bad
//! record takes no other to the dead letter topic.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::BuildHasherDefault,
};

use super::{
    lane::{AlreadyHashed, OrderingKey},
    tracker::Sequence,
};

/// Gathers records for batches.
///
/// **Invariants** (held by `tests::random_histories_keep_the_order`): a batch takes of a key what stands first,
/// in order; nothing of a key is taken while something of it is at work, rests, or is on its way to the dead letter
/// topic; what is free is taken, oldest first; new records and those that come again are never in one batch.
#[derive(Debug)]
pub(crate) struct Gatherer {
    size: usize,
    keys: HashMap<u64, Members, BuildHasherDefault<AlreadyHashed>>,
    /// The first record of each key that has some to be taken, and records without a key.
    free: BTreeMap<Sequence, OrderingKey>,
    /// The same of records that come again, and whether that first one wants to be alone.
    again: BTreeMap<Sequence, (OrderingKey, bool)>,
    /// How many new records could be taken now; of each key no more than a batch holds.
    available: usize,
    /// How many records wait to be taken, whether they could be now or not.
    waiting: usize,
}

/// The records of a key that are not finished, in order.
#[derive(Debug, Default)]
struct Members {
    all: VecDeque<(Sequence, Standing)>,
    /// How many from the first on could be taken now, up to the size of a batch.
    run: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
    /// It was in a batch before.
    Again,
    /// It was in a batch before, and shares the next one with nobody.
    Alone,
    /// In a batch that is at work.
    AtWork,
    /// It rests, its dead letter is on its way, or it waits for a person.
    Blocked,
}

impl Members {
    fn set(&mut self, sequence: Sequence, standing: Standing) -> Option<Standing> {
        let at = self.place(sequence)?;
        self.all.get_mut(at).map(|(_, known)| std::mem::replace(known, standing))
    }

    fn place(&self, sequence: Sequence) -> Option<usize> {
        self.all.binary_search_by_key(&sequence, |(member, _)| *member).ok()
    }
}

impl Gatherer {
    /// For batches of up to `size` records.
    pub(crate) fn new(size: usize) -> Self {
        let (free, again) = (BTreeMap::new(), BTreeMap::new());
        Self { size, keys: HashMap::default(), free, again, available: 0, waiting: 0 }
    }

    /// Whether a record that was in a batch before could be taken now.
    pub(crate) fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// How many new records could be taken now; not counted beyond what a batch takes of one key.
    pub(crate) fn available(&self) -> usize {
        self.available
    }

    /// How many records wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A new record, behind all others of its key.
    pub(crate) fn enter(&mut self, sequence: Sequence, key: OrderingKey) {
        self.waiting += 1;
        let Some(key) = key else {
            self.free.insert(sequence, None);
            self.available += 1;
            return;
        };
        let members = self.keys.entry(key).or_default();
        members.all.push_back((sequence, Standing::Waiting));
        let is_new = |(_, standing): &(Sequence, Standing)| *standing == Standing::Waiting;
        if members.run + 1 == members.all.len() && members.run < self.size && members.all.front().is_some_and(is_new) {
            members.run += 1;
            self.available += 1;
            if members.run == 1 {
                self.free.insert(sequence, Some(key));
            }
        }
    }

    /// Takes what the next batch holds, in the order of delivery; nothing if nothing is free.
    pub(crate) fn take(&mut self) -> Vec<Sequence> {
        let mut taken = Vec::with_capacity(self.available.min(self.size));
        if self.again.is_empty() {
            while taken.len() < self.size
                && let Some((first, key)) = self.free.pop_first()
            {
                self.available -= self.take_run(first, key, &mut taken);
            }
        } else {
            while taken.len() < self.size
                && let Some((&first, &(key, is_alone))) = self.again.first_key_value()
                && (taken.is_empty() || !is_alone)
            {
                self.again.remove(&first);
                self.take_run(first, key, &mut taken);
                if is_alone {
                    break;
                }
            }
        }
        self.waiting -= taken.len();
        taken.sort_unstable();
        taken
    }

    /// Takes of a key, or a record without one, as much as the batch has room for. Returns how much there was.
    fn take_run(&mut self, first: Sequence, key: OrderingKey, taken: &mut Vec<Sequence>) -> usize {
        let Some(members) = key.and_then(|key| self.keys.get_mut(&key)) else {
            taken.push(first);
            return 1;
        };
        let run = std::mem::take(&mut members.run);
        for (sequence, standing) in members.all.iter_mut().take(run.min(self.size - taken.len())) {
            *standing = Standing::AtWork;
            taken.push(*sequence);
        }
        run
    }

    /// A taken record will be tried again, or waits for its dead letter or a person; it holds its key back.
    pub(crate) fn block(&mut self, sequence: Sequence, key: OrderingKey) {
        if let Some(members) = key.and_then(|key| self.keys.get_mut(&key)) {
            members.set(sequence, Standing::Blocked);
        }
    }

    /// A record that was taken or has rested can be taken again, with others that were or alone.
    pub(crate) fn wait(&mut self, sequence: Sequence, key: OrderingKey, alone: bool) {
        match key {
            None => {
                self.again.insert(sequence, (None, alone));
                self.waiting += 1;
            }
            Some(of) => {
                let standing = if alone { Standing::Alone } else { Standing::Again };
                if let Some(members) = self.keys.get_mut(&of)
                    && members.set(sequence, standing).is_some()
                {
                    self.waiting += 1;
                }
                self.look_at(key);
            }
        }
    }

    /// A record is done with its key: nobody has to wait for it any more.
    pub(crate) fn leave(&mut self, sequence: Sequence, key: OrderingKey) {
        if let Some(members) = key.and_then(|key| self.keys.get_mut(&key))
            && let Some(at) = members.place(sequence)
        {
            members.all.remove(at);
        }
    }

    /// Something has changed of a key: counts again what may be taken of it.
    pub(crate) fn look_at(&mut self, key: OrderingKey) {
        let Some(key) = key else { return };
        let Some(members) = self.keys.get_mut(&key) else { return };
        let Some(&(first, standing)) = members.all.front() else {
            self.keys.remove(&key);
            return;
        };
        let run = members.all.iter().take(self.size).take_while(|(_, other)| *other == standing).count();
        match standing {
            Standing::AtWork | Standing::Blocked => members.run = 0,
            Standing::Waiting => {
                // It counts already if nothing has changed at its front.
                let known = if self.free.insert(first, Some(key)).is_some() { members.run } else { 0 };
                self.available = self.available - known + run;
                members.run = run;
            }
            Standing::Again => {
                self.again.insert(first, (Some(key), false));
                members.run = run;
            }
            Standing::Alone => {
                self.again.insert(first, (Some(key), true));
                members.run = 1;
            }
        }
    }

    /// Nothing will be taken any more. Returns the records that waited for it.
    pub(crate) fn close(&mut self) -> Vec<Sequence> {
        let new = self.free.iter().filter(|(_, key)| key.is_none()).map(|(sequence, _)| *sequence);
        let again = self.again.iter().filter(|(_, (key, _))| key.is_none()).map(|(sequence, _)| *sequence);
        let members = self.keys.values().flat_map(|members| &members.all);
        let waiting = members.filter(|(_, standing)| !matches!(standing, Standing::AtWork | Standing::Blocked));
        let left = new.chain(again).chain(waiting.map(|(sequence, _)| *sequence)).collect();
        *self = Self::new(self.size);
        left
    }
}

#[cfg(test)]
mod tests;
