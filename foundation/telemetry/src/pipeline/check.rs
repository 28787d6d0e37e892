//! What another process's spans must be like before we pass them on.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message as _;

/// Decoded, the shortest spans take a hundred times as much memory as on the wire: this bounds it to some MiB.
pub const MAX_RESOURCE_SPANS_BYTES: usize = 64 * 1024;
/// An agent makes a handful for a batch.
const MAX_SPANS: usize = 256;
/// On a span, and on the resource.
const MAX_ATTRIBUTES: usize = 64;
/// On a span.
const MAX_LINKS: usize = 32;
/// Of a span's name and of an attribute's key.
const MAX_NAME_BYTES: usize = 256;

/// Why spans of another process are not passed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceSpansError {
    /// More bytes than we take.
    #[error("{found} bytes of spans, more than {MAX_RESOURCE_SPANS_BYTES}: send fewer at a time")]
    TooLarge {
        /// How many came.
        found: usize,
    },
    /// The bytes are something else.
    #[error("the bytes are no opentelemetry.proto.trace.v1.ResourceSpans: {detail}")]
    Malformed {
        /// What the decoder says.
        detail: String,
    },
    /// There are too many of something.
    #[error("{found} {what}, more than {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many came.
        found: usize,
        /// How many may.
        limit: usize,
    },
    /// A span that no receiver would take.
    #[error("span {index} is not valid: {problem}")]
    SpanInvalid {
        /// Counted through all scopes, from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Decodes and checks the spans of another process.
pub(super) fn decode(bytes: &[u8]) -> Result<ResourceSpans, ResourceSpansError> {
    if bytes.len() > MAX_RESOURCE_SPANS_BYTES {
        return Err(ResourceSpansError::TooLarge { found: bytes.len() });
    }
    let decoded = ResourceSpans::decode(bytes)
        .map_err(|error| ResourceSpansError::Malformed { detail: error.to_string() })?;
    let spans = decoded.scope_spans.iter().flat_map(|scope| &scope.spans);
    at_most("spans", spans.clone().count(), MAX_SPANS)?;
    if let Some(resource) = &decoded.resource {
        check_attributes(&resource.attributes)?;
    }
    for (index, span) in spans.enumerate() {
        check_span(span).map_err(|problem| ResourceSpansError::SpanInvalid { index, problem })?;
        check_attributes(&span.attributes)?;
        at_most("links of a span", span.links.len(), MAX_LINKS)?;
        at_most("events of a span", span.events.len(), MAX_LINKS)?;
    }
    Ok(decoded)
}

fn check_span(span: &Span) -> Result<(), &'static str> {
    let is_id = |id: &[u8], length: usize| id.len() == length && id.iter().any(|byte| *byte != 0);
    if !is_id(&span.trace_id, 16) {
        return Err("trace_id is not 16 bytes of which one is not 0");
    }
    if !is_id(&span.span_id, 8) {
        return Err("span_id is not 8 bytes of which one is not 0");
    }
    if !span.parent_span_id.is_empty() && !is_id(&span.parent_span_id, 8) {
        return Err("parent_span_id is neither empty nor 8 bytes of which one is not 0");
    }
    if span.links.iter().any(|link| !is_id(&link.trace_id, 16) || !is_id(&link.span_id, 8)) {
        return Err("a link has no ids");
    }
    if span.name.is_empty() || span.name.len() > MAX_NAME_BYTES {
        return Err("name is empty or longer than 256 bytes");
    }
    if span.end_time_unix_nano < span.start_time_unix_nano {
        return Err("it ends before it begins");
    }
    Ok(())
}

fn check_attributes(attributes: &[KeyValue]) -> Result<(), ResourceSpansError> {
    at_most("attributes", attributes.len(), MAX_ATTRIBUTES)?;
    let longest = attributes.iter().map(|attribute| attribute.key.len()).max();
    at_most("bytes in an attribute's key", longest.unwrap_or(0), MAX_NAME_BYTES)
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), ResourceSpansError> {
    if found > limit {
        return Err(ResourceSpansError::TooMany { what, found, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
