//! Where events and spans of `tracing` go.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{logs::SdkLoggerProvider, trace::SdkTracerProvider};
use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, Targets},
    layer::SubscriberExt as _,
};

use crate::{LogFormat, TelemetryConfig, TelemetryError, instruments::SCOPE};

/// What exporting itself logs: to export it would make more of it. (On standard error it is seen, by the filter.)
const OF_EXPORTING: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_util",
    "opentelemetry",
    "opentelemetry_sdk",
    "rustls",
    "telemetry",
    "tonic",
    "tower",
];

/// Makes it all. Without providers events go to standard error only, and spans nowhere.
pub(crate) fn subscriber(
    config: &TelemetryConfig,
    providers: Option<(&SdkTracerProvider, &SdkLoggerProvider)>,
) -> Result<Dispatch, TelemetryError> {
    let filter = || {
        EnvFilter::try_new(&config.log_level).map_err(|error| TelemetryError::LogLevel {
            found: config.log_level.clone(),
            detail: error.to_string(),
        })
    };
    let registry = Registry::default().with(standard_error(config.log_format).with_filter(filter()?));
    let Some((traces, logs)) = providers else { return Ok(Dispatch::new(registry)) };
    let traces = tracing_opentelemetry::layer()
        .with_tracer(traces.tracer(SCOPE))
        // Threads and places of the source are ours, and nobody's who looks at a trace.
        .with_threads(false)
        .with_location(false)
        .with_filter(all_but_exporting(LevelFilter::INFO));
    let logs = OpenTelemetryTracingBridge::new(logs)
        .with_filter(filter()?.and(all_but_exporting(LevelFilter::TRACE)));
    Ok(Dispatch::new(registry.with(traces).with(logs)))
}

fn standard_error(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => layer.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.with_ansi(false).json().boxed(),
    }
}

fn all_but_exporting(level: LevelFilter) -> Targets {
    let none = OF_EXPORTING.map(|target| (target, LevelFilter::OFF));
    Targets::new().with_default(level).with_targets(none)
}
