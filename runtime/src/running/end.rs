//! How a run ended.

use std::fmt;

use crate::{
    events::{Blocked, Event, LeftWaiting, Listener, NAMED, ToRepeat, Totals},
    foreign,
};

/// How an app's run ended, and what it leaves behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct End {
    /// Records that were handled, skipped ones too; of a worker: jobs that were performed.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Records that were begun or finished and that Kafka is not known to have as finished, or jobs that Redis is not known to
    /// have settled: they are done again.
    pub to_repeat: u64,
    /// Where these records are; empty for a worker.
    pub partitions: Vec<ToRepeat>,
    /// Handlers that did not end in time.
    pub blocked: Vec<Blocked>,
    /// Jobs that did not end in time, or whose end Redis has not heard of, each in words; empty for consumers.
    pub unsettled: Vec<String>,
    /// Records that were committed before they were begun, as `delivery: at_most_once` says, and did not end: they are not done
    /// again.
    pub cut_off: u64,
    /// Partitions where something waits for a person, when the stop began.
    pub left_waiting: Vec<LeftWaiting>,
    /// Why the app could not go on, if that is why it ended.
    pub failure: Option<String>,
    /// Whether what was begun was not waited for.
    pub is_forced: bool,
    /// What a person should know of it.
    pub(crate) complaints: Vec<Complaint>,
    /// What a person should know after that.
    pub(super) remains: Vec<Complaint>,
}

/// Something that a person should know of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// An event has told it as well.
    Told(String),
    /// Nothing else tells it.
    Untold(String),
}

/// What an app could not go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A group's client gave up.
    Group { group: String, reason: String },
    /// The producer will never send anything again.
    Producer { reason: String },
    /// The worker of jobs broke down.
    #[cfg(feature = "jobs")]
    Worker,
    /// Nothing can be waited for.
    Thread { reason: String },
}

impl End {
    /// Whether nothing is done again, nothing was cut off, and the app did not end because it could not go on.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let nothing_is_left = self.to_repeat == 0 && self.cut_off == 0;
        nothing_is_left && self.blocked.is_empty() && self.failure.is_none() && !self.is_forced
    }

    /// What the supervisor has said, or that it has broken down.
    pub(super) fn heard<E>(end: Result<Self, E>) -> Self {
        end.unwrap_or_else(|_| {
            let failure = "its supervisor panicked; partitions wait for the session to expire".to_owned();
            Self { complaints: vec![Complaint::Untold(failure.clone())], failure: Some(failure), ..Self::default() }
        })
    }

    /// Notes why the app could not go on, and tells it.
    pub(super) fn fail(&mut self, failure: &Failure, listener: &dyn Listener) {
        let complaint = match failure {
            Failure::Group { group, reason } => {
                listener.on(&Event::Fatal { group, reason });
                Complaint::Told(format!("group {group} cannot go on: {}", foreign::paragraph(reason)))
            }
            Failure::Producer { reason } => {
                listener.on(&Event::ProducerFatal { reason });
                Complaint::Told(format!("the producer cannot go on: {}", foreign::paragraph(reason)))
            }
            Failure::Thread { reason } => Complaint::Untold(format!("a thread cannot start: {reason}")),
            #[cfg(feature = "jobs")]
            Failure::Worker => Complaint::Untold(
                "the worker has failed; what it had in progress is put back when its heartbeat has expired".to_owned(),
            ),
        };
        self.failure.get_or_insert_with(|| complaint.words().to_owned());
        self.complaints.push(complaint);
    }

    /// Tells that the run is over, and notes what did not end in time.
    pub(super) fn stopped(&mut self, listener: &dyn Listener) {
        let Self { handled, failed, to_repeat, partitions, blocked, unsettled, left_waiting, .. } = &*self;
        listener.on(&Event::Stopped(Totals {
            handled: *handled,
            failed: *failed,
            to_repeat: *to_repeat,
            partitions,
            blocked,
            left_waiting,
            unsettled,
        }));
        let named = blocked.iter().take(NAMED).map(|blocked| format!("did not end in time: {blocked}"));
        let more = (blocked.len() > NAMED).then(|| format!("did not end in time: {} more", blocked.len() - NAMED));
        let jobs = unsettled.iter().take(NAMED);
        let jobs = jobs.map(|name| format!("did not end in time, or Redis has not heard of it: {name}"));
        let complaints: Vec<_> = named.chain(more).chain(jobs).map(Complaint::Told).collect();
        self.complaints.extend(complaints);
        self.complaints.append(&mut self.remains);
    }

    /// Notes what is left behind, to be said last.
    pub(super) fn remains(&mut self, complaint: Complaint) {
        self.remains.push(complaint);
    }

    /// Logs what no event has told.
    pub(super) fn log(&self) {
        for complaint in &self.complaints {
            if let Complaint::Untold(words) = complaint {
                tracing::error!(target: "karafka", "{words}");
            }
        }
    }
}

impl Complaint {
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Told(words) | Self::Untold(words) => words,
        }
    }
}

/// In a few lines what a person should know of it.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handled, failed, to_repeat, .. } = self;
        write!(f, "stopped: {handled} handled, {failed} failed attempts, {to_repeat} to be done again")?;
        self.complaints.iter().try_for_each(|complaint| write!(f, "\n{}", complaint.words()))
    }
}

/// How many there are, in words.
pub(super) fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
