//! The manifest's language.

mod types;

pub use types::*;
