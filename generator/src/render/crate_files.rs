//! The files that make a folder a crate.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{escape, templates::Templates};
use crate::{
    model::{Consumer, Model},
    workspace::Inherited,
};

/// Where an app finds the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// A folder, as the app's `Cargo.toml` names it.
    Path(String),
    /// A git repository.
    Git(String),
    /// A version of the registry.
    Version(String),
    /// What the workspace says that the app is a member of.
    Workspace,
}

impl Dependency {
    /// The value of `karafka = …` in `Cargo.toml`, with the features that an app of this model is built with.
    #[must_use]
    pub fn toml(&self, model: &Model, inherited: Option<&Inherited>) -> String {
        let source = self.source();
        let wanted = if model.consumes() { needed_features(model) } else { &SENDING };
        match (self, inherited) {
            // Whether the default ones are in, its workspace says alone.
            (Self::Workspace, Some(inherited)) => {
                let has = inherited.runtime_features();
                let missing: Vec<_> = wanted.iter().filter(|feature| !has.contains(**feature)).collect();
                let features = if missing.is_empty() { String::new() } else { format!(", features = {missing:?}") };
                format!("{{ {source}{features} }}")
            }
            (Self::Workspace, None) => format!("{{ {source} }}"),
            _ if !model.consumes() => format!("{{ {source}, default-features = false, features = {wanted:?} }}"),
            (Self::Version(version), _) => escape::toml(version),
            _ => format!("{{ {source} }}"),
        }
    }

    /// The same under `[dev-dependencies]`, with what the tests of an app that consumes need.
    #[must_use]
    pub fn testing_toml(&self) -> String {
        format!("{{ {}, features = [\"testing\"] }}", self.source())
    }

    fn source(&self) -> String {
        match self {
            Self::Path(path) => format!("path = {}", escape::toml(path)),
            Self::Git(url) => format!("git = {}", escape::toml(url)),
            Self::Version(version) => format!("version = {}", escape::toml(version)),
            Self::Workspace => "workspace = true".to_owned(),
        }
    }
}

/// Features of the runtime that an app which only sends has: no engine, no Redis.
const SENDING: [&str; 3] = ["producer", "ssl", "zstd"];

/// The features of the runtime without which the app's generated code does not do what its manifest says.
pub(crate) fn needed_features(model: &Model) -> &'static [&'static str] {
    match (model.consumes(), model.consumers.iter().any(Consumer::is_on_redis)) {
        (false, _) => &SENDING[..1],
        (true, false) => &["consumer"],
        (true, true) => &["consumer", "jobs"],
    }
}

/// What the small files of an app need to know.
#[derive(Debug, Serialize)]
pub(super) struct App<'m> {
    app: &'m str,
    crate_name: &'m str,
    topic: &'m str,
    /// Its type in Rust.
    topic_type: &'m str,
    pad: String,
    consumes: bool,
}

impl<'m> App<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let topic = model
            .consumers
            .first()
            .map(|consumer| consumer.topic.as_str())
            .or_else(|| model.topics.first().map(|topic| topic.key.as_str()))
            .unwrap_or("TOPIC");
        let named = model.topics.iter().find(|one| one.key == topic);
        Self {
            app: &model.app,
            crate_name: &model.crate_name,
            topic,
            topic_type: named.map_or("TOPIC", |topic| &topic.rust_name),
            consumes: model.consumes(),
            // The comments of the README's commands stand in one column.
            pad: " ".repeat("cargo run                            ".len().saturating_sub(25 + topic.len())),
        }
    }
}

/// What an app needs beside the runtime: under which table, which crate, and how it is written where no workspace says it.
pub(crate) const OTHER_DEPENDENCIES: [OtherDependency; 2] = [
    OtherDependency { table: "dependencies", name: "serde", version: "1", features: &["derive"] },
    OtherDependency { table: "dev-dependencies", name: "tokio", version: "1", features: &["macros", "rt"] },
];

/// What a new app has of tokio, where its code finds it too: what blocks goes to `spawn_blocking`, what is told to stop waits
/// in a `select!`. Of a crate that was there before, only its tests ask for it.
pub(crate) const TOKIO: OtherDependency =
    OtherDependency { table: "dependencies", name: "tokio", version: "1", features: &["macros", "rt", "time"] };

/// A dependency of every app.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OtherDependency {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    version: &'static str,
    pub(crate) features: &'static [&'static str],
}

impl OtherDependency {
    /// Its line in `Cargo.toml`.
    pub(crate) fn line(&self, inherited: Option<&Inherited>) -> String {
        let Self { name, version, features, .. } = self;
        let source = match inherited {
            Some(inherited) if inherited.dependencies.contains_key(*name) => "workspace = true".to_owned(),
            _ => format!("version = \"{version}\""),
        };
        format!("{name} = {{ {source}, features = {features:?} }}")
    }
}

/// `Cargo.toml`, of a workspace of its own or of a member that takes from its workspace what is `inherited`.
pub(super) fn cargo(
    templates: &Templates,
    model: &Model,
    dependency: &Dependency,
    inherited: Option<&Inherited>,
) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        app: &'m str,
        package: Vec<String>,
        runtime: String,
        serde: String,
        /// Nothing of it where there are no controllers to be tested.
        testing: Option<String>,
        tokio: String,
        lints: bool,
        alone: bool,
    }
    let mut package = Vec::new();
    let mut left: BTreeSet<&str> = inherited.iter().flat_map(|one| &one.package).map(String::as_str).collect();
    let default_run = escape::toml(&model.app);
    for (key, value) in
        [("version", "\"0.1.0\""), ("edition", "\"2024\""), ("rust-version", "\"1.89\""), ("publish", "false")]
            .into_iter()
            // So that a second binary does not make `cargo run` ask which.
            .chain(model.consumes().then_some(("default-run", default_run.as_str())))
    {
        package.push(if left.remove(key) { format!("{key}.workspace = true") } else { format!("{key} = {value}") });
    }
    package.extend(left.into_iter().map(|key| format!("{key}.workspace = true")));
    let [serde, tokio] = OTHER_DEPENDENCIES.map(|one| one.line(inherited));
    let view = View {
        app: &model.app,
        package,
        runtime: dependency.toml(model, inherited),
        serde,
        testing: model.consumes().then(|| dependency.testing_toml()),
        tokio: if model.consumes() { TOKIO.line(inherited) } else { tokio },
        lints: inherited.is_some_and(|one| one.lints),
        alone: inherited.is_none(),
    };
    templates.fill("Cargo.toml", &view)
}

/// The library: the app's modules, with those `folders` of parts that there are.
pub(super) fn library(templates: &Templates, model: &Model, folders: &[&'static str]) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        app: &'m str,
        consumes: bool,
        modules: Vec<&'static str>,
    }
    let mut modules = [modules(model), folders].concat();
    modules.sort_unstable();
    templates.fill("src/lib.rs", &View { app: &model.app, consumes: model.consumes(), modules })
}

/// Whether the text of a library is that of a crate which was made for an app that only sends, whatever was added to it.
pub(crate) fn was_made_to_send(library: &str) -> bool {
    let first = library.lines().next().unwrap_or_default();
    first.starts_with("//! ") && first.trim_end().ends_with(": what it sends stands in `karafka.yml`.")
}

/// The modules of the library beside the folders of parts.
pub(crate) fn modules(model: &Model) -> &'static [&'static str] {
    if model.consumes() { &["generated", "state"] } else { &["generated"] }
}

/// What an author can have at hand, the messages by name: so they stand before the names of the runtime.
pub(super) fn prelude(templates: &Templates, model: &Model) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        messages: Vec<&'m str>,
        hides_state: bool,
    }
    let messages: Vec<&str> = model.messages.iter().map(|message| message.name.as_str()).collect();
    let hides_state = messages.contains(&"State");
    templates.fill("src/generated/prelude.rs", &View { messages, hides_state })
}

/// The manifest of an app that was given none: one topic that is consumed, one that is sent to.
#[must_use]
pub fn starter_manifest(app: &str) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        app: &'m str,
    }
    Templates::new().fill("karafka.yml", &View { app })
}

/// `.cargo/config.toml` of an app beside a checkout, which shares what the checkout has built: in this folder, if cargo does
/// not build everything into one anyway.
#[must_use]
pub fn cargo_config(build_dir: Option<&str>) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        build_dir: Option<&'m str>,
    }
    Templates::new().fill("cargo_config.toml", &View { build_dir })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, a crate that was made to send is taken for one that somebody else made, and its first controller comes
    /// without a program.
    #[test]
    fn a_library_that_was_made_to_send_is_known_by_its_first_line() {
        let library = |topic: &str| {
            let manifest = format!("app: shop\ntopics:\n  orders: {topic}\n");
            let model = crate::compile(&crate::source::Source::new("karafka.yml", manifest)).model.unwrap();
            library(&Templates::new(), &model, &[])
        };
        let sends = library("{}");
        assert!(was_made_to_send(&sends) && was_made_to_send(&sends.replace('\n', "\r\n")), "{sends}");
        assert!(was_made_to_send(&(sends + "pub mod more;\n")));
        assert!(!was_made_to_send(&library("{ controller: OrdersController }")));
        assert!(!was_made_to_send("") && !was_made_to_send("//! Mine.\n"));
    }
}
