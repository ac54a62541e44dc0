//! Controllers, gathered over the consumers that name them.

use std::collections::BTreeMap;

use super::{Consumer, Controller, Payload, Setting};
use crate::{manifest, names::Constant};

/// A consumer, what was written, and what it hands to its controller.
pub(super) type Handled<'a> = (Consumer, &'a manifest::Consumer, Payload);

/// The controllers of these consumers, which are in the order of the file; each consumer learns all that its
/// controller may send.
pub(super) fn gather(consumers: &mut [Handled<'_>]) -> Vec<Controller> {
    let mut controllers: BTreeMap<Constant, Controller> = BTreeMap::new();
    for (consumer, written, payload) in consumers.iter() {
        let controller = controllers.entry(consumer.controller.clone()).or_insert_with(|| Controller {
            constant: consumer.controller.clone(),
            payload: payload.clone(),
            topics: Vec::new(),
            emits: Vec::new(),
            delivers_tombstones: false,
            takes_batches: consumer.takes_batches,
        });
        controller.topics.push(consumer.topic.clone());
        controller.emits.extend(written.emits.iter().map(|emitted| emitted.value.clone()));
        let deliver = |(key, value): &Setting| key == "tombstones" && value == "deliver";
        controller.delivers_tombstones |= consumer.settings.iter().any(deliver);
    }
    for controller in controllers.values_mut() {
        for list in [&mut controller.topics, &mut controller.emits] {
            list.sort_unstable();
            list.dedup();
        }
    }
    for (consumer, ..) in consumers {
        if let Some(controller) = controllers.get(&consumer.controller) {
            consumer.emits.clone_from(&controller.emits);
        }
    }
    controllers.into_values().collect()
}
