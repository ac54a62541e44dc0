//! A lane's share of its group's concurrency.

use tokio::sync::{Semaphore, SemaphorePermit};

/// A permit, while the lane has one that no attempt has taken along.
pub(super) struct Turn<'a> {
    permits: &'a Semaphore,
    permit: Option<SemaphorePermit<'a>>,
}

impl<'a> Turn<'a> {
    pub(super) fn of(permits: &'a Semaphore) -> Self {
        Self { permits, permit: None }
    }

    #[inline]
    pub(super) fn has_permit(&self) -> bool {
        self.permit.is_some()
    }

    /// Takes a permit if one is free. Returns whether there is one now.
    #[inline]
    pub(super) fn try_take(&mut self) -> bool {
        if self.permit.is_none() {
            self.permit = self.permits.try_acquire().ok();
        }
        self.permit.is_some()
    }

    pub(super) fn permits(&self) -> &'a Semaphore {
        self.permits
    }

    pub(super) fn set(&mut self, permit: Option<SemaphorePermit<'a>>) {
        self.permit = permit;
    }

    /// Hands the permit to an attempt that waits.
    pub(super) fn lend(&mut self) -> Option<SemaphorePermit<'a>> {
        self.permit.take()
    }

    /// Gives the permit back.
    #[inline]
    pub(super) fn give_back(&mut self) {
        drop(self.permit.take());
    }

    /// Whether lanes may wait for permits, so that what an attempt lets go of has woken one of them.
    #[inline]
    pub(super) fn is_contended(&self) -> bool {
        self.permits.available_permits() == 0
    }
}
