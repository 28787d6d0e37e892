//! What is counted, and how it is read.

use std::sync::Arc;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use prometheus::{Registry, TextEncoder};

use crate::{export::Watched, instruments::SCOPE};

/// For histograms of times in seconds: from what a batch takes to what a full disk takes. (OpenTelemetry's own default is
/// made for milliseconds.)
pub const SECONDS_BOUNDARIES: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Metrics of one process: read by Prometheus, and sent by OTLP if there is a receiver.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    provider: SdkMeterProvider,
    registry: Registry,
}

/// Why metrics cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// They cannot be collected at all.
    #[error("cannot set up metrics: {detail}")]
    Setup {
        /// What OpenTelemetry says.
        detail: String,
    },
    /// Names or labels are not as Prometheus has them.
    #[error("cannot write the metrics: {0}")]
    Text(#[from] prometheus::Error),
}

// === impl Metrics ===

impl Metrics {
    /// Metrics that are only read as text, for instance by a test.
    pub fn local() -> Result<Self, MetricsError> {
        Self::new(Resource::builder_empty().build(), None)
    }

    pub(crate) fn new(
        resource: Resource,
        sender: Option<PeriodicReader<Watched<MetricExporter>>>,
    ) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let prometheus = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            // All metrics are of one scope, which need not be said on every line.
            .scope_info_enabled(false)
            .build()
            .map_err(|error| MetricsError::Setup { detail: error.to_string() })?;
        let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(prometheus);
        if let Some(sender) = sender {
            builder = builder.with_reader(sender);
        }
        Ok(Self(Arc::new(Parts { provider: builder.build(), registry })))
    }

    /// What makes metrics.
    pub fn meter(&self) -> Meter {
        self.0.provider.meter(SCOPE)
    }

    /// Everything as Prometheus reads it. Looks at all that is counted, so it does not belong on an asynchronous thread.
    pub fn text(&self) -> Result<String, MetricsError> {
        Ok(TextEncoder::new().encode_to_string(&self.0.registry.gather())?)
    }

    pub(crate) fn provider(&self) -> &SdkMeterProvider {
        &self.0.provider
    }
}
