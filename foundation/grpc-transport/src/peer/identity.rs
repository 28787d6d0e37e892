//! Identities in certificates, and what each role may do.

use std::fmt;

use tokio_rustls::rustls::pki_types::CertificateDer;

use super::Permission;

/// Roles of one certificate; each is looked at with every call.
const MAX_ROLES: usize = 16;
/// Of a name in an error.
const SHOWN_BYTES: usize = 200;
/// Of a trust domain or a tenant (SPIFFE-ID, 2.1 allows a trust domain so many).
const MAX_NAME_BYTES: usize = 255;

/// Who is at the other end, as far as the transport proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A process of this machine, by plain text on loopback or a Unix socket.
    Local,
    /// Anybody: plain text from another machine, or TLS without certificates of clients, since the operator wants it so.
    Unauthenticated,
    /// Whom a certificate names.
    Certificate(CertificateIdentity),
}

/// What a certificate says of who shows it, by URIs among its subject alternative names, in the form of SPIFFE:
///
/// ```text
/// identity      = "spiffe://" trust-domain "/eyrie/" role
/// role          = "agent" ["/tenant/" tenant] ["/host/" machine-id]
///               | "engine"
///               | "metadata" ["/tenant/" tenant] ["/cluster/" cluster-uid]
///               | "operator" ["/tenant/" tenant]
/// trust-domain  = 1 to 255 of a-z 0-9 . - _
/// tenant        = 1 to 255 of A-Z a-z 0-9 . - _, but neither "." nor ".."
/// machine-id    = 32 of 0-9 a-f, as /etc/machine-id has them
/// cluster-uid   = 1 to 255 of A-Z a-z 0-9 . - _, but neither "." nor ".."; the uid of the namespace kube-system
/// ```
///
/// An agent or a metadata service without a tenant is of the default tenant, an operator without one of all tenants. A certificate may have
/// several such URIs, and then has all their roles; other names in it do not matter. One that begins as an identity of ours
/// and is none makes the whole certificate useless: half of what somebody meant is not what they meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateIdentity {
    /// At least one; `uris` has the name of each.
    roles: Vec<Role>,
    uris: Vec<String>,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends events.
    Agent {
        /// Of this tenant's hosts; empty for the default tenant.
        tenant: String,
        /// Of this host only.
        host: Option<String>,
    },
    /// Evaluates events.
    Engine,
    /// Tells a central metadata service what a cluster has.
    Metadata {
        /// Of this tenant's clusters; empty for the default tenant.
        tenant: String,
        /// Of this cluster only.
        cluster: Option<String>,
    },
    /// Looks at alerts and hosts.
    Operator {
        /// Of this tenant only.
        tenant: Option<String>,
    },
}

/// Why a certificate does not say who it is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It has no URI of ours.
    #[error(
        "the certificate names no role: among its URI names must be one such as \
         spiffe://TRUST-DOMAIN/eyrie/agent/tenant/TENANT/host/MACHINE_ID, and {found}"
    )]
    Missing {
        /// What it has instead.
        found: String,
    },
    /// It has one that cannot be understood.
    #[error("the certificate's name {uri:?} is no identity: {problem}")]
    Malformed {
        /// The name, cut.
        uri: String,
        /// What is wrong, and what was expected.
        problem: &'static str,
    },
    /// It has too many.
    #[error("the certificate has more than {MAX_ROLES} roles: issue several certificates instead")]
    TooManyRoles,
    /// It cannot be read, though it was verified.
    #[error("the certificate cannot be read: {detail}")]
    Unreadable {
        /// What the parser says.
        detail: String,
    },
}

// === impl Identity ===

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Unauthenticated => f.write_str("unauthenticated"),
            Self::Certificate(certificate) => f.write_str(&certificate.uris.join(" ")),
        }
    }
}

// === impl CertificateIdentity ===

impl CertificateIdentity {
    /// Reads a certificate that was verified.
    pub(crate) fn from_certificate(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        let parsed = webpki::EndEntityCert::try_from(certificate)
            .map_err(|error| IdentityError::Unreadable { detail: error.to_string() })?;
        Self::from_uris(parsed.valid_uri_names())
    }

    /// What these URI names say.
    pub fn from_uris<'a>(uris: impl IntoIterator<Item = &'a str>) -> Result<Self, IdentityError> {
        let (mut identity, mut others) = (Self { roles: Vec::new(), uris: Vec::new() }, 0_usize);
        for uri in uris {
            let Some(role) = Role::parse(uri)? else {
                others += 1;
                continue;
            };
            if identity.roles.len() == MAX_ROLES {
                return Err(IdentityError::TooManyRoles);
            }
            identity.roles.push(role);
            identity.uris.push(uri.to_owned());
        }
        match (identity.roles.len(), others) {
            (0, 0) => Err(IdentityError::Missing { found: "it has no URI names".to_owned() }),
            (0, _) => {
                let found = format!("the {others} that it has are none of Eyrie's");
                Err(IdentityError::Missing { found })
            }
            _ => Ok(identity),
        }
    }

    /// What it may be used for; at least one role.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }
}

// === impl Role ===

impl Role {
    /// The role that a URI names; `None` if it is no identity of ours.
    fn parse(uri: &str) -> Result<Option<Self>, IdentityError> {
        let Some(name) = uri.strip_prefix("spiffe://") else { return Ok(None) };
        let (trust_domain, path) = name.split_once('/').unwrap_or((name, ""));
        let mut segments = path.split('/');
        if segments.next() != Some("eyrie") {
            return Ok(None);
        }
        let malformed = |problem| {
            let uri = uri.chars().take(SHOWN_BYTES).collect();
            IdentityError::Malformed { uri, problem }
        };
        if !is_trust_domain(trust_domain) {
            return Err(malformed("its trust domain is not 1 to 255 of a-z, 0-9, '.', '-' and '_'"));
        }
        let metadata = |tenant: &str, cluster: Option<&str>| Self::Metadata {
            tenant: tenant.to_owned(),
            cluster: cluster.map(str::to_owned),
        };
        // The longest role has five segments; one more makes it too long.
        let segments: Vec<&str> = segments.take(6).collect();
        let role = match *segments.as_slice() {
            ["agent"] => Self::Agent { tenant: String::new(), host: None },
            ["agent", "host", host] => Self::Agent { tenant: String::new(), host: Some(host.to_owned()) },
            ["agent", "tenant", tenant] => Self::Agent { tenant: tenant.to_owned(), host: None },
            ["agent", "tenant", tenant, "host", host] => {
                Self::Agent { tenant: tenant.to_owned(), host: Some(host.to_owned()) }
            }
            ["engine"] => Self::Engine,
            ["metadata"] => metadata("", None),
            ["metadata", "cluster", cluster] => metadata("", Some(cluster)),
            ["metadata", "tenant", tenant] => metadata(tenant, None),
            ["metadata", "tenant", tenant, "cluster", cluster] => metadata(tenant, Some(cluster)),
            ["operator"] => Self::Operator { tenant: None },
            ["operator", "tenant", tenant] => Self::Operator { tenant: Some(tenant.to_owned()) },
            _ => {
                return Err(malformed(
                    "after /eyrie/ must come agent[/tenant/TENANT][/host/MACHINE_ID], engine, \
                     metadata[/tenant/TENANT][/cluster/CLUSTER_UID], or operator[/tenant/TENANT]",
                ));
            }
        };
        let named = segments.get(1) == Some(&"tenant");
        if named && !segments.get(2).is_some_and(|tenant| is_tenant(tenant)) {
            return Err(malformed("its tenant is not 1 to 255 of A-Z, a-z, 0-9, '.', '-' and '_'"));
        }
        if matches!(&role, Self::Agent { host: Some(host), .. } if !is_machine_id(host)) {
            return Err(malformed("its machine id is not 32 of 0-9 and a-f, as /etc/machine-id has them"));
        }
        if matches!(&role, Self::Metadata { cluster: Some(cluster), .. } if !is_tenant(cluster)) {
            return Err(malformed("its cluster uid is not 1 to 255 of A-Z, a-z, 0-9, '.', '-' and '_'"));
        }
        Ok(Some(role))
    }

    /// The table: what each role may do.
    pub(super) fn grants(&self, permission: Permission) -> bool {
        use Permission::{
            Capture, DeleteRecordings, PushCluster, ReadAlerts, ReadHosts, ReadMetadata, ReadRecordings,
            RelayFacts,
        };
        match self {
            Self::Agent { .. } => matches!(permission, Capture),
            Self::Engine => matches!(permission, RelayFacts | ReadMetadata),
            Self::Metadata { .. } => matches!(permission, PushCluster),
            Self::Operator { .. } => {
                matches!(
                    permission,
                    ReadAlerts | ReadHosts | ReadMetadata | ReadRecordings | DeleteRecordings
                )
            }
        }
    }

    /// Whether it reaches to what belongs to `wanted`.
    pub(super) fn includes(&self, wanted: &str) -> bool {
        self.tenant().is_none_or(|tenant| tenant == wanted)
    }

    /// Whether it is bound to no tenant.
    pub(super) fn is_of_all_tenants(&self) -> bool {
        self.tenant().is_none()
    }

    /// The tenant that it is bound to.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Agent { tenant, .. } | Self::Metadata { tenant, .. } => Some(tenant),
            Self::Operator { tenant } => tenant.as_deref(),
            Self::Engine => None,
        }
    }
}

fn is_trust_domain(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_tenant(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_allowed) && !matches!(text, "." | "..")
}

fn is_machine_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
