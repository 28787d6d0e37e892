use std::{convert::Infallible, sync::OnceLock, time::Duration};

use opentelemetry::{KeyValue, metrics::MeterProvider as _, trace::TracerProvider as _};
use opentelemetry_sdk::{
    metrics::{
        InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
        data::{AggregatedMetrics, MetricData},
    },
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider},
};
use tokio::sync::oneshot;
use tonic::service::Interceptor as _;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::{
    TraceContextInjector,
    peer::{Identity, Permission},
    server::layers::Layers,
};

const HOSTS: &str = "/eyrie.capture.v1.HostService/ListHosts";
const LIMIT: usize = 2;
const WAIT: Duration = Duration::from_secs(30);

/// The layers with a meter of their own.
struct Probe {
    layers: Layers,
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

/// The spans of all tests, each of which knows its own. One subscriber for the process, set before any span is made: whether a
/// span is wanted is asked only once.
fn spans() -> &'static InMemorySpanExporter {
    static SPANS: OnceLock<InMemorySpanExporter> = OnceLock::new();
    SPANS.get_or_init(|| {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        exporter
    })
}

impl Probe {
    fn new() -> Self {
        spans();
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let methods = Methods::new(&[(HOSTS, Permission::ReadHosts)], &[]).unwrap();
        let layers = Layers::new(methods, CallMetrics::new(&provider.meter("test")), WAIT, LIMIT);
        Self { layers, provider, exporter }
    }

    fn service<S: Handle>(&self, handler: S) -> impl Handle {
        self.layers.layer(handler)
    }

    /// The value of a counter, whatever the order of its labels.
    fn count(&self, name: &str, labels: &[(&'static str, &'static str)]) -> i64 {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let wanted = |attributes: &mut dyn Iterator<Item = &KeyValue>| {
            let found: Vec<_> = attributes.cloned().collect();
            labels.iter().all(|(key, value)| found.contains(&KeyValue::new(*key, *value)))
        };
        let mut sum = 0;
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
                if metric.name() != name {
                    continue;
                }
                match metric.data() {
                    AggregatedMetrics::U64(MetricData::Sum(data)) => {
                        let points = data.data_points().filter(|point| wanted(&mut point.attributes()));
                        sum += points.map(|point| point.value().cast_signed()).sum::<i64>();
                    }
                    AggregatedMetrics::I64(MetricData::Sum(data)) => {
                        let points = data.data_points().filter(|point| wanted(&mut point.attributes()));
                        sum += points.map(|point| point.value()).sum::<i64>();
                    }
                    AggregatedMetrics::F64(MetricData::Histogram(data)) => {
                        let points = data.data_points().filter(|point| wanted(&mut point.attributes()));
                        sum += points.map(|point| point.count().cast_signed()).sum::<i64>();
                    }
                    other => panic!("{name} is {other:?}"),
                }
            }
        }
        sum
    }

    fn calls(&self, code: &'static str) -> i64 {
        self.count("eyrie_grpc_server_calls", &[("method", "ListHosts"), ("code", code)])
    }

    fn in_flight(&self) -> i64 {
        self.count("eyrie_grpc_server_calls_in_flight", &[("method", "ListHosts")])
    }
}

fn request(path: &str) -> Request {
    let mut request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(TransportPeer::new("peer".into(), Ok(Identity::Local)));
    request
}

async fn send(service: &impl Handle, path: &str) -> Response {
    service.clone().oneshot(request(path)).await.unwrap_or_else(|never| match never {})
}

fn status(response: &Response) -> Option<Status> {
    Status::from_header_map(response.headers())
}

fn reason(response: &Response) -> String {
    let status = status(response).unwrap();
    status.metadata().get("eyrie-reason").unwrap().to_str().unwrap().to_owned()
}

/// A body of one chunk and these trailers.
fn streaming(code: Code) -> Response {
    let mut trailers = HeaderMap::new();
    Status::new(code, "").add_header(&mut trailers).unwrap();
    let frames =
        [Ok::<_, Infallible>(http_body::Frame::data(bytes())), Ok(http_body::Frame::trailers(trailers))];
    Response::new(Body::new(Frames(frames.into_iter().collect())))
}

fn bytes() -> tonic::codegen::Bytes {
    tonic::codegen::Bytes::from_static(b"chunk")
}

struct Frames(std::collections::VecDeque<Result<http_body::Frame<tonic::codegen::Bytes>, Infallible>>);

impl http_body::Body for Frames {
    type Data = tonic::codegen::Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

async fn read_all(response: Response) {
    let mut body = response.into_body();
    while std::future::poll_fn(|context| http_body::Body::poll_frame(std::pin::Pin::new(&mut body), context))
        .await
        .is_some()
    {}
}

/// Scenario: streams that end well, end badly, and are dropped by their client, and a call that is refused with its headers.
/// Guarantees: each is in flight until its end, and counted once, by the code that its client saw.
#[tokio::test]
async fn calls_are_counted_by_their_ends() {
    let probe = Probe::new();
    let handler = service_fn(|request: Request| {
        let code = request.headers().get("code").map_or(0, |code| code.to_str().unwrap().parse().unwrap());
        std::future::ready(Ok(match code {
            99 => Status::not_found("none").into_http(),
            code => streaming(Code::from(code)),
        }))
    });
    let service = probe.service(handler);
    let with_code = |code: i32| {
        let mut request = request(HOSTS);
        request.headers_mut().insert("code", code.into());
        service.clone().oneshot(request)
    };
    let ok = with_code(0).await.unwrap();
    assert_eq!((probe.in_flight(), probe.calls("OK")), (1, 0));
    read_all(ok).await;
    assert_eq!((probe.in_flight(), probe.calls("OK")), (0, 1));
    read_all(with_code(14).await.unwrap()).await;
    assert_eq!(probe.calls("UNAVAILABLE"), 1);
    drop(with_code(0).await.unwrap());
    assert_eq!((probe.calls("CANCELLED"), probe.calls("OK")), (1, 1));
    with_code(99).await.unwrap();
    assert_eq!((probe.calls("NOT_FOUND"), probe.in_flight()), (1, 0));
    assert_eq!(probe.count("eyrie_grpc_server_response_time", &[("method", "ListHosts")]), 4);
    send(&service, "/invented.by.a.Peer/Method").await;
    assert_eq!(
        probe.count("eyrie_grpc_server_calls", &[("method", "unknown"), ("code", "UNIMPLEMENTED")]),
        1
    );
}

/// Scenario: a handler that panics. Guarantees: the call is answered with INTERNAL and counted, and the next one is served.
#[tokio::test]
async fn a_panic_is_answered() {
    let probe = Probe::new();
    let handler = service_fn(|request: Request| async move {
        assert!(request.headers().get("panic").is_none(), "made to order");
        Ok(streaming(Code::Ok))
    });
    let service = probe.service(handler);
    let mut bad = request(HOSTS);
    bad.headers_mut().insert("panic", 1.into());
    let response = service.clone().oneshot(bad).await.unwrap();
    assert_eq!(reason(&response), "PANICKED");
    let status = status(&response).unwrap();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains(HOSTS), "{}", status.message());
    assert_eq!((probe.calls("INTERNAL"), probe.in_flight()), (1, 0));
    read_all(send(&service, HOSTS).await).await;
    assert_eq!(probe.calls("OK"), 1);
}

/// Scenario: a handler that never answers. Guarantees: after the time-out its client is told, and the call is given up.
#[tokio::test(start_paused = true)]
async fn a_call_has_its_time() {
    let probe = Probe::new();
    let service = probe.service(service_fn(|_: Request| std::future::pending()));
    let begun = tokio::time::Instant::now();
    let response = send(&service, HOSTS).await;
    assert_eq!(begun.elapsed(), WAIT);
    assert_eq!(reason(&response), "TIMED_OUT");
    assert_eq!(status(&response).unwrap().code(), Code::DeadlineExceeded);
    assert_eq!((probe.calls("DEADLINE_EXCEEDED"), probe.in_flight()), (1, 0));
}

/// Scenario: streams that have begun, and calls that have not been answered, as many as the limit and one more. Guarantees: begun
/// streams do not count; what is beyond the limit is refused at once, and let in again when there is room.
#[tokio::test]
async fn calls_beyond_the_limit_are_refused_at_once() {
    let probe = Probe::new();
    let (answers, waiting) = (std::sync::Mutex::new(Vec::new()), Arc::new(tokio::sync::Notify::new()));
    let state = Arc::new(answers);
    let (handed, arrived) = (Arc::clone(&state), Arc::clone(&waiting));
    let handler = service_fn(move |request: Request| {
        let (sender, receiver) = oneshot::channel::<()>();
        if request.headers().get("wait").is_some() {
            handed.lock().unwrap().push(sender);
            arrived.notify_one();
        } else {
            let _ = sender.send(());
        }
        async move {
            let _ = receiver.await;
            Ok(streaming(Code::Ok))
        }
    });
    let service = probe.service(handler);
    let mut streams = Vec::new();
    for _ in 0..LIMIT * 2 {
        streams.push(send(&service, HOSTS).await);
    }
    let waiting_call = || {
        let mut request = request(HOSTS);
        request.headers_mut().insert("wait", 1.into());
        tokio::spawn(service.clone().oneshot(request))
    };
    let mut calls = Vec::new();
    for _ in 0..LIMIT {
        calls.push(waiting_call());
        waiting.notified().await;
    }
    let refused = send(&service, HOSTS).await;
    assert_eq!(reason(&refused), "TOO_MANY_CALLS");
    let status = status(&refused).unwrap();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.metadata().get("eyrie-retryable").unwrap(), "true");
    let _ = state.lock().unwrap().pop().unwrap().send(());
    calls.pop().unwrap().await.unwrap().unwrap();
    assert!(super::code_in(send(&service, HOSTS).await.headers()).is_none());
    assert_eq!(probe.calls("RESOURCE_EXHAUSTED"), 1);
}

/// Scenario: a call with a `traceparent`. Guarantees: its span is the caller's child, has the fields that OpenTelemetry's conventions
/// name, and surrounds what the handler does.
#[tokio::test]
async fn a_call_is_a_span_below_its_callers() {
    let spans = spans();
    let handler = service_fn(|_: Request| {
        tracing::info_span!("work").in_scope(|| ());
        std::future::ready(Ok(streaming(Code::Unavailable)))
    });
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let mut request = request(HOSTS);
    request.headers_mut().insert("traceparent", format!("00-{trace}-{parent}-01").parse().unwrap());
    read_all(Probe::new().service(handler).oneshot(request).await.unwrap()).await;
    let spans: Vec<_> = spans
        .get_finished_spans()
        .unwrap()
        .into_iter()
        .filter(|span| span.span_context.trace_id().to_string() == trace)
        .collect();
    let call = spans.iter().find(|span| span.name == HOSTS[1..]).unwrap();
    assert_eq!(call.parent_span_id.to_string(), parent);
    assert_eq!(call.span_kind, opentelemetry::trace::SpanKind::Server);
    for attribute in [
        KeyValue::new("rpc.system", "grpc"),
        KeyValue::new("rpc.service", "eyrie.capture.v1.HostService"),
        KeyValue::new("rpc.method", "ListHosts"),
        KeyValue::new("rpc.grpc.status_code", 14),
        KeyValue::new("network.peer.address", "peer"),
    ] {
        assert!(call.attributes.contains(&attribute), "{attribute:?} is not in {:?}", call.attributes);
    }
    assert!(matches!(call.status, opentelemetry::trace::Status::Error { .. }));
    let work = spans.iter().find(|span| span.name == "work").unwrap();
    assert_eq!(work.parent_span_id, call.span_context.span_id());
}

/// Scenario: a client calls from within a span, and outside of any. Guarantees: the metadata that it sends name that span as the
/// parent, or none; a request that names another one keeps it.
#[test]
fn clients_send_the_context_of_their_span() {
    let spans = spans();
    let mut metadata = tonic::metadata::MetadataMap::new();
    crate::inject_trace_context(&mut metadata);
    assert!(metadata.get("traceparent").is_none());
    tracing::info_span!("caller").in_scope(|| crate::inject_trace_context(&mut metadata));
    let spans = spans.get_finished_spans().unwrap();
    let caller = spans.iter().find(|span| span.name == "caller").unwrap();
    let sent = metadata.get("traceparent").unwrap().to_str().unwrap().to_owned();
    let (trace, span) = (caller.span_context.trace_id(), caller.span_context.span_id());
    assert_eq!(sent, format!("00-{trace}-{span}-01"));
    let mut request = tonic::Request::new(());
    request.metadata_mut().insert("traceparent", "00-set-already-00".parse().unwrap());
    let request = tracing::info_span!("other").in_scope(|| TraceContextInjector.call(request)).unwrap();
    assert_eq!(request.metadata().get("traceparent").unwrap(), "00-set-already-00");
}
