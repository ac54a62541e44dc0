//! What an attempt ends with when its handler has panicked.

#[cfg(feature = "consumer")]
mod hook;

use std::{any::Any, fmt};

#[cfg(feature = "consumer")]
pub use hook::PanicSite;
#[cfg(feature = "consumer")]
pub(crate) use hook::{Panicked, hear, say_with, watched};

/// The error that an attempt ends with when its handler has panicked.
#[derive(Debug)]
pub(crate) struct HandlerPanic {
    words: String,
    /// Where, if the process's hook has noted it.
    #[cfg(feature = "consumer")]
    site: Option<PanicSite>,
}

impl HandlerPanic {
    /// Of a panic that was caught on this thread; `before` stands before its words.
    pub(crate) fn caught(before: &str, panic: &(dyn Any + Send)) -> Self {
        Self {
            words: format!("{before}{}", words_of(panic)),
            #[cfg(feature = "consumer")]
            site: hook::take_noted(),
        }
    }
}

impl fmt::Display for HandlerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for HandlerPanic {}

/// The words of a panic.
fn words_of(panic: &(dyn Any + Send)) -> String {
    if let Some(words) = panic.downcast_ref::<&str>() {
        (*words).to_owned()
    } else if let Some(words) = panic.downcast_ref::<String>() {
        words.clone()
    } else {
        "a panic without words".to_owned()
    }
}
