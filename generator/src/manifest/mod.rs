//! The manifest's language: reading it, editing it, and its schema for editors.

pub mod edit;
mod features;
pub mod keys;
mod read;
mod schema;
mod types;
mod values;
mod yaml;
mod yaml_errors;

pub use features::missing_features;
pub use read::read;
pub use schema::schema;
pub use types::*;
