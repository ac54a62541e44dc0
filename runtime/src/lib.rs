//! The runtime of generated karafka apps: consumes Kafka, loses nothing, stops cleanly.

pub mod app;
mod batch;
pub mod broker;
mod client;
mod context;
mod controller;
pub mod dead_letter;
mod engine;
mod error;
pub mod events;
pub mod foreign;
pub mod glass;
mod health;
pub mod info;
pub mod interchanger;
mod jobs;
pub mod manifest;
mod message;
mod metrics;
mod obstacle;
pub mod one_of;
mod panics;
pub mod parser;
mod partition;
pub mod producer;
mod record;
mod server;
pub mod settings;
mod sync;
pub mod testing;
pub mod topic;
pub mod topology;
mod trace;
pub mod types;
mod worker;

pub use app::App;
pub use batch::{Batch, BatchController, Messages};
pub use context::Context;
pub use controller::{Admission, Controller, FromState, Routed};
pub use error::{Error, Result};
pub use interchanger::Interchanger;
pub use message::Message;
pub use parser::Parser;
pub use record::{OwnedRecord, Record};
pub use topic::{EmittedBy, Key, Topic};
pub use worker::{Failure, FailureKind, Worker};

// For the command `karafka`, which hears the same signals.
#[doc(hidden)]
pub use server::hang_up_is_ignored;

/// What an app's own files need; `use crate::generated::prelude::*` brings it in.
pub mod prelude {
    pub use crate::{
        Admission, Batch, BatchController, Context, Controller, Error, Failure, FromState, Interchanger, Key, Message,
        Parser, Record, Result, Worker,
        types::{Bytes, Date, Decimal, Json, Time, Timestamp, Uuid},
    };
}
