//! An app on a [`Source`], with what its tests ask of it.

use std::collections::BTreeMap;

use super::{source::Source, *};
use crate::engine::start_on;

/// Keys, and a session that is soon over.
pub(super) static KEYED: Manifest = Manifest {
    settings: &[("kafka.consumer.session.timeout.ms", "400")],
    groups: &[GroupEntry { name: "shop", settings: &[("ordering", "key")] }],
    consumers: &[ConsumerEntry { emits: &[], ..PLAIN.consumers[0] }],
    ..PLAIN
};

/// An app on a [`Source`].
pub(super) struct Stall {
    pub(super) source: Source,
    runtime: tokio::runtime::Runtime,
    pub(super) state: Arc<State>,
    pub(super) notes: Arc<Notes>,
}

impl Stall {
    /// A partition with the records `0..count`, each with a key of its own.
    pub(super) fn with_records(count: u64) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        let stall = Self { source: Source::default(), runtime, state: Arc::default(), notes: Arc::default() };
        (0..count).for_each(|number| stall.source.send(&format!("k{number}"), &number.to_string()));
        stall
    }

    /// The app, by key.
    pub(super) fn start(&self) -> Running {
        self.start_as(&KEYED)
    }

    /// The app with another manifest.
    pub(super) fn start_as(&self, manifest: &'static Manifest) -> Running {
        let app = App::new(manifest)
            .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&manifest.consumers[0]);
        let flags = Flags { default_environment: Some("development"), ..Flags::default() };
        let settings = Settings::read(manifest, &BTreeMap::new(), &flags).expect("settings");
        let brokers = Brokers { address: String::new(), embedded: true };
        let (state, notes) = (Arc::clone(&self.state), Arc::clone(&self.notes));
        let connect = self.source.connect();
        let handle = self.runtime.handle();
        start_on(&connect, None, app.manifest, app.routes, &settings, &brokers, state, notes, handle)
            .expect("it starts")
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
            let (commit, notes) = (self.source.commit(), self.notes.0.lock().expect("no panic").clone());
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

pub(super) fn once(numbers: std::ops::Range<u64>) -> BTreeMap<u64, u32> {
    numbers.map(|number| (number, 1)).collect()
}
