//! The producer alone against Kafka: what its sender is told of each record, beside what is in the topic.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write as _,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use karafka::producer::{Acks, Delivered, Producer, ProducerRecord, SendError, Variant, WhenFull};
use karafka_tests::{
    growing::{Growing, wait_until},
    kafka::{Found, SecuredKafka, USER},
    process::Process,
};

use crate::bench::{Bench, PARTITIONS, PATIENCE};

/// Tasks that send at once.
const TASKS: usize = 100;

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

fn producer(address: &str) -> Result<Producer> {
    Ok(Producer::builder().brokers(address).start()?)
}

/// What is in a topic, by partition and offset.
fn places(found: &[Found]) -> BTreeMap<(i32, Option<i64>), String> {
    let text = |found: &Found| String::from_utf8_lossy(found.value.as_deref().unwrap_or_default()).into_owned();
    found.iter().map(|found| ((found.partition, Some(found.offset)), text(found))).collect()
}

fn twice(found: &[Found]) -> usize {
    let different: BTreeSet<_> = found.iter().map(|found| &found.value).collect();
    found.len() - different.len()
}

/// Sends from many tasks at once, each with a key of its own whose records are sent without a wait in between.
async fn send_from_tasks(
    producer: &Producer,
    topic: &'static str,
    each: usize,
) -> Result<Vec<(String, Result<Delivered, SendError>)>> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let producer = producer.clone();
            tokio::spawn(async move {
                let value = |number| format!("{task} {number}");
                let record = |number| ProducerRecord::to(topic).key(task.to_string()).value(value(number));
                let sent: Vec<_> = (0..each).map(|number| (value(number), producer.send(record(number)))).collect();
                let mut told = Vec::with_capacity(each);
                for (value, delivery) in sent {
                    told.push((value, delivery.await));
                }
                told
            })
        })
        .collect();
    let mut all = Vec::with_capacity(TASKS * each);
    for task in tasks {
        all.extend(task.await?);
    }
    Ok(all)
}

/// If this fails, a record counts as acknowledged that is not in Kafka, one is there twice, or those of a key are out of order,
/// after the broker was away while a hundred thousand were on their way.
pub(crate) fn what_is_acknowledged_is_there_once_and_in_order(bench: &Bench) -> Result<()> {
    const EACH: usize = 1_000;
    let topic = "producer-away";
    bench.kafka.create_topic(topic, PARTITIONS)?;
    let producer = producer(bench.kafka.address())?;
    let told = std::thread::scope(|scope| {
        let away = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(150));
            bench.kafka.kill_and_restart(Duration::from_secs(2))
        });
        let told = runtime()?.block_on(send_from_tasks(&producer, topic, EACH))?;
        away.join().map_err(|_| anyhow::anyhow!("the broker's end panicked"))??;
        anyhow::Ok(told)
    })?;
    let found = bench.kafka.records(topic)?;
    let places = places(&found);
    for (value, told) in &told {
        let delivered = told.clone().with_context(|| format!("{value} was not delivered"))?;
        let there = places.get(&(delivered.partition, delivered.offset));
        ensure!(there == Some(value), "{value} is said to be at {delivered:?}, where {there:?} is");
    }
    ensure!((found.len(), twice(&found)) == (TASKS * EACH, 0), "{} records, {} twice", found.len(), twice(&found));
    let mut last = BTreeMap::new();
    for found in &found {
        let value = String::from_utf8(found.value.clone().unwrap_or_default())?;
        let (task, number) = value.split_once(' ').context("two numbers")?;
        let number: usize = number.parse()?;
        let before = last.insert(task.to_owned(), number);
        ensure!(before.is_none_or(|before| before + 1 == number), "task {task}: {number} comes after {before:?}");
    }
    Ok(())
}

/// If this fails, other acknowledgements than those of all replicas tell what is not so.
pub(crate) fn each_kind_of_acknowledgement_tells_what_it_knows(bench: &Bench) -> Result<()> {
    let topic = "producer-acks";
    bench.kafka.create_topic(topic, PARTITIONS)?;
    let all = producer(bench.kafka.address())?;
    runtime()?.block_on(async {
        // The last one is not asked of a topic that has just been made: a broker that does not lead it yet drops such records.
        for (acks, knows) in [(Acks::All, true), (Acks::Leader, true), (Acks::None, false)] {
            let producer = all.variant(Variant::new().acks(acks));
            let records = (0..1_000).map(|number| ProducerRecord::to(topic).value(format!("{acks:?} {number}")));
            for sent in producer.send_all(records).await {
                let delivered = sent.with_context(|| format!("{acks:?}"))?;
                ensure!(delivered.offset.is_some() == knows, "{acks:?} says {delivered:?}");
            }
        }
        Ok(all.close(PATIENCE).await?)
    })?;
    let found = bench.kafka.records(topic)?;
    ensure!((found.len(), twice(&found)) == (3_000, 0), "{} records, {} twice", found.len(), twice(&found));
    Ok(())
}

/// If this fails, a record that Kafka does not take is told otherwise than as what it is, or takes others with it.
pub(crate) fn what_kafka_does_not_take_is_named(bench: &Bench) -> Result<()> {
    let topic = "producer-refused";
    bench.kafka.create_topic(topic, 1)?;
    let secured = SecuredKafka::start()?;
    secured.create_topic(topic)?;
    let stranger = Producer::builder()
        .brokers(&secured.sasl)
        .property("security.protocol", "sasl_plaintext")
        .property("sasl.mechanism", "PLAIN")
        .property("sasl.username", USER.0)
        .property("sasl.password", USER.1)
        .start()?;
    let builder = Producer::builder().brokers(bench.kafka.address());
    // A topic that Kafka does not know may be on its way there; half a minute by default.
    let producer = builder.property("topic.metadata.propagation.max.ms", "3000").start()?;
    runtime()?.block_on(async {
        let record = |topic: &str, bytes| ProducerRecord::to(topic).value(noise(bytes));
        let (small, large, missing, forbidden) = tokio::join!(
            producer.send(record(topic, 10)),
            producer.send(record(topic, 3 << 20)),
            producer.send(record("producer-missing", 10)),
            stranger.send(record(topic, 10)),
        );
        small?;
        ensure!(matches!(large, Err(SendError::TooLarge { size: 3_145_728, .. })), "{large:?}");
        ensure!(matches!(missing, Err(SendError::Missing { .. })), "{missing:?}");
        ensure!(matches!(forbidden, Err(SendError::Forbidden { .. })), "{forbidden:?}");
        Ok(())
    })
}

/// Bytes that no codec makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// If this fails, a broker that stands still has records lost, or whoever must not wait for it waits.
pub(crate) fn a_full_buffer_loses_nothing(bench: &Bench) -> Result<()> {
    const ROOM: usize = 500;
    let topic = "producer-full";
    bench.kafka.create_topic(topic, PARTITIONS)?;
    let small = || {
        let builder = Producer::builder().brokers(bench.kafka.address());
        builder.property("queue.buffering.max.messages", ROOM.to_string())
    };
    let (waits, fails) = (small().start()?, small().when_full(WhenFull::Fail).start()?);
    runtime()?.block_on(async {
        // Both know the topic's leaders before these stand still.
        for producer in [&waits, &fails] {
            producer.send(ProducerRecord::to(topic).value("first")).await?;
        }
        bench.kafka.freeze()?;
        let record = |number: usize| ProducerRecord::to(topic).value(format!("fails {number}"));
        let sent: Vec<_> = (0..2 * ROOM).map(|number| fails.send(record(number))).collect();
        let waiting = tokio::spawn({
            let waits = waits.clone();
            async move {
                waits.send_all((0..4 * ROOM).map(|number| ProducerRecord::to(topic).value(number.to_string()))).await
            }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        ensure!(!waiting.is_finished(), "nobody has acknowledged anything");
        bench.kafka.thaw()?;
        let mut refused = 0;
        for sent in sent {
            match sent.await {
                Ok(_) => {}
                Err(SendError::Full { .. }) => refused += 1,
                Err(error) => return Err(error.into()),
            }
        }
        // One more where the first one's report is not yet put away.
        ensure!((ROOM..=ROOM + 1).contains(&refused), "{refused} had no room");
        for sent in waiting.await? {
            sent?;
        }
        ensure!(bench.kafka.records(topic)?.len() == 2 + 4 * ROOM + 2 * ROOM - refused, "something is missing");
        Ok(())
    })
}

/// If this fails, whoever drops a producer loses what was on its way.
pub(crate) fn what_is_on_its_way_when_a_producer_is_dropped_arrives(bench: &Bench) -> Result<()> {
    let topic = "producer-dropped";
    bench.kafka.create_topic(topic, PARTITIONS)?;
    let producer = producer(bench.kafka.address())?;
    for number in 0..10_000 {
        drop(producer.send(ProducerRecord::to(topic).value(number.to_string())));
    }
    producer.buffer(ProducerRecord::to(topic).value("buffered"))?;
    drop(producer);
    let found = bench.kafka.records(topic)?;
    ensure!((found.len(), twice(&found)) == (10_001, 0), "{} records, {} twice", found.len(), twice(&found));
    Ok(())
}

/// What the process is told that is to be killed: brokers, topic, and the file of its ledger.
const CHILD: &str = "KARAFKA_TESTS_PRODUCER";

/// Sends until it is killed, and writes down what is acknowledged, if this process is the one for that.
pub(crate) fn child() -> Option<ExitCode> {
    let told = std::env::var(CHILD).ok()?;
    let parts: Vec<_> = told.split(' ').collect();
    let ended = match *parts {
        [address, topic, ledger] => send_until_killed(address, topic, ledger),
        _ => Err(anyhow::anyhow!("{CHILD}: brokers, topic and file")),
    };
    eprintln!("{ended:?}");
    Some(ExitCode::FAILURE)
}

fn send_until_killed(address: &str, topic: &str, ledger: &str) -> Result<()> {
    let (producer, mut ledger) = (producer(address)?, File::create(ledger)?);
    runtime()?.block_on(async {
        let mut next = 0_u64..;
        loop {
            let values: Vec<_> = next.by_ref().take(200).map(|number| number.to_string()).collect();
            let records = values.iter().map(|value| ProducerRecord::to(topic).value(value.as_str()));
            for (value, sent) in values.iter().zip(producer.send_all(records).await) {
                let Delivered { partition, offset, .. } = sent?;
                // One write a line: what a killed process has half written is no line.
                ledger.write_all(format!("{value} {partition} {}\n", offset.context("an offset")?).as_bytes())?;
            }
        }
    })
}

/// If this fails, a process was told that Kafka has a record, and after its end Kafka has it not, or has one twice.
pub(crate) fn what_a_killed_process_was_told_is_so(bench: &Bench) -> Result<()> {
    let topic = "producer-killed";
    bench.kafka.create_topic(topic, PARTITIONS)?;
    let folder = tempfile::tempdir()?;
    let ledger = folder.path().join("ledger");
    let told = format!("{} {topic} {}", bench.kafka.address(), ledger.display());
    let mut process = Process::start(Command::new(std::env::current_exe()?).env(CHILD, told))?;
    let (mut lines, mut told) = (Growing::at(ledger), Vec::new());
    wait_until("5,000 acknowledged records", &mut [&mut process], PATIENCE, || {
        told.extend(lines.read(read_line)?);
        Ok((told.len() >= 5_000, told.len()))
    })?;
    process.kill()?;
    let places = places(&bench.kafka.records(topic)?);
    told.extend(lines.read(read_line)?);
    for (value, place) in told {
        let there = places.get(&place);
        ensure!(there == Some(&value), "{value} is said to be at {place:?}, where {there:?} is");
    }
    let different: BTreeSet<_> = places.values().collect();
    ensure!(different.len() == places.len(), "{} of {} are there twice", places.len() - different.len(), places.len());
    Ok(())
}

fn read_line(line: &str) -> Option<(String, (i32, Option<i64>))> {
    let mut parts = line.split(' ');
    let place = (parts.next()?.to_owned(), (parts.next()?.parse().ok()?, Some(parts.next()?.parse().ok()?)));
    parts.next().is_none().then_some(place)
}
