//! Spans of the event pipeline, made after the fact.
//!
//! Whether a trace is worth keeping is known when its batch has been evaluated (tail sampling), so nothing is recorded
//! while the batch is on its way but times. Whoever knows then makes [`PipelineSpan`]s with ids and times of its own
//! choice, and either exports them by a [`PipelineTracer`] or writes them as bytes for somebody who has a way to the
//! receiver: an agent has one connection, to its engine.

mod check;
mod queue;
mod sender;
mod span;
mod tracer;

pub use self::{
    check::{MAX_RESOURCE_SPANS_BYTES, ResourceSpansError},
    span::{PipelineSpan, SpanReference},
    tracer::PipelineTracer,
};
pub(crate) use self::{queue::Queue, sender::Sender};
