//! The thread that hands reports of what was sent to whom they belong.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::producer::{BaseProducer, Producer as _, PurgeConfig};

use super::client::Acknowledgements;
use crate::{
    native::{ClientHandle, MainQueue},
    sync::Mutex,
};

/// How long the thread sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// How long whoever drops a client waits for its end: that of one whose brokers answer, or are away, takes a hundredth of it.
pub(super) const END: Duration = Duration::from_secs(1);

/// How long the end may take to tell everybody what became of their records.
const FATES: Duration = Duration::from_secs(60);

/// Polls a client until it is dropped, and ends the client then.
///
/// The end is this thread's because it may take long. `BaseProducer` gives up what is on its way when it is dropped: it waits for the
/// threads of all brokers, of which one may be asking for an address for half a minute, and then for half a second at most
/// until everybody was told. Whoever drops the last clone of a client may be a task, as of a handler that was cut off, and holds up all
/// others of its thread meanwhile. So it waits for [`END`], which is enough that a process does not end amid it; and what is on its way
/// is given up here, with [`FATES`] for its reports, so that nobody waits for ever for what became of a record (held by
/// `producer::tests::who_drops_a_client_waits_little_and_every_sender_is_told`).
///
/// The wrapper's own thread asks ten times a second, and spins through the last millisecond of each: an app that sends
/// nothing takes a hundredth of a core by that. This one sleeps until librdkafka has something.
pub(super) struct Polling {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    /// Has no sender any more when the client has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Polling {
    /// Starts the thread. `served` is called when something was handed out, and librdkafka has it back; `at_times` when the
    /// thread has slept.
    ///
    /// # Errors
    ///
    /// The system's, when it gives no thread.
    pub(super) fn start(
        client: Arc<BaseProducer<Acknowledgements>>,
        served: impl Fn() + Send + 'static,
        at_times: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let (ending, ended) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("karafka sends".to_owned()).spawn(move || {
            let here = thread::current();
            let handle = ClientHandle::from_wrapper(client.client().native_ptr());
            let queue = handle.and_then(|handle| MainQueue::of(handle, Arc::new(move || here.unpark())));
            while !told.load(Ordering::Acquire) {
                match &queue {
                    // One event a call: its reports, an error, or a line of the log.
                    Some(queue) if !queue.is_empty() => {
                        poll(&client, Duration::ZERO);
                        whatever_comes(&served);
                    }
                    Some(_) => {
                        thread::park_timeout(IDLE);
                        whatever_comes(&at_times);
                    }
                    None => {
                        poll(&client, IDLE / 10);
                        whatever_comes(&served);
                        whatever_comes(&at_times);
                    }
                }
            }
            drop(queue);
            end(client);
            drop(ending);
        })?;
        Ok(Self { ends, thread, ended: Mutex::new(ended) })
    }

    /// Whether this is the thread.
    pub(super) fn is_here(&self) -> bool {
        self.thread.thread().id() == thread::current().id()
    }
}

/// Hands out what there is. What panics in here, as who reads the log may, must not end the thread.
fn poll(client: &BaseProducer<Acknowledgements>, at_most: Duration) {
    whatever_comes(|| client.poll(at_most));
}

/// Calls somebody else's code: a waker, or who reads the log. Nobody would be told anything any more if a panic of theirs ended the
/// thread.
fn whatever_comes(call: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(call));
}

/// Gives up what is on its way, tells whoever has sent it, and drops the client, of which nobody else has a part any more.
fn end(client: Arc<BaseProducer<Acknowledgements>>) {
    if client.in_flight_count() > 0 {
        whatever_comes(|| {
            client.purge(PurgeConfig::default().queue().inflight());
            let _ = client.flush(FATES);
        });
    }
    whatever_comes(|| drop(client));
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A report may be what held the producer last.
        if !self.is_here() {
            let _ = self.ended.lock().recv_timeout(END);
        }
    }
}
