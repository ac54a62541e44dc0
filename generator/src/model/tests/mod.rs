//! YAML in, a model or diagnostics out.

mod random;
mod refusals;
mod resolved;
mod samples;
mod values;

use super::*;

fn source(yaml: &str) -> Source {
    Source::new("karafka.yml", yaml)
}

/// The model of a manifest without a mistake.
fn model(yaml: &str) -> Model {
    let compiled = compile(&source(yaml));
    assert!(compiled.diagnostics.is_empty(), "{:#?}", compiled.diagnostics);
    compiled.model.unwrap()
}

/// The model of an app with only these messages, as lines under `messages:`.
fn messages(lines: &str) -> Model {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    model(&format!("app: myapp\nmessages:\n{indented}"))
}
