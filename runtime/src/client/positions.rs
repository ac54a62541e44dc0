//! Where a partition's reading begins, and what else is known of a group that has no offset there.
//!
//! Pure functions of what Kafka has said, so that tests can show them every case.

use std::ops::Range;

use super::TopicPartition;
use crate::settings::LostPosition;

/// Where reading begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Begin {
    /// `None` is the beginning, wherever that is.
    pub(crate) start: Option<i64>,
    /// How many offsets are passed over, if `start` is neither the group's offset nor the beginning.
    pub(crate) passed: Option<i64>,
}

/// Chooses where a partition's reading begins.
///
/// `log` is what it holds, `None` if that is not known or nobody may go elsewhere; `first` is where a group without an
/// offset begins and how much that passes over, `None` for the beginning.
pub(crate) fn begin(
    committed: Option<i64>,
    log: Option<&Range<i64>>,
    first: Option<(i64, i64)>,
    lost: LostPosition,
) -> Begin {
    let Some(offset) = committed else {
        let (start, passed) = first.unzip();
        return Begin { start, passed };
    };
    match log {
        Some(log) if lost != LostPosition::Fail && !(log.start..=log.end).contains(&offset) => {
            let start = if lost == LostPosition::Latest { log.end } else { log.start };
            Begin { start: Some(start), passed: Some(start - offset) }
        }
        _ => Begin { start: Some(offset), passed: None },
    }
}

/// What a group has committed elsewhere than in one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OtherCommits {
    /// In how many other partitions of the topic.
    pub(crate) in_topic: usize,
    /// The highest of these.
    pub(crate) highest: Option<i32>,
    /// In how many partitions of other topics.
    pub(crate) elsewhere: usize,
}

impl OtherCommits {
    /// Counts what is beside `partition` among all partitions that the group has an offset in.
    pub(crate) fn of<'a>(partition: &TopicPartition, committed: impl Iterator<Item = &'a TopicPartition>) -> Self {
        let mut others = Self::default();
        for other in committed.filter(|other| *other != partition) {
            if other.topic == partition.topic {
                others.in_topic += 1;
                others.highest = others.highest.max(Some(other.partition));
            } else {
                others.elsewhere += 1;
            }
        }
        others
    }

    /// Whether the group has no offset anywhere.
    pub(crate) fn is_none(&self) -> bool {
        self.in_topic + self.elsewhere == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LostPosition::{Earliest, Fail, Latest};

    /// If this fails, a group begins elsewhere than its offset, `start` or `lost_position` say.
    #[test]
    fn a_partition_begins_where_its_group_or_its_settings_say() {
        let (at, beginning) = (|start, passed| Begin { start: Some(start), passed }, Begin::default());
        let cases = [
            (None, Some(10..40), None, Fail, beginning),
            (None, Some(10..40), Some((40, 30)), Fail, at(40, Some(30))),
            (None, None, Some((25, 15)), Latest, at(25, Some(15))),
            (Some(20), Some(10..40), None, Earliest, at(20, None)),
            (Some(10), Some(10..40), None, Latest, at(10, None)),
            (Some(40), Some(10..40), None, Earliest, at(40, None)),
            (Some(5), Some(10..40), None, Earliest, at(10, Some(5))),
            (Some(5), Some(10..40), None, Latest, at(40, Some(35))),
            (Some(50), Some(10..40), None, Earliest, at(10, Some(-40))),
            (Some(50), Some(10..40), None, Latest, at(40, Some(-10))),
            (Some(50), Some(10..40), None, Fail, at(50, None)),
            (Some(5), None, None, Earliest, at(5, None)),
        ];
        for (committed, log, first, lost, expected) in cases {
            let begins = begin(committed, log.as_ref(), first, lost);
            assert_eq!(begins, expected, "{committed:?} in {log:?}, {first:?}, {lost:?}");
        }
    }

    /// If this fails, a group that has lost its offsets is taken for a new one.
    #[test]
    fn what_a_group_has_elsewhere_is_counted() {
        let of = |topic: &str, partition| TopicPartition { topic: topic.into(), partition };
        let all = [of("orders", 0), of("orders", 1), of("orders", 4), of("videos", 0)];
        let others = OtherCommits::of(&of("orders", 1), all.iter());
        assert_eq!(others, OtherCommits { in_topic: 2, highest: Some(4), elsewhere: 1 });
        assert!(!others.is_none());
        assert!(OtherCommits::of(&of("orders", 1), all[1..2].iter()).is_none(), "it is no other");
    }
}
