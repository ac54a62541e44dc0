//! Batches: their defaults, and what they cannot stand beside.

use super::{Consumer, Setting, report::Report};
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Batch, ConsumerSettings},
    source::Span,
};

/// How many records a batch holds at most, where the manifest names no number; the runtime has the same.
const SIZE: &str = "100";
/// How long the first record of a batch waits, where the manifest does not say; the runtime has the same.
const WAIT: &str = "200ms";

/// Both halves, written out.
pub(super) fn settings(batch: &Batch) -> [Setting; 2] {
    let text = |half: &Option<crate::manifest::Text>, default: &str| {
        half.as_ref().map_or_else(|| default.to_owned(), |text| text.value.clone())
    };
    [("batch.size".to_owned(), text(&batch.size, SIZE)), ("batch.wait".to_owned(), text(&batch.wait, WAIT))]
}

/// A batch holds messages, and a tombstone is none.
pub(super) fn check_tombstones(
    batch: &Batch,
    own: &ConsumerSettings,
    defaults: &ConsumerSettings,
    report: &mut Report<'_>,
) {
    let Some(text) = own.tombstones.as_ref().or(defaults.tombstones.as_ref()) else { return };
    if text.value != "deliver" {
        return;
    }
    let diagnostic =
        Diagnostic::error(codes::TOMBSTONES_IN_BATCHES, batch.span, "a batch holds messages, and a tombstone is none");
    let help = if own.tombstones.is_some() {
        "write `tombstones: skip` or `tombstones: fail`, or take `batch` out to get records without a value one by one"
    } else {
        "add `tombstones: skip` or `tombstones: fail` beside it, or take it out to get records without a value one by one"
    };
    report.add(diagnostic.related(text.span, "records without a value are to be delivered").help(help));
}

/// One controller that would have to handle messages one by one and several at once.
pub(super) fn mixed((consumer, span): (&Consumer, Span), (first, first_span): (&Consumer, Span)) -> Diagnostic {
    let (batches, singles) = if consumer.takes_batches { (consumer, first) } else { (first, consumer) };
    let words = format!(
        "`{}` gets batches from `{}` and single messages from `{}`, but a controller has either `perform_batch` or \
         `perform`",
        consumer.controller, batches.topic, singles.topic
    );
    let help = format!("add `batch: {{}}` to `{}`, or give it a controller of its own", singles.topic);
    Diagnostic::error(codes::MIXED_BATCHES, span, words).related(first_span, "first here").help(help)
}

#[cfg(test)]
mod tests {
    use karafka::settings::{Batch, parse};

    use super::*;

    /// If this fails, `info` shows another default than the one that an app without a number runs with.
    #[test]
    fn the_defaults_are_the_runtimes() {
        let Batch { size, wait, .. } = Batch::default();
        assert_eq!((parse::batch_size(SIZE), parse::duration(WAIT)), (Ok(size), Ok(wait)));
    }
}
