//! JSON in every place of a message, from a record through a parser and `perform` to an emit, and through a job.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Json, documents::document};
use crate::{
    App, Context, Controller, EmittedBy, Interchanger, Message, OwnedRecord, Record, Result, Routed, Topic, Worker,
    engine::jobs::Jobs,
    interchanger,
    jobs::{
        job::{Coordinates, Job, NewJob, Retry, new_jid},
        worker::Perform as _,
    },
    manifest::{ConsumerEntry, GroupEntry, Manifest, TopicEntry},
    parser,
    settings::{Flags, Settings},
    testing::Harness,
};

/// What `karafka generate` makes of a message with `json` in every place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parcel {
    any: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maybe: Option<Json>,
    list: Vec<Json>,
    map: BTreeMap<String, Vec<Json>>,
    events: Vec<ParcelEvent>,
    latest: ParcelEvent,
}

/// A `one_of`, which holds itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type")]
enum ParcelEvent {
    #[serde(rename = "sent")]
    Sent(Sent),
    #[serde(rename = "lost")]
    Lost(Lost),
}

crate::one_of!(ParcelEvent, "type", { "sent" => Sent, "lost" => Lost });

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    extra: Json,
    before: Vec<ParcelEvent>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lost {
    extras: BTreeMap<String, Json>,
}

const ENTRY: ConsumerEntry = ConsumerEntry {
    topic: "parcels",
    group: "post",
    controller: "ParcelsController",
    worker: "ParcelsWorker",
    parser: "json",
    interchanger: "json",
    emits: &["seen"],
    settings: &[],
};

static MANIFEST: Manifest = Manifest {
    app: "post",
    version: "0.1.0",
    root: "",
    settings: &[],
    environments: &[],
    groups: &[GroupEntry { name: "post", settings: &[] }],
    topics: &[
        TopicEntry { key: "parcels", message: "Parcel", settings: &[] },
        TopicEntry { key: "seen", message: "Parcel", settings: &[] },
    ],
    consumers: &[ENTRY],
};

static WITH_JOBS: Manifest =
    Manifest { consumers: &[ConsumerEntry { settings: &[("jobs", "redis")], emits: &[], ..ENTRY }], ..MANIFEST };

/// What was performed, as JSON.
type State = Arc<Mutex<Vec<String>>>;

#[derive(Default)]
struct ParcelsController;

impl Routed for ParcelsController {
    type State = State;
    type Message = Parcel;
    const NAME: &'static str = "ParcelsController";
}

#[derive(Clone, Copy)]
struct Seen;

impl Topic for Seen {
    type Message = Parcel;
    const KEY: &'static str = "seen";

    fn encode(message: &Parcel) -> Result<Vec<u8>> {
        crate::codegen::encode_json(message)
    }
}

impl EmittedBy<ParcelsController> for Seen {}

impl Controller for ParcelsController {
    async fn perform(&self, message: &Message<Parcel>, ctx: &Context<Self>) -> Result {
        ctx.state().lock().expect("no panic").push(serde_json::to_string(&message.payload)?);
        if message.topic() == "parcels" && message.offset() == 0 {
            ctx.emit(Seen, &message.payload).await?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct ParcelsWorker;

impl Worker for ParcelsWorker {
    type Controller = ParcelsController;
    const NAME: &'static str = "ParcelsWorker";
}

fn app(manifest: &'static Manifest) -> App<State> {
    App::new(manifest).consumer::<ParcelsWorker, parser::Json, interchanger::Json>(&manifest.consumers[0])
}

/// A parcel as a foreign producer writes it, tags in front or behind, and as this app does.
fn parcel(values: &[String], tags_first: bool) -> (String, String) {
    let [a, b, c, d, e] = values else { unreachable!("five values") };
    let write = |first: bool| {
        let event = |tag: &str, fields: &str| match first {
            true => format!(r#"{{"type":"{tag}",{fields}}}"#),
            false => format!(r#"{{{fields},"type":"{tag}"}}"#),
        };
        let lost = event("lost", &format!(r#""extras":{{"x":{a},"y":[{b}]}}"#));
        let inner = event("sent", &format!(r#""extra":{c},"before":[{lost}]"#));
        let outer = event("sent", &format!(r#""extra":{d},"before":[{inner},{lost}]"#));
        format!(
            r#"{{"any":{a},"maybe":[{b}],"list":[{c},{d}],"map":{{"k":[{e},{a}]}},"events":[{outer},{lost}],"latest":{inner}}}"#
        )
    };
    (write(tags_first), write(true))
}

/// Pushes a parcel as `server` does, and performs it as `worker` does.
async fn through_a_job(parcel: &Parcel, is_binary: bool) -> String {
    let text = if is_binary { interchanger::Binary.encode(parcel) } else { interchanger::Json.encode(parcel) };
    let record = Record::from(OwnedRecord { offset: 1, ..OwnedRecord::default() });
    let pushed = serde_json::to_string(&NewJob {
        class: "ParcelsWorker",
        args: ("parcels", text.ok(), Coordinates::of(&record)),
        queue: "default",
        jid: new_jid(),
        retry: Retry::of(Some(1)),
        created_at: 0.0,
        enqueued_at: 0.0,
    });
    // It fails once, and is written by another process.
    let pushed = pushed.expect("a job");
    let mut job = Job::read(&pushed).expect("a job");
    job.set("retry_count", 0);
    let text = job.write();
    let job = Job::read(&text).expect("a job");

    let app = match is_binary {
        false => app(&WITH_JOBS),
        true => {
            App::new(&WITH_JOBS).consumer::<ParcelsWorker, parser::Json, interchanger::Binary>(&WITH_JOBS.consumers[0])
        }
    };
    let flags = Flags { default_environment: Some("development"), ..Flags::default() };
    let settings = Settings::read(&WITH_JOBS, &BTreeMap::new(), &flags).expect("settings");
    let state = State::default();
    let jobs = Jobs::new(app.manifest, app.routes, app.layers, &settings, None, Arc::clone(&state)).expect("jobs");
    jobs.perform(&job).await.map_err(|failure| format!("{failure:?}")).expect("it is performed");
    let seen = state.lock().expect("no panic").clone();
    seen.concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// If this fails, an amount, an id or a text of a `json` field is another one when it reaches a controller, another
    /// topic, or a job.
    #[test]
    fn json_stays_as_it_was_in_every_place_of_a_message(
        documents in prop::collection::vec(document(), 5),
        tags_first in any::<bool>(),
    ) {
        let texts: Vec<_> = documents.iter().map(|document| document.text()).collect();
        let (wire, written) = parcel(&texts, tags_first);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (seen, emitted, outcome) = runtime.block_on(async {
            let harness = Harness::new(app(&MANIFEST), State::default());
            let outcome = harness.consume("parcels", &wire).await;
            let emitted = outcome.emitted("seen").first().and_then(|record| record.value.clone()).unwrap_or_default();
            let seen = harness.state().lock().expect("no panic").concat();
            (seen, emitted, outcome)
        });
        prop_assert!(outcome.is_done(), "{outcome} {wire}");
        prop_assert_eq!(&seen, &written);
        prop_assert_eq!(&String::from_utf8(emitted).expect("text"), &written);

        let parcel: Parcel = serde_json::from_str(&wire).expect("a parcel");
        prop_assert_eq!(&serde_json::from_reader::<_, Parcel>(wire.as_bytes()).expect("a parcel"), &parcel);
        prop_assert_eq!(&runtime.block_on(through_a_job(&parcel, false)), &written);
        prop_assert_eq!(runtime.block_on(through_a_job(&parcel, true)), written);
    }
}
