//! Asks Kafka for offsets: what the group has committed, what partitions hold, and where a moment is in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use chrono::{DateTime, Utc};
use rdkafka::{Offset, TopicPartitionList, consumer::Consumer as _};

use super::{Committed, KafkaClient, TopicPartition, list_of};
use crate::{native, settings::Start};

/// How long the committed offsets of a new assignment may take to come.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long Kafka may take to say what is only told.
const TELL_TIMEOUT: Duration = Duration::from_secs(3);

impl KafkaClient {
    /// The commit of each partition that has one.
    pub(super) fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, String> {
        let committed = self.consumer.committed_offsets(list_of(partitions), OFFSETS_TIMEOUT);
        let committed = committed.map_err(|error| error.to_string())?;
        let read = |partition| {
            let offset = offset_in(&committed, partition)?;
            Ok(match offset {
                Offset::Offset(offset) => {
                    let metadata = native::metadata(&committed, partition).to_vec();
                    Some(Committed { offset, metadata })
                }
                _ => None,
            })
        };
        partitions.iter().map(read).collect()
    }

    /// The first offset whose record is not older than `time`, in milliseconds since 1970; [`Offset::Beginning`] and
    /// [`Offset::End`] stand for the edges. `None` if there is no such record.
    pub(super) fn offsets_at(&self, partitions: &[TopicPartition], time: Offset) -> Result<Vec<Option<i64>>, String> {
        self.offsets_within(partitions, time, OFFSETS_TIMEOUT)
    }

    fn offsets_within(
        &self,
        partitions: &[TopicPartition],
        time: Offset,
        at_most: Duration,
    ) -> Result<Vec<Option<i64>>, String> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut times = list_of(partitions);
        times.set_all_offsets(time).map_err(|error| error.to_string())?;
        let offsets = self.consumer.offsets_for_times(times, at_most).map_err(|error| error.to_string())?;
        let read = |partition| {
            Ok(match offset_in(&offsets, partition)? {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
        };
        partitions.iter().map(read).collect()
    }

    /// Where reading starts in partitions that the group has no offset in, and how much that passes over; `None` is
    /// the beginning.
    ///
    /// What is not the beginning is asked for and becomes the group's offset: left to librdkafka, a process that ends
    /// before its first commit would start at a later end, and skip what came in between.
    pub(super) fn first_positions(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, (i64, i64)>, String> {
        let mut by_start: BTreeMap<Start, Vec<TopicPartition>> = BTreeMap::new();
        for partition in partitions {
            by_start.entry(self.positions_of(partition).start).or_default().push(partition.clone());
        }
        let mut found = BTreeMap::new();
        for (start, partitions) in by_start {
            let time = match start {
                Start::Earliest => continue,
                Start::Latest => Offset::End,
                Start::Ago(age) => Offset::Offset(milliseconds(Utc::now() - age)),
                Start::At(time) => Offset::Offset(milliseconds(time)),
            };
            let (begin, end) =
                (self.offsets_at(&partitions, Offset::Beginning)?, self.offsets_at(&partitions, Offset::End)?);
            let at = self.offsets_at(&partitions, time)?;
            for (place, partition) in partitions.into_iter().enumerate() {
                // Without a record as new as that, the next one to come is the first.
                let start = at[place].or(end[place]).ok_or_else(|| format!("{partition} has no end"))?;
                found.insert(partition, (start, start - begin[place].unwrap_or(start)));
            }
        }
        Ok(found)
    }

    /// What partitions hold. They are left out if Kafka does not say it soon: what is wrong with a position shows when it
    /// is read, and what is only told is not worth a wait.
    pub(super) fn logs_of(&self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Range<i64>> {
        let ask = |time| self.offsets_within(partitions, time, TELL_TIMEOUT);
        let Ok(begin) = ask(Offset::Beginning) else { return BTreeMap::new() };
        let edges = begin.into_iter().zip(ask(Offset::End).unwrap_or_default());
        let known = partitions.iter().zip(edges).filter_map(|(partition, edges)| match edges {
            (Some(begin), Some(end)) => Some((partition.clone(), begin..end)),
            _ => None,
        });
        known.collect()
    }

    /// Where the group has offsets, if it has none in one of these partitions; `None` if it has, or Kafka does not say.
    pub(super) fn committed_elsewhere(
        &self,
        partitions: &[TopicPartition],
        committed: &[Option<Committed>],
    ) -> Option<BTreeSet<TopicPartition>> {
        if committed.iter().all(Option::is_some) {
            return None;
        }
        let all = native::group_offsets(self.native, &self.group, TELL_TIMEOUT);
        let here = partitions.iter().zip(committed).filter(|(_, committed)| committed.is_some());
        let here: BTreeSet<_> = here.map(|(partition, _)| partition.clone()).collect();
        // What is known from here says that the group is not new, also without the rest.
        let is_known = all.is_some() || !here.is_empty();
        is_known.then(|| all.into_iter().flatten().chain(here).collect())
    }
}

fn milliseconds(time: DateTime<Utc>) -> i64 {
    time.timestamp_millis().max(0)
}

/// A partition's offset in a list that came back from Kafka.
fn offset_in(list: &TopicPartitionList, partition: &TopicPartition) -> Result<Offset, String> {
    let element = list
        .find_partition(&partition.topic, partition.partition)
        .ok_or_else(|| format!("no offset came for {partition}"))?;
    element.error().map_err(|error| format!("{partition}: {error}"))?;
    Ok(element.offset())
}
