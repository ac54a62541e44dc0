//! An app on a Kafka in the process, with what its tests ask of it.

use std::collections::BTreeMap;

use super::*;
use crate::{
    client::{ClientEvent, CommitError, TopicPartition},
    engine::{Connect, start_on},
    testing::source::{Origin, Source},
};

/// Keys, and a session that is soon over.
pub(super) static KEYED: Manifest = Manifest {
    settings: &[("kafka.consumer.session.timeout.ms", "400")],
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }],
    consumers: &[ConsumerEntry { emits: &[], ..PLAIN.consumers[0] }],
    ..PLAIN
};

/// An app on a [`Source`] with one partition.
pub(super) struct Stall {
    source: Source,
    runtime: tokio::runtime::Runtime,
    pub(super) state: Arc<State>,
    notes: Arc<Notes>,
}

impl Stall {
    /// Two partitions without records.
    pub(super) fn with_two_partitions() -> Self {
        let stall = Self::with_records(0);
        stall.source.make("orders", 2);
        stall
    }

    /// A partition with the records `0..count`, each with a key of its own.
    pub(super) fn with_records(count: u64) -> Self {
        let stall = Self::with_partitions(1);
        (0..count).for_each(|number| stall.send(&format!("k{number}"), &number.to_string()));
        stall
    }

    /// So many partitions with nothing in them.
    pub(super) fn with_partitions(count: usize) -> Self {
        Self::with_threads(2, count)
    }

    /// So many threads, and so many partitions with nothing in them.
    pub(super) fn with_threads(threads: usize, count: usize) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("tokio");
        let stall = Self { source: Source::new(), runtime, state: Arc::default(), notes: Arc::default() };
        stall.source.make("orders", count);
        stall
    }

    /// The app, by key.
    pub(super) fn start(&self) -> Groups {
        self.start_as(&KEYED)
    }

    /// The app with another manifest.
    pub(super) fn start_as(&self, manifest: &'static Manifest) -> Groups {
        let app = App::new(manifest)
            .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&manifest.consumers[0]);
        let flags = Flags { default_environment: Some("development"), ..Flags::default() };
        let settings = Settings::read(manifest, &BTreeMap::new(), &flags).expect("settings");
        let brokers = Brokers { address: String::new(), embedded: true };
        let (state, notes) = (Arc::clone(&self.state), Arc::clone(&self.notes));
        let source = self.source.clone();
        let connect: Connect = Arc::new(move |_, topics| Ok(source.join_as_thread("shop", &topics)));
        let handle = self.runtime.handle();
        start_on(&connect, None, launch(app, &settings, &brokers, state, notes, handle)).expect("it starts")
    }

    pub(super) fn send(&self, key: &str, value: &str) {
        let (topic, key, value) = ("orders".to_owned(), Some(key.into()), Some(value.into()));
        self.source.append(Outgoing { topic, key, value, ..Outgoing::default() }, None, Origin::Test);
    }

    /// A record with a key of its own.
    pub(super) fn send_to(&self, partition: usize, number: u64) {
        let (key, value) = (Some(format!("k{number}").into()), Some(number.to_string().into()));
        let outgoing = Outgoing { topic: "orders".to_owned(), key, value, ..Outgoing::default() };
        self.source.append(outgoing, Some(partition), Origin::Test);
    }

    pub(super) fn commit(&self) -> Option<(i64, Option<String>)> {
        self.source.commit("shop", &partition())
    }

    pub(super) fn set_commit(&self, offset: i64, metadata: Option<&str>) {
        self.source.set_commit("shop", partition(), offset, metadata.map(str::to_owned));
    }

    pub(super) fn answer_commits(&self, refusal: Option<CommitError>) {
        self.source.answer_commits("shop", refusal);
    }

    /// Commits are kept on their way from here on.
    pub(super) fn park_commits(&self) {
        self.source.park_commits("shop", u32::MAX);
    }

    /// The oldest commit that is on its way arrives.
    pub(super) fn let_a_commit_arrive(&self) {
        self.source.let_a_commit_arrive("shop");
    }

    /// Those that are on their way never arrive, and others do from here on.
    pub(super) fn swallow_commits(&self) {
        self.source.swallow_commits("shop");
    }

    pub(super) fn on_their_way(&self) -> usize {
        self.source.on_their_way("shop").len()
    }

    /// How often somebody has tried to commit.
    pub(super) fn commits(&self) -> u32 {
        self.source.commits("shop")
    }

    /// The session is over, and the partition is somebody else's.
    pub(super) fn lose(&self) {
        self.source.say("shop", ClientEvent::Revoke { partitions: vec![partition()], lost: true });
    }

    /// The group takes the partition back, for another member.
    pub(super) fn revoke(&self) {
        self.source.say("shop", ClientEvent::Revoke { partitions: vec![partition()], lost: false });
    }

    pub(super) fn assign(&self) {
        self.source.say("shop", ClientEvent::Assign(vec![partition()]));
    }

    /// The group gives a partition of a topic that the app does not consume.
    pub(super) fn give_foreign(&self) {
        let partitions = vec![TopicPartition { topic: "strangers".into(), partition: 0 }];
        self.source.say("shop", ClientEvent::Assign(partitions));
    }

    /// The member is dead to Kafka from here on, whatever it still says.
    pub(super) fn cut(&self) {
        self.source.cut("shop");
    }

    /// Lets the group's thread stand still, or go on.
    pub(super) fn freeze(&self, is_frozen: bool) {
        self.source.freeze("shop", is_frozen);
    }

    /// Lets the client wait for where the offsets of an assignment stand, or tells it.
    pub(super) fn be_silent(&self, is_silent: bool) {
        self.source.be_silent("shop", is_silent);
    }

    /// Retention passes everything before `begin`.
    pub(super) fn forget_before(&self, begin: i64) {
        self.source.forget_before(partition(), begin);
    }

    /// The topic is deleted and recreated with the records `0..count`, and then the group sees it.
    pub(super) fn recreate(&self, count: u64) {
        self.recreate_unseen(count);
        self.see_recreated();
    }

    /// The group sees that the topic was recreated.
    pub(super) fn see_recreated(&self) {
        self.source.see_recreated("shop", "orders");
    }

    /// The same, and nobody says it to the group.
    pub(super) fn recreate_unseen(&self, count: u64) {
        self.source.recreate("orders");
        (0..count).for_each(|number| self.send(&format!("n{number}"), &number.to_string()));
    }

    /// The broker is too old to tell topics of one name apart.
    pub(super) fn have_no_ids(&self) {
        self.source.be_old();
    }

    /// What is from `end` on is gone.
    pub(super) fn truncate(&self, end: usize) {
        self.source.truncate(&partition(), end);
    }

    /// The group's offset is deleted.
    pub(super) fn forget_commit(&self) {
        self.source.forget_commit("shop", &partition());
    }

    /// The group has an offset in a partition of another topic.
    pub(super) fn commit_elsewhere(&self) {
        self.source.set_commit("shop", TopicPartition { topic: "videos".into(), partition: 0 }, 7, None);
    }

    /// An assignor that gives and takes all partitions at once.
    pub(super) fn be_eager(&self) {
        self.source.be_eager("shop");
    }

    /// How often each number was handled.
    pub(super) fn handled(&self) -> BTreeMap<u64, u32> {
        let mut handled = BTreeMap::new();
        for (_, number) in self.state.seen.lock().expect("no panic").iter() {
            *handled.entry(*number).or_default() += 1;
        }
        handled
    }

    #[track_caller]
    pub(super) fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            let handled = self.handled();
            let (commit, notes) = (self.commit(), self.notes.0.lock().expect("no panic").clone());
            assert!(Instant::now() < end, "{what} did not come; {handled:?}; {commit:?}; {notes:#?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn fail(&self, number: u64, times: u32) {
        self.state.fails.lock().expect("no panic").insert(number, times);
    }

    pub(super) fn noted(&self, words: &str) -> usize {
        self.notes.0.lock().expect("no panic").iter().filter(|note| note.contains(words)).count()
    }
}

/// A test that fails must not wait for its own handlers.
impl Drop for Stall {
    fn drop(&mut self) {
        *self.state.blocks.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

fn partition() -> TopicPartition {
    TopicPartition { topic: "orders".into(), partition: 0 }
}

pub(super) fn once(numbers: std::ops::Range<u64>) -> BTreeMap<u64, u32> {
    numbers.map(|number| (number, 1)).collect()
}
