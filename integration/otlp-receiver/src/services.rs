//! The three services of OTLP.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse, logs_service_server::LogsService},
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse, metrics_service_server::MetricsService,
    },
    trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_server::TraceService},
};
use tonic::{Request, Response, Status};

use crate::store::{ReceivedLog, ReceivedMetric, ReceivedSpan, Store};

/// All of them; what they get goes into the store.
#[derive(Clone)]
pub(crate) struct Services(pub(crate) Arc<Store>);

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.change(|received| {
            for of_resource in request.into_inner().resource_spans {
                let resource = of_resource.resource.unwrap_or_default();
                let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                received.spans.extend(spans.map(|span| ReceivedSpan { resource: resource.clone(), span }));
            }
        });
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.change(|received| {
            for of_resource in request.into_inner().resource_metrics {
                let resource = of_resource.resource.unwrap_or_default();
                let metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
                let with_resource = |metric| ReceivedMetric { resource: resource.clone(), metric };
                received.metrics.extend(metrics.map(with_resource));
            }
        });
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.0.change(|received| {
            for of_resource in request.into_inner().resource_logs {
                let resource = of_resource.resource.unwrap_or_default();
                let records = of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
                received
                    .logs
                    .extend(records.map(|record| ReceivedLog { resource: resource.clone(), record }));
            }
        });
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
