//! Why a partition is read from elsewhere than its group's offset, or not at all, and the words for it.
//!
//! The words claim no more than is known: what Kafka does not say is named as what it may be.

use std::fmt;

use crate::client::OtherCommits;

/// What a partition's log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The first offset that it still has.
    pub first: i64,
    /// The offset behind its last record.
    pub end: i64,
}

/// Why the group's offset does not say where to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The group is not known to have an offset anywhere: it is new, or all that it had have expired or were deleted.
    NewGroup,
    /// The group has offsets in the topic's partitions below this one only, as when partitions were added.
    NewPartition,
    /// The group has no offset here, though it has elsewhere: nothing was ever committed here, or it has expired or was
    /// deleted.
    NoOffset {
        /// In how many other partitions of the topic it has one.
        in_topic: usize,
        /// In how many partitions of other topics.
        elsewhere: usize,
    },
    /// This process has seen the group's offset, and Kafka does not have it any more: it was deleted, or has expired.
    OffsetGone,
    /// Retention, or a deletion of records, has passed it; the topic is the one that it was.
    Retention,
    /// The log begins behind it, and whether the topic is the one that it was is not known.
    BeforeLog,
    /// It was read up to there, and the log of the same topic is shorter now: it was truncated, as by an unclean election
    /// of a leader.
    Truncated,
    /// The log ends before it, and whether the topic is the one that it was is not known.
    BeyondEnd,
    /// The topic was deleted, and made again under its name: its offsets mean other records now.
    Recreated,
    /// The client does not find it, though the log should have it, or what the log holds is not known.
    Unknown,
}

impl Log {
    /// How many offsets it has; some may never have held a record.
    #[must_use]
    pub fn len(self) -> u64 {
        count(self.end - self.first)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Cause {
    /// What is known of an offset that is not there. `is_same`: the topic is the one that it was for certain, and
    /// `has_read`: this process has read it up to there. `truncated`: the client has compared the log with what was read.
    pub(crate) fn of_lost(offset: i64, log: Option<Log>, is_same: bool, has_read: bool, truncated: bool) -> Self {
        // A former offset of the group may be older than all that this process knows of the topic.
        let is_same = is_same && has_read;
        match log {
            Some(log) if offset < log.first && is_same => Self::Retention,
            Some(log) if offset < log.first => Self::BeforeLog,
            _ if truncated && is_same => Self::Truncated,
            Some(log) if offset > log.end && is_same => Self::Truncated,
            Some(log) if offset > log.end => Self::BeyondEnd,
            _ => Self::Unknown,
        }
    }

    /// What is known of a group without an offset in a partition: whether this process has seen one, and what it has
    /// elsewhere.
    pub(crate) fn of_missing(partition: i32, had: bool, others: OtherCommits) -> Self {
        let OtherCommits { in_topic, elsewhere, .. } = others;
        match others.highest {
            _ if had => Self::OffsetGone,
            _ if others.is_none() => Self::NewGroup,
            Some(highest) if highest < partition => Self::NewPartition,
            _ => Self::NoOffset { in_topic, elsewhere },
        }
    }

    /// A word for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewGroup => "new_group",
            Self::NewPartition => "new_partition",
            Self::NoOffset { .. } => "no_offset",
            Self::OffsetGone => "offset_gone",
            Self::Retention => "retention",
            Self::BeforeLog => "before_log",
            Self::Truncated => "truncated",
            Self::BeyondEnd => "beyond_end",
            Self::Recreated => "recreated",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is more than a beginning: something was lost, or may have been.
    #[must_use]
    pub fn is_loss(self) -> bool {
        !matches!(self, Self::NewGroup | Self::NewPartition)
    }
}

/// What [`Event::Positioned`](super::Event::Positioned) says, in words.
pub(crate) struct Positioned<'a> {
    pub(crate) group: &'a str,
    pub(crate) partition: &'a super::Partition,
    pub(crate) from: Option<i64>,
    pub(crate) to: i64,
    pub(crate) passed: i64,
    pub(crate) log: Option<Log>,
    pub(crate) cause: Cause,
}

impl fmt::Display for Positioned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, partition, from, to, passed, log, cause } = self;
        match (cause, from) {
            (Cause::NewGroup, _) => {
                write!(
                    f,
                    "group {group} has no offsets, as a new one or one whose offsets are gone: it begins {partition}"
                )?;
            }
            (Cause::NewPartition, _) => {
                write!(f, "group {group} begins {partition}, which is new to it as far as its offsets say,")?;
            }
            (Cause::NoOffset { in_topic, elsewhere }, _) => {
                write!(f, "group {group} has no offset in {partition}, though it has in ")?;
                let partitions = |count: usize| if count == 1 { "partition" } else { "partitions" };
                if *in_topic > 0 {
                    write!(f, "{in_topic} other {} of the topic", partitions(*in_topic))?;
                }
                if *in_topic > 0 && *elsewhere > 0 {
                    f.write_str(" and ")?;
                }
                if *elsewhere > 0 {
                    write!(f, "{elsewhere} {} of other topics", partitions(*elsewhere))?;
                }
                f.write_str(": it never had one there, or it has expired or was deleted. It begins")?;
            }
            (Cause::OffsetGone, Some(from)) => write!(
                f,
                "the offset {from} of group {group} in {partition} is gone: it was deleted or has expired. It begins"
            )?,
            (Cause::Recreated, Some(from)) => write!(
                f,
                "group {group} was at offset {from} of {partition} when the topic was recreated: it begins the new one"
            )?,
            (cause, from) => {
                let from = from.unwrap_or_default();
                let why = Lost { offset: from, log: *log, cause: *cause };
                write!(f, "group {group} has lost its position in {partition}: {why}; it goes on")?;
            }
        }
        write!(f, " at offset {to}")?;
        let names_log = !matches!(cause, Cause::Retention | Cause::BeforeLog | Cause::Truncated | Cause::BeyondEnd);
        if let Some(log) = log.filter(|_| names_log) {
            write!(f, ", of {} to {}", log.first, log.end)?;
        }
        match *passed {
            passed if passed >= 0 => write!(f, " ({passed} passed over")?,
            _ => f.write_str(" (none passed over")?,
        }
        match (cause, from, log) {
            (Cause::OffsetGone, Some(from), _) if from > to => write!(f, ", {} read again at most", from - to)?,
            (Cause::NoOffset { .. }, _, Some(log)) => {
                write!(f, ", {} read again at most, if they were read before", count(log.end - to))?;
            }
            (_, _, Some(log)) => write!(f, ", {} to read", count(log.end - to))?,
            _ => {}
        }
        f.write_str(")")
    }
}

/// Why an offset is not there, in words.
pub(crate) struct Lost {
    pub(crate) offset: i64,
    pub(crate) log: Option<Log>,
    pub(crate) cause: Cause,
}

impl Lost {
    /// How many offsets are gone: those before the log, or those that were behind its end.
    pub(crate) fn count(&self) -> Option<u64> {
        match (self.cause, self.log) {
            (Cause::Retention | Cause::BeforeLog, Some(log)) => Some(count(log.first - self.offset)),
            (Cause::Truncated | Cause::BeyondEnd, Some(log)) => Some(count(self.offset - log.end)),
            _ => None,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, log, cause } = self;
        match log {
            Some(log) => write!(f, "offset {offset} is gone, the log has {} to {}", log.first, log.end)?,
            None => write!(f, "offset {offset} is gone")?,
        }
        let lost = self.count().unwrap_or_default();
        match cause {
            Cause::Retention => write!(f, ": retention or a deletion of records has passed it, and {lost} are lost"),
            Cause::BeforeLog => write!(
                f,
                ": {lost} are not there any more, by retention, a deletion of records, or a topic that was recreated"
            ),
            Cause::Truncated if lost == 0 => {
                f.write_str(": the log was truncated, as by an unclean election of a leader")
            }
            Cause::Truncated => {
                write!(f, ": the log was truncated by {lost} at least, as by an unclean election of a leader")
            }
            Cause::BeyondEnd => write!(
                f,
                ": it is {lost} beyond the end, as the topic was recreated, its log truncated (an unclean election of a \
                 leader), or the offset committed by other means"
            ),
            Cause::Recreated => f.write_str(": the topic was recreated"),
            _ if log.is_some() => f.write_str(", and Kafka does not say why"),
            _ => f.write_str(", and what the log holds is not known"),
        }
    }
}

/// What [`Event::PositionLost`](super::Event::PositionLost) says, in words, and what a person can do.
pub(crate) struct Waits<'a> {
    pub(crate) group: &'a str,
    pub(crate) partition: &'a super::Partition,
    pub(crate) lost: Lost,
    pub(crate) moves: bool,
}

impl Waits<'_> {
    /// What makes the partition go on.
    pub(crate) fn help(&self) -> String {
        let Self { group, partition, lost, moves } = self;
        if *moves {
            return "it goes on as `lost_position` says when the partition is assigned again, as after a restart"
                .to_owned();
        }
        let at = |edge: fn(Log) -> i64| lost.log.map(|log| format!(" (offset {} now)", edge(log))).unwrap_or_default();
        let (topic, number) = (&partition.topic, partition.partition);
        format!(
            "set `lost_position: earliest`{} or `latest`{} in karafka.yml and start again, or stop the app and move the \
             group: kafka-consumer-groups --bootstrap-server … --group {group} --topic {topic}:{number} --reset-offsets \
             --to-earliest --execute",
            at(|log| log.first),
            at(|log| log.end)
        )
    }
}

impl fmt::Display for Waits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits: {}; nothing is skipped by itself", self.partition, self.lost)
    }
}

fn count(offsets: i64) -> u64 {
    u64::try_from(offsets).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Partition;

    const LOG: Option<Log> = Some(Log { first: 40, end: 100 });

    /// What is told of an offset that is not there.
    fn lost(offset: i64, log: Option<Log>, is_same: bool, has_read: bool, truncated: bool) -> (Cause, String) {
        let cause = Cause::of_lost(offset, log, is_same, has_read, truncated);
        (cause, Lost { offset, log, cause }.to_string())
    }

    /// The offset, the log, whether the topic is the same for certain, whether it was read, whether the client has seen that
    /// the log was truncated; and what is told.
    type Case<'a> = (i64, Option<Log>, bool, bool, bool, Cause, &'a [&'a str]);

    /// If this fails, a person is told a cause that nobody knows, such as retention of a topic that was recreated, or other
    /// numbers than those that are.
    #[test]
    fn a_cause_is_said_as_far_as_it_is_known() {
        use Cause::{BeforeLog, BeyondEnd, Retention, Truncated, Unknown};
        let cases: &[Case<'_>] = &[
            (
                10,
                LOG,
                true,
                true,
                false,
                Retention,
                &["offset 10 is gone, the log has 40 to 100", "retention", "30 are lost"],
            ),
            (10, LOG, true, true, true, Retention, &["30 are lost"]),
            // Of a process that has just started nothing is known of what the topic was before.
            (10, LOG, true, false, false, BeforeLog, &["30 are not there any more", "or a topic that was recreated"]),
            // A broker without ids.
            (10, LOG, false, true, false, BeforeLog, &["or a topic that was recreated"]),
            (10, LOG, false, false, false, BeforeLog, &["or a topic that was recreated"]),
            (107, LOG, true, true, false, Truncated, &["was truncated by 7 at least"]),
            (
                107,
                LOG,
                true,
                false,
                false,
                BeyondEnd,
                &["7 beyond the end", "was recreated, its log truncated", "or the"],
            ),
            (107, LOG, false, true, false, BeyondEnd, &["7 beyond the end"]),
            (107, LOG, false, true, true, BeyondEnd, &["7 beyond the end"]),
            // Truncated, and written on since.
            (80, LOG, true, true, true, Truncated, &["the log was truncated, as by"]),
            (80, LOG, false, true, true, Unknown, &["Kafka does not say why"]),
            (80, LOG, true, true, false, Unknown, &["Kafka does not say why"]),
            (40, LOG, true, true, false, Unknown, &["Kafka does not say why"]),
            (100, LOG, true, true, false, Unknown, &["Kafka does not say why"]),
            (10, None, true, true, false, Unknown, &["offset 10 is gone, and what the log holds is not known"]),
            (10, None, true, true, true, Truncated, &["was truncated"]),
        ];
        for (offset, log, is_same, has_read, truncated, cause, parts) in cases {
            let case = format!("{offset} in {log:?}, same {is_same}, read {has_read}, truncated {truncated}");
            let (told, words) = lost(*offset, *log, *is_same, *has_read, *truncated);
            assert_eq!(told, *cause, "{case}");
            for part in *parts {
                assert!(words.contains(part), "{case}: no `{part}` in: {words}");
            }
            // What is not known is never stated as a fact.
            let says_recreated = words.contains("recreated");
            assert_eq!(says_recreated, matches!(cause, BeforeLog | BeyondEnd), "{case}: {words}");
            let says_retention = words.contains("retention");
            assert_eq!(says_retention, matches!(cause, Retention | BeforeLog), "{case}: {words}");
        }
    }

    /// If this fails, a group that has lost its offsets looks like a new one, a new one alarms somebody, or the words have
    /// other numbers than those that are.
    #[test]
    fn a_group_without_an_offset_is_told_from_a_new_one() {
        let others = |in_topic, highest, elsewhere| OtherCommits { in_topic, highest, elsewhere };
        let no_offset = |in_topic, elsewhere| Cause::NoOffset { in_topic, elsewhere };
        // The partition, whether this process has known an offset, what others there are; and what is told.
        let cases: &[(i32, bool, OtherCommits, Cause, &[&str])] = &[
            (
                1,
                false,
                others(0, None, 0),
                Cause::NewGroup,
                &["has no offsets", "begins orders/1 at offset 40, of 40 to 100", "60 to read"],
            ),
            (
                1,
                true,
                others(0, None, 0),
                Cause::OffsetGone,
                &["the offset 57 of group shop in orders/1 is gone", "17 read again at most"],
            ),
            (1, true, others(3, Some(4), 1), Cause::OffsetGone, &["the offset 57"]),
            (4, false, others(4, Some(3), 0), Cause::NewPartition, &["is new to it", "60 to read"]),
            (4, true, others(4, Some(3), 0), Cause::OffsetGone, &["the offset 57"]),
            (
                1,
                false,
                others(3, Some(3), 0),
                no_offset(3, 0),
                &["in 3 other partitions of the topic:", "60 read again at most"],
            ),
            (
                1,
                false,
                others(3, Some(3), 2),
                no_offset(3, 2),
                &["3 other partitions of the topic and 2 partitions of other topics:"],
            ),
            (1, false, others(0, None, 1), no_offset(0, 1), &["though it has in 1 partition of other topics:"]),
        ];
        let partition = |partition| Partition { topic: "orders".into(), partition };
        for (number, had, others, cause, parts) in cases {
            let told = Cause::of_missing(*number, *had, *others);
            assert_eq!(told, *cause, "{number}, {had}, {others:?}");
            assert_eq!(told.is_loss(), !matches!(told, Cause::NewGroup | Cause::NewPartition));
            let (from, passed) = (had.then_some(57), if *had { 40 - 57 } else { 0 });
            let (group, partition, log) = ("shop", &partition(*number), LOG);
            let words = Positioned { group, partition, from, to: 40, passed, log, cause: told }.to_string();
            for part in *parts {
                assert!(words.contains(part), "no `{part}` in: {words}");
            }
        }
    }

    /// If this fails, a group that begins at the end passes over records that nobody counts.
    #[test]
    fn what_is_passed_over_is_counted() {
        let (group, partition) = ("shop", &Partition { topic: "orders".into(), partition: 1 });
        let words =
            |from, to, passed, cause| Positioned { group, partition, from, to, passed, log: LOG, cause }.to_string();
        let no_offset = Cause::NoOffset { in_topic: 1, elsewhere: 0 };
        assert!(words(None, 100, 60, no_offset).contains("(60 passed over, 0 read again at most"));
        assert!(words(Some(57), 100, 43, Cause::OffsetGone).contains("(43 passed over, 0 to read)"));
        assert!(
            words(Some(10), 40, 30, Cause::Retention).ends_with("it goes on at offset 40 (30 passed over, 60 to read)")
        );
    }
}
