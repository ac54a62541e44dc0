//! What a panic leaves that no event tells of: in development on standard error, and in the log everywhere else.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, Write as _},
    panic,
};

use crate::{
    foreign,
    panics::{self, PanicSite, Panicked},
};

/// Has the process's panics told once: those of handlers by their events, others as they happen, without what a terminal
/// would act on, as their words are often those of a record.
pub(super) fn tell(is_development: bool) {
    panics::say_with(if is_development { print } else { log });
    panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        panics::hear(&Panicked::of(info, backtrace));
    }));
}

fn print(panicked: &Panicked) {
    // A closed pipe must not turn a panic into an abort.
    let _ = io::stderr().lock().write_all(foreign::page(&text(panicked), false).as_bytes());
}

/// As Rust prints it.
fn text(panicked: &Panicked) -> String {
    let Panicked { words, thread, site } = panicked;
    let place = site.as_ref().map(|site| format!(" at {}", site.location)).unwrap_or_default();
    let mut text = format!("\nthread '{thread}' panicked{place}:\n{}\n", foreign::paragraph(words));
    if let Some(calls) = site.as_ref().and_then(PanicSite::backtrace) {
        text.push_str(&format!("stack backtrace:\n{calls}\n"));
    }
    text
}

fn log(panicked: &Panicked) {
    let Panicked { words, thread, site } = panicked;
    let (location, backtrace) =
        (site.as_ref().map(|site| &*site.location), site.as_ref().and_then(PanicSite::backtrace));
    let error = &*foreign::cut(words);
    tracing::error!(target: "karafka", thread, error, location, backtrace, "panicked outside of a handler");
}
