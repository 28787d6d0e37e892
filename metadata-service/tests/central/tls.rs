//! Certificates over real TLS: who may tell, and who may ask.

use eyrie_proto::metadata::{
    AnswerState, ListFilter, ListKind, ListRequest, LookupRequest, Query, WatchRequest,
    metadata_service_client::MetadataServiceClient, query,
};
use grpc_transport::{ClientSecurity, ListenSecurity, ServerTlsFiles, ServiceAddress, ServiceEndpoint};
use metadata_service::{Config, MetadataService, Running};
use test_certificates::Authority;
use tonic::{Code, Status, transport::Channel};

use crate::support::*;

async fn connect(service: &Running, authority: &Authority, name: &str) -> MetadataServiceClient<Channel> {
    let issued = authority.client("client", &[&format!("spiffe://test/eyrie/{name}")]);
    let security = ClientSecurity {
        ca: Some(authority.file().to_owned()),
        identity: Some((issued.certificate, issued.key)),
        ..ClientSecurity::default()
    };
    let address = ServiceAddress::of_listener(service.local_address(), true);
    let channel = ServiceEndpoint::new(address, &security).unwrap().connect().await.unwrap();
    MetadataServiceClient::new(channel)
}

fn question() -> LookupRequest {
    let key = query::Key::Container(key(5, 10, "a"));
    LookupRequest { queries: vec![Query { query_id: 1, as_of_ns: 0, key: Some(key) }], wait_ms: 0 }
}

fn refusal<T>(result: Result<T, Status>) -> (Code, String) {
    let status = result.map(|_| ()).unwrap_err();
    let reason = status.metadata().get("eyrie-reason").unwrap().to_str().unwrap().to_owned();
    (status.code(), reason)
}

/// Scenario: an engine, operators and an agent relay, ask and watch. Guarantees: the engine may do all of it; operators may ask and
/// watch, of one tenant only within it, also on a watch that is open; an agent may do nothing; and a fact that was refused is not
/// stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_decide_who_tells_and_who_asks() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let server = authority.server("metadata");
    let files = ServerTlsFiles {
        certificate: server.certificate,
        key: server.key,
        client_ca: Some(authority.file().to_owned()),
    };
    let security = ListenSecurity { tls: Some(files), is_insecure_allowed: false };
    let service = MetadataService::start(
        Config { security, ..config(directory.path()) },
        &telemetry::Instruments::default().meter,
    )
    .await
    .unwrap();
    let fact = stated(container(key(5, 10, "a"), "web", 1));

    for name in ["operator", "agent", "metadata"] {
        let mut client = connect(&service, &authority, name).await;
        let relayed = client.relay_facts(facts(1, vec![fact.clone()])).await;
        assert_eq!(refusal(relayed), (Code::PermissionDenied, "NOT_PERMITTED".to_owned()), "{name}");
    }
    let mut engine = connect(&service, &authority, "engine").await;
    let answer = engine.lookup(question()).await.unwrap().into_inner().answers.remove(0);
    assert_eq!(answer.state(), AnswerState::Pending);
    engine.relay_facts(facts(1, vec![fact])).await.unwrap();

    for name in ["engine", "operator"] {
        let mut client = connect(&service, &authority, name).await;
        let answer = client.lookup(question()).await.unwrap().into_inner().answers.remove(0);
        assert_eq!(answer.state(), AnswerState::Found, "{name}");
        let mut stream = client.watch(tokio_stream::iter([watch_host(1, 0)])).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some(), "{name}");
    }
    let of_kind = |kind: ListKind| ListRequest { kind: kind.into(), ..ListRequest::default() };
    for (name, count) in [("engine", 1), ("operator", 1), ("operator/tenant/acme", 0)] {
        let mut client = connect(&service, &authority, name).await;
        let listed = client.list(of_kind(ListKind::Containers)).await.unwrap().into_inner();
        assert_eq!(listed.entities.len(), count, "{name}");
    }
    let mut agent = connect(&service, &authority, "agent").await;
    assert_eq!(refusal(agent.list(of_kind(ListKind::Containers)).await).1, "NOT_PERMITTED");
    assert_eq!(refusal(agent.lookup(question()).await).1, "NOT_PERMITTED");
    assert_eq!(refusal(agent.watch(tokio_stream::pending()).await).1, "NOT_PERMITTED");

    let mut bound = connect(&service, &authority, "operator/tenant/acme").await;
    assert_eq!(
        refusal(bound.lookup(question()).await),
        (Code::PermissionDenied, "PEER_NOT_ALLOWED".to_owned())
    );
    let foreign = ListFilter { origins: vec![host(1)], ..ListFilter::default() };
    let foreign = ListRequest { filter: Some(foreign), ..of_kind(ListKind::Containers) };
    for request in [foreign, of_kind(ListKind::KubernetesObjects)] {
        assert_eq!(refusal(bound.list(request).await).1, "PEER_NOT_ALLOWED");
    }
    let nothing = WatchRequest::default();
    let mut stream = bound.watch(tokio_stream::iter([nothing, watch_host(1, 0)])).await.unwrap().into_inner();
    let end = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert_eq!(refusal(end).1, "PEER_NOT_ALLOWED");
    service.shutdown().await;
}
