//! Consumes: a thread a group, a lane a partition, and nothing committed that is not done.

pub(crate) mod app_shared;
mod atomic_offset;
pub(crate) mod attempt;
pub(crate) mod clock;
mod commit_first;
mod commit_request;
mod config;
pub(crate) mod consumer;
pub(crate) mod core;
pub(crate) mod counts;
mod driver;
pub(crate) mod give_way;
pub(crate) mod group;
pub(crate) mod histogram;
mod job_emits;
pub(crate) mod jobs;
mod jobs_watch;
pub(crate) mod lane_shared;
mod lane_status;
pub(crate) mod memory_budget;
pub(crate) mod obstacles;
mod polls;
mod pool;
pub(crate) mod refused;
pub(crate) mod report;
pub(crate) mod revoked;
mod session;
pub(crate) mod signals;
pub(crate) mod watch;
pub(crate) mod watchdog;

#[cfg(test)]
pub(crate) mod histories;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rdkafka::ClientConfig;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, oneshot},
};

use self::{
    app_shared::{AppShared, Loose, Outlet},
    attempt::Bounds,
    consumer::{Consumer, Route},
    driver::{ConsumerSettings, LaneParts},
    group::{Group, GroupEnd, OpenLane, Wait},
    memory_budget::MemoryBudget,
    report::{GroupReporter, Reporter},
    session::Session,
    signals::GroupSignal,
    watch::{ConsumerWatch, GroupWatch, Watch},
};
use crate::{
    client::{Budget, Client, KafkaClient, PREFETCHED, Positions},
    events::{Blocked, Event, Listener, ToRepeat},
    jobs::{
        enqueue::{Enqueuer, JobRoute, Pushing},
        job::Retry,
    },
    manifest::{ConsumerEntry, Manifest},
    producer::{Producer, SendError, sending::Sending},
    settings::{self, Delivery, Settings},
};

/// Why an app did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("group `{group}` cannot start: {reason}")]
    Group { group: String, reason: String },
    #[error(transparent)]
    Producer(#[from] SendError),
    #[error("Redis cannot be reached as `{url}` says: {reason}")]
    Redis { url: String, reason: String },
    #[error("a thread cannot start: {0}")]
    Thread(#[from] std::io::Error),
}

/// A started app.
pub(crate) struct Running {
    groups: Vec<RunningGroup>,
    producer: Option<Producer>,
    ended: mpsc::Receiver<()>,
    watch: Arc<Watch>,
    /// The watchdog ends when this is dropped.
    _watchdog: mpsc::Sender<()>,
    /// Jobs are pushed to Redis until this is dropped.
    _pushing: Option<oneshot::Sender<()>>,
}

struct RunningGroup {
    name: String,
    signal: Arc<GroupSignal>,
    session: Arc<Session>,
    thread: thread::JoinHandle<GroupEnd>,
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

/// Which brokers an app consumes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brokers {
    /// As `bootstrap.servers` takes them.
    pub(crate) address: String,
    /// Whether they are an [`crate::broker::EmbeddedBroker`], in this process or another.
    pub(crate) embedded: bool,
}

/// Makes the client of a group from its properties and its topics' positions, on the thread that polls it.
type Connect = Arc<dyn Fn(&ClientConfig, BTreeMap<String, Positions>) -> Result<Box<dyn Client>, String> + Send + Sync>;

/// Starts every selected consumer of an app.
pub(crate) fn start<S: Send + Sync + 'static>(
    manifest: &'static Manifest,
    routes: Vec<Route<S>>,
    settings: &Settings,
    brokers: &Brokers,
    state: S,
    listener: Arc<dyn Listener>,
    runtime: &Handle,
) -> Result<Running, StartError> {
    let groups = settings.groups.iter();
    let budget = |group: &settings::Group| Budget {
        memory: group.memory,
        at_work: settings.at_work(group),
        largest: settings.largest_record(group),
    };
    let budgets: BTreeMap<_, _> = groups.map(|group| (group.id.clone(), budget(group))).collect();
    let connect: Connect = Arc::new(move |config, topics| {
        let budget = config.get("group.id").and_then(|id| budgets.get(id)).ok_or("it has no budget")?;
        Ok(Box::new(KafkaClient::join(config, *budget, topics)?))
    });
    let sends = routes.iter().any(|route| !route.entry.emits.is_empty())
        || settings.consumers.iter().any(|consumer| consumer.selected && consumer.dead_letter.is_some());
    let producer = if sends { Some(Producer::new(&config::producer(settings, brokers))?) } else { None };
    start_on(&connect, producer, manifest, routes, settings, brokers, state, listener, runtime)
}

/// As [`start`], on any client.
#[expect(clippy::too_many_arguments, reason = "everything that a run is made of, once")]
fn start_on<S: Send + Sync + 'static>(
    connect: &Connect,
    producer: Option<Producer>,
    manifest: &'static Manifest,
    routes: Vec<Route<S>>,
    settings: &Settings,
    brokers: &Brokers,
    state: S,
    listener: Arc<dyn Listener>,
    runtime: &Handle,
) -> Result<Running, StartError> {
    let names = kafka_names(manifest, settings);
    let reporter = Arc::new(Reporter::new(listener, manifest, names.clone()));
    let consumers = build(routes, &state);
    let outlet = producer.clone().map_or(Outlet::Nowhere, Outlet::Kafka);
    let (queues, _pushing) = enqueuers(settings, &reporter)?;
    let shared = Arc::new(AppShared {
        state,
        outlet,
        queues,
        names,
        seed: u64::from(std::process::id()) << 32,
        loose: Loose::default(),
        #[cfg(any(test, feature = "testing"))]
        stage: None,
    });

    let watch = Arc::new(Watch::default());
    let sending =
        producer.clone().and_then(|producer| Sending::new(producer, destinations(&consumers, settings), false));
    let _watchdog = watchdog::start(Arc::clone(&watch), Arc::clone(reporter.listener()), runtime, sending)?;
    let (sender, ended) = mpsc::channel();
    let mut groups = Vec::new();
    for group in settings.groups.iter().filter(|group| group.selected) {
        let prepared = prepare(group, settings, brokers, &consumers, &shared, &reporter, runtime);
        watch.add(Arc::clone(&prepared.watch));
        let tell = sender.clone();
        let started = start_group(connect, group, prepared, tell);
        match started {
            Ok(running) => groups.push(running),
            Err(error) => {
                // What has started must not go on half an app.
                Running { groups, producer, ended, watch, _watchdog, _pushing }.join();
                return Err(error);
            }
        }
    }
    Ok(Running { groups, producer, ended, watch, _watchdog, _pushing })
}

/// Where an app may send to, by the topics' names in Kafka.
fn destinations<S>(consumers: &[Built<S>], settings: &Settings) -> BTreeSet<String> {
    let selected = consumers.iter().filter_map(|(entry, _)| Some((entry, settings.consumer(entry)?)));
    let selected = selected.filter(|(_, consumer)| consumer.selected);
    let of = |(entry, consumer): (&&ConsumerEntry, &settings::Consumer)| {
        // What performs jobs sends what they emit.
        let emits = if consumer.queue.is_none() { entry.emits } else { &[] };
        let emits = emits.iter().map(|key| kafka_name(settings, key));
        emits.chain(consumer.dead_letter.clone()).collect::<Vec<_>>()
    };
    selected.flat_map(of).collect()
}

/// What jobs are handed over to, by the queue's name, and what keeps them going.
type Enqueuers = (BTreeMap<String, Arc<Enqueuer>>, Option<oneshot::Sender<()>>);

fn enqueuers(settings: &Settings, reporter: &Reporter) -> Result<Enqueuers, StartError> {
    let Some(url) = &settings.redis else { return Ok((BTreeMap::new(), None)) };
    let selected = settings.consumers.iter().filter(|consumer| consumer.selected);
    let queues: BTreeSet<&String> = selected.filter_map(|consumer| consumer.queue.as_ref()).collect();
    let mut enqueuers = BTreeMap::new();
    let mut all = Pushing::new()?;
    for queue in queues {
        let (enqueuer, pushing) = Enqueuer::new(url, queue, reporter.listener())
            .map_err(|error| StartError::Redis { url: settings::redacted_url(url), reason: error.to_string() })?;
        all.add(pushing);
        enqueuers.insert(queue.clone(), Arc::new(enqueuer));
    }
    Ok((enqueuers, Some(all.spawn()?)))
}

/// A consumer of the manifest, built for an app's state.
pub(crate) type Built<S> = (&'static ConsumerEntry, Arc<dyn Consumer<S>>);

/// Builds every consumer of an app.
pub(crate) fn build<S>(routes: Vec<Route<S>>, state: &S) -> Vec<Built<S>> {
    routes.into_iter().map(|route| (route.entry, (route.build)(state))).collect()
}

/// A topic's name in Kafka by its key in the manifest.
pub(crate) fn kafka_names(manifest: &Manifest, settings: &Settings) -> BTreeMap<&'static str, String> {
    manifest.topics.iter().map(|topic| (topic.key, kafka_name(settings, topic.key))).collect()
}

fn kafka_name(settings: &Settings, key: &str) -> String {
    settings.topic(key).map_or_else(|| key.to_owned(), |topic| topic.name.clone())
}

/// The consumers of a group, by their topics' names in Kafka.
type Routes<S> = BTreeMap<String, (Arc<ConsumerSettings>, Arc<dyn Consumer<S>>)>;

fn routes_of<S>(
    group: &settings::Group,
    settings: &Settings,
    consumers: &[Built<S>],
    queues: &BTreeMap<String, Arc<Enqueuer>>,
) -> Routes<S> {
    let mut routes = BTreeMap::new();
    for (entry, consumer) in consumers {
        let Some(found) = settings.consumer(entry) else { continue };
        if entry.group == group.name && found.selected {
            let at_most_once = group.delivery == Delivery::AtMostOnce;
            let jobs = found.queue.as_ref().and_then(|queue| queues.get(queue)).map(|enqueuer| {
                let (class, topic, retry) = (entry.worker, entry.topic, Retry::of(found.job_attempts));
                Arc::new(JobRoute { class, topic, retry, enqueuer: Arc::clone(enqueuer) })
            });
            let bounds = match &jobs {
                // An attempt is to admit and to push: that Redis is away is no failure, and the job has attempts of its own.
                Some(_) => Bounds { timeout: None, attempts: found.attempts },
                None => {
                    Bounds { timeout: found.timeout, attempts: if at_most_once { Some(1) } else { found.attempts } }
                }
            };
            let consumer_settings = Arc::new(ConsumerSettings {
                entry,
                tombstones: found.tombstones,
                backoff: found.backoff,
                bounds,
                dead_letter: found.dead_letter.clone(),
                ordering: group.ordering,
                commit_first: at_most_once.then(|| group.concurrency.max(driver::DRAIN)),
                window: group.window,
                jobs,
                batch: found.batch,
                positions: Positions { start: found.start, lost: found.lost_position },
                durations: settings.health.map(|_| Arc::default()),
            });
            routes.insert(kafka_name(settings, entry.topic), (consumer_settings, Arc::clone(consumer)));
        }
    }
    routes
}

/// A group with everything but its client.
pub(crate) struct Prepared {
    /// What its client is told.
    pub(crate) config: ClientConfig,
    /// The topics that it subscribes to.
    pub(crate) topics: BTreeMap<String, Positions>,
    pub(crate) signal: Arc<GroupSignal>,
    watch: Arc<GroupWatch>,
    open_lane: OpenLane,
    pub(crate) session: Arc<Session>,
    runtime: Handle,
    report: GroupReporter,
    stop_budget: Duration,
    drain: Duration,
    /// What that does not fit.
    misfits: Vec<String>,
    pub(crate) commit_interval: Duration,
    controllers: BTreeMap<String, &'static str>,
    wait: Wait,
}

impl Prepared {
    /// The group, on its client.
    pub(crate) fn with(self, client: Box<dyn Client>) -> Group {
        let Self {
            signal,
            watch,
            open_lane,
            session,
            runtime,
            report,
            stop_budget,
            drain,
            commit_interval,
            controllers,
            wait,
            ..
        } = self;
        Group {
            client,
            open_lane,
            session,
            runtime,
            report,
            signal,
            stop_budget,
            drain,
            commit_interval,
            controllers,
            wait,
            watch,
        }
    }
}

/// Prepares a group of an app.
pub(crate) fn prepare<S: Send + Sync + 'static>(
    group: &settings::Group,
    settings: &Settings,
    brokers: &Brokers,
    consumers: &[Built<S>],
    app: &Arc<AppShared<S>>,
    reporter: &Arc<Reporter>,
    runtime: &Handle,
) -> Prepared {
    let routes = routes_of(group, settings, consumers, &app.queues);
    let report = GroupReporter { reporter: Arc::clone(reporter), group: Arc::from(group.id.as_str()), entry: None };
    let config = config::consumer(settings, group, brokers);
    let topics = routes.iter().map(|(topic, (consumer, _))| (topic.clone(), consumer.positions)).collect();
    let controllers = routes.iter().map(|(topic, (consumer, _))| (topic.clone(), consumer.entry.controller)).collect();
    let session = Arc::new(Session::new(config::standstill(&config, group.protocol)));
    let memory = group.memory - group.memory / PREFETCHED;
    let memory = Arc::new(MemoryBudget::new(usize::try_from(memory).unwrap_or(usize::MAX)));
    let watch = watch_of(&report.group, group.concurrency, &routes, &memory);
    let watch = Arc::new(watch.of_key(group.own_key()));
    let open_lane = open_lane(group, routes, Arc::clone(app), report.clone(), memory, Arc::clone(&session));
    let (signal, runtime, stop_budget) = (Arc::default(), runtime.clone(), settings.shutdown_timeout);
    let (drain, misfits) = (group.drain, config::misfits(settings, group, &config));
    let commit_interval = group.commit_interval;
    let wait = config::wait(group, &config);
    Prepared {
        config,
        topics,
        signal,
        watch,
        open_lane,
        session,
        runtime,
        report,
        stop_budget,
        drain,
        misfits,
        commit_interval,
        controllers,
        wait,
    }
}

/// Starts a group's thread.
fn start_group(
    connect: &Connect,
    group: &settings::Group,
    prepared: Prepared,
    ended: mpsc::Sender<()>,
) -> Result<RunningGroup, StartError> {
    let (signal, session, connect) = (Arc::clone(&prepared.signal), Arc::clone(&prepared.session), Arc::clone(connect));
    // The client is made on the thread that polls it: its callbacks wake the thread that made it.
    let (told, hears) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(format!("karafka {}", group.id)).spawn(move || {
        let client = match connect(&prepared.config, prepared.topics.clone()) {
            Ok(client) => client,
            Err(reason) => {
                let _ = told.send(Err(reason));
                return GroupEnd::default();
            }
        };
        let _ = told.send(Ok(()));
        let report = &prepared.report;
        report.reporter.tell(&Event::Started { group: &report.group });
        prepared.misfits.iter().for_each(|misfit| report.warn(misfit));
        let end = prepared.with(client).run();
        let _ = ended.send(());
        end
    })?;
    match hears.recv() {
        Ok(Ok(())) => Ok(RunningGroup { name: group.id.clone(), signal, session, thread }),
        Ok(Err(reason)) => Err(StartError::Group { group: group.id.clone(), reason }),
        Err(_) => Err(StartError::Group { group: group.id.clone(), reason: "its thread ended at once".to_owned() }),
    }
}

fn watch_of<S>(group: &Arc<str>, concurrency: usize, routes: &Routes<S>, memory: &Arc<MemoryBudget>) -> GroupWatch {
    let consumers = routes.iter().map(|(topic, (consumer, _))| {
        let (timeout, durations) = (consumer.bounds.timeout, consumer.durations.clone());
        let (controller, enqueues) = (consumer.entry.controller, consumer.jobs.is_some());
        (topic.clone(), ConsumerWatch { controller, timeout, durations, enqueues })
    });
    let consumers = consumers.collect();
    GroupWatch::new(Arc::clone(group), concurrency, Arc::clone(memory), consumers, clock::now())
}

fn open_lane<S: Send + Sync + 'static>(
    group: &settings::Group,
    routes: Routes<S>,
    app: Arc<AppShared<S>>,
    report: GroupReporter,
    memory: Arc<MemoryBudget>,
    session: Arc<Session>,
) -> OpenLane {
    let permits = Arc::new(Semaphore::new(group.concurrency));
    Box::new(move |assigned, earlier, shared, runtime| {
        // Only topics that have a route are subscribed to.
        let (settings, consumer) = routes.get(&*assigned.partition.topic)?;
        let report = report.of(settings.entry);
        let (app, permits) = (Arc::clone(&app), Arc::clone(&permits));
        let (memory, session) = (Arc::clone(&memory), Arc::clone(&session));
        let lane = LaneParts {
            app,
            assigned,
            earlier,
            shared,
            consumer: Arc::clone(settings),
            permits,
            memory,
            session,
            report,
        };
        Some(consumer.open(lane, runtime))
    })
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
