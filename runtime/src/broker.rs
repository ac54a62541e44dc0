//! Kafka for development, inside a process: librdkafka's mock cluster behind a real port of the loopback interface.
//!
//! It keeps records in memory only, and of a partition only the last 5 MiB or 100,000 batches; what it drops is counted,
//! so that nobody takes a lost record for a bug of the app.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{TcpStream, ToSocketAddrs},
    path::{Path, PathBuf},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, Producer as _},
};
use serde::{Deserialize, Serialize};

use crate::client::native::MockCluster;

/// A broker inside this process; gone with all its records when it is dropped.
pub struct EmbeddedBroker {
    /// Owns the cluster; its own queue is never used.
    _owner: BaseProducer,
    cluster: MockCluster,
    watch: BaseConsumer,
    topics: Vec<(String, i32)>,
    address: String,
}

/// Why there is no embedded broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It could not be started.
    #[error("the embedded broker cannot start: {0}")]
    Start(String),
    /// It did not make a topic.
    #[error("the embedded broker cannot make the topic `{topic}`: {reason}")]
    Topic {
        /// The topic's name.
        topic: String,
        /// librdkafka's word.
        reason: String,
    },
}

/// Records that the broker has dropped from the front of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// How many since the start.
    pub count: u64,
}

impl EmbeddedBroker {
    /// Starts a broker on a free port of the loopback interface and makes the topics with their partitions.
    ///
    /// # Errors
    ///
    /// [`BrokerError`], with librdkafka's word.
    pub fn start(topics: &[(String, i32)]) -> Result<Self, BrokerError> {
        let refused = |error: rdkafka::error::KafkaError| BrokerError::Start(error.to_string());
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1").set("log_level", "3");
        let owner: BaseProducer = config.create().map_err(refused)?;
        let cluster = MockCluster::of_client(owner.client().native_ptr())
            .ok_or_else(|| BrokerError::Start("librdkafka was built without its mock cluster".to_owned()))?;
        for (topic, partitions) in topics {
            cluster
                .create_topic(topic, *partitions)
                .map_err(|reason| BrokerError::Topic { topic: topic.clone(), reason })?;
        }
        let address = cluster.address();
        let watch =
            ClientConfig::new().set("bootstrap.servers", &address).set("log_level", "3").create().map_err(refused)?;
        Ok(Self { _owner: owner, cluster, watch, topics: topics.to_vec(), address })
    }

    /// Where it listens, as `127.0.0.1:40213`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Makes another topic.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Topic`].
    pub fn create_topic(&mut self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        self.cluster
            .create_topic(topic, partitions)
            .map_err(|reason| BrokerError::Topic { topic: topic.to_owned(), reason })?;
        self.topics.push((topic.to_owned(), partitions));
        Ok(())
    }

    /// Lets nobody write from here on who has not written before, as Kafka does to a principal without the right to.
    #[cfg(test)]
    pub(crate) fn refuse_producers(&self) {
        use rdkafka_sys::types::{RDKafkaApiKey, RDKafkaRespErr};
        let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED; 10];
        if let Some(cluster) = self._owner.client().mock_cluster() {
            cluster.request_errors(RDKafkaApiKey::InitProducerId, &refusals);
        }
    }

    /// What it has dropped because a partition was full. Asks the broker, and so takes some milliseconds.
    #[must_use]
    pub fn dropped(&self) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        for (topic, partitions) in &self.topics {
            for partition in 0..*partitions {
                // A question that is not answered in time is asked again with the next call.
                let marks = self.watch.fetch_watermarks(topic, partition, Duration::from_secs(1));
                if let Ok((first, _)) = marks
                    && let Ok(count @ 1..) = u64::try_from(first)
                {
                    dropped.push(Dropped { topic: topic.clone(), partition, count });
                }
            }
        }
        dropped
    }
}

/// Where a running embedded broker can be found, as it stands in `.karafka/broker.json` of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// `127.0.0.1:40213`
    pub address: String,
    /// The process that it lives in.
    pub pid: u32,
    /// Its topics and their partitions.
    #[serde(default)]
    pub topics: BTreeMap<String, i32>,
}

impl Beacon {
    /// The file under an app's folder.
    #[must_use]
    pub fn path(root: &Path) -> PathBuf {
        root.join(".karafka").join("broker.json")
    }

    /// Tells where `broker` is.
    #[must_use]
    pub fn of(broker: &EmbeddedBroker) -> Self {
        Self {
            address: broker.address.clone(),
            pid: std::process::id(),
            topics: broker.topics.iter().cloned().collect(),
        }
    }

    /// Leaves it for other processes.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn leave(&self, root: &Path) -> io::Result<()> {
        let path = Self::path(root);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Renamed into place: nobody reads half an address.
        let draft = path.with_extension(format!("{}.tmp", self.pid));
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, path)
    }

    /// The beacon of a broker that answers; `None` if there is none, or what is there is of a process that has gone.
    #[must_use]
    pub fn find(root: &Path) -> Option<Self> {
        let text = fs::read(Self::path(root)).ok()?;
        let beacon: Self = serde_json::from_slice(&text).ok()?;
        let address = beacon.address.to_socket_addrs().ok()?.next()?;
        TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok()?;
        Some(beacon)
    }

    /// Takes the file away, if it is still this process's.
    pub fn remove(root: &Path) {
        let path = Self::path(root);
        let ours = fs::read(&path)
            .ok()
            .and_then(|text| serde_json::from_slice::<Self>(&text).ok())
            .is_some_and(|beacon| beacon.pid == std::process::id());
        if ours {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::producer::{Outgoing, Producer};

    /// If this fails, records vanish from the embedded broker and somebody looks for the bug in an app.
    #[test]
    fn counts_what_a_full_partition_drops() {
        let broker = EmbeddedBroker::start(&[("full".to_owned(), 1), ("empty".to_owned(), 2)]).expect("a broker");
        assert_eq!(broker.dropped(), []);
        let properties = BTreeMap::from([("bootstrap.servers".to_owned(), broker.address().to_owned())]);
        let producer = Producer::new(&properties).expect("a producer");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        runtime.block_on(async {
            // 5 MiB a partition: twelve records of half a MiB do not fit.
            for _ in 0..12 {
                let value = Some(vec![b'x'; 512 * 1024]);
                let outgoing = Outgoing { topic: "full".to_owned(), value, ..Outgoing::default() };
                producer.send(outgoing).await.expect("acknowledged");
            }
        });
        let dropped = broker.dropped();
        assert_eq!(
            dropped.iter().map(|dropped| (&*dropped.topic, dropped.partition)).collect::<Vec<_>>(),
            [("full", 0)]
        );
        assert!((1..12).contains(&dropped[0].count), "{dropped:?}");
    }

    /// If this fails, `karafka send` and a second process do not find the running broker, or find one that has gone.
    #[test]
    fn a_beacon_is_found_while_its_broker_answers() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(Beacon::find(root.path()), None);
        let broker = EmbeddedBroker::start(&[("orders".to_owned(), 4)]).expect("a broker");
        let beacon = Beacon::of(&broker);
        beacon.leave(root.path()).expect("written");
        assert_eq!(Beacon::find(root.path()), Some(beacon));
        Beacon::remove(root.path());
        assert_eq!(Beacon::find(root.path()), None);

        let gone = Beacon { address: "127.0.0.1:1".to_owned(), pid: 1, topics: BTreeMap::new() };
        gone.leave(root.path()).expect("written");
        assert_eq!(Beacon::find(root.path()), None, "nobody answers there");
        Beacon::remove(root.path());
        assert!(Beacon::path(root.path()).exists(), "another process's beacon is not ours to take away");
    }
}
