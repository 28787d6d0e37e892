//! A service that says who called it.

use std::time::Duration;

use eyrie_proto::capture::{
    AgentInfo, Host, ListHostsRequest, ListHostsResponse,
    host_service_client::HostServiceClient,
    host_service_server::{HostService, HostServiceServer},
};
use grpc_transport::{
    AccessTable, AuthenticatedPeer, ClientSecurity, ListenSecurity, Listener, Permission, Server,
    ServerOptions, ServerTlsFiles, ServiceAddress, ServiceEndpoint, Serving,
};
use test_certificates::{Authority, Issued};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Channel};

/// Longer than anything here takes, so that a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const ACCESS: AccessTable = &[("/eyrie.capture.v1.HostService/ListHosts", Permission::ReadHosts)];

/// Answers with its caller's identity as the only host's name; panics when asked for disconnected hosts.
struct WhoAmI;

#[tonic::async_trait]
impl HostService for WhoAmI {
    async fn list_hosts(
        &self,
        request: Request<ListHostsRequest>,
    ) -> Result<Response<ListHostsResponse>, Status> {
        assert!(!request.get_ref().include_disconnected, "made to order");
        let peer = AuthenticatedPeer::of(&request)?;
        let agent = AgentInfo { hostname: peer.identity().to_string(), ..AgentInfo::default() };
        let host = Host { agent: Some(agent), peer: peer.to_string(), ..Host::default() };
        Ok(Response::new(ListHostsResponse { hosts: vec![host] }))
    }
}

pub(crate) async fn serve(address: &str, security: ListenSecurity) -> Serving {
    let listener = Listener::bind(address.parse().unwrap(), security).await.unwrap();
    serve_on(listener, CancellationToken::new()).await
}

pub(crate) async fn serve_on(listener: Listener, stop: CancellationToken) -> Serving {
    let server = Server::new(ServerOptions::default(), ACCESS).add_service(HostServiceServer::new(WhoAmI));
    server.serve(listener, stop).await.unwrap()
}

pub(crate) fn tls(server: &Issued, client_ca: Option<&Authority>) -> ListenSecurity {
    let files = ServerTlsFiles {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_ca: client_ca.map(|authority| authority.file().to_owned()),
    };
    ListenSecurity { tls: Some(files), is_insecure_allowed: false }
}

pub(crate) fn client(ca: &Authority, identity: Option<&Issued>) -> ClientSecurity {
    ClientSecurity {
        ca: Some(ca.file().to_owned()),
        identity: identity.map(|issued| (issued.certificate.clone(), issued.key.clone())),
        ..ClientSecurity::default()
    }
}

pub(crate) fn endpoint(serving: &Serving, security: &ClientSecurity) -> ServiceEndpoint {
    let address = ServiceAddress::of_listener(serving.local_address(), security.ca.is_some());
    ServiceEndpoint::new(address, security).unwrap()
}

/// Who a server says that we are.
pub(crate) async fn who_am_i(channel: Channel) -> Result<String, Status> {
    let request = ListHostsRequest { include_disconnected: false };
    let response = tokio::time::timeout(PATIENCE, HostServiceClient::new(channel).list_hosts(request))
        .await
        .expect("no answer in time")?;
    Ok(response.into_inner().hosts[0].agent.clone().unwrap().hostname)
}

pub(crate) async fn is_healthy(channel: Channel) -> bool {
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest { service: "eyrie.capture.v1.HostService".into() };
    let response = client.check(request).await.unwrap().into_inner();
    response.status() == tonic_health::pb::health_check_response::ServingStatus::Serving
}

pub(crate) fn reason(status: &Status) -> &str {
    status.metadata().get("eyrie-reason").map_or("none", |reason| reason.to_str().unwrap())
}
