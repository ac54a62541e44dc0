//! What a command does to an app's files: all of it known before the first write, and done as a whole or not at all.
//!
//! A [`Tree`] is what the disk holds, a [`Plan`] what it will hold. [`Plan::new`] is a function of the two and the
//! model; [`Held::apply`] and [`Held::recover`] are the only ones here that write, for a command that holds the app.

mod apply;
mod cargo;
mod disk;
mod drift;
mod folder;
mod hold;
mod journal;
mod library;
mod lock;
mod paths;
mod planner;
mod problem;
mod reading;
mod records;
mod recover;
mod renames;
mod shape;
mod steps;
#[cfg(test)]
mod tests;
mod tree;

pub use apply::ApplyError;
pub use cargo::{changed_dependencies, has_default_run, lacks_feature, runtime_folder};
pub use drift::{drift, obstacles};
pub use hold::{Held, Holder};
pub use journal::{Journals, NoJournals};
pub use library::declares;
pub use lock::{Fingerprint, Lock};
pub use problem::Problem;
pub use reading::{MOST, read_file, read_stream};
pub use records::{Change, Difference, Reads, warnings};
pub use recover::{Left, Leftovers, Recovered, Unknown};
pub use steps::{Action, Edit, Options, Plan, Step};
pub use tree::{Entry, Tree, TreeError};

/// The file that records what was generated.
pub const LOCK: &str = "karafka.lock";
