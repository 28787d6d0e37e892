//! The context of a trace as text: W3C Trace Context, `traceparent`.

use std::{fmt, str::FromStr};

use opentelemetry::trace::{SpanId, TraceId};

/// Length of version 00, which all later ones begin with.
const LENGTH: usize = 55;
/// The flag that says that the trace is recorded.
const SAMPLED: u8 = 1;

/// A span as others refer to it: which trace, which span, and whether it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Of the whole trace.
    pub trace_id: TraceId,
    /// Of the span that is the parent of what comes.
    pub span_id: SpanId,
    /// Whether the trace is recorded by who wrote this.
    pub is_sampled: bool,
}

/// The text is no traceparent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no traceparent: {problem}; expected 00-TRACE_ID-SPAN_ID-FLAGS in lower-case hexadecimal digits (W3C Trace Context)"
)]
pub struct TraceParentError {
    problem: &'static str,
}

// === impl TraceParent ===

impl FromStr for TraceParent {
    type Err = TraceParentError;

    /// Reads strictly. Later versions may have more at their end, which is not looked at.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let error = |problem| TraceParentError { problem };
        let mut parts = text.split('-');
        let mut part = |length: usize, problem| match parts.next() {
            Some(part) if part.len() == length && part.bytes().all(is_lower_hex) => Ok(part),
            _ => Err(error(problem)),
        };
        let version = part(2, "the version is not two digits")?;
        let trace_id = part(32, "the trace id is not 32 digits")?;
        let span_id = part(16, "the span id is not 16 digits")?;
        let flags = part(2, "the flags are not two digits")?;
        match version {
            "ff" => return Err(error("the version is ff, which there cannot be")),
            "00" if text.len() != LENGTH => return Err(error("there is more than version 00 has")),
            _ => {}
        }
        let (Ok(trace_id), Ok(span_id)) = (TraceId::from_hex(trace_id), SpanId::from_hex(span_id)) else {
            return Err(error("the ids are no numbers"));
        };
        if trace_id == TraceId::INVALID || span_id == SpanId::INVALID {
            return Err(error("an id is zero"));
        }
        let flags = u8::from_str_radix(flags, 16).map_err(|_| error("the flags are no number"))?;
        Ok(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// An id of a new trace.
pub fn random_trace_id() -> TraceId {
    TraceId::from_bytes(rand::random::<u128>().max(1).to_be_bytes())
}

/// An id of a new span.
pub fn random_span_id() -> SpanId {
    SpanId::from_bytes(rand::random::<u64>().max(1).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Scenario: the specification's example, later versions and other flags. Guarantees: they are read as meant, and what
    /// is written is version 00.
    #[test]
    fn what_is_valid_is_read() {
        let read: TraceParent = EXAMPLE.parse().unwrap();
        assert!(read.is_sampled);
        assert_eq!(read.to_string(), EXAMPLE);
        let later = EXAMPLE.replacen("00", "cc", 1) + "-what-comes-later";
        assert_eq!(later.parse(), Ok(read));
        let unsampled: TraceParent = EXAMPLE.replace("-01", "-fe").parse().unwrap();
        assert!(!unsampled.is_sampled);
    }

    /// Scenario: texts that the specification forbids. Guarantees: none is read.
    #[test]
    fn what_is_not_valid_is_refused() {
        let zero_trace = EXAMPLE.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        for text in [
            "",
            "00",
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replacen("00", "ff", 1),
            &format!("{EXAMPLE}-x"),
            &format!(" {EXAMPLE}"),
            &EXAMPLE.replace('-', "_"),
            &zero_trace,
            &EXAMPLE.replace("b7ad6b7169203331", &"0".repeat(16)),
            &EXAMPLE.replace("-01", "-1"),
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text:?}");
        }
    }

    proptest! {
        /// Scenario: any ids. Guarantees: what is written is read as the same.
        #[test]
        fn what_is_written_is_read(is_sampled: bool) {
            let written = TraceParent { trace_id: random_trace_id(), span_id: random_span_id(), is_sampled };
            prop_assert_eq!(written.to_string().parse(), Ok(written));
        }

        /// Scenario: any text. Guarantees: reading never panics.
        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = text.parse::<TraceParent>();
        }
    }
}
