//! W3C trace context: from a record's headers into the span of its attempt, and on into what it emits.
//!
//! <https://www.w3.org/TR/trace-context/>

use std::{
    ffi::CStr,
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{Span, debug_span, info_span};

use crate::Record;

/// The header that names a trace and the span that a record was sent from.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The header with what tracing systems add for themselves.
pub(crate) const TRACESTATE: &str = "tracestate";

/// Both, as the client takes names.
const NAMES: [&CStr; 2] = [c"traceparent", c"tracestate"];

/// The longest `tracestate` that is passed on, in bytes; the specification asks for 512.
const LONGEST_STATE: usize = 4_096;

/// A place in a trace: a span, of which others are children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    /// The span that this one is a child of, where this one was made here.
    parent: Option<[u8; 8]>,
    flags: u8,
    /// Passed on byte for byte.
    state: Option<Vec<u8>>,
}

/// An id as text: two lower-case hex digits a byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TraceContext {
    /// Reads both headers. `None` if `traceparent` is not one: the specification asks to go on as if it were not there.
    pub(crate) fn parse(traceparent: &[u8], tracestate: Option<&[u8]>) -> Option<Self> {
        let text = std::str::from_utf8(traceparent).ok()?.trim_matches([' ', '\t']);
        let mut parts = text.split('-');
        let version: [u8; 1] = bytes(parts.next()?)?;
        let trace: [u8; 16] = bytes(parts.next()?)?;
        let span: [u8; 8] = bytes(parts.next()?)?;
        let [flags] = bytes(parts.next()?)?;
        // Later versions may add parts; this one has four, and 255 is none.
        let complete = match version {
            [0] => parts.next().is_none(),
            [version] => version != 0xff,
        };
        let known = complete && trace != [0; 16] && span != [0; 8];
        let state = tracestate.filter(|state| !state.is_empty() && state.len() <= LONGEST_STATE);
        known.then(|| Self { trace, span, parent: None, flags, state: state.map(<[u8]>::to_vec) })
    }

    /// A span of this id under this one.
    pub(crate) fn child(self, id: u64) -> Self {
        // An id of zeros is none.
        Self { parent: Some(self.span), span: id.max(1).to_be_bytes(), ..self }
    }

    /// As the header says it, in version 0. Only the flag that this version knows is passed on.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", Hex(&self.trace), Hex(&self.span), self.flags & 1)
    }

    /// Adds both headers, unless the sender has set a `traceparent` of its own.
    pub(crate) fn add_to(&self, headers: &mut Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        if headers.iter().any(|(name, _)| name == TRACEPARENT.as_bytes()) {
            return;
        }
        headers.push((TRACEPARENT.into(), Some(self.traceparent().into_bytes())));
        if let Some(state) = &self.state {
            headers.push((TRACESTATE.into(), Some(state.clone())));
        }
    }

    pub(crate) fn trace(&self) -> Hex<'_> {
        Hex(&self.trace)
    }

    pub(crate) fn span(&self) -> Hex<'_> {
        Hex(&self.span)
    }

    pub(crate) fn parent(&self) -> Option<Hex<'_>> {
        self.parent.as_ref().map(|parent| Hex(parent))
    }
}

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

/// A new span's id: different from every other of the process, and as good as random to other processes.
pub(crate) fn new_id() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static SPANS: AtomicU64 = AtomicU64::new(0);
    KEY.get_or_init(RandomState::new).hash_one(SPANS.fetch_add(1, Ordering::Relaxed))
}

/// A number from 0 to 1, as good as random.
pub(crate) fn new_fraction() -> f64 {
    (new_id() >> 11) as f64 / (1u64 << 53) as f64
}

/// Lower-case hex digits, as many as fit.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(text: &str) -> Option<TraceContext> {
        TraceContext::parse(text.as_bytes(), None)
    }

    /// If this fails, a trace ends at this app, or its spans hang under the wrong parent.
    #[test]
    fn a_child_stays_in_the_trace() {
        let read = TraceContext::parse(PARENT.as_bytes(), Some(b"rojo=00f067aa0ba902b7")).expect("a trace");
        assert_eq!(read.traceparent(), PARENT);
        let child = read.child(0xb7ad_6b71_6920_3331);
        assert_eq!(child.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01");
        assert_eq!(child.parent().map(|id| id.to_string()).as_deref(), Some("00f067aa0ba902b7"));
        let mut headers = vec![(b"x".to_vec(), None)];
        child.add_to(&mut headers);
        let names: Vec<_> = headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["x", "traceparent", "tracestate"]);
        assert_eq!(headers[2].1.as_deref(), Some(b"rojo=00f067aa0ba902b7".as_slice()));
    }

    /// If this fails, what a handler says of its trace is overruled.
    #[test]
    fn a_header_of_the_handler_wins() {
        let child = parse(PARENT).expect("a trace").child(1);
        let mut headers = vec![(b"traceparent".to_vec(), Some(b"mine".to_vec()))];
        child.add_to(&mut headers);
        assert_eq!(headers.len(), 1);
    }

    /// If this fails, garbage in a header makes garbage in a trace, or a later version of the header ends a trace.
    #[test]
    fn only_a_traceparent_is_one() {
        for wrong in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(TraceContext::parse(b"\xff\xfe", None), None);
        let later = parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more").expect("a later version");
        assert_eq!(later.traceparent(), PARENT, "in the version that is written here");
    }

    /// If this fails, two attempts are shown as one.
    #[test]
    fn ids_differ() {
        let ids: std::collections::BTreeSet<_> = (0..1_000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
