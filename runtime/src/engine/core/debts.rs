//! What a batch owes to Kafka before its records count as done.
//!
//! A pure state machine beside the lane, for consumers with `batch:`: emits of a batch are those of all its records.

use std::collections::BTreeMap;

use super::tracker::Sequence;

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

    /// A batch has ended, and has sent this much. Returns whether something of it is not acknowledged.
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

    /// A record that is done but for what this batch has sent, if one is known.
    pub(crate) fn owing(&self, batch: BatchId) -> Option<Sequence> {
        self.open.get(&batch)?.owing.iter().min().copied()
    }

    /// Kafka has acknowledged something of a batch. Returns the records that need not wait for the batch any more.
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// If this fails, the acknowledgement of a batch's emit is taken for one of a record, or the other way round.
    #[test]
    fn a_batch_has_a_number_that_no_record_has() {
        let mut debts = Debts::default();
        assert_eq!([debts.begin(), debts.begin()], [FIRST, FIRST + 1]);
        assert!(Debts::is_batch(FIRST) && !Debts::is_batch(FIRST - 1));
    }

    /// If this fails, an emit that Kafka refuses is told without the record that it is of.
    #[test]
    fn the_first_record_that_waits_is_known() {
        let mut debts = Debts::default();
        let batch = debts.begin();
        assert_eq!(debts.owing(batch), None);
        assert!(debts.end(batch, 1));
        assert_eq!([9, 7, 8].map(|sequence| debts.owe(sequence, &[batch])), [1, 1, 1]);
        assert_eq!(debts.owing(batch), Some(7));
        assert_eq!(debts.acknowledged(batch), [9, 7, 8]);
        assert_eq!(debts.owing(batch), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// If this fails, a record counts as done before Kafka has what its batches sent, or never does.
        #[test]
        fn debts_are_paid_exactly(
            sent in prop::collection::vec(0u32..4, 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 30),
            early in any::<bool>(),
        ) {
            let mut debts = Debts::default();
            let batches: Vec<_> = sent.iter().map(|_| debts.begin()).collect();
            let mut on_their_way: Vec<_> = batches.iter().zip(&sent).flat_map(|(b, n)| vec![*b; *n as usize]).collect();
            let acknowledge = |debts: &mut Debts, on_their_way: &mut Vec<BatchId>, index: &prop::sample::Index| {
                let batch = on_their_way.swap_remove(index.index(on_their_way.len()));
                debts.acknowledged(batch)
            };
            if early && !on_their_way.is_empty() {
                // Kafka is faster than the batch.
                prop_assert!(acknowledge(&mut debts, &mut on_their_way, &order[0]).is_empty());
            }
            for (batch, sent) in batches.iter().zip(&sent) {
                let is_open = debts.end(*batch, *sent);
                prop_assert_eq!(is_open, on_their_way.contains(batch));
            }
            let mut owed = debts.owe(7, &batches);
            for index in &order {
                if on_their_way.is_empty() {
                    break;
                }
                owed -= acknowledge(&mut debts, &mut on_their_way, index).len() as u32;
                let open = batches.iter().filter(|batch| on_their_way.contains(batch)).count() as u32;
                prop_assert_eq!(owed, open);
            }
            prop_assert!(debts.open.is_empty());
        }
    }
}
