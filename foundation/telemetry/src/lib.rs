//! What a process tells of itself: logs, traces and metrics by OpenTelemetry, and health over HTTP.
//!
//! [`Telemetry::start`] makes it all of a [`TelemetryConfig`]; services get [`Instruments`] of it and know nothing of where
//! things go:
//!
//! ```text
//!  tracing events ──┬─▶ standard error, as text or JSON
//!                   └─▶ OTLP logs          ┐
//!  tracing spans ─────▶ OTLP traces        ├═ one channel ═▶ the receiver, if one is configured
//!  Meter ───────────┬─▶ OTLP metrics       │
//!                   └─▶ /metrics           │
//!  PipelineTracer ────▶ OTLP traces        ┘
//! ```
//!
//! The spans of the event pipeline are made after the fact, when it is known that their batch raised an alert; that is
//! what [`PipelineTracer`] is for, and it also passes on what agents made for the same traces. Everything that waits to be
//! sent is bounded; a receiver that is down costs telemetry and a line in the log now and then, and nothing else.
//!
//! What is counted is defined beside the code that counts it, in the services.
#![forbid(unsafe_code)]

pub mod admin;
mod endpoint;
mod export;
mod identity;
mod instruments;
mod metrics;
pub mod observe;
pub mod pipeline;
mod readiness;
mod settings;
mod start;
mod subscriber;
mod trace_parent;

pub use grpc_transport::log_limit;
pub use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram, Meter},
    trace::{SpanId, SpanKind, TraceId},
};

pub use self::{
    identity::ServiceIdentity,
    instruments::Instruments,
    metrics::{Metrics, MetricsError, SECONDS_BOUNDARIES},
    pipeline::{PipelineSpan, PipelineTracer, ResourceSpansError, SpanReference},
    readiness::{Checks, Readiness, ReadinessReport},
    settings::{AdminListen, LogFormat, OtlpConfig, SettingError, TelemetryConfig, TelemetrySettings},
    start::{Telemetry, TelemetryError},
    trace_parent::{TraceParent, TraceParentError, random_span_id, random_trace_id},
};
