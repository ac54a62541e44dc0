//! The owned files of the app's parts, as they are first written.

use std::collections::{BTreeMap, BTreeSet};

use karafka::settings::expand::expand;
use serde::Serialize;

use super::{
    escape::{codes, literal},
    imports::Imports,
    layout,
    templates::Templates,
};
use crate::{
    model::{Consumer, Controller, Model, Part, PartRef, Payload, Worker, sample},
    names::case,
};

pub(super) fn controller(templates: &Templates, model: &Model, controller: &Controller) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        topics: String,
        stub: StubView<'m>,
        controller: String,
        perform: String,
        perform_tombstone: Option<String>,
        ok: &'static str,
        emits: Option<String>,
        first_emit: Option<&'m str>,
        takes_batches: bool,
        on_redis: bool,
    }
    let type_name = controller.constant.type_name();
    let mut imports = Imports::beside(type_name);
    let payload = imports.payload(&controller.payload, true);
    let (kind, name, argument) = if controller.takes_batches {
        let argument = format!("batch: &{}<{payload}>", imports.name("karafka::Batch"));
        (imports.name("karafka::BatchController"), "async fn perform_batch", argument)
    } else {
        let argument = format!("message: &{}<{payload}>", imports.name("karafka::Message"));
        (imports.name("karafka::Controller"), "async fn perform", argument)
    };
    let context = format!("_ctx: &{}<Self>", imports.name("karafka::Context"));
    let result = imports.name("karafka::Result");
    let perform_tombstone = controller.delivers_tombstones.then(|| {
        let record = format!("record: &{}", imports.name("karafka::Record"));
        layout::method("async fn perform_tombstone", &["&self", &record, &context], &result)
    });
    let first_emit = controller.emits.first();
    let view = View {
        topics: codes(controller.topics.iter().map(String::as_str)),
        controller: kind,
        perform: layout::method(name, &["&self", &argument, &context], &result),
        perform_tombstone,
        ok: if type_name == "Ok" { "std::result::Result::Ok" } else { "Ok" },
        emits: first_emit.map(|_| codes(controller.emits.iter().map(String::as_str))),
        first_emit: first_emit.map(|key| topic_type(model, key)),
        takes_batches: controller.takes_batches,
        on_redis: controller
            .topics
            .iter()
            .flat_map(|topic| consumers_of(model, topic))
            .any(|consumer| consumer.controller == controller.constant && consumer.is_on_redis()),
        stub: StubView::new(type_name, imports),
    };
    templates.fill("src/controllers/controller.rs", &view)
}

/// What all stubs have: a type, made from the app's state, and what is imported.
#[derive(Serialize)]
struct StubView<'m> {
    imports: String,
    type_name: &'m str,
    from_state: String,
    state: String,
}

impl<'m> StubView<'m> {
    fn new(type_name: &'m str, mut imports: Imports) -> Self {
        let from_state = imports.name("karafka::FromState");
        let state = imports.name("crate::state::State");
        Self { imports: imports.text(), type_name, from_state, state }
    }
}

pub(super) fn worker(templates: &Templates, worker: &Worker) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        stub: StubView<'m>,
        worker: String,
        name: &'m str,
        controller: &'m str,
        controller_path: String,
        takes_batches: bool,
    }
    let mut imports = Imports::beside(worker.constant.type_name());
    let view = View {
        worker: imports.name("karafka::Worker"),
        stub: StubView::new(worker.constant.type_name(), imports),
        name: worker.constant.as_str(),
        controller: worker.controller.as_str(),
        controller_path: worker.controller.rust_path(),
        takes_batches: worker.takes_batches,
    };
    templates.fill("src/workers/worker.rs", &view)
}

/// A parser or an interchanger.
#[derive(Serialize)]
struct PartView<'m> {
    topics: String,
    stub: StubView<'m>,
    /// The trait, and whether its methods can be called by their names.
    r#trait: String,
    has_trait: bool,
    record: String,
    result: String,
    string: String,
    payloads: Vec<PayloadView>,
}

#[derive(Serialize)]
struct PayloadView {
    r#type: String,
    parser: &'static str,
    words: &'static str,
}

pub(super) fn parser(templates: &Templates, model: &Model, part: &Part) -> String {
    let mut imports = Imports::beside(part.constant.type_name());
    let payloads = payloads(part, &mut imports);
    let (record, string) = (imports.name("karafka::Record"), String::new());
    let topics = topics_of(model, part, |consumer| &consumer.parser);
    let view = part_view(part, topics, "karafka::Parser", imports, (record, string), payloads);
    templates.fill("src/parsers/parser.rs", &view)
}

pub(super) fn interchanger(templates: &Templates, model: &Model, part: &Part) -> String {
    let mut imports = Imports::beside(part.constant.type_name());
    let payloads = payloads(part, &mut imports);
    let (record, string) = (String::new(), imports.name("std::string::String"));
    let topics = topics_of(model, part, |consumer| &consumer.interchanger);
    let view = part_view(part, topics, "karafka::Interchanger", imports, (record, string), payloads);
    templates.fill("src/interchangers/interchanger.rs", &view)
}

fn part_view<'m>(
    part: &'m Part,
    topics: String,
    path: &str,
    mut imports: Imports,
    (record, string): (String, String),
    payloads: Vec<PayloadView>,
) -> PartView<'m> {
    let (name, result) = (imports.name(path), imports.name("karafka::Result"));
    let has_trait = imports.has(path);
    let stub = StubView::new(part.constant.type_name(), imports);
    PartView { topics, stub, r#trait: name, has_trait, record, result, string, payloads }
}

fn topics_of(model: &Model, part: &Part, of: impl Fn(&Consumer) -> &PartRef) -> String {
    let mut topics: Vec<_> = model
        .consumers
        .iter()
        .filter(|consumer| matches!(of(consumer), PartRef::Own(constant) if *constant == part.constant))
        .map(|consumer| consumer.topic.as_str())
        .collect();
    topics.dedup();
    codes(topics)
}

fn payloads(part: &Part, imports: &mut Imports) -> Vec<PayloadView> {
    let alone = part.payloads.len() == 1;
    let payloads = part.payloads.iter().map(|payload| {
        let (parser, words) = match payload {
            Payload::Message(_) | Payload::Json => ("Json", "JSON"),
            Payload::Bytes => ("RawBytes", "them as they are"),
            Payload::Text => ("Text", "UTF-8 text"),
        };
        PayloadView { r#type: imports.payload(payload, alone), parser, words }
    });
    payloads.collect()
}

pub(super) fn test(templates: &Templates, model: &Model, controller: &Controller) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        controller: &'m str,
        crate_name: &'m str,
        imports: &'static str,
        sample: String,
        tests: Vec<TestView>,
        retry: Option<SimulationView<'m>>,
        death: Option<SimulationView<'m>>,
    }
    #[derive(Serialize)]
    struct TestView {
        name: String,
        consume: String,
    }
    let topics: Vec<_> = controller.topics.iter().map(|topic| consumers_of(model, topic)).collect();
    let consumers: Vec<_> =
        topics.iter().copied().flatten().filter(|consumer| consumer.controller == controller.constant).collect();
    let mut names = BTreeSet::new();
    let mut tests = Vec::with_capacity(consumers.len());
    for consumer in &consumers {
        let base = if consumers.len() == 1 {
            "handles_a_message".to_owned()
        } else {
            format!("handles_a_message_of_{}", case::snake(&consumer.topic))
        };
        let mut name = base.clone();
        let mut number = 2;
        while !names.insert(name.clone()) {
            name = format!("{base}_{number}");
            number += 1;
        }
        let alone = consumers_of(model, &consumer.topic).len() == 1;
        tests.push(TestView {
            name,
            consume: consume(topic_type(model, &consumer.topic), (!alone).then_some(&consumer.group)),
        });
    }
    let simulation = |shows: fn(&Model, &Consumer) -> bool| {
        let consumer = consumers.iter().copied().find(|consumer| shows(model, consumer))?;
        let alone = consumers_of(model, &consumer.topic).len() == 1;
        Some(SimulationView::new(consumer, topic_type(model, &consumer.topic), alone))
    };
    let (retry, death) = (simulation(retries), simulation(dies));
    let view = View {
        controller: controller.constant.as_str(),
        crate_name: &model.crate_name,
        imports: if retry.is_none() && death.is_none() { "Harness" } else { "{Harness, Simulation}" },
        sample: sample(model, &controller.payload),
        tests,
        retry,
        death,
    };
    templates.fill("tests/controller.rs", &view)
}

/// A test of what one consumer does when its messages fail.
#[derive(Serialize)]
struct SimulationView<'m> {
    /// The topic's type.
    topic: &'m str,
    /// The statement that picks a group, where several consume the topic.
    group: String,
    /// What attempts are asked of: the whole run, or a group of it.
    on: &'static str,
    /// Keeps the test from rustfmt, where it would break lines.
    skip: &'static str,
}

impl<'m> SimulationView<'m> {
    fn new(consumer: &'m Consumer, topic: &'m str, alone: bool) -> Self {
        // What is left of rustfmt's `fn_call_width` beside the rest of the longest call.
        const WIDTH: usize = 30;
        let fits = "topics::".len() + topic.len() <= WIDTH && (alone || literal(&consumer.group).len() <= WIDTH);
        let group =
            if alone { String::new() } else { format!("    let group = run.group({});\n", literal(&consumer.group)) };
        let (on, skip) = (if alone { "run" } else { "group" }, if fits { "" } else { "#[rustfmt::skip]\n" });
        Self { topic, group, on, skip }
    }
}

/// A setting of a consumer without an environment, as a test has it; `None` if the manifest does not say it then.
fn setting(consumer: &Consumer, name: &str) -> Option<String> {
    let (_, text) = consumer.settings.iter().find(|(known, _)| known == name)?;
    expand(text, &BTreeMap::new()).ok()?.text
}

/// Whether a message that has failed once is tried again by the server. A job on Redis has left the server, and what is
/// consumed at most once is committed already.
fn retries(model: &Model, consumer: &Consumer) -> bool {
    !consumer.is_on_redis()
        && !is_at_most_once(model, consumer)
        && setting(consumer, "retry.attempts").is_none_or(|attempts| attempts != "1")
}

/// Whether a message that always fails goes to a dead letter topic, and not to Sidekiq's `dead` set.
fn dies(_: &Model, consumer: &Consumer) -> bool {
    !consumer.is_on_redis() && setting(consumer, "dead_letter").is_some()
}

/// Whether the consumer's group commits a message before it is performed.
fn is_at_most_once(model: &Model, consumer: &Consumer) -> bool {
    let group = model.groups.iter().find(|group| group.name == consumer.group);
    group.is_some_and(|group| group.settings.iter().any(|(key, value)| key == "delivery" && value == "at_most_once"))
}

/// The type of the topic `key`.
fn topic_type<'m>(model: &'m Model, key: &str) -> &'m str {
    let at = model.topics.binary_search_by(|topic| topic.key.as_str().cmp(key)).ok();
    at.and_then(|at| model.topics.get(at)).map_or("", |topic| topic.rust_name.as_str())
}

/// The consumers of a topic: they stand together, in the order of their topics.
fn consumers_of<'m>(model: &'m Model, topic: &str) -> &'m [Consumer] {
    let from = model.consumers.partition_point(|consumer| consumer.topic.as_str() < topic);
    let to = model.consumers.partition_point(|consumer| consumer.topic.as_str() <= topic);
    model.consumers.get(from..to).unwrap_or_default()
}

/// The statements that let the harness consume a message, broken where rustfmt breaks them.
///
/// A topic that several groups consume needs the group's name.
fn consume(topic: &str, group: Option<&String>) -> String {
    // rustfmt's `chain_width` and `fn_call_width`, by default.
    const WIDTH: usize = 60;
    let topic = format!("topics::{topic}");
    let (record, method, arguments) = match group {
        None => ("", "consume", vec![topic, "SAMPLE".to_owned()]),
        Some(group) => (RECORD, "consume_in", vec![literal(group), topic, "record".to_owned()]),
    };
    let line = arguments.join(", ");
    if format!("harness.{method}({line}).await").len() <= WIDTH {
        format!("{record}    let outcome = harness.{method}({line}).await;")
    } else if line.len() <= WIDTH {
        format!("{record}    let outcome = harness\n        .{method}({line})\n        .await;")
    } else {
        let lines: String = arguments.iter().map(|argument| format!("            {argument},\n")).collect();
        format!("{record}    let outcome = harness\n        .{method}(\n{lines}        )\n        .await;")
    }
}

const RECORD: &str = "    let record = karafka::OwnedRecord {
        value: Some(SAMPLE.into()),
        ..karafka::OwnedRecord::default()
    };
";

/// The constant `SAMPLE`: a message that the topic's type allows, laid out to be read and changed.
fn sample(model: &Model, payload: &Payload) -> String {
    let value = match payload {
        Payload::Message(_) | Payload::Json => sample::sample(model, payload, 1),
        Payload::Bytes => return "const SAMPLE: &[u8] = b\"some bytes\";".to_owned(),
        Payload::Text => return "const SAMPLE: &str = \"some text\";".to_owned(),
    };
    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
    if !text.contains('\n') {
        return format!("const SAMPLE: &str = {};", literal(&text));
    }
    // As many hashes as it takes for nothing inside to end the literal.
    let mut hashes = String::from("#");
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    format!("const SAMPLE: &str = r{hashes}\"{text}\"{hashes};")
}
