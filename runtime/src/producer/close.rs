//! The end of a producer: what is on its way is waited for, then given up.

use std::{
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::{
    Outlet, Shared,
    client::{Handed, ProducerClient},
    deliveries::Deliveries,
};
use crate::outgoing::{Content, DeliveryReport, SendError};

/// Records that a producer has given up when it was closed; whoever has sent one is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{records} records were not acknowledged when the producer was closed, and are given up")]
#[non_exhaustive]
pub struct NotDelivered {
    /// How many.
    pub records: usize,
}

/// Between two looks for room in a queue that is full.
const LOOK: Duration = Duration::from_millis(2);

/// How long the reports of what is given up may take, beyond the budget, and what is being handed over: nobody outside of this
/// process is asked for them.
pub(super) const REPORTS: Duration = Duration::from_secs(2);

/// More than anybody waits: what is added to now must be a time.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// For how long somebody who has given up a flush may leave its thread behind.
const STEP: Duration = Duration::from_millis(200);

/// How a producer has ended, for all who ask.
#[derive(Debug, Default)]
pub(super) struct Ending {
    result: Mutex<Option<Result<(), NotDelivered>>>,
    /// For those who block.
    ended: Condvar,
    /// For those who await.
    told: Notify,
}

impl Ending {
    fn tell(&self, result: Result<(), NotDelivered>) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(result);
        self.ended.notify_all();
        self.told.notify_waiters();
    }

    fn get(&self) -> Option<Result<(), NotDelivered>> {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has ended.
    pub(super) async fn wait(&self) -> Result<(), NotDelivered> {
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            if let Some(result) = self.get() {
                return result;
            }
            told.await;
        }
    }

    /// Waits until it has ended, at most this long. Blocks.
    pub(super) fn block(&self, at_most: Duration) {
        let result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(result, at_most, |result| result.is_none());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Says that nothing is known of what was on its way, if the thread that closes panics.
struct Tells {
    shared: Arc<Shared>,
}

impl Drop for Tells {
    fn drop(&mut self) {
        let records = self.shared.clients().iter().map(ProducerClient::in_flight).sum();
        self.shared.ending.tell(if records == 0 { Ok(()) } else { Err(NotDelivered { records }) });
    }
}

/// Closes on a thread of its own; [`Ending`] tells when that is done.
pub(super) fn begin(shared: Arc<Shared>, budget: Duration) {
    let begun = on_a_thread("karafka closes", move || {
        let tells = Tells { shared: Arc::clone(&shared) };
        let result = close(&shared, budget.min(LONGEST));
        tells.shared.ending.tell(result);
    });
    if let Err(close) = begun {
        // There can be no further thread.
        close();
    }
}

fn close(shared: &Shared, budget: Duration) -> Result<(), NotDelivered> {
    let deadline = Instant::now() + budget;
    // However short the budget is: what is handed over after this is in no count.
    shared.gate.empty(deadline.max(Instant::now() + REPORTS));
    shared.clients().iter().for_each(ProducerClient::wake_who_waits);
    let deliveries = Deliveries::new(&shared.fates);
    for (outlet, record) in shared.take_buffer() {
        let (topic, content) = shared.split(record);
        let sent = send(&outlet, shared, &topic, &content, deliveries.report(), deadline);
        if let Err(error) = sent {
            shared.fates.failed(&topic, &error, true);
            deliveries.refuse_last(error);
        }
    }
    let clients = shared.clients();
    let left = || deadline.saturating_duration_since(Instant::now());
    let in_flight: usize = clients.iter().map(|client| client.flush(left())).sum();
    // Of these nobody knows yet, and they are counted with those that are in flight.
    let failed = deliveries.failed_so_far();
    if in_flight > 0 {
        clients.iter().for_each(ProducerClient::give_up);
        let deadline = Instant::now() + REPORTS;
        for client in &clients {
            client.flush(deadline.saturating_duration_since(Instant::now()));
        }
    }
    // Whoever has buffered a record does not wait for it.
    deliveries.leave();
    shared.fates.say_the_rest();
    match in_flight + failed {
        0 => Ok(()),
        records => Err(NotDelivered { records }),
    }
}

fn send(
    outlet: &Outlet,
    shared: &Shared,
    topic: &str,
    content: &Content,
    report: Box<DeliveryReport>,
    deadline: Instant,
) -> Result<(), SendError> {
    let client = match outlet {
        Outlet::Kafka(client) => client.get()?,
        Outlet::Test(remembered) => {
            let delivered = remembered.take(topic, content, &shared.fates)?;
            report.sender.delivered(report.ticket, delivered);
            return Ok(());
        }
    };
    let mut report = Some(report);
    loop {
        // Nobody is waited behind: the gate is shut for whoever waits for room still, and who is not awaited never leaves.
        report = match client.hand_over(topic, content, report)? {
            Handed::Over => return Ok(()),
            Handed::Back(report) => report,
        };
        if Instant::now() >= deadline {
            return Err(SendError::Closed { topic: topic.to_owned() });
        }
        thread::sleep(LOOK);
    }
}

/// Waits until nothing of these clients is on its way.
pub(super) async fn flush(clients: Vec<ProducerClient>) {
    let clients: Vec<_> = clients.into_iter().filter(|client| client.in_flight() > 0).collect();
    if clients.is_empty() {
        return;
    }
    let (tell, flushed) = oneshot::channel();
    let begun = on_a_thread("karafka flushes", move || {
        // In steps, as whoever waits may have gone.
        while !tell.is_closed() && clients.iter().map(|client| client.flush(STEP)).sum::<usize>() > 0 {}
        let _ = tell.send(());
    });
    // Without a thread for it, records are sent after `linger.ms` all the same.
    if begun.is_ok() {
        let _ = flushed.await;
    }
}

/// Gives the work back where there can be no further thread.
fn on_a_thread<W: FnOnce() + Send + 'static>(name: &str, work: W) -> Result<(), W> {
    let kept = Arc::new(Mutex::new(Some(work)));
    let taken = Arc::clone(&kept);
    let take = |kept: &Mutex<Option<W>>| kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    let run = move || {
        if let Some(work) = take(&taken) {
            work();
        }
    };
    match thread::Builder::new().name(name.to_owned()).spawn(run) {
        Ok(_) => Ok(()),
        Err(_) => match take(&kept) {
            Some(work) => Err(work),
            None => Ok(()),
        },
    }
}
