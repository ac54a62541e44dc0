//! What is on its way in a client's queue, and who waits for room in it.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::client::Handed;
use crate::outgoing::{DeliveryReport, SendError};

/// Counts what is on its way, and wakes those who wait for room, the first one first.
///
/// librdkafka's own count has errors and lines of its log in it.
#[derive(Default)]
pub(super) struct Room {
    /// Records of which nobody knows yet what became of them.
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    /// Records that have gone since somebody was woken.
    gone: AtomicUsize,
    freed: Notify,
}

impl Room {
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// A record is about to be handed over: before, as its fate may be known at once.
    pub(super) fn enter(&self) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// It was not taken.
    pub(super) fn back_out(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// The fate of a record is known. Its place is free once librdkafka has its report back, after which somebody calls
    /// [`Room::wake`].
    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.gone.fetch_add(1, Ordering::AcqRel);
    }

    /// Wakes as many as there are places that have become free.
    pub(super) fn wake(&self) {
        let gone = self.gone.swap(0, Ordering::AcqRel);
        for _ in 0..gone.min(self.waiting.load(Ordering::Acquire)) {
            self.freed.notify_one();
        }
    }

    /// Everybody looks again.
    pub(super) fn wake_all(&self) {
        self.freed.notify_waiters();
    }

    /// Whether somebody waits, behind whom others are to wait, too.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Waits until a record is taken: `hand_over` gives its report back as long as there is no room.
    pub(super) async fn wait(
        &self,
        report: Option<Box<DeliveryReport>>,
        hand_over: impl Fn(Option<Box<DeliveryReport>>) -> Result<Handed, SendError>,
    ) -> Result<(), SendError> {
        let _waiting = Waiting::at(&self.waiting);
        let mut report = report;
        loop {
            // Registered before the look, so that what is freed in between is not missed.
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            report = match hand_over(report)? {
                Handed::Over => return Ok(()),
                Handed::Back(report) => report,
            };
            freed.await;
        }
    }
}

/// Counts who waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn at(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
