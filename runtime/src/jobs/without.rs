//! Stands in for the room of jobs where Redis is not compiled in: nothing is handed over, as nobody can make what does it.

/// What the engine hands jobs over with.
pub(crate) mod enqueue {
    use std::sync::Arc;

    use crate::{Record, outgoing::DeliveryReport};

    /// There is none.
    pub(crate) enum Enqueuer {}

    /// There is none.
    #[derive(Debug)]
    pub(crate) enum JobRoute {}

    impl JobRoute {
        pub(crate) fn new(_: &'static str, _: &'static str, _: Option<u32>, enqueuer: &Enqueuer) -> Arc<Self> {
            match *enqueuer {}
        }

        pub(crate) fn class(&self) -> &'static str {
            match *self {}
        }

        pub(crate) fn queue(&self) -> &str {
            match *self {}
        }

        pub(crate) fn is_told(&self) -> bool {
            match *self {}
        }

        pub(crate) fn job(&self, _: Option<String>, _: &Record) -> serde_json::Result<(String, String)> {
            match *self {}
        }

        pub(crate) fn try_push(&self, _: String, _: DeliveryReport) -> Result<(), (String, DeliveryReport)> {
            match *self {}
        }

        pub(crate) async fn push(&self, _: String, _: DeliveryReport) {
            match *self {}
        }
    }
}
