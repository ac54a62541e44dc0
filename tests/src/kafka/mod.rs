//! A real Apache Kafka (KRaft, brokers that are controllers as well) on free loopback ports.

mod broker;
mod client;
mod jars;
mod secured;

pub use client::{Found, Offsets, Producer, Transaction, count, create_topic, delete_topic};
pub use jars::VERSION;
pub use secured::{SecuredKafka, UNKNOWN_NAME, USER};

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use self::broker::Broker;
use crate::{process::Signal, proxy::Proxy};

/// How long formatting, and then starting, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running Kafka; stopped, and its data deleted, when dropped.
#[derive(Debug)]
pub struct Kafka {
    // Stopped before their data goes.
    brokers: Vec<Broker>,
    address: String,
    _data: TempDir,
}

impl Kafka {
    /// Starts a Kafka of one broker and waits until it answers.
    ///
    /// # Errors
    ///
    /// When Java or Maven is missing, or Kafka does not come up; its own words are in the error.
    pub fn start() -> Result<Self> {
        Self::start_with(1)
    }

    /// The same of three brokers, with each record on all of them and acknowledged by two.
    ///
    /// # Errors
    ///
    /// As for [`Kafka::start`].
    pub fn start_three() -> Result<Self> {
        Self::start_with(3)
    }

    fn start_with(count: usize) -> Result<Self> {
        let jars = jars::folder()?;
        // A port that was free can be taken before Kafka gets it, so a failed start is tried again.
        let mut last = None;
        for _ in 0..3 {
            match Self::start_once(&jars, count) {
                Ok(kafka) => return Ok(kafka),
                Err(error) if format!("{error:?}").contains("Address already in use") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("Kafka was not tried"))).context("found no free port for Kafka")
    }

    fn start_once(jars: &Path, count: usize) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let brokers = broker::start_all(jars, data.path(), count)?;
        let address = brokers.iter().map(|broker| broker.address.as_str()).collect::<Vec<_>>().join(",");
        let kafka = Self { brokers, address, _data: data };
        kafka.wait_until_ready()?;
        Ok(kafka)
    }

    /// `host:port` of each broker, as `bootstrap.servers` takes them.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The processes of its brokers.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.brokers.iter().map(Broker::process_id).collect()
    }

    /// The network between clients of [`Kafka::far_address`] and the broker.
    #[must_use]
    pub fn network(&self) -> &Proxy {
        &self.brokers[0].proxy
    }

    /// `host:port` of the only broker behind the proxy, for everything that a client does.
    #[must_use]
    pub fn far_address(&self) -> String {
        self.network().address().to_string()
    }

    /// Freezes every broker: connections stay, nothing answers.
    ///
    /// # Errors
    ///
    /// When one has ended.
    pub fn freeze(&self) -> Result<()> {
        self.brokers.iter().try_for_each(|broker| broker.freeze())
    }

    /// Lets frozen brokers go on.
    ///
    /// # Errors
    ///
    /// When one has ended.
    pub fn thaw(&self) -> Result<()> {
        self.brokers.iter().try_for_each(|broker| broker.signal(Signal::CONT))
    }

    /// Kills the brokers, leaves them away for `pause`, and starts them again on the same ports and data.
    ///
    /// # Errors
    ///
    /// When they do not come up again.
    pub fn kill_and_restart(&self, pause: Duration) -> Result<()> {
        (0..self.brokers.len()).try_for_each(|place| self.kill(place))?;
        std::thread::sleep(pause);
        let jars = jars::folder()?;
        self.brokers.iter().try_for_each(|broker| broker.start_again(&jars))?;
        self.wait_until_ready()
    }

    /// Sets a group's own settings, such as `consumer.session.timeout.ms`.
    ///
    /// # Errors
    ///
    /// When Kafka refuses them.
    pub fn configure_group(&self, group: &str, settings: &[(&str, &str)]) -> Result<()> {
        let settings: Vec<_> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let added = settings.join(",");
        let args = ["--alter", "--entity-type", "groups", "--entity-name", group, "--add-config", &added];
        self.run_tool("kafka.admin.ConfigCommand", &args)
    }

    /// Kills one broker with `kill -9`.
    ///
    /// # Errors
    ///
    /// When it had ended before.
    pub fn kill(&self, place: usize) -> Result<()> {
        self.brokers[place].kill()
    }

    /// Starts a killed broker again, and waits until all brokers hold everything.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&self, place: usize) -> Result<()> {
        self.brokers[place].start_again(&jars::folder()?)?;
        self.wait_until_ready()
    }

    /// Deletes the offset of a group in one partition, as a person does; the group has no member that reads the topic.
    ///
    /// # Errors
    ///
    /// When Kafka refuses.
    pub fn delete_offset(&self, group: &str, topic: &str, partition: i32) -> Result<()> {
        let place = format!("{topic}:{partition}");
        let args = ["--delete-offsets", "--group", group, "--topic", &place];
        self.run_tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &args)
    }

    /// Runs one of the tools that come with Kafka.
    fn run_tool(&self, tool: &str, args: &[&str]) -> Result<()> {
        broker::run_tool(&jars::folder()?, &[&[tool, "--bootstrap-server", self.address()], args].concat())
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            for broker in &self.brokers {
                if !broker.is_running()? {
                    bail!("Kafka ended while it started:\n{}", broker.text());
                }
            }
            if client::all_answer(&self.address, self.brokers.len()) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let texts: Vec<_> = self.brokers.iter().map(Broker::text).collect();
        bail!("Kafka did not answer on {} within {PATIENCE:?}:\n{}", self.address, texts.join("\n"))
    }
}
