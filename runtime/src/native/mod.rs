//! The calls into librdkafka that the safe wrapper has no word for: partition queues drained in batches, records that
//! are borrowed from a fetch, assignments answered later than in the callback.
//!
//! The only module of the runtime with `unsafe`. What all of it rests on:
//!
//! - **A record or queue never outlives its client.** Lanes hold them; the engine joins every lane before it drops the
//!   client, and leaks the client when one will not end (`KafkaClient::close`). App code only ever borrows a record.
//! - librdkafka's handles may be used from any thread; its queues have locks of their own.
#![expect(unsafe_code, reason = "the seam to librdkafka; each block says why it is sound")]

#[cfg(feature = "consumer")]
mod commits;
#[cfg(feature = "consumer")]
mod consumer;
#[cfg(feature = "consumer")]
mod group_offsets;
mod handle;
mod main_queue;
#[cfg(feature = "consumer")]
mod mock;
mod produce;
mod properties;
#[cfg(feature = "consumer")]
mod queue;
mod record;
#[cfg(feature = "consumer")]
pub(crate) mod topics;
mod wake;

#[cfg(test)]
pub(crate) use self::produce::fail_for_good;
#[cfg(feature = "consumer")]
pub(crate) use self::{
    commits::Commits,
    consumer::{Consumer, Watermarks, metadata},
    group_offsets::group_offsets,
    mock::MockCluster,
    queue::{Fetched, PartitionQueue, PositionLost},
    record::NativeRecord,
    topics::{Described, TopicId, TopicLookup},
    wake::{Wake, WakeSlot},
};
pub(crate) use self::{
    handle::ClientHandle,
    main_queue::MainQueue,
    produce::{Opaque, ProducedTopic, flush, latency, outgoing, produce, produce_error, size},
    properties::{property_names, property_table},
};
