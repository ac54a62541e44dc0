//! Consumes: a thread a group, a lane a partition, and nothing committed that is not done.

pub(crate) mod app_shared;
mod atomic_offset;
pub(crate) mod attempt;
pub(crate) mod clock;
mod commit_first;
mod commit_request;
mod config;
pub(crate) mod consumer;
pub(crate) mod core;
pub(crate) mod counts;
mod driver;
pub(crate) mod give_way;
pub(crate) mod group;
pub(crate) mod histogram;
mod job_emits;
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
pub(crate) mod revoked;
mod running;
mod session;
pub(crate) mod signals;
mod start;
pub(crate) mod watch;
pub(crate) mod watchdog;

#[cfg(test)]
pub(crate) mod histories;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testing"))]
pub(crate) use self::prepare::{Prepared, prepare};
#[cfg(test)]
use self::start::{Connect, start_on};
pub(crate) use self::{
    config::Brokers,
    prepare::{build, kafka_names},
    running::{End, Running},
    start::{StartError, start},
};
