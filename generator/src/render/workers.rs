//! `src/generated/workers.rs`: the workers that the manifest leaves to us, in a module for each namespace.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{escape::code, templates::Templates};
use crate::{
    model::{Model, Worker},
    names::Role,
};

#[derive(Default)]
struct Namespace<'m> {
    inner: BTreeMap<&'m str, Namespace<'m>>,
    workers: Vec<&'m Worker>,
}

pub(super) fn text(templates: &Templates, model: &Model) -> String {
    #[derive(Serialize)]
    struct View {
        body: String,
    }
    let mut root = Namespace::default();
    for worker in model.workers.iter().filter(|worker| !worker.named) {
        let mut namespace = &mut root;
        for module in worker.constant.modules() {
            namespace = namespace.inner.entry(module).or_default();
        }
        namespace.workers.push(worker);
    }
    let mut body = String::new();
    for item in items(templates, Role::Worker.folder(), &root) {
        body.push_str("\n\n");
        body.push_str(item.trim_end());
    }
    templates.fill("src/generated/workers.rs", &View { body })
}

/// Each worker and each module of a namespace, not indented. `module` is the namespace's own.
fn items(templates: &Templates, module: &str, namespace: &Namespace<'_>) -> Vec<String> {
    let workers = namespace.workers.iter().map(|worker| item(templates, worker));
    let modules = namespace.inner.iter().map(|(name, inner)| {
        let body = items(templates, name, inner).join("\n");
        // `Workers::ListController` is right under `src/controllers`, and its worker stands here.
        let expect = if *name == module { "#[expect(clippy::module_inception)]\n" } else { "" };
        format!("/// Workers of {}.\n{expect}pub mod {name} {{\n{}}}\n", code(name), indented(&body))
    });
    workers.chain(modules).collect()
}

fn item(templates: &Templates, worker: &Worker) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        type_name: &'m str,
        name: &'m str,
        controller: &'m str,
        controller_path: String,
    }
    templates.fill_part(
        "src/generated/worker.rs",
        &View {
            type_name: worker.constant.type_name(),
            name: worker.constant.as_str(),
            controller: worker.controller.as_str(),
            controller_path: worker.controller.rust_path(),
        },
    )
}

fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str("    ");
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
