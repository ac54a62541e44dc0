//! How a lane makes way for others on its thread, before it runs code of the app's that may keep it.
//!
//! Of what tokio has a thread do, two things are found by no other thread while the task at hand keeps this one: the task
//! that was woken last, and those that gave way by `yield_now` since the thread last had nothing to do.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::sync::Notify;

/// Makes way for what was woken before: the task goes behind it, to where other threads find both.
///
/// What comes from outside of the runtime may still have to wait: a task that does this again and again needs
/// [`take_turns`].
pub(crate) fn give_way() -> impl Future<Output = ()> {
    let mut has_given_way = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut has_given_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Makes way for everything else, also what comes from outside. Where that keeps the thread, who notifies `wake` from now
/// on ends the wait, on another one.
pub(crate) async fn take_turns(wake: &Notify) {
    let (mut others, mut woken) = (pin!(tokio::task::yield_now()), pin!(wake.notified()));
    let mut is_first = true;
    poll_fn(|cx| {
        if others.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut is_woken = woken.as_mut().poll(cx).is_ready();
        if is_woken && is_first {
            // By what came before; whoever takes turns looks at that afterwards anyway.
            woken.set(wake.notified());
            is_woken = woken.as_mut().poll(cx).is_ready();
        }
        is_first = false;
        if is_woken { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        time::Duration,
    };

    use tokio::runtime::Builder;

    use super::*;

    /// If this fails, a lane with a backlog never lets others have their turn, as what it has been told before keeps it going;
    /// or stands still while other threads are free, until the handler that it let go first lets go of the thread.
    #[test]
    fn who_takes_turns_is_woken_from_outside_and_not_by_what_was_before() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let wake = Arc::new(Notify::new());
        let (tell, told) = mpsc::channel();
        let (its, tells) = (Arc::clone(&wake), tell.clone());
        let (hold, held) = mpsc::channel::<()>();
        wake.notify_one();
        runtime.spawn(async move {
            tokio::spawn(async move {
                let _ = tell.send("the other");
                // Its thread is gone for as long as this takes.
                tokio::task::block_in_place(|| held.recv())
            });
            take_turns(&its).await;
            let _ = tells.send("the one");
        });
        let next = || told.recv_timeout(Duration::from_secs(10));
        assert_eq!(next(), Ok("the other"), "it was there before");
        wake.notify_one();
        assert_eq!(next(), Ok("the one"));
        drop(hold);
    }
}
