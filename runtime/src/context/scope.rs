//! What an attempt belongs to: a lane, a job or a test. It says where its emits are counted, and who may take it back.

use std::{future::Future, pin::Pin, sync::Arc};

use super::revoked::Revoked;
use crate::{OwnedRecord, Result, outgoing::Sender, sync::Mutex};

/// Ready when there is room in the producer's queue, and the record is in it.
pub(crate) type WaitsForRoom<'a> = Pin<Box<dyn Future<Output = Result> + Send + 'a>>;

/// The lane of a partition, as its attempts reach it.
pub(crate) trait LaneScope: Sender {
    /// Who tells that the partition is gone.
    fn revoked(&self) -> &Revoked;

    /// Whether what is at work was committed before it was begun.
    fn is_committed(&self) -> bool;

    /// Wraps a wait for room, so that it is seen while it lasts.
    fn wait_for_room<'a>(self: Arc<Self>, sequence: u64, room: WaitsForRoom<'a>) -> WaitsForRoom<'a>;

    /// Notes which job a record has become, for the log.
    fn note_job(&self, sequence: u64, jid: String);
}

/// Where a record's emits are counted.
pub(crate) enum EmitScope {
    /// On the way to Kafka, for the record of this sequence number.
    Lane { lane: Arc<dyn LaneScope>, sequence: u64 },
    /// On the way to Kafka, for a job.
    #[cfg(feature = "jobs")]
    Job { emits: Arc<dyn Sender>, revoked: Arc<Revoked> },
    /// Kept for a test, each with its topic's key.
    Captured { captured: Mutex<Vec<(&'static str, OwnedRecord)>>, revoked: Arc<Revoked> },
}

impl EmitScope {
    /// Kept for a test of an attempt that [`Unpartitioned`] may take back.
    pub(crate) fn captured(loose: &Unpartitioned) -> Self {
        Self::Captured { captured: Mutex::default(), revoked: loose.begin() }
    }

    /// Who says that the record is somebody else's.
    pub(crate) fn revoked(&self) -> &Revoked {
        match self {
            Self::Lane { lane, .. } => lane.revoked(),
            #[cfg(feature = "jobs")]
            Self::Job { revoked, .. } => revoked,
            Self::Captured { revoked, .. } => revoked,
        }
    }

    /// Whether the record is somebody else's by now, who begins it as this process has: to fail is no failed attempt then.
    /// A record that was committed before is nobody else's.
    pub(crate) fn is_taken(&self) -> bool {
        let is_ahead = matches!(self, Self::Lane { lane, .. } if lane.is_committed());
        self.revoked().is_told() && !is_ahead
    }
}

/// Jobs, and attempts of a test: what is at work and stands in no partition, until it is all taken back at once.
#[derive(Debug, Default)]
pub(crate) struct Unpartitioned(Mutex<Arc<Revoked>>);

impl Unpartitioned {
    /// What tells an attempt that begins now.
    pub(crate) fn begin(&self) -> Arc<Revoked> {
        Arc::clone(&self.0.lock())
    }

    /// Tells all that has begun, and nothing that begins from here on. Returns whether somebody listens.
    pub(crate) fn take_back(&self) -> bool {
        let begun = std::mem::take(&mut *self.0.lock());
        begun.tell();
        begun.is_listened_to()
    }
}
