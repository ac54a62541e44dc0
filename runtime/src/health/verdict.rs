//! Judges from what is known of a running app whether it is well.
//!
//! A pure function of what was seen, so that tests can show it any state.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    engine::{
        obstacles::ObstacleView,
        watch::{GroupView, JobView, JobsPhase, JobsView, LaneView, Phase, UnfinishedView, View},
        watchdog::{STALL, STILL},
    },
    events::{BLOCKING_HELP, ObstacleKind, Severity, UNADMITTED_HELP, UNFINISHED_HELP},
    foreign,
    metrics::{GroupTold, Told},
    outgoing::Refusal,
    partition::ranges,
};

/// How long past its `timeout` an attempt may be: its hooks run then, and a busy machine is late.
const GRACE: Duration = Duration::from_secs(10);

/// How an app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Everything goes on, or waits on purpose.
    Healthy,
    /// Something is wrong and wants a person, and the rest goes on: both probes pass.
    Degraded,
    /// Partitions come or go, or the brokers or Redis are away; that passes by itself.
    Rebalancing,
    /// Something does not mend itself.
    Failed,
}

/// What stands behind a status.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// A word for machines.
    pub(crate) kind: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// `topic/partition`, or several as `orders/0-3`
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// `host:port`
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<String>,
    /// Of a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// `queue/id` of a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Cow<'static, str>>,
    #[serde(skip)]
    weight: Weight,
}

/// What a reason means for each of the two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Worth a line, and healthy.
    Note,
    /// Wants a person; what it does not touch goes on.
    Degrading,
    /// Passes by itself.
    Passing,
    /// Waits for a person; a new process would not mend it.
    Person,
    /// A new process mends it.
    Process,
}

/// The answer to one question: whether the app gets on, or whether it is ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    #[serde(skip)]
    pub(super) question: Question,
    pub(crate) status: Status,
    pub(crate) reasons: Vec<Reason>,
    groups: Vec<GroupState>,
    /// Of a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<JobsState>,
}

/// A worker's jobs in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct JobsState {
    state: &'static str,
    in_progress: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<OldestJob>,
}

/// The attempt at a job that was begun first.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct OldestJob {
    job: String,
    worker: String,
    attempt: u32,
    seconds: f64,
}

/// A group in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct GroupState {
    group: String,
    /// Its key in the manifest, where that is not its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    state: &'static str,
    partitions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<i64>,
    in_flight: usize,
    poll_age_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<Oldest>,
}

/// The attempt that has waited for longest.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Oldest {
    partition: String,
    offset: i64,
    controller: &'static str,
    attempt: u32,
    seconds: f64,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Does the process get on, or should it be started again?
    Live,
    /// Does it have its partitions, and do they move?
    Ready,
}

/// Answers a question at `now`. `view` is `None` while the app starts.
pub(crate) fn judge(question: Question, view: Option<&View>, told: &Told, now: Instant) -> Verdict {
    let mut reasons = Vec::new();
    if told.redis.away > 0 {
        let message = format!("Redis takes no jobs, and is asked again: {}", told.redis.reason);
        reasons.push(Reason::new(Weight::Passing, "redis_away", message));
    }
    match view {
        None => reasons.push(Reason::new(Weight::Passing, "starting", "the app is starting")),
        Some(view) => {
            of_threads(view, &mut reasons);
            of_obstacles(None, &view.obstacles, now, &mut reasons);
            for group in &view.groups {
                of_obstacles(Some(&group.group), &group.obstacles, now, &mut reasons);
                of_group(group, told.groups.get(&*group.group), &mut reasons);
                for lane in &group.lanes {
                    of_lane(group, lane, told, &mut reasons);
                }
            }
            if let Some(jobs) = &view.jobs {
                of_jobs(jobs, &mut reasons);
            }
        }
    }
    let status = reasons.iter().map(|reason| question.status_for(reason.weight)).max().unwrap_or(Status::Healthy);
    let groups = view.iter().flat_map(|view| &view.groups).map(GroupState::of).collect();
    let jobs = view.and_then(|view| view.jobs.as_ref()).map(JobsState::of);
    Verdict { question, status, reasons, groups, jobs }
}

impl Verdict {
    /// Whether a probe that asks this should pass.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.question.passes(self.status)
    }

    /// How the app is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// What stands behind that, in no order; what is only worth a line is among them.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The body of `/live` and `/ready`: an object of JSON on one line, with each group's partitions and lag.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Only maps with keys that are not text, or numbers that are not finite, cannot be written; there are none.
        foreign::json(&serde_json::to_string(self).unwrap_or_default()).into_owned()
    }
}

impl Reason {
    /// A word for machines, such as `joining`; docs/src/health.md has them all.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// A sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What mends it, where that is known.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl Question {
    fn status_for(self, weight: Weight) -> Status {
        match (weight, self) {
            (Weight::Note, _) | (Weight::Person, Self::Live) => Status::Healthy,
            (Weight::Degrading, _) => Status::Degraded,
            (Weight::Passing, _) => Status::Rebalancing,
            (Weight::Person, Self::Ready) | (Weight::Process, _) => Status::Failed,
        }
    }

    /// Whether a probe should pass.
    pub(crate) fn passes(self, status: Status) -> bool {
        match self {
            Self::Live => status != Status::Failed,
            Self::Ready => status <= Status::Degraded,
        }
    }
}

fn of_threads(view: &View, reasons: &mut Vec<Reason>) {
    let Some(stalled) = view.threads.stalled else { return };
    let (count, blocked) = (view.threads.count, view.blocked().len());
    let who = match blocked {
        0 => "no handler keeps one, so what the app has spawned itself does".to_owned(),
        1 => "one is kept by a handler, which is named here".to_owned(),
        blocked => format!("{blocked} are kept by handlers, which are named here"),
    };
    let seconds = stalled.as_secs();
    let message = format!("nothing runs: no thread of {count} has been free for {seconds} s; {who}");
    let reason = Reason::new(Weight::Process, "no_thread_free", message);
    reasons.push(Reason { seconds: Some(stalled.as_secs_f64()), help: Some(Cow::Borrowed(BLOCKING_HELP)), ..reason });
}

fn of_group(group: &GroupView, told: Option<&GroupTold>, reasons: &mut Vec<Reason>) {
    let name = &group.group;
    let mut say = |weight, kind, message: String| {
        let reason = Reason::new(weight, kind, message);
        reasons.push(Reason { group: Some(name.to_string()), ..reason });
    };
    if let Some(reason) = told.and_then(|told| told.fatal.as_deref()) {
        say(Weight::Process, "fatal", format!("group {name} cannot go on: {reason}"));
    } else if group.phase == Phase::Ended {
        say(Weight::Process, "ended", format!("group {name} has ended"));
    }
    if group.poll_age >= STALL {
        let seconds = group.poll_age.as_secs();
        say(Weight::Process, "poll_stalled", format!("group {name} has not polled Kafka for {seconds} s"));
    }
    let blocked = group.lanes.iter().filter_map(|lane| lane.blocked);
    if blocked.filter(|(_, age)| *age >= STILL).count() >= group.concurrency {
        let concurrency = group.concurrency;
        let message = format!(
            "group {name} begins nothing: all {concurrency} of its `concurrency` are kept by handlers that block"
        );
        say(Weight::Process, "no_turn_free", message);
    }
    if group.quiet {
        say(Weight::Note, "quiet", format!("group {name} begins nothing new until SIGCONT, and keeps its partitions"));
    }
    let says = |kind| group.obstacles.iter().any(|known| known.obstacle.kind == kind);
    match group.phase {
        // Then it was said what the group may wait for.
        Phase::Joining if says(ObstacleKind::Joining) => {}
        Phase::Joining => say(Weight::Passing, "joining", format!("group {name} waits for its first partitions")),
        Phase::Rebalancing => say(Weight::Passing, "rebalancing", format!("partitions of group {name} come or go")),
        Phase::Stopping => say(Weight::Passing, "stopping", format!("group {name} ends what was begun")),
        Phase::Assigned | Phase::Ended => {}
    }
}

/// What stands in the way of a group, or of what is sent.
fn of_obstacles(group: Option<&str>, obstacles: &[ObstacleView], now: Instant, reasons: &mut Vec<Reason>) {
    for ObstacleView { obstacle, since } in obstacles {
        let weight = match obstacle.severity {
            Severity::Degrades => Weight::Degrading,
            Severity::Passes => Weight::Passing,
            Severity::Person => Weight::Person,
        };
        let whose = group.map(|group| format!("group {group}: ")).unwrap_or_default();
        let reason = Reason::new(weight, obstacle.kind.name(), format!("{whose}{}", obstacle.words));
        reasons.push(Reason {
            group: group.map(str::to_owned),
            partition: (!obstacle.partitions.is_empty()).then(|| ranges(&obstacle.partitions)),
            topic: obstacle.topic.clone(),
            broker: obstacle.broker.clone(),
            offset: obstacle.offset,
            seconds: Some(now.saturating_duration_since(*since).as_secs_f64()),
            help: Some(Cow::Owned(obstacle.help.clone())),
            ..reason
        });
    }
}

fn of_lane(group: &GroupView, lane: &LaneView, told: &Told, reasons: &mut Vec<Reason>) {
    let (partition, controller) = (&lane.partition, lane.controller);
    let mut say = |weight,
                   kind,
                   offset: Option<i64>,
                   attempt,
                   age: Option<Duration>,
                   message: String,
                   help: Option<&'static str>| {
        reasons.push(Reason {
            group: Some(group.group.to_string()),
            partition: Some(partition.to_string()),
            offset,
            controller: Some(controller.to_owned()),
            attempt,
            seconds: age.map(|age| age.as_secs_f64()),
            help: help.map(Cow::Borrowed),
            ..Reason::new(weight, kind, message)
        });
    };
    if let Some((offset, age)) = lane.blocked {
        let weight = if is_past(lane.timeout, age) { Weight::Process } else { Weight::Degrading };
        let seconds = age.as_secs();
        let message =
            format!("{controller} has kept its thread for {seconds} s; other records of {partition} wait for it");
        say(weight, "handler_blocks", Some(offset), None, Some(age), message, Some(BLOCKING_HELP));
    }
    if let Some((offset, attempt, age)) = lane.oldest.filter(|(_, _, age)| is_past(lane.timeout, *age)) {
        let message = format!("{controller} is at it for {} s, past its timeout", age.as_secs());
        say(Weight::Process, "past_timeout", Some(offset), Some(attempt), Some(age), message, None);
    }
    if let Some(UnfinishedView { offset, attempt, age, others, enqueues }) = lane.unfinished {
        let others = match others {
            0 => String::new(),
            1 => "; nor has 1 other of the partition".to_owned(),
            others => format!("; nor have {others} others of the partition"),
        };
        let message = format!("{controller} has not ended for {} s{others}", age.as_secs());
        let help = if enqueues { UNADMITTED_HELP } else { UNFINISHED_HELP };
        say(Weight::Degrading, "unfinished", Some(offset), Some(attempt), Some(age), message, Some(help));
    }
    if lane.halted {
        // Why is told a moment later than that.
        let why = told.lost.get(&(group.group.to_string(), partition.clone())).cloned();
        let message = why.unwrap_or_else(|| {
            format!("the offset to read {partition} from is gone, and Kafka is asked why; nothing is skipped by itself")
        });
        say(Weight::Person, "position_lost", lane.next, None, None, message, None);
    }
    if let Some((_, words)) = told.moved.get(&(group.group.to_string(), partition.clone())) {
        say(Weight::Note, "positioned", lane.next, None, None, words.clone(), None);
    }
    if lane.left_out > 0 {
        let message =
            format!("a stop or a crash repeats {} finished records: the commit has no room for them", lane.left_out);
        say(Weight::Note, "repeats", lane.next, None, None, message, None);
    }
    if let Some((copy, all)) = &lane.refused {
        let kind = match copy.why {
            Refusal::TooLarge => "too_large",
            Refusal::Invalid => "refused",
            Refusal::Forbidden => "forbidden",
            Refusal::Missing => "missing",
        };
        let more = if *all > 1 { format!(", and {} more", all - 1) } else { String::new() };
        let message = format!("what it has sent is refused, and sent again until it is not: {}{more}", copy.reason);
        say(Weight::Person, kind, Some(copy.offset), None, None, message, None);
    }
    let waiting = told.waiting.get(&(partition.clone(), controller.to_owned()));
    let waiting = waiting.filter(|waiting| lane.next.is_none_or(|next| waiting.offset >= next));
    match waiting {
        Some(waiting) if waiting.again.is_none() => {
            let message = format!("waits for a person, as no dead letter topic is configured: {}", waiting.error);
            say(Weight::Person, "stuck", Some(waiting.offset), None, None, message, None);
        }
        _ if lane.stuck > 0 => {
            let message =
                format!("{} records cannot be parsed, or not be written as jobs, and wait for a person", lane.stuck);
            say(Weight::Person, "stuck", lane.next, None, None, message, None);
        }
        _ => {}
    }
    if let Some((attempt, _)) = waiting.and_then(|waiting| waiting.again) {
        let error = waiting.map_or("", |waiting| waiting.error.as_str());
        let message = format!("failed {attempt} times, and waits for its next attempt: {error}");
        say(Weight::Note, "retrying", waiting.map(|waiting| waiting.offset), Some(attempt), None, message, None);
    }
}

fn of_jobs(jobs: &JobsView, reasons: &mut Vec<Reason>) {
    match jobs.phase {
        JobsPhase::Working => {}
        JobsPhase::Quiet => reasons.push(Reason::new(Weight::Note, "quiet", "no job is begun until SIGCONT")),
        JobsPhase::Stopping => {
            reasons.push(Reason::new(Weight::Passing, "stopping", "the worker ends what was begun"));
        }
    }
    if jobs.at_work.iter().filter(|job| job.blocked.is_some_and(|age| age >= STILL)).count() >= jobs.concurrency {
        let concurrency = jobs.concurrency;
        let message = format!("no job is begun: all {concurrency} of `concurrency` are kept by handlers that block");
        reasons.push(Reason::new(Weight::Process, "no_turn_free", message));
    }
    for job in &jobs.at_work {
        let mut say = |weight, kind, age: Duration, message: String, help: Option<&'static str>| {
            reasons.push(Reason {
                job: Some(name_of(job)),
                worker: Some(job.class.clone()),
                attempt: Some(job.attempt),
                seconds: Some(age.as_secs_f64()),
                help: help.map(Cow::Borrowed),
                ..Reason::new(weight, kind, message)
            });
        };
        let class = &job.class;
        if let Some(age) = job.blocked {
            let weight = if is_past(job.timeout, age) { Weight::Process } else { Weight::Degrading };
            let message = format!("{class} has kept its thread for {} s", age.as_secs());
            say(weight, "handler_blocks", age, message, Some(BLOCKING_HELP));
        } else if is_past(job.timeout, job.age) {
            let message = format!("{class} is at it for {} s, past its timeout", job.age.as_secs());
            say(Weight::Process, "past_timeout", job.age, message, None);
        } else if job.is_unfinished {
            let message = format!("{class} has not ended for {} s", job.age.as_secs());
            say(Weight::Degrading, "unfinished", job.age, message, Some(UNFINISHED_HELP));
        }
    }
}

fn name_of(job: &JobView) -> String {
    format!("{}/{}", job.queue, job.jid)
}

/// Whether an attempt has had its time, and more than it needs to end.
fn is_past(timeout: Option<Duration>, age: Duration) -> bool {
    timeout.is_some_and(|timeout| age > timeout + GRACE)
}

impl Reason {
    fn new(weight: Weight, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            group: None,
            partition: None,
            offset: None,
            topic: None,
            broker: None,
            controller: None,
            worker: None,
            attempt: None,
            job: None,
            seconds: None,
            help: None,
            weight,
        }
    }
}

impl JobsState {
    fn of(view: &JobsView) -> Self {
        let state = match view.phase {
            JobsPhase::Working => "working",
            JobsPhase::Quiet => "quiet",
            JobsPhase::Stopping => "stopping",
        };
        let oldest = view.at_work.iter().max_by_key(|job| job.age).map(|job| OldestJob {
            job: name_of(job),
            worker: job.class.clone(),
            attempt: job.attempt,
            seconds: job.age.as_secs_f64(),
        });
        Self { state, in_progress: view.at_work.len(), oldest }
    }
}

impl GroupState {
    fn of(view: &GroupView) -> Self {
        let state = match view.phase {
            Phase::Joining => "joining",
            Phase::Assigned if view.quiet => "quiet",
            Phase::Assigned => "assigned",
            Phase::Rebalancing => "rebalancing",
            Phase::Stopping => "stopping",
            Phase::Ended => "ended",
        };
        let oldest = view.lanes.iter().filter_map(|lane| lane.oldest.map(|oldest| (lane, oldest)));
        let oldest = oldest.max_by_key(|(_, (_, _, age))| *age).map(|(lane, (offset, attempt, age))| Oldest {
            partition: lane.partition.to_string(),
            offset,
            controller: lane.controller,
            attempt,
            seconds: age.as_secs_f64(),
        });
        Self {
            group: view.group.to_string(),
            key: view.key.as_deref().map(str::to_owned),
            state,
            partitions: view.lanes.len(),
            lag: view.lanes.iter().map(LaneView::lag).sum(),
            in_flight: view.lanes.iter().map(|lane| lane.in_flight).sum(),
            poll_age_seconds: view.poll_age.as_secs_f64(),
            oldest,
        }
    }
}
