//! `src/generated/routes.rs`: who consumes what, and what the manifest says of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{escape::literal, templates::Templates, type_in_generated};
use crate::model::{Consumer, Model, PartRef, Payload, Setting};

#[derive(Serialize)]
struct View<'m> {
    app: &'m str,
    entries: &'static str,
    controllers: Vec<ControllerView<'m>>,
    settings: String,
    environments: String,
    groups: Vec<GroupView<'m>>,
    topics: Vec<TopicView<'m>>,
    consumers: Vec<ConsumerView<'m>>,
}

#[derive(Serialize)]
struct ControllerView<'m> {
    path: String,
    message: String,
    name: &'m str,
    emits: Vec<&'m str>,
}

#[derive(Serialize)]
struct GroupView<'m> {
    name: &'m str,
    settings: String,
}

#[derive(Serialize)]
struct TopicView<'m> {
    key: &'m str,
    message: &'m str,
    settings: String,
}

#[derive(Serialize)]
struct ConsumerView<'m> {
    topic: &'m str,
    group: &'m str,
    controller: &'m str,
    worker: &'m str,
    parser: &'m str,
    interchanger: &'m str,
    emits: String,
    takes_batches: bool,
    settings: String,
    worker_path: String,
    parser_path: String,
    interchanger_path: String,
}

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    let rust_names: BTreeMap<&str, &str> =
        model.topics.iter().map(|topic| (topic.key.as_str(), topic.rust_name.as_str())).collect();
    let named: BTreeMap<&str, bool> =
        model.workers.iter().map(|worker| (worker.constant.as_str(), worker.named)).collect();
    let view = View {
        app: &model.app,
        entries: match (model.topics.is_empty(), model.consumers.is_empty()) {
            (false, false) => "{ConsumerEntry, GroupEntry, Manifest, TopicEntry}",
            (false, true) => "{Manifest, TopicEntry}",
            (true, _) => "Manifest",
        },
        controllers: model
            .controllers
            .iter()
            .map(|controller| ControllerView {
                path: controller.constant.rust_path(),
                message: type_in_generated(&controller.payload),
                name: controller.constant.as_str(),
                emits: controller.emits.iter().filter_map(|key| rust_names.get(key.as_str()).copied()).collect(),
            })
            .collect(),
        settings: pairs(&model.settings, 4),
        environments: environments(&model.environments),
        groups: model
            .groups
            .iter()
            .map(|group| GroupView { name: &group.name, settings: pairs(&group.settings, 8) })
            .collect(),
        topics: model
            .topics
            .iter()
            .map(|topic| TopicView {
                key: &topic.key,
                message: match &topic.payload {
                    Payload::Message(name) => name,
                    Payload::Json => "json",
                    Payload::Bytes => "bytes",
                    Payload::Text => "text",
                },
                settings: pairs(&topic.settings, 8),
            })
            .collect(),
        consumers: model
            .consumers
            .iter()
            .map(|one| consumer(one, named.get(one.worker.as_str()) == Some(&true)))
            .collect(),
    };
    templates.fill("src/generated/routes.rs", &view)
}

fn consumer(consumer: &Consumer, worker_is_named: bool) -> ConsumerView<'_> {
    ConsumerView {
        topic: &consumer.topic,
        group: &consumer.group,
        controller: consumer.controller.as_str(),
        worker: consumer.worker.as_str(),
        parser: written(&consumer.parser),
        interchanger: written(&consumer.interchanger),
        emits: list(consumer.emits.iter().map(|topic| literal(topic)), 12),
        takes_batches: consumer.takes_batches,
        settings: pairs(&consumer.settings, 12),
        worker_path: if worker_is_named {
            consumer.worker.rust_path()
        } else {
            let mut path = String::from("super::workers");
            for segment in consumer.worker.modules().iter().map(String::as_str).chain([consumer.worker.type_name()]) {
                path.push_str("::");
                path.push_str(segment);
            }
            path
        },
        parser_path: path("karafka::parser", &consumer.parser),
        interchanger_path: path("karafka::interchanger", &consumer.interchanger),
    }
}

fn written(part: &PartRef) -> &str {
    match part {
        PartRef::BuiltIn(name) => name,
        PartRef::Own(constant) => constant.as_str(),
    }
}

fn path(module: &str, part: &PartRef) -> String {
    match part {
        PartRef::BuiltIn("bytes") => format!("{module}::RawBytes"),
        PartRef::BuiltIn("text") => format!("{module}::Text"),
        PartRef::BuiltIn("binary") => format!("{module}::Binary"),
        PartRef::BuiltIn(_) => format!("{module}::Json"),
        PartRef::Own(constant) => constant.rust_path(),
    }
}

fn environments(environments: &[(String, Vec<Setting>)]) -> String {
    list(environments.iter().map(|(name, settings)| format!("({}, {})", literal(name), pairs(settings, 8))), 4)
}

fn pairs(settings: &[Setting], indent: usize) -> String {
    list(settings.iter().map(|(key, value)| format!("({}, {})", literal(key), literal(value))), indent)
}

/// A slice: short ones on one line, long ones with an item a line. Only inside of `#[rustfmt::skip]`.
fn list(items: impl Iterator<Item = String>, indent: usize) -> String {
    let items: Vec<_> = items.collect();
    let line = format!("&[{}]", items.join(", "));
    if items.len() <= 1 && !line.contains('\n') || line.len() <= 60 {
        return line;
    }
    let indent = " ".repeat(indent);
    let items: String = items.iter().map(|item| format!("{indent}    {item},\n")).collect();
    format!("&[\n{items}{indent}]")
}
