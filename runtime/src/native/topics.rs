//! What Kafka says of topics: their ids, who leads their partitions, and what this client may do with them. The wrapper asks
//! for none of it.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    slice,
};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::handle::{ClientHandle, Queue};

/// For how long an answer is waited for: then there is none.
const PATIENCE_MS: std::ffi::c_int = 4_000;

/// librdkafka asks the cluster's controller, and a mock cluster names none: then this broker is asked, which each mock
/// cluster has.
const INSTEAD: i32 = 1;

/// What Kafka tells a topic from others of its name by.
pub(crate) type TopicId = (i64, i64);

/// What Kafka says of a topic that it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicFacts {
    /// `None` from brokers that have no ids.
    pub(crate) id: Option<TopicId>,
    /// Partitions that nobody leads, in their order.
    pub(crate) leaderless: Vec<i32>,
    /// What this client may do with it; `None` from brokers that do not say it.
    pub(crate) may: Option<Operations>,
}

/// What a client may do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operations {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What Kafka says of topics, each with facts or why there are none.
pub(crate) type Described = BTreeMap<String, Result<TopicFacts, RDKafkaErrorCode>>;

/// Asks Kafka about topics, in the background; a topic that is not there is not made by that.
///
/// **Invariant:** whoever holds one drops it before its client.
pub(crate) struct TopicLookup {
    /// For answers; one that is on its way is thrown away with it.
    queue: Queue,
    client: ClientHandle,
    /// How often there was none in turn.
    failures: u32,
}

impl TopicLookup {
    /// `None` if librdkafka gives no queue for answers.
    pub(crate) fn new(client: ClientHandle) -> Option<Self> {
        Some(Self { queue: Queue::new(client)?, client, failures: 0 })
    }

    /// Asks about these topics. The answer comes after some seconds at the latest, if only to say that there is none.
    pub(crate) fn ask<'a>(&self, topics: impl Iterator<Item = &'a str>) {
        let names: Vec<_> = topics.filter_map(|topic| CString::new(topic).ok()).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the names are live for the calls, which copy them; client, queue and options are live, and options and
        // collection are given back once. An error of an option is null or ours; without room for words none are written.
        unsafe {
            let client = self.client.as_ptr();
            let options =
                sys::rd_kafka_AdminOptions_new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
            let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !error.is_null() {
                sys::rd_kafka_error_destroy(error);
            }
            if self.asks_again() {
                sys::rd_kafka_AdminOptions_set_broker(options, INSTEAD, ptr::null_mut(), 0);
            }
            sys::rd_kafka_AdminOptions_set_request_timeout(options, PATIENCE_MS, ptr::null_mut(), 0);
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(client, topics, options, self.queue.as_ptr());
            sys::rd_kafka_TopicCollection_destroy(topics);
            sys::rd_kafka_AdminOptions_destroy(options);
        }
    }

    /// Whether there was no answer, and there may be one if it is asked again at once: another broker is asked then.
    pub(crate) fn asks_again(&self) -> bool {
        self.failures % 2 == 1
    }

    /// The answer, once it is there.
    ///
    /// # Errors
    ///
    /// The code of an answer that says nothing of any topic: no broker has given one in time, or Kafka is too old.
    pub(crate) fn answer(&mut self) -> Option<Result<Described, RDKafkaErrorCode>> {
        // SAFETY: the queue is live. The event is ours until it is destroyed, and result, descriptions and what they
        // point to live as long as it does; everything is copied before. What is not such a result is null.
        unsafe {
            let event = NonNull::new(sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0))?;
            let code = sys::rd_kafka_event_error(event.as_ptr());
            let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
            let answer = if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR || result.is_null() {
                Err(code.into())
            } else {
                let mut count = 0;
                let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
                let topics = if topics.is_null() { &[] } else { slice::from_raw_parts(topics, count) };
                Ok(topics.iter().map(|&topic| described(topic)).collect())
            };
            sys::rd_kafka_event_destroy(event.as_ptr());
            // The way that has worked is the first one of the next time, too.
            self.failures = if answer.is_ok() { self.failures & 1 } else { self.failures + 1 };
            Some(answer)
        }
    }
}

/// # Safety
///
/// `topic` is a live description.
unsafe fn described(topic: *const sys::rd_kafka_TopicDescription_t) -> (String, Result<TopicFacts, RDKafkaErrorCode>) {
    // SAFETY: what belongs to the description lives as long as it does and is copied; each array has as many elements as
    // was counted, and one that is null has none.
    unsafe {
        let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)).to_string_lossy().into_owned();
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = if error.is_null() { Code::RD_KAFKA_RESP_ERR_NO_ERROR } else { sys::rd_kafka_error_code(error) };
        if code != Code::RD_KAFKA_RESP_ERR_NO_ERROR {
            return (name, Err(code.into()));
        }
        let mut facts = TopicFacts::default();
        let id = sys::rd_kafka_TopicDescription_topic_id(topic);
        if !id.is_null() {
            let id = (sys::rd_kafka_Uuid_most_significant_bits(id), sys::rd_kafka_Uuid_least_significant_bits(id));
            facts.id = Some(id).filter(|id| *id != (0, 0));
        }
        let mut count = 0;
        let partitions = sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let partitions = if partitions.is_null() { &[] } else { slice::from_raw_parts(partitions, count) };
        for &partition in partitions {
            if sys::rd_kafka_TopicPartitionInfo_leader(partition).is_null() {
                facts.leaderless.push(sys::rd_kafka_TopicPartitionInfo_partition(partition));
            }
        }
        facts.leaderless.sort_unstable();
        let mut count = 0;
        let operations = sys::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        // Without any the topic would not be described; a broker that says so does not know.
        if !operations.is_null() && count > 0 {
            let operations = slice::from_raw_parts(operations, count);
            facts.may = Some(Operations {
                read: operations.contains(&sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ),
                write: operations.contains(&sys::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE),
            });
        }
        (name, Ok(facts))
    }
}
