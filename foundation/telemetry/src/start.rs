//! Puts telemetry together, and ends it.

use std::{sync::Arc, time::Duration};

use grpc_transport::ConnectError;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_sdk::{
    Resource,
    logs::{BatchConfigBuilder as LogBatchConfigBuilder, BatchLogProcessor, SdkLoggerProvider},
    metrics::PeriodicReader,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::Dispatch;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{
    Instruments, Metrics, MetricsError, OtlpConfig, PipelineTracer, ServiceIdentity, TelemetryConfig,
    endpoint::EXPORT_WAIT,
    export::{Exports, Watched},
    pipeline::{Queue, Sender},
    subscriber,
};

/// Spans that wait to be sent, some hundred bytes each; the same number of log records. What comes beyond is dropped.
const MAX_WAITING: usize = 2_048;
/// At most so long a span or log record waits for others.
const SEND_INTERVAL: Duration = Duration::from_secs(1);
/// How long the last telemetry of a process may take.
const FLUSH_WAIT: Duration = Duration::from_secs(3);

/// Telemetry of one process at work. Dropping it without [`Telemetry::shutdown`] loses what waits to be sent.
#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    tracer: PipelineTracer,
    dispatch: Dispatch,
    otlp: Option<Otlp>,
}

/// Why telemetry does not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The receiver's address or its certificates.
    #[error("cannot send telemetry: {0}")]
    Endpoint(#[from] ConnectError),
    /// The filter.
    #[error("{found:?} is no log level: {detail}")]
    LogLevel {
        /// What was configured.
        found: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An exporter.
    #[error("cannot set up the export of telemetry: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

/// Everything that sends.
#[derive(Debug)]
struct Otlp {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
    stop: CancellationToken,
    pipeline: JoinHandle<()>,
}

// === impl Telemetry ===

impl Telemetry {
    /// Starts what `config` asks for. Needs a runtime around it. Nothing of the process is changed before
    /// [`Telemetry::install`].
    pub fn start(config: &TelemetryConfig, identity: ServiceIdentity) -> Result<Self, TelemetryError> {
        let resource = identity.resource();
        let Some(otlp) = &config.otlp else {
            let metrics = Metrics::new(resource.clone(), None)?;
            let (tracer, dispatch) =
                (PipelineTracer::new(&resource, None), subscriber::subscriber(config, None)?);
            return Ok(Self { metrics, tracer, dispatch, otlp: None });
        };
        Self::start_sending(config, otlp, resource)
    }

    fn start_sending(
        config: &TelemetryConfig,
        otlp: &OtlpConfig,
        resource: Resource,
    ) -> Result<Self, TelemetryError> {
        let channel = otlp.channel()?;
        let [of_traces, of_metrics, of_logs] = ["traces", "metrics", "logs"].map(Exports::new);
        let metrics = Metrics::new(
            resource.clone(),
            Some(metric_reader(&channel, config.metric_interval, &of_metrics)?),
        )?;
        let traces = tracer_provider(&channel, config.trace_ratio, resource.clone(), &of_traces)?;
        let logs = logger_provider(&channel, resource.clone(), &of_logs)?;
        let dispatch = subscriber::subscriber(config, Some((&traces, &logs)))?;
        let (queue, receiver) = Queue::new();
        let (stop, counts) = (CancellationToken::new(), Arc::clone(&queue.counts));
        Exports::register(&metrics.meter(), vec![of_traces, of_metrics, of_logs]);
        counts.register(&metrics.meter());
        let sender =
            Sender { receiver, client: TraceServiceClient::new(channel), counts, stop: stop.clone() };
        let otlp = Otlp { traces, logs, stop, pipeline: tokio::spawn(sender.run()) };
        let tracer = PipelineTracer::new(&resource, Some(queue));
        Ok(Self { metrics, tracer, dispatch, otlp: Some(otlp) })
    }

    /// Makes it the process's: events and spans of `tracing`, metrics of `opentelemetry::global`, contexts of traces as W3C
    /// has them. A process has one telemetry; where there was one already, events and spans stay with it.
    pub fn install(&self) {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        opentelemetry::global::set_meter_provider(self.metrics.provider().clone());
        if let Some(otlp) = &self.otlp {
            opentelemetry::global::set_tracer_provider(otlp.traces.clone());
        }
        // Last: what the others log about it is of no interest. Takes the records of the `log` crate too.
        let _ = self.dispatch.clone().try_init();
    }

    /// What takes events and spans, for who wants it for one thread only.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// What services measure and trace with.
    pub fn instruments(&self) -> Instruments {
        Instruments { meter: self.metrics.meter(), tracer: self.tracer.clone() }
    }

    /// What was measured.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Sends what waits, as far as that is possible within some seconds.
    pub async fn shutdown(self) {
        let Some(mut otlp) = self.otlp else { return };
        otlp.stop.cancel();
        let metrics = self.metrics;
        let (traces, logs) = (otlp.traces, otlp.logs);
        // These wait for threads. Errors were counted and logged where they happened, and nobody reads any more.
        let flush = [
            tokio::task::spawn_blocking(move || drop(traces.shutdown_with_timeout(FLUSH_WAIT))),
            tokio::task::spawn_blocking(move || drop(logs.shutdown_with_timeout(FLUSH_WAIT))),
            tokio::task::spawn_blocking(move || drop(metrics.provider().shutdown_with_timeout(FLUSH_WAIT))),
        ];
        let all = async {
            let _ = (&mut otlp.pipeline).await;
            for part in flush {
                let _ = part.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH_WAIT, all).await;
        otlp.pipeline.abort();
    }
}

fn metric_reader(
    channel: &Channel,
    interval: Duration,
    exports: &Arc<Exports>,
) -> Result<PeriodicReader<Watched<MetricExporter>>, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_tonic().with_channel(channel.clone());
    let exporter = exporter.with_timeout(EXPORT_WAIT).build()?;
    Ok(PeriodicReader::builder(Watched::new(exporter, exports)).with_interval(interval).build())
}

fn tracer_provider(
    channel: &Channel,
    ratio: f64,
    resource: Resource,
    exports: &Arc<Exports>,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_channel(channel.clone());
    let exporter = Watched::new(exporter.with_timeout(EXPORT_WAIT).build()?, exports);
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_scheduled_delay(SEND_INTERVAL)
        .build();
    // Who calls us may have decided already; otherwise we do.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler)
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .build())
}

fn logger_provider(
    channel: &Channel,
    resource: Resource,
    exports: &Arc<Exports>,
) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = LogExporter::builder().with_tonic().with_channel(channel.clone());
    let exporter = Watched::new(exporter.with_timeout(EXPORT_WAIT).build()?, exports);
    let batches = LogBatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_scheduled_delay(SEND_INTERVAL)
        .build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
    Ok(SdkLoggerProvider::builder().with_resource(resource).with_log_processor(processor).build())
}
