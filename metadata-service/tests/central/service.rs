//! What surrounds the calls: health, reflection, metrics, the binary.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use metadata_service::{Config, MetadataService};
use service_runtime::Running as _;
use telemetry::{Instruments, Metrics, Readiness};

use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::*;

/// Scenario: probes and a reflecting client. Guarantees: health says serving, and the services are listed.
#[tokio::test]
async fn health_and_reflection_answer() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let endpoint = tonic::transport::Endpoint::from_shared(service.local_address().uri()).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let request = HealthCheckRequest { service: "eyrie.metadata.v1.MetadataService".into() };
    let health = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner();
    assert_eq!(health.status().as_str_name(), "SERVING");
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut client = ServerReflectionClient::new(channel);
    let stream = client.server_reflection_info(tokio_stream::once(request)).await.unwrap();
    let response = stream.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = response.message_response else {
        panic!("{response:?}")
    };
    let names: Vec<_> = list.service.iter().map(|service| &*service.name).collect();
    assert!(names.contains(&"eyrie.metadata.v1.MetadataService"), "{names:?}");
    service.shutdown().await;
}

/// Scenario: facts, a repetition, a question; then metrics and readiness are looked at. Guarantees: the counts are those of what
/// happened, and the service is ready until its store is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_count_what_happened() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Metrics::local().unwrap();
    let service = MetadataService::start(config(directory.path()), &metrics.meter()).await.unwrap();
    let readiness = Readiness::default();
    readiness.started(service.checks());
    let mut engine = Engine::connect(&service).await;
    let fact = stated(container(key(5, 10, "a"), "web", 1));
    engine.try_relay(facts(1, vec![fact.clone()])).await.unwrap();
    engine.try_relay(facts(1, vec![fact])).await.unwrap();
    engine.lookup(key(5, 10, "a"), 0).await;
    assert_eq!(readiness.report().await.text, "store: ready\n");
    let text = metrics.text().unwrap();
    for line in [
        "eyrie_metadata_store_entities 1",
        "eyrie_metadata_store_statements_applied_total 1",
        "eyrie_metadata_store_statements_repeated_total 1",
        "eyrie_metadata_calls_total{code=\"Ok\",method=\"RelayFacts\"} 2",
        "eyrie_metadata_lookup_answers_total{state=\"found\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    drop(engine);
    service.shutdown().await;
    assert!(!readiness.report().await.is_ready);
}

/// Scenario: plain text to the network. Guarantees: it is refused.
#[tokio::test]
async fn plain_text_stays_on_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { listen: "0.0.0.0:0".parse().unwrap(), ..config(directory.path()) };
    let error = MetadataService::start(config, &Instruments::default().meter).await.unwrap_err();
    assert!(error.to_string().contains("--insecure"), "{error}");
}

/// Scenario: an engine keeps a watch open while the service shuts down. Guarantees: the watch ends with a status that says to
/// connect again, and the shutdown does not wait for its client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_ends_watches_with_a_status() {
    let directory = tempfile::tempdir().unwrap();
    let service = start(directory.path()).await;
    let mut engine = Engine::connect(&service).await;
    let mut watching = engine.watch(watch_host(1, 0)).await;
    watching.snapshot().await;
    let begun = Instant::now();
    let reading = tokio::spawn(async move {
        loop {
            match watching.responses.message().await {
                Ok(Some(_)) => {}
                other => return other,
            }
        }
    });
    service.shutdown().await;
    let status = reading.await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Scenario: the binary with a bad setting, with the role cluster and nothing else, with `--print-config`, and running until
/// SIGTERM. Guarantees: exit codes 2, 2, 0 and 0, and texts that name what is wrong.
#[test]
fn the_binary_has_its_exit_codes() {
    let binary = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metadata-service"));
        command.env_clear();
        command
    };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.toml");
    std::fs::write(&file, "max-watchers = 3\n").unwrap();
    let output = binary().arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("max-watchers"));
    let output = binary().args(["--role", "cluster"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("central is not set"));
    std::fs::write(&file, "max-watches = 3\n").unwrap();
    let output = binary().arg("--print-config").arg("--config").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("max-watches = 3"));
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "none", "--data-dir"])
        .arg(directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut log, &mut line).unwrap();
    assert!(line.contains("takes connections"), "{line}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
