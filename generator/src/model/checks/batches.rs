//! Batches beside records that are none.

use super::Facts;
use crate::{
    diagnostic::{Diagnostic, codes},
    manifest::{Batch, ConsumerSettings},
    model::report::Report,
};

/// Reports consumers that get batches, and records without a value.
pub(super) fn check(facts: &Facts<'_, '_>, report: &mut Report<'_>) {
    for (_, written, _) in &facts.consumers.handled {
        if let Some(batch) = &written.batch {
            tombstones(batch, &written.settings, &facts.manifest.defaults, report);
        }
    }
}

/// A batch holds messages, and a tombstone is none.
fn tombstones(batch: &Batch, own: &ConsumerSettings, defaults: &ConsumerSettings, report: &mut Report<'_>) {
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
