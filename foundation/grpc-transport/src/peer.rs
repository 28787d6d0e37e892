//! Who is at the other end of a connection.

mod identity;
mod permission;

use std::{fmt, net::SocketAddr, sync::Arc};

use eyrie_proto::event::{Origin, origin};

pub use self::{
    identity::{CertificateIdentity, Identity, IdentityError, Role},
    permission::Permission,
};
use crate::call_error::CallError;

/// What a connection tells of its other end; every request on it carries one as an extension.
///
/// Handlers act on the [`AuthenticatedPeer`] that the server's layer makes of it.
#[derive(Clone, Debug)]
pub struct TransportPeer {
    address: Arc<str>,
    identity: Result<Arc<Identity>, Arc<IdentityError>>,
}

/// Who called, as far as the transport proved it, and what they may do.
#[derive(Clone, Debug)]
pub struct AuthenticatedPeer {
    address: Arc<str>,
    identity: Arc<Identity>,
}

// === impl TransportPeer ===

impl TransportPeer {
    pub(crate) fn new(address: Arc<str>, identity: Result<Identity, IdentityError>) -> Self {
        Self { address, identity: identity.map(Arc::new).map_err(Arc::new) }
    }

    /// The peer, if its certificate says who it is.
    pub(crate) fn authenticate(&self) -> Result<AuthenticatedPeer, CallError> {
        match &self.identity {
            Ok(identity) => {
                Ok(AuthenticatedPeer { address: Arc::clone(&self.address), identity: Arc::clone(identity) })
            }
            Err(error) => {
                Err(CallError::NotIdentified { peer: self.address.to_string(), reason: Arc::clone(error) })
            }
        }
    }
}

impl fmt::Display for TransportPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

// === impl AuthenticatedPeer ===

impl AuthenticatedPeer {
    /// A peer at `address`: IP:PORT, or what people know a Unix socket's other end by.
    pub fn new(address: &str, identity: Identity) -> Self {
        Self { address: address.into(), identity: Arc::new(identity) }
    }

    /// Who sent a request. A request without a peer came around the server's layers, and is refused.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, CallError> {
        request.extensions().get::<Self>().cloned().ok_or(CallError::Unauthenticated)
    }

    /// Whether it is on this machine: at a loopback address, or behind a Unix socket, which has none.
    pub fn is_on_this_machine(&self) -> bool {
        let address = self.address.parse::<SocketAddr>();
        address.map_or(true, |address| address.ip().to_canonical().is_loopback())
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether it may do this at all; for some tenant, where it is bound to one.
    pub fn may(&self, permission: Permission) -> bool {
        self.any_role(|role| role.grants(permission))
    }

    /// Whether it may do this with what belongs to `tenant`.
    pub fn may_in(&self, permission: Permission, tenant: &str) -> bool {
        self.any_role(|role| role.grants(permission) && role.includes(tenant))
    }

    /// Whether it may do this with what belongs to any tenant.
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.any_role(|role| role.grants(permission) && role.is_of_all_tenants())
    }

    /// The tenants within which it may do this; `None` for all.
    pub fn tenants(&self, permission: Permission) -> Option<Vec<&str>> {
        match &*self.identity {
            Identity::Certificate(certificate) if !self.may_everywhere(permission) => {
                let granting = certificate.roles().iter().filter(|role| role.grants(permission));
                Some(granting.filter_map(Role::tenant).collect())
            }
            _ => None,
        }
    }

    /// Whether what it says of `origin` may be taken.
    ///
    /// An agent with a host speaks for every boot of that host; one without for every host and source of its tenant.
    pub fn may_speak_for(&self, origin: &Origin) -> bool {
        self.any_role(|role| match role {
            Role::Agent { tenant, host } => {
                *tenant == origin.tenant
                    && match (host, &origin.kind) {
                        (None, _) => true,
                        (Some(host), Some(origin::Kind::Host(boot))) => *host == boot.machine_id,
                        (Some(_), _) => false,
                    }
            }
            Role::Engine | Role::Metadata { .. } | Role::Operator { .. } => false,
        })
    }

    /// Whether what it says of a tenant's cluster may be taken: a certificate with a cluster speaks for that one, one without
    /// for every cluster of its tenant.
    pub fn may_speak_for_cluster(&self, wanted_tenant: &str, cluster_uid: &str) -> bool {
        self.any_role(|role| match role {
            Role::Metadata { tenant, cluster } => {
                tenant == wanted_tenant && cluster.as_ref().is_none_or(|cluster| cluster == cluster_uid)
            }
            Role::Agent { .. } | Role::Engine | Role::Operator { .. } => false,
        })
    }

    /// Whom the operator trusts without a certificate may do everything.
    fn any_role(&self, is_enough: impl Fn(&Role) -> bool) -> bool {
        match &*self.identity {
            Identity::Local | Identity::Unauthenticated => true,
            Identity::Certificate(certificate) => certificate.roles().iter().any(is_enough),
        }
    }
}

/// The address; [`AuthenticatedPeer::identity`] has a text of its own.
impl fmt::Display for AuthenticatedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::event::{HostBoot, SourceInstance};

    use super::*;

    const MACHINE: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "ffffffffffffffffffffffffffffffff";

    fn peer(names: &[&str]) -> AuthenticatedPeer {
        let names = names.iter().map(|name| format!("spiffe://test/eyrie/{name}")).collect::<Vec<_>>();
        let identity = CertificateIdentity::from_uris(names.iter().map(String::as_str)).unwrap();
        AuthenticatedPeer::new("test", Identity::Certificate(identity))
    }

    fn host(tenant: &str, machine_id: &str) -> Origin {
        let boot = HostBoot { machine_id: machine_id.into(), boot_id: "any".into() };
        Origin { tenant: tenant.into(), kind: Some(origin::Kind::Host(boot)) }
    }

    fn source(tenant: &str) -> Origin {
        let source = SourceInstance { source: "k8s_audit".into(), instance: "c1".into() };
        Origin { tenant: tenant.into(), kind: Some(origin::Kind::Source(source)) }
    }

    /// Scenario: each role, and each permission. Guarantees: a role has its own permissions and no other; without
    /// certificates everything is allowed.
    #[test]
    fn every_role_has_its_permissions_and_no_other() {
        use Permission::*;
        let all = [
            Capture,
            ReadAlerts,
            ReadHosts,
            ReadRecordings,
            DeleteRecordings,
            RelayFacts,
            ReadMetadata,
            PushCluster,
        ];
        let operators = &[ReadAlerts, ReadHosts, ReadRecordings, DeleteRecordings, ReadMetadata];
        let table: [(&str, &[Permission]); 5] = [
            ("agent", &[Capture]),
            ("engine", &[RelayFacts, ReadMetadata]),
            ("metadata", &[PushCluster]),
            ("operator", operators),
            ("operator/tenant/acme", operators),
        ];
        for (name, granted) in table {
            let peer = peer(&[name]);
            for permission in all {
                assert_eq!(peer.may(permission), granted.contains(&permission), "{name}: {permission}");
            }
        }
        for identity in [Identity::Local, Identity::Unauthenticated] {
            let peer = AuthenticatedPeer::new("test", identity);
            assert!(all.into_iter().all(|permission| peer.may(permission)));
            assert!(peer.may_everywhere(ReadAlerts) && peer.may_speak_for(&host("acme", MACHINE)));
        }
    }

    /// Scenario: metadata services of a cluster, of a tenant, and of neither, and others. Guarantees: each speaks for the clusters
    /// that its certificate names, others for none.
    #[test]
    fn metadata_services_speak_for_what_their_certificate_names() {
        let table = [
            ("metadata", [true, true, false, false]),
            ("metadata/cluster/c1", [true, false, false, false]),
            ("metadata/tenant/acme", [false, false, true, true]),
            ("metadata/tenant/acme/cluster/c1", [false, false, true, false]),
            ("engine", [false; 4]),
            ("agent", [false; 4]),
            ("operator", [false; 4]),
        ];
        for (name, expected) in table {
            let peer = peer(&[name]);
            for ((tenant, cluster), expected) in
                [("", "c1"), ("", "c2"), ("acme", "c1"), ("acme", "c2")].into_iter().zip(expected)
            {
                assert_eq!(
                    peer.may_speak_for_cluster(tenant, cluster),
                    expected,
                    "{name}: {tenant}/{cluster}"
                );
            }
        }
        assert!(AuthenticatedPeer::new("test", Identity::Local).may_speak_for_cluster("acme", "c1"));
    }

    /// Scenario: agents of a host, of a tenant, and of neither, and origins of all kinds. Guarantees: each speaks for what its
    /// certificate names; the default tenant is one like any other, and not all of them.
    #[test]
    fn agents_speak_for_what_their_certificate_names() {
        let of_host = format!("agent/host/{MACHINE}");
        let of_tenants_host = format!("agent/tenant/acme/host/{MACHINE}");
        let table: [(&str, [bool; 6]); 4] = [
            ("agent", [true, true, true, false, false, false]),
            (&of_host, [true, false, false, false, false, false]),
            ("agent/tenant/acme", [false, false, false, true, true, true]),
            (&of_tenants_host, [false, false, false, true, false, false]),
        ];
        let origins = [
            host("", MACHINE),
            host("", OTHER),
            source(""),
            host("acme", MACHINE),
            host("acme", OTHER),
            source("acme"),
        ];
        for (name, expected) in table {
            let peer = peer(&[name]);
            for (origin, expected) in origins.iter().zip(expected) {
                assert_eq!(peer.may_speak_for(origin), expected, "{name}: {origin}");
            }
            assert!(!peer.may_speak_for(&host("other", MACHINE)), "{name}");
        }
        for name in ["engine", "metadata", "operator"] {
            assert!(!peer(&[name]).may_speak_for(&host("", MACHINE)), "{name}");
        }
    }

    /// Scenario: operators of one tenant, of two, of all, and somebody who is an agent besides. Guarantees: permissions hold for
    /// the tenants of the role that has them, and roles do not lend each other theirs.
    #[test]
    fn permissions_hold_within_the_tenant_of_their_role() {
        use Permission::*;
        assert!(peer(&["operator"]).may_in(ReadAlerts, "acme"));
        assert!(peer(&["operator"]).may_in(ReadAlerts, ""));
        assert!(
            peer(&["operator"]).may_everywhere(ReadAlerts) && peer(&["engine"]).may_everywhere(RelayFacts)
        );
        let bound = peer(&["operator/tenant/acme"]);
        assert!(!bound.may_everywhere(ReadAlerts) && !peer(&["agent"]).may_everywhere(Capture));
        assert!(bound.may_in(ReadAlerts, "acme"));
        assert_eq!(bound.tenants(ReadAlerts), Some(vec!["acme"]));
        assert_eq!((peer(&["operator"]).tenants(ReadAlerts), bound.tenants(Capture)), (None, Some(vec![])));
        assert!(!bound.may_in(ReadAlerts, "") && !bound.may_in(ReadAlerts, "other"));
        let two = peer(&["operator/tenant/acme", "operator/tenant/other"]);
        assert!(
            two.may_in(ReadHosts, "acme") && two.may_in(ReadHosts, "other") && !two.may_in(ReadHosts, "")
        );
        let both = peer(&["operator/tenant/acme", "agent"]);
        assert!(both.may_in(ReadAlerts, "acme") && !both.may_in(ReadAlerts, ""));
        assert!(both.may_speak_for(&host("", MACHINE)) && !both.may_speak_for(&host("acme", MACHINE)));
    }

    /// Scenario: a request that came around the layers. Guarantees: it has no peer, and is refused.
    #[test]
    fn a_request_without_a_peer_is_refused() {
        let error = AuthenticatedPeer::of(&tonic::Request::new(())).unwrap_err();
        assert_eq!(error.reason(), "UNAUTHENTICATED");
    }
}
