//! Tests of an app without Kafka.
//!
//! [`Harness`] hands one record to one controller, attempts it once, and keeps what it emits: the test of what a message
//! means.
//!
//! `Simulation` runs the whole app, every group of it, on a Kafka in the process: the test of what happens when things go
//! wrong. It takes the cargo feature `testing` of `karafka`, which `karafka new` and `karafka generate` put under
//! `[dev-dependencies]`. It is not an imitation: groups, lanes, order, retries, time-outs, commits with their metadata and
//! dead letters are the engine's own code; only the client at one end and the producer at the other are in the process.
//! Attempts can be scripted to fail, panic, hang or take their time; the app can be killed and started again, and its
//! partitions taken and given back; and attempts, emits, dead letters, commits and lag can be looked at.
//!
//! # Time
//!
//! Time in a simulation is tokio's clock, paused: it stands still while there is anything to do, and when everything waits
//! it jumps to the next moment at which somebody stops waiting. A backoff of 30 s, a `timeout`, an hour for which
//! `before_enqueue` puts a message off, a `tokio::time::sleep` in a handler: all pass at once, in the order in which they
//! would, and the jitter of backoffs is the same in each run. So a test that passes passes again.
//!
//! What does not wait by tokio's clock does not pass at once: `std::time`, a thread that sleeps, another process. While
//! nothing but such a thing is waited for, the clock jumps ahead, and the time-outs of a database pool pass before the
//! database has answered. `tokio::task::spawn_blocking` holds the clock until the work in it is done; for handlers that
//! talk to something outside in any other way, `Simulation::in_real_time` lets time pass as it does. The test's own
//! `tokio::time` is the same clock.
//!
//! # What a Kafka in the process is not
//!
//! It has one member a group, acknowledges at once whatever the app sends, keeps every record, and refuses no commit; every
//! `start` is the beginning, because nothing was there before the app. What the client and a broker do to each other is
//! tested in karafka itself, against Apache Kafka.

mod emitted;
#[cfg(any(test, feature = "testing"))]
mod endless;
#[cfg(any(test, feature = "testing"))]
mod group;
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
mod topic_key;

#[cfg(any(test, feature = "testing"))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub use self::{
    group::InGroup,
    seen::Sent,
    simulation::{Ended, Simulation},
    stage::Call,
};
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub use crate::context::simulated::Act;
pub use harness::{Harness, Outcome, Verdict};
pub use topic_key::TopicKey;
