//! A real Apache Kafka (KRaft, one broker and controller in one process) on free loopback ports.

mod client;
mod jars;

pub use client::{Offsets, Producer, count, create_topic, delete_topic};
pub use jars::VERSION;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{self, Process};

/// Any base64 uuid; the cluster lives as long as one test run.
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// How long formatting, and then starting, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Kafka; stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct Kafka {
    // Stopped before its data goes.
    server: Process,
    address: String,
    _data: TempDir,
}

impl Kafka {
    /// Starts a Kafka and waits until it answers.
    ///
    /// # Errors
    ///
    /// When Java or Maven is missing, or Kafka does not come up; its own words are in the error.
    pub fn start() -> Result<Self> {
        let jars = jars::folder()?;
        // A port that was free can be taken before Kafka gets it, so a failed start is tried again.
        let mut last = None;
        for _ in 0..3 {
            match Self::start_once(&jars) {
                Ok(kafka) => return Ok(kafka),
                Err(error) if format!("{error:?}").contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("Kafka was not tried"))).context("found no free port for Kafka")
    }

    fn start_once(jars: &Path) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let (broker, controller) = free_ports()?;
        let properties = data.path().join("server.properties");
        fs::write(&properties, server_properties(broker, controller, &data.path().join("log")))?;

        let mut format = java(jars, &["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        process::run(format.arg(&properties), PATIENCE)
            .context(
                "Kafka needs Java 17 or later (Debian: apt-get install openjdk-17-jre-headless) as `java` on PATH",
            )?
            .expect_code(0)
            .context("Kafka's storage could not be formatted")?;

        let mut server = java(jars, &["kafka.Kafka"]);
        let server = Process::start(server.arg(&properties))?;
        let mut kafka = Self { server, address: format!("127.0.0.1:{broker}"), _data: data };
        kafka.wait_until_ready()?;
        Ok(kafka)
    }

    /// `host:port` of the broker.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes a topic here.
    ///
    /// # Errors
    ///
    /// As for [`create_topic`].
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<()> {
        create_topic(&self.address, name, partitions)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !self.server.is_running()? {
                bail!("Kafka ended while it started:\n{}", self.server.text());
            }
            if client::answers(&self.address) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("Kafka did not answer on {} within {PATIENCE:?}:\n{}", self.address, self.server.text())
    }
}

fn java(jars: &Path, args: &[&str]) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xms256m", "-Xmx1g", "-Dorg.apache.logging.log4j.level=WARN", "-cp"]).arg(jars.join("*")).args(args);
    java
}

/// Two free ports; both are held until both are known, so that they differ.
fn free_ports() -> Result<(u16, u16)> {
    let (first, second) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}

fn server_properties(broker: u16, controller: u16, log: &Path) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
",
        log.display()
    )
}
