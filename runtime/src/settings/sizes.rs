//! Sizes that do not go together: of a record, of a fetch, of a queue, and of the memory that a group has.
//!
//! All of it starts where a client can be made at all; what is found here says what a person may have meant otherwise. It is
//! looked at by `karafka check`, as far as the manifest says numbers, and by the app when it starts.

use std::collections::BTreeMap;

use super::one_spelling;

/// Which part of a group's memory is for what is fetched ahead: half of it. The rest is for what waits in lanes.
pub(crate) const PREFETCHED: u64 = 2;

/// What is written of sizes: properties by their names, as texts, and groups.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// `kafka.options`
    pub options: &'a BTreeMap<String, String>,
    /// `kafka.consumer`
    pub consumer: &'a BTreeMap<String, String>,
    /// `kafka.producer`
    pub producer: &'a BTreeMap<String, String>,
    /// Groups that consume something.
    pub groups: &'a [GroupSize<'a>],
}

/// A group.
#[derive(Debug, Clone)]
pub struct GroupSize<'a> {
    /// As the manifest writes it.
    pub name: &'a str,
    /// `kafka` of the group.
    pub options: &'a BTreeMap<String, String>,
    /// `memory`, in bytes.
    pub memory: u64,
    /// Partitions of its topics, all of which one member may come to have, and the dotted key that says most of them; `None`
    /// where that is not known.
    pub partitions: Option<(u64, String)>,
    /// What may be at work at once.
    pub at_work: AtWork,
}

/// What a group may have at work at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWork {
    /// `concurrency`: attempts at once.
    pub concurrency: u64,
    /// Whether a partition is at one attempt at a time, as with `ordering: partition`.
    pub is_by_partition: bool,
    /// Records of an attempt: several in a batch.
    pub records: u64,
}

/// How large a record is taken to be where nobody says it: what a topic takes by Kafka's default, nearly.
pub const LARGEST: u64 = 1 << 20;

impl AtWork {
    /// The least memory that records of `largest` bytes take, whatever `memory` says: one that waits in each partition, as no
    /// partition is fetched for without one, and those at work.
    #[must_use]
    pub fn floor(self, partitions: u64, largest: u64) -> u64 {
        let attempts = if self.is_by_partition { self.concurrency.min(partitions) } else { self.concurrency };
        (partitions + attempts * self.records).saturating_mul(largest)
    }

    /// What is to be said of a group whose partitions alone take more than its `memory`, and what helps. How many are at work
    /// is said in so many words, and warns of itself.
    #[must_use]
    pub fn above(self, partitions: u64, largest: u64, memory: u64) -> Option<(String, String)> {
        let floor = self.floor(partitions, largest);
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        (partitions.saturating_mul(largest) > memory).then(|| {
            let words = format!(
                "with records of {largest} bytes its {partitions} partitions take {} MiB, and it has a `memory` of {} MiB",
                mib(floor),
                mib(memory)
            );
            let help = format!(
                "one record waits in each partition, and those at work count as well: write `memory: {}MiB` to give it room, or, \
                 where no record is so large, `message.max.bytes` under `kafka.consumer`",
                mib(floor)
            );
            (words, help)
        })
    }
}

/// Two sizes that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeConflict {
    /// The dotted keys of both; the second may be one that nobody has written.
    pub keys: [String; 2],
    /// What is wrong, in one sentence with both.
    pub words: String,
    /// What to write instead.
    pub help: String,
}

/// Finds all of them.
#[must_use]
pub fn clashes(written: &Written<'_>) -> Vec<SizeConflict> {
    let mut found: Vec<SizeConflict> = Vec::new();
    for group in written.groups {
        for clash in of_consumer(written, group) {
            // What several groups share is said once.
            if !found.contains(&clash) {
                found.push(clash);
            }
        }
    }
    found.extend(of_producer(written));
    found
}

fn of_consumer(written: &Written<'_>, group: &GroupSize<'_>) -> Vec<SizeConflict> {
    let mut found = Vec::new();
    let own = format!("groups.{}.kafka", group.name);
    let consumer = |name| {
        let sections =
            [(&*own, group.options), ("kafka.consumer", written.consumer), ("kafka.options", written.options)];
        number(name, &sections)
    };
    let (fetch, message) = (consumer("fetch.max.bytes"), consumer("message.max.bytes"));
    if let (Some(message), Some(fetch)) = (&message, &fetch)
        && message.is > fetch.is
    {
        found.push(SizeConflict {
            keys: [message.key.clone(), fetch.key.clone()],
            words: format!(
                "records may have {} bytes (`message.max.bytes`), and a consumer asks for {} at once (`fetch.max.bytes`)",
                message.is, fetch.is
            ),
            help: "it starts, and a larger record comes by itself; take `fetch.max.bytes` out to let it follow `memory`"
                .to_owned(),
        });
    }
    let largest = message.as_ref().map_or(LARGEST, |message| message.is);
    if let Some((partitions, key)) = &group.partitions
        && let Some((words, help)) = group.at_work.above(*partitions, largest, group.memory)
    {
        found.push(SizeConflict {
            keys: [key.clone(), format!("groups.{}.memory", group.name)],
            words: format!("the group `{}`: {words}", group.name),
            help,
        });
    }
    let room = group.memory / PREFETCHED;
    let larger = [&message, &fetch].into_iter().flatten().find(|size| size.is > room);
    if let Some(size) = larger {
        let (what, name) = if Some(size) == message.as_ref() {
            ("a record may have", "message.max.bytes")
        } else {
            ("a consumer asks at once for", "fetch.max.bytes")
        };
        found.push(SizeConflict {
            keys: [size.key.clone(), format!("groups.{}.memory", group.name)],
            words: format!(
                "{what} {} bytes (`{name}`), and the group `{}` has room for {room} that are fetched ahead, half of its \
                 `memory`",
                size.is, group.name
            ),
            help: format!(
                "it starts, and takes more than `memory` says when that comes: write `memory: {}MiB` or more",
                (size.is * PREFETCHED).div_ceil(1 << 20)
            ),
        });
    }
    found
}

fn of_producer(written: &Written<'_>) -> Option<SizeConflict> {
    let producer = |name| number(name, &[("kafka.producer", written.producer), ("kafka.options", written.options)]);
    let (message, queue) = (producer("message.max.bytes")?, producer("queue.buffering.max.kbytes")?);
    (message.is > queue.is.saturating_mul(1024)).then(|| SizeConflict {
        words: format!(
            "records of {} bytes may be sent (`message.max.bytes`), and the producer's queue holds {} KiB \
             (`queue.buffering.max.kbytes`)",
            message.is, queue.is
        ),
        keys: [message.key, queue.key],
        help: "what is larger than the queue is refused: raise `queue.buffering.max.kbytes`".to_owned(),
    })
}

/// A number that somebody has written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    key: String,
    is: u64,
}

/// What the first section says of a property, under whichever of its names.
fn number(name: &str, sections: &[(&str, &BTreeMap<String, String>)]) -> Option<Number> {
    let (section, (written, text)) = sections.iter().find_map(|(section, options)| {
        let found = options.iter().find(|(written, _)| one_spelling(written) == name)?;
        Some((section, found))
    })?;
    // What is no number is refused elsewhere, and what a `${…}` will be is not known.
    Some(Number { key: format!("{section}.{written}"), is: text.trim().parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, the floor that a group is said to need is another than the one that it takes; `tests/real_kafka/` measures
    /// that.
    #[test]
    fn the_floor_of_large_records_is_named() {
        let at_work = |concurrency, is_by_partition, records| AtWork { concurrency, is_by_partition, records };
        assert_eq!(at_work(32, true, 1).floor(100, 1 << 20), 132 << 20);
        assert_eq!(at_work(32, true, 1).floor(4, 1 << 20), 8 << 20, "no more are at work than there are partitions");
        assert_eq!(at_work(32, false, 1).floor(4, 1 << 20), 36 << 20);
        assert_eq!(at_work(2, true, 100).floor(4, 1_000), 204_000);
        assert_eq!(at_work(32, true, 1).floor(u64::MAX / 2, 1 << 20), u64::MAX);
        assert_eq!(at_work(32, true, 1).above(100, 1 << 20, 100 << 20), None);
        assert_eq!(at_work(64, false, 1).above(12, 1 << 20, 64 << 20), None, "what a person has asked for");
        let (words, help) = at_work(32, true, 1).above(100, 1 << 20, 64 << 20).expect("it is above");
        for part in ["100 partitions", "1048576 bytes", "132 MiB", "`memory` of 64 MiB"] {
            assert!(words.contains(part), "{words}");
        }
        assert!(help.contains("`memory: 132MiB`") && help.contains("`message.max.bytes`"), "{help}");
    }

    /// If this fails, sizes that cannot be had together are found by a client that does not start, in librdkafka's words and
    /// about keys that nobody has written; or a manifest that is fine is warned of.
    #[test]
    fn both_keys_are_named() {
        // `kafka.options`, `kafka.consumer`, `kafka.producer`, `memory` in MiB; the keys.
        type Options = &'static [(&'static str, &'static str)];
        type Row = (Options, Options, Options, u64, &'static [(&'static str, &'static str)]);
        let table: &[Row] = &[
            (&[], &[], &[], 1, &[]),
            (&[("message.max.bytes", "10000000")], &[], &[], 64, &[]),
            (&[], &[], &[("message.max.bytes", "1000000000")], 1, &[]),
            (
                &[("message.max.bytes", "100000000")],
                &[],
                &[],
                64,
                &[("kafka.options.message.max.bytes", "groups.shop.memory")],
            ),
            (
                &[("message.max.bytes", "10000000")],
                &[("fetch.max.bytes", "5000000")],
                &[],
                64,
                &[("kafka.options.message.max.bytes", "kafka.consumer.fetch.max.bytes")],
            ),
            // What just fits.
            (&[("message.max.bytes", "10000000")], &[("fetch.max.bytes", "10000000")], &[], 64, &[]),
            (&[], &[("fetch.max.bytes", "33554432")], &[], 64, &[]),
            (&[], &[], &[("message.max.bytes", "1048576"), ("queue.buffering.max.kbytes", "1024")], 64, &[]),
            (
                &[],
                &[],
                &[("message.max.bytes", "1048577"), ("queue.buffering.max.kbytes", "1024")],
                64,
                &[("kafka.producer.message.max.bytes", "kafka.producer.queue.buffering.max.kbytes")],
            ),
            (&[("fetch.max.bytes", "5000000")], &[("receive.message.max.bytes", "5000512")], &[], 64, &[]),
            (
                &[],
                &[("fetch.max.bytes", "52428800")],
                &[],
                64,
                &[("kafka.consumer.fetch.max.bytes", "groups.shop.memory")],
            ),
            (
                &[("queue.buffering.max.kbytes", "1024")],
                &[],
                &[("message.max.bytes", "2000000")],
                64,
                &[("kafka.producer.message.max.bytes", "kafka.options.queue.buffering.max.kbytes")],
            ),
            // The section's own word is over that of all.
            (&[("message.max.bytes", "100000000")], &[("message.max.bytes", "1000")], &[], 64, &[]),
            (&[("message.max.bytes", "${LARGEST}")], &[("fetch.max.bytes", "1000")], &[], 64, &[]),
        ];
        for (options, consumer, producer, memory, expected) in table {
            let of = |options: Options| -> BTreeMap<String, String> {
                options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            };
            let (options, consumer, producer) = (of(options), of(consumer), of(producer));
            let at_work = AtWork { concurrency: 32, is_by_partition: true, records: 1 };
            let own = BTreeMap::new();
            let groups = [GroupSize { name: "shop", options: &own, memory: memory << 20, partitions: None, at_work }];
            let written = Written { options: &options, consumer: &consumer, producer: &producer, groups: &groups };
            let found = clashes(&written);
            let keys: Vec<_> = found.iter().map(|clash| (clash.keys[0].as_str(), clash.keys[1].as_str())).collect();
            assert_eq!(keys, *expected, "{written:?}");
            for clash in &found {
                for key in &clash.keys {
                    let property =
                        key.split_once('.').and_then(|(_, rest)| rest.split_once('.')).expect("three parts").1;
                    assert!(clash.words.contains(&format!("`{property}`")), "{key} is not named: {}", clash.words);
                }
            }
        }
    }

    /// If this fails, nobody is told that a topic with many partitions needs more memory than its group may take.
    #[test]
    fn the_floor_is_a_clash_where_partitions_are_known() {
        let none = BTreeMap::new();
        let at_work = AtWork { concurrency: 32, is_by_partition: true, records: 1 };
        let clash = |partitions| {
            let partitions = Some((partitions, "topics.clicks.partitions".to_owned()));
            let groups = [GroupSize { name: "shop", options: &none, memory: 64 << 20, partitions, at_work }];
            let written = Written { options: &none, consumer: &none, producer: &none, groups: &groups };
            clashes(&written).into_iter().map(|clash| clash.keys).collect::<Vec<_>>()
        };
        assert_eq!(clash(4), [[""; 2]; 0]);
        assert_eq!(clash(100), [["topics.clicks.partitions", "groups.shop.memory"]]);
    }

    /// If this fails, what a group's own client is told counts for nothing, or for the others.
    #[test]
    fn a_groups_own_word_is_over_all_others() {
        let of = |bytes: &str| BTreeMap::from([("fetch.max.bytes".to_owned(), bytes.to_owned())]);
        let (none, shared, small, large) = (BTreeMap::new(), of("100000000"), of("1000000"), of("200000000"));
        let at_work = AtWork { concurrency: 32, is_by_partition: true, records: 1 };
        let group = |name, options| GroupSize { name, options, memory: 64 << 20, partitions: None, at_work };
        let groups = [group("small", &small), group("large", &large), group("plain", &none)];
        let written = Written { options: &none, consumer: &shared, producer: &none, groups: &groups };
        let found = clashes(&written);
        let keys: Vec<_> = found.iter().map(|clash| clash.keys.each_ref().map(String::as_str)).collect();
        assert_eq!(
            keys,
            [
                ["groups.large.kafka.fetch.max.bytes", "groups.large.memory"],
                ["kafka.consumer.fetch.max.bytes", "groups.plain.memory"]
            ]
        );
    }
}
