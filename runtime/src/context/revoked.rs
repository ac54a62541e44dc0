//! Tells what runs that its work is somebody else's by now: what [`crate::Context::revoked`] waits for.
//!
//! Costs nothing as long as nobody waits for it: no allocation, and nothing at all on a record's way.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::Notify;

/// Whether that has been said, and who waits to hear it. It is said once, and never taken back.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    is_told: AtomicBool,
    /// How many wait to hear it.
    listening: AtomicUsize,
    /// Somebody has heard it.
    is_heard: AtomicBool,
    notify: Notify,
}

impl Revoked {
    /// Tells all who wait, and all who ask from here on.
    pub(crate) fn tell(&self) {
        self.is_told.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    pub(crate) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    /// Whether somebody waits to hear it, or has heard it: then it is worth a moment to let them end.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.listening.load(Ordering::Acquire) > 0 || self.is_heard.load(Ordering::Acquire)
    }

    /// Ready when it is said, at once if it has been.
    pub(crate) async fn wait(&self) {
        let _listener = Listener::new(&self.listening);
        let mut told = pin!(self.notify.notified());
        // Enlisted before the look, so that what is said in between is heard.
        told.as_mut().enable();
        if !self.is_told() {
            told.await;
        }
        self.is_heard.store(true, Ordering::Release);
    }
}

/// Somebody who waits, until dropped.
struct Listener<'a>(&'a AtomicUsize);

impl<'a> Listener<'a> {
    fn new(listening: &'a AtomicUsize) -> Self {
        listening.fetch_add(1, Ordering::AcqRel);
        Self(listening)
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc, task::Poll, thread};

    use super::*;

    /// If this fails, a handler that waits to hear that its partition is gone never does, or hears it of one that is not.
    #[tokio::test]
    async fn who_waits_hears_it_and_who_comes_later_too() {
        let revoked = Revoked::default();
        let mut first = pin!(revoked.wait());
        assert!(!revoked.is_listened_to(), "nobody has asked yet");
        let is_ready = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_ready())).await;
        assert_eq!((is_ready, revoked.is_listened_to(), revoked.is_told()), (false, true, false));
        revoked.tell();
        first.await;
        revoked.wait().await;
        assert!(revoked.is_told());
    }

    /// If this fails, a rebalance waits a moment for handlers that have long stopped listening, or not for one that ends
    /// because it has heard.
    #[tokio::test]
    async fn who_has_stopped_waiting_is_not_waited_for() {
        let revoked = Revoked::default();
        tokio::select! {
            biased;
            () = revoked.wait() => panic!("nothing was said"),
            () = async {} => {}
        }
        assert!(!revoked.is_listened_to());
        revoked.tell();
        assert!(!revoked.is_listened_to(), "nobody has heard it");
        revoked.wait().await;
        assert!(revoked.is_listened_to(), "somebody ends because of it");
    }

    /// If this fails, a handler that begins to wait at the very moment at which it is told waits for ever.
    #[test]
    fn nothing_is_missed_between_the_look_and_the_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for _ in 0..2_000 {
            let revoked = Arc::new(Revoked::default());
            let teller = Arc::clone(&revoked);
            let told = thread::spawn(move || teller.tell());
            runtime.block_on(revoked.wait());
            told.join().expect("no panic");
        }
    }
}
