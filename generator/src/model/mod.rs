//! The resolved app.

mod types;

pub use types::*;
