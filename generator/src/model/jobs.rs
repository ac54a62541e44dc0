//! Where the jobs of consumers run, and their queues.

use super::Setting;
use crate::manifest::{ConsumerSettings, Manifest, Text};

/// What the manifest says of where the jobs of a consumer run: itself, or `defaults`.
pub(super) fn backend<'a>(own: &'a ConsumerSettings, manifest: &'a Manifest) -> Option<&'a Text> {
    own.jobs.as_ref().or(manifest.defaults.jobs.as_ref())
}

/// Whether the jobs of a consumer run on Redis.
pub(super) fn on_redis(own: &ConsumerSettings, manifest: &Manifest) -> bool {
    backend(own, manifest).is_some_and(is_redis)
}

/// Whether `jobs` says Redis.
pub(super) fn is_redis(backend: &Text) -> bool {
    backend.value == "redis"
}

/// `jobs` and `queue` of a consumer whose jobs run on Redis; others have neither.
pub(super) fn settings(own: &ConsumerSettings, manifest: &Manifest) -> Vec<Setting> {
    if !on_redis(own, manifest) {
        return Vec::new();
    }
    let queue = own.queue.as_ref().or(manifest.defaults.queue.as_ref());
    let queue = queue.map(|queue| ("queue".to_owned(), queue.value.clone()));
    [("jobs".to_owned(), "redis".to_owned())].into_iter().chain(queue).collect()
}
