//! YAML in, a model or diagnostics out.

mod alone;
mod consequences;
mod dead_letters;
mod groups;
mod limits;
mod random;
mod record_keys;
mod refusals;
mod resolved;
mod right;
mod samples;
mod sizes;
mod suggestions;
mod values;

use super::*;

fn source(yaml: &str) -> Source {
    Source::new("karafka.yml", yaml)
}

/// The model of a manifest without a mistake.
fn model(yaml: &str) -> Model {
    let compiled = compile(&source(yaml));
    let mistakes: Vec<_> = compiled.diagnostics.iter().filter(|found| found.severity != Severity::Note).collect();
    assert!(mistakes.is_empty(), "{mistakes:#?}");
    compiled.model.unwrap()
}

/// The model of an app with only these messages, as lines under `messages:`.
fn messages(lines: &str) -> Model {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    model(&format!("app: myapp\nmessages:\n{indented}"))
}
