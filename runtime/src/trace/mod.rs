//! W3C trace context: from a request, or a record's headers, into the span of an attempt, and on into what is sent.
//!
//! <https://www.w3.org/TR/trace-context/>

#[cfg(feature = "consumer")]
mod attempt;

use std::{fmt, future::Future};

#[cfg(feature = "consumer")]
pub(crate) use self::attempt::{is_wanted, of, span};
use crate::random::new_id;

/// The header that names a trace and the span that a record was sent from.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// The header with what tracing systems add for themselves.
pub(crate) const TRACESTATE: &str = "tracestate";

/// The longest `tracestate` that is passed on, in bytes; the specification asks for 512.
const LONGEST_STATE: usize = 4_096;

tokio::task_local! {
    /// Whose producers' records belong to it.
    static CURRENT: TraceContext;
}

/// A place in a trace: a span, of which others are children.
///
/// ```
/// use karafka::trace::TraceContext;
///
/// # async fn handler() {
/// // As a request has it in its header `traceparent`.
/// let request = TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", None).unwrap();
/// request.scope(async { /* what producers send in here belongs to that trace */ }).await;
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
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
    #[must_use]
    pub fn parse(traceparent: &[u8], tracestate: Option<&[u8]>) -> Option<Self> {
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

    /// Runs `work` in this trace: what producers send in it has a span under this one, unless it has a `traceparent` of its own.
    pub async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, work).await
    }

    /// A new span under the one whose [`TraceContext::scope`] this is called in, if it is in one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|current| current.clone().child(new_id())).ok()
    }

    /// A span of this id under this one.
    pub(crate) fn child(self, id: u64) -> Self {
        // An id of zeros is none.
        Self { parent: Some(self.span), span: id.max(1).to_be_bytes(), ..self }
    }

    /// As the header says it, in version 0. Only the flag that this version knows is passed on.
    #[must_use]
    pub fn traceparent(&self) -> String {
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

    #[cfg(feature = "consumer")]
    pub(crate) fn trace(&self) -> Hex<'_> {
        Hex(&self.trace)
    }

    #[cfg(feature = "consumer")]
    pub(crate) fn span(&self) -> Hex<'_> {
        Hex(&self.span)
    }

    #[cfg(feature = "consumer")]
    pub(crate) fn parent(&self) -> Option<Hex<'_>> {
        self.parent.as_ref().map(|parent| Hex(parent))
    }
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
}
