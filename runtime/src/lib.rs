#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
pub mod foreign;

// An attempt at anything.
#[cfg(feature = "retry")]
mod backoff;
#[cfg(feature = "retry")]
mod guard;
#[cfg(feature = "retry")]
mod panics;
#[cfg(feature = "retry")]
mod random;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;

// What sends, and what it is told.
#[cfg(feature = "producer")]
#[doc(hidden)]
pub mod codegen;
#[cfg(feature = "producer")]
mod commands;
#[cfg(feature = "producer")]
mod librdkafka;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod manifest;
#[cfg(feature = "producer")]
mod native;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod one_of;
#[cfg(feature = "producer")]
mod outgoing;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod producer;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod settings;
#[cfg(feature = "producer")]
mod sync;
#[cfg(feature = "producer")]
mod topic;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod trace;
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub mod types;

// What consumes.
#[cfg(feature = "consumer")]
mod app;
#[cfg(feature = "consumer")]
mod batch;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod broker;
#[cfg(feature = "consumer")]
mod client;
#[cfg(feature = "consumer")]
mod context;
#[cfg(feature = "consumer")]
mod controller;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod dead_letter;
#[cfg(feature = "consumer")]
mod engine;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod events;
#[cfg(feature = "consumer")]
mod give_way;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod health;
#[cfg(feature = "consumer")]
mod histogram;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod info;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod interchanger;
#[cfg(feature = "consumer")]
#[cfg_attr(not(feature = "jobs"), path = "jobs/without.rs")]
mod jobs;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod layer;
#[cfg(feature = "consumer")]
mod message;
#[cfg(feature = "consumer")]
mod metrics;
#[cfg(feature = "consumer")]
mod obstacle;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod parser;
#[cfg(feature = "consumer")]
mod partition;
#[cfg(feature = "consumer")]
mod record;
#[cfg(feature = "consumer")]
mod routed;
#[cfg(feature = "consumer")]
mod running;
#[cfg(feature = "consumer")]
mod server;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod testing;
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod topology;
#[cfg(feature = "consumer")]
mod unperformed;
#[cfg(feature = "consumer")]
mod worker;

#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub use self::{
    app::App,
    batch::{Batch, BatchController, Messages},
    context::Context,
    controller::{Admission, Controller},
    engine::StartError,
    interchanger::Interchanger,
    message::Message,
    parser::Parser,
    record::{OwnedRecord, Record},
    routed::{FromState, Routed},
    running::{Configured, End, Running},
    worker::Worker,
};
pub use error::{Error, Result};
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub use guard::{Failure, FailureKind};
#[cfg(feature = "producer")]
#[cfg_attr(docsrs, doc(cfg(feature = "producer")))]
pub use topic::{EmittedBy, Key, Topic};

// Their types stand in public signatures.
#[cfg(feature = "producer")]
pub use {chrono, rust_decimal, uuid};

#[cfg(feature = "consumer")]
pub use server::shutdown_signal;

// For the command `karafka`, which hears the same signals.
#[cfg(feature = "consumer")]
#[doc(hidden)]
pub use server::hang_up_is_ignored;

/// What an app's own files need; `use crate::generated::prelude::*` brings it in.
#[cfg(feature = "consumer")]
#[cfg_attr(docsrs, doc(cfg(feature = "consumer")))]
pub mod prelude {
    // Without its name: `topics::Orders.record(…)` is all that is called of it.
    pub use crate::Topic as _;
    pub use crate::{
        Admission, Batch, BatchController, Context, Controller, Error, Failure, FromState, Interchanger, Key, Message,
        Parser, Record, Result, Worker,
        types::{Bytes, Date, Decimal, Json, Time, Timestamp, Uuid},
    };
}
