//! Commands that come with Kafka, as a person is told to run them.

/// Where nobody here knows the address.
pub(crate) const SOMEWHERE: &str = "…";

/// Makes a topic. `brokers` as `bootstrap.servers` has them, or [`SOMEWHERE`].
pub(crate) fn create_topic(brokers: &str, topic: &str) -> String {
    format!("kafka-topics --bootstrap-server {brokers} --create --topic {topic} --partitions … --replication-factor …")
}

/// Shows a topic's partitions, their leaders and replicas.
#[cfg(feature = "consumer")]
pub(crate) fn describe_topic(brokers: &str, topic: &str) -> String {
    format!("kafka-topics --bootstrap-server {brokers} --describe --topic {topic}")
}

/// Returns the command that grants the app's user operations, such as `Read`, with something, such as `--topic orders`.
pub(crate) fn grant(brokers: &str, operations: &[&str], with: &str) -> String {
    let operations: String = operations.iter().map(|operation| format!("--operation {operation} ")).collect();
    format!("kafka-acls --bootstrap-server {brokers} --add --allow-principal User:… {operations}{with}")
}
