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

proptest::proptest! {
    /// If this fails, what follows from a mistake is shown beside it, or a mistake of its own is not shown.
    #[test]
    fn a_place_is_refused_where_any_of_it_is(
        refused in proptest::collection::vec((0..12_usize, 0..5_usize), 0..5),
        start in 0..16_usize,
        length in 0..5_usize,
    ) {
        let span = |(start, length): (usize, usize)| Span::new(start, start + length);
        let place = span((start, length));
        let meets = |refused: Span| {
            let end = place.end.max(place.start + 1);
            refused.start < end && (refused.start >= place.start || refused.end > place.start)
        };
        let expected = refused.iter().copied().map(span).any(meets);
        proptest::prop_assert_eq!(refused.into_iter().map(span).collect::<Refused>().meets(place), expected);
    }
}
