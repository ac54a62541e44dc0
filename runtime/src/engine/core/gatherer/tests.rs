use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Happening {
    Enter {
        key: OrderingKey,
    },
    Take,
    /// A batch ends: what becomes of its records, one after another.
    End {
        nth: usize,
        done: Vec<bool>,
    },
    /// A record that was held back can be taken again.
    Rested {
        nth: usize,
        alone: bool,
    },
    /// A record that was held back is in the dead letter topic.
    Buried {
        nth: usize,
    },
}

fn happenings(keys: u64) -> impl Strategy<Value = Vec<Happening>> {
    let key = prop_oneof![1 => Just(None), 4 => (0..keys).prop_map(Some)];
    let happening = prop_oneof![
        40 => key.prop_map(|key| Happening::Enter { key }),
        12 => Just(Happening::Take),
        12 => (0usize..4, prop::collection::vec(prop::bool::weighted(0.7), 8))
            .prop_map(|(nth, done)| Happening::End { nth, done }),
        10 => (0usize..8, prop::bool::weighted(0.2)).prop_map(|(nth, alone)| Happening::Rested { nth, alone }),
        3 => (0usize..8).prop_map(|nth| Happening::Buried { nth }),
    ];
    prop::collection::vec(happening, 1..200)
}

/// What a careful person with a notebook would know: records that are not finished, in order.
#[derive(Default)]
struct Notebook {
    records: BTreeMap<Sequence, (OrderingKey, Standing)>,
    batches: Vec<Vec<Sequence>>,
}

impl Notebook {
    /// What of this standing may be taken of each key, and each record without one, by the first of it.
    fn runs(&self, size: usize, wanted: Standing) -> BTreeMap<Sequence, Vec<Sequence>> {
        let mut keys: BTreeMap<u64, Vec<(Sequence, Standing)>> = BTreeMap::new();
        let mut runs = BTreeMap::new();
        for (&sequence, &(key, standing)) in &self.records {
            match key {
                Some(key) => keys.entry(key).or_default().push((sequence, standing)),
                None if standing == wanted => drop(runs.insert(sequence, vec![sequence])),
                None => {}
            }
        }
        for members in keys.into_values() {
            let size = if wanted == Standing::Alone { 1 } else { size };
            let run = members.into_iter().take(size).take_while(|(_, standing)| *standing == wanted);
            let run: Vec<_> = run.map(|(sequence, _)| sequence).collect();
            if let Some(first) = run.first() {
                runs.insert(*first, run);
            }
        }
        runs
    }

    /// The next batch: one record that wants to be alone, or others that come again up to such a one, or new ones.
    fn next_batch(&self, size: usize) -> Vec<Sequence> {
        let first_alone = self.runs(size, Standing::Alone).keys().next().copied();
        let again = self.runs(size, Standing::Again);
        let mut batch: Vec<_> = match (first_alone, again.keys().next()) {
            (Some(alone), again) if again.is_none_or(|first| alone < *first) => vec![alone],
            (None, None) => self.runs(size, Standing::Waiting).into_values().flatten().take(size).collect(),
            (alone, _) => {
                let before = again.into_iter().take_while(|(first, _)| alone.is_none_or(|alone| *first < alone));
                before.flat_map(|(_, run)| run).take(size).collect()
            }
        };
        batch.sort_unstable();
        batch
    }

    fn blocked(&self, nth: usize) -> Option<(Sequence, OrderingKey)> {
        let blocked: Vec<_> = self.records.iter().filter(|(_, (_, standing))| *standing == Standing::Blocked).collect();
        (!blocked.is_empty()).then(|| (*blocked[nth % blocked.len()].0, blocked[nth % blocked.len()].1.0))
    }

    fn set(&mut self, sequence: Sequence, to: Standing) {
        self.records.get_mut(&sequence).expect("known").1 = to;
    }
}

fn replay(size: usize, history: Vec<Happening>) -> Result<(), TestCaseError> {
    let (mut gatherer, mut notebook) = (Gatherer::new(size), Notebook::default());
    let mut next = 0;
    for happening in history {
        match happening {
            Happening::Enter { key } => {
                gatherer.enter(next, key);
                notebook.records.insert(next, (key, Standing::Waiting));
                next += 1;
            }
            Happening::Take => {
                let expected = notebook.next_batch(size);
                let taken = gatherer.take();
                prop_assert_eq!(&taken, &expected, "not what is free, from the oldest on");
                taken.iter().for_each(|sequence| notebook.set(*sequence, Standing::AtWork));
                notebook.batches.extend((!taken.is_empty()).then_some(taken));
            }
            Happening::End { nth, done } => {
                if notebook.batches.is_empty() {
                    continue;
                }
                let nth = nth % notebook.batches.len();
                let batch = notebook.batches.swap_remove(nth);
                let mut keys = Vec::new();
                for (place, sequence) in batch.into_iter().enumerate() {
                    let key = notebook.records[&sequence].0;
                    keys.push(key);
                    if done[place % done.len()] {
                        gatherer.leave(sequence, key);
                        notebook.records.remove(&sequence);
                    } else {
                        gatherer.block(sequence, key);
                        notebook.set(sequence, Standing::Blocked);
                    }
                }
                keys.into_iter().for_each(|key| gatherer.look_at(key));
            }
            Happening::Rested { nth, alone } => {
                let Some((sequence, key)) = notebook.blocked(nth) else { continue };
                gatherer.wait(sequence, key, alone);
                notebook.set(sequence, if alone { Standing::Alone } else { Standing::Again });
            }
            Happening::Buried { nth } => {
                let Some((sequence, key)) = notebook.blocked(nth) else { continue };
                gatherer.leave(sequence, key);
                gatherer.look_at(key);
                notebook.records.remove(&sequence);
            }
        }
        let new = notebook.runs(size, Standing::Waiting);
        prop_assert_eq!(gatherer.available(), new.values().map(Vec::len).sum::<usize>());
        let again = [Standing::Again, Standing::Alone].map(|standing| notebook.runs(size, standing));
        prop_assert_eq!(gatherer.has_again(), again.iter().any(|runs| !runs.is_empty()));
        let at_rest = |standing: Standing| matches!(standing, Standing::AtWork | Standing::Blocked);
        let waiting = notebook.records.iter().filter(|(_, (_, standing))| !at_rest(*standing));
        let mut waiting: Vec<_> = waiting.map(|(sequence, _)| *sequence).collect();
        prop_assert_eq!(gatherer.waiting(), waiting.len());
        if next % 50 == 49 {
            let mut other = Gatherer::new(size);
            std::mem::swap(&mut gatherer, &mut other);
            let mut left = other.close();
            left.sort_unstable();
            waiting.sort_unstable();
            prop_assert_eq!(left, waiting, "a stop forgets records, and waits for them for ever");
            return Ok(());
        }
    }
    Ok(())
}

/// If this fails, a consumer with very many keys grows for as long as it runs.
#[test]
fn a_key_without_records_is_forgotten() {
    let mut gatherer = Gatherer::new(2);
    gatherer.enter(0, Some(7));
    assert_eq!(gatherer.take(), [0]);
    gatherer.leave(0, Some(7));
    gatherer.look_at(Some(7));
    assert!(gatherer.keys.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// If this fails, a batch takes a record before one that it has to wait for, takes one twice, or leaves one for ever.
    #[test]
    fn random_histories_keep_the_order(size in 1usize..8, history in happenings(4)) {
        replay(size, history)?;
    }

    /// If this fails, the same happens under `ordering: partition`.
    #[test]
    fn random_histories_of_one_key(size in 1usize..8, history in happenings(1)) {
        replay(size, history)?;
    }
}
