//! In plain text, on this machine.

use eyrie_proto::capture::{ListHostsRequest, host_service_client::HostServiceClient};
use grpc_transport::{ClientSecurity, ListenSecurity, Permission, Server, ServerError, ServerOptions};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::support::*;

/// Scenario: a client on loopback, and one on a Unix socket. Guarantees: both are served as local.
#[tokio::test]
async fn who_is_on_this_machine_is_local() {
    // Not where TMPDIR says: a socket's path has room for 107 bytes.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let socket = format!("unix:{}", directory.path().join("eyrie.sock").display());
    for address in ["127.0.0.1:0", "[::1]:0", &socket] {
        let mut serving = serve(address, ListenSecurity::LOCAL).await;
        let channel = endpoint(&serving, &ClientSecurity::default()).connect().await.unwrap();
        assert_eq!(who_am_i(channel).await.unwrap(), "local", "{address}");
        serving.end().await;
    }
}

/// Scenario: a handler panics. Guarantees: the client gets INTERNAL with a reason, and its connection goes on.
#[tokio::test]
async fn a_panic_costs_one_call() {
    let mut serving = serve("127.0.0.1:0", ListenSecurity::LOCAL).await;
    let channel = endpoint(&serving, &ClientSecurity::default()).connect().await.unwrap();
    let request = ListHostsRequest { include_disconnected: true };
    let status = HostServiceClient::new(channel.clone()).list_hosts(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Internal, "PANICKED"));
    assert_eq!(who_am_i(channel).await.unwrap(), "local");
    serving.end().await;
}

/// Scenario: a method that nobody serves. Guarantees: it is answered with UNIMPLEMENTED and a reason.
#[tokio::test]
async fn what_is_not_served_is_said() {
    let mut serving = serve("127.0.0.1:0", ListenSecurity::LOCAL).await;
    let channel = endpoint(&serving, &ClientSecurity::default()).connect().await.unwrap();
    let mut client = eyrie_proto::alert::alert_service_client::AlertServiceClient::new(channel);
    let status = client.subscribe(eyrie_proto::alert::SubscribeRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::Unimplemented, "METHOD_UNKNOWN"));
    serving.end().await;
}

/// Scenario: probes, and a client that reflects by either version; then draining begins. Guarantees: health says serving, then not;
/// both versions list the service.
#[tokio::test]
async fn health_and_reflection_are_there() {
    use tonic_reflection::pb::{v1, v1alpha};
    let mut serving = serve("127.0.0.1:0", ListenSecurity::LOCAL).await;
    let channel = endpoint(&serving, &ClientSecurity::default()).connect().await.unwrap();
    assert!(is_healthy(channel.clone()).await);
    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
        ..Default::default()
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut stream = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let newer = format!("{:?}", stream.message().await.unwrap().unwrap());
    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
        ..Default::default()
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let mut stream = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
    let older = format!("{:?}", stream.message().await.unwrap().unwrap());
    for listed in [newer, older] {
        assert!(listed.contains("eyrie.capture.v1.HostService"), "{listed}");
        assert!(!listed.contains("AlertService"), "{listed}");
    }
    serving.set_not_serving().await;
    assert!(!is_healthy(channel).await);
    serving.end().await;
}

/// Scenario: a service whose method is not in the table. Guarantees: the server does not start, and names it.
#[tokio::test]
async fn a_table_with_a_hole_is_no_table() {
    use eyrie_proto::capture::capture_service_server::{CaptureService, CaptureServiceServer};
    struct Nothing;
    #[tonic::async_trait]
    impl CaptureService for Nothing {
        type CaptureStream =
            tokio_stream::Empty<Result<eyrie_proto::capture::CaptureResponse, tonic::Status>>;
        async fn capture(
            &self,
            _: tonic::Request<tonic::Streaming<eyrie_proto::capture::CaptureRequest>>,
        ) -> Result<tonic::Response<Self::CaptureStream>, tonic::Status> {
            Ok(tonic::Response::new(tokio_stream::empty()))
        }
    }
    let listener =
        grpc_transport::Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
    let server = Server::new(
        ServerOptions::default(),
        &[("/eyrie.capture.v1.HostService/ListHosts", Permission::ReadHosts)],
    )
    .add_service(CaptureServiceServer::new(Nothing));
    let error = server.serve(listener, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ServerError::Access(_)));
    assert!(error.to_string().contains("/eyrie.capture.v1.CaptureService/Capture"), "{error}");
}
