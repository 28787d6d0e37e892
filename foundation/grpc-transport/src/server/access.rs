//! Which methods there are, and what each asks of a peer.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::peer::Permission;

/// Methods as paths of HTTP/2 (`/eyrie.alert.v1.AlertService/Subscribe`), with what they ask of a peer.
pub type AccessTable = &'static [(&'static str, Permission)];

/// Free to every peer that connected: a probe has no role, and the contract is no secret.
const FREE: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// Why a table cannot be used. Found when the server starts, not with the first call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Not of the form that paths have.
    #[error("{path:?} in the table of permissions is no method: expected /PACKAGE.SERVICE/METHOD")]
    Malformed {
        /// The entry.
        path: &'static str,
    },
    /// A method that nobody could call.
    #[error("the method {path} is served and is not in the table of permissions")]
    Missing {
        /// The method.
        path: String,
    },
}

/// A method that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Its whole path.
    pub(super) path: &'static str,
    /// The service's name with its package.
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    /// `None`: free.
    pub(super) permission: Option<Permission>,
}

/// All methods that are served, by path. Names of peers' own invention get no further than here: not into metrics, nor
/// into the names of spans.
#[derive(Debug)]
pub(super) struct Methods(HashMap<&'static str, Method>);

// === impl Method ===

impl Method {
    /// What a call is counted under that means no method of ours.
    pub(super) const UNKNOWN: Self =
        Self { path: "unknown", service: "unknown", name: "unknown", permission: None };

    fn new(path: &'static str, permission: Option<Permission>) -> Result<Self, AccessError> {
        let parts = path.strip_prefix('/').and_then(|name| name.split_once('/'));
        match parts {
            Some((service, name)) if !service.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { path, service, name, permission })
            }
            _ => Err(AccessError::Malformed { path }),
        }
    }
}

// === impl Methods ===

impl Methods {
    /// The methods of `table`, and those that are free. All of `services` that the contract has must be there.
    pub(super) fn new(table: AccessTable, services: &[&str]) -> Result<Self, AccessError> {
        let asking = table.iter().map(|(path, permission)| (*path, Some(*permission)));
        let methods = asking.chain(FREE.iter().map(|path| (*path, None)));
        let methods: HashMap<_, _> = methods
            .map(|(path, permission)| Ok((path, Method::new(path, permission)?)))
            .collect::<Result<_, AccessError>>()?;
        let is_served = |service: &str| services.contains(&service);
        match contract(is_served).into_iter().find(|path| !methods.contains_key(&**path)) {
            Some(path) => Err(AccessError::Missing { path }),
            None => Ok(Self(methods)),
        }
    }

    pub(super) fn get(&self, path: &str) -> Option<Method> {
        self.0.get(path).copied()
    }
}

/// The methods that the contract has of some services.
fn contract(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let files = FileDescriptorSet::decode(eyrie_proto::FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    let services = files.iter().flat_map(|file| {
        file.service.iter().map(move |service| (format!("{}.{}", file.package(), service.name()), service))
    });
    services
        .filter(|(name, _)| is_wanted(name))
        .flat_map(|(name, service)| {
            service.method.iter().map(move |method| format!("/{name}/{}", method.name())).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "/eyrie.capture.v1.HostService/ListHosts";

    /// Scenario: a table that fits, one that lacks a method of a service, and one with what is no path. Guarantees: only the
    /// first is taken; health and reflection are free without being in it.
    #[test]
    fn a_table_has_to_have_every_method() {
        let services = ["eyrie.capture.v1.HostService"];
        let methods = Methods::new(&[(HOSTS, Permission::ReadHosts)], &services).unwrap();
        let method = methods.get(HOSTS).unwrap();
        assert_eq!((method.service, method.name), (services[0], "ListHosts"));
        assert_eq!(method.permission, Some(Permission::ReadHosts));
        assert_eq!(methods.get("/grpc.health.v1.Health/Check").unwrap().permission, None);
        assert_eq!(methods.get("/eyrie.capture.v1.HostService/Invented"), None);
        assert_eq!(
            Methods::new(&[], &services).unwrap_err(),
            AccessError::Missing { path: HOSTS.to_owned() }
        );
        for path in ["", "Service/Method", "/Service", "//Method", "/Service/", "/Service/Method/More"] {
            let table = Box::leak(Box::new([(path, Permission::Capture)]));
            assert_eq!(Methods::new(table, &[]).unwrap_err(), AccessError::Malformed { path });
        }
    }
}
