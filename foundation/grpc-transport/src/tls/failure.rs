//! What went wrong in a handshake, in words of who has to mend it.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::TlsError;

/// Why a handshake did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The connection was closed before it said anything, as health checks do.
    #[error("it was closed before it said anything")]
    Closed,
    /// It was closed later, without a word.
    #[error("it was closed within the TLS handshake, as by somebody who does not trust our certificate")]
    Broken,
    #[error("it does not speak TLS, which this port asks for: use https:// there")]
    PlainText,
    #[error("it shows no client certificate: give it one by --tls-cert and --tls-key")]
    NoCertificate,
    #[error("its certificate is signed by none of our client CA file's authorities")]
    UnknownClientAuthority,
    #[error("the server's certificate is signed by none of the authorities in {}", .0.display())]
    UnknownServerAuthority(PathBuf),
    #[error("its certificate has expired: renew it")]
    Expired,
    #[error("its certificate is not valid yet: check the clocks of both sides")]
    NotValidYet,
    #[error("its certificate is not meant for this side of a connection (extended key usage)")]
    Purpose,
    #[error("the server's certificate is for another name: {0}; use that name, or --tls-server-name")]
    OtherName(String),
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
    #[error("the other side does not trust our certificate ({0:?}): give it our CA's")]
    NotTrusted(AlertDescription),
    #[error("the other side ended the handshake ({0:?})")]
    Refused(AlertDescription),
    #[error("it does not speak HTTP/2 over TLS (ALPN h2), and so no gRPC")]
    NoHttp2,
    #[error(transparent)]
    Files(#[from] TlsError),
    #[error("the runtime is ending")]
    Interrupted,
    #[error("the TLS handshake failed: {0}")]
    Other(String),
}

// === impl HandshakeError ===

impl HandshakeError {
    /// What an error in the client's first message means.
    pub(super) fn of_hello(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::of_client(error),
        }
    }

    /// What an error means that a client's messages made.
    pub(super) fn of_client(error: &io::Error) -> Self {
        match tls_error(error) {
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => Self::UnknownClientAuthority,
            Some(error) => Self::of_either(error),
            None => Self::of_transport(error),
        }
    }

    /// What an error means that a server's messages made.
    pub(super) fn of_server(error: &io::Error, ca: &Path) -> Self {
        match tls_error(error) {
            Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                Self::UnknownServerAuthority(ca.to_owned())
            }
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                Self::Other("the server does not speak TLS: use http:// there".to_owned())
            }
            Some(error) => Self::of_either(error),
            None => Self::of_transport(error),
        }
    }

    fn of_transport(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::Broken
            }
            _ => Self::Other(error.to_string()),
        }
    }

    fn of_either(error: &Error) -> Self {
        match error {
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::PlainText,
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::NoApplicationProtocol => Self::NoHttp2,
            Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Self::NoHttp2,
            Error::AlertReceived(
                alert @ (AlertDescription::UnknownCA
                | AlertDescription::BadCertificate
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::DecryptError),
            ) => Self::NotTrusted(*alert),
            Error::AlertReceived(alert) => Self::Refused(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotValidYet,
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                Self::Purpose
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName(error.to_string())
            }
            other => Self::Certificate(other.to_string()),
        }
    }
}

/// tokio-rustls wraps the library's errors in those of input and output.
fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}
