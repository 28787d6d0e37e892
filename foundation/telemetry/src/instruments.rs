//! What a service measures and traces with.

use opentelemetry::metrics::Meter;

use crate::PipelineTracer;

/// The name of our meter and tracer, as OpenTelemetry's instrumentation scope.
pub(crate) const SCOPE: &str = "eyrie";

/// Given to a service when it starts. The default measures for nobody and exports nothing.
#[derive(Clone, Debug)]
pub struct Instruments {
    /// Makes metrics.
    pub meter: Meter,
    /// Exports spans of the event pipeline.
    pub tracer: PipelineTracer,
}

// === impl Instruments ===

impl Default for Instruments {
    fn default() -> Self {
        // Nobody reads of a provider without readers, and its instruments do nothing.
        let meter = opentelemetry::metrics::MeterProvider::meter(
            &opentelemetry::metrics::noop::NoopMeterProvider::new(),
            SCOPE,
        );
        Self { meter, tracer: PipelineTracer::default() }
    }
}
