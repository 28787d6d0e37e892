//! Reads PEM files.

use std::{
    fmt,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use tokio_rustls::rustls::{
    self, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// What a file should hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemKind {
    /// A certificate, and after it those of the authorities between it and the root.
    Certificate,
    /// The certificate's private key.
    Key,
    /// Certificates of authorities.
    Authorities,
}

/// Why TLS cannot be had from what is configured.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has nothing of use.
    #[error("cannot read the {kind} {}: {detail}", path.display())]
    File {
        /// What it should hold.
        kind: PemKind,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The files are well-formed and of no use together.
    #[error("cannot use the certificate {} with the key {}: {detail}", certificate.display(), key.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// None of a file's authorities can be verified with.
    #[error("cannot verify certificates by the CA file {}: {detail}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The name that a server's certificate must have.
    #[error("{name:?} is no name that a certificate can have: give a DNS name or an IP address")]
    ServerName {
        /// What was configured.
        name: String,
    },
    /// The TLS library refuses.
    #[error("TLS cannot be set up: {detail}")]
    Setup {
        /// What it says.
        detail: String,
    },
}

/// What tells a file from the one that replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp(Option<(SystemTime, u64, u64)>);

// === impl PemKind ===

impl fmt::Display for PemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
            Self::Authorities => "CA file",
        })
    }
}

// === impl TlsError ===

impl TlsError {
    pub(super) fn setup(error: rustls::Error) -> Self {
        Self::Setup { detail: error.to_string() }
    }
}

// === impl FileStamp ===

impl FileStamp {
    /// Symbolic links are followed: Kubernetes replaces secrets by changing one.
    pub(super) fn of(path: &Path) -> Self {
        let read = |meta: std::fs::Metadata| Some((meta.modified().ok()?, meta.len(), meta.ino()));
        Self(std::fs::metadata(path).ok().and_then(read))
    }
}

/// A certificate with those of the authorities after it.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates(path, PemKind::Certificate)
}

pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| failed(PemKind::Key, path, &error))
}

/// All authorities of a file.
pub(super) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, PemKind::Authorities)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::Authorities { path: path.to_owned(), detail: error.to_string() })?;
    }
    Ok(roots)
}

fn certificates(path: &Path, kind: PemKind) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| failed(kind, path, &error))?;
    if certificates.is_empty() {
        return Err(failed(kind, path, &rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn failed(kind: PemKind, path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    use rustls::pki_types::pem::Error;
    let detail = match error {
        Error::Io(error) => error.to_string(),
        Error::NoItemsFound => "it has none; expected PEM, which begins with -----BEGIN".to_owned(),
        other => format!("it is no valid PEM: {other}"),
    };
    TlsError::File { kind, path: path.to_owned(), detail }
}
