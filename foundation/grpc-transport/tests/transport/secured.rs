//! Over TLS.

use grpc_transport::{ClientSecurity, ListenSecurity, ServiceAddress, ServiceEndpoint, status_text};
use test_certificates::Authority;
use tonic::Code;

use crate::support::*;

const OPERATOR: &str = "spiffe://test/eyrie/operator";

/// Scenario: an operator, an agent, and somebody without a role call a server that asks for certificates. Guarantees: the operator is
/// served as who he is; the others are refused with a reason each, on a connection that goes on, and may ask for health.
#[tokio::test]
async fn certificates_decide_what_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let mut serving = serve("127.0.0.1:0", tls(&authority.server("server"), Some(&authority))).await;
    let connect = async |name: &str, uris: &[&str]| {
        let issued = authority.client(name, uris);
        endpoint(&serving, &client(&authority, Some(&issued))).connect().await.unwrap()
    };
    let operator = connect("operator", &["urn:some:thing", OPERATOR]).await;
    assert_eq!(who_am_i(operator).await.unwrap(), OPERATOR);
    for (uri, code, expected) in [
        ("spiffe://test/eyrie/agent", Code::PermissionDenied, "NOT_PERMITTED"),
        ("spiffe://test/eyrie/boss", Code::Unauthenticated, "NOT_IDENTIFIED"),
        ("spiffe://test/ns/default/sa/web", Code::Unauthenticated, "NOT_IDENTIFIED"),
    ] {
        let channel = connect("other", &[uri]).await;
        let status = who_am_i(channel.clone()).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (code, expected), "{uri}: {status}");
        assert!(is_healthy(channel).await);
    }
    serving.end().await;
}

/// Scenario: clients that are not let in at all: without a certificate, with one of another authority, and in plain text; and one that
/// does not know the server. Guarantees: none of them is served, and the server goes on.
#[tokio::test]
async fn without_a_certificate_nothing_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let stranger = Authority::new(directory.path(), "stranger");
    let mut serving = serve("127.0.0.1:0", tls(&authority.server("server"), Some(&authority))).await;
    let operator = authority.client("operator", &[OPERATOR]);
    let foreign = stranger.client("foreign", &[OPERATOR]);
    let expired = authority.expired_client("expired", &[OPERATOR]);
    for (identity, reason) in [
        (None, "the service asks for a certificate"),
        (Some(&foreign), "does not know the authority"),
        (Some(&expired), "our certificate has expired"),
    ] {
        let security = client(&authority, identity);
        let channel = endpoint(&serving, &security).connect_lazy();
        let text = status_text(&who_am_i(channel).await.unwrap_err());
        assert!(text.contains(reason), "{text}");
    }
    let plain = endpoint(&serving, &ClientSecurity::default()).connect_lazy();
    let text = status_text(&who_am_i(plain).await.unwrap_err());
    assert!(text.contains("use https://"), "{text}");
    let error = endpoint(&serving, &client(&stranger, Some(&operator))).connect().await.unwrap_err();
    assert!(error.to_string().contains("signed by none of the authorities in"), "{error}");
    let channel = endpoint(&serving, &client(&authority, Some(&operator))).connect().await.unwrap();
    assert_eq!(who_am_i(channel).await.unwrap(), OPERATOR);
    serving.end().await;
}

/// Scenario: a server with a certificate and without client authorities. Guarantees: anybody who trusts it is served, and known as
/// nobody.
#[tokio::test]
async fn without_client_authorities_anybody_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let mut serving = serve("127.0.0.1:0", tls(&authority.server("server"), None)).await;
    let channel = endpoint(&serving, &client(&authority, None)).connect().await.unwrap();
    assert_eq!(who_am_i(channel).await.unwrap(), "unauthenticated");
    serving.end().await;
}

/// Scenario: TLS towards a server in plain text. Guarantees: the connection fails, and the error says what to do.
#[tokio::test]
async fn tls_to_a_plain_port_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let mut serving = serve("127.0.0.1:0", ListenSecurity::LOCAL).await;
    let error = endpoint(&serving, &client(&authority, None)).connect().await.unwrap_err().to_string();
    assert!(error.contains("https://127.0.0.1"), "{error}");
    assert!(error.contains("handshake"), "{error}");
    serving.end().await;
}

/// Scenario: the server is known by another name than its address. Guarantees: it is refused, unless the client is told the name.
#[tokio::test]
async fn the_servers_name_counts() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let mut serving = serve("127.0.0.2:0", tls(&authority.server("server"), None)).await;
    let security = client(&authority, None);
    let error = endpoint(&serving, &security).connect().await.unwrap_err().to_string();
    assert!(error.contains("for another name"), "{error}");
    let security = ClientSecurity { server_name: Some("localhost".into()), ..security };
    let channel = endpoint(&serving, &security).connect().await.unwrap();
    assert_eq!(who_am_i(channel).await.unwrap(), "unauthenticated");
    serving.end().await;
}

/// Scenario: a client's certificate is replaced by one of another role while its channel is open, and the server restarts.
/// Guarantees: the channel connects again by itself, with the new certificate.
#[tokio::test]
async fn a_channel_takes_up_a_rotated_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let security = tls(&authority.server("server"), Some(&authority));
    let mut serving = serve("127.0.0.1:0", security.clone()).await;
    let address = serving.local_address().to_string();
    let issued = authority.client("client", &["spiffe://test/eyrie/operator/tenant/old"]);
    let to = ServiceAddress::of_listener(serving.local_address(), true);
    let channel =
        ServiceEndpoint::new(to, &client(&authority, Some(&issued))).unwrap().connect().await.unwrap();
    assert_eq!(who_am_i(channel.clone()).await.unwrap(), "spiffe://test/eyrie/operator/tenant/old");
    serving.end().await;
    authority.client("client", &["spiffe://test/eyrie/operator/tenant/new"]);
    let mut serving = serve(&address, security).await;
    let again = async {
        loop {
            match who_am_i(channel.clone()).await {
                Ok(name) => return name,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    let name = tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert_eq!(name, "spiffe://test/eyrie/operator/tenant/new");
    serving.end().await;
}
