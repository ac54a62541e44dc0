//! Several who hear the same.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{Event, Listener};
use crate::{foreign, panics::HandlerPanic};

/// Karafka's own listener, and those that an app has added. A panic of one of those is logged and forgotten: it must not end the
/// thread that tells it.
pub(crate) struct Listeners {
    own: Arc<dyn Listener>,
    added: Vec<Added>,
}

struct Added {
    listener: Arc<dyn Listener>,
    wants_done: bool,
}

impl Listeners {
    /// `own` first, then those that were added, in their order; `own` itself where there are none.
    pub(crate) fn beside(own: Arc<dyn Listener>, added: Vec<Arc<dyn Listener>>) -> Arc<dyn Listener> {
        if added.is_empty() {
            return own;
        }
        let added = added.into_iter().map(|listener| Added { wants_done: listener.wants_done(), listener });
        Arc::new(Self { own, added: added.collect() })
    }
}

impl Listener for Listeners {
    fn wants_done(&self) -> bool {
        self.own.wants_done() || self.added.iter().any(|added| added.wants_done)
    }

    fn on(&self, event: &Event<'_>) {
        // These are made only for listeners that want them.
        let is_done = matches!(event, Event::Done { .. } | Event::JobDone { .. });
        if !is_done || self.own.wants_done() {
            self.own.on(event);
        }
        for Added { listener, wants_done } in &self.added {
            if is_done && !wants_done {
                continue;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener.on(event))) {
                let panic = HandlerPanic::caught("", &*panic);
                let location = panic.site().map(|site| &*site.location);
                tracing::error!(target: "karafka", location, "a listener panicked: {}", foreign::cut(&panic.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sync::Mutex;

    struct Hears {
        heard: Mutex<Vec<&'static str>>,
        wants_done: bool,
        panics: bool,
    }

    impl Listener for Hears {
        fn wants_done(&self) -> bool {
            self.wants_done
        }

        fn on(&self, event: &Event<'_>) {
            self.heard.lock().push(if matches!(event, Event::Done { .. }) { "done" } else { "other" });
            assert!(!self.panics, "on purpose");
        }
    }

    /// If this fails, an app's listener that panics ends a group's thread, or keeps another listener from hearing; or one
    /// hears of each record that did not ask for it.
    #[test]
    fn each_hears_what_it_wants_whatever_others_do() {
        let of = |wants_done, panics| Arc::new(Hears { heard: Mutex::default(), wants_done, panics });
        let (own, first, second) = (of(false, false), of(true, true), of(false, false));
        let all = Listeners::beside(own.clone(), vec![first.clone(), second.clone()]);
        assert!(all.wants_done());
        all.on(&Event::Quieted);
        let place = super::super::TopicPartitionOffset { topic: "orders", partition: 0, offset: 1 };
        let duration = Duration::ZERO;
        all.on(&Event::Done { place, controller: "OrdersController", duration, emitted: &[], job: None, batch: 1 });
        assert_eq!(*own.heard.lock(), ["other"]);
        assert_eq!(*first.heard.lock(), ["other", "done"]);
        assert_eq!(*second.heard.lock(), ["other"]);
        let alone = Listeners::beside(own, Vec::new());
        assert!(!alone.wants_done());
    }
}
