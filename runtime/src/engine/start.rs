//! Starts an app: what its groups share, then a thread a group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, mpsc},
    thread,
};

use rdkafka::ClientConfig;
use tokio::{runtime::Handle, sync::oneshot};

use super::{
    config::{self, Brokers},
    consumer::Route,
    group::GroupEnd,
    groups::{Groups, RunningGroup},
    prepare::{Built, Prepared, build, kafka_name, kafka_names, prepare},
    report::Reporter,
    start_error::StartError,
    watch::Watch,
    watchdog,
};
use crate::{
    client::{Budget, Client, KafkaClient, Positions},
    context::{AppShared, Outlet},
    events::{Event, Listener},
    jobs::enqueue::Enqueuer,
    layer::Layers,
    manifest::{ConsumerEntry, Manifest},
    producer::{client::ProducerClient, sending::Sending},
    settings::{self, Settings},
};

/// Makes the client of a group from its properties and its topics' positions, on the thread that polls it.
pub(super) type Connect =
    Arc<dyn Fn(&ClientConfig, BTreeMap<String, Positions>) -> Result<Box<dyn Client>, String> + Send + Sync>;

/// What a run is made of.
pub(crate) struct Launch<'a, S> {
    pub(crate) manifest: &'static Manifest,
    pub(crate) routes: Vec<Route<S>>,
    pub(crate) layers: Layers<S>,
    pub(crate) settings: &'a Settings,
    pub(crate) brokers: &'a Brokers,
    pub(crate) state: S,
    pub(crate) listener: Arc<dyn Listener>,
    /// Where the app's code runs.
    pub(crate) runtime: &'a Handle,
    /// Whether it is measured how long attempts take.
    pub(crate) measures: bool,
}

/// Starts every selected consumer of an app.
pub(crate) fn start<S: Send + Sync + 'static>(launch: Launch<'_, S>) -> Result<Groups, StartError> {
    let Launch { routes, settings, brokers, .. } = &launch;
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
    let producer =
        if sends { Some(ProducerClient::new(&config::producer(settings, brokers), Arc::default())?) } else { None };
    start_on(&connect, producer, launch)
}

/// As [`start`], on any client.
pub(super) fn start_on<S: Send + Sync + 'static>(
    connect: &Connect,
    producer: Option<ProducerClient>,
    launch: Launch<'_, S>,
) -> Result<Groups, StartError> {
    let Launch { manifest, routes, layers, settings, brokers, state, listener, runtime, measures } = launch;
    let names = kafka_names(manifest, settings);
    let reporter = Arc::new(Reporter::new(listener, manifest, names.clone()));
    let consumers = build(routes, &state);
    let outlet = producer.clone().map_or(Outlet::Nowhere, Outlet::Kafka);
    let (queues, _pushing) = enqueuers(settings, &reporter)?;
    let seed = u64::from(std::process::id()) << 32;
    let shared = Arc::new(AppShared { outlet, queues, seed, measures, ..AppShared::new(state, names, layers) });

    let watch = Arc::new(Watch::default());
    if let Some(producer) = &producer {
        watch.sends(producer);
    }
    let sending =
        producer.clone().and_then(|producer| Sending::new(producer, destinations(&consumers, settings), false));
    let _watchdog = watchdog::start(Arc::clone(&watch), Arc::clone(reporter.listener()), runtime, sending)?;
    let (sender, ended) = mpsc::channel();
    let (mut groups, shutdown_timeout) = (Vec::new(), settings.shutdown_timeout);
    for group in settings.groups.iter().filter(|group| group.selected) {
        let prepared = prepare(group, settings, brokers, &consumers, &shared, &reporter, runtime);
        watch.add(Arc::clone(&prepared.watch));
        let tell = sender.clone();
        let started = start_group(connect, group, prepared, tell);
        match started {
            Ok(running) => groups.push(running),
            Err(error) => {
                // What has started must not go on half an app.
                Groups { groups, producer, ended, watch, shutdown_timeout, _watchdog, _pushing }.join();
                return Err(error);
            }
        }
    }
    Ok(Groups { groups, producer, ended, watch, shutdown_timeout, _watchdog, _pushing })
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

#[cfg(feature = "jobs")]
fn enqueuers(settings: &Settings, reporter: &Reporter) -> Result<Enqueuers, StartError> {
    let Some(redis) = &settings.redis else { return Ok((BTreeMap::new(), None)) };
    let selected = settings.consumers.iter().filter(|consumer| consumer.selected);
    let queues: BTreeSet<&String> = selected.filter_map(|consumer| consumer.queue.as_ref()).collect();
    let mut enqueuers = BTreeMap::new();
    let mut all = crate::jobs::enqueue::Pushing::new()?;
    for queue in queues {
        let (enqueuer, pushing) = Enqueuer::new(redis, queue, reporter.listener()).map_err(|error| {
            StartError::Redis { url: settings::redacted_url(&redis.url), reason: error.to_string() }
        })?;
        all.add(pushing);
        enqueuers.insert(queue.clone(), Arc::new(enqueuer));
    }
    Ok((enqueuers, Some(all.spawn()?)))
}

/// Settings that were read say so too; these may have been changed since.
#[cfg(not(feature = "jobs"))]
fn enqueuers(settings: &Settings, _: &Reporter) -> Result<Enqueuers, StartError> {
    match settings.consumers.iter().any(|consumer| consumer.selected && consumer.queue.is_some()) {
        true => Err(StartError::JobsNotCompiledIn),
        false => Ok(Enqueuers::default()),
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
    let (tx, rx) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(format!("karafka {}", group.id)).spawn(move || {
        let client = match connect(&prepared.config, prepared.topics.clone()) {
            Ok(client) => client,
            Err(reason) => {
                let _ = tx.send(Err(reason));
                return GroupEnd::default();
            }
        };
        let _ = tx.send(Ok(()));
        let report = &prepared.report;
        report.reporter.tell(&Event::Started { group: &report.group });
        prepared.misfits.iter().for_each(|misfit| report.warn(misfit));
        let end = prepared.with(client).run();
        let _ = ended.send(());
        end
    })?;
    match rx.recv() {
        Ok(Ok(())) => Ok(RunningGroup { name: group.id.clone(), signal, session, thread }),
        Ok(Err(reason)) => Err(StartError::Group { group: group.id.clone(), reason }),
        Err(_) => Err(StartError::Group { group: group.id.clone(), reason: "its thread ended at once".to_owned() }),
    }
}
