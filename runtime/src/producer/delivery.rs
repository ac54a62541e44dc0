//! What became of one record that somebody waits for.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use super::fates::Fates;
use crate::{
    outgoing::{Delivered, DeliveryReport, Outgoing, SendError, Sender, Sent, Ticket},
    sync::Mutex,
};

/// A record on its way: await it to know what became of it.
///
/// Where there was room for the record, it is on its way already, and goes on if this is dropped; what nobody waits for is
/// logged if it is not delivered. Where the producer's queue was full, it waits for room while it is awaited, and is not sent,
/// which is logged and told to listeners, if this is dropped.
#[must_use = "what became of the record is told here: await it, or use `send_and_forget`"]
pub struct Delivery(State);

enum State {
    /// The queue was full; of a topic.
    WaitsForRoom(Pin<Box<dyn Future<Output = Result<(), SendError>> + Send>>, Arc<Slot>, String),
    OnItsWay(Arc<Slot>),
    /// `None` once it was taken.
    Over(Option<Result<Delivered, SendError>>, Arc<Fates>),
}

impl Delivery {
    pub(super) fn on_its_way(slot: Arc<Slot>) -> Self {
        Self(State::OnItsWay(slot))
    }

    pub(super) fn waits_for_room(
        room: impl Future<Output = Result<(), SendError>> + Send + 'static,
        slot: Arc<Slot>,
        topic: String,
    ) -> Self {
        Self(State::WaitsForRoom(Box::pin(room), slot, topic))
    }

    pub(super) fn over(result: Result<Delivered, SendError>, fates: &Arc<Fates>) -> Self {
        Self(State::Over(Some(result), Arc::clone(fates)))
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::WaitsForRoom(room, slot, _) = &mut self.0 {
            let slot = Arc::clone(slot);
            self.0 = match ready!(room.as_mut().poll(cx)) {
                Ok(()) => State::OnItsWay(slot),
                Err(error) => State::Over(Some(Err(error)), Arc::clone(&slot.fates)),
            };
        }
        match &mut self.0 {
            State::OnItsWay(slot) => {
                let result = ready!(slot.poll(cx));
                let fates = Arc::clone(&slot.fates);
                self.0 = State::Over(None, fates);
                Poll::Ready(result)
            }
            State::Over(result, _) => result.take().map_or(Poll::Pending, Poll::Ready),
            State::WaitsForRoom(..) => Poll::Pending,
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        match &mut self.0 {
            State::OnItsWay(slot) => slot.leave(),
            State::Over(Some(Err(error)), fates) => fates.note_unheard(error),
            State::WaitsForRoom(_, slot, topic) => {
                let error = SendError::Full { topic: std::mem::take(topic) };
                slot.fates.failed(error.topic(), &error, false);
            }
            State::Over(..) => {}
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            State::WaitsForRoom(..) => "Delivery(waits for room)",
            State::OnItsWay(_) => "Delivery(on its way)",
            State::Over(..) => "Delivery(over)",
        })
    }
}

/// Where the report of one record meets whoever waits for it.
pub(super) struct Slot {
    fate: Mutex<Fate>,
    fates: Arc<Fates>,
}

enum Fate {
    Open(Option<Waker>),
    Told(Result<Delivered, SendError>),
    /// Nobody waits any more, or the result was taken.
    Left,
}

impl Slot {
    pub(super) fn new(fates: &Arc<Fates>) -> Arc<Self> {
        Arc::new(Self { fate: Mutex::new(Fate::Open(None)), fates: Arc::clone(fates) })
    }

    /// The report that tells this slot.
    pub(super) fn report(self: &Arc<Self>) -> Box<DeliveryReport> {
        Box::new(DeliveryReport { sender: Arc::clone(self) as _, ticket: Ticket::new(0, Sent::Emit("")) })
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<Delivered, SendError>> {
        let mut fate = self.fate.lock();
        match &mut *fate {
            Fate::Open(waker) => {
                match waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    None => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            Fate::Told(_) => match std::mem::replace(&mut *fate, Fate::Left) {
                Fate::Told(result) => Poll::Ready(result),
                Fate::Open(_) | Fate::Left => Poll::Pending,
            },
            Fate::Left => Poll::Pending,
        }
    }

    fn leave(&self) {
        let left = std::mem::replace(&mut *self.fate.lock(), Fate::Left);
        if let Fate::Told(Err(error)) = left {
            self.fates.note_unheard(&error);
        }
    }

    fn tell(&self, result: Result<Delivered, SendError>) {
        let mut fate = self.fate.lock();
        match &mut *fate {
            Fate::Open(waker) => {
                let waker = waker.take();
                *fate = Fate::Told(result);
                drop(fate);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Fate::Told(_) | Fate::Left => {
                drop(fate);
                if let Err(error) = result {
                    self.fates.note_unheard(&error);
                }
            }
        }
    }
}

impl Sender for Slot {
    fn delivered(&self, _: Ticket, delivered: Delivered) {
        self.tell(Ok(delivered));
    }

    fn undelivered(&self, _: Ticket, _: Outgoing, error: SendError) {
        self.tell(Err(error));
    }
}
