//! What the engine itself does for a record: no client, no parser, a handler that is ready at once.
//!
//! `karafka-bench instructions` runs this test under valgrind, with more records handled and with fewer of as many that
//! are made, and takes the difference.

use std::{
    collections::VecDeque,
    env,
    sync::{atomic::AtomicU64, mpsc},
    thread,
};

use super::*;
use crate::{
    Parser, Record,
    client::{Assigned, Client, ClientEvent, Close, Commit, CommitAnswer, Delivery, RecordQueue, TopicPartition, Wake},
    engine::{Connect, start_on},
};

/// Names the variable with the number of records to handle.
const RECORDS: &str = "KARAFKA_INSTRUCTIONS_RECORDS";

/// Names the variable with the number of records to make; what is beyond the others is dropped.
const MADE: &str = "KARAFKA_INSTRUCTIONS_MADE";

static ALONE: Manifest = Manifest {
    topics: &[TopicEntry { key: "orders", message: "json", settings: &[] }],
    consumers: &[ConsumerEntry {
        controller: "CountController",
        worker: "CountWorker",
        emits: &[],
        settings: &[],
        ..PLAIN.consumers[0]
    }],
    ..PLAIN
};

/// What is left to handle, and whom to tell when that is nothing.
struct Left(AtomicU64, mpsc::Sender<()>);

#[derive(Default)]
struct CountController;

impl Routed for CountController {
    type State = Left;
    type Message = ();
    const NAME: &'static str = "CountController";
}

impl Controller for CountController {
    async fn perform(&self, _: &Message<()>, ctx: &Context<Self>) -> Result {
        if ctx.state().0.fetch_sub(1, Ordering::Relaxed) == 1 {
            ctx.state().1.send(())?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct CountWorker;

impl Worker for CountWorker {
    type Controller = CountController;
    const NAME: &'static str = "CountWorker";
}

/// Makes nothing of anything.
#[derive(Default)]
struct Nothing;

impl Parser<()> for Nothing {
    fn parse(&self, _: &[u8], _: &Record) -> Result<()> {
        Ok(())
    }
}

struct Silent;

impl Listener for Silent {
    fn on(&self, _: &Event<'_>) {}
}

/// The only member of a group with one partition; its records are made before it joins.
struct Ready {
    events: VecDeque<ClientEvent>,
    queue: Option<ReadyQueue>,
}

struct ReadyQueue(VecDeque<Delivery>);

impl RecordQueue for ReadyQueue {
    fn drain(&mut self, into: &mut VecDeque<Delivery>, room: usize) {
        into.extend(self.0.drain(..room.min(self.0.len())));
    }

    fn position(&self) -> Option<i64> {
        None
    }
}

impl Client for Ready {
    fn poll(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    fn wait(&mut self, at_most: Duration) {
        thread::park_timeout(at_most);
    }

    fn assign(
        &mut self,
        partitions: &[TopicPartition],
        wake: &mut dyn FnMut(&TopicPartition) -> Wake,
    ) -> Result<Vec<Assigned>, String> {
        let partition = partitions[0].clone();
        let queue = Box::new(self.queue.take().ok_or("assigned twice")?);
        let wake = wake(&partition);
        wake();
        Ok(vec![Assigned { partition, start: None, committed: None, passed: None, log: None, others: None, queue }])
    }

    fn unassign(&mut self, _: &[TopicPartition]) {}

    fn beginnings(&mut self, _: &[TopicPartition]) -> Result<Vec<Commit>, String> {
        Ok(Vec::new())
    }

    fn commit(&mut self, number: u64, _: &[Commit]) {
        self.events.push_back(ClientEvent::Committed(CommitAnswer { number, ended: Ok(()) }));
    }

    fn answer(&mut self, _: Duration) -> Option<CommitAnswer> {
        let place = self.events.iter().position(|event| matches!(event, ClientEvent::Committed(_)))?;
        match self.events.remove(place)? {
            ClientEvent::Committed(answer) => Some(answer),
            _ => None,
        }
    }

    fn close(self: Box<Self>, _: Close) -> bool {
        true
    }
}

/// If this fails, the recorded number of instructions is one of nothing.
#[test]
fn counts_every_record() {
    let number = |name| env::var(name).map_or(1_000, |text| text.parse().expect("a number"));
    let (records, made): (usize, i64) = (number(RECORDS), number(MADE) as i64);
    let record = |offset| OwnedRecord { offset, value: Some(Vec::new()), ..OwnedRecord::default() };
    let mut log: VecDeque<_> = (0..made).map(|offset| Delivery::Record(Record::from(record(offset)))).collect();
    log.truncate(records);
    let queue = Mutex::new(Some(ReadyQueue(log)));
    let partition = TopicPartition { topic: "orders".into(), partition: 0 };
    let connect: Connect = Arc::new(move |_, _| {
        let events = VecDeque::from([ClientEvent::Assign(vec![partition.clone()])]);
        Ok(Box::new(Ready { events, queue: queue.lock().expect("no panic").take() }))
    });

    let app = App::new(&ALONE).consumer::<CountWorker, Nothing, crate::interchanger::Json>(&ALONE.consumers[0]);
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    let settings = Settings::read(&ALONE, &BTreeMap::new(), &flags).expect("settings");
    let brokers = Brokers { address: String::new(), embedded: true };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
    let (tell, done) = mpsc::channel();
    let left = Left(AtomicU64::new(records as u64), tell);
    let (silent, handle) = (Arc::new(Silent), runtime.handle());
    let running = start_on(&connect, None, launch(app, &settings, &brokers, left, silent, handle)).expect("it starts");
    done.recv_timeout(Duration::from_secs(300)).expect("every record is handled");
    let end = running.join();
    assert_eq!((end.handled, end.failed), (records as u64, 0));
}
