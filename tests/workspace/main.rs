//! What `cargo test --workspace` checks across crates, with a Rust toolchain, a C compiler and make alone.
//!
//! Nested builds are what costs time here, so each app is made and built once, and every check that a build can
//! answer asks the same one.

mod accepted;
mod app_checks;
mod book;
mod crate_docs;
mod embedded_broker;
mod emits;
mod every_key;
mod faults;
mod new_app;
mod places;
mod producer_crate;
mod readme;
mod slide;
mod source;
mod supply_chain;
mod surroundings;
