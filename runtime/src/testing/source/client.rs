//! A member of a group of a [`Source`], as the engine sees it: the client, and the queues of its partitions.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

use super::{Group, Inner, Source, Waits};
use crate::{
    Record,
    client::{
        Assigned, Client, ClientEvent, Close, Commit, CommitAnswer, Committed, Delivery, OtherCommits, PositionLost,
        Positions, RecordQueue, TopicPartition, Wake, Watermarks,
        positions::{self, Begin},
    },
    sync::MutexGuard,
};

/// A member, as long as no other has taken its place.
pub(super) struct Member {
    source: Source,
    group: String,
    number: u32,
    topics: BTreeMap<String, Positions>,
    waits: Waits,
    /// The ids of topics as this member has known them.
    ids: BTreeMap<String, u64>,
    /// Answers to commits that nobody has heard.
    unheard: VecDeque<CommitAnswer>,
}

/// A group that knows the member that has asked.
struct Known<'a> {
    inner: MutexGuard<'a, Inner>,
    group: &'a str,
}

impl Known<'_> {
    fn group(&mut self) -> &mut Group {
        self.inner.group(self.group)
    }
}

impl Member {
    pub(super) fn new(
        source: Source,
        group: String,
        number: u32,
        topics: BTreeMap<String, Positions>,
        ids: BTreeMap<String, u64>,
        waits: Waits,
    ) -> Self {
        Self { source, group, number, topics, waits, ids, unheard: VecDeque::new() }
    }

    /// The source, as long as the group knows this member.
    fn known(&self) -> Option<Known<'_>> {
        let mut known = Known { inner: self.source.lock(), group: &self.group };
        let is_known = known.group().member == self.number;
        is_known.then_some(known)
    }

    /// Stands still for as long as a test says.
    #[cfg(test)]
    fn stand_still(&self) {
        while self.known().is_some_and(|mut known| known.group().is_frozen) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn next_answer(&mut self) -> Option<CommitAnswer> {
        if let Some(mut known) = self.known() {
            return known.group().next_answer();
        }
        self.unheard.pop_front()
    }
}

impl Client for Member {
    fn poll(&mut self) -> Option<ClientEvent> {
        let event = self.known()?.group().next_event()?;
        if let ClientEvent::Recreated(topic) = &event {
            let id = self.source.lock().id(topic)?;
            // It may have been seen before, when a position was lost.
            self.ids.insert(topic.clone(), id).filter(|known| *known != id)?;
        }
        Some(event)
    }

    fn wait(&mut self, at_most: Duration) {
        match &self.waits {
            #[cfg(test)]
            Waits::Thread(_) => {
                std::thread::park_timeout(at_most);
                self.stand_still();
            }
            Waits::Task(asked) => *asked.lock() = at_most,
        }
    }

    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String> {
        #[cfg(test)]
        while self.known().is_some_and(|mut known| known.group().is_silent) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let Some(mut known) = self.known() else { return Err("the group does not know this member".to_owned()) };
        let mut assigned = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let log = known.inner.begin(partition)..known.inner.end(partition);
            let group = known.group();
            group.moving.remove(partition);
            group.assigned.insert(partition.clone(), wake(partition));
            let committed = group.commits.get(partition).map(|(offset, metadata)| {
                let metadata = metadata.clone().unwrap_or_default().into_bytes();
                Committed { offset: *offset, metadata }
            });
            let others = committed.is_none().then(|| OtherCommits::of(partition, group.commits.keys()));
            // Nothing was there before the group, so every `start` is the beginning.
            let offset = committed.as_ref().map(|commit| commit.offset);
            let lost = self.topics.get(&*partition.topic).copied().unwrap_or_default().lost;
            let Begin { start, passed } = positions::begin(offset, Some(&log), None, lost);
            let (source, of, partition) = (self.source.clone(), self.group.clone(), partition.clone());
            let next = start.unwrap_or(log.start);
            let queue = Queue { source, group: of, partition: partition.clone(), first: next, next, is_lost: false };
            let (log, queue) = (Some(log), Box::new(queue));
            assigned.push(Assigned { partition, start, committed, passed, log, others, queue });
        }
        drop(known);
        self.source.touch_group(&self.group);
        Ok(assigned)
    }

    fn can_move(&self) -> bool {
        !self.known().is_some_and(|mut known| known.group().is_eager)
    }

    fn beginnings(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Commit>, String> {
        let begins = |partition: &TopicPartition| (partition.clone(), self.source.lock().begin(partition));
        let begins = partitions.iter().map(begins);
        Ok(begins.map(|(partition, offset)| Commit { partition, offset, metadata: None }).collect())
    }

    fn logs(&mut self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, Range<i64>> {
        let inner = self.source.lock();
        let log = |partition: &TopicPartition| (partition.clone(), inner.begin(partition)..inner.end(partition));
        partitions.iter().map(log).collect()
    }

    fn look_at(&mut self, topic: &str) {
        let (known, id) = (self.ids.get(topic).copied(), self.source.lock().id(topic));
        let is_same = known.is_some() && known == id;
        let event = match id {
            Some(_) if known.is_some() && !is_same => ClientEvent::Recreated(topic.to_owned()),
            _ => ClientEvent::Looked { topic: topic.to_owned(), is_same },
        };
        self.source.say(&self.group, event);
    }

    fn unassign(&mut self, partitions: &[TopicPartition]) {
        if let Some(mut known) = self.known() {
            let group = known.group();
            for partition in partitions {
                group.moving.remove(partition);
                group.assigned.remove(partition);
            }
        }
        self.source.touch_group(&self.group);
    }

    fn commit(&mut self, number: u64, commits: &[Commit]) {
        if let Some(mut known) = self.known() {
            known.group().commit(number, commits.to_vec());
        } else {
            // A dead process hears nothing; what it does after its death must not matter.
            self.unheard.push_back(CommitAnswer { number, ended: Ok(()) });
        }
        self.source.touch_group(&self.group);
    }

    fn answer(&mut self, at_most: Duration) -> Option<CommitAnswer> {
        let begun = std::time::Instant::now();
        loop {
            let answer = self.next_answer();
            // In virtual time it is all the same how long a task waits: nothing else happens meanwhile.
            let is_over = matches!(self.waits, Waits::Task(_)) || begun.elapsed() >= at_most;
            #[cfg(test)]
            if matches!(self.waits, Waits::Thread(_)) {
                self.stand_still();
            }
            if answer.is_some() || is_over {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Option<Watermarks> {
        Some(Watermarks { low: None, high: self.source.end(partition) })
    }

    fn close(self: Box<Self>, how: Close) -> bool {
        let mut has_closed = how != Close::Abandon;
        if let Some(mut known) = self.known() {
            let group = known.group();
            group.assigned.clear();
            group.moving.clear();
            group.events.clear();
            group.waits = None;
            // As librdkafka does, which waits for every answer.
            assert!(how != Close::Wait || group.on_their_way.is_empty(), "the client would wait for ever");
            has_closed &= group.on_their_way.is_empty();
            #[cfg(test)]
            group.closed.replace(how);
        }
        self.source.touch_group(&self.group);
        has_closed
    }
}

struct Queue {
    source: Source,
    group: String,
    partition: TopicPartition,
    /// Where reading has begun.
    first: i64,
    next: i64,
    /// The log does not have `next`, and that has been said.
    is_lost: bool,
}

impl RecordQueue for Queue {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        let inner = self.source.lock();
        if self.is_lost || self.next < inner.begin(&self.partition) || self.next > inner.end(&self.partition) {
            if !std::mem::replace(&mut self.is_lost, true) {
                let (offset, has_read, reason) = (self.next, self.next > self.first, "offset out of range".to_owned());
                into.push_back(Delivery::PositionLost(PositionLost { offset, has_read, is_truncated: false, reason }));
            }
            return;
        }
        let from = usize::try_from(self.next).unwrap_or(0);
        let records = inner.log(&self.partition).get(from..).unwrap_or_default().iter().take(room);
        let before = into.len();
        into.extend(records.map(|kept| Delivery::Record(Record::from(kept.record.clone()))));
        let drained = into.len() - before;
        self.next += drained as i64;
        drop(inner);
        if drained > 0 {
            self.source.touch_group(&self.group);
        }
    }

    fn position(&self) -> Option<i64> {
        Some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// If this fails, a group gives a second time before its member has taken the first, as Kafka never does, and the
    /// engine forgets one of them.
    #[test]
    fn a_group_gives_one_thing_at_a_time() {
        let source = Source::new();
        source.make("orders", 1);
        let topics = BTreeMap::from([("orders".to_owned(), Positions::default())]);
        let mut member = source.join("shop", &topics, Waits::Task(Arc::default()));
        let partition = |topic: &str| TopicPartition { topic: topic.into(), partition: 0 };
        source.say("shop", ClientEvent::Assign(vec![partition("strangers")]));
        let told = |event| match event {
            Some(ClientEvent::Assign(partitions)) => partitions,
            other => panic!("{other:?}"),
        };
        assert_eq!(told(member.poll()), [partition("orders")]);
        assert!(member.poll().is_none(), "it has not answered");
        member.assign(&[partition("orders")], &mut |_| Arc::new(|| ())).expect("assigned");
        assert_eq!(told(member.poll()), [partition("strangers")]);
        source.say("shop", ClientEvent::Revoke { partitions: vec![partition("orders")], lost: true });
        assert!(matches!(member.poll(), Some(ClientEvent::Revoke { lost: true, .. })), "what is lost is said at once");
    }
}
