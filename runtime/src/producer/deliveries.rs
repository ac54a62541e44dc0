//! What became of many records that somebody waits for together.

use std::{
    sync::Arc,
    task::{Poll, Waker},
};

use super::fates::Fates;
use crate::{
    outgoing::{Delivered, DeliveryReport, Outgoing, SendError, Sender, Sent, Ticket},
    sync::Mutex,
};

/// Where the reports of many records meet whoever waits for all of them.
pub(super) struct Deliveries {
    open: Mutex<Open>,
    fates: Arc<Fates>,
}

struct Open {
    /// `None`: not told yet.
    results: Vec<Option<Result<Delivered, SendError>>>,
    missing: usize,
    waker: Option<Waker>,
    is_left: bool,
}

/// Tells the reports that nobody waits any more, when it is dropped.
struct Leaves<'a>(&'a Deliveries);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        let mut open = self.0.open.lock();
        open.is_left = true;
        let errors: Vec<_> = std::mem::take(&mut open.results).into_iter().flatten().filter_map(Result::err).collect();
        drop(open);
        errors.iter().for_each(|error| self.0.fates.note_unheard(error));
    }
}

impl Deliveries {
    pub(super) fn new(fates: &Arc<Fates>) -> Arc<Self> {
        let open = Open { results: Vec::new(), missing: 0, waker: None, is_left: false };
        Arc::new(Self { open: Mutex::new(open), fates: Arc::clone(fates) })
    }

    /// Makes room for one more record, and returns its report.
    pub(super) fn report(self: &Arc<Self>) -> Box<DeliveryReport> {
        let mut open = self.open.lock();
        let number = open.results.len() as u64;
        open.results.push(None);
        open.missing += 1;
        Box::new(DeliveryReport { sender: Arc::clone(self) as _, ticket: Ticket::new(number, Sent::Emit("")) })
    }

    /// The last record that room was made for is not on its way.
    pub(super) fn refuse_last(&self, error: SendError) {
        let last = self.open.lock().results.len().saturating_sub(1);
        self.tell(last, Err(error));
    }

    /// How many are known to have failed.
    pub(super) fn failed_so_far(&self) -> usize {
        self.open.lock().results.iter().flatten().filter(|result| result.is_err()).count()
    }

    /// Nobody waits for them: what has failed, or will, is logged.
    pub(super) fn leave(&self) {
        drop(Leaves(self));
    }

    /// Runs `send`, which makes the reports, then waits for all of them. Returns the results in the order of the records.
    pub(super) async fn of(self: &Arc<Self>, send: impl Future<Output = ()>) -> Vec<Result<Delivered, SendError>> {
        let leaves = Leaves(self);
        send.await;
        std::future::poll_fn(|cx| {
            let mut open = self.open.lock();
            if open.missing == 0 {
                return Poll::Ready(());
            }
            open.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        let results = std::mem::take(&mut self.open.lock().results);
        drop(leaves);
        results.into_iter().flatten().collect()
    }

    fn tell(&self, number: usize, result: Result<Delivered, SendError>) {
        let mut open = self.open.lock();
        if open.is_left {
            drop(open);
            if let Err(error) = result {
                self.fates.note_unheard(&error);
            }
            return;
        }
        if let Some(place) = open.results.get_mut(number)
            && place.is_none()
        {
            *place = Some(result);
            open.missing -= 1;
        }
        let waker = if open.missing == 0 { open.waker.take() } else { None };
        drop(open);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Sender for Deliveries {
    fn delivered(&self, ticket: Ticket, delivered: Delivered) {
        self.tell(ticket.number as usize, Ok(delivered));
    }

    fn undelivered(&self, ticket: Ticket, _: Outgoing, error: SendError) {
        self.tell(ticket.number as usize, Err(error));
    }
}
