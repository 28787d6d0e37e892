//! What is bound, and what is not.

use grpc_transport::{ListenError, ListenSecurity, Listener, ServerTlsFiles};
use test_certificates::Authority;

use crate::support::*;

async fn bind(address: &str, security: &ListenSecurity) -> Result<Listener, ListenError> {
    Listener::bind(address.parse().unwrap(), security.clone()).await
}

/// Scenario: addresses that other machines can reach, with every kind of security. Guarantees: plain text and TLS without client
/// authorities need the operator's word; TLS with them does not.
#[tokio::test]
async fn the_network_is_listened_to_with_certificates_or_by_leave() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let server = authority.server("server");
    let insecure =
        |security: &ListenSecurity| ListenSecurity { is_insecure_allowed: true, ..security.clone() };
    for address in ["0.0.0.0:0", "[::]:0"] {
        let error = bind(address, &ListenSecurity::LOCAL).await.unwrap_err();
        assert!(matches!(error, ListenError::Insecure { .. }) && error.to_string().contains("--insecure"));
        let error = bind(address, &tls(&server, None)).await.unwrap_err();
        assert!(matches!(error, ListenError::Anonymous { .. }) && error.to_string().contains("client CA"));
        for security in
            [insecure(&ListenSecurity::LOCAL), insecure(&tls(&server, None)), tls(&server, Some(&authority))]
        {
            bind(address, &security).await.unwrap();
        }
    }
    bind("127.0.0.1:0", &tls(&server, None)).await.unwrap();
}

/// Scenario: TLS on a Unix socket, and with files that are not there. Guarantees: neither listens, and nothing is left behind.
#[tokio::test]
async fn tls_that_cannot_be_had_is_no_plain_text() {
    // Not where TMPDIR says: a socket's path has room for 107 bytes.
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let server = authority.server("server");
    let socket = directory.path().join("eyrie.sock");
    let security = tls(&server, Some(&authority));
    let error = bind(&format!("unix:{}", socket.display()), &security).await.unwrap_err();
    assert!(matches!(error, ListenError::TlsOnUnixSocket { .. }));
    assert!(!socket.exists());
    let files = ServerTlsFiles { key: "/nowhere.key".into(), ..security.tls.clone().unwrap() };
    let error = bind("127.0.0.1:0", &ListenSecurity { tls: Some(files), ..security }).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere.key"), "{error}");
}
