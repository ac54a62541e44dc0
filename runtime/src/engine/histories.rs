//! How many random histories tests put the state machines through.

use proptest::prelude::ProptestConfig;

/// So many as `PROPTEST_CASES` says, and `quick` without it: CI runs a million of them, and a person who builds does not
/// wait for those. `PROPTEST_RNG_SEED` runs the same ones again.
pub(crate) fn histories(quick: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(quick),
    }
}
