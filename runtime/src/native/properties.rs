//! What librdkafka says of its own properties.

use std::{
    ffi::{CStr, c_char},
    ptr, slice,
};

use rdkafka_sys as sys;

/// The table of librdkafka's CONFIGURATION.md, of the very version that is compiled in; empty if there is no memory for it.
pub(crate) fn property_table() -> String {
    let (mut text, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the stream is made here, written to and closed once. Once it is closed, `text` is a text of its own that ends
    // in NUL, or null; it is copied and freed once.
    unsafe {
        let stream = libc::open_memstream(&raw mut text, &raw mut length);
        if stream.is_null() {
            return String::new();
        }
        sys::rd_kafka_conf_properties_show(stream);
        let closed = libc::fclose(stream);
        let table = if closed == 0 && !text.is_null() {
            CStr::from_ptr(text).to_string_lossy().into_owned()
        } else {
            String::new()
        };
        libc::free(text.cast());
        table
    }
}

/// The names of librdkafka's properties, those of topics too; without other names of the same.
pub(crate) fn property_names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: `pairs` is an array of `count` strings or nulls that end in NUL, a name and then its value.
    let mut collect = |pairs: *mut *const c_char, count: usize| unsafe {
        for &name in slice::from_raw_parts(pairs, count).iter().step_by(2).filter(|name| !name.is_null()) {
            names.push(CStr::from_ptr(name).to_string_lossy().into_owned());
        }
        sys::rd_kafka_conf_dump_free(pairs, count);
    };
    let mut count = 0;
    // SAFETY: each configuration is made here, asked and freed once; dumps are copied and freed.
    unsafe {
        let config = sys::rd_kafka_conf_new();
        collect(sys::rd_kafka_conf_dump(config, &mut count), count);
        sys::rd_kafka_conf_destroy(config);
        let config = sys::rd_kafka_topic_conf_new();
        collect(sys::rd_kafka_topic_conf_dump(config, &mut count), count);
        sys::rd_kafka_topic_conf_destroy(config);
    }
    names
}
