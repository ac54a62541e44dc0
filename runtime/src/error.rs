//! Why a message failed, in the words of the app's author.

use std::{error::Error as StdError, fmt, time::Duration};

use crate::panics::{HandlerPanic, PanicSite};

/// What [`crate::Controller::perform`] and its neighbours return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a message could not be handled.
///
/// Any error converts into it with `?`; [`Error::new`] makes one from words. Like `anyhow::Error` it does not
/// implement [`std::error::Error`] itself, because that would forbid the conversion.
pub struct Error {
    // In a place of its own, so that an attempt that goes well moves no room for one about.
    inner: Box<Inner>,
}

struct Inner {
    source: Box<dyn StdError + Send + Sync>,
    type_name: &'static str,
    permanent: bool,
    wait: Option<Duration>,
}

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl fmt::Display) -> Self {
        Self::of(message.to_string().into(), "karafka::Error")
    }

    fn of(source: Box<dyn StdError + Send + Sync>, type_name: &'static str) -> Self {
        Self { inner: Box::new(Inner { source, type_name, permanent: false, wait: None }) }
    }

    /// An error that no further attempt will mend: the record goes to the dead letter topic at once, or, where there is
    /// none, waits for the longest backoff each time.
    ///
    /// ```
    /// # use karafka::{Error, Result};
    /// # fn charge() -> std::io::Result<()> { Ok(()) }
    /// # fn perform() -> Result {
    /// charge().map_err(Error::permanent)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn permanent(error: impl Into<Self>) -> Self {
        let mut error = error.into();
        error.inner.permanent = true;
        error
    }

    /// The same error, which the next attempt comes so long after: for what says itself when to come back, such as an HTTP
    /// service that answers 429 with `Retry-After`.
    ///
    /// It is obeyed where the backoff would have spoken, to the letter and without jitter, up to an hour, or to the longest
    /// backoff if the manifest has a longer one; the attempt counts as any other. Jobs on Redis obey it too. An error that is
    /// [permanent](Error::permanent) has no next attempt to wait for.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use karafka::{Error, Result};
    /// # fn call() -> (u16, u64) { (429, 30) }
    /// # fn perform() -> Result {
    /// let (status, retry_after) = call();
    /// if status == 429 {
    ///     return Err(Error::new("too many requests").retry_after(Duration::from_secs(retry_after)));
    /// }
    /// # Ok(())
    /// # }
    /// # assert_eq!(perform().unwrap_err().asked_wait(), Some(Duration::from_secs(30)));
    /// ```
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.inner.wait = Some(wait);
        self
    }

    /// How long the next attempt is to wait, if the error says so.
    #[must_use]
    pub fn asked_wait(&self) -> Option<Duration> {
        self.inner.wait
    }

    /// Whether a further attempt is pointless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.inner.permanent
    }

    /// The Rust type that the error was made from, as the compiler writes it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.inner.type_name
    }

    /// The same error behind `words`, which say what failed. What it was made from is only known by its name and its words
    /// then.
    pub(crate) fn about(mut self, words: &str) -> Self {
        self.inner.source = format!("{words}: {}", self.chain()).into();
        self
    }

    /// The error that this was made from, if it is of this type.
    pub(crate) fn cause_as<E: StdError + 'static>(&self) -> Option<&E> {
        self.inner.source.downcast_ref()
    }

    /// Where the handler panicked, if this error is what became of that.
    pub(crate) fn panic_site(&self) -> Option<&PanicSite> {
        self.cause_as::<HandlerPanic>().and_then(HandlerPanic::site)
    }

    /// The error and each error behind it, outermost first, joined with `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.inner.source.to_string();
        let mut next = self.inner.source.source();
        while let Some(cause) = next {
            let words = cause.to_string();
            // Many errors repeat their cause in their own words.
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            next = cause.source();
        }
        text
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self::of(Box::new(error), std::any::type_name::<E>())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.chain(), self.inner.type_name)
    }
}
