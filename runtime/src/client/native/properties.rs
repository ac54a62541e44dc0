//! What librdkafka says of its own properties.

use std::{ffi::CStr, ptr};

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
