use std::{sync::Arc, time::Duration};

use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    types::RDKafkaRespErr as Code,
};
use tokio::runtime::{Builder, Runtime};

use super::{bounds::Bounds, *};
use crate::{
    broker::EmbeddedBroker,
    manifest::{Manifest, TopicEntry},
    native,
    outgoing::{Outgoing, Refusal},
};

fn broker() -> EmbeddedBroker {
    EmbeddedBroker::start(&[("copies".to_owned(), 1)]).expect("a broker")
}

fn producer(broker: &EmbeddedBroker, properties: &[(&str, &str)]) -> Producer {
    let builder = Producer::builder().brokers(broker.address());
    let builder = properties.iter().fold(builder, |builder, (name, value)| builder.property(name, *value));
    builder.start().expect("a producer")
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

/// If this fails, whoever sends to a broker that cannot be reached reads that a message timed out, and not why.
#[test]
fn what_keeps_a_producer_from_its_brokers_is_in_the_error() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let builder = Producer::builder().brokers(nobody.to_string()).property("delivery.timeout.ms", "1000");
    let producer = builder.start().expect("a producer");
    let error = runtime().block_on(producer.send(copy(Vec::new()))).expect_err("nobody is there");
    let words = error.to_string();
    assert!(words.contains("MessageTimedOut") && words.contains("Connection refused"), "{words}");
    // Who counts refusals by their reason still counts one.
    assert!(!error.reason().contains("refused"), "{error:?}");
}

/// If this fails, whoever has forgotten the mechanism is told to compile librdkafka.
#[test]
fn a_mechanism_that_is_missing_is_asked_for() {
    let builder = Producer::builder().brokers("127.0.0.1:1").property("security.protocol", "sasl_plaintext");
    let words = builder.start().expect_err("there is no Kerberos here").to_string();
    assert!(words.contains("GSSAPI") && words.contains("write `sasl.mechanism` under `kafka.options`"), "{words}");
}

/// Brokers that are not there.
fn nowhere() -> ProducerBuilder {
    Producer::builder().brokers("127.0.0.1:9")
}

/// Remembers what it hears.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl DeliveryListener for Heard {
    fn sent(&self, topic: &str, bytes: usize) {
        self.0.lock().push(format!("sent {bytes} bytes to {topic}"));
    }

    fn acknowledged(&self, topic: &str, delivered: Delivered, took: Duration) {
        assert!(took > Duration::ZERO);
        self.0.lock().push(format!("{topic} has {} at {:?}", delivered.partition, delivered.offset));
    }

    fn failed(&self, topic: &str, error: &SendError) {
        let kind = match error {
            SendError::Undelivered { .. } => "undelivered",
            SendError::Closed { .. } => "closed",
            _ => "otherwise",
        };
        self.0.lock().push(format!("{topic} failed: {kind}"));
    }
}

/// If this fails, a record's fate is not what its sender is told, or a listener counts what has not happened.
#[test]
fn each_way_to_send_tells_what_became_of_it() {
    let broker = EmbeddedBroker::start(&[("copies".to_owned(), 2)]).expect("a broker");
    let heard = Heard::default();
    let producer = Producer::builder().brokers(broker.address()).listener(heard.clone()).start().expect("a producer");
    let to = |partition| ProducerRecord::to("copies").value("1").partition(partition);
    runtime().block_on(async {
        let first = producer.send(to(1)).await.expect("acknowledged");
        assert_eq!((first.partition, first.offset), (1, Some(0)));
        let many = producer.send_all((0..4).map(|number| to(number % 2))).await;
        let places: Vec<_> = many.into_iter().map(|sent| sent.expect("acknowledged")).collect();
        assert_eq!(places.iter().map(|place| place.partition).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!(places.iter().map(|place| place.offset).collect::<Vec<_>>(), [Some(0), Some(1), Some(1), Some(2)]);
        producer.buffer(to(0)).expect("it is open");
        producer.send_and_forget(to(1)).await.expect("on its way");
        let flushed = producer.flush().await;
        assert_eq!(flushed, [Ok(Delivered { partition: 0, offset: Some(2) })]);
        assert_eq!(producer.in_flight(), 0, "flush waits for what is not its own, too");
        producer.buffer(to(0)).expect("it is open");
        assert_eq!(producer.close(Duration::from_secs(20)).await, Ok(()));
        let late = producer.send(to(0)).await;
        assert_eq!(late, Err(SendError::Closed { topic: "copies".to_owned() }));
        assert_eq!(producer.close(Duration::ZERO).await, Ok(()), "there is nothing more to do");
    });
    let heard = heard.0.lock();
    assert_eq!(heard.iter().filter(|line| *line == "sent 1 bytes to copies").count(), 8);
    assert_eq!(heard.iter().filter(|line| line.starts_with("copies has 0 at")).count(), 4);
    assert!(heard.contains(&"copies has 0 at Some(3)".to_owned()), "close sends what was buffered: {heard:?}");
}

/// If this fails, a variant sends as its producer does, or its records are not waited for when that ends.
#[test]
fn a_variant_has_acknowledgements_of_its_own() {
    let broker = broker();
    let producer = producer(&broker, &[]);
    let forgetful = producer.variant(Variant::new().acks(Acks::None));
    let leader = producer.variant(Variant::new().acks(Acks::Leader).compression(Compression::None));
    assert_eq!(producer.shared().clients().len(), 1, "it is made when it is needed");
    runtime().block_on(async {
        assert_eq!(forgetful.send(copy(vec![1])).await.expect("written").offset, None, "nobody was asked");
        assert!(leader.send(copy(vec![2])).await.expect("acknowledged").offset.is_some());
        assert_eq!(producer.shared().clients().len(), 3);
        let again = producer.variant(Variant::new().acks(Acks::None));
        assert!(Arc::ptr_eq(&again.outlet, &forgetful.outlet), "one client for each that differs");
        let same = forgetful.variant(Variant::new());
        assert!(Arc::ptr_eq(&same.outlet, &forgetful.outlet), "nothing is said over it");
        let back = forgetful.variant(Variant::new().acks(Acks::All));
        assert!(Arc::ptr_eq(&back.outlet, &producer.outlet), "that is what the first one has");
        let both = forgetful.variant(Variant::new().compression(Compression::None));
        assert!(both.send(copy(vec![9])).await.expect("written").offset.is_none(), "it has both");
        forgetful.buffer(copy(vec![3])).expect("it is open");
        assert_eq!(producer.close(Duration::from_secs(20)).await, Ok(()));
        assert!(leader.send(copy(vec![4])).await.is_err(), "they end together");
    });
}

/// If this fails, records are lost in silence when a producer ends and Kafka is away.
#[test]
fn what_is_given_up_is_told_to_whoever_has_sent_it() {
    let heard = Heard::default();
    let producer = nowhere().listener(heard.clone()).start().expect("a producer");
    let awaited = producer.send(ProducerRecord::to("copies").value("1"));
    drop(producer.send(ProducerRecord::to("copies").value("2")));
    runtime().block_on(async {
        producer.send_and_forget(ProducerRecord::to("copies").value("3")).await.expect("in the queue");
        producer.buffer(ProducerRecord::to("copies").value("4")).expect("it is open");
        let closed = producer.close(Duration::from_millis(20)).await;
        assert_eq!(closed, Err(NotDelivered { records: 4 }));
        assert_eq!(producer.close(Duration::ZERO).await, closed, "it is the same end");
        let error = awaited.await.expect_err("Kafka is away");
        assert!(matches!(error, SendError::Undelivered { .. }), "{error:?}");
    });
    assert_eq!(heard.0.lock().iter().filter(|line| *line == "copies failed: undelivered").count(), 4);
}

/// If this fails, the last one to let go of a producer waits for ever, or not at all.
#[test]
fn a_producer_that_is_dropped_waits_for_what_is_on_its_way() {
    let broker = broker();
    let heard = Heard::default();
    let producer = Producer::builder().brokers(broker.address()).linger(Duration::from_millis(300));
    let producer = producer.listener(heard.clone()).start().expect("a producer");
    for number in 0..100 {
        drop(producer.send(copy(vec![number])));
    }
    drop(producer);
    assert_eq!(heard.0.lock().iter().filter(|line| line.starts_with("copies has")).count(), 100);
}

/// If this fails, whoever must not wait waits, a queue without room loses records, or those who wait are not woken.
#[test]
fn a_queue_without_room_fails_or_waits_as_it_was_told() {
    let small = |builder: ProducerBuilder| builder.property("queue.buffering.max.messages", "10");
    let away = small(nowhere()).when_full(WhenFull::Fail).start().expect("a producer");
    runtime().block_on(async {
        let sent: Vec<_> = (0..20).map(|_| away.send(ProducerRecord::to("copies").value("1"))).collect();
        let full = futures_util::future::join_all(sent.into_iter().skip(10)).await;
        assert!(full.iter().all(|sent| *sent == Err(SendError::Full { topic: "copies".to_owned() })), "{full:?}");
        let error = away.send_and_forget(ProducerRecord::to("copies").value("1")).await;
        assert_eq!(error, Err(SendError::Full { topic: "copies".to_owned() }));
        assert_eq!(away.close(Duration::ZERO).await, Err(NotDelivered { records: 10 }));
    });
    let broker = broker();
    let waits = small(Producer::builder().brokers(broker.address())).start().expect("a producer");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100_u8)
            .map(|task| {
                let waits = waits.clone();
                tokio::spawn(async move {
                    let mut last = None;
                    for number in 0..20_u8 {
                        let sent = waits.send(copy(vec![task, number])).await.expect("acknowledged");
                        assert!(sent.offset > last, "a task's records are in its order");
                        last = sent.offset;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("it sends");
        }
    });
}

/// If this fails, a listener that panics takes the producer's thread with it, and nothing is acknowledged any more.
#[test]
fn a_panic_of_a_listener_is_forgotten() {
    struct Panics;
    impl DeliveryListener for Panics {
        fn acknowledged(&self, _: &str, _: Delivered, _: Duration) {
            panic!("on fire");
        }
    }
    let broker = broker();
    let producer = Producer::builder().brokers(broker.address()).listener(Panics).start().expect("a producer");
    runtime().block_on(async {
        for _ in 0..3 {
            producer.send(copy(vec![1])).await.expect("acknowledged");
        }
    });
}

/// If this fails, the trace of a request ends at the records that it sends, or a header that was written is overruled.
#[test]
fn the_callers_trace_goes_along() {
    let kafka = TestProducer::new();
    let producer = kafka.producer();
    let request =
        TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None).expect("a trace");
    let elsewhere = request.clone();
    let record = || ProducerRecord::to("copies").value("1");
    runtime().block_on(async {
        request
            .scope(async {
                producer.send(record()).await.expect("taken");
                producer.send_and_forget(record().header("traceparent", "mine")).await.expect("taken");
            })
            .await;
        producer.send(record()).await.expect("taken");
        let told = kafka.built(Producer::builder().trace(move || Some(elsewhere.clone())));
        told.send(record()).await.expect("taken");
    });
    let headers: Vec<_> = kafka.records().into_iter().map(|record| record.headers).collect();
    let trace = |at: usize| String::from_utf8(headers[at][0].1.clone().expect("a value")).expect("text");
    assert!(trace(0).starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{}", trace(0));
    assert!(!trace(0).contains("00f067aa0ba902b7"), "its span is a new one: {}", trace(0));
    assert_eq!((trace(1).as_str(), headers[1].len()), ("mine", 1));
    assert_eq!(headers[2], []);
    assert!(trace(3).ends_with("00f067aa0ba902b7-01"), "{}", trace(3));
}

/// If this fails, a topic of the manifest is sent to under its key there instead of its name in Kafka, or a raw one is renamed.
#[test]
fn topics_of_the_manifest_go_by_their_names_in_kafka() {
    #[derive(Clone, Copy)]
    struct Orders;
    impl crate::Topic for Orders {
        type Message = u32;
        const KEY: &'static str = "orders";
        fn encode(message: &u32) -> crate::Result<Vec<u8>> {
            Ok(message.to_string().into_bytes())
        }
        fn key(message: &u32) -> Option<Vec<u8>> {
            Some(vec![*message as u8])
        }
    }
    use crate::Topic as _;
    static MANIFEST: Manifest = Manifest {
        app: "shop",
        topics: &[TopicEntry { key: "orders", settings: &[("name", "prod.orders")], ..TopicEntry::NEW }],
        ..Manifest::NEW
    };
    let settings = Settings::from_manifest(&MANIFEST).expect("settings");
    let kafka = TestProducer::new();
    let producer = kafka.built(ProducerBuilder::from_settings(&settings).expect("a builder"));
    runtime().block_on(async {
        producer.send(Orders.record(&7).expect("it is written")).await.expect("taken");
        producer.send(Orders.tombstone("k")).await.expect("taken");
        producer.send(ProducerRecord::to("orders").value("raw")).await.expect("taken");
    });
    let taken: Vec<_> = kafka.records().into_iter().map(|record| (record.topic, record.key, record.value)).collect();
    let expected = [
        ("prod.orders", Some(vec![7]), Some(b"7".to_vec())),
        ("prod.orders", Some(b"k".to_vec()), None),
        ("orders", None, Some(b"raw".to_vec())),
    ];
    assert_eq!(taken, expected.map(|(topic, key, value)| (topic.to_owned(), key, value)));
    assert!(matches!(
        ProducerBuilder::from_settings(&settings).and_then(ProducerBuilder::start),
        Err(StartError::NoBrokers)
    ));
}

/// If this fails, who gives up waiting for a flush loses what was buffered.
#[test]
fn a_flush_that_is_dropped_leaves_in_the_buffer_what_is_not_on_its_way() {
    let producer = nowhere().property("queue.buffering.max.messages", "2").start().expect("a producer");
    runtime().block_on(async {
        for number in 0..5 {
            producer.buffer(ProducerRecord::to("copies").value(number.to_string())).expect("it is open");
        }
        let flush = tokio::time::timeout(Duration::from_millis(50), producer.flush()).await;
        assert!(flush.is_err(), "there is no room: {flush:?}");
        producer.buffer(ProducerRecord::to("copies").value("5")).expect("it is open");
        let values = |buffer: &VecDeque<(_, ProducerRecord)>| -> Vec<_> {
            buffer.iter().map(|(_, record)| record.value_bytes().map(<[u8]>::to_vec)).collect()
        };
        let left = values(&producer.shared().buffer.lock().records);
        assert_eq!(left, [b"2", b"3", b"4", b"5"].map(|value| Some(value.to_vec())));
        assert_eq!(producer.close(Duration::ZERO).await, Err(NotDelivered { records: 6 }));
    });
}

/// If this fails, code that counts what is sent counts nothing in its tests.
#[test]
fn a_listener_hears_of_a_tests_producer_too() {
    let (kafka, heard) = (TestProducer::new(), Heard::default());
    kafka.fail_if(|topic| (topic == "refused").then(|| SendError::Closed { topic: topic.to_owned() }));
    let producer = kafka.built(Producer::builder().listener(HearsAll(heard.clone())));
    runtime().block_on(async {
        producer.send(copy(vec![1])).await.expect("taken");
        producer.send(ProducerRecord::to("refused")).await.expect_err("it was told to");
    });
    assert_eq!(*heard.0.lock(), ["sent", "acknowledged", "failed"]);
}

/// Hears in which way it was called.
struct HearsAll(Heard);

impl DeliveryListener for HearsAll {
    fn sent(&self, _: &str, _: usize) {
        self.0.0.lock().push("sent".to_owned());
    }

    fn acknowledged(&self, _: &str, _: Delivered, _: Duration) {
        self.0.0.lock().push("acknowledged".to_owned());
    }

    fn failed(&self, _: &str, _: &SendError) {
        self.0.0.lock().push("failed".to_owned());
    }
}

/// If this fails, a producer whose records are not to be lost writes some twice, as it was made from one that may lose them.
#[test]
fn a_variant_for_all_replicas_is_idempotent_whatever_it_is_a_variant_of() {
    let broker = broker();
    let said = |properties: &[(&str, &str)], variant: Variant| {
        let producer = producer(&broker, properties).variant(variant);
        let Outlet::Kafka(client) = &*producer.outlet else { unreachable!("it is no test's") };
        let properties = client.properties();
        (properties["acks"].clone(), properties.get("enable.idempotence").cloned())
    };
    let (all, leader) = (Variant::new().acks(Acks::All), Variant::new().acks(Acks::Leader));
    assert_eq!(said(&[("acks", "1")], all), ("all".to_owned(), None));
    assert_eq!(said(&[("acks", "-1")], all), ("all".to_owned(), None));
    assert_eq!(said(&[("enable.idempotence", "true")], leader), ("1".to_owned(), Some("false".to_owned())));
    let both = Producer::builder().brokers("127.0.0.1:9").acks(Acks::Leader).property("enable.idempotence", "true");
    let words = both.start().expect_err("one of the two").to_string();
    assert!(words.contains("acks"), "{words}");
}

/// If this fails, a listener that sends what has failed somewhere else stops the producer for good.
#[test]
fn a_listener_may_send() {
    struct Copies(Arc<Mutex<Option<Producer>>>);
    impl DeliveryListener for Copies {
        fn sent(&self, topic: &str, _: usize) {
            if topic != "audit" {
                let producer = self.0.lock().clone();
                drop(producer.map(|producer| producer.send(ProducerRecord::to("audit").value("copied"))));
            }
        }
    }
    let broker = EmbeddedBroker::start(&[("copies".to_owned(), 1), ("audit".to_owned(), 1)]).expect("a broker");
    let known = Arc::<Mutex<Option<Producer>>>::default();
    let builder = Producer::builder().brokers(broker.address()).listener(Copies(Arc::clone(&known)));
    let producer = builder.start().expect("a producer");
    *known.lock() = Some(producer.clone());
    runtime().block_on(async {
        for _ in 0..100 {
            producer.send(copy(vec![1])).await.expect("acknowledged");
        }
        assert_eq!(producer.close(Duration::from_secs(20)).await, Ok(()));
    });
    *known.lock() = None;
}

/// If this fails, whoever gives up waiting for the end hears that all went well, or a program ends in the middle of it.
#[test]
fn an_end_that_nobody_waits_for_goes_on() {
    let producer = nowhere().start().expect("a producer");
    runtime().block_on(async {
        producer.send_and_forget(ProducerRecord::to("copies").value("1")).await.expect("in the queue");
        let impatient =
            tokio::time::timeout(Duration::from_millis(20), producer.close(Duration::from_millis(400))).await;
        assert!(impatient.is_err(), "Kafka is away: {impatient:?}");
        assert_eq!(producer.close(Duration::from_secs(20)).await, Err(NotDelivered { records: 1 }));
        let late = producer.buffer(ProducerRecord::to("copies"));
        assert_eq!(late, Err(SendError::Closed { topic: "copies".to_owned() }));
    });
}

/// If this fails, those who wait for room are sent behind the back of whoever has closed the producer.
#[test]
fn who_waits_for_room_hears_of_the_end() {
    let producer = nowhere().property("queue.buffering.max.messages", "1").start().expect("a producer");
    runtime().block_on(async {
        let first = producer.send(ProducerRecord::to("copies").value("1"));
        let waits = producer.send(ProducerRecord::to("copies").value("2"));
        let (waited, closed) = tokio::join!(waits, producer.close(Duration::from_millis(100)));
        assert_eq!(waited, Err(SendError::Closed { topic: "copies".to_owned() }));
        assert_eq!(closed, Err(NotDelivered { records: 1 }));
        assert!(matches!(first.await, Err(SendError::Undelivered { .. })));
    });
}

/// If this fails, a waker or a log that panics ends the thread that tells what became of records, and everybody waits for ever.
#[test]
fn a_panic_of_whoever_is_told_is_forgotten() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on fire");
        }
    }
    let broker = broker();
    let producer = producer(&broker, &[]);
    let waker = Arc::new(Panics).into();
    let mut told = std::task::Context::from_waker(&waker);
    let mut burning: Vec<_> = (0..3).map(|number| Box::pin(producer.send(copy(vec![number])))).collect();
    burning.iter_mut().for_each(|delivery| drop(delivery.as_mut().poll(&mut told)));
    runtime().block_on(async {
        for delivery in burning {
            delivery.await.expect("acknowledged");
        }
        producer.send(copy(vec![4])).await.expect("acknowledged");
        assert_eq!(producer.close(Duration::from_secs(20)).await, Ok(()));
    });
}

/// A client whose brokers are away, and who is told of its records.
fn far_away(told: &Arc<Told>, records: u64) -> client::ProducerClient {
    let properties = [("bootstrap.servers", "127.0.0.1:9"), ("queue.buffering.max.messages", "100000")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let client = client::ProducerClient::new(&properties, Arc::default()).expect("a client");
    for number in 0..records {
        let ticket = crate::outgoing::Ticket::new(number, crate::outgoing::Sent::Emit(""));
        let report = DeliveryReport { sender: Arc::clone(told) as _, ticket };
        let content = Content { value: Some(vec![1]), ..Content::default() };
        // Of several topics, as the reports of one come all at once.
        let topic = format!("audit-{}", number % 20);
        assert!(matches!(client.try_enqueue(&topic, &content, Some(Box::new(report))), Ok(Handed::Over)));
    }
    client
}

/// Is told of records, and takes its time.
#[derive(Default)]
struct Told {
    slow: Duration,
    threads: Mutex<Vec<String>>,
}

impl crate::outgoing::Sender for Told {
    fn delivered(&self, _: crate::outgoing::Ticket, _: Delivered) {}

    fn undelivered(&self, _: crate::outgoing::Ticket, _: Outgoing, error: SendError) {
        assert!(matches!(error, SendError::Undelivered { .. }), "{error}");
        std::thread::sleep(self.slow);
        self.threads.lock().push(std::thread::current().name().unwrap_or_default().to_owned());
    }
}

/// If this fails, a task that lets go of the last part of a client holds up all others of its thread, as while a broker's address is
/// asked for; or a sender waits for ever for what became of a record that was given up with its client.
#[test]
fn who_drops_a_client_waits_little_and_every_sender_is_told() {
    let told = Arc::new(Told { slow: Duration::from_millis(3), ..Told::default() });
    let client = far_away(&told, 1_000);
    let begun = std::time::Instant::now();
    drop(client);
    let waited = begun.elapsed();
    assert!(waited < polling::END + Duration::from_secs(1), "{waited:?}");
    while told.threads.lock().len() < 1_000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} were told", told.threads.lock().len());
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(told.threads.lock().iter().all(|thread| thread == "karafka sends"), "{:?}", told.threads.lock()[0]);

    // Where nothing is on its way, it has ended when the drop returns, so that no process ends amid it.
    let client = far_away(&told, 0);
    let begun = std::time::Instant::now();
    drop(client);
    assert!(begun.elapsed() < polling::END, "{:?}", begun.elapsed());
}

/// If this fails, one waker that panics ends the thread that hands out reports, and every other sender waits for ever.
#[test]
fn a_panic_of_who_waits_for_room_is_forgotten() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on fire");
        }
    }
    let broker = broker();
    let producer = producer(&broker, &[("queue.buffering.max.messages", "1"), ("linger.ms", "50")]);
    let waker = Arc::new(Panics).into();
    let mut context = std::task::Context::from_waker(&waker);
    let first = producer.send(copy(vec![1]));
    let mut burning = Box::pin(producer.send(copy(vec![2])));
    assert!(burning.as_mut().poll(&mut context).is_pending());
    assert_eq!(format!("{burning:?}"), "Delivery(waits for room)");
    runtime().block_on(async {
        first.await.expect("acknowledged");
        burning.await.expect("acknowledged");
        producer.send(copy(vec![3])).await.expect("acknowledged");
        assert_eq!(producer.close(Duration::from_secs(20)).await, Ok(()));
    });
}

/// If this fails, a closed producer keeps what is buffered back behind somebody who waits for room and is not awaited, gives it up
/// when its time is over, and nothing was in its way.
#[test]
fn nobody_who_waits_for_room_is_in_the_way_of_the_end() {
    let broker = broker();
    let producer = producer(&broker, &[("queue.buffering.max.messages", "1")]);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    runtime().block_on(async {
        let first = producer.send(copy(vec![1]));
        let mut waits = Box::pin(producer.send(copy(vec![2])));
        assert!(waits.as_mut().poll(&mut context).is_pending());
        producer.buffer(copy(vec![3])).expect("open");
        assert_eq!(producer.close(Duration::from_secs(10)).await, Ok(()));
        first.await.expect("acknowledged");
        let error = waits.await.expect_err("it came too late");
        assert!(matches!(error, SendError::Closed { .. }), "{error}");
    });
}

/// If this fails, something is sent after the end that a close in no time has told of.
#[test]
fn whoever_is_inside_is_waited_for_however_little_time_there_is() {
    let kafka = TestProducer::new();
    let (inside, is_inside) = std::sync::mpsc::channel();
    kafka.fail_if(move |_| {
        inside.send(()).expect("heard");
        std::thread::sleep(Duration::from_millis(50));
        None
    });
    let producer = kafka.producer();
    let sender = producer.clone();
    let sending = std::thread::spawn(move || runtime().block_on(sender.send(ProducerRecord::to("audit"))));
    is_inside.recv().expect("it is inside");
    runtime().block_on(producer.close(Duration::ZERO)).expect("nothing is given up");
    assert_eq!(kafka.records().len(), 1);
    sending.join().expect("no panic").expect("taken");
}

/// If this fails, a listener that counts what has failed misses what nobody has awaited.
#[test]
fn a_record_that_is_let_go_before_there_is_room_has_failed() {
    struct Failed(Arc<Mutex<Vec<String>>>);
    impl DeliveryListener for Failed {
        fn failed(&self, topic: &str, error: &SendError) {
            self.0.lock().push(format!("{topic}: {}", matches!(error, SendError::Full { .. })));
        }
    }
    let failed = Arc::<Mutex<Vec<String>>>::default();
    let builder = Producer::builder().brokers("127.0.0.1:9").property("queue.buffering.max.messages", "1");
    let producer = builder.listener(Failed(Arc::clone(&failed))).start().expect("a producer");
    let first = producer.send(copy(vec![1]));
    drop(producer.send(copy(vec![2])));
    assert_eq!(*failed.lock(), ["copies: true"]);
    drop(first);
}

/// If this fails, one kind of client is there twice, with connections and threads of its own, and its records overtake each other.
#[test]
fn a_variant_that_says_what_holds_anyway_is_no_other() {
    let producer = nowhere().start().expect("a producer");
    let leader = producer.variant(Variant::new().acks(Acks::Leader));
    let same = producer.variant(Variant::new().acks(Acks::Leader).compression(Compression::Lz4));
    assert!(Arc::ptr_eq(&leader.outlet, &same.outlet));
    let other = producer.variant(Variant::new().acks(Acks::Leader).compression(Compression::Gzip));
    assert!(!Arc::ptr_eq(&leader.outlet, &other.outlet));
    assert!(Arc::ptr_eq(&other.variant(Variant::new().compression(Compression::Lz4)).outlet, &leader.outlet));
}
