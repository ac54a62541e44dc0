//! From a manifest to a typed Rust crate: a pure core, and a thin shell that reads and writes.

pub mod compiled;
pub mod diagnostic;
pub mod manifest;
pub mod memory;
pub mod merge;
pub mod model;
pub mod names;
pub mod plan;
pub mod render;
pub mod source;
pub mod workspace;

pub use model::{Compiled, compile};
