//! Whether a thread of the app's runtime is free: a task that does nothing is handed to it from outside, again and again.
//!
//! That sees whatever keeps the threads, handlers or not. And it mends a stall: of tokio's threads one waits for timers and
//! sockets, and if that one wakes up to a handler that blocks, no other takes its place before it is woken by something from
//! outside. Each of these tasks is that.

use std::time::Duration;

use tokio::{runtime::Handle, task::JoinHandle};

/// For how long no thread may be free before the app stands still.
pub(crate) const STILL: Duration = Duration::from_secs(5);

/// The task that does nothing.
#[derive(Debug)]
pub(super) struct Question {
    runtime: Handle,
    asked: Option<JoinHandle<()>>,
}

impl Question {
    pub(super) fn to(runtime: Handle) -> Self {
        Self { runtime, asked: None }
    }

    /// How many threads the runtime has for tasks.
    pub(super) fn threads(&self) -> usize {
        self.runtime.metrics().num_workers()
    }

    /// Whether the last question was answered, and if so asks the next. A runtime that has ended answers.
    pub(super) fn ask(&mut self) -> bool {
        let is_answered = self.asked.as_ref().is_none_or(JoinHandle::is_finished);
        if is_answered {
            self.asked = Some(self.runtime.spawn(async {}));
        }
        is_answered
    }
}

/// What the answers come to.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// When the question was asked that has no answer yet.
    asked: Option<Duration>,
    /// Since when the app stands still, once that was said.
    still: Option<Duration>,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// No thread has been free for this long.
    StandsStill(Duration),
    /// One is again, after this long.
    GoesOn(Duration),
}

impl Threads {
    /// Takes in at `now` whether the last question was answered. Returns for how long the app has stood still, if it does.
    pub(super) fn hear(&mut self, is_answered: bool, now: Duration) -> (Option<Duration>, Option<Change>) {
        if is_answered {
            self.asked = Some(now);
            let change = self.still.take().map(|since| Change::GoesOn(now.saturating_sub(since)));
            return (None, change);
        }
        let since = *self.asked.get_or_insert(now);
        let waited = now.saturating_sub(since);
        if waited < STILL {
            return (None, None);
        }
        let change = self.still.is_none().then_some(Change::StandsStill(waited));
        self.still = Some(since);
        (Some(waited), change)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// If this fails, an app that stands still looks well, or one that is only busy is started again.
    #[test]
    fn it_stands_still_when_no_answer_has_come_for_long() {
        let mut threads = Threads::default();
        let mut hear = |is_answered, second| threads.hear(is_answered, seconds(second));
        for second in 0..10 {
            assert_eq!(hear(second % 5 == 0, second), (None, None), "late, and not for long");
        }
        for second in 10..13 {
            assert_eq!(hear(true, second), (None, None));
        }
        for second in 13..17 {
            assert_eq!(hear(false, second), (None, None));
        }
        assert_eq!(hear(false, 17), (Some(seconds(5)), Some(Change::StandsStill(seconds(5)))));
        assert_eq!(hear(false, 18), (Some(seconds(6)), None), "it is said once");
        assert_eq!(hear(true, 19), (None, Some(Change::GoesOn(seconds(7)))));
        assert_eq!(hear(true, 20), (None, None));
    }

    /// If this fails, a runtime whose threads are all kept seems to have one that is free, or one that has ended makes the
    /// last moments of a process look like a hang.
    #[test]
    fn a_question_is_answered_by_a_thread_that_is_free() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        let mut question = Question::to(runtime.handle().clone());
        assert_eq!(question.threads(), 2);
        let until_answered = |question: &mut Question| {
            let began = Instant::now();
            while !question.ask() {
                assert!(began.elapsed() < seconds(60), "nobody answers");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let (begun, begins) = mpsc::channel();
        let block = |free: mpsc::Receiver<()>| {
            let begun = begun.clone();
            runtime.spawn(async move {
                let _ = begun.send(());
                let _ = free.recv();
            });
            begins.recv_timeout(seconds(60)).expect("it begins");
        };
        let (first, second) = (mpsc::channel::<()>(), mpsc::channel::<()>());
        block(first.1);
        until_answered(&mut question);
        until_answered(&mut question);
        block(second.1);
        question.ask();
        std::thread::sleep(Duration::from_millis(200));
        assert!(!question.ask(), "both threads are kept");
        drop(first.0);
        until_answered(&mut question);
        drop(second.0);
        runtime.shutdown_background();
        until_answered(&mut question);
        until_answered(&mut question);
    }

    /// If this fails, timers and sockets stand still though threads are free: the one that waits for them has woken up to a
    /// handler that blocks, and no other takes its place.
    #[test]
    fn timers_go_on_though_the_thread_that_waits_for_them_is_kept() {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(3).enable_time().build().expect("a runtime");
        let mut question = Question::to(runtime.handle().clone());
        let ((begun, begins), (done, ends), (free, kept)) = (mpsc::channel(), mpsc::channel(), mpsc::channel::<()>());
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let _ = begun.send(());
            let _ = kept.recv();
        });
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let _ = done.send(());
        });
        begins.recv_timeout(seconds(60)).expect("it begins");
        let began = Instant::now();
        while ends.recv_timeout(Duration::from_millis(50)).is_err() {
            assert!(began.elapsed() < seconds(60), "no timer goes off");
            question.ask();
        }
        drop(free);
        runtime.shutdown_background();
    }
}
