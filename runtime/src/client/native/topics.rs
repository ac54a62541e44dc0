//! The ids of topics, which the wrapper does not ask for.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
    ptr::{self, NonNull},
    slice,
};

use rdkafka_sys::{self as sys, types::RDKafkaRespErr as Code};

use super::{Consumer, handle::Queue};

/// What Kafka tells a topic from others of its name by.
pub(crate) type TopicId = (i64, i64);

/// Asks Kafka for the ids of topics, in the background.
///
/// **Invariant:** only `KafkaClient` holds one, and drops it before its consumer.
pub(crate) struct TopicIds {
    /// For answers; one that is on its way is thrown away with it.
    queue: Queue,
    consumer: Consumer,
}

impl TopicIds {
    /// `None` if librdkafka gives no queue for answers.
    pub(crate) fn new(consumer: Consumer) -> Option<Self> {
        Some(Self { queue: Queue::new(consumer)?, consumer })
    }

    /// Asks for the ids of these topics. The answer comes after a minute at the latest, if only to say that there is
    /// none.
    pub(crate) fn ask<'a>(&self, topics: impl Iterator<Item = &'a str>) {
        let names: Vec<_> = topics.filter_map(|topic| CString::new(topic).ok()).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the names are live for the calls, which copy them; consumer and queue are live; no options are the
        // default ones.
        unsafe {
            let topics = sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            sys::rd_kafka_DescribeTopics(self.consumer.0.as_ptr(), topics, ptr::null(), self.queue.as_ptr());
            sys::rd_kafka_TopicCollection_destroy(topics);
        }
    }

    /// The answer, once it is there: without topics that Kafka does not know, and empty if Kafka is too old to have ids
    /// or has not answered.
    pub(crate) fn answer(&self) -> Option<BTreeMap<String, TopicId>> {
        let mut ids = BTreeMap::new();
        // SAFETY: the queue is live. The event is ours until it is destroyed, and result, descriptions and what they
        // point to live as long as it does; everything is copied before. What is not such a result is null.
        unsafe {
            let event = NonNull::new(sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0))?;
            let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
            if !result.is_null() {
                let mut count = 0;
                let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
                let topics = if topics.is_null() { &[] } else { slice::from_raw_parts(topics, count) };
                for &topic in topics {
                    let error = sys::rd_kafka_TopicDescription_error(topic);
                    let is_known =
                        error.is_null() || sys::rd_kafka_error_code(error) == Code::RD_KAFKA_RESP_ERR_NO_ERROR;
                    let id = sys::rd_kafka_TopicDescription_topic_id(topic);
                    if !is_known || id.is_null() {
                        continue;
                    }
                    let (high, low) =
                        (sys::rd_kafka_Uuid_most_significant_bits(id), sys::rd_kafka_Uuid_least_significant_bits(id));
                    if (high, low) != (0, 0) {
                        let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(topic)).to_string_lossy();
                        ids.insert(name.into_owned(), (high, low));
                    }
                }
            }
            sys::rd_kafka_event_destroy(event.as_ptr());
        }
        Some(ids)
    }
}
