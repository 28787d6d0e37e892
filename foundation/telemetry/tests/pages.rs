//! The admin pages as probes and Prometheus see them, over real connections.
#![allow(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use std::{future, net::SocketAddr, time::Duration};

use telemetry::{
    AdminListen, Checks, Metrics, Readiness,
    admin::{AdminListener, Pages},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, so that a hang is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

struct Served {
    address: SocketAddr,
    readiness: Readiness,
    metrics: Metrics,
    end: CancellationToken,
    serving: JoinHandle<()>,
}

async fn serve() -> Served {
    let any = AdminListen::At("127.0.0.1:0".parse().unwrap());
    let listener = AdminListener::bind(any, false).await.unwrap().unwrap();
    let (address, end) = (listener.local_address(), CancellationToken::new());
    let (readiness, metrics) = (Readiness::default(), Metrics::local().unwrap());
    let pages = Pages { readiness: readiness.clone(), metrics: metrics.clone() };
    let serving = tokio::spawn(listener.serve(pages, end.clone()));
    Served { address, readiness, metrics, end, serving }
}

/// Everything that the other end answers to `request` until it closes.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed while we still send is reset; what came before counts.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

/// Scenario: the pages while a process starts, runs and drains. Guarantees: it is alive all the time, ready while it runs, and its
/// metrics are there with their names, labels and bounds.
#[tokio::test]
async fn pages_tell_how_a_process_is() {
    let served = serve().await;
    let meter = served.metrics.meter();
    let counter = meter.u64_counter("eyrie.test.events").with_unit("{event}").build();
    counter.add(3, &[telemetry::KeyValue::new("class", "plain")]);
    let times = meter.f64_histogram("eyrie.test.wait").with_unit("s");
    times.with_boundaries(telemetry::SECONDS_BOUNDARIES.to_vec()).build().record(0.002, &[]);

    assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let starting = get(served.address, "/readyz").await;
    assert!(starting.starts_with("HTTP/1.1 503") && starting.ends_with("starting\n"), "{starting}");
    served.readiness.started(Checks::default().with("log", || future::ready(Ok(()))));
    let ready = get(served.address, "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 200") && ready.ends_with("log: ready\n"), "{ready}");
    served.readiness.draining();
    assert!(get(served.address, "/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 200"));

    let metrics = get(served.address, "/metrics").await;
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    for line in [
        "# TYPE eyrie_test_events_total counter",
        "eyrie_test_events_total{class=\"plain\"} 3",
        "eyrie_test_wait_seconds_bucket{le=\"0.0025\"} 1",
        "eyrie_test_wait_seconds_bucket{le=\"0.001\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(get(served.address, "/elsewhere").await.starts_with("HTTP/1.1 404"));
    served.end.cancel();
    tokio::time::timeout(PATIENCE, served.serving).await.unwrap().unwrap();
}

/// Scenario: requests with another method, a body, endless headers, and none at all. Guarantees: each is refused, nothing waits
/// for it, and the pages are there for others.
#[tokio::test]
async fn bad_clients_are_refused() {
    let served = serve().await;
    let post = "DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(ask(served.address, post).await.starts_with("HTTP/1.1 405"));
    let body = "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx";
    assert!(ask(served.address, body).await.starts_with("HTTP/1.1 413"));
    let endless = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    let refused = ask(served.address, &endless).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
    // It says nothing and is closed after the time for a request.
    assert_eq!(ask(served.address, "GET /healthz HTTP/1.1\r\n").await, "");
    assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    served.end.cancel();
    tokio::time::timeout(PATIENCE, served.serving).await.unwrap().unwrap();
}

/// Scenario: somebody opens more connections than there may be and says nothing. Guarantees: a probe is answered at once all the
/// same, and the oldest connections are closed for it and for each other.
#[tokio::test]
async fn silent_connections_are_bounded_and_shut_nobody_out() {
    let served = serve().await;
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(TcpStream::connect(served.address).await.unwrap());
    }
    let asked = tokio::time::Instant::now();
    assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    // The eight beyond the bound, and one for the probe.
    for stream in &mut open[..9] {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    // Long before the time for a request is over.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let youngest = tokio::time::timeout(Duration::from_millis(100), open[39].read(&mut [0])).await;
    assert!(youngest.is_err(), "{youngest:?}");
    served.end.cancel();
    tokio::time::timeout(PATIENCE, served.serving).await.unwrap().unwrap();
}

/// Scenario: pages where other machines can reach them, and nowhere. Guarantees: the first is refused unless it was asked for, the
/// second binds nothing.
#[tokio::test]
async fn pages_stay_on_the_machine() {
    let open = AdminListen::At("0.0.0.0:0".parse().unwrap());
    let error = AdminListener::bind(open, false).await.unwrap_err().to_string();
    assert!(error.contains("--insecure"), "{error}");
    assert!(AdminListener::bind(AdminListen::Off, false).await.unwrap().is_none());
}
