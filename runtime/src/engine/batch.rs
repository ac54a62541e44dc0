//! Which records of a partition may be performed together, which of them wait, and what a batch owes to Kafka.
//!
//! Two pure state machines beside the lane, for consumers with `batch:`. To such a lane a record is at work from the
//! moment that it is gathered, and in no line: the order is kept here. A batch holds whole runs of lines: of each line
//! that it holds, consecutive records from the first on. Until it has ended, nobody else gets any of that line; and a
//! record that has failed, or whose dead letter is on its way, holds back those behind it in its line, so that it comes
//! first in the line's next batch.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::BuildHasherDefault,
};

use super::{
    lane::{AlreadyHashed, Line},
    tracker::Sequence,
};

/// Gathers records for batches.
///
/// **Invariants** (held by `tests::random_histories_keep_the_order`): a batch takes of a line what stands first in it,
/// in order; nothing of a line is taken while something of it is at work, rests, or is on its way to the dead letter
/// topic; what is free is taken, oldest first.
#[derive(Debug)]
pub(crate) struct Gatherer {
    size: usize,
    lines: HashMap<u64, Members, BuildHasherDefault<AlreadyHashed>>,
    /// The first record of each line that has some to be taken, and records that stand in no line.
    free: BTreeMap<Sequence, Line>,
    /// How many records could be taken now; of each line no more than a batch holds.
    available: usize,
    /// How many records wait to be taken, whether they could be now or not.
    waiting: usize,
}

/// The records of a line that are not finished, in order.
#[derive(Debug, Default)]
struct Members {
    all: VecDeque<(Sequence, Standing)>,
    /// How many from the first on could be taken now, up to the size of a batch.
    run: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Waiting,
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
        Self { size, lines: HashMap::default(), free: BTreeMap::new(), available: 0, waiting: 0 }
    }

    /// How many records could be taken now; not counted beyond what a batch takes of one line.
    pub(crate) fn available(&self) -> usize {
        self.available
    }

    /// How many records wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A new record, behind all others of its line.
    pub(crate) fn enter(&mut self, sequence: Sequence, line: Line) {
        self.waiting += 1;
        let Some(line) = line else {
            self.free.insert(sequence, None);
            self.available += 1;
            return;
        };
        let members = self.lines.entry(line).or_default();
        members.all.push_back((sequence, Standing::Waiting));
        if members.run + 1 == members.all.len() && members.run < self.size {
            members.run += 1;
            self.available += 1;
            if members.run == 1 {
                self.free.insert(sequence, Some(line));
            }
        }
    }

    /// Takes what the next batch holds, in the order of delivery; nothing if nothing is free.
    pub(crate) fn take(&mut self) -> Vec<Sequence> {
        let mut taken = Vec::with_capacity(self.available.min(self.size));
        while taken.len() < self.size
            && let Some((first, line)) = self.free.pop_first()
        {
            let Some(members) = line.and_then(|line| self.lines.get_mut(&line)) else {
                self.available -= 1;
                taken.push(first);
                continue;
            };
            self.available -= members.run;
            let run = std::mem::take(&mut members.run).min(self.size - taken.len());
            for (sequence, standing) in members.all.iter_mut().take(run) {
                *standing = Standing::AtWork;
                taken.push(*sequence);
            }
        }
        self.waiting -= taken.len();
        taken.sort_unstable();
        taken
    }

    /// A taken record will be tried again, or waits for its dead letter or a person; it holds its line back.
    pub(crate) fn block(&mut self, sequence: Sequence, line: Line) {
        if let Some(members) = line.and_then(|line| self.lines.get_mut(&line)) {
            members.set(sequence, Standing::Blocked);
        }
    }

    /// A record that was taken or has rested can be taken again.
    pub(crate) fn wait(&mut self, sequence: Sequence, line: Line) {
        match line {
            None => {
                self.free.insert(sequence, None);
                self.available += 1;
                self.waiting += 1;
            }
            Some(of) => {
                if let Some(members) = self.lines.get_mut(&of)
                    && members.set(sequence, Standing::Waiting).is_some()
                {
                    self.waiting += 1;
                }
                self.look_at(line);
            }
        }
    }

    /// A record leaves its line: nobody has to wait for it any more.
    pub(crate) fn leave(&mut self, sequence: Sequence, line: Line) {
        if let Some(members) = line.and_then(|line| self.lines.get_mut(&line))
            && let Some(at) = members.place(sequence)
        {
            members.all.remove(at);
        }
    }

    /// Something has changed in a line: counts again what may be taken of it.
    pub(crate) fn look_at(&mut self, line: Line) {
        let Some(line) = line else { return };
        let Some(members) = self.lines.get_mut(&line) else { return };
        let waiting = |(_, standing): &&(Sequence, Standing)| *standing == Standing::Waiting;
        let run = members.all.iter().take(self.size).take_while(waiting).count();
        self.available = self.available - members.run + run;
        members.run = run;
        match members.all.front() {
            None => {
                self.lines.remove(&line);
            }
            Some((first, _)) if run > 0 => {
                self.free.insert(*first, Some(line));
            }
            Some(_) => {}
        }
    }

    /// Nothing will be taken any more. Gives the records that waited for it.
    pub(crate) fn close(&mut self) -> Vec<Sequence> {
        let loose = self.free.iter().filter(|(_, line)| line.is_none()).map(|(sequence, _)| *sequence);
        let members = self.lines.values().flat_map(|members| &members.all);
        let waiting = members.filter(|(_, standing)| *standing == Standing::Waiting).map(|(sequence, _)| *sequence);
        let left = loose.chain(waiting).collect();
        *self = Self::new(self.size);
        left
    }
}

/// The number of a batch of a lane. None of them is the sequence number of a record.
pub(crate) type BatchId = u64;

/// The first number of a batch.
const FIRST: BatchId = 1 << 63;

/// What batches have sent and Kafka has not acknowledged, and which records must not count as done before.
#[derive(Debug)]
pub(crate) struct Debts {
    next: BatchId,
    open: BTreeMap<BatchId, Debt>,
}

#[derive(Debug, Default)]
struct Debt {
    /// Emits on their way; negative while acknowledgements are ahead of what the batch has reported.
    missing: i64,
    has_ended: bool,
    /// Records that are done but for this.
    owing: Vec<Sequence>,
}

impl Default for Debts {
    fn default() -> Self {
        Self { next: FIRST, open: BTreeMap::new() }
    }
}

impl Debts {
    /// Whether what was sent under this number is a batch's, not a record's.
    pub(crate) fn is_batch(sequence: Sequence) -> bool {
        sequence >= FIRST
    }

    /// A number for a batch that begins.
    pub(crate) fn begin(&mut self) -> BatchId {
        self.next += 1;
        self.next - 1
    }

    /// A batch has ended, and has sent this much. Says whether something of it is not acknowledged.
    pub(crate) fn end(&mut self, batch: BatchId, sent: u32) -> bool {
        if sent == 0 && !self.open.contains_key(&batch) {
            return false;
        }
        let debt = self.open.entry(batch).or_default();
        debt.missing += i64::from(sent);
        debt.has_ended = true;
        if debt.missing == 0 {
            self.open.remove(&batch);
        }
        self.is_open(batch)
    }

    /// Whether Kafka has something of this batch still to acknowledge.
    pub(crate) fn is_open(&self, batch: BatchId) -> bool {
        self.open.contains_key(&batch)
    }

    /// A record is done but for what these batches have sent: says for how many of them it has to wait.
    pub(crate) fn owe(&mut self, sequence: Sequence, batches: &[BatchId]) -> u32 {
        let mut open = 0;
        for batch in batches {
            if let Some(debt) = self.open.get_mut(batch) {
                debt.owing.push(sequence);
                open += 1;
            }
        }
        open
    }

    /// Kafka has acknowledged something of a batch. Gives the records that need not wait for the batch any more.
    pub(crate) fn acknowledged(&mut self, batch: BatchId) -> Vec<Sequence> {
        let debt = self.open.entry(batch).or_default();
        debt.missing -= 1;
        if debt.has_ended && debt.missing == 0 {
            return self.open.remove(&batch).map(|debt| debt.owing).unwrap_or_default();
        }
        Vec::new()
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
