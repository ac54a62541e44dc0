use std::time::Duration;

use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    types::RDKafkaRespErr as Code,
};
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::broker::EmbeddedBroker;

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(&[("copies".to_owned(), 1)]).expect("a broker")
}

fn producer(broker: &EmbeddedBroker, properties: &[(&str, &str)]) -> Producer {
    let given = properties.iter().copied().chain([("bootstrap.servers", broker.address())]);
    let properties = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Producer::new(&properties.collect()).expect("a producer")
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("tokio")
}

/// Bytes that no codec makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    TestRng::deterministic_rng(RngAlgorithm::XorShift).fill_bytes(&mut bytes);
    bytes
}

fn copy(value: Vec<u8>) -> Outgoing {
    Outgoing { topic: "copies".to_owned(), value: Some(value), ..Outgoing::default() }
}

/// If this fails, a copy of what a topic holds is refused by the client itself, for ever, though the broker would take it.
#[test]
fn what_is_larger_than_librdkafkas_default_is_sent() {
    let broker = broker();
    let producer = producer(&broker, &[]);
    let large = Outgoing {
        key: Some(noise(1 << 20)),
        headers: vec![(b"trace".to_vec(), Some(noise(1 << 20)))],
        ..copy(noise(2 << 20))
    };
    runtime().block_on(producer.send(large.clone())).expect("the broker decides");

    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address()).set("group.id", "reader").set("log_level", "0");
    let reader: BaseConsumer = config.create().expect("a consumer");
    let mut place = TopicPartitionList::new();
    place.add_partition_offset("copies", 0, Offset::Beginning).expect("a place");
    reader.assign(&place).expect("assigned");
    let found = reader.poll(Duration::from_secs(20)).expect("a record").expect("no error");
    let found = native::outgoing(&found);
    assert!(found == large, "it has come otherwise: {} bytes of {}", found.size(), large.size());
}

/// If this fails, what came compressed is refused when it is sent on, or a codec that a person has chosen, by whichever of
/// its names and wherever, is not the one that is used.
#[test]
fn records_are_compressed_unless_a_person_says_otherwise() {
    let is_compressed = |properties: &[(&str, &str)]| {
        let broker = broker();
        let producer = producer(&broker, properties);
        // 5 MiB is what the broker keeps of a partition.
        runtime().block_on(async {
            for _ in 0..8 {
                producer.send(copy(vec![b'x'; 1 << 20])).await.expect("acknowledged");
            }
        });
        broker.dropped().is_empty()
    };
    assert!(is_compressed(&[]));
    assert!(is_compressed(&[("compression.type", "gzip")]));
    assert!(is_compressed(&[("compression.codec", "snappy")]));
    assert!(!is_compressed(&[("compression.type", "none")]));
    assert!(!is_compressed(&[("compression.codec", "none")]));
    let parts = crate::settings::compiled_in();
    assert!(parts.iter().any(|part| part == "lz4"), "librdkafka was made without lz4: {parts:?}");
}

/// If this fails, a person who has bounded what is sent is not told which key refuses a record, or an emit that no queue has
/// room for waits for ever and says nothing.
#[test]
fn what_the_client_refuses_is_named() {
    let broker = broker();
    let refusal = |properties: &[(&str, &str)], outgoing| {
        let sending = producer(&broker, properties);
        let sent =
            runtime().block_on(async { tokio::time::timeout(Duration::from_secs(20), sending.send(outgoing)).await });
        sent.expect("it waits for ever").expect_err("it is refused")
    };
    let error = refusal(&[("message.max.bytes", "100000")], copy(noise(100_000)));
    assert_eq!(error.refusal(), Some(Refusal::TooLarge));
    let words = error.to_string();
    for part in ["copies", "100000 bytes", "`message.max.bytes` is 100000"] {
        assert!(words.contains(part), "{words}");
    }
    let error = refusal(&[("queue.buffering.max.kbytes", "1024")], copy(noise(2 << 20)));
    assert_eq!(error.refusal(), Some(Refusal::TooLarge));
    let words = error.to_string();
    for part in ["copies", "2097152 bytes", "1024 KiB", "`queue.buffering.max.kbytes`"] {
        assert!(words.contains(part), "{words}");
    }
    // A header is not counted in the queue, but where the record is bounded.
    let headers = vec![(b"h".to_vec(), Some(noise(100_000)))];
    let error = refusal(&[("message.max.bytes", "100000")], Outgoing { headers, ..copy(Vec::new()) });
    assert!(error.to_string().contains("100001 bytes"), "{error}");
}

/// If this fails, a queue that is full for a moment is taken for one that has no room at all.
#[test]
fn a_queue_that_is_full_is_waited_for() {
    let broker = broker();
    let producer = producer(&broker, &[("queue.buffering.max.kbytes", "1024")]);
    let sent = (0..8).map(|_| producer.send(copy(noise(1 << 20))));
    let sent = runtime().block_on(futures_util::future::join_all(sent));
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
}

/// If this fails, what a broker refuses is reported without what a person has to change.
#[test]
fn what_a_broker_refuses_is_named() {
    let bounds = Bounds { message: 1_000_000_000, queue_kbytes: 1_048_576, batch: 1_000_000 };
    let undelivered = |code: Code, size| {
        let error = rdkafka::error::KafkaError::MessageProduction(code.into());
        bounds.undelivered("copies", size, &error, Some("no key"))
    };
    let table = [
        (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 2_000_000, Some(Refusal::TooLarge), "`max.message.bytes`"),
        (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 2_000_000, Some(Refusal::TooLarge), "2000000 bytes"),
        (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 700, Some(Refusal::TooLarge), "`batch.size`, 1000000 bytes"),
        (Code::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, 2_000_000, Some(Refusal::TooLarge), "`segment.bytes`"),
        (Code::RD_KAFKA_RESP_ERR_INVALID_RECORD, 700, Some(Refusal::Invalid), "no key"),
        (Code::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, 700, Some(Refusal::Invalid), "InvalidTimestamp"),
        (Code::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, 700, None, "MessageTimedOut"),
        (Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 700, Some(Refusal::Forbidden), "--operation Write"),
    ];
    for (code, size, refusal, part) in table {
        let error = undelivered(code, size);
        assert_eq!(error.refusal(), refusal, "{code:?}");
        let words = error.to_string();
        assert!(words.contains("copies") && words.contains(part), "{code:?}: {words}");
    }
    assert!(!undelivered(Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 2_000_000).to_string().contains("batch.size"));
}
