//! From the manifest's names to Rust paths, Rust names and files.
//!
//! Every rule shows in one of these tables, which the tests read:
//!
#![doc = include_str!("cases.md")]

mod app;
pub mod case;
mod constant;
mod letters;
mod refusal;
mod reserved;
mod rust;
#[cfg(test)]
mod tests;

pub use app::{app_name, crate_name};
pub use constant::{Constant, Role};
pub use refusal::{NameError, Refusal};
pub use reserved::is_keyword;
pub use rust::{field_name, message_name, topic_name, topic_type, variant_name};
