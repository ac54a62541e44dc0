//! Kafka for development, inside a process: librdkafka's mock cluster behind a real port of the loopback interface.
//!
//! It keeps records in memory only, and of a partition only the last 5 MiB or 100,000 batches; what it drops is counted,
//! so that nobody takes a lost record for a bug of the app.

mod beacon;
mod port;

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, Producer as _},
};

pub use beacon::{Beacon, UntrustedBeacon};

use self::port::ChosenPort;
use crate::native::MockCluster;

/// A broker inside this process; gone with all its records when it is dropped.
pub struct EmbeddedBroker {
    /// Leads to the cluster, where its own port is not the one that was asked for.
    _port: Option<ChosenPort>,
    /// Owns the cluster; its own queue is never used.
    _owner: BaseProducer,
    cluster: MockCluster,
    watch: BaseConsumer,
    topics: Vec<(String, i32)>,
    address: String,
}

/// Why there is no embedded broker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// It could not be started.
    #[error("the embedded broker cannot start: {0}")]
    Start(String),
    /// It does not get the port that was asked for.
    #[error("the broker cannot have port {port} of 127.0.0.1")]
    Port {
        /// The port.
        port: u16,
        /// The system's word.
        source: std::io::Error,
    },
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
        Self::start_at(topics, None)
    }

    /// As [`EmbeddedBroker::start`], but on this port of the loopback interface.
    ///
    /// # Errors
    ///
    /// [`BrokerError::Port`] if it cannot be had, as when it is taken; else as [`EmbeddedBroker::start`].
    pub fn start_on(topics: &[(String, i32)], port: u16) -> Result<Self, BrokerError> {
        Self::start_at(topics, Some(port))
    }

    fn start_at(topics: &[(String, i32)], port: Option<u16>) -> Result<Self, BrokerError> {
        // Before there is a broker: most of what can go wrong here is that somebody else has it.
        let no_port = |source| BrokerError::Port { port: port.unwrap_or_default(), source };
        let listener = port.map(ChosenPort::take).transpose().map_err(no_port)?;
        let refused = |error: rdkafka::error::KafkaError| BrokerError::Start(error.to_string());
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1").set("log_level", "3");
        // The largest request: as large a record as a producer sends.
        config.set("receive.message.max.bytes", "1001000000");
        let owner: BaseProducer = config.create().map_err(refused)?;
        let cluster = MockCluster::of_client(owner.client().native_ptr())
            .ok_or_else(|| BrokerError::Start("librdkafka was built without its mock cluster".to_owned()))?;
        for (topic, partitions) in topics {
            cluster
                .create_topic(topic, *partitions)
                .map_err(|reason| BrokerError::Topic { topic: topic.clone(), reason })?;
        }
        let within = cluster.address();
        let port = listener.map(|listener| ChosenPort::open(listener, within.clone())).transpose().map_err(no_port)?;
        let address = match &port {
            Some(port) => {
                cluster.announce(port.number());
                format!("127.0.0.1:{}", port.number())
            }
            None => within,
        };
        let watch =
            ClientConfig::new().set("bootstrap.servers", &address).set("log_level", "3").create().map_err(refused)?;
        Ok(Self { _port: port, _owner: owner, cluster, watch, topics: topics.to_vec(), address })
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

    /// Refuses from here on all producers that have not written before, as Kafka does to a principal without the right to.
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

#[cfg(test)]
mod tests {

    use super::*;
    use crate::{
        outgoing::Outgoing,
        producer::{Compression, Producer},
    };

    /// If this fails, a program whose settings name a port finds no broker there, or is sent on to another one where a firewall or
    /// a container has none; or a taken port is found out by a client that never gets an answer.
    #[test]
    fn a_port_that_was_chosen_leads_to_the_broker_and_nothing_else_is_told() {
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let topics = [("orders".to_owned(), 2)];
        let broker = EmbeddedBroker::start_on(&topics, free).expect("a broker");
        assert_eq!(broker.address(), format!("127.0.0.1:{free}"));
        let metadata = broker.watch.fetch_metadata(None, Duration::from_secs(30)).expect("an answer");
        let told: Vec<_> = metadata.brokers().iter().map(|broker| (broker.host(), broker.port())).collect();
        assert_eq!(told, [("127.0.0.1", i32::from(free))]);
        let producer = Producer::builder().brokers(broker.address()).start().expect("a producer");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        runtime.block_on(async {
            let outgoing = Outgoing { topic: "orders".to_owned(), value: Some(b"x".to_vec()), ..Outgoing::default() };
            producer.send(outgoing).await.expect("acknowledged");
        });
        let taken = EmbeddedBroker::start_on(&topics, free).err().expect("it is taken");
        assert!(
            matches!(&taken, BrokerError::Port { port, source }
            if *port == free && source.kind() == std::io::ErrorKind::AddrInUse),
            "{taken:?}"
        );
        drop(broker);
        EmbeddedBroker::start_on(&topics, free).expect("it is free again");
    }

    /// If this fails, records vanish from the embedded broker and somebody looks for the bug in an app.
    #[test]
    fn counts_what_a_full_partition_drops() {
        let broker = EmbeddedBroker::start(&[("full".to_owned(), 1), ("empty".to_owned(), 2)]).expect("a broker");
        assert_eq!(broker.dropped(), []);
        let producer =
            Producer::builder().brokers(broker.address()).compression(Compression::None).start().expect("a producer");
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
}
