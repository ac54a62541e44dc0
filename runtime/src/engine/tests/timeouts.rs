//! Attempts that run out of time.

use super::*;
use crate::layer::{Attempt, Layer, Next};

static SHORT: Manifest = Manifest {
    consumers: &[ConsumerEntry {
        settings: &[("timeout", "150ms"), ("retry.backoff", "10ms..40ms"), ("tombstones", "deliver")],
        ..PLAIN.consumers[0]
    }],
    ..PLAIN
};

struct Through;

impl Layer<Arc<State>> for Through {
    async fn call(&self, _: &Attempt<'_, Arc<State>>, next: Next<'_, Arc<State>>) -> Result {
        next.run().await
    }
}

/// If this fails, a handler that runs out of time takes its partition down when something that it held panics on its way
/// out. Batches have the like in their own tests, where each that hangs holds such a thing.
#[test]
fn what_a_time_out_drops_may_panic() {
    for (case, value, is_wrapped) in
        [("alone", Some("1"), false), ("in a layer", Some("1"), true), ("a tombstone", None, false)]
    {
        let shop = Shop { app: &SHORT, ..Shop::open() };
        shop.state.burns.store(true, Ordering::Relaxed);
        shop.send(Some("one key"), value);
        let app = App::new(&SHORT)
            .consumer::<OrdersWorker, crate::parser::Json, crate::interchanger::Json>(&SHORT.consumers[0]);
        let running = shop.start_app(&SHORT, if is_wrapped { app.layer(Through) } else { app });
        shop.until(case, |shop| shop.state.records.lock().expect("no panic").len() == 1);
        let end = running.join();
        assert_eq!((end.handled, end.failed), (1, 1), "{case}");
        let words = "not done within 150ms; what was dropped then panicked: on fire";
        assert_eq!(shop.noted(words), 1, "{case}: {:#?}", shop.other_notes());
    }
}
