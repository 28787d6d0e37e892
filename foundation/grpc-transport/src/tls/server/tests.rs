use std::path::Path;

use test_certificates::{Authority, Issued};
use tokio::net::TcpListener;

use super::*;
use crate::tls::{ClientTls, ClientTlsFiles};

const AGENT: &str = "spiffe://test/eyrie/agent";

type Accepted = Result<(TlsStream<TcpStream>, Result<Identity, IdentityError>), HandshakeError>;

fn files(server: &Issued, client_ca: Option<&Authority>) -> ServerTlsFiles {
    ServerTlsFiles {
        certificate: server.certificate.clone(),
        key: server.key.clone(),
        client_ca: client_ca.map(|authority| authority.file().to_owned()),
    }
}

/// TLS that looks at its files with every connection.
fn load(files: ServerTlsFiles) -> Arc<ServerTls> {
    Arc::new(ServerTls { look_interval: Duration::ZERO, ..ServerTls::load(files).unwrap() })
}

fn client(ca: &Path, identity: Option<&Issued>) -> ClientTls {
    let identity = identity.map(|issued| (issued.certificate.clone(), issued.key.clone()));
    ClientTls::new(ClientTlsFiles { ca: ca.to_owned(), identity }, "localhost").unwrap()
}

/// Lets `client` do what it likes with a connection to `tls`.
async fn meet<T>(tls: &Arc<ServerTls>, client: impl AsyncFnOnce(TcpStream) -> T) -> (Accepted, T) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async { tls.accept(listener.accept().await.unwrap().0).await };
    tokio::join!(serving, async { client(TcpStream::connect(address).await.unwrap()).await })
}

/// A client's handshake, and a byte of the server's, so that it knows what the server thinks of it.
async fn shake(tls: &Arc<ServerTls>, client: ClientTls) -> (Accepted, Result<(), HandshakeError>) {
    meet(tls, async |stream| {
        let mut stream = client.connect(stream).await?;
        stream.write_all(b"x").await.map_err(|error| HandshakeError::Other(error.to_string()))
    })
    .await
}

async fn let_in(tls: &Arc<ServerTls>, client: ClientTls) {
    let (accepted, shaken) = shake(tls, client).await;
    accepted.unwrap().1.unwrap();
    shaken.unwrap();
}

fn words<T>(result: Result<T, HandshakeError>) -> String {
    result.map(|_| "success".to_owned()).unwrap_or_else(|error| error.to_string())
}

/// Scenario: a client with a certificate of the right authority. Guarantees: it is let in as whom it names.
#[tokio::test]
async fn a_certificate_of_the_authority_is_an_identity() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let tls = load(files(&authority.server("server"), Some(&authority)));
    let agent = authority.client("agent", &["https://example.org", AGENT]);
    let (accepted, shaken) = shake(&tls, client(authority.file(), Some(&agent))).await;
    shaken.unwrap();
    assert_eq!(accepted.unwrap().1.unwrap().to_string(), AGENT);
}

/// Scenario: clients without a certificate, with one of another authority, with one that has expired, and with one for servers.
/// Guarantees: none is let in, and each is told from the others in words.
#[tokio::test]
async fn whoever_does_not_prove_himself_is_told_why() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let stranger = Authority::new(directory.path(), "stranger");
    let server = authority.server("server");
    let tls = load(files(&server, Some(&authority)));
    let foreign = stranger.client("foreign", &[AGENT]);
    let expired = authority.expired_client("expired", &[AGENT]);
    for (identity, reason) in [
        (None, "shows no client certificate"),
        (Some(&foreign), "signed by none of our client CA"),
        (Some(&expired), "has expired"),
        (Some(&server), "not meant for this side"),
    ] {
        let (accepted, _) = shake(&tls, client(authority.file(), identity)).await;
        let words = words(accepted);
        assert!(words.contains(reason), "{words}");
    }
}

/// Scenario: a client that trusts another authority, and one that expects another name. Guarantees: neither goes on, and both
/// sides say why.
#[tokio::test]
async fn a_server_that_is_not_trusted_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let stranger = Authority::new(directory.path(), "stranger");
    let tls = load(files(&authority.server("server"), None));
    let (accepted, shaken) = shake(&tls, client(stranger.file(), None)).await;
    let (server, client_side) = (words(accepted), words(shaken));
    assert!(server.contains("does not trust our certificate"), "{server}");
    assert!(client_side.contains("signed by none of the authorities in"), "{client_side}");
    assert!(client_side.contains("stranger.pem"), "{client_side}");

    let files = ClientTlsFiles { ca: authority.file().to_owned(), identity: None };
    let (_, shaken) = shake(&tls, ClientTls::new(files, "engine.example.org").unwrap()).await;
    let client_side = words(shaken);
    assert!(
        client_side.contains("for another name") && client_side.contains("engine.example.org"),
        "{client_side}"
    );
}

/// Scenario: nothing at all, plain HTTP/2, garbage, half a handshake. Guarantees: each is told from the others; a connection that
/// says nothing is not worth a line.
#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let tls = load(files(&authority.server("server"), Some(&authority)));
    for (bytes, reason) in [
        (&b""[..], "closed before it said anything"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "does not speak TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "does not speak TLS"),
        (&[0x16, 0x03, 0x01, 0x00, 0x05, 0xff, 0xff, 0xff, 0xff, 0xff], "handshake failed"),
    ] {
        let (accepted, ()) = meet(&tls, async |mut stream| {
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        })
        .await;
        let words = words(accepted);
        assert!(words.contains(reason), "{words}");
    }
}

/// Scenario: a client that offers HTTP/1 over TLS, and one that offers nothing. Guarantees: neither is let in.
#[tokio::test]
async fn only_http2_is_spoken() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let tls = load(files(&authority.server("server"), None));
    for protocols in [vec![b"http/1.1".to_vec()], Vec::new()] {
        let roots = files::authorities(authority.file()).unwrap();
        let mut config =
            tokio_rustls::rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = protocols;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let (accepted, _) = meet(&tls, async |stream| {
            let _ = connector.connect("localhost".try_into().unwrap(), stream).await;
        })
        .await;
        let words = words(accepted);
        assert!(words.contains("ALPN h2"), "{words}");
    }
}

/// Scenario: the server's certificate and its client authority are replaced while it runs; first with what does not fit together,
/// then as it should be. Guarantees: the old ones hold until the new ones are of use, and then the new ones, for certificates of
/// both sides.
#[tokio::test]
async fn replaced_files_are_used_once_they_are_of_use() {
    let directory = tempfile::tempdir().unwrap();
    let old = Authority::new(directory.path(), "old");
    let server = old.server("server");
    let ca = directory.path().join("clients.pem");
    std::fs::copy(old.file(), &ca).unwrap();
    let tls = load(ServerTlsFiles { client_ca: Some(ca.clone()), ..files(&server, None) });
    let old_agent = old.client("old-agent", &[AGENT]);
    let_in(&tls, client(old.file(), Some(&old_agent))).await;

    // A certificate whose key has not come yet.
    let new = Authority::new(directory.path(), "new");
    let renewed = new.server("renewed");
    std::fs::copy(&renewed.certificate, &server.certificate).unwrap();
    let_in(&tls, client(old.file(), Some(&old_agent))).await;

    std::fs::copy(&renewed.key, &server.key).unwrap();
    std::fs::copy(new.file(), &ca).unwrap();
    let (accepted, _) = shake(&tls, client(new.file(), Some(&old_agent))).await;
    assert!(words(accepted).contains("signed by none of our client CA"));
    let new_agent = new.client("new-agent", &[AGENT]);
    let_in(&tls, client(new.file(), Some(&new_agent))).await;
}

/// Scenario: many connections within the interval. Guarantees: one of them looks at the files.
#[tokio::test(start_paused = true)]
async fn files_are_looked_at_now_and_then() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let tls = ServerTls::load(files(&authority.server("server"), None)).unwrap();
    assert!(tls.due().is_none());
    tokio::time::advance(LOOK_INTERVAL).await;
    assert!(tls.due().is_some());
    assert!(tls.due().is_none());
}

/// Scenario: files that are not there, empty, not PEM, or of each other's kind. Guarantees: each is named, with what it should
/// hold.
#[test]
fn files_of_no_use_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let (server, other) = (authority.server("server"), authority.server("other"));
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let broken = directory.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n").unwrap();
    let good = files(&server, Some(&authority));
    let refusals = [
        (ServerTlsFiles { certificate: "/nowhere".into(), ..good.clone() }, "certificate /nowhere"),
        (ServerTlsFiles { certificate: server.key.clone(), ..good.clone() }, "expected PEM"),
        (ServerTlsFiles { key: server.certificate.clone(), ..good.clone() }, "private key"),
        (ServerTlsFiles { key: other.key, ..good.clone() }, "with the key"),
        (ServerTlsFiles { client_ca: Some(empty), ..good.clone() }, "CA file"),
        (ServerTlsFiles { client_ca: Some(broken), ..good.clone() }, "no valid PEM"),
    ];
    for (files, named) in refusals {
        let error = ServerTls::load(files).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
    assert!(ServerTls::load(good).is_ok());
}
