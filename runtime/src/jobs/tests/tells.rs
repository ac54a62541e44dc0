//! What stands in for an app, and only says which jobs it was given.

use std::sync::mpsc;

use futures_util::{FutureExt as _, future::BoxFuture};

use crate::jobs::{
    job::Job,
    worker::{Perform, Performed},
};

/// Tells the names of jobs that it performs.
pub(super) struct Tells(pub(super) mpsc::Sender<String>);

impl Perform for Tells {
    fn perform<'a>(&'a self, job: &'a Job<'_>) -> BoxFuture<'a, Performed> {
        async {
            let _ = self.0.send(job.jid.clone());
            Ok(())
        }
        .boxed()
    }
}
