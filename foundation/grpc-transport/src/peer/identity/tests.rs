use proptest::prelude::*;

use super::*;

const MACHINE: &str = "0123456789abcdef0123456789abcdef";

fn role(path: &str) -> Result<Option<Role>, IdentityError> {
    Role::parse(&format!("spiffe://example.org/{path}"))
}

/// Scenario: every form that the grammar has. Guarantees: each is read as the role that it names.
#[test]
fn every_form_is_read() {
    let agent = |tenant: &str, host: Option<&str>| Role::Agent {
        tenant: tenant.to_owned(),
        host: host.map(str::to_owned),
    };
    let metadata = |tenant: &str, cluster: Option<&str>| Role::Metadata {
        tenant: tenant.to_owned(),
        cluster: cluster.map(str::to_owned),
    };
    let table = [
        ("eyrie/agent".to_owned(), agent("", None)),
        (format!("eyrie/agent/host/{MACHINE}"), agent("", Some(MACHINE))),
        ("eyrie/agent/tenant/acme".to_owned(), agent("acme", None)),
        (format!("eyrie/agent/tenant/a.B-c_9/host/{MACHINE}"), agent("a.B-c_9", Some(MACHINE))),
        // Only the place of a word says what it means.
        ("eyrie/agent/tenant/host".to_owned(), agent("host", None)),
        ("eyrie/agent/tenant/tenant".to_owned(), agent("tenant", None)),
        ("eyrie/engine".to_owned(), Role::Engine),
        ("eyrie/metadata".to_owned(), metadata("", None)),
        ("eyrie/metadata/cluster/c1".to_owned(), metadata("", Some("c1"))),
        ("eyrie/metadata/tenant/acme".to_owned(), metadata("acme", None)),
        ("eyrie/metadata/tenant/acme/cluster/c1".to_owned(), metadata("acme", Some("c1"))),
        ("eyrie/operator".to_owned(), Role::Operator { tenant: None }),
        ("eyrie/operator/tenant/acme".to_owned(), Role::Operator { tenant: Some("acme".to_owned()) }),
    ];
    for (path, expected) in table {
        assert_eq!(role(&path), Ok(Some(expected)), "{path}");
    }
}

/// Scenario: names that are nearly identities. Guarantees: each is refused with what is wrong and what was expected.
#[test]
fn what_is_nearly_an_identity_is_refused() {
    let upper = MACHINE.to_uppercase();
    let long = "t".repeat(256);
    let table = [
        ("eyrie".to_owned(), "must come agent"),
        ("eyrie/".to_owned(), "must come agent"),
        ("eyrie/agents".to_owned(), "must come agent"),
        ("eyrie/Agent".to_owned(), "must come agent"),
        ("eyrie/agent/".to_owned(), "must come agent"),
        ("eyrie/engine/tenant/acme".to_owned(), "must come agent"),
        ("eyrie/operator/host/x".to_owned(), "must come agent"),
        (format!("eyrie/agent/host/{MACHINE}/tenant/acme"), "must come agent"),
        (format!("eyrie/agent/tenant/acme/host/{MACHINE}/"), "must come agent"),
        ("eyrie/agent/tenant/".to_owned(), "tenant"),
        ("eyrie/agent/tenant/..".to_owned(), "tenant"),
        ("eyrie/agent/tenant/a%2Fb".to_owned(), "tenant"),
        ("eyrie/operator/tenant/ä".to_owned(), "tenant"),
        (format!("eyrie/operator/tenant/{long}"), "tenant"),
        ("eyrie/metadata/cluster/".to_owned(), "cluster uid"),
        ("eyrie/metadata/cluster/a b".to_owned(), "cluster uid"),
        ("eyrie/metadata/cluster/c1/tenant/acme".to_owned(), "must come agent"),
        ("eyrie/agent/host/".to_owned(), "machine id"),
        (format!("eyrie/agent/host/{upper}"), "machine id"),
        (format!("eyrie/agent/tenant/acme/host/{}", &MACHINE[1..]), "machine id"),
    ];
    for (path, named) in table {
        let error = role(&path).unwrap_err().to_string();
        assert!(error.contains(named), "{path}: {error}");
    }
    for trust_domain in ["", "Example.org", "user@example.org", "example.org:443"] {
        let error = Role::parse(&format!("spiffe://{trust_domain}/eyrie/agent")).unwrap_err();
        assert!(error.to_string().contains("trust domain"), "{error}");
    }
}

/// Scenario: names of others beside ours, only names of others, none, one that is broken, and too many. Guarantees: roles add
/// up, others do not matter, and what is not clear is refused as a whole.
#[test]
fn names_of_a_certificate_are_taken_together() {
    let of = |uris: &[&str]| CertificateIdentity::from_uris(uris.iter().copied());
    let others = ["https://example.org/eyrie/agent", "spiffe://example.org/ns/prod/sa/web", "urn:x"];
    let engine = "spiffe://example.org/eyrie/engine";
    let operator = "spiffe://example.org/eyrie/operator";
    let identity = of(&[others[0], engine, others[1], operator]).unwrap();
    assert_eq!(identity.roles(), [Role::Engine, Role::Operator { tenant: None }]);
    assert_eq!(Identity::Certificate(identity).to_string(), format!("{engine} {operator}"));
    let error = of(&others).unwrap_err().to_string();
    assert!(error.contains("the 3 that it has") && error.contains("spiffe://TRUST-DOMAIN/eyrie/"), "{error}");
    assert!(of(&[]).unwrap_err().to_string().contains("no URI names"));
    assert!(matches!(of(&[engine, "spiffe://example.org/eyrie/root"]), Err(IdentityError::Malformed { .. })));
    assert!(of(&[engine; MAX_ROLES]).is_ok());
    assert_eq!(of(&[engine; MAX_ROLES + 1]), Err(IdentityError::TooManyRoles));
}

proptest! {
    /// Scenario: any text, also after the beginning of an identity. Guarantees: reading ends with an answer, and what is
    /// taken is exactly of the grammar.
    #[test]
    fn any_name_is_answered(rest in ".{0,80}", is_ours in any::<bool>()) {
        let uri = if is_ours { format!("spiffe://d/eyrie/{rest}") } else { rest };
        if let Ok(Some(role)) = Role::parse(&uri) {
            let tenant = |tenant: &Option<String>| tenant.as_ref().map_or(String::new(), |name| format!("/tenant/{name}"));
            let name = match &role {
                Role::Agent { tenant: name, host } => {
                    let host = host.as_ref().map_or(String::new(), |id| format!("/host/{id}"));
                    format!("agent{}{host}", tenant(&Some(name.clone()).filter(|name| !name.is_empty())))
                }
                Role::Engine => "engine".to_owned(),
                Role::Metadata { tenant: name, cluster } => {
                    let cluster = cluster.as_ref().map_or(String::new(), |uid| format!("/cluster/{uid}"));
                    let of_tenant = tenant(&Some(name.clone()).filter(|name| !name.is_empty()));
                    format!("metadata{of_tenant}{cluster}")
                }
                Role::Operator { tenant: name } => format!("operator{}", tenant(name)),
            };
            prop_assert!(uri.ends_with(&format!("/eyrie/{name}")), "{uri} as {role:?}");
        }
    }

    /// Scenario: any bytes as a certificate. Guarantees: reading them ends with an answer.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let error = CertificateIdentity::from_certificate(&CertificateDer::from(bytes)).unwrap_err();
        let is_unreadable = matches!(error, IdentityError::Unreadable { .. });
        prop_assert!(is_unreadable);
    }

    /// Scenario: any tenants and hosts of the grammar. Guarantees: they come back as they were written.
    #[test]
    fn names_come_back_as_written(tenant in "[A-Za-z0-9_-]{1,40}", host in "[0-9a-f]{32}") {
        let uri = format!("spiffe://d/eyrie/agent/tenant/{tenant}/host/{host}");
        prop_assert_eq!(Role::parse(&uri).unwrap(), Some(Role::Agent { tenant, host: Some(host) }));
    }
}
