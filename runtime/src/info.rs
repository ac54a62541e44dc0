//! `info`: what an app is and what it runs with, for a person who looks for a mistake.

use crate::{
    manifest::Manifest,
    settings::{self, Group, Question, SettingError, Settings},
    topology::table,
};

/// The version of this runtime.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of librdkafka in this binary.
#[must_use]
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

/// What is known of an app and its settings, secrets redacted; `tools` are further lines about versions.
#[must_use]
pub fn text(
    manifest: &Manifest,
    settings: &Settings,
    questions: &[Question],
    errors: &[SettingError],
    tools: &[(&str, String)],
) -> String {
    let mut lines: Vec<(&str, String)> = vec![
        ("app", format!("{} {}", manifest.app, manifest.version)),
        ("karafka", VERSION.to_owned()),
        ("librdkafka", librdkafka_with_features()),
    ];
    lines.extend(tools.iter().map(|(name, version)| (*name, version.clone())));
    lines.push(("environment", settings.environment.clone()));
    lines.push(("brokers", brokers(settings, errors)));
    let groups = settings.groups.iter().map(Group::in_words);
    lines.push(("groups", counted(manifest.groups.len(), groups)));
    let mut consumed: Vec<_> = manifest.consumers.iter().map(|consumer| consumer.topic).collect();
    consumed.dedup();
    lines.push(("topics", format!("{}, {} consumed here", manifest.topics.len(), consumed.len())));
    let mut controllers: Vec<_> = manifest.consumers.iter().map(|consumer| consumer.controller).collect();
    controllers.sort_unstable();
    controllers.dedup();
    lines.push(("controllers", controllers.len().to_string()));
    let lines: Vec<_> = lines.into_iter().map(|(name, words)| vec![name.to_owned(), words]).collect();

    let mut rows = vec![["SETTING", "VALUE", "FROM"].map(str::to_owned).to_vec()];
    let values = settings.values.iter();
    rows.extend(values.map(|value| vec![value.key.clone(), value.shown().into_owned(), value.source()]));
    let left_out = settings.left_out.iter();
    rows.extend(left_out.map(|left_out| vec![left_out.key.clone(), "(left out)".to_owned(), left_out.source()]));
    // What a layer leaves out comes after what holds instead.
    rows[1..].sort_by(|one, next| one[0].cmp(&next[0]));
    let mut text = format!("{}\n{}", table(&lines, "", "   "), table(&rows, "", "   "));
    for unverified in settings.unverified() {
        text.push_str(&format!("\nwarning: {}\n  {}\n", unverified.words, unverified.help));
    }
    for question in questions {
        text.push_str(&format!("\nwarning: {question}\n"));
    }
    for error in errors {
        text.push_str(&format!("\nerror: {error}\n"));
    }
    text
}

fn librdkafka_with_features() -> String {
    let mut parts = settings::compiled_in();
    parts.retain(|part| ["ssl", "zstd", "sasl_gssapi", "lz4", "gzip", "snappy"].contains(&part.as_str()));
    parts.sort_unstable();
    format!("{} ({})", librdkafka_version(), parts.join(", "))
}

fn brokers(settings: &Settings, errors: &[SettingError]) -> String {
    let missing = errors.iter().any(|error| matches!(error, SettingError::NoBrokers { .. }));
    match &settings.brokers {
        Some(brokers) => brokers.clone(),
        // What only sends starts none.
        None if missing || !settings.is_development() || settings.consumers.is_empty() => "none".to_owned(),
        None => "embedded (none are configured)".to_owned(),
    }
}

fn counted(count: usize, names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "0".to_owned() } else { format!("{count}: {}", names.join(", ")) }
}
