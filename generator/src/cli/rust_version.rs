//! The Rust that a crate promises to be built with, and the one that karafka needs.

use std::path::{Path, PathBuf};

use karafka::foreign;
use karafka_generator::workspace::{PromisedBy, promised_rust};

use super::surroundings::{self, Above};

/// The oldest Rust that builds the runtime and generated code.
const NEEDED: &str = env!("CARGO_PKG_RUST_VERSION");

/// What is wrong with the `rust-version` of the crate in `folder`, its own or that of the workspace above it: nothing if it
/// names none, or one that is enough.
///
/// Cargo itself says nothing before somebody builds with such a Rust, and then names a crate that he has never heard of.
pub(crate) fn too_old(folder: &Path, above: Option<&Above>) -> Option<String> {
    let own = surroundings::text(folder);
    let (promised, by) = promised_rust(own.as_deref(), above.map(|above| &above.workspace))?;
    if number(&promised)? >= number(NEEDED)? {
        return None;
    }
    let file = match (by, above) {
        (PromisedBy::Workspace, Some(above)) => above.root.join("Cargo.toml"),
        _ => PathBuf::from("Cargo.toml"),
    };
    Some(format!(
        "`rust-version = \"{}\"` in {} promises a Rust that does not build karafka: write \"{NEEDED}\" there, or newer",
        foreign::line(&promised),
        foreign::path(&file)
    ))
}

/// `1.89.0` as numbers; nothing if it is none.
fn number(version: &str) -> Option<[u32; 3]> {
    let mut numbers = [0; 3];
    let mut parts = version.trim().split('-').next()?.split('.');
    for number in &mut numbers {
        let Some(part) = parts.next() else { break };
        *number = part.parse().ok()?;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, 1.100 is older than 1.89, or a `rust-version` without a patch is none.
    #[test]
    fn versions_are_compared_as_numbers() {
        for (older, newer) in [("1.88", "1.89"), ("1.9", "1.89.1"), ("1.89", "1.100"), ("1", "1.0.1"), ("1.89", "2")] {
            assert!(number(older) < number(newer), "{older} {newer}");
        }
        assert_eq!(number("1.89"), number("1.89.0"));
        assert_eq!(number("1.x"), None);
        assert!(number(NEEDED).is_some());
    }
}
