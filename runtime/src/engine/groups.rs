//! The groups of a started app: what can be asked of them, and how they end.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    group::GroupEnd,
    session::Session,
    signals::{GroupSignal, Signal},
    watch::{Watch, blocked},
};
use crate::{
    events::{Blocked, ToRepeat},
    producer::client::ProducerClient,
};

/// The groups of a started app.
pub(crate) struct Groups {
    pub(super) groups: Vec<RunningGroup>,
    pub(super) producer: Option<ProducerClient>,
    pub(super) ended: mpsc::Receiver<()>,
    pub(super) watch: Arc<Watch>,
    /// How long a stop may take where nobody says it.
    pub(super) shutdown_timeout: Duration,
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

/// How the groups of an app ended.
#[derive(Debug, Default)]
pub(crate) struct GroupsEnd {
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

impl GroupsEnd {
    /// How a run ends whose groups do not say it in time, as far as can be seen from outside: every attempt under way, and
    /// what is beyond the last commit that was acknowledged.
    pub(crate) fn unheard(watch: &Watch, now: Instant) -> Self {
        let mut end = Self::default();
        for group in watch.groups() {
            for consumer in group.view(now).consumers.into_values() {
                end.handled += consumer.counted.handled();
                end.failed += consumer.counted.failures();
                end.dead += consumer.counted.dead;
            }
            for (partition, controller, lane) in group.lanes() {
                if lane.has_ended() {
                    continue;
                }
                let polled = lane.status.polling().map(|polling| {
                    let running = lane.status.blocked().map_or(Duration::ZERO, |(_, running)| running);
                    (polling.offset, now.checked_sub(running).unwrap_or(now))
                });
                let at_work = lane.status.at_work(polled);
                let committed = lane.status.committed().unwrap_or(0);
                let finished = lane.committable().map_or(0, |next| u64::try_from(next - committed).unwrap_or(0));
                let records = finished.min(lane.passed()) + at_work.iter().map(|at_work| at_work.records).sum::<u64>();
                if records > 0 && lane.signal() != Signal::Lose {
                    end.to_repeat.push(ToRepeat {
                        group: group.group.to_string(),
                        partition: partition.clone(),
                        records,
                    });
                }
                end.blocked.extend(at_work.into_iter().map(|at_work| blocked(controller, &partition, at_work, now)));
            }
        }
        end
    }
}

impl Groups {
    /// What the outside may know of the app while it runs.
    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Waits until a group has ended by itself, at most this long. Returns whether the app cannot go on: one has, or the
    /// producer has failed for good, so that no emit and no dead letter would ever arrive.
    pub(crate) fn wait(&self, at_most: Duration) -> bool {
        match self.ended.recv_timeout(at_most) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => true,
            Err(mpsc::RecvTimeoutError::Timeout) => self.producer.as_ref().and_then(ProducerClient::failure).is_some(),
        }
    }

    /// Quiets the groups: nothing new begins, what runs ends and is committed, every partition is kept; or resumes them.
    pub(crate) fn set_quiet(&self, quiet: bool) {
        self.groups.iter().for_each(|group| group.session.set_quiet(quiet));
        for group in self.watch.groups() {
            group.set_quiet(quiet);
            group.lanes().iter().for_each(|(_, _, lane)| lane.wake.notify_one());
        }
    }

    /// Tells every group to drain, commit and leave within `budget`.
    pub(crate) fn stop(&self, budget: Duration) {
        for group in &self.groups {
            group.signal.stop(budget);
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

    /// Stops, within what the settings say unless it was told otherwise, and waits until every group has ended.
    pub(crate) fn join(self) -> GroupsEnd {
        self.stop(self.shutdown_timeout);
        let mut end = GroupsEnd::default();
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
            // Lanes have waited for what they sent; what is left belongs to handlers that were cut off, and is counted in
            // `unacknowledged`. It is given up when the last of them lets go of the producer, which holds up no thread of theirs
            // (`producer::polling`).
            let _ = producer.flush(Duration::from_secs(1));
            end.producer = producer.failure();
        }
        end
    }
}
