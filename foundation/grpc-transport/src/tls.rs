//! TLS: files, handshakes, and what went wrong in them in words.
//!
//! Certificates and keys are PEM files, and are read again when they change: whoever issues them for days or hours
//! (cert-manager, SPIRE) replaces them under us. A verified certificate is never trusted for longer than its connection:
//! sessions are not resumed, since a resumed one would not be held against today's authorities and today's time.

mod client;
mod failure;
mod files;
mod server;

pub(crate) use self::{client::ClientTls, failure::HandshakeError, server::ServerTls};
pub use self::{
    client::ClientTlsFiles,
    files::{PemKind, TlsError},
    server::ServerTlsFiles,
};

/// The only protocol that we speak (RFC 7301, RFC 9113).
const ALPN_H2: &[u8] = b"h2";
