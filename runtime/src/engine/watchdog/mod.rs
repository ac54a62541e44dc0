//! Notices what stands still: a group's thread, a handler that keeps its thread or does not end, the whole runtime, and what
//! is sent.

mod handlers;
mod threads;

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

pub(crate) use self::threads::STILL;
use self::{
    handlers::Handlers,
    threads::{Change, Question, Threads},
};
use super::{
    clock,
    lane_status::Unfinished,
    obstacles::Obstacles,
    watch::{JobAtWork, Watch},
};
use crate::{
    client::TopicPartition,
    events::{Event, Listener, TopicPartitionOffset},
    producer::sending::Sending,
};

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_secs(1);

/// For how long a group's thread may stand still: it goes round several times a second, and each single question to Kafka is
/// answered or given up well before that.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// For how long a handler may keep its thread before that is worth a word.
pub(crate) const BLOCK: Duration = Duration::from_secs(2);

/// What was seen at the last look.
#[derive(Debug, Default)]
struct Watchdog {
    /// When that was.
    last: Option<Instant>,
    /// How much time has gone by for it. A process that stood still as a whole has not been kept by its handlers meanwhile.
    clock: Duration,
    /// Groups whose thread was said to stand still.
    stalled: BTreeSet<Arc<str>>,
    /// By the number of the lane: a partition has two while a handler runs on without it.
    lanes: Handlers<(Arc<str>, TopicPartition, usize)>,
    jobs: Handlers<u64>,
    threads: Threads,
}

/// Something that a person should hear of.
#[derive(Debug)]
enum Finding {
    Stalled { group: Arc<str>, stalled: Duration },
    Blocking { partition: TopicPartition, offset: i64, controller: &'static str, running: Duration },
    Unfinished { partition: TopicPartition, controller: &'static str, unfinished: Unfinished, enqueues: bool },
    JobBlocking { job: Arc<JobAtWork>, running: Duration },
    JobUnfinished { job: Arc<JobAtWork> },
    StandsStill { stalled: Duration },
    GoesOn { stalled: Duration },
}

impl Watchdog {
    /// Looks at everything, and notes what it sees where health finds it. `is_answered`: by the runtime, what it was asked
    /// at the last look.
    fn look(&mut self, watch: &Watch, is_answered: bool, now: Instant) -> Vec<Finding> {
        let passed = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        self.clock += passed.min(2 * LOOK);
        let mut findings = Vec::new();
        self.look_at_groups(watch, now, &mut findings);
        self.look_at_jobs(watch, now, &mut findings);
        let (stalled, change) = self.threads.hear(is_answered, self.clock);
        watch.threads.set_stalled(stalled);
        findings.extend(change.map(|change| match change {
            Change::StandsStill(stalled) => Finding::StandsStill { stalled },
            Change::GoesOn(stalled) => Finding::GoesOn { stalled },
        }));
        findings
    }

    fn look_at_groups(&mut self, watch: &Watch, now: Instant, findings: &mut Vec<Finding>) {
        let (mut there, mut blocks) = (BTreeSet::new(), false);
        for group in watch.groups() {
            let stalled = group.poll_age(now);
            if stalled < STALL {
                self.stalled.remove(&group.group);
            } else if self.stalled.insert(Arc::clone(&group.group)) {
                findings.push(Finding::Stalled { group: Arc::clone(&group.group), stalled });
            }
            for (partition, consumer, lane) in group.watched() {
                let polling = lane.status.polling();
                let unfinished = consumer.unfinished(&lane.status, now);
                let key = (Arc::clone(&group.group), partition.clone(), Arc::as_ptr(&lane).addr());
                there.insert(key.clone());
                let number = polling.map(|polling| polling.number);
                let found = self.lanes.look(key, number, unfinished.is_some(), self.clock);
                lane.status.polls.set_blocked(found.blocked);
                blocks |= found.blocked.is_some();
                let (controller, enqueues) = (consumer.controller, consumer.enqueues);
                if let Some((running, polling)) = found.blocked.zip(polling)
                    && found.says_blocking
                {
                    let (partition, offset) = (partition.clone(), polling.offset);
                    findings.push(Finding::Blocking { partition, offset, controller, running });
                }
                if let Some(unfinished) = unfinished
                    && found.says_unfinished
                {
                    findings.push(Finding::Unfinished { partition, controller, unfinished, enqueues });
                }
            }
        }
        self.lanes.keep(|key| there.contains(key));
        if blocks {
            // A lane that let others go first on that thread need not wait for it.
            for group in watch.groups() {
                group.watched().iter().for_each(|(_, _, lane)| lane.wake.notify_one());
            }
        }
    }

    fn look_at_jobs(&mut self, watch: &Watch, now: Instant, findings: &mut Vec<Finding>) {
        let Some(jobs) = &watch.jobs else { return };
        let at_work = jobs.at_work();
        for (number, job) in &at_work {
            let is_unfinished = job.is_unfinished(now);
            let found = self.jobs.look(*number, job.polls.polling(), is_unfinished, self.clock);
            job.polls.set_blocked(found.blocked);
            if let Some(running) = found.blocked
                && found.says_blocking
            {
                findings.push(Finding::JobBlocking { job: Arc::clone(job), running });
            }
            if found.says_unfinished {
                findings.push(Finding::JobUnfinished { job: Arc::clone(job) });
            }
        }
        self.jobs.keep(|number| at_work.iter().any(|(known, _)| known == number));
    }
}

/// Starts the watchdog of what runs on `runtime`, and of what it sends; it ends when the sender is dropped.
pub(crate) fn start(
    watch: Arc<Watch>,
    listener: Arc<dyn Listener>,
    runtime: &Handle,
    mut sending: Option<Sending>,
) -> std::io::Result<mpsc::Sender<()>> {
    let (keep, ended) = mpsc::channel::<()>();
    let mut question = Question::to(runtime.clone());
    watch.threads.set_count(question.threads());
    thread::Builder::new().name("karafka watch".to_owned()).spawn(move || {
        let (mut watchdog, mut obstacles) = (Watchdog::default(), Obstacles::default());
        while ended.recv_timeout(LOOK) == Err(mpsc::RecvTimeoutError::Timeout) {
            let now = clock::now();
            for finding in watchdog.look(&watch, question.ask(), now) {
                tell(&finding, &watch, now, &*listener);
            }
            if let Some(sending) = &mut sending {
                obstacles.look(sending.look(now), now).iter().for_each(|told| told.tell(None, &*listener));
                watch.set_obstacles(obstacles.view());
            }
        }
    })?;
    Ok(keep)
}

fn tell(finding: &Finding, watch: &Watch, now: Instant, listener: &dyn Listener) {
    match finding {
        Finding::Stalled { group, stalled } => listener.on(&Event::PollStalled { group, stalled: *stalled }),
        Finding::Blocking { partition, offset, controller, running } => {
            let place =
                TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset: *offset };
            listener.on(&Event::Blocking { place, controller, running: *running });
        }
        Finding::Unfinished { partition, controller, unfinished: Unfinished { first, others }, enqueues } => {
            let place =
                TopicPartitionOffset { topic: &partition.topic, partition: partition.partition, offset: first.offset };
            let (running, is_enqueue) = (now.saturating_duration_since(first.at), *enqueues);
            let (attempt, others) = (first.attempt, *others);
            listener.on(&Event::Unfinished { place, controller, attempt, running, others, is_enqueue });
        }
        Finding::JobBlocking { job, running } => {
            listener.on(&Event::JobBlocking { job: job.name(), running: *running });
        }
        Finding::JobUnfinished { job } => {
            listener.on(&Event::JobUnfinished { job: job.name(), attempt: job.attempt, running: job.age(now) });
        }
        Finding::StandsStill { stalled } => {
            let view = watch.view(now);
            let blocked = &view.blocked();
            listener.on(&Event::RuntimeStalled { stalled: *stalled, threads: view.threads.count, blocked });
        }
        Finding::GoesOn { stalled } => listener.on(&Event::RuntimeRecovered { stalled: *stalled }),
    }
}

#[cfg(test)]
mod tests;
