//! The SDK's exporters, watched: what they sent and could not send is counted, and said at a rate.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use grpc_transport::log_limit::LogLimit;
use opentelemetry::{KeyValue, metrics::Meter};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};

/// A receiver that is down for a day gives a line for each of these.
pub(crate) const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Exports of one signal so far.
#[derive(Debug)]
pub(crate) struct Exports {
    signal: &'static str,
    sent: AtomicU64,
    failed: AtomicU64,
    log: LogLimit,
}

/// An exporter that tells [`Exports`] how it fares.
pub(crate) struct Watched<E> {
    exporter: E,
    exports: Arc<Exports>,
}

// === impl Exports ===

impl Exports {
    /// Of `signal`.
    pub(crate) fn new(signal: &'static str) -> Arc<Self> {
        let (sent, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { signal, sent, failed, log: LogLimit::new(LOG_INTERVAL) })
    }

    /// Makes them visible.
    pub(crate) fn register(meter: &Meter, all: Vec<Arc<Self>>) {
        meter
            .u64_observable_counter("eyrie.telemetry.exports")
            .with_description("Exports of telemetry that were tried, by signal and outcome")
            .with_callback(move |observer| {
                for exports in &all {
                    for (outcome, count) in [("sent", &exports.sent), ("failed", &exports.failed)] {
                        let labels =
                            [KeyValue::new("signal", exports.signal), KeyValue::new("outcome", outcome)];
                        observer.observe(count.load(Ordering::Relaxed), &labels);
                    }
                }
            })
            .build();
    }

    fn count(&self, result: &OTelSdkResult) {
        let Err(error) = result else {
            self.sent.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(suppressed) = self.log.pass() {
            let signal = self.signal;
            tracing::warn!(
                signal,
                suppressed,
                "cannot export telemetry; what was to be sent is lost: {error}"
            );
        }
    }
}

// === impl Watched ===

impl<E> Watched<E> {
    /// Watches `exporter`.
    pub(crate) fn new(exporter: E, exports: &Arc<Exports>) -> Self {
        Self { exporter, exports: Arc::clone(exports) }
    }
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.exports.signal).finish()
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.exports.count(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Watched<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let result = self.exporter.export(batch).await;
        self.exports.count(&result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.exports.count(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
