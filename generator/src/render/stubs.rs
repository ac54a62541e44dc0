//! The owned files of the app's parts, as they are first written.

use serde::Serialize;

use super::{
    escape::{codes, literal},
    layout,
    templates::Templates,
    type_in_prelude,
};
use crate::{
    model::{Consumer, Controller, Model, Part, PartRef, Payload, Worker, sample},
    names::case,
};

pub(super) fn controller(templates: &Templates, model: &Model, controller: &Controller) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        topics: String,
        type_name: &'m str,
        perform: String,
        emits: Option<String>,
        first_emit: Option<&'m str>,
        delivers_tombstones: bool,
    }
    let message = format!("message: &Message<{}>", type_in_prelude(&controller.payload));
    let first_emit = controller.emits.first();
    let view = View {
        topics: codes(controller.topics.iter().map(String::as_str)),
        type_name: controller.constant.type_name(),
        perform: layout::method("async fn perform", &["&self", &message, "_ctx: &Context<Self>"], "Result"),
        emits: first_emit.map(|_| codes(controller.emits.iter().map(String::as_str))),
        first_emit: first_emit
            .and_then(|key| model.topics.iter().find(|topic| topic.key == *key))
            .map(|topic| topic.rust_name.as_str()),
        delivers_tombstones: controller.delivers_tombstones,
    };
    templates.fill("src/controllers/controller.rs", &view)
}

pub(super) fn worker(templates: &Templates, worker: &Worker) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        type_name: &'m str,
        name: &'m str,
        controller: &'m str,
        controller_path: String,
    }
    let view = View {
        type_name: worker.constant.type_name(),
        name: worker.constant.as_str(),
        controller: worker.controller.as_str(),
        controller_path: worker.controller.rust_path(),
    };
    templates.fill("src/workers/worker.rs", &view)
}

#[derive(Serialize)]
struct PartView<'m> {
    topics: String,
    type_name: &'m str,
    payloads: Vec<PayloadView>,
}

#[derive(Serialize)]
struct PayloadView {
    r#type: String,
    parser: &'static str,
    words: &'static str,
}

pub(super) fn parser(templates: &Templates, model: &Model, part: &Part) -> String {
    templates.fill("src/parsers/parser.rs", &part_view(model, part, |consumer| &consumer.parser))
}

pub(super) fn interchanger(templates: &Templates, model: &Model, part: &Part) -> String {
    templates.fill("src/interchangers/interchanger.rs", &part_view(model, part, |consumer| &consumer.interchanger))
}

fn part_view<'m>(model: &Model, part: &'m Part, of: impl Fn(&Consumer) -> &PartRef) -> PartView<'m> {
    let mut topics: Vec<_> = model
        .consumers
        .iter()
        .filter(|consumer| matches!(of(consumer), PartRef::Own(constant) if *constant == part.constant))
        .map(|consumer| consumer.topic.as_str())
        .collect();
    topics.dedup();
    let payloads = part.payloads.iter().map(|payload| {
        let (parser, words) = match payload {
            Payload::Message(_) | Payload::Json => ("Json", "JSON"),
            Payload::Bytes => ("RawBytes", "them as they are"),
            Payload::Text => ("Text", "UTF-8 text"),
        };
        PayloadView { r#type: type_in_prelude(payload), parser, words }
    });
    PartView { topics: codes(topics), type_name: part.constant.type_name(), payloads: payloads.collect() }
}

pub(super) fn test(templates: &Templates, model: &Model, controller: &Controller) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        controller: &'m str,
        crate_name: &'m str,
        sample: String,
        tests: Vec<TestView>,
    }
    #[derive(Serialize)]
    struct TestView {
        name: String,
        consume: String,
    }
    let one = controller.topics.len() == 1;
    let view = View {
        controller: controller.constant.as_str(),
        crate_name: &model.crate_name,
        sample: sample(model, &controller.payload),
        tests: controller
            .topics
            .iter()
            .map(|topic| TestView {
                name: if one {
                    "handles_a_message".to_owned()
                } else {
                    format!("handles_a_message_of_{}", case::snake(topic))
                },
                consume: consume(topic),
            })
            .collect(),
    };
    templates.fill("tests/controller.rs", &view)
}

/// The statement that lets the harness consume a message, broken where rustfmt breaks it.
fn consume(topic: &str) -> String {
    // rustfmt's `chain_width` and `fn_call_width`, by default.
    const WIDTH: usize = 60;
    let topic = literal(topic);
    let arguments = format!("{topic}, SAMPLE");
    if format!("harness.consume({arguments}).await").len() <= WIDTH {
        format!("    let outcome = harness.consume({arguments}).await;")
    } else if arguments.len() <= WIDTH {
        format!("    let outcome = harness\n        .consume({arguments})\n        .await;")
    } else {
        format!(
            "    let outcome = harness\n        .consume(\n            {topic},\n            SAMPLE,\n        )\n        .await;"
        )
    }
}

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
