//! Where panics begin: noted by the process's hook, and told by whoever catches the panic, with what comes of it.
//!
//! A handler that panics is one event, which its engine tells. So a thread that runs handlers is [`watched`] while it does:
//! what panics there is only noted, and said by the hook itself everywhere else.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind},
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    thread,
};

use super::{HandlerPanic, words_of};
use crate::Error;

thread_local! {
    /// Whether a panic of this thread will be caught by somebody who tells of it.
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    /// The panic that was noted last and that nobody has told of.
    static NOTED: RefCell<Option<Panicked>> = const { RefCell::new(None) };
}

/// How the process says a panic that no event tells of, once it has a way to.
static SAY: OnceLock<fn(&Panicked)> = OnceLock::new();

/// Where a handler panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PanicSite {
    /// File, line and column of the source.
    pub location: String,
    /// The calls that led there, if `RUST_BACKTRACE` asks for them.
    pub backtrace: Option<String>,
}

impl PanicSite {
    /// The calls that led there, if they are known.
    pub(crate) fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }
}

/// A panic, as the hook has seen it.
#[derive(Debug, Clone)]
pub(crate) struct Panicked {
    pub(crate) words: String,
    pub(crate) thread: String,
    /// `None` where the compiler has kept none.
    pub(crate) site: Option<PanicSite>,
}

impl HandlerPanic {
    /// A panic of which this is known.
    #[cfg(test)]
    pub(crate) fn at(words: &str, site: Option<PanicSite>) -> Self {
        Self { words: words.to_owned(), site }
    }

    pub(crate) fn site(&self) -> Option<&PanicSite> {
        self.site.as_ref()
    }
}

impl Error {
    /// Where the handler panicked, if this error is what became of that.
    pub(crate) fn panic_site(&self) -> Option<&PanicSite> {
        self.downcast_ref::<HandlerPanic>().and_then(HandlerPanic::site)
    }
}

impl Panicked {
    /// What a hook is told, on the thread that panics.
    pub(crate) fn of(info: &PanicHookInfo<'_>, backtrace: Option<String>) -> Self {
        let site = info.location().map(|location| PanicSite { location: location.to_string(), backtrace });
        let thread = thread::current().name().unwrap_or("<unnamed>").to_owned();
        Self { words: words_of(info.payload()), thread, site }
    }
}

/// Has panics that no event tells of said by `say`. The first who asks for it is obeyed.
pub(crate) fn say_with(say: fn(&Panicked)) {
    let _ = SAY.set(say);
}

/// Takes a panic from the hook: notes it where somebody catches it, and says it otherwise.
pub(crate) fn hear(panicked: &Panicked) {
    // A process that does not unwind ends behind the hook.
    if !IS_WATCHED.get() || cfg!(panic = "abort") {
        say(panicked);
        return;
    }
    // Of two without a catch between them the second has struck while the first was unwinding: that ends the process.
    if let Some(first) = NOTED.replace(Some(panicked.clone())) {
        say(&first);
        say(panicked);
    }
}

fn say(panicked: &Panicked) {
    if let Some(say) = SAY.get() {
        say(panicked);
    }
}

/// A future on whose thread panics are only noted while it runs, because it catches and tells what its handlers do. What it
/// does not catch is said, and goes on as it was.
pub(crate) fn watched<F: Future>(future: F) -> Watched<F> {
    Watched { future: Box::pin(future) }
}

/// See [`watched`].
pub(crate) struct Watched<F> {
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let was_watched = IS_WATCHED.replace(true);
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        IS_WATCHED.set(was_watched);
        // What is left without a fault here was caught by the handler itself.
        let noted = if was_watched { None } else { NOTED.take() };
        polled.unwrap_or_else(|panic| {
            noted.iter().for_each(say);
            resume_unwind(panic)
        })
    }
}

/// Where the panic that was just caught on this thread began, if the hook has noted it.
pub(super) fn take_noted() -> Option<PanicSite> {
    NOTED.take().and_then(|noted| noted.site)
}

#[cfg(test)]
mod tests {
    use std::{
        future::{poll_fn, ready},
        pin::pin,
        task::Waker,
    };

    use super::*;
    use crate::sync::Mutex;

    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn panicked(words: &str) -> Panicked {
        let site = Some(PanicSite { location: format!("{words}.rs:1:1"), backtrace: None });
        Panicked { words: words.to_owned(), thread: "t".to_owned(), site }
    }

    fn said() -> Vec<String> {
        std::mem::take(&mut *SAID.lock())
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        match pin!(watched(future)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    /// If this fails, a panic is told twice, with a place that is another's, or not at all: as one of the engine itself, or of
    /// a handler whose cleaning up panics too, before the process ends.
    #[test]
    fn a_panic_is_told_by_who_catches_it_or_said() {
        say_with(|panicked| SAID.lock().push(panicked.words.clone()));
        hear(&panicked("elsewhere"));
        assert_eq!(said(), ["elsewhere"]);

        // As the hook and the catch around a handler do, in a lane.
        let caught = run(poll_fn(|_| {
            hear(&panicked("handler"));
            Poll::Ready(HandlerPanic::caught("", &"words"))
        }));
        assert_eq!(caught.site().map(|site| &*site.location), Some("handler.rs:1:1"));
        assert_eq!(said(), [""; 0]);
        assert_eq!(HandlerPanic::caught("", &"words").site(), None, "the place of another panic");

        // A handler that catches its own has told whom it wanted to.
        run(poll_fn(|_| {
            hear(&panicked("its own"));
            Poll::Ready(())
        }));
        run(ready(()));
        assert_eq!(HandlerPanic::caught("", &"words").site(), None);
        assert_eq!(said(), [""; 0]);

        let ended = catch_unwind(|| {
            run(poll_fn(|_| -> Poll<()> {
                hear(&panicked("a bug"));
                panic!("a bug")
            }));
        });
        assert!(ended.is_err());
        assert_eq!(said(), ["a bug"]);

        run(poll_fn(|_| {
            hear(&panicked("first"));
            hear(&panicked("while it unwinds"));
            Poll::Ready(())
        }));
        assert_eq!(said(), ["first", "while it unwinds"]);
        hear(&panicked("elsewhere again"));
        assert_eq!(said(), ["elsewhere again"]);
    }
}
