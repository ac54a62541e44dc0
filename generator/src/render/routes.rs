//! `src/generated/routes.rs`: who consumes what; `manifest.rs` beside it: what the manifest says of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{tables, templates::Templates, type_in_generated};
use crate::model::{Consumer, Model, PartRef};

#[derive(Serialize)]
struct View<'m> {
    controllers: Vec<ControllerView<'m>>,
    consumers: Vec<ConsumerView>,
}

#[derive(Serialize)]
struct ControllerView<'m> {
    path: String,
    message: String,
    name: &'m str,
    emits: Vec<&'m str>,
}

/// The types of a consumer.
#[derive(Serialize)]
struct ConsumerView {
    takes_batches: bool,
    worker: String,
    parser: String,
    interchanger: String,
}

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    let rust_names: BTreeMap<&str, &str> =
        model.topics.iter().map(|topic| (topic.key.as_str(), topic.rust_name.as_str())).collect();
    let named: BTreeMap<&str, bool> =
        model.workers.iter().map(|worker| (worker.constant.as_str(), worker.named)).collect();
    let view = View {
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
        consumers: model
            .consumers
            .iter()
            .map(|one| consumer(one, named.get(one.worker.as_str()) == Some(&true)))
            .collect(),
    };
    templates.fill("src/generated/routes.rs", &view)
}

pub(super) fn manifest(templates: &Templates, model: &Model) -> String {
    #[derive(Serialize)]
    struct View {
        manifest: String,
    }
    templates.fill("src/generated/manifest.rs", &View { manifest: tables::manifest(model) })
}

fn consumer(consumer: &Consumer, worker_is_named: bool) -> ConsumerView {
    ConsumerView {
        takes_batches: consumer.takes_batches,
        worker: if worker_is_named {
            consumer.worker.rust_path()
        } else {
            let mut path = String::from("super::workers");
            for segment in consumer.worker.modules().iter().map(String::as_str).chain([consumer.worker.type_name()]) {
                path.push_str("::");
                path.push_str(segment);
            }
            path
        },
        parser: path("codegen::parser", &consumer.parser),
        interchanger: path("codegen::interchanger", &consumer.interchanger),
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
