//! What every case stands on: a Kafka, the built apps, and a track (topic, group, ledger) of its own.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use karafka_tests::{
    app::{App, Built},
    faulty,
    kafka::{Kafka, Offsets, Producer},
    ledger::{self, Ledger},
    process::{Process, Signal},
};
use tempfile::TempDir;

/// Partitions of every topic here.
pub(crate) const PARTITIONS: i32 = 4;

/// Long enough for 100,000 records in a debug build on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A stop has 30 s by default; a clean one is done long before.
const STOP: Duration = Duration::from_secs(60);

/// Kafka and the apps.
pub(crate) struct Bench {
    pub(crate) kafka: Kafka,
    app: Arc<Built>,
    /// The app that does what its records tell it to.
    pub(crate) faulty: Arc<Built>,
}

/// The apps of a bench, built once for all.
pub(crate) struct Apps {
    ledger: Arc<Built>,
    faulty: Arc<Built>,
}

/// One case's topic, group and ledger.
pub(crate) struct Track<'a> {
    bench: &'a Bench,
    name: &'static str,
    pub(crate) ledger: Ledger,
    with_receipts: bool,
    variables: Vec<(&'static str, String)>,
    _folder: TempDir,
}

impl Bench {
    pub(crate) fn set_up() -> Result<Self> {
        // Side by side: one waits for the disk and the JVM, the other for the compiler.
        let kafka = std::thread::spawn(Kafka::start);
        let apps = Apps { ledger: Arc::new(ledger_app()?), faulty: Arc::new(faulty::build(false)?) };
        let kafka = kafka.join().map_err(|_| anyhow::anyhow!("starting Kafka panicked"))??;
        Ok(Self::on(kafka, &apps))
    }

    fn on(kafka: Kafka, apps: &Apps) -> Self {
        Self { kafka, app: Arc::clone(&apps.ledger), faulty: Arc::clone(&apps.faulty) }
    }

    /// The apps on a Kafka of its own, which lives as long as the value.
    pub(crate) fn on_a_kafka_of_its_own(apps: &Apps) -> Result<Self> {
        Ok(Self::on(Kafka::start()?, apps))
    }

    /// The same apps on a Kafka of three brokers, which lives as long as the value.
    pub(crate) fn on_three_brokers(&self) -> Result<Self> {
        Ok(Self::on(Kafka::start_three()?, &self.apps()))
    }

    /// Its apps.
    pub(crate) fn apps(&self) -> Apps {
        Apps { ledger: Arc::clone(&self.app), faulty: Arc::clone(&self.faulty) }
    }

    /// A new topic of four partitions, with a group and a ledger of the same name.
    pub(crate) fn track(&self, name: &'static str) -> Result<Track<'_>> {
        self.kafka.create_topic(name, PARTITIONS)?;
        let folder = tempfile::tempdir()?;
        let ledger = Ledger::within(folder.path());
        Ok(Track { bench: self, name, ledger, with_receipts: false, variables: Vec::new(), _folder: folder })
    }
}

fn ledger_app() -> Result<Built> {
    let app = App::from_manifest("ledger", include_str!("ledger_app/karafka.yml"))?;
    app.rewrite("src/controllers/entries_controller.rs", include_str!("ledger_app/entries_controller.rs"))?;
    app.rewrite("src/state.rs", include_str!("ledger_app/state.rs"))?;
    app.build().context("the ledger app does not build")
}

impl Track<'_> {
    /// The same, but each record is answered with a receipt in a topic of that name.
    pub(crate) fn with_receipts(mut self) -> Result<Self> {
        self.bench.kafka.create_topic(&self.receipts(), PARTITIONS)?;
        self.with_receipts = true;
        Ok(self)
    }

    /// The same, and its processes get this variable.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.variables.push((name, value));
        self
    }

    /// The topic; the group has the same name.
    pub(crate) fn topic(&self) -> &'static str {
        self.name
    }

    /// The topic of the receipts.
    pub(crate) fn receipts(&self) -> String {
        format!("{}-receipts", self.name)
    }

    /// Fills the topic with the ids of `0..count`, round-robin over the partitions.
    pub(crate) fn fill(&self, count: u64) -> Result<()> {
        let producer = Producer::new(self.bench.kafka.address())?;
        for id in 0..count {
            send(&producer, self.name, id)?;
        }
        producer.flush()
    }

    /// Starts a process of the app on this track.
    pub(crate) fn start(&self) -> Result<Process> {
        let file = self.ledger.path().to_string_lossy().into_owned();
        let receipts = self.receipts();
        let mut variables = vec![
            ("KARAFKA_ENV", "production"),
            ("KARAFKA_BROKERS", self.bench.kafka.address()),
            // What a crashed process holds is free again after the session; Kafka takes no less than six seconds.
            ("KARAFKA_OPTIONS_SESSION_TIMEOUT_MS", "6000"),
            ("LEDGER_TOPIC", self.name),
            ("LEDGER_GROUP", self.name),
            ("LEDGER_FILE", &file),
        ];
        variables.extend(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        if self.with_receipts {
            variables.push(("LEDGER_RECEIPTS", &receipts));
        }
        self.bench.app.start(&variables)
    }

    pub(crate) fn committed(&self) -> Result<Offsets> {
        self.bench.kafka.committed(self.name, self.name)
    }

    /// Waits until each of `0..count` has been handled.
    pub(crate) fn wait_for_all(&mut self, count: u64, process: &mut Process) -> Result<()> {
        self.ledger.wait_for(usize::try_from(count)?, &mut [&mut *process], PATIENCE)?;
        // As many lines as records, but repeats among them: the rest is still on its way.
        let all = |entries: &[_]| ledger::missing(entries, count).is_empty();
        self.ledger.wait_until("the last record", &mut [process], PATIENCE, all)
    }

    /// Checks the ledger: each of `0..count` is there, and no record of a partition overtook another.
    pub(crate) fn check_nothing_missing(&mut self, count: u64) -> Result<()> {
        let entries = self.ledger.entries()?;
        let missing = ledger::missing(entries, count);
        ensure!(missing.is_empty(), "{} of {count} records were lost, the first: {:?}", missing.len(), missing.first());
        let disorder = ledger::disorder(entries);
        ensure!(disorder.is_none(), "a record was handled after a later one of its partition: {disorder:?}");
        Ok(())
    }

    /// Checks the ledger: nothing was handled twice.
    pub(crate) fn check_nothing_repeated(&mut self) -> Result<()> {
        let repeats = ledger::repeats(self.ledger.entries()?);
        ensure!(repeats.is_empty(), "{} records were handled twice, the first: {:?}", repeats.len(), repeats.first());
        Ok(())
    }

    /// Checks that exactly what was handled is committed.
    pub(crate) fn check_committed_what_was_handled(&mut self) -> Result<()> {
        let handled = ledger::next_offsets(self.ledger.entries()?);
        let committed = self.committed()?;
        ensure!(committed == handled, "handled up to {handled:?}, but committed {committed:?}");
        Ok(())
    }
}

/// Sends the record with this id to its partition.
pub(crate) fn send(producer: &Producer, topic: &str, id: u64) -> Result<()> {
    let partition = i32::try_from(id % u64::try_from(PARTITIONS)?)?;
    producer.send(topic, partition, &id.to_string(), &format!(r#"{{"id":{id},"text":"entry number {id}"}}"#))
}

/// Stops a process as `kill`, systemd and Kubernetes do; it must end with exit code 0.
pub(crate) fn stop(mut process: Process) -> Result<()> {
    process.signal(Signal::TERM)?;
    process.wait(STOP)?.expect_code(0).map(drop)
}
