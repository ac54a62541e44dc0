//! A started app: what can be asked of it, and how it ends.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{group::GroupEnd, session::Session, signals::GroupSignal, watch::Watch};
use crate::{
    events::{Blocked, ToRepeat},
    producer::Producer,
};

/// A started app.
pub(crate) struct Running {
    pub(super) groups: Vec<RunningGroup>,
    pub(super) producer: Option<Producer>,
    pub(super) ended: mpsc::Receiver<()>,
    pub(super) watch: Arc<Watch>,
    /// The watchdog ends when this is dropped.
    pub(super) _watchdog: mpsc::Sender<()>,
    /// Jobs are pushed to Redis until this is dropped.
    pub(super) _pushing: Option<oneshot::Sender<()>>,
}

/// A group's thread.
pub(super) struct RunningGroup {
    pub(super) name: String,
    pub(super) signal: Arc<GroupSignal>,
    pub(super) session: Arc<Session>,
    pub(super) thread: thread::JoinHandle<GroupEnd>,
}

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) struct End {
    /// Records handled or skipped.
    pub(crate) handled: u64,
    /// Failed attempts.
    pub(crate) failed: u64,
    /// Records in the dead letter topic.
    pub(crate) dead: u64,
    /// Handlers that did not end in time.
    pub(crate) blocked: Vec<Blocked>,
    /// Records that were begun or finished here and that Kafka is not known to have as finished: they are done again.
    pub(crate) to_repeat: Vec<ToRepeat>,
    /// Of these, the ones whose emits, job or dead letter were not acknowledged in time.
    pub(crate) unacknowledged: u64,
    /// Records that were committed and then did not end, or whose emits were not acknowledged in time: under `delivery:
    /// at_most_once` they are not done again.
    pub(crate) cut_off: u64,
    /// Why Kafka did not take a group's last commit: the group and a sentence.
    pub(crate) uncommitted: Vec<(String, String)>,
    /// Groups whose client gave up, and why.
    pub(crate) fatal: Vec<(String, String)>,
    /// Why the producer will never send anything again, if that is so.
    pub(crate) producer: Option<String>,
}

impl Running {
    /// What the outside may know of the app while it runs.
    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Waits until a group has ended by itself, at most this long. Returns whether the app cannot go on: one has, or the
    /// producer has failed for good, so that no emit and no dead letter would ever arrive.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        match self.ended.recv_timeout(at_most) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => true,
            Err(mpsc::RecvTimeoutError::Timeout) => self.producer.as_ref().and_then(Producer::failure).is_some(),
        }
    }

    /// Lets nothing new begin, while what runs ends and is committed and every partition is kept; or lets it again.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        self.groups.iter().for_each(|group| group.session.set_quiet(quiet));
        for group in self.watch.groups() {
            group.set_quiet(quiet);
            group.lanes().iter().for_each(|(_, _, lane)| lane.wake.notify_one());
        }
    }

    /// Tells every group to drain, commit and leave.
    pub(crate) fn stop(&self) {
        for group in &self.groups {
            group.signal.stop();
            group.thread.thread().unpark();
        }
    }

    /// A handle that cuts a stop short, from another thread.
    pub(crate) fn forcer(&self) -> impl Fn() + Send + Sync + 'static {
        let groups: Vec<_> =
            self.groups.iter().map(|group| (Arc::clone(&group.signal), group.thread.thread().clone())).collect();
        move || {
            for (signal, thread) in &groups {
                signal.force();
                thread.unpark();
            }
        }
    }

    /// Stops, and waits until every group has ended.
    pub(crate) fn join(self) -> End {
        self.stop();
        let mut end = End::default();
        for RunningGroup { name, thread, .. } in self.groups {
            match thread.join() {
                Ok(group) => {
                    end.handled += group.handled;
                    end.failed += group.failed;
                    end.dead += group.dead;
                    end.blocked.extend(group.blocked);
                    end.to_repeat.extend(group.to_repeat.into_iter().map(|(partition, records)| ToRepeat {
                        group: name.clone(),
                        partition,
                        records,
                    }));
                    end.unacknowledged += group.unacknowledged;
                    end.cut_off += group.cut_off;
                    end.uncommitted.extend(group.uncommitted.map(|reason| (name.clone(), reason)));
                    end.fatal.extend(group.fatal.map(|reason| (name.clone(), reason)));
                }
                Err(_) => end.fatal.push((name, "its thread panicked".to_owned())),
            }
        }
        if let Some(producer) = self.producer {
            // Lanes have waited for what they sent; what is left belongs to handlers that were cut off.
            let _ = producer.flush(Duration::from_secs(1));
            end.producer = producer.failure();
        }
        end
    }
}
