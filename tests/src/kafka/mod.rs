//! A real Apache Kafka (KRaft, one broker and controller in one process) on free loopback ports.

mod client;
mod jars;

pub use client::{Found, Offsets, Producer, Transaction, count, create_topic, delete_topic};
pub use jars::VERSION;

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    process::{self, Process, Signal},
    proxy::Proxy,
};

/// Any base64 uuid; the cluster lives as long as one test run.
const CLUSTER_ID: &str = "4L6g3nShT-eMCtK--X86sw";

/// How long formatting, and then starting, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Kafka; stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct Kafka {
    // Stopped before its data goes.
    server: Mutex<Process>,
    address: String,
    proxy: Proxy,
    data: TempDir,
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
        let [broker, behind_proxy, controller] = free_ports()?;
        let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], behind_proxy)))?;
        let ports = Ports { broker, behind_proxy, controller, proxy: proxy.address().port() };
        let properties = data.path().join("server.properties");
        fs::write(&properties, server_properties(&ports, &data.path().join("log")))?;

        let mut format = java(jars, &["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c"]);
        process::run(format.arg(&properties), PATIENCE)
            .context(
                "Kafka needs Java 17 or later (Debian: apt-get install openjdk-17-jre-headless) as `java` on PATH",
            )?
            .expect_code(0)
            .context("Kafka's storage could not be formatted")?;

        let server = Process::start(java(jars, &["kafka.Kafka"]).arg(&properties))?;
        let kafka = Self { server: Mutex::new(server), address: format!("127.0.0.1:{broker}"), proxy, data };
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

    /// The network between clients of [`Kafka::far_address`] and the broker.
    #[must_use]
    pub fn network(&self) -> &Proxy {
        &self.proxy
    }

    /// `host:port` of the same broker behind the proxy, for everything that a client does.
    #[must_use]
    pub fn far_address(&self) -> String {
        self.proxy.address().to_string()
    }

    /// Freezes the broker: connections stay, nothing answers.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn freeze(&self) -> Result<()> {
        self.server().signal(Signal::STOP)
    }

    /// Lets a frozen broker go on.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn thaw(&self) -> Result<()> {
        self.server().signal(Signal::CONT)
    }

    /// Kills the broker, leaves it away for `pause`, and starts it again on the same ports and data.
    ///
    /// # Errors
    ///
    /// When it does not come up again.
    pub fn kill_and_restart(&self, pause: Duration) -> Result<()> {
        let jars = jars::folder()?;
        {
            let mut server = self.server();
            server.signal(Signal::KILL)?;
            while server.is_running()? {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(pause);
            *server = Process::start(java(&jars, &["kafka.Kafka"]).arg(self.data.path().join("server.properties")))?;
        }
        self.wait_until_ready()
    }

    fn server(&self) -> MutexGuard<'_, Process> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !self.server().is_running()? {
                bail!("Kafka ended while it started:\n{}", self.server().text());
            }
            if client::answers(&self.address) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("Kafka did not answer on {} within {PATIENCE:?}:\n{}", self.address, self.server().text())
    }
}

fn java(jars: &Path, args: &[&str]) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xms256m", "-Xmx1g", "-Dorg.apache.logging.log4j.level=WARN", "-cp"]).arg(jars.join("*")).args(args);
    java
}

/// The ports of one broker.
struct Ports {
    broker: u16,
    /// Where the broker listens for the proxy.
    behind_proxy: u16,
    controller: u16,
    proxy: u16,
}

/// Free ports; all are held until all are known, so that they differ.
fn free_ports() -> Result<[u16; 3]> {
    let listeners =
        [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn server_properties(ports: &Ports, log: &Path) -> String {
    let Ports { broker, behind_proxy, controller, proxy } = ports;
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},FAR://127.0.0.1:{behind_proxy},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker},FAR://127.0.0.1:{proxy}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT
log.dirs={}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=200
auto.create.topics.enable=false
",
        log.display()
    )
}
