//! The broker inside the app.

use std::{
    ffi::{CStr, CString},
    ptr::NonNull,
};

use rdkafka_sys as sys;

use super::consumer::code_of;

/// The mock cluster that a client with `test.mock.num.brokers` holds.
///
/// **Invariant:** `EmbeddedBroker` holds one, next to the client that owns it.
#[derive(Clone, Copy)]
pub(crate) struct MockCluster(NonNull<sys::rd_kafka_mock_cluster_t>);

// SAFETY: the mock cluster hands each call to a thread of its own.
unsafe impl Send for MockCluster {}
// SAFETY: as above.
unsafe impl Sync for MockCluster {}

impl MockCluster {
    /// The cluster of a live client, `None` if it has none.
    ///
    /// Its groups rebalance at once: by default the first member waits three seconds for others.
    pub(crate) fn of_client(client: *mut sys::rd_kafka_t) -> Option<Self> {
        // SAFETY: the wrapper's client is live while its caller borrows it; the cluster lives as long as the client.
        let cluster = NonNull::new(unsafe { sys::rd_kafka_handle_mock_cluster(client) })?;
        // SAFETY: the cluster is live.
        unsafe { sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.as_ptr(), 0) };
        Some(Self(cluster))
    }

    /// Its brokers as `host:port,…`.
    pub(crate) fn address(self) -> String {
        // SAFETY: the cluster is live, and the string lives as long as it does; it is copied at once.
        unsafe { CStr::from_ptr(sys::rd_kafka_mock_cluster_bootstraps(self.0.as_ptr())) }.to_string_lossy().into_owned()
    }

    /// Its only broker tells clients to come to this port of the loopback interface.
    pub(crate) fn announce(self, port: u16) {
        // SAFETY: the cluster is live; the host is a string that ends in NUL, and is copied.
        unsafe { sys::rd_kafka_mock_broker_set_host_port(self.0.as_ptr(), 1, c"127.0.0.1".as_ptr(), port.into()) };
    }

    /// Its first broker does not take the next commits, and says so only when nobody waits any more.
    #[cfg(test)]
    pub(crate) fn refuse_commits_in_silence(self, commits: usize) {
        use std::ffi::c_int;
        const OFFSET_COMMIT: i16 = 8;
        const LATE_MS: c_int = 120_000;
        let refusal = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS as c_int;
        for _ in 0..commits {
            // SAFETY: the cluster is live; one pair of an error and a time follows, as the count says.
            unsafe {
                let cluster = self.0.as_ptr();
                sys::rd_kafka_mock_broker_push_request_error_rtts(cluster, 1, OFFSET_COMMIT, 1, refusal, LATE_MS);
            }
        }
    }

    /// Makes a topic with this many partitions.
    pub(crate) fn create_topic(self, topic: &str, partitions: i32) -> Result<(), String> {
        let name = CString::new(topic).map_err(|error| error.to_string())?;
        // SAFETY: the cluster is live, the string ends in NUL.
        code_of(unsafe { sys::rd_kafka_mock_topic_create(self.0.as_ptr(), name.as_ptr(), partitions, 1) })
    }
}
