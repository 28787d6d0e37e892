//! Certificates over real TLS: who may tell, and who may ask.

use eyrie_proto::metadata::{
    AnswerState, ClusterHello, ListFilter, ListKind, ListRequest, LookupRequest, PushClusterRequest,
    PushClusterResponse, Query, WatchRequest, cluster_service_client::ClusterServiceClient,
    metadata_service_client::MetadataServiceClient, push_cluster_request, query,
};
use grpc_transport::{ClientSecurity, ListenSecurity, ServerTlsFiles, ServiceAddress, ServiceEndpoint};
use metadata_service::{Config, MetadataService, Running};
use test_certificates::Authority;
use tonic::{Code, Status, transport::Channel};

use crate::support::*;

async fn connect(service: &Running, authority: &Authority, name: &str) -> MetadataServiceClient<Channel> {
    MetadataServiceClient::new(channel(service, authority, name).await)
}

async fn channel(service: &Running, authority: &Authority, name: &str) -> Channel {
    let issued = authority.client("client", &[&format!("spiffe://test/eyrie/{name}")]);
    let security = ClientSecurity {
        ca: Some(authority.file().to_owned()),
        identity: Some((issued.certificate, issued.key)),
        ..ClientSecurity::default()
    };
    let address = ServiceAddress::of_listener(service.local_address(), true);
    ServiceEndpoint::new(address, &security).unwrap().connect().await.unwrap()
}

async fn start_secured(directory: &std::path::Path, authority: &Authority) -> Running {
    let server = authority.server("metadata");
    let files = ServerTlsFiles {
        certificate: server.certificate,
        key: server.key,
        client_ca: Some(authority.file().to_owned()),
    };
    let security = ListenSecurity { tls: Some(files), is_insecure_allowed: false };
    let config = Config { security, ..config(directory) };
    MetadataService::start(config, &telemetry::Instruments::default().meter).await.unwrap()
}

/// How a cluster's hello is answered.
async fn hello(channel: Channel, tenant: &str, cluster_uid: &str) -> Result<PushClusterResponse, Status> {
    let hello = ClusterHello {
        cluster_uid: cluster_uid.into(),
        tenant: tenant.into(),
        epoch: 1,
        ..ClusterHello::default()
    };
    let request = PushClusterRequest { kind: Some(push_cluster_request::Kind::Hello(hello)) };
    let requests = tokio_stream::StreamExt::chain(tokio_stream::iter([request]), tokio_stream::pending());
    let mut responses = ClusterServiceClient::new(channel).push_cluster(requests).await?.into_inner();
    Ok(responses.message().await?.unwrap())
}

/// Scenario: metadata services with certificates of a cluster, of a tenant and of neither, and others, say hello for several clusters.
/// Guarantees: each is heard for what its certificate names, and refused for all else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_decide_who_speaks_for_a_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let service = start_secured(directory.path(), &authority).await;
    let table = [
        ("metadata", "", "c1", None),
        ("metadata/cluster/c1", "", "c1", None),
        ("metadata/cluster/c1", "", "c2", Some("PEER_NOT_ALLOWED")),
        ("metadata", "acme", "c3", Some("PEER_NOT_ALLOWED")),
        ("metadata/tenant/acme", "acme", "c3", None),
        ("metadata/tenant/acme", "", "c1", Some("PEER_NOT_ALLOWED")),
        // The certificate is right, and the cluster is known as another tenant's.
        ("metadata/tenant/acme", "acme", "c1", Some("CLUSTER_OF_ANOTHER_TENANT")),
        ("engine", "", "c1", Some("NOT_PERMITTED")),
        ("agent", "", "c1", Some("NOT_PERMITTED")),
        ("operator", "", "c1", Some("NOT_PERMITTED")),
    ];
    for (name, tenant, cluster_uid, refused) in table {
        let answer = hello(channel(&service, &authority, name).await, tenant, cluster_uid).await;
        match refused {
            None => assert!(answer.unwrap().is_snapshot_wanted, "{name}"),
            Some(reason) => {
                assert_eq!(refusal(answer), (Code::PermissionDenied, reason.to_owned()), "{name}")
            }
        }
    }
    service.shutdown().await;
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
    let service = start_secured(directory.path(), &authority).await;
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
