//! Telemetry as a receiver gets it: a real one, in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this is test code, helpers included")]

use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

use grpc_transport::ClientSecurity;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use otlp_receiver::{OtlpReceiver, ReceivedMetric, attribute};
use telemetry::{
    KeyValue, OtlpConfig, PipelineSpan, ServiceIdentity, SpanKind, SpanReference, Telemetry, TelemetryConfig,
    random_span_id, random_trace_id,
};

const SHORT: Duration = Duration::from_secs(1);
/// Longer than any test: what is sent was flushed.
const NEVER: Duration = Duration::from_secs(3_600);
/// What ending telemetry may take, with what a busy machine adds.
const END: Duration = Duration::from_secs(8);

fn config(endpoint: String, metric_interval: Duration) -> TelemetryConfig {
    TelemetryConfig {
        otlp: Some(receiver_at(&endpoint, None)),
        metric_interval,
        trace_ratio: 1.0,
        ..TelemetryConfig::new("127.0.0.1:0".parse().unwrap())
    }
}

fn receiver_at(endpoint: &str, ca: Option<PathBuf>) -> OtlpConfig {
    let security = ClientSecurity { ca, ..ClientSecurity::default() };
    OtlpConfig { endpoint: endpoint.parse().unwrap(), security }
}

fn start(endpoint: String, metric_interval: Duration) -> Telemetry {
    let identity = ServiceIdentity { name: "eyrie-test", version: "1.2.3" };
    Telemetry::start(&config(endpoint, metric_interval), identity).unwrap()
}

fn span(name: &'static str) -> PipelineSpan {
    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    PipelineSpan {
        name: name.into(),
        trace_id: random_trace_id(),
        span_id: random_span_id(),
        parent_span_id: Some(random_span_id()),
        start,
        end: start + Duration::from_millis(5),
        kind: SpanKind::Consumer,
        attributes: vec![KeyValue::new("eyrie.events", 7)],
        links: vec![SpanReference { trace_id: random_trace_id(), span_id: random_span_id() }],
    }
}

/// An event in a span.
fn happen(telemetry: &Telemetry, what: &'static str) {
    tracing::dispatcher::with_default(telemetry.dispatch(), || {
        let _entered = tracing::info_span!("handle", what).entered();
        tracing::warn!(count = 3, "it happened: {what}");
    });
}

fn sum(metric: &ReceivedMetric) -> i64 {
    let Some(Data::Sum(sum)) = &metric.metric.data else { return 0 };
    let values = sum.data_points.iter().filter_map(|point| point.value);
    values.map(|value| if let Value::AsInt(value) = value { value } else { 0 }).sum()
}

/// Scenario: an event within a span, a counter, and a span of the pipeline, with a receiver. Guarantees: each arrives, with whose
/// it is; the event knows its trace; times and ids of the pipeline's span are those that were given.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signal_arrives() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let telemetry = start(receiver.endpoint(), SHORT);
    let instruments = telemetry.instruments();
    happen(&telemetry, "once");
    instruments.meter.u64_counter("eyrie.test.things").build().add(4, &[]);
    let sent = span("evaluate batch");
    assert!(instruments.tracer.is_exporting());
    instruments.tracer.export_spans(vec![sent.clone()]);

    let log = receiver.log(|log| attribute(&log.record.attributes, "count").is_some()).await.unwrap();
    let handled = receiver.span(|span| span.span.name == "handle").await.unwrap();
    assert_eq!(attribute(&handled.span.attributes, "what").as_deref(), Some("once"));
    assert_eq!(log.record.trace_id, handled.span.trace_id);
    assert_eq!(log.record.severity_text, "WARN");
    let metric = receiver.metric("eyrie.test.things", |metric| sum(metric) == 4).await.unwrap();
    let evaluated = receiver.span(|span| span.span.name == "evaluate batch").await.unwrap();
    for resource in [&log.resource, &handled.resource, &metric.resource, &evaluated.resource] {
        let of = |key| attribute(&resource.attributes, key).unwrap_or_default();
        assert_eq!((of("service.name"), of("service.version")), ("eyrie-test".into(), "1.2.3".into()));
        assert!(!of("host.name").is_empty() && of("service.instance.id").len() == 32);
    }
    let got = evaluated.span;
    assert_eq!(got.trace_id, sent.trace_id.to_bytes());
    assert_eq!(got.span_id, sent.span_id.to_bytes());
    assert_eq!(got.parent_span_id, sent.parent_span_id.unwrap().to_bytes());
    assert_eq!(
        (got.start_time_unix_nano, got.end_time_unix_nano),
        (1_700_000_000_123_456_789, 1_700_000_000_128_456_789)
    );
    assert_eq!(attribute(&got.attributes, "eyrie.events").as_deref(), Some("7"));
    assert_eq!(got.links.first().unwrap().span_id, sent.links.first().unwrap().span_id.to_bytes());
    telemetry.shutdown().await;
}

/// Scenario: events, spans and counts, and the end right after. Guarantees: everything was sent when telemetry has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_sends_what_waits() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let telemetry = start(receiver.endpoint(), NEVER);
    let instruments = telemetry.instruments();
    happen(&telemetry, "last");
    instruments.meter.u64_counter("eyrie.test.last").build().add(1, &[]);
    instruments.tracer.export_spans(vec![span("last")]);
    telemetry.shutdown().await;
    let names: Vec<_> = receiver.spans().into_iter().map(|span| span.span.name).collect();
    assert!(names.contains(&"last".to_owned()) && names.contains(&"handle".to_owned()), "{names:?}");
    assert!(receiver.logs().iter().any(|log| attribute(&log.record.attributes, "count").is_some()));
    receiver.metric("eyrie.test.last", |metric| sum(metric) == 1).await.unwrap();
    // Too late, which does no harm.
    instruments.tracer.export_spans(vec![span("too late")]);
}

/// Scenario: what another process made, as bytes, good and bad. Guarantees: the good arrives as that process's, the bad is
/// refused and counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_others_are_passed_on() {
    let receiver = OtlpReceiver::start().await.unwrap();
    let identity = ServiceIdentity { name: "eyrie-agent", version: "0" };
    let quiet = TelemetryConfig::new("127.0.0.1:0".parse().unwrap());
    let agent = Telemetry::start(&quiet, identity).unwrap().instruments().tracer;
    assert!(!agent.is_exporting());
    let bytes = agent.resource_spans(vec![span("drain")]);
    agent.export_spans(vec![span("goes nowhere")]);

    let engine = start(receiver.endpoint(), NEVER);
    let tracer = engine.instruments().tracer;
    tracer.export_resource_spans(&bytes).unwrap();
    let refused = tracer.export_resource_spans(b"nonsense").unwrap_err().to_string();
    assert!(refused.contains("ResourceSpans"), "{refused}");
    let drained = receiver.span(|span| span.span.name == "drain").await.unwrap();
    assert_eq!(attribute(&drained.resource.attributes, "service.name").as_deref(), Some("eyrie-agent"));
    let text = engine.metrics().text().unwrap();
    assert!(text.contains("eyrie_telemetry_pipeline_spans_dropped_total{reason=\"invalid\"} 1"), "{text}");
    engine.shutdown().await;
}

/// Scenario: the receiver is down while spans come, more than may wait, and then up. Guarantees: nobody waited; what was
/// within the bound arrives, the rest is counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_may_be_down_for_a_while() {
    const SPANS: usize = 20_000;
    let gone = OtlpReceiver::start().await.unwrap();
    let address = gone.address();
    let telemetry = start(gone.endpoint(), NEVER);
    gone.stop().await;
    let tracer = telemetry.instruments().tracer;
    let begun = Instant::now();
    for _ in 0..SPANS {
        tracer.export_spans(vec![span("kept")]);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let receiver = OtlpReceiver::start_at(address).await.unwrap();
    receiver.span(|span| span.span.name == "kept").await.unwrap();
    let dropped = |text: &str| {
        let line = text.lines().find(|line| line.contains("reason=\"queue_full\"")).unwrap();
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    let dropped = dropped(&telemetry.metrics().text().unwrap());
    assert!(dropped > SPANS / 2 && dropped < SPANS, "{dropped}");
    let deadline = Instant::now() + otlp_receiver::PATIENCE;
    while receiver.spans().iter().filter(|span| span.span.name == "kept").count() < SPANS - dropped {
        assert!(Instant::now() < deadline, "some spans that were not dropped did not come");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    telemetry.shutdown().await;
}

/// Scenario: a receiver that takes connections and never answers; one that is not there. Guarantees: the end is not held up
/// by either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_receiver_holds_nothing_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = OtlpReceiver::start().await.unwrap();
    let absent = gone.endpoint();
    gone.stop().await;
    for endpoint in [format!("http://{}", silent.local_addr().unwrap()), absent] {
        let telemetry = start(endpoint.clone(), NEVER);
        happen(&telemetry, "unheard");
        telemetry.instruments().meter.u64_counter("eyrie.test.unheard").build().add(1, &[]);
        telemetry.instruments().tracer.export_spans(vec![span("unheard")]);
        let begun = Instant::now();
        telemetry.shutdown().await;
        assert!(begun.elapsed() < END, "{endpoint}: {:?}", begun.elapsed());
    }
}

/// Scenario: a receiver with TLS, and two sets of certificates to check its own against: the right one and another. Guarantees:
/// telemetry arrives with the first, and nothing does with the second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemetry_goes_by_tls_to_whom_it_is_meant_for() {
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (own, other) = (made(), made());
    let receiver = OtlpReceiver::start_tls(&own.cert.pem(), &own.signing_key.serialize_pem()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, certificate, arrives) in [("other", other.cert.pem(), false), ("own", own.cert.pem(), true)] {
        let ca = folder.path().join(name);
        std::fs::write(&ca, certificate).unwrap();
        let mut config = config(receiver.endpoint(), NEVER);
        config.otlp = Some(receiver_at(&receiver.endpoint(), Some(ca)));
        let identity = ServiceIdentity { name: "eyrie-test", version: "0" };
        let telemetry = Telemetry::start(&config, identity).unwrap();
        happen(&telemetry, name);
        telemetry.instruments().tracer.export_spans(vec![span(name)]);
        telemetry.shutdown().await;
        assert_eq!(!receiver.spans().is_empty(), arrives, "{name}");
        assert_eq!(!receiver.logs().is_empty(), arrives, "{name}");
    }
}
