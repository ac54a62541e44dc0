//! The manifest's language: reading it, editing it, and its schema for editors.

pub mod bounds;
pub mod edit;
mod features;
pub mod keys;
mod option_values;
mod page;
mod read;
mod ruby;
mod schema;
mod types;
mod values;
pub(crate) mod yaml;
mod yaml_errors;

pub use features::missing_features;
pub use page::page;
pub use read::read;
pub use schema::schema;
pub use types::*;
pub(crate) use values::{is_optional, literal, without_variables};
