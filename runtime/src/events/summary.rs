//! What happens too often to be told one by one: attempts that fail while a database is away, records that are skipped or
//! put off. The first ones are told, and what follows is summed up, so that nothing goes uncounted.
//!
//! A pure state machine: the caller says what time it is, and tells what comes out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::{Duration, Instant},
};

use super::{Event, ShortDuration, TopicPartitionOffset};
use crate::foreign::{self, Grouped};

/// How much is summed up together.
const PERIOD: Duration = Duration::from_secs(10);

/// How many first failures of records, or of jobs, are told one by one in a period.
const FIRST: u32 = 50;

/// How many others are: later attempts, and what is skipped or put off.
const LATER: u32 = 10;

/// The most controllers and partitions that are told apart; what is beyond is counted all the same.
const KNOWN: usize = 1_000;

/// What was summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Summed {
    /// [`Event::Failed`].
    Failed,
    /// [`Event::Panicked`].
    Panicked,
    /// [`Event::Skipped`].
    Skipped,
    /// [`Event::TombstoneSkipped`].
    TombstoneSkipped,
    /// [`Event::Deferred`].
    Deferred,
    /// [`Event::JobFailed`].
    JobFailed,
}

impl Summed {
    /// A word for machines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Skipped => "skipped",
            Self::TombstoneSkipped => "tombstone_skipped",
            Self::Deferred => "deferred",
            Self::JobFailed => "job_failed",
        }
    }
}

/// Events of one kind, of one controller, that were not told one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// What they were.
    pub summed: Summed,
    /// The controller's constant; of jobs the worker's.
    pub controller: String,
    /// How many there were, beside those that were told.
    pub count: u64,
    /// How many of them were the first failure of a record or job.
    pub first: u64,
    /// In what time.
    pub period: Duration,
    /// On how many partitions, of jobs in how many queues; at most a thousand are counted.
    pub partitions: usize,
    /// The record or job of the last one.
    pub last: String,
    /// Why the last one was, or nothing.
    pub reason: String,
    /// Which attempt the last one was, from 1.
    pub attempt: Option<u32>,
    /// When the last one is tried, or asked for, again.
    pub next: Option<Duration>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, controller) = (Grouped(self.count), &*self.controller);
        let (one, many) = match self.summed {
            Summed::Failed | Summed::Panicked | Summed::JobFailed => ("attempt", "attempts"),
            Summed::Skipped | Summed::TombstoneSkipped | Summed::Deferred => ("record", "records"),
        };
        write!(f, "{count} more {} of {controller} ", if self.count == 1 { one } else { many })?;
        f.write_str(match (self.summed, self.count) {
            (Summed::Failed | Summed::JobFailed, _) => "failed",
            (Summed::Panicked, _) => "panicked",
            (Summed::Skipped, 1) => "was skipped",
            (Summed::Skipped, _) => "were skipped",
            (Summed::TombstoneSkipped, 1) => "without a value was skipped",
            (Summed::TombstoneSkipped, _) => "without a value were skipped",
            (Summed::Deferred, 1) => "was put off",
            (Summed::Deferred, _) => "were put off",
        })?;
        write!(f, " in the last {}", ShortDuration(self.period))?;
        let (one, many) = match self.summed {
            Summed::JobFailed => ("in 1 queue", "queues"),
            _ => ("on 1 partition", "partitions"),
        };
        let of = if self.summed == Summed::JobFailed { "in" } else { "on" };
        match self.partitions {
            1 => write!(f, " {one}")?,
            KNOWN => write!(f, " {of} {KNOWN} {many} or more")?,
            partitions => write!(f, " {of} {partitions} {many}")?,
        }
        if self.first > 0 {
            write!(f, ", {} for the first time", Grouped(self.first))?;
        }
        write!(f, "; the last: {}", self.last)?;
        if let Some(attempt) = self.attempt {
            write!(f, ", attempt {attempt}")?;
        }
        if let Some(next) = self.next {
            write!(f, ", again in {}", ShortDuration(next))?;
        }
        Ok(())
    }
}

/// What is told and what is counted.
///
/// **Invariant:** what was told and what came out in summaries is what was heard (held by
/// `tests::random_histories_lose_no_count`).
#[derive(Debug, Default)]
pub(super) struct Summaries {
    flows: BTreeMap<(Summed, String), Flow>,
    /// When the first period ends.
    due: Option<Instant>,
}

/// Events of one kind and controller within a period.
#[derive(Debug)]
struct Flow {
    since: Instant,
    told_first: u32,
    told_later: u32,
    first: u64,
    count: u64,
    partitions: BTreeSet<(String, i32)>,
    last: Last,
}

/// The last event that was counted.
#[derive(Debug, Default)]
struct Last {
    place: String,
    reason: String,
    attempt: Option<u32>,
    next: Option<Duration>,
}

/// What is looked at of an event.
struct Heard<'a> {
    summed: Summed,
    controller: &'a str,
    /// The topic and partition, or the queue.
    partition: (&'a str, i32),
    attempt: Option<u32>,
    next: Option<Duration>,
}

impl Summaries {
    /// Hears an event at `now`. Returns whether it is to be told; if not, it is counted.
    ///
    /// Ask for what is [due](Self::due) before, as a summary belongs before what follows it.
    pub(super) fn hear(&mut self, event: &Event<'_>, now: Instant) -> bool {
        let Some(heard) = heard(event) else { return true };
        let mut key = (heard.summed, heard.controller.to_owned());
        if self.flows.len() >= KNOWN && !self.flows.contains_key(&key) {
            // Names from outside, as those of jobs, must not fill the memory.
            key.1 = "others".to_owned();
        }
        self.due.get_or_insert(now + PERIOD);
        let flow = self.flows.entry(key).or_insert_with(|| Flow::new(now));
        let is_first = heard.attempt == Some(1);
        let (told, limit) = if is_first { (&mut flow.told_first, FIRST) } else { (&mut flow.told_later, LATER) };
        if *told < limit {
            *told += 1;
            return true;
        }
        flow.count += 1;
        flow.first += u64::from(is_first);
        let (topic, partition) = heard.partition;
        if flow.partitions.len() < KNOWN {
            flow.partitions.insert((topic.to_owned(), partition));
        }
        let (place, reason) = place_and_reason(event);
        flow.last = Last { place, reason, attempt: heard.attempt, next: heard.next };
        false
    }

    /// What is to be told at `now`, of periods that are over.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Summary> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.take(now, |flow| now.saturating_duration_since(flow.since) >= PERIOD)
    }

    /// What was counted so far, at an end.
    pub(super) fn rest(&mut self, now: Instant) -> Vec<Summary> {
        self.take(now, |_| true)
    }

    fn take(&mut self, now: Instant, is_over: impl Fn(&Flow) -> bool) -> Vec<Summary> {
        let (over, flows): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.flows).into_iter().partition(|(_, flow)| is_over(flow));
        self.flows = flows;
        self.due = self.flows.values().map(|flow| flow.since + PERIOD).min();
        let counted = over.into_iter().filter(|(_, flow)| flow.count > 0);
        counted.map(|((summed, controller), flow)| flow.summary(summed, controller, now)).collect()
    }
}

impl Flow {
    fn new(since: Instant) -> Self {
        let (partitions, last) = (BTreeSet::new(), Last::default());
        Self { since, told_first: 0, told_later: 0, first: 0, count: 0, partitions, last }
    }

    fn summary(self, summed: Summed, controller: String, now: Instant) -> Summary {
        let Self { since, first, count, partitions, last, .. } = self;
        let Last { place, reason, attempt, next } = last;
        let (period, partitions) = (now.saturating_duration_since(since), partitions.len());
        Summary { summed, controller, count, first, period, partitions, last: place, reason, attempt, next }
    }
}

/// What is summed up; `None` of everything that is told each time, as that a record is given up.
fn heard<'a>(event: &Event<'a>) -> Option<Heard<'a>> {
    let (summed, place, controller, attempt, next) = match *event {
        Event::Failed { place, controller, attempt, next, .. } => {
            (Summed::Failed, place, controller, Some(attempt), Some(next))
        }
        Event::Panicked { place, controller, attempt, next, .. } => {
            (Summed::Panicked, place, controller, Some(attempt), Some(next))
        }
        Event::Skipped { place, controller, .. } => (Summed::Skipped, place, controller, None, None),
        Event::TombstoneSkipped { place, controller } => (Summed::TombstoneSkipped, place, controller, None, None),
        Event::Deferred { place, controller, wait } => (Summed::Deferred, place, controller, None, Some(wait)),
        Event::JobFailed { job, attempt, next, .. } => {
            let (attempt, next) = (Some(attempt), Some(next));
            let (summed, controller, partition) = (Summed::JobFailed, job.class, (job.queue, 0));
            return Some(Heard { summed, controller, partition, attempt, next });
        }
        _ => return None,
    };
    let TopicPartitionOffset { topic, partition, .. } = place;
    Some(Heard { summed, controller, partition: (topic, partition), attempt, next })
}

/// The record or job of an event, and why it is told.
fn place_and_reason(event: &Event<'_>) -> (String, String) {
    let cut = |words: &str| foreign::cut(words).into_owned();
    match *event {
        Event::Failed { place, error, .. } => (place.to_string(), cut(&error.to_string())),
        Event::Panicked { place, message, .. } => (place.to_string(), cut(message)),
        Event::Skipped { place, reason, .. } => (place.to_string(), cut(reason)),
        Event::TombstoneSkipped { place, .. } | Event::Deferred { place, .. } => (place.to_string(), String::new()),
        Event::JobFailed { job, error, .. } => (job.to_string(), cut(error)),
        _ => (String::new(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Error, events::JobName};

    fn failed(hear: &mut dyn FnMut(&Event<'_>) -> bool, partition: i32, offset: i64, attempt: u32) -> bool {
        let error = &Error::new("no connection");
        let place = TopicPartitionOffset { topic: "orders", partition, offset };
        let next = Duration::from_secs(8);
        hear(&Event::Failed { place, controller: "OrdersController", attempt, error, next })
    }

    /// If this fails, an outage of a database fills the disk with lines, a person reads of it too late, or a record's first
    /// failure is not named while there are few.
    #[test]
    fn an_outage_is_some_lines_and_a_sum() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut summaries = Summaries::default();
        let mut told = 0;
        for offset in 0..FIRST + 5 {
            told += u32::from(failed(&mut |event| summaries.hear(event, at(0)), 0, offset.into(), 1));
        }
        assert_eq!(told, FIRST);
        for attempt in 2..1_237 {
            let partition = i32::try_from(attempt % 12).unwrap();
            told += u32::from(failed(&mut |event| summaries.hear(event, at(3)), partition, 4_711, attempt));
        }
        assert_eq!((told, summaries.due(at(9)).len()), (FIRST + LATER, 0));
        let due = summaries.due(at(10));
        let [summary] = &due[..] else { panic!("{due:?}") };
        assert_eq!(
            summary.to_string(),
            "1,230 more attempts of OrdersController failed in the last 10 s on 12 partitions, 5 for the first time; the \
             last: orders/0@4711, attempt 1236, again in 8 s"
        );
        assert_eq!(summary.reason, "no connection");
        // It goes on as it began, and ends without a word where nothing was left out.
        assert!(failed(&mut |event| summaries.hear(event, at(11)), 0, 9, 7));
        assert_eq!((summaries.due(at(60)), summaries.flows.len(), summaries.due), (vec![], 0, None));
    }

    /// If this fails, what a person must know of one record is lost in a flood.
    #[test]
    fn what_ends_a_record_is_always_told() {
        let now = Instant::now();
        let mut summaries = Summaries::default();
        let (error, controller) = (&Error::new("no connection"), "C");
        let job = JobName { queue: "q", class: "W", jid: "1" };
        for offset in 0..10_000 {
            let place = TopicPartitionOffset { topic: "orders", partition: 0, offset };
            for event in [
                Event::DeadLettered { place, controller, attempts: 5, error, topic: "orders.dead" },
                Event::NotRepeated { place, controller, what: "failed", error },
                Event::JobGaveUp { job, attempts: 1, error: "", site: None, is_kept: true },
            ] {
                assert!(summaries.hear(&event, now), "{event:?}");
            }
        }
        assert!(summaries.rest(now).is_empty());
    }

    /// If this fails, jobs with names of anybody's choosing fill the memory of a worker.
    #[test]
    fn remembers_a_bounded_number() {
        let now = Instant::now();
        let mut summaries = Summaries::default();
        let mut told = 0;
        for number in 0..5_000 {
            let name = format!("W{number}");
            let job = JobName { queue: &name, class: &name, jid: "1" };
            let event = Event::JobFailed { job, attempt: 2, error: "", site: None, next: Duration::ZERO };
            told += u64::from(summaries.hear(&event, now));
        }
        assert_eq!(summaries.flows.len(), KNOWN + 1);
        let rest = summaries.rest(now);
        assert_eq!(told + rest.iter().map(|summary| summary.count).sum::<u64>(), 5_000);
        assert!(
            rest.iter().all(|summary| summary.partitions <= KNOWN)
                && rest[0].to_string().contains("1000 queues or more")
        );
    }

    proptest! {
        /// If this fails, events of an outage go by that no line and no sum has, or there are more lines than a person reads.
        #[test]
        fn random_histories_lose_no_count(
            steps in prop::collection::vec((0_u64..4_000, 0_u8..6, 0_u8..3, 1_u32..4, 1_usize..60), 1..60)
        ) {
            let mut now = Instant::now();
            let mut summaries = Summaries::default();
            let (mut heard, mut told, mut summed) = (0_u64, 0_u64, 0_u64);
            let mut of_period: BTreeMap<(u8, u8), (Instant, u32)> = BTreeMap::new();
            let error = &Error::new("no");
            for (wait, kind, who, attempt, times) in steps {
                now += Duration::from_millis(wait);
                let controller = ["A", "B", "C"][usize::from(who)];
                for offset in 0..times {
                    let place = TopicPartitionOffset { topic: controller, partition: 0, offset: i64::try_from(offset).unwrap() };
                    let next = Duration::ZERO;
                    let event = match kind {
                        0 => Event::Failed { place, controller, attempt, error, next },
                        1 => Event::Panicked { place, controller, attempt, message: "no", site: None, next },
                        2 => Event::Skipped { place, controller, reason: "no" },
                        3 => Event::TombstoneSkipped { place, controller },
                        4 => Event::Deferred { place, controller, wait: next },
                        _ => {
                            let job = JobName { queue: "q", class: controller, jid: "1" };
                            Event::JobFailed { job, attempt, error: "no", site: None, next }
                        }
                    };
                    heard += 1;
                    for summary in summaries.due(now) {
                        prop_assert!(summary.count > 0 && summary.period >= PERIOD);
                        summed += summary.count;
                    }
                    if summaries.hear(&event, now) {
                        told += 1;
                        let (since, lines) = of_period.entry((kind, who)).or_insert((now, 0));
                        if now.duration_since(*since) >= PERIOD {
                            (*since, *lines) = (now, 0);
                        }
                        *lines += 1;
                        // Two periods may meet within one that begins anywhere.
                        prop_assert!(*lines <= 2 * (FIRST + LATER));
                    }
                }
            }
            summed += summaries.rest(now).iter().map(|summary| summary.count).sum::<u64>();
            prop_assert_eq!(told + summed, heard);
            prop_assert!(summaries.flows.is_empty() && summaries.due.is_none());
        }
    }
}
