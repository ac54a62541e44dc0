//! A whole app on a Kafka in the process: what a test does to it.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{
    TopicKey, member,
    seen::Sent,
    source::{Origin, Source},
    stage::{Ear, Stage},
    time,
};
use crate::{
    App, OwnedRecord,
    client::TopicPartition,
    context::{AppShared, Outlet, simulated::Attempts},
    engine::{self, Brokers, consumer::Route, group::GroupEnd, report::Reporter, signals::GroupSignal},
    events::{Blocked, Listener, Listeners},
    manifest::Manifest,
    outgoing::Outgoing,
    settings::{self, Flags, Settings},
    sync::{Mutex, MutexGuard},
};

/// An app that runs: every group of its manifest, with the engine of production, on a Kafka in the process.
///
/// In a `#[tokio::test]`, with the `app` that `karafka generate` wrote and the state of `src/state.rs`:
///
/// ```
/// # use karafka::{App, Context, Controller, Message, Result, Routed, Worker, codegen, interchanger, manifest::*, parser};
/// # use std::time::Duration;
/// # static MANIFEST: Manifest = Manifest {
/// #     app: "shop", version: "0.1.0", root: "", settings: &[], environments: &[],
/// #     groups: &[GroupEntry { name: "shop", settings: &[] }],
/// #     topics: &[TopicEntry { key: "payments", message: "json", settings: &[] }],
/// #     consumers: &[ConsumerEntry {
/// #         topic: "payments", group: "shop", controller: "PaymentsController", worker: "PaymentsWorker", parser: "json",
/// #         interchanger: "json", emits: &[],
/// #         settings: &[("dead_letter", "{topic}.dead"), ("retry.attempts", "5"), ("retry.backoff", "1s..30s")],
/// #     }],
/// # };
/// # #[derive(Default)] struct PaymentsController;
/// # impl Routed for PaymentsController {
/// #     type State = (); type Message = u64; const NAME: &'static str = "PaymentsController";
/// # }
/// # impl Controller for PaymentsController {
/// #     async fn perform(&self, _: &Message<u64>, _: &Context<Self>) -> Result { Ok(()) }
/// # }
/// # #[derive(Default)] struct PaymentsWorker;
/// # impl Worker for PaymentsWorker { type Controller = PaymentsController; const NAME: &'static str = "PaymentsWorker"; }
/// # fn app() -> App<()> {
/// #     let consumer = &MANIFEST.consumers[0];
/// #     codegen::app(&MANIFEST, &[codegen::route::<_, PaymentsWorker, parser::Json, interchanger::Json>(consumer)])
/// # }
/// # let state = ();
/// # let test = async {
/// use karafka::testing::{Act, Simulation};
///
/// let run = Simulation::new(app(), state);
/// run.fail_always("payments", "card declined");
/// let payment = run.send("payments", "1990");
/// run.settle().await;
/// assert_eq!(run.attempts(&payment), 5, "{}", run.history(&payment));
/// assert_eq!(run.dead_letters("payments").len(), 1);
/// assert_eq!(run.committed("payments", 0), Some(1));
///
/// // The first attempt hangs until the app is killed; then the controller performs.
/// run.script("payments", |call| if call.attempt == 1 { Act::Hang } else { Act::Perform });
/// let payment = run.send("payments", "1990");
/// run.until(|run| !run.at_work("payments").is_empty()).await;
/// run.crash().await;
/// run.script("payments", |_| Act::Perform);
/// run.start();
/// run.settle().await;
/// assert!(run.is_done(&payment));
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
/// ```
///
/// All times are virtual, as [the module](super) says; [`Simulation::in_real_time`] is for when that does not do.
pub struct Simulation<S: Send + Sync + 'static> {
    pub(super) manifest: &'static Manifest,
    pub(super) settings: Settings,
    routes: Vec<Route<S>>,
    listeners: Vec<Arc<dyn Listener>>,
    app: Arc<AppShared<S>>,
    pub(super) source: Source,
    pub(super) stage: Arc<Stage>,
    members: Mutex<Vec<Member>>,
    pub(super) is_real: bool,
}

/// A group that runs.
struct Member {
    signal: Arc<GroupSignal>,
    task: JoinHandle<Option<GroupEnd>>,
}

/// How a clean stop ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Records that were performed or skipped.
    pub handled: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Records that went to a dead letter topic.
    pub dead_lettered: u64,
    /// Records that will be done again, as the app says when it ends: begun or finished, and not known to be committed.
    pub to_repeat: u64,
    /// Handlers that did not end within `shutdown_timeout`.
    pub blocked: Vec<Blocked>,
}

impl<S: Send + Sync + 'static> Simulation<S> {
    /// Starts `app` with this state, in virtual time: tokio's clock is paused from here on.
    ///
    /// Settings come from the manifest alone, never from the environment. A topic has as many partitions as the manifest
    /// says, and one where it says nothing.
    ///
    /// # Panics
    ///
    /// Outside of `#[tokio::test]`, or another runtime of one thread.
    #[must_use]
    #[track_caller]
    pub fn new(app: App<S>, state: S) -> Self {
        time::pause();
        Self::on(app, state, false)
    }

    /// As [`Simulation::new`], but time passes as it does: for handlers that wait for something outside of the process,
    /// such as a database, whose answers virtual time does not wait for.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    #[track_caller]
    pub fn in_real_time(app: App<S>, state: S) -> Self {
        Self::on(app, state, true)
    }

    fn on(app: App<S>, state: S, is_real: bool) -> Self {
        let App { manifest, routes, layers, listeners } = app;
        let flags = Flags { default_environment: Some(settings::DEVELOPMENT), ..Flags::default() };
        let (settings, _) = Settings::examine(manifest, &BTreeMap::new(), &flags);
        let source = Source::new();
        for topic in &settings.topics {
            source.make(&topic.name, topic.partitions.and_then(|count| usize::try_from(count).ok()).unwrap_or(1));
        }
        let stage = Arc::new(Stage::new(source.clone()));
        let names = engine::kafka_names(manifest, &settings);
        let (outlet, stage_of) =
            (Outlet::InProcess(Box::new(source.clone())), Some(Arc::clone(&stage) as Arc<dyn Attempts>));
        let app = Arc::new(AppShared { outlet, stage: stage_of, ..AppShared::new(state, names, layers) });
        let run =
            Self { manifest, settings, routes, listeners, app, source, stage, members: Mutex::default(), is_real };
        run.start();
        run
    }

    /// The app's state.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.app.state
    }

    /// Sets how many partitions a topic has, by its key in the manifest; only before the app has begun to read.
    ///
    /// # Panics
    ///
    /// When the manifest has no such topic, when it has more partitions already, or when it is being read: right after
    /// [`Simulation::new`] is early enough.
    #[track_caller]
    pub fn partitions(&self, topic: impl TopicKey, count: usize) {
        let topic = topic.key();
        let name = self.kafka_name(topic);
        let now = self.source.partitions(name);
        assert!(count >= now, "`{topic}` has {now} partitions already, and Kafka takes none away");
        let is_read = self.settings.groups.iter().any(|group| {
            self.source.is_moving(&group.id) || self.source.assigned(&group.id).iter().any(|read| *read.topic == *name)
        });
        assert!(!is_read, "`{topic}` is being read: give it partitions right after `Simulation::new`");
        self.source.make(name, count);
    }

    /// Sends a value to a topic, by its key in the manifest. Without a key, records go round its partitions.
    ///
    /// # Panics
    ///
    /// When nobody in the app consumes the topic.
    #[track_caller]
    pub fn send(&self, topic: impl TopicKey, value: impl AsRef<[u8]>) -> Sent {
        let topic = topic.key();
        let value = Some(value.as_ref().to_vec());
        self.send_record(topic, OwnedRecord { value, ..OwnedRecord::default() })
    }

    /// As [`Simulation::send`], with a key: records of one key are in one partition.
    ///
    /// # Panics
    ///
    /// As [`Simulation::send`].
    #[track_caller]
    pub fn send_keyed(&self, topic: impl TopicKey, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Sent {
        let topic = topic.key();
        let (key, value) = (Some(key.as_ref().to_vec()), Some(value.as_ref().to_vec()));
        self.send_record(topic, OwnedRecord { key, value, ..OwnedRecord::default() })
    }

    /// Sends a record's key, value and headers; a record without a value is a tombstone.
    ///
    /// # Panics
    ///
    /// As [`Simulation::send`].
    #[track_caller]
    pub fn send_record(&self, topic: impl TopicKey, record: OwnedRecord) -> Sent {
        let topic = topic.key();
        self.append(topic, None, record)
    }

    /// Sends a record's key, value and headers to a partition, whatever its key.
    ///
    /// # Panics
    ///
    /// As [`Simulation::send`], and when the topic has no such partition.
    #[track_caller]
    pub fn send_to(&self, topic: impl TopicKey, partition: i32, record: OwnedRecord) -> Sent {
        let topic = topic.key();
        let place = self.partition(topic, partition);
        self.append(topic, usize::try_from(place.partition).ok(), record)
    }

    #[track_caller]
    fn append(&self, topic: &str, partition: Option<usize>, record: OwnedRecord) -> Sent {
        let name = self.kafka_name(topic).to_owned();
        if !self.manifest.consumers.iter().any(|entry| entry.topic == topic) {
            let known: Vec<_> = self.manifest.consumers.iter().map(|entry| entry.topic).collect();
            panic!("nobody consumes `{topic}`; karafka.yml has consumers for {}", known.join(", "));
        }
        let OwnedRecord { key, value, headers, .. } = record;
        let outgoing = Outgoing { topic: name, key, value, headers, ..Outgoing::default() };
        let delivered = self.source.append(outgoing, partition, Origin::Test);
        Sent { topic: topic.to_owned(), partition: delivered.partition, offset: delivered.offset.unwrap_or_default() }
    }

    /// Advances virtual time, with all that happens in it.
    pub async fn advance(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Starts the app again after [`Simulation::crash`] or [`Simulation::stop`], with the state that it had: it goes on
    /// from its groups' commits.
    ///
    /// # Panics
    ///
    /// When it runs already.
    #[track_caller]
    pub fn start(&self) {
        let mut members = self.members();
        assert!(members.is_empty(), "the app runs already");
        self.source.set_down(false);
        let consumers = engine::build(self.routes.clone(), &self.app.state);
        let brokers = Brokers { address: String::new(), embedded: false };
        for group in &self.settings.groups {
            let ear = Arc::new(Ear { stage: Arc::clone(&self.stage), group: group.id.clone() });
            let listener = Listeners::beside(ear, self.listeners.clone());
            let reporter = Arc::new(Reporter::new(listener, self.manifest, self.app.names.clone()));
            let runtime = Handle::current();
            let prepared = engine::prepare(group, &self.settings, &brokers, &consumers, &self.app, &reporter, &runtime);
            let signal = Arc::clone(&prepared.signal);
            let task = runtime.spawn(member::run(group.id.clone(), prepared, self.source.clone()));
            members.push(Member { signal, task });
        }
    }

    /// As [`Simulation::start`], with a new state: what the app held in memory is gone, as it is after a real crash.
    ///
    /// # Panics
    ///
    /// As [`Simulation::start`].
    #[track_caller]
    pub fn start_with(&mut self, state: S) {
        let names = self.app.names.clone();
        let (outlet, stage) =
            (Outlet::InProcess(Box::new(self.source.clone())), Some(Arc::clone(&self.stage) as Arc<dyn Attempts>));
        let layers = self.app.layers.clone();
        self.app = Arc::new(AppShared { outlet, stage, ..AppShared::new(state, names, layers) });
        self.start();
    }

    /// Kills the app: attempts under way are dropped where they wait, and nothing more is sent or committed. What was
    /// sent stays sent. [`Simulation::start`] starts it again.
    pub async fn crash(&self) {
        self.source.set_down(true);
        let members = std::mem::take(&mut *self.members());
        for member in members {
            end_of(member.task).await;
        }
        self.stage.forget_what_was_begun();
    }

    /// Stops the app as `SIGTERM` does: nothing more starts, what runs may finish within `shutdown_timeout`, and all that
    /// is done is committed.
    pub async fn stop(&self) -> Ended {
        let members = std::mem::take(&mut *self.members());
        for member in &members {
            member.signal.stop(self.settings.shutdown_timeout);
        }
        self.source.touch();
        let mut ended = Ended::default();
        for member in members {
            let Some(end) = end_of(member.task).await else { continue };
            ended.handled += end.handled;
            ended.failed += end.failed;
            ended.dead_lettered += end.dead;
            ended.to_repeat += end.to_repeat.values().sum::<u64>();
            ended.blocked.extend(end.blocked);
        }
        self.stage.forget_what_was_begun();
        ended
    }

    /// Fails the test if a script has, or if a group has ended without being told to.
    pub(super) async fn expect_well(&self) {
        if let Some(panic) = self.stage.take_panic() {
            std::panic::resume_unwind(panic);
        }
        let ended = {
            let mut members = self.members();
            let at = members.iter().position(|member| member.task.is_finished());
            at.map(|at| members.swap_remove(at))
        };
        if let Some(member) = ended {
            let fatal = end_of(member.task).await.and_then(|end| end.fatal).unwrap_or_default();
            panic!("a group has ended by itself: {fatal}");
        }
    }

    /// Whether it was neither stopped nor killed.
    pub(super) fn is_running(&self) -> bool {
        !self.members().is_empty()
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock()
    }

    /// A topic's name in Kafka.
    #[track_caller]
    pub(super) fn kafka_name(&self, topic: &str) -> &str {
        match self.app.names.get(topic) {
            Some(name) => name,
            None => {
                let known: Vec<_> = self.app.names.keys().copied().collect();
                panic!("karafka.yml has no topic `{topic}`; it has {}", known.join(", "));
            }
        }
    }

    #[track_caller]
    pub(super) fn partition(&self, topic: &str, partition: i32) -> TopicPartition {
        let name = self.kafka_name(topic);
        let count = self.source.partitions(name);
        let is_there = usize::try_from(partition).is_ok_and(|partition| partition < count);
        assert!(
            is_there,
            "`{topic}` has no partition {partition}: it has {count}, from 0; `Simulation::partitions` gives it more"
        );
        TopicPartition { topic: Arc::from(name), partition }
    }
}

/// How a group ended; a panic of its task is the test's.
async fn end_of(task: JoinHandle<Option<GroupEnd>>) -> Option<GroupEnd> {
    match task.await {
        Ok(end) => end,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

impl<S: Send + Sync + 'static> Drop for Simulation<S> {
    /// Nothing of the app outlives its simulation.
    fn drop(&mut self) {
        self.source.set_down(true);
    }
}

impl<S: Send + Sync + 'static> fmt::Debug for Simulation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("app", &self.manifest.app).field("age", &self.source.age()).finish()
    }
}
