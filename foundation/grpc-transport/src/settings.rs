//! What an operator sets of TLS, declared once for all programs: by clap as flags, by serde as keys of a file.
//!
//! Names of environment variables are left to who flattens these structs into settings of its own, since they begin with
//! the program's.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::{client::ClientSecurity, listener::ListenSecurity, tls::ServerTlsFiles};

/// A setting that is of no use without another one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {}, and {missing} is not set: set both or neither", found.display())]
pub struct TlsSettingsError {
    /// What is set.
    pub setting: &'static str,
    /// To what.
    pub found: PathBuf,
    /// What it needs besides.
    pub missing: &'static str,
}

/// TLS of a server.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct ServerTlsSettings {
    /// The certificate that clients are shown, with those between it and the root, as PEM; read again when it changes
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate, as PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,

    /// The authorities by which clients' certificates must be signed, as PEM; without it anybody is let in
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_ca: Option<PathBuf>,
}

/// TLS of a client, under names that begin with `$prefix`: of a program that is a client of several services, or a server
/// besides.
macro_rules! client_tls_settings {
    ($(#[$doc:meta])* $name:ident, $ca:ident, $cert:ident, $key:ident, $server_name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Args, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "the flags' help is the documentation")]
        pub struct $name {
            /// The authorities by which the service's certificate must be signed, as PEM; needed for https://
            #[arg(long, value_name = "FILE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $ca: Option<PathBuf>,

            /// The certificate that the service is shown, as PEM; read at every connection
            #[arg(long, value_name = "FILE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $cert: Option<PathBuf>,

            /// The private key of the certificate, as PEM
            #[arg(long, value_name = "FILE")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $key: Option<PathBuf>,

            /// The name that the service's certificate must have, if it is not the address's
            #[arg(long, value_name = "NAME")]
            #[serde(skip_serializing_if = "Option::is_none")]
            pub $server_name: Option<String>,
        }

        impl $name {
            /// What these settings say; `is_insecure_allowed` is a setting of its own.
            pub fn security(self, is_insecure_allowed: bool) -> Result<ClientSecurity, TlsSettingsError> {
                let names = [concat!($prefix, "tls-cert"), concat!($prefix, "tls-key")];
                let identity = pair(self.$cert, self.$key, names)?;
                Ok(ClientSecurity {
                    ca: self.$ca,
                    identity,
                    server_name: self.$server_name,
                    is_insecure_allowed,
                })
            }

            /// The settings that say the same as `security`.
            pub fn of(security: &ClientSecurity) -> Self {
                let (cert, key) = security.identity.clone().unzip();
                Self {
                    $ca: security.ca.clone(),
                    $cert: cert,
                    $key: key,
                    $server_name: security.server_name.clone(),
                }
            }
        }
    };
}

client_tls_settings!(
    /// TLS of a program that is a client of one service.
    ClientTlsSettings,
    tls_ca,
    tls_cert,
    tls_key,
    tls_server_name,
    ""
);

client_tls_settings!(
    /// TLS towards a metadata service, of a program that is a server besides.
    MetadataTlsSettings,
    metadata_tls_ca,
    metadata_tls_cert,
    metadata_tls_key,
    metadata_tls_server_name,
    "metadata-"
);

client_tls_settings!(
    /// TLS of a metadata service in a cluster towards the central one.
    CentralTlsSettings,
    central_tls_ca,
    central_tls_cert,
    central_tls_key,
    central_tls_server_name,
    "central-"
);

// === impl ServerTlsSettings ===

impl ServerTlsSettings {
    /// What these settings say; `is_insecure_allowed` is a setting of its own.
    pub fn security(self, is_insecure_allowed: bool) -> Result<ListenSecurity, TlsSettingsError> {
        let files = pair(self.tls_cert, self.tls_key, ["tls-cert", "tls-key"])?;
        let tls = match (files, self.tls_client_ca) {
            (Some((certificate, key)), client_ca) => Some(ServerTlsFiles { certificate, key, client_ca }),
            (None, Some(found)) => {
                return Err(TlsSettingsError { setting: "tls-client-ca", found, missing: "tls-cert" });
            }
            (None, None) => None,
        };
        Ok(ListenSecurity { tls, is_insecure_allowed })
    }

    /// The settings that say the same as `security`.
    pub fn of(security: &ListenSecurity) -> Self {
        let files = security.tls.clone();
        Self {
            tls_cert: files.as_ref().map(|files| files.certificate.clone()),
            tls_key: files.as_ref().map(|files| files.key.clone()),
            tls_client_ca: files.and_then(|files| files.client_ca),
        }
    }
}

fn pair(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    [certificate_name, key_name]: [&'static str; 2],
) -> Result<Option<(PathBuf, PathBuf)>, TlsSettingsError> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (Some(found), None) => Err(TlsSettingsError { setting: certificate_name, found, missing: key_name }),
        (None, Some(found)) => Err(TlsSettingsError { setting: key_name, found, missing: certificate_name }),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        server: ServerTlsSettings,
        #[command(flatten)]
        metadata: MetadataTlsSettings,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct File {
        #[serde(flatten)]
        server: ServerTlsSettings,
        #[serde(flatten)]
        metadata: MetadataTlsSettings,
    }

    /// Scenario: a server that is a client besides, set by flags. Guarantees: each flag is of its side.
    #[test]
    fn a_server_and_its_client_have_flags_of_their_own() {
        let program = Program::try_parse_from([
            "engine",
            "--tls-cert=s.pem",
            "--tls-key=s.key",
            "--metadata-tls-ca=ca.pem",
            "--metadata-tls-server-name=m",
        ])
        .unwrap_or_else(|error| panic!("{error}"));
        let server = program.server.security(false).unwrap();
        assert_eq!(
            server.tls,
            Some(ServerTlsFiles { certificate: "s.pem".into(), key: "s.key".into(), client_ca: None })
        );
        let client = program.metadata.security(true).unwrap();
        assert_eq!((client.ca, client.identity), (Some("ca.pem".into()), None));
        assert_eq!((client.server_name.as_deref(), client.is_insecure_allowed), (Some("m"), true));
    }

    /// Scenario: everything is set in a file, or nothing; it is read, resolved, and written again. Guarantees: it is the same, and
    /// what is not set is not written.
    #[test]
    fn what_is_written_is_what_was_read() {
        let text = "tls-cert = \"a\"\ntls-key = \"b\"\ntls-client-ca = \"c\"\nmetadata-tls-ca = \"d\"\n\
                    metadata-tls-cert = \"e\"\nmetadata-tls-key = \"f\"\nmetadata-tls-server-name = \"g\"\n";
        for text in [text, ""] {
            let file: File = toml::from_str(text).unwrap();
            let server = ServerTlsSettings::of(&file.server.clone().security(false).unwrap());
            let metadata = MetadataTlsSettings::of(&file.metadata.clone().security(false).unwrap());
            let again = File { server, metadata };
            assert_eq!(again, file);
            assert_eq!(toml::to_string(&again).unwrap(), text);
        }
    }

    /// Scenario: halves of what belongs together. Guarantees: each is refused by its name, and says what is missing.
    #[test]
    fn halves_are_refused() {
        let path = || Some(PathBuf::from("x"));
        let client = ClientTlsSettings { tls_key: path(), ..ClientTlsSettings::default() };
        let error = client.security(false).unwrap_err().to_string();
        assert!(error.starts_with("tls-key is x, and tls-cert is not set"), "{error}");
        let metadata = MetadataTlsSettings { metadata_tls_cert: path(), ..MetadataTlsSettings::default() };
        let error = metadata.security(false).unwrap_err().to_string();
        assert!(error.starts_with("metadata-tls-cert is x, and metadata-tls-key is not set"), "{error}");
        let server = ServerTlsSettings { tls_client_ca: path(), ..ServerTlsSettings::default() };
        let error = server.security(false).unwrap_err().to_string();
        assert!(error.starts_with("tls-client-ca is x, and tls-cert is not set"), "{error}");
    }
}
