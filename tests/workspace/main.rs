//! What `cargo test --workspace` checks across crates, with a Rust toolchain, a C compiler and make alone.

mod licences;
