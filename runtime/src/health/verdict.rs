//! Says from what is known of a running app whether it is well.
//!
//! A pure function of what was seen, so that tests can show it any state.

use std::time::Duration;

use serde::Serialize;

use crate::{
    engine::{
        watch::{GroupView, LaneView, Phase},
        watchdog::STALL,
    },
    metrics::{GroupTold, Told},
};

/// How long past its `timeout` an attempt may be: its hooks run then, and a busy machine is late.
const GRACE: Duration = Duration::from_secs(10);

/// How an app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// Everything goes on, or waits on purpose.
    Healthy,
    /// Partitions come or go, or the brokers or Redis are away; that passes by itself.
    Rebalancing,
    /// Something does not mend itself.
    Failed,
}

/// What stands behind a status.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reason {
    /// A word for machines.
    pub(crate) kind: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// `topic/partition`
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip)]
    weight: Weight,
}

/// What a reason means for each of the two questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Worth a line, and healthy.
    Note,
    /// Passes by itself.
    Passing,
    /// Waits for a person; a new process would not mend it.
    Person,
    /// A new process mends it.
    Process,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    pub(crate) reasons: Vec<Reason>,
    groups: Vec<GroupState>,
}

/// A group in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct GroupState {
    group: String,
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

/// Answers a question. `groups` is `None` while the app starts.
pub(crate) fn judge(question: Question, groups: Option<&[GroupView]>, told: &Told) -> Verdict {
    let mut reasons = Vec::new();
    if told.redis.away > 0 {
        let message = format!("Redis takes no jobs, and is asked again: {}", told.redis.reason);
        reasons.push(Reason::new(Weight::Passing, "redis_away", message));
    }
    match groups {
        None => reasons.push(Reason::new(Weight::Passing, "starting", "the app is starting")),
        Some(groups) => {
            for group in groups {
                of_group(group, told.groups.get(&*group.group), &mut reasons);
                for lane in &group.lanes {
                    of_lane(group, lane, told, &mut reasons);
                }
            }
        }
    }
    let status = reasons.iter().map(|reason| question.status_for(reason.weight)).max().unwrap_or(Status::Healthy);
    let groups = groups.unwrap_or_default().iter().map(GroupState::of).collect();
    Verdict { status, reasons, groups }
}

impl Question {
    fn status_for(self, weight: Weight) -> Status {
        match (weight, self) {
            (Weight::Note, _) | (Weight::Person, Self::Live) => Status::Healthy,
            (Weight::Passing, _) => Status::Rebalancing,
            (Weight::Person, Self::Ready) | (Weight::Process, _) => Status::Failed,
        }
    }

    /// Whether a probe should pass.
    pub(crate) fn passes(self, status: Status) -> bool {
        match self {
            Self::Live => status != Status::Failed,
            Self::Ready => status == Status::Healthy,
        }
    }
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
    if let Some(reason) = told.and_then(|told| told.disconnected.as_deref()) {
        say(Weight::Passing, "disconnected", format!("group {name} reaches no broker, and goes on trying: {reason}"));
    }
    if group.quiet {
        say(Weight::Note, "quiet", format!("group {name} begins nothing new until SIGCONT, and keeps its partitions"));
    }
    match group.phase {
        Phase::Joining => say(Weight::Passing, "joining", format!("group {name} waits for its first partitions")),
        Phase::Rebalancing => say(Weight::Passing, "rebalancing", format!("partitions of group {name} come or go")),
        Phase::Stopping => say(Weight::Passing, "stopping", format!("group {name} ends what was begun")),
        Phase::Assigned | Phase::Ended => {}
    }
}

fn of_lane(group: &GroupView, lane: &LaneView, told: &Told, reasons: &mut Vec<Reason>) {
    let (partition, controller) = (&lane.partition, lane.controller);
    let mut say = |weight, kind, offset: Option<i64>, attempt, age: Option<Duration>, message: String| {
        reasons.push(Reason {
            group: Some(group.group.to_string()),
            partition: Some(partition.to_string()),
            offset,
            controller: Some(controller.to_owned()),
            attempt,
            seconds: age.map(|age| age.as_secs_f64()),
            ..Reason::new(weight, kind, message)
        });
    };
    let bound = |age: Duration| lane.timeout.is_some_and(|timeout| age > timeout + GRACE);
    if let Some((offset, age)) = lane.blocked {
        let weight = if bound(age) { Weight::Process } else { Weight::Note };
        let message = format!("{controller} has kept its thread for {} s", age.as_secs());
        say(weight, "handler_blocks", Some(offset), None, Some(age), message);
    }
    if let Some((offset, attempt, age)) = lane.oldest.filter(|(_, _, age)| bound(*age)) {
        let message = format!("{controller} is at it for {} s, past its timeout", age.as_secs());
        say(Weight::Process, "past_timeout", Some(offset), Some(attempt), Some(age), message);
    }
    if lane.halted {
        let message = format!("the offset to read {partition} from is gone; nothing is skipped by itself");
        say(Weight::Person, "position_lost", lane.next, None, None, message);
    }
    let waiting = told.waiting.get(&(partition.clone(), controller.to_owned()));
    let waiting = waiting.filter(|waiting| lane.next.is_none_or(|next| waiting.offset >= next));
    match waiting {
        Some(waiting) if waiting.again.is_none() => {
            let message = format!("waits for a person, as no dead letter topic is configured: {}", waiting.error);
            say(Weight::Person, "stuck", Some(waiting.offset), None, None, message);
        }
        _ if lane.stuck > 0 => {
            let message = format!("{} records cannot be parsed and wait for a person", lane.stuck);
            say(Weight::Person, "stuck", lane.next, None, None, message);
        }
        _ => {}
    }
    if let Some((attempt, _)) = waiting.and_then(|waiting| waiting.again) {
        let error = waiting.map_or("", |waiting| waiting.error.as_str());
        let message = format!("failed {attempt} times, and waits for its next attempt: {error}");
        say(Weight::Note, "retrying", waiting.map(|waiting| waiting.offset), Some(attempt), None, message);
    }
}

impl Reason {
    fn new(weight: Weight, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            group: None,
            partition: None,
            offset: None,
            controller: None,
            attempt: None,
            seconds: None,
            weight,
        }
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
            state,
            partitions: view.lanes.len(),
            lag: view.lanes.iter().map(LaneView::lag).sum(),
            in_flight: view.lanes.iter().map(|lane| lane.in_flight).sum(),
            poll_age_seconds: view.poll_age.as_secs_f64(),
            oldest,
        }
    }
}
