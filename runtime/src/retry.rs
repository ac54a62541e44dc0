//! Attempts with a bound on their time, a backoff between them, and hooks on failure: what a worker gives a
//! controller, for any other async function, without Kafka.
//!
//! ```
//! use std::time::Duration;
//!
//! use karafka::{Error, Result, retry::Retry};
//!
//! # async fn charge() -> std::io::Result<u32> { Ok(7) }
//! # async fn run() -> Result {
//! let receipt = Retry::new()
//!     .timeout(Duration::from_secs(5))
//!     .attempts(3)
//!     .backoff(Duration::from_millis(200), Duration::from_secs(2))
//!     .after_failure(|failure| eprintln!("attempt {}: {}", failure.attempt, failure.error))
//!     .perform(async |_attempt| charge().await.map_err(Error::from))
//!     .await?;
//! # assert_eq!(receipt, 7);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(run()).unwrap();
//! ```

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    Failure, Result,
    backoff::{Backoff, Jitter, before_next},
    guard::{Bounds, guarded},
    random::new_id,
};

/// What is called when an attempt has failed.
type Hook<'a> = Box<dyn FnMut(&Failure<'_>) + Send + 'a>;

/// How something is attempted: one attempt without a bound on its time, unless said otherwise.
///
/// It needs a tokio runtime where a time-out or a second attempt is asked for.
#[doc(alias = "glass")]
#[doc(alias = "WorkerGlass")]
#[must_use = "nothing happens until `perform` is awaited"]
pub struct Retry<'a> {
    bounds: Bounds,
    backoff: Backoff,
    after_failure: Option<Hook<'a>>,
    gave_up: Option<Hook<'a>>,
}

impl Default for Retry<'_> {
    fn default() -> Self {
        let bounds = Bounds { timeout: None, attempts: Some(1) };
        Self { bounds, backoff: Backoff::default(), after_failure: None, gave_up: None }
    }
}

impl<'a> Retry<'a> {
    /// One attempt without a bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds each attempt; one that takes longer is dropped where it waits, and has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.bounds.timeout = Some(timeout);
        self
    }

    /// Makes up to this many attempts, the first one counted; 0 counts as 1.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.bounds.attempts = Some(attempts.max(1));
        self
    }

    /// Makes attempts until one goes well, or fails for good ([`crate::Error::permanent`]).
    pub fn attempts_without_end(mut self) -> Self {
        self.bounds.attempts = Some(u32::MAX);
        self
    }

    /// Waits between attempts: about `shortest` after the first, then twice as long each time, at most `longest`, with
    /// jitter. 1 s to 30 s unless said otherwise.
    pub fn backoff(mut self, shortest: Duration, longest: Duration) -> Self {
        self.backoff = Backoff { min: shortest, max: longest.max(shortest) };
        self
    }

    /// Calls `hook` after each attempt that failed, before the wait.
    ///
    /// Nothing depends on it: a panic in here is logged and forgotten.
    pub fn after_failure(mut self, hook: impl FnMut(&Failure<'_>) + Send + 'a) -> Self {
        self.after_failure = Some(Box::new(hook));
        self
    }

    /// Calls `hook` once, after the last attempt has failed and [`Retry::after_failure`] was told.
    pub fn gave_up(mut self, hook: impl FnMut(&Failure<'_>) + Send + 'a) -> Self {
        self.gave_up = Some(Box::new(hook));
        self
    }

    /// Performs `work`, which is told which attempt it is, from 1. A panic is a failure like any other.
    ///
    /// `work` may borrow what is around it, `async |attempt| ask(&client, attempt).await`, and the future moves between threads
    /// then, as that of a web handler has to. It can change nothing that is around it, as by `count += 1`, nor lend what it
    /// owns, as with `async move`: such a closure does not compile.
    ///
    /// # Errors
    ///
    /// Why the last attempt failed: what `work` said, the words of its panic, or that it was not done in time.
    // Not `AsyncFnMut`: with that, a future whose closure borrows is not `Send` to the compiler.
    pub async fn perform<T, F>(mut self, mut work: impl FnMut(u32) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut jitter = Jitter::new(new_id());
        let mut attempt = 1;
        loop {
            // Called inside, so that a panic before the first wait is caught too.
            let (kind, error) = match guarded(async { work(attempt).await }, self.bounds.timeout).await {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            let is_last = self.bounds.is_last(attempt, &error);
            let failure = Failure { kind, error: &error, attempt, is_last };
            call(self.after_failure.as_mut(), &failure);
            if is_last {
                call(self.gave_up.as_mut(), &failure);
                return Err(error);
            }
            tokio::time::sleep(before_next(self.backoff, attempt, &error, jitter.next())).await;
            attempt = attempt.saturating_add(1);
        }
    }
}

fn call(hook: Option<&mut Hook<'_>>, failure: &Failure<'_>) {
    if let Some(hook) = hook
        && catch_unwind(AssertUnwindSafe(|| hook(failure))).is_err()
    {
        tracing::error!("a hook panicked");
    }
}

impl fmt::Debug for Retry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bounds, backoff, .. } = self;
        f.debug_struct("Retry").field("bounds", bounds).field("backoff", backoff).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, FailureKind};

    /// If this fails, what fails once is not tried again, or a hook is not told.
    #[tokio::test(start_paused = true)]
    async fn tries_again_and_tells() {
        let mut told = Vec::new();
        let started = tokio::time::Instant::now();
        let done = Retry::new()
            .attempts(5)
            .backoff(Duration::from_secs(10), Duration::from_secs(60))
            .timeout(Duration::from_secs(1))
            .after_failure(|failure| told.push((failure.attempt, failure.kind, failure.is_last)))
            .gave_up(|_| unreachable!("it went well"))
            .perform(async |attempt| match attempt {
                1 => Err(Error::new("closed")),
                2 => panic!("on fire"),
                3 => std::future::pending().await,
                attempt => Ok(attempt),
            })
            .await;
        assert_eq!(done.expect("the fourth goes well"), 4);
        let kinds = [FailureKind::Error, FailureKind::Panicked, FailureKind::TimedOut];
        assert_eq!(told, [(1, kinds[0], false), (2, kinds[1], false), (3, kinds[2], false)]);
        // Virtual time: 5–10 s, 10–20 s and 20–40 s of backoff, and 1 s until the third was given up.
        assert!((36..=71).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }

    /// If this fails, a service that says when to come back is asked too early.
    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_an_error_asks() {
        let started = tokio::time::Instant::now();
        let work = async |attempt| match attempt {
            1 => Err(Error::new("429").retry_after(std::time::Duration::from_secs(90))),
            _ => Ok(()),
        };
        assert!(Retry::new().attempts(2).perform(work).await.is_ok());
        assert_eq!(started.elapsed().as_secs(), 90);
    }

    /// If this fails, an attempt that runs out of time takes its caller down when something that it held panics on its way out.
    #[tokio::test(start_paused = true)]
    async fn what_a_time_out_drops_may_panic() {
        struct Burns;
        impl Drop for Burns {
            fn drop(&mut self) {
                panic!("on fire");
            }
        }
        let mut told = Vec::new();
        let done = Retry::new()
            .attempts(2)
            .timeout(Duration::from_secs(1))
            .after_failure(|failure| told.push((failure.kind, failure.error.to_string())))
            .perform(async |attempt| {
                if attempt > 1 {
                    return Ok(attempt);
                }
                let _burns = Burns;
                std::future::pending().await
            })
            .await;
        assert_eq!(done.expect("the second goes well"), 2);
        let words = "not done within 1s; what was dropped then panicked: on fire".to_owned();
        assert_eq!(told, [(FailureKind::TimedOut, words)]);
    }

    /// A handler that uses it has to be able to move between threads.
    fn assert_send<T: Send>(_: &T) {}

    /// If this fails, something that cannot go well is tried for ever, or nobody learns that it was given up.
    #[tokio::test(start_paused = true)]
    async fn gives_up_once() {
        for (error, attempts) in [(false, 3), (true, 1)] {
            let mut gave_up = Vec::new();
            let result: Result = Retry::new()
                .attempts(3)
                .after_failure(|_| panic!("a hook that panics changes nothing"))
                .gave_up(|failure| gave_up.push(failure.attempt))
                .perform(async |_| {
                    let closed = Error::new("closed");
                    Err(if error { Error::permanent(closed) } else { closed })
                })
                .await;
            assert_eq!(result.expect_err("it fails").to_string(), "closed");
            assert_eq!(gave_up, [attempts]);
        }
        let result: Result = Retry::new().perform(async |_| Err(Error::new("once"))).await;
        assert!(result.is_err(), "one attempt unless more are asked for");
    }

    /// If this fails, what a handler of a web server attempts cannot borrow from the request: the handler does not compile.
    #[tokio::test(start_paused = true)]
    async fn what_borrows_moves_between_threads() {
        async fn ask(path: &str, attempt: u32) -> Result<String> {
            tokio::task::yield_now().await;
            if attempt == 1 { Err(Error::new("closed")) } else { Ok(path.to_owned()) }
        }
        async fn handler(path: String) -> Result<String> {
            let prefix = "/rates".to_owned();
            let work = Retry::new().attempts(2).timeout(Duration::from_secs(1)).after_failure(|_| {});
            work.perform(async |attempt| Ok(prefix.clone() + &ask(&path, attempt).await?)).await
        }
        let asked = handler("/eur".to_owned());
        assert_send(&asked);
        assert_eq!(asked.await.expect("the second attempt goes well"), "/rates/eur");
    }
}
