//! What an app has counted, in Prometheus' text format.
//!
//! What happens a record at a time is counted in the lanes, and read only when somebody asks; the rest comes from the
//! event stream.

mod tally;
mod text;

pub(crate) use tally::{GroupTold, Tally, Told};
#[cfg(test)]
pub(crate) use tally::{RedisTold, Waiting};
pub(crate) use text::{CONTENT_TYPE, text};

#[cfg(test)]
mod tests;
