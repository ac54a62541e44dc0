//! Where the records lie: librdkafka's mock broker in a process of its own, or a real Kafka.

use std::{env, time::Duration};

use anyhow::{Context, Result};
use benched::probe::MARK;
use karafka_tests::{kafka, process::Process};
use rdkafka::mocking::MockCluster;

use crate::role;

/// A broker with the topic of this run.
pub(crate) struct Stage {
    address: String,
    topic: String,
    kind: Kind,
}

enum Kind {
    /// Stopped with this value.
    Mock(#[allow(dead_code, reason = "held until the end")] Process),
    Real,
}

impl Stage {
    /// Starts the mock broker, or makes the topic on the brokers given.
    pub(crate) fn set(brokers: Option<&str>, partitions: i32) -> Result<Self> {
        if let Some(brokers) = brokers {
            let topic = format!("karafka-bench-{}", std::process::id());
            kafka::create_topic(brokers, &topic, partitions)?;
            return Ok(Self { address: brokers.to_owned(), topic, kind: Kind::Real });
        }
        let mut broker = role::cast("broker", &[("BENCH_PARTITIONS", &partitions.to_string())])?;
        let word = role::word(&mut broker)?;
        let address = word["address"].as_str().context("the broker has no address")?.to_owned();
        Ok(Self { address, topic: "events".to_owned(), kind: Kind::Mock(broker) })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if matches!(self.kind, Kind::Real)
            && let Err(error) = kafka::delete_topic(&self.address, &self.topic)
        {
            eprintln!("the topic {} stays behind: {error:#}", self.topic);
        }
    }
}

/// The mock broker's process; serves until it is killed.
pub(crate) fn serve() -> Result<()> {
    let partitions = env::var("BENCH_PARTITIONS")?.parse()?;
    let cluster = MockCluster::new(1)?;
    cluster.create_topic("events", partitions, 1)?;
    println!(r#"{MARK}{{"address":"{}"}}"#, cluster.bootstrap_servers());
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
