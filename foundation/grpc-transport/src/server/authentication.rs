//! Who calls, and whether they may.

use std::{sync::Arc, time::Duration};

use tonic::Status;

use super::{
    access::Methods,
    around::{Around, Handle, Next, Request, Response},
};
use crate::{
    call_error::CallError,
    log_limit::LogLimit,
    peer::{AuthenticatedPeer, TransportPeer},
};

/// Bytes of a path in an answer.
const SHOWN_BYTES: usize = 80;

static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(5));

/// Makes an [`AuthenticatedPeer`] of what the connection told, and refuses what it may not call.
#[derive(Clone, Debug)]
pub(super) struct Authentication {
    methods: Arc<Methods>,
}

// === impl Authentication ===

impl Authentication {
    pub(super) fn new(methods: Arc<Methods>) -> Self {
        Self { methods }
    }

    /// The peer, if it may call; `None` if it need not be known.
    fn check(&self, request: &Request) -> Result<Option<AuthenticatedPeer>, CallError> {
        let path = request.uri().path();
        let method = self
            .methods
            .get(path)
            .ok_or_else(|| CallError::MethodUnknown { path: path.chars().take(SHOWN_BYTES).collect() })?;
        let transport = request.extensions().get::<TransportPeer>().ok_or(CallError::Unauthenticated)?;
        let peer = match (transport.authenticate(), method.permission) {
            (Ok(peer), _) => peer,
            (Err(_), None) => return Ok(None),
            (Err(error), Some(_)) => return Err(error),
        };
        match method.permission {
            Some(permission) if !peer.may(permission) => Err(CallError::NotPermitted {
                peer: peer.to_string(),
                identity: peer.identity().to_string(),
                permission,
                method: method.path,
            }),
            _ => Ok(Some(peer)),
        }
    }
}

impl Around for Authentication {
    async fn around<S: Handle>(self, mut request: Request, next: Next<S>) -> Response {
        match self.check(&request) {
            Ok(peer) => {
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer);
                }
                next.run(request).await
            }
            Err(error) => {
                if let Some(suppressed) = REFUSED.pass() {
                    // It names all that the span would say again.
                    tracing::warn!(parent: None, reason = error.reason(), suppressed, "refused a call: {error}");
                }
                Status::from(error).into_http()
            }
        }
    }
}

#[cfg(test)]
mod tests;
