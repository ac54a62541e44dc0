//! YAML in, a model or diagnostics out.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

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

/// Try
#[test]
fn slide() {
    println!("{:#?}", model(include_str!("../../../tests/manifests/slide.yml")));
    println!("{:#?}", model(include_str!("../../../tests/manifests/everything.yml")));
}
