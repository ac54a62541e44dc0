//! The groups of an app, as they are looked after.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    end::{Complaint, End, Failure, counted},
    supervisor::{Process, Unheard},
};
use crate::{
    engine::{
        Groups, GroupsEnd, clock,
        watch::{LaneView, View, Watch},
    },
    events::{Event, LeftWaiting, Listener, Partition, repeated},
};

/// The started groups of an app; dropped, they stop at once.
pub(crate) struct Consumers {
    /// Until they are joined.
    groups: Option<Groups>,
    watch: Arc<Watch>,
    is_quiet: bool,
}

impl Consumers {
    pub(crate) fn new(groups: Groups) -> Self {
        Self { watch: groups.watch(), groups: Some(groups), is_quiet: false }
    }

    /// What the outside may know of them while they run.
    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }
}

impl Drop for Consumers {
    fn drop(&mut self) {
        if let Some(groups) = &self.groups {
            groups.stop(Duration::ZERO);
            groups.forcer()();
        }
    }
}

impl Process for Consumers {
    fn set_quiet(&mut self, quiet: bool) {
        self.is_quiet = quiet;
        if let Some(groups) = &self.groups {
            groups.set_quiet(quiet);
        }
    }

    fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    fn is_over(&mut self) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.wait(Duration::ZERO))
    }

    fn left_waiting(&self) -> Vec<LeftWaiting> {
        left_waiting(&self.watch.view(clock::now()))
    }

    fn stop(&mut self, budget: Duration) {
        if let Some(groups) = &self.groups {
            groups.stop(budget);
        }
    }

    fn forcer(&self) -> Box<dyn Fn() + Send> {
        match &self.groups {
            Some(groups) => Box::new(groups.forcer()),
            None => Box::new(|| {}),
        }
    }

    fn unheard(&self) -> Option<Unheard> {
        let watch = Arc::clone(&self.watch);
        Some(Box::new(move |listener| {
            let mut end = end_of(GroupsEnd::unheard(&watch, Instant::now()), listener);
            let words = "the groups did not leave in time; their partitions wait for the session to expire";
            end.complaints.insert(0, Complaint::Untold(words.to_owned()));
            end
        }))
    }

    fn join(mut self: Box<Self>, listener: &dyn Listener) -> End {
        self.groups.take().map_or_else(End::default, |groups| end_of(groups.join(), listener))
    }
}

/// What the end of the groups means to a person.
fn end_of(groups: GroupsEnd, listener: &dyn Listener) -> End {
    let GroupsEnd {
        handled,
        failed,
        dead: _,
        blocked,
        to_repeat: partitions,
        unacknowledged,
        cut_off,
        uncommitted,
        fatal,
        producer,
    } = groups;
    let to_repeat = partitions.iter().map(|again| again.records).sum();
    let mut end = End { handled, failed, to_repeat, partitions, blocked, cut_off, ..End::default() };
    for (group, reason) in &uncommitted {
        let message = format!("its last commit failed: {reason}");
        listener.on(&Event::Warning { group, message: &message });
    }
    for (group, reason) in fatal {
        end.fail(&Failure::Group { group, reason }, listener);
    }
    if let Some(reason) = producer {
        end.fail(&Failure::Producer { reason }, listener);
    }
    if unacknowledged > 0 {
        end.remains(Complaint::Untold(format!(
            "of {} what was sent, or the job, was not acknowledged in time",
            counted(unacknowledged, "record")
        )));
    }
    if to_repeat > 0 {
        end.remains(Complaint::Told(format!(
            "{} begun or finished, and not known to be committed, will be done again: {}",
            counted(to_repeat, "record"),
            repeated(&end.partitions)
        )));
    }
    if cut_off > 0 {
        end.remains(Complaint::Untold(format!(
            "{} committed, as `delivery: at_most_once` says, did not end, or what was sent was not acknowledged in time; not \
             done again",
            counted(cut_off, "record")
        )));
    }
    end
}

/// Where something waits for a person.
fn left_waiting(view: &View) -> Vec<LeftWaiting> {
    let lanes = view.groups.iter().flat_map(|group| &group.lanes);
    let of = |lane: &LaneView| {
        let mut what = Vec::new();
        if lane.stuck > 0 {
            what.push(format!("{} cannot be handled, and no dead_letter is configured", counted(lane.stuck, "record")));
        }
        if lane.halted {
            what.push("its position is lost".to_owned());
        }
        if let Some((copy, count)) = &lane.refused {
            let have = if *count == 1 { "1 record has".to_owned() } else { format!("{count} records have") };
            what.push(format!("Kafka refuses what {have} sent, as that of offset {}", copy.offset));
        }
        let partition = Partition::clone(&lane.partition);
        let lag = lane.lag().and_then(|lag| u64::try_from(lag).ok());
        (!what.is_empty()).then(|| LeftWaiting { partition, offset: lane.next, what: what.join("; "), lag })
    };
    lanes.filter_map(of).collect()
}
