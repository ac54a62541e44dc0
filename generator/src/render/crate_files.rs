//! The files that make a folder a crate.

use serde::Serialize;

use super::{escape, templates::Templates};
use crate::model::Model;

/// Where an app finds the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// A folder, as the app's `Cargo.toml` names it.
    Path(String),
    /// A git repository.
    Git(String),
    /// A version of the registry.
    Version(String),
}

impl Dependency {
    /// The value of `karafka = …` in `Cargo.toml`.
    #[must_use]
    pub fn toml(&self) -> String {
        match self {
            Self::Path(path) => format!("{{ path = {} }}", escape::toml(path)),
            Self::Git(url) => format!("{{ git = {} }}", escape::toml(url)),
            Self::Version(version) => escape::toml(version),
        }
    }

    /// The same under `[dev-dependencies]`, with what an app's tests need.
    #[must_use]
    pub fn testing_toml(&self) -> String {
        let source = match self {
            Self::Path(path) => format!("path = {}", escape::toml(path)),
            Self::Git(url) => format!("git = {}", escape::toml(url)),
            Self::Version(version) => format!("version = {}", escape::toml(version)),
        };
        format!("{{ {source}, features = [\"testing\"] }}")
    }
}

/// What the small files of an app need to know.
#[derive(Debug, Serialize)]
pub(super) struct App<'m> {
    app: &'m str,
    crate_name: &'m str,
    messages: bool,
    topic: &'m str,
    pad: String,
}

impl<'m> App<'m> {
    pub(super) fn new(model: &'m Model) -> Self {
        let topic = model
            .consumers
            .first()
            .map(|consumer| consumer.topic.as_str())
            .or_else(|| model.topics.first().map(|topic| topic.key.as_str()))
            .unwrap_or("TOPIC");
        Self {
            app: &model.app,
            crate_name: &model.crate_name,
            messages: !model.messages.is_empty(),
            topic,
            // The comments of the README's commands stand in one column.
            pad: " ".repeat("cargo run                            ".len().saturating_sub(25 + topic.len())),
        }
    }
}

pub(super) fn cargo(templates: &Templates, model: &Model, dependency: &Dependency) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        app: &'m str,
        runtime: String,
        testing: String,
    }
    let (runtime, testing) = (dependency.toml(), dependency.testing_toml());
    templates.fill("Cargo.toml", &View { app: &model.app, runtime, testing })
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

/// `.cargo/config.toml` of an app beside a checkout, whose target folder it shares.
#[must_use]
pub fn cargo_config(target_dir: &str) -> String {
    #[derive(Serialize)]
    struct View<'m> {
        target_dir: &'m str,
    }
    Templates::new().fill("cargo_config.toml", &View { target_dir })
}
