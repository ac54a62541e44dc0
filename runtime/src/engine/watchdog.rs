//! Notices a group's thread that stands still, and a handler that keeps its thread instead of waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{pulse::Polling, report::Reporter, watch::Watch};
use crate::{
    client::TopicPartition,
    events::{Event, Place},
};

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_secs(1);

/// For how long a group's thread may stand still: it goes round twenty times a second, and waits for Kafka for ten
/// seconds at the most while partitions come and go.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// For how long a handler may keep its thread before that is worth a word.
pub(crate) const BLOCK: Duration = Duration::from_secs(2);

/// What was seen at the last look.
#[derive(Debug, Default)]
struct Watchdog {
    /// Groups whose thread was said to stand still.
    stalled: BTreeSet<Arc<str>>,
    /// Polls that were under way: since when, and whether that was said.
    polls: BTreeMap<(Arc<str>, TopicPartition), (Polling, Instant, bool)>,
}

/// Something that a person should hear of.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Stalled { group: Arc<str>, stalled: Duration },
    Blocking { partition: TopicPartition, offset: i64, controller: &'static str, running: Duration },
}

impl Watchdog {
    /// Looks at everything, and notes in the lanes for how long their handlers have kept their threads.
    fn look(&mut self, watch: &Watch, now: Instant) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut polls = BTreeMap::new();
        for group in watch.groups() {
            let stalled = group.poll_age(now);
            if stalled < STALL {
                self.stalled.remove(&group.group);
            } else if self.stalled.insert(Arc::clone(&group.group)) {
                findings.push(Finding::Stalled { group: Arc::clone(&group.group), stalled });
            }
            for (partition, controller, lane) in group.lanes() {
                let key = (Arc::clone(&group.group), partition);
                let Some(polling) = lane.pulse.polling() else {
                    lane.pulse.set_blocked(None);
                    continue;
                };
                let (since, mut said) = match self.polls.get(&key) {
                    Some((known, since, said)) if *known == polling => (*since, *said),
                    _ => (now, false),
                };
                let running = now.saturating_duration_since(since);
                lane.pulse.set_blocked((running >= BLOCK).then_some(running));
                if running >= BLOCK && !said {
                    said = true;
                    let (partition, offset) = (key.1.clone(), polling.offset);
                    findings.push(Finding::Blocking { partition, offset, controller, running });
                }
                polls.insert(key, (polling, since, said));
            }
        }
        self.polls = polls;
        findings
    }
}

/// Starts the watchdog; it ends when the sender is dropped.
pub(crate) fn start(watch: Arc<Watch>, reporter: Arc<Reporter>) -> std::io::Result<mpsc::Sender<()>> {
    let (keep, ended) = mpsc::channel::<()>();
    thread::Builder::new().name("karafka watch".to_owned()).spawn(move || {
        let mut watchdog = Watchdog::default();
        while ended.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
            for finding in watchdog.look(&watch, Instant::now()) {
                match finding {
                    Finding::Stalled { group, stalled } => {
                        reporter.tell(&Event::PollStalled { group: &group, stalled });
                    }
                    Finding::Blocking { partition, offset, controller, running } => {
                        let place = Place { topic: &partition.topic, partition: partition.partition, offset };
                        reporter.tell(&Event::Blocking { place, controller, running });
                    }
                }
            }
        }
    })?;
    Ok(keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        shared::{LaneShared, MemoryBudget},
        watch::{ConsumerWatch, GroupWatch, Phase},
    };

    fn watched(now: Instant) -> (Watch, Arc<GroupWatch>) {
        let consumer = ConsumerWatch { controller: "OrdersController", timeout: None, durations: None };
        let consumers = BTreeMap::from([("orders".to_owned(), consumer)]);
        let group = Arc::new(GroupWatch::new("shop".into(), Arc::new(MemoryBudget::new(1)), consumers, now));
        let watch = Watch::default();
        watch.add(Arc::clone(&group));
        (watch, group)
    }

    /// If this fails, a group whose thread hangs looks well, or is reported each second.
    #[test]
    fn a_thread_that_stands_still_is_said_once() {
        let start = Instant::now();
        let (watch, group) = watched(start);
        let mut watchdog = Watchdog::default();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(watchdog.look(&watch, at(29)), []);
        let stalled = Finding::Stalled { group: "shop".into(), stalled: Duration::from_secs(30) };
        assert_eq!(watchdog.look(&watch, at(30)), [stalled]);
        assert_eq!(watchdog.look(&watch, at(31)), []);
        group.turned(at(32));
        assert_eq!(watchdog.look(&watch, at(33)), []);
        assert_eq!(watchdog.look(&watch, at(62)).len(), 1, "a second time is said again");
        group.set_phase(Phase::Ended);
        assert_eq!(watchdog.look(&watch, at(200)), []);
        assert_eq!(watchdog.look(&watch, at(300)), [], "a thread that has ended stands still for good");
    }

    /// If this fails, a handler that blocks is not named, or many short ones are taken for one that blocks.
    #[test]
    fn a_handler_that_keeps_its_thread_is_named_once() {
        let start = Instant::now();
        let (watch, group) = watched(start);
        let partition = TopicPartition { topic: "orders".into(), partition: 3 };
        let lane = Arc::new(LaneShared::new(None, std::thread::current()));
        group.opened(partition.clone(), Arc::clone(&lane));
        let mut watchdog = Watchdog::default();
        let at = |seconds| {
            group.turned(start + Duration::from_secs(seconds));
            start + Duration::from_secs(seconds)
        };
        for second in 0..10 {
            let findings = lane.pulse.during(4_711, || watchdog.look(&watch, at(second)));
            assert_eq!(findings, [], "each second another poll");
        }
        lane.pulse.during(4_712, || {
            assert_eq!(watchdog.look(&watch, at(10)), []);
            assert_eq!(watchdog.look(&watch, at(11)), []);
            let running = Duration::from_secs(2);
            let blocking = Finding::Blocking { partition, offset: 4_712, controller: "OrdersController", running };
            assert_eq!(watchdog.look(&watch, at(12)), [blocking]);
            assert_eq!(watchdog.look(&watch, at(13)), []);
            assert_eq!(lane.pulse.blocked(), Some((4_712, Duration::from_secs(3))));
        });
        assert_eq!(lane.pulse.blocked(), None);
        assert_eq!(watchdog.look(&watch, at(14)), []);
    }
}
