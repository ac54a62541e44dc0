//! Who is about to hand a record over, and whether that still may be: between the two nothing slips past the end.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Lets records through until it is shut.
///
/// **Invariant:** once it was shut and is empty, nobody is inside, and nobody enters any more (held by
/// `tests::nobody_is_inside_of_a_gate_that_is_shut`).
#[derive(Debug, Default)]
pub(super) struct Gate {
    is_shut: AtomicBool,
    inside: AtomicUsize,
}

/// Somebody is inside, until this is dropped.
#[derive(Debug)]
pub(super) struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Between two looks whether somebody is inside still: handing over takes microseconds.
const LOOK: Duration = Duration::from_micros(200);

impl Gate {
    /// Enters; `None` if it is shut.
    pub(super) fn enter(&self) -> Option<Inside<'_>> {
        self.inside.fetch_add(1, Ordering::SeqCst);
        let inside = Inside(&self.inside);
        // After the other, so that whoever shuts it sees this one, or is seen.
        (!self.is_shut.load(Ordering::SeqCst)).then_some(inside)
    }

    /// Lets nobody in any more. Returns whether it was open.
    pub(super) fn begin_to_shut(&self) -> bool {
        !self.is_shut.swap(true, Ordering::SeqCst)
    }

    /// Waits until everybody is out, at most until then. Blocks.
    pub(super) fn empty(&self, deadline: Instant) {
        while self.inside.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, atomic::AtomicU64};

    use super::*;

    /// If this fails, a record is handed over behind the back of whoever closes a producer, and nobody waits for it.
    #[test]
    fn nobody_is_inside_of_a_gate_that_is_shut() {
        for _ in 0..200 {
            let (gate, entered) = (Arc::<Gate>::default(), Arc::<AtomicU64>::default());
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (gate, entered) = (Arc::clone(&gate), Arc::clone(&entered));
                    thread::spawn(move || {
                        while let Some(_inside) = gate.enter() {
                            entered.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();
            assert!(gate.begin_to_shut());
            gate.empty(Instant::now() + Duration::from_secs(20));
            let before = entered.load(Ordering::SeqCst);
            threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
            assert_eq!(entered.load(Ordering::SeqCst), before);
            assert!(!gate.begin_to_shut() && gate.enter().is_none());
        }
    }
}
