//! A Kafka in the process: one partition, its group's commit, and members that come and go as a test says.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, Thread},
    time::Duration,
};

use super::super::Connect;
use crate::{
    OwnedRecord, Record,
    client::{
        Assigned, Client, ClientEvent, Commit, CommitError, Committed, Delivery, RecordQueue, TopicPartition, Wake,
    },
};

/// The partition, and who consumes it.
#[derive(Clone, Default)]
pub(super) struct Source(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    log: Vec<OwnedRecord>,
    commit: Option<(i64, Option<String>)>,
    /// What Kafka answers to commits.
    refusal: Option<CommitError>,
    /// Members are numbered; only the newest one is heard.
    member: u32,
    events: VecDeque<ClientEvent>,
    wake: Option<Wake>,
    thread: Option<Thread>,
    /// How often a commit has come.
    commits: u32,
    /// Where the log begins, since retention has passed what was before.
    begin: i64,
}

impl Source {
    /// Appends a record.
    pub(super) fn send(&self, key: &str, value: &str) {
        let mut inner = self.inner();
        let offset = inner.log.len() as i64;
        let (key, value) = (Some(key.into()), Some(value.into()));
        inner.log.push(OwnedRecord { topic: "orders".into(), offset, key, value, ..OwnedRecord::default() });
        if let Some(wake) = &inner.wake {
            wake();
        }
    }

    /// The member is dead to Kafka from here on, whatever it still says.
    pub(super) fn cut(&self) {
        self.inner().member += 1;
    }

    /// What an app connects with: a member that gets the partition at once, in the place of any other.
    pub(super) fn connect(&self) -> Connect {
        let source = self.clone();
        Arc::new(move |_, _| {
            let mut inner = source.inner();
            inner.member += 1;
            inner.events = VecDeque::from([ClientEvent::Assign(vec![partition()])]);
            inner.thread = Some(thread::current());
            Ok(Box::new(Member { source: source.clone(), number: inner.member }))
        })
    }

    /// What the group says next.
    pub(super) fn say(&self, event: ClientEvent) {
        let mut inner = self.inner();
        inner.events.push_back(event);
        inner.thread.iter().for_each(Thread::unpark);
    }

    /// The group gives a partition of a topic that the app does not consume.
    pub(super) fn give_foreign(&self) {
        self.say(ClientEvent::Assign(vec![TopicPartition { topic: "strangers".into(), partition: 0 }]));
    }

    /// The session is over, and the partition is somebody else's.
    pub(super) fn lose(&self) {
        self.say(ClientEvent::Revoke { partitions: vec![partition()], lost: true });
    }

    pub(super) fn answer_commits(&self, refusal: Option<CommitError>) {
        self.inner().refusal = refusal;
    }

    pub(super) fn commit(&self) -> Option<(i64, Option<String>)> {
        self.inner().commit.clone()
    }

    /// How often somebody has tried to commit.
    pub(super) fn commits(&self) -> u32 {
        self.inner().commits
    }

    /// Retention passes everything before `begin`.
    pub(super) fn forget_before(&self, begin: i64) {
        self.inner().begin = begin;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic")
    }
}

fn partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: 0 }
}

struct Member {
    source: Source,
    number: u32,
}

impl Member {
    /// The source, as long as the group knows this member.
    fn group(&self) -> Option<MutexGuard<'_, Inner>> {
        Some(self.source.inner()).filter(|inner| inner.member == self.number)
    }

    fn try_commit(&self, commits: &[Commit]) -> Result<(), CommitError> {
        // A dead process hears nothing; what it does after its death must not matter.
        let Some(mut inner) = self.group() else { return Ok(()) };
        inner.commits += 1;
        if let Some(refusal) = &inner.refusal
            && (!refusal.is_metadata || commits.iter().any(|commit| commit.metadata.is_some()))
        {
            return Err(refusal.clone());
        }
        for Commit { offset, metadata, .. } in commits {
            inner.commit = Some((*offset, metadata.clone()));
        }
        Ok(())
    }
}

impl Client for Member {
    fn poll(&mut self) -> Option<ClientEvent> {
        self.group()?.events.pop_front()
    }

    fn wait(&mut self, at_most: Duration) {
        thread::park_timeout(at_most);
    }

    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String> {
        let Some(mut inner) = self.group() else { return Err("dead".to_owned()) };
        if partitions != [partition()] {
            let [partition] = partitions else { return Err("one at a time".to_owned()) };
            let _never = wake(partition);
            let queue = Box::new(Queue { source: Source::default(), next: 0, is_lost: false });
            let partition = partition.clone();
            return Ok(vec![Assigned { partition, start: Some(0), committed: None, passed: None, queue }]);
        }
        inner.wake = Some(wake(&partition()));
        let committed = inner.commit.clone().map(|(offset, metadata)| {
            let metadata = metadata.unwrap_or_default().into_bytes();
            Committed { offset, metadata }
        });
        let offset = committed.as_ref().map(|commit| commit.offset);
        let start = offset.map(|offset| offset.max(inner.begin));
        let passed = offset.map(|offset| inner.begin - offset).filter(|passed| *passed > 0);
        let queue = Box::new(Queue { source: self.source.clone(), next: start.unwrap_or(0), is_lost: false });
        Ok(vec![Assigned { partition: partition(), start, committed, passed, queue }])
    }

    fn can_move(&self) -> bool {
        true
    }

    fn unassign(&mut self, _: &[TopicPartition]) {}

    fn commit(&mut self, commits: &[Commit]) {
        let offsets = commits.iter().map(|commit| (commit.partition.clone(), commit.offset)).collect();
        let error = self.try_commit(commits).err();
        if let Some(mut inner) = self.group() {
            inner.events.push_back(ClientEvent::Committed { offsets, error });
        }
    }

    fn commit_and_wait(&mut self, commits: &[Commit]) -> Result<(), CommitError> {
        self.try_commit(commits)
    }

    fn close(self: Box<Self>, _: bool) {}
}

struct Queue {
    source: Source,
    next: i64,
    is_lost: bool,
}

impl RecordQueue for Queue {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        let inner = self.source.inner();
        if self.next < inner.begin {
            if !std::mem::replace(&mut self.is_lost, true) {
                into.push_back(Delivery::PositionLost("offset out of range".to_owned()));
            }
            return;
        }
        for record in inner.log.iter().skip(self.next as usize).take(room) {
            into.push_back(Delivery::Record(Record::from(record.clone())));
            self.next += 1;
        }
    }

    fn position(&self) -> Option<i64> {
        Some(self.next)
    }
}
