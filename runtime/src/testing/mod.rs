//! Tests of an app without Kafka.

mod harness;
#[cfg(any(test, feature = "testing"))]
mod member;
#[cfg(any(test, feature = "testing"))]
mod seen;
#[cfg(any(test, feature = "testing"))]
mod simulation;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod source;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod stage;
#[cfg(test)]
mod tests;
#[cfg(any(test, feature = "testing"))]
mod time;

#[cfg(any(test, feature = "testing"))]
pub use self::{
    seen::Sent,
    simulation::{Ended, InGroup, Simulation},
    stage::{Act, Call},
};
pub use harness::{Harness, Outcome, Verdict};
