//! What services export spans by.

use std::sync::{Arc, atomic::Ordering};

use opentelemetry_proto::{
    tonic::resource::v1::Resource, transform::common::tonic::ResourceAttributesWithSchema,
};
use prost::Message as _;

use super::{
    check::{self, ResourceSpansError},
    queue::Queue,
    span::{PipelineSpan, resource_spans},
};

/// Exports spans of the event pipeline; cheap to clone. The default exports nothing.
#[derive(Clone, Debug, Default)]
pub struct PipelineTracer {
    resource: Arc<Resource>,
    queue: Option<Arc<Queue>>,
}

// === impl PipelineTracer ===

impl PipelineTracer {
    pub(crate) fn new(resource: &opentelemetry_sdk::Resource, queue: Option<Arc<Queue>>) -> Self {
        let attributes = ResourceAttributesWithSchema::from(resource).attributes.0;
        Self { resource: Arc::new(Resource { attributes, ..Resource::default() }), queue }
    }

    /// Whether anything is exported: if not, spans need not be made.
    pub fn is_exporting(&self) -> bool {
        self.queue.is_some()
    }

    /// Exports spans of this process. Never waits; what does not fit into the queue is dropped and counted.
    pub fn export_spans(&self, spans: Vec<PipelineSpan>) {
        if let Some(queue) = &self.queue
            && !spans.is_empty()
        {
            queue.push(resource_spans(spans, &self.resource));
        }
    }

    /// Exports spans that another process made, given as one `opentelemetry.proto.trace.v1.ResourceSpans`. Never waits.
    /// They are checked only if anything is exported.
    pub fn export_resource_spans(&self, bytes: &[u8]) -> Result<(), ResourceSpansError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        match check::decode(bytes) {
            Ok(spans) => {
                queue.push(spans);
                Ok(())
            }
            Err(error) => {
                queue.counts.invalid.fetch_add(1, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// Spans of this process as bytes, for somebody who exports them: [`PipelineTracer::export_resource_spans`] takes them
    /// if they are no more than [`super::MAX_RESOURCE_SPANS_BYTES`].
    pub fn resource_spans(&self, spans: Vec<PipelineSpan>) -> Vec<u8> {
        resource_spans(spans, &self.resource).encode_to_vec()
    }
}
