//! What a peer may ask for: an operator of one tenant for what is its own, whatever it asks.

use std::collections::HashSet;

use eyrie_proto::{
    event::Origin,
    metadata::{ListFilter, LookupRequest, WatchRequest, query::Key},
};
use grpc_transport::{AuthenticatedPeer, Permission};

use crate::{error::RpcError, record::RecordKind};

/// Refuses a lookup as a whole if any of its queries is about another tenant.
pub(crate) fn lookup(peer: &AuthenticatedPeer, request: &LookupRequest) -> Result<(), RpcError> {
    request.queries.iter().try_for_each(|query| match &query.key {
        Some(Key::Container(key)) => origin(peer, key.origin.as_ref()),
        Some(Key::Host(key)) => origin(peer, key.origin.as_ref()),
        Some(Key::Kubernetes(_)) => clusters(peer),
        // Refused by who reads it.
        None => Ok(()),
    })
}

/// Refuses a watch if any of its origins is another tenant's.
pub(crate) fn watch(peer: &AuthenticatedPeer, request: &WatchRequest) -> Result<(), RpcError> {
    request.origins.iter().try_for_each(|wanted| origin(peer, Some(wanted)))?;
    if request.cluster_uids.is_empty() { Ok(()) } else { clusters(peer) }
}

/// The tenants that a listing is held to, `None` for all; refuses one that asks for other tenants' origins, or for clusters.
pub(crate) fn list(
    peer: &AuthenticatedPeer,
    kind: RecordKind,
    filter: &ListFilter,
) -> Result<Option<HashSet<String>>, RpcError> {
    filter.origins.iter().try_for_each(|wanted| origin(peer, Some(wanted)))?;
    if kind == RecordKind::Kubernetes {
        clusters(peer)?;
    }
    let tenants = peer.tenants(Permission::ReadMetadata);
    Ok(tenants.map(|tenants| tenants.into_iter().map(str::to_owned).collect()))
}

fn origin(peer: &AuthenticatedPeer, wanted: Option<&Origin>) -> Result<(), RpcError> {
    match wanted {
        Some(wanted) if !peer.may_in(Permission::ReadMetadata, &wanted.tenant) => {
            Err(refused(peer, "origins of other tenants"))
        }
        _ => Ok(()),
    }
}

/// Clusters have no tenant: they are for who may see everything.
fn clusters(peer: &AuthenticatedPeer) -> Result<(), RpcError> {
    if peer.may_everywhere(Permission::ReadMetadata) { Ok(()) } else { Err(refused(peer, "clusters")) }
}

fn refused(peer: &AuthenticatedPeer, what: &'static str) -> RpcError {
    RpcError::PeerNotAllowed { peer: peer.to_string(), identity: peer.identity().to_string(), what }
}

#[cfg(test)]
mod tests {
    use eyrie_proto::metadata::{ContainerKey, HostKey, KubernetesKey, Query};
    use grpc_transport::{CertificateIdentity, Identity};

    use super::*;

    fn peer(name: &str) -> AuthenticatedPeer {
        let uri = format!("spiffe://test/eyrie/{name}");
        let identity = CertificateIdentity::from_uris([uri.as_str()]).unwrap();
        AuthenticatedPeer::new("test", Identity::Certificate(identity))
    }

    fn of(tenant: &str) -> Option<Origin> {
        Some(Origin { tenant: tenant.into(), kind: None })
    }

    fn keys(tenant: &str) -> [Key; 2] {
        let container = ContainerKey { origin: of(tenant), ..ContainerKey::default() };
        [Key::Container(container), Key::Host(HostKey { origin: of(tenant) })]
    }

    fn asked(keys: impl IntoIterator<Item = Key>) -> LookupRequest {
        let query = |key| Query { key: Some(key), ..Query::default() };
        LookupRequest { queries: keys.into_iter().map(query).collect(), wait_ms: 0 }
    }

    /// Scenario: an engine, an operator of all tenants and one of one tenant ask for containers, hosts and Kubernetes objects, and
    /// watch them. Guarantees: the last is refused whatever is not of its tenant, also among what is.
    #[test]
    fn an_operator_of_one_tenant_asks_within_it() {
        let kubernetes = || Key::Kubernetes(KubernetesKey::default());
        let watched = |tenants: &[&str], cluster_uids: &[&str]| WatchRequest {
            origins: tenants.iter().filter_map(|tenant| of(tenant)).collect(),
            cluster_uids: cluster_uids.iter().map(ToString::to_string).collect(),
            after_revision: 0,
        };
        for free in ["engine", "operator"].map(peer) {
            let everything = keys("acme").into_iter().chain(keys("")).chain([kubernetes()]);
            lookup(&free, &asked(everything)).unwrap();
            watch(&free, &watched(&["acme", ""], &["c1"])).unwrap();
        }
        let bound = peer("operator/tenant/acme");
        lookup(&bound, &asked(keys("acme"))).unwrap();
        watch(&bound, &watched(&["acme"], &[])).unwrap();
        let foreign = keys("").into_iter().chain(keys("other")).chain([kubernetes()]);
        for key in foreign {
            let error = lookup(&bound, &asked(keys("acme").into_iter().chain([key.clone()]))).unwrap_err();
            assert_eq!(error.reason(), "PEER_NOT_ALLOWED", "{key:?}");
        }
        let listed =
            |tenant: &str| ListFilter { origins: of(tenant).into_iter().collect(), ..ListFilter::default() };
        let everything = ListFilter::default();
        assert_eq!(list(&peer("operator"), RecordKind::Kubernetes, &everything).unwrap(), None);
        for filter in [everything.clone(), listed("acme")] {
            let tenants = list(&bound, RecordKind::Container, &filter).unwrap();
            assert_eq!(tenants, Some(HashSet::from(["acme".to_owned()])));
        }
        for (kind, filter) in [(RecordKind::Kubernetes, everything), (RecordKind::Host, listed("other"))] {
            assert_eq!(list(&bound, kind, &filter).unwrap_err().reason(), "PEER_NOT_ALLOWED", "{filter:?}");
        }
        for request in [watched(&["acme", ""], &[]), watched(&["other"], &[]), watched(&["acme"], &["c1"])] {
            assert_eq!(watch(&bound, &request).unwrap_err().reason(), "PEER_NOT_ALLOWED", "{request:?}");
        }
    }
}
