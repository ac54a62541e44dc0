//! The spans of attempts, each under the span that its record was sent from.

use std::ffi::CStr;

use tracing::{Span, debug_span, info_span};

use super::TraceContext;
use crate::{Record, random::new_id};

/// Both, as the client takes names.
const NAMES: [&CStr; 2] = [c"traceparent", c"tracestate"];

/// A new span under the one that a record was sent from; `None` for a record without a trace.
pub(crate) fn of(record: &mut Record) -> Option<Box<TraceContext>> {
    let traceparent = record.own_header(NAMES[0])?.to_vec();
    let parent = TraceContext::parse(&traceparent, record.own_header(NAMES[1]))?;
    Some(Box::new(parent.child(new_id())))
}

/// What filters call the spans.
const TARGET: &str = "karafka::perform";

/// Whether somebody listens to spans. Looking for a trace in each record is not free.
pub(crate) fn is_wanted() -> bool {
    tracing::span_enabled!(target: TARGET, tracing::Level::INFO)
}

/// The span around an attempt: at `info` for a record with a trace, which somebody wants to follow; at `debug` for
/// others.
pub(crate) fn span(record: &Record, group: &str, attempt: u32, trace: Option<&TraceContext>) -> Span {
    match trace {
        Some(trace) => info_span!(
            target: TARGET,
            "perform",
            topic = record.topic(),
            partition = record.partition(),
            offset = record.offset(),
            group,
            attempt,
            trace_id = %trace.trace(),
            span_id = %trace.span(),
            parent_span_id = trace.parent().map(tracing::field::display),
        ),
        None => debug_span!(
            target: TARGET,
            "perform",
            topic = record.topic(),
            partition = record.partition(),
            offset = record.offset(),
            group,
            attempt,
        ),
    }
}
