//! Batches and their defaults.

use super::Setting;
use crate::manifest::Batch;

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
