//! Where the records lie: librdkafka's mock broker in a process of its own, or a real Kafka.

mod records;

pub(crate) use records::{event, send_one};

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use benched::probe::MARK;
use clap::Args;
use karafka::broker::EmbeddedBroker;
use karafka_tests::{
    kafka::{self, Kafka},
    process::Process,
};

use crate::role;

/// Names the variable with the mock broker's topics: `name:partitions`, with commas between them.
const TOPICS: &str = "BENCH_TOPICS";

/// So that no two topics of this process have one name.
static TOPICS_MADE: AtomicU32 = AtomicU32::new(0);

/// Which brokers a benchmark runs on.
#[derive(Debug, Default, Args)]
pub(crate) struct Brokers {
    /// A real Kafka instead of the mock broker; topics are made there, and deleted afterwards.
    #[arg(long)]
    brokers: Option<String>,
    /// Apache Kafka instead of the mock broker, started for this run (needs Java and Maven).
    #[arg(long, conflicts_with = "brokers")]
    kafka: bool,
}

impl Brokers {
    /// Whether this is a real Kafka.
    pub(crate) fn are_real(&self) -> bool {
        self.kafka || self.brokers.is_some()
    }
}

/// Brokers with the topics of this run.
pub(crate) struct Stage {
    address: String,
    topics: Vec<(String, i32)>,
    // Dropped after the topics are deleted.
    kind: Kind,
}

enum Kind {
    /// Stopped with these values.
    Started {
        held: Option<Kafka>,
    },
    Mock {
        held: Process,
    },
}

impl Stage {
    /// Starts what has to be started, and makes topics of so many partitions; their names here are given names.
    pub(crate) fn set(brokers: &Brokers, topics: &[(&str, i32)]) -> Result<Self> {
        if brokers.are_real() {
            return Self::on_kafka(brokers, topics);
        }
        let wanted: Vec<_> = topics.iter().map(|(name, partitions)| format!("{name}:{partitions}")).collect();
        let mut broker = role::spawn("broker", &[], &[(TOPICS, &wanted.join(","))])?;
        let word = role::word(&mut broker)?;
        let address = word["address"].as_str().context("the broker has no address")?.to_owned();
        let topics = topics.iter().map(|(name, partitions)| ((*name).to_owned(), *partitions)).collect();
        Ok(Self { address, topics, kind: Kind::Mock { held: broker } })
    }

    fn on_kafka(brokers: &Brokers, topics: &[(&str, i32)]) -> Result<Self> {
        let kafka = if brokers.kafka { Some(Kafka::start()?) } else { None };
        let address = brokers.brokers.as_deref().or(kafka.as_ref().map(Kafka::address)).context("no brokers")?;
        let mut stage = Self { address: address.to_owned(), topics: Vec::new(), kind: Kind::Started { held: kafka } };
        for (name, partitions) in topics {
            let number = TOPICS_MADE.fetch_add(1, Ordering::Relaxed);
            let name = format!("karafka-bench-{}-{number}-{name}", std::process::id());
            kafka::create_topic(&stage.address, &name, *partitions)?;
            stage.topics.push((name, *partitions));
        }
        Ok(stage)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The name in Kafka of the topic at this place.
    pub(crate) fn topic(&self, place: usize) -> &str {
        &self.topics[place].0
    }

    /// The processes of its brokers, as far as they were started for it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match &self.kind {
            Kind::Started { held } => held.as_ref().map(Kafka::processes).unwrap_or_default(),
            Kind::Mock { held } => vec![held.id()],
        }
    }

    /// Fills the topic at this place with records made from their numbers, key and value, in turns over its
    /// partitions; and sees that the broker has kept every one.
    pub(crate) fn fill(
        &self,
        place: usize,
        records: u64,
        make: impl Fn(u64) -> Result<(String, String)>,
    ) -> Result<()> {
        let partitions = u64::try_from(self.topics[place].1)?;
        self.fill_by(place, records, |number| Ok(i32::try_from(number % partitions)?), make)
    }

    /// The same, with all records in one partition.
    pub(crate) fn fill_partition(
        &self,
        place: usize,
        partition: i32,
        records: u64,
        make: impl Fn(u64) -> Result<(String, String)>,
    ) -> Result<()> {
        self.fill_by(place, records, |_| Ok(partition), make)
    }

    fn fill_by(
        &self,
        place: usize,
        records: u64,
        partition: impl Fn(u64) -> Result<i32>,
        make: impl Fn(u64) -> Result<(String, String)>,
    ) -> Result<()> {
        let topic = self.topic(place);
        let producer = kafka::Producer::new(&self.address)?;
        for number in 0..records {
            let (key, value) = make(number)?;
            producer.send(topic, partition(number)?, &key, &value)?;
        }
        producer.flush().with_context(|| format!("{topic} could not be filled"))?;
        let kept = kafka::count(&self.address, topic, Duration::from_secs(30))?;
        ensure!(kept == records, "the broker kept {kept} of {records} records; give it more partitions");
        Ok(())
    }

    /// Fills the topic at this place with events.
    pub(crate) fn fill_with_events(&self, place: usize, events: u64) -> Result<()> {
        self.fill(place, events, |number| Ok((number.to_string(), serde_json::to_string(&event(number))?)))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if matches!(self.kind, Kind::Mock { .. }) {
            return;
        }
        for (topic, _) in &self.topics {
            if let Err(error) = kafka::delete_topic(&self.address, topic) {
                eprintln!("the topic {topic} stays behind: {error:#}");
            }
        }
    }
}

/// The mock broker's process; serves until it is killed. It is the one of apps in development, which lets the first
/// member of a group in at once.
pub(crate) fn serve() -> Result<()> {
    let topics = env::var(TOPICS)?;
    let topics = topics.split(',').map(|topic| {
        let (name, partitions) = topic.split_once(':').with_context(|| format!("no partitions: {topic}"))?;
        Ok((name.to_owned(), partitions.parse()?))
    });
    let broker = EmbeddedBroker::start(&topics.collect::<Result<Vec<_>>>()?)?;
    println!(r#"{MARK}{{"address":"{}"}}"#, broker.address());
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
