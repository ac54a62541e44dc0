//! Consumes: a thread a group, a lane a partition, and nothing committed that is not done.

mod atomic_offset;
pub(crate) mod attempt;
pub(crate) mod attempt_once;
pub(crate) mod clock;
mod commit_first;
mod commit_request;
mod config;
pub(crate) mod consumer;
pub(crate) mod core;
pub(crate) mod counts;
mod driver;
pub(crate) mod group;
mod groups;
#[cfg(feature = "jobs")]
mod job_attempt;
#[cfg(feature = "jobs")]
mod job_emits;
#[cfg(feature = "jobs")]
pub(crate) mod jobs;
mod jobs_watch;
pub(crate) mod lane_shared;
mod lane_status;
pub(crate) mod memory_budget;
pub(crate) mod obstacles;
mod polls;
mod pool;
mod prepare;
pub(crate) mod refused;
pub(crate) mod report;
mod session;
pub(crate) mod signals;
mod start;
mod start_error;
mod typed;
pub(crate) mod watch;
pub(crate) mod watchdog;

#[cfg(test)]
pub(crate) mod histories;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::prepare::{Prepared, prepare};
#[cfg(any(feature = "jobs", feature = "testing"))]
pub(crate) use self::prepare::{build, kafka_names};
#[cfg(test)]
use self::start::{Connect, start_on};
pub use self::start_error::StartError;
pub(crate) use self::{
    config::Brokers,
    groups::{Groups, GroupsEnd},
    start::{Launch, start},
};
