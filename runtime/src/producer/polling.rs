//! The thread that hands reports of what was sent to whom they belong.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::producer::{BaseProducer, Producer as _};

use super::client::Acknowledgements;
use crate::native::{ClientHandle, MainQueue};

/// How long the thread sleeps when nothing wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// Polls a client until it is dropped, which waits for the thread.
///
/// The wrapper's own thread asks ten times a second, and spins through the last millisecond of each: an app that sends
/// nothing takes a hundredth of a core by that. This one sleeps until librdkafka has something.
pub(super) struct Polling {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
        let thread = thread::Builder::new().name("karafka sends".to_owned()).spawn(move || {
            let here = thread::current();
            let handle = ClientHandle::from_wrapper(client.client().native_ptr());
            let queue = handle.and_then(|handle| MainQueue::of(handle, Arc::new(move || here.unpark())));
            while !told.load(Ordering::Acquire) {
                match &queue {
                    // One event a call: its reports, an error, or a line of the log.
                    Some(queue) if !queue.is_empty() => {
                        poll(&client, Duration::ZERO);
                        served();
                    }
                    Some(_) => {
                        thread::park_timeout(IDLE);
                        at_times();
                    }
                    None => {
                        poll(&client, IDLE / 10);
                        served();
                        at_times();
                    }
                }
            }
        })?;
        Ok(Self { ends, thread: Some(thread) })
    }

    /// Whether this is the thread.
    pub(super) fn is_here(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.thread().id() == thread::current().id())
    }
}

/// Hands out what there is. What panics in here, as who reads the log may, must not end the thread.
fn poll(client: &BaseProducer<Acknowledgements>, at_most: Duration) {
    let _ = catch_unwind(AssertUnwindSafe(|| client.poll(at_most)));
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        // A report may be what held the producer last.
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}
