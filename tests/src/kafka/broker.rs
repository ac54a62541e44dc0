//! One process of Apache Kafka: a broker that is a controller as well.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};

use super::PATIENCE;
use crate::{
    ports,
    process::{self, Process, Signal},
    proxy::Proxy,
};

/// Any base64 uuid; the cluster lives as long as one test run.
pub(super) const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// A broker that was started; stopped when dropped.
#[derive(Debug)]
pub(super) struct Broker {
    process: Mutex<Process>,
    /// `host:port`.
    pub(super) address: String,
    /// The network between clients of the proxy's address and this broker.
    pub(super) proxy: Proxy,
    properties: PathBuf,
}

/// Starts this many brokers as one cluster, each with its data below `folder`.
pub(super) fn start_all(jars: &Path, folder: &Path, count: usize) -> Result<Vec<Broker>> {
    let ports = (0..count).map(|_| free_ports()).collect::<Result<Vec<_>>>()?;
    let mut prepared = Vec::new();
    for (place, own) in ports.iter().enumerate() {
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], own.behind_proxy)))?;
        let properties = folder.join(format!("{place}.properties"));
        let log = folder.join(format!("log-{place}"));
        fs::write(&properties, server_properties(&ports, place, proxy.address().port(), &log))?;
        prepared.push((properties, proxy, own));
    }
    for (properties, ..) in &prepared {
        let mut format = java(jars, &["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        process::run(format.arg(properties), PATIENCE)
            .context(
                "Kafka needs Java 17 or later (Debian: apt-get install openjdk-17-jre-headless) as `java` on PATH",
            )?
            .expect_code(0)
            .context("Kafka's storage could not be formatted")?;
    }
    let start = |(properties, proxy, ports): (PathBuf, Proxy, &Ports)| {
        let process = Mutex::new(launch(jars, &properties)?);
        Ok(Broker { process, address: format!("127.0.0.1:{}", ports.broker), proxy, properties })
    };
    prepared.into_iter().map(start).collect()
}

fn launch(jars: &Path, properties: &Path) -> Result<Process> {
    Process::start(java(jars, &["kafka.Kafka"]).arg(properties))
}

impl Broker {
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        self.process().signal(signal)
    }

    /// Stops it, and waits until it stands still.
    pub(super) fn freeze(&self) -> Result<()> {
        self.process().freeze()
    }

    /// Kills it, and waits until it is gone.
    pub(super) fn kill(&self) -> Result<()> {
        let mut process = self.process();
        process.signal(Signal::KILL)?;
        while process.is_running()? {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts it again, after it was killed, on the same ports and data.
    pub(super) fn start_again(&self, jars: &Path) -> Result<()> {
        *self.process() = launch(jars, &self.properties)?;
        Ok(())
    }

    pub(super) fn process_id(&self) -> u32 {
        self.process().id()
    }

    pub(super) fn is_running(&self) -> Result<bool> {
        self.process().is_running()
    }

    /// What it has printed.
    pub(super) fn text(&self) -> String {
        self.process().text()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs one of the tools that come with Kafka, as `bin/kafka-….sh` does.
pub(super) fn run_tool(jars: &Path, args: &[&str]) -> Result<()> {
    process::run(&mut java(jars, args), PATIENCE)?.expect_code(0)?;
    Ok(())
}

pub(super) fn java(jars: &Path, args: &[&str]) -> Command {
    let mut java = Command::new("java");
    // Several brokers start while other tests run: without threads for its garbage one takes a quarter less CPU to come up.
    java.args(["-Xms256m", "-Xmx1g", "-XX:+UseSerialGC", "-Dorg.apache.logging.log4j.level=WARN", "-cp"]);
    java.arg(jars.join("*")).args(args);
    java
}

/// The ports of one broker.
struct Ports {
    broker: u16,
    /// Where the broker listens for the proxy.
    behind_proxy: u16,
    controller: u16,
}

fn free_ports() -> Result<Ports> {
    Ok(Ports { broker: ports::free()?, behind_proxy: ports::free()?, controller: ports::free()? })
}

/// `place` is the broker's among all; its id is one more, as Kafka's own examples count.
fn server_properties(all: &[Ports], place: usize, proxy: u16, log: &Path) -> String {
    let Ports { broker, behind_proxy, controller } = &all[place];
    let voters: Vec<_> =
        all.iter().enumerate().map(|(place, ports)| format!("{}@127.0.0.1:{}", place + 1, ports.controller)).collect();
    let replicas = all.len().min(3);
    let in_sync = replicas.div_ceil(2);
    format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{broker},FAR://127.0.0.1:{behind_proxy},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker},FAR://127.0.0.1:{proxy}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT
log.dirs={log}
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions={OFFSETS_PARTITIONS}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=500
log.cleaner.backoff.ms=200
auto.create.topics.enable=false
",
        id = place + 1,
        voters = voters.join(","),
        log = log.display()
    )
}

/// Partitions of the topic in which groups keep their offsets.
const OFFSETS_PARTITIONS: u32 = 4;

/// The partition of `__consumer_offsets` whose leader coordinates this group.
pub(super) fn offsets_partition(group: &str) -> u32 {
    // Java's hash of a string.
    let hash = group.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash & 0x7fff_ffff) % OFFSETS_PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, the broker that is killed is not the one that coordinates the group, and the test tests nothing.
    #[test]
    fn hashes_as_java_does() {
        // Its hash is the smallest number that there is, which has no absolute value.
        assert_eq!(offsets_partition("polygenelubricants"), 0);
        assert_eq!(offsets_partition("a"), 97 % OFFSETS_PARTITIONS);
        assert_eq!(offsets_partition("ab"), (97 * 31 + 98) % OFFSETS_PARTITIONS);
    }
}
