//! What the suites that cross crates stand on: apps made by the `karafka` command, a real Kafka, the README's commands.
//!
//! Three rules hold everywhere here. Every wait has a limit. Every process is stopped by its own id when its value is
//! dropped, also by a panic. What cannot be had (Java, Maven, a compiler) is an error; nothing passes by skipping.

pub mod app;
pub mod built;
pub mod cargo;
pub mod checker;
pub mod checkout;
pub mod environment;
pub mod faulty;
pub mod growing;
pub mod kafka;
pub mod ledger;
pub mod licences;
pub mod markdown;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod queue;
pub mod readme;
pub mod redis;
pub mod sidekiq;
pub mod supply;
