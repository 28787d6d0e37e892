use test_certificates::Authority;

use super::*;

fn endpoint(address: &str, security: &ClientSecurity) -> Result<ServiceEndpoint, String> {
    ServiceEndpoint::new(address.parse().unwrap(), security).map_err(|error| error.to_string())
}

/// Scenario: plain text to this machine and to others, with leave and without. Guarantees: it leaves the machine only by leave.
#[tokio::test]
async fn plain_text_stays_on_the_machine() {
    let (careful, trusting) = (
        ClientSecurity::default(),
        ClientSecurity { is_insecure_allowed: true, ..ClientSecurity::default() },
    );
    for local in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "unix:/run/e.sock"] {
        assert!(endpoint(local, &careful).is_ok(), "{local}");
    }
    for remote in ["http://10.0.0.1:1", "http://engine:1"] {
        assert!(endpoint(remote, &careful).unwrap_err().contains("--insecure"), "{remote}");
        assert!(endpoint(remote, &trusting).is_ok(), "{remote}");
    }
}

/// Scenario: TLS that cannot be had: without an authority, with one that is no file, towards addresses without TLS. Guarantees:
/// each is refused, and none falls back to plain text, whatever is allowed.
#[tokio::test]
async fn tls_is_had_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new(directory.path(), "ca");
    let own = authority.client("own", &["spiffe://test/eyrie/agent"]);
    let trusting = ClientSecurity { is_insecure_allowed: true, ..ClientSecurity::default() };
    assert!(endpoint("https://localhost:1", &trusting).unwrap_err().contains("--tls-ca"));
    let missing = ClientSecurity { ca: Some("/nowhere".into()), ..trusting.clone() };
    assert!(endpoint("https://localhost:1", &missing).unwrap_err().contains("CA file /nowhere"));
    let good = ClientSecurity {
        ca: Some(authority.file().to_owned()),
        identity: Some((own.certificate, own.key)),
        ..trusting
    };
    assert!(endpoint("https://localhost:1", &good).is_ok());
    for plain in ["http://localhost:1", "http://10.0.0.1:1", "unix:/run/e.sock"] {
        assert!(endpoint(plain, &good).unwrap_err().contains("has no TLS"), "{plain}");
    }
    let odd = ClientSecurity { server_name: Some("no name".into()), ..good };
    assert!(endpoint("https://localhost:1", &odd).unwrap_err().contains("no name"));
}

/// Scenario: nobody listens. Guarantees: the error names the address and the reason, once each.
#[tokio::test]
async fn a_failure_names_the_address_and_the_reason() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error =
        endpoint(&address, &ClientSecurity::default()).unwrap().connect().await.unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
    assert_eq!(error.to_lowercase().matches("connection refused").count(), 1, "{error}");
}
