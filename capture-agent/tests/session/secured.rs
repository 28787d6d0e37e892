//! Engines that ask for certificates.

use std::time::Duration;

use capture_agent::{Agent, Config, Running};
use eyrie_proto::capture::{MoveTo, capture_response::Kind as Down};
use grpc_transport::{ClientSecurity, ServerTlsFiles};
use test_certificates::{Authority, Issued};

use crate::{
    config, execs,
    fake_engine::{FakeEngine, Policy},
    names, run,
    scripted_source::Script,
};

const AGENT: &str = "spiffe://test/eyrie/agent";

fn files(server: &Issued, authority: &Authority) -> ServerTlsFiles {
    ServerTlsFiles {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_ca: Some(authority.file().to_owned()),
    }
}

fn secured(engine: &FakeEngine, authority: &Authority, agent: &Issued) -> Config {
    let security = ClientSecurity {
        ca: Some(authority.file().to_owned()),
        identity: Some((agent.certificate.clone(), agent.key.clone())),
        ..ClientSecurity::default()
    };
    Config { security, ..config(&url(engine)) }
}

fn url(engine: &FakeEngine) -> String {
    format!("https://{}", engine.address)
}

fn move_to(endpoint: &str) -> Down {
    Down::MoveTo(MoveTo { endpoint: endpoint.to_owned(), ..MoveTo::default() })
}

/// Waits until the agent's last error says `what`.
async fn until_told(running: &Running, what: &str) {
    for _ in 0..1_500 {
        let error = running.status().connection.last_error;
        if error.is_some_and(|error| error.contains(what)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 15 s: {what}; but {:?}", running.status().connection);
}

/// Scenario: an agent with a certificate streams to an engine that asks for one, is sent to one in plain text, and then to a second
/// one that asks. Guarantees: it streams by TLS, does not go where nothing is encrypted, and shows the second the same certificate;
/// what the first did not ack comes again.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_moves_between_engines_by_tls_only() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let server = authority.server("engine");
    let silent = Policy { acks: false, ..Policy::default() };
    let first = FakeEngine::secured(files(&server, &authority), silent).await;
    let second = FakeEngine::secured(files(&server, &authority), Policy::default()).await;
    let plain = FakeEngine::start(Policy::default()).await;
    let script = Script::default();
    script.set_processes(1..=7);
    let agent = authority.client("agent", &[AGENT]);
    let running = Agent::start_with(
        secured(&first, &authority, &agent),
        script.source(),
        telemetry::Instruments::default(),
    )
    .await
    .unwrap();
    run(&script, 0..100);
    first.until("the first events", |seen| execs(seen).len() == 100).await;
    first.send(move_to(&plain.url())).await;
    first.send(move_to(&url(&second))).await;
    second.until("a hello", |seen| seen.hellos.len() == 1).await;
    run(&script, 100..200);
    second.until("all events", |seen| execs(seen).len() == 200).await;
    assert_eq!(running.shutdown().await.unacked_events, 0);
    assert!(plain.seen().hellos.is_empty());
    assert_eq!(execs(&second.seen()), names(0..200));
}

/// Scenario: an agent starts with a certificate that the engine's authority did not sign, which is then replaced. Guarantees: it
/// says why it is not let in, keeps trying, and takes up the new certificate without being restarted.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_takes_up_a_rotated_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, stranger) =
        (Authority::new(directory.path(), "ca"), Authority::new(directory.path(), "stranger"));
    let server = authority.server("engine");
    let engine = FakeEngine::secured(files(&server, &authority), Policy::default()).await;
    let script = Script::default();
    let agent = stranger.client("agent", &[AGENT]);
    let running = Agent::start_with(
        secured(&engine, &authority, &agent),
        script.source(),
        telemetry::Instruments::default(),
    )
    .await
    .unwrap();
    until_told(&running, "does not know the authority").await;
    assert!(engine.seen().hellos.is_empty());
    authority.client("agent", &[AGENT]);
    engine.until("a hello", |seen| !seen.hellos.is_empty()).await;
    running.shutdown().await;
}

/// Scenario: TLS is asked for and its files are not there. Guarantees: the agent does not start, and names the file.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_its_files_does_not_start() {
    let security = ClientSecurity { ca: Some("/nowhere/ca.pem".into()), ..ClientSecurity::default() };
    let config = Config { security, ..config("https://127.0.0.1:7443") };
    let error = Agent::start_with(config, Script::default().source(), telemetry::Instruments::default())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
