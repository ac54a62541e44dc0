//! Why a message failed, in the words of the app's author.

use std::{error::Error as StdError, fmt};

/// What [`crate::Controller::perform`] and its neighbours return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a message could not be handled.
///
/// Any error converts into it with `?`; [`Error::new`] makes one from words. Like `anyhow::Error` it does not
/// implement [`std::error::Error`] itself, because that would forbid the conversion.
pub struct Error {
    source: Box<dyn StdError + Send + Sync>,
    type_name: &'static str,
    permanent: bool,
}

impl Error {
    /// An error that says `message`.
    pub fn new(message: impl fmt::Display) -> Self {
        Self { source: message.to_string().into(), type_name: "karafka::Error", permanent: false }
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
        Self { permanent: true, ..error.into() }
    }

    /// Whether a further attempt is pointless.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.permanent
    }

    /// The Rust type that the error was made from, as the compiler writes it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The error and each error behind it, outermost first, joined with `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.source.to_string();
        let mut next = self.source.source();
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
        Self { type_name: std::any::type_name::<E>(), source: Box::new(error), permanent: false }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.chain(), self.type_name)
    }
}
