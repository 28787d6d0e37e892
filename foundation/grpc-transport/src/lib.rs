//! Makes and takes the gRPC connections of Eyrie's services, and says who is at the other end.
//!
//! **Taking.** A service binds a [`Listener`], so that all of them keep plain text on the machine, bound what may be open, and
//! say the same about what is not gRPC. A connection goes from `accept` through TLS, where that is asked for, and its
//! greeting into the stream that `tonic` serves. A [`Server`] surrounds the services with layers that are the same
//! everywhere: traces and metrics, answers for panics, authentication, a time-out, a limit.
//!
//! **Who is there.** A client's certificate names its roles in URIs such as
//! `spiffe://example.org/eyrie/agent/tenant/acme/host/0123456789abcdef0123456789abcdef`; [`CertificateIdentity`] has the
//! grammar, and `docs/operations-tls.md` says how such certificates are made. What a peer may do follows from its roles
//! ([`Permission`]), and every handler finds an [`AuthenticatedPeer`] with its request. Names that messages bear are
//! claims; handlers hold them against the peer ([`AuthenticatedPeer::may_speak_for`], [`AuthenticatedPeer::may_in`]). Who
//! comes by loopback, by a Unix socket or by `--insecure` shows no certificate and may do everything.
//!
//! **Making.** A [`ServiceEndpoint`] is where a service is and how it may be spoken to; it makes `tonic` channels, whose
//! certificates are read again at each connection.
//!
//! What is said on connections is not this crate's business.
#![forbid(unsafe_code)]

mod address;
mod call_error;
mod client;
mod connection;
mod greeting;
mod listener;
pub mod log_limit;
mod peer;
mod server;
mod service_address;
mod settings;
mod tls;
mod trace_context;

pub use self::{
    address::{ListenAddress, ListenAddressError},
    call_error::{CallError, REASON_HEADER, RETRYABLE_HEADER, refusal},
    client::{ClientSecurity, ConnectError, ServiceEndpoint, status_text, with_causes},
    connection::Connection,
    listener::{ListenError, ListenSecurity, Listener},
    peer::{
        AuthenticatedPeer, CertificateIdentity, Identity, IdentityError, Permission, Role, TransportPeer,
    },
    server::{AccessError, AccessTable, Server, ServerError, ServerOptions, Serving},
    service_address::{ServiceAddress, ServiceAddressError},
    settings::{
        CentralTlsSettings, ClientTlsSettings, MetadataTlsSettings, ServerTlsSettings, TlsSettingsError,
    },
    tls::{ClientTlsFiles, PemKind, ServerTlsFiles, TlsError},
    trace_context::{TraceContextInjector, inject_trace_context},
};
