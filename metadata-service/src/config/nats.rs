//! Settings of a bucket that several central services share.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use service_runtime::ConfigError;

use crate::store::nats::{NatsConfig, NatsServers, NatsStorage};

/// What the bucket is called unless set.
const BUCKET: &str = "eyrie-metadata";
/// NATS keeps a stream on at most so many servers.
const MAX_REPLICAS: u8 = 5;
/// Of a bucket's name.
const MAX_BUCKET_BYTES: usize = 64;

/// As [`Settings`](super::Settings), of which they are part.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the flags' help is the documentation")]
pub struct NatsSettings {
    /// Share entities with other central services by NATS JetStream: nats://HOST:PORT or tls://HOST:PORT of one NATS
    /// cluster, with commas between
    #[arg(long, value_name = "SERVERS")]
    #[serde(with = "service_runtime::as_text")]
    pub nats: Option<NatsServers>,

    /// The JetStream bucket that is shared; made if there is none
    #[arg(long, value_name = "NAME")]
    pub nats_bucket: Option<String>,

    /// On how many servers the bucket is kept, when it is made
    #[arg(long, value_name = "COUNT")]
    pub nats_replicas: Option<u8>,

    /// Where the bucket is kept, when it is made
    #[arg(long, value_enum)]
    pub nats_storage: Option<NatsStorage>,

    /// User and key for NATS, as `nsc` writes them
    #[arg(long, value_name = "FILE")]
    pub nats_credentials: Option<PathBuf>,

    /// Authorities of the NATS servers' certificates; without it, those that the system trusts
    #[arg(long, value_name = "FILE")]
    pub nats_tls_ca: Option<PathBuf>,

    /// The certificate to show to NATS
    #[arg(long, value_name = "FILE")]
    pub nats_tls_cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "FILE")]
    pub nats_tls_key: Option<PathBuf>,
}

// === impl NatsSettings ===

impl NatsSettings {
    /// What is configured; nothing without servers.
    pub(super) fn resolve(self, is_insecure_allowed: bool) -> Result<Option<NatsConfig>, ConfigError> {
        let invalid = |setting, found: String, problem: &str| ConfigError::Invalid {
            setting,
            found,
            problem: problem.to_owned(),
        };
        let Some(servers) = self.nats else {
            return match self.nats_bucket {
                Some(bucket) => Err(invalid("nats-bucket", bucket, "it is of no use without --nats SERVERS")),
                None => Ok(None),
            };
        };
        let bucket = self.nats_bucket.unwrap_or_else(|| BUCKET.to_owned());
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if bucket.is_empty() || bucket.len() > MAX_BUCKET_BYTES || !bucket.bytes().all(is_plain) {
            let problem = "a bucket's name has 1 to 64 letters, digits, - and _";
            return Err(invalid("nats-bucket", bucket, problem));
        }
        let replicas = self.nats_replicas.unwrap_or(1);
        if !(1..=MAX_REPLICAS).contains(&replicas) {
            return Err(invalid("nats-replicas", replicas.to_string(), "it must be from 1 to 5"));
        }
        let tls_identity = match (self.nats_tls_cert, self.nats_tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(found), None) => {
                return Err(invalid(
                    "nats-tls-cert",
                    found.display().to_string(),
                    "nats-tls-key must be set as well",
                ));
            }
            (None, Some(found)) => {
                return Err(invalid(
                    "nats-tls-key",
                    found.display().to_string(),
                    "nats-tls-cert must be set as well",
                ));
            }
        };
        let is_tls_required = self.nats_tls_ca.is_some() || tls_identity.is_some();
        if let Some(server) = servers.plain_text_over_network()
            && !is_tls_required
            && !is_insecure_allowed
        {
            let problem =
                "plain text over a network: use tls:// or --nats-tls-ca, or allow it with --insecure";
            return Err(invalid("nats", server, problem));
        }
        Ok(Some(NatsConfig {
            servers,
            bucket,
            replicas,
            storage: self.nats_storage.unwrap_or_default(),
            credentials: self.nats_credentials,
            tls_ca: self.nats_tls_ca,
            tls_identity,
        }))
    }

    /// As they are in force.
    pub(super) fn of(config: Option<&NatsConfig>) -> Self {
        let Some(config) = config.cloned() else { return Self::default() };
        let (nats_tls_cert, nats_tls_key) = config.tls_identity.unzip();
        Self {
            nats: Some(config.servers),
            nats_bucket: Some(config.bucket),
            nats_replicas: Some(config.replicas),
            nats_storage: Some(config.storage),
            nats_credentials: config.credentials,
            nats_tls_ca: config.tls_ca,
            nats_tls_cert,
            nats_tls_key,
        }
    }
}
