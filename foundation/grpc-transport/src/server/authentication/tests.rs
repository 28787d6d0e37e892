use std::sync::Mutex;

use tonic::body::Body;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::{
    peer::{CertificateIdentity, Identity, IdentityError, Permission},
    server::around::AroundLayer,
};

const HOSTS: &str = "/eyrie.capture.v1.HostService/ListHosts";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

fn certificate(uris: &[&str]) -> Result<Identity, IdentityError> {
    CertificateIdentity::from_uris(uris.iter().copied()).map(Identity::Certificate)
}

/// What a call is answered with, and whom the handler saw: nothing if it was not reached, an empty name if nobody.
async fn call(path: &str, transport: Option<TransportPeer>) -> (Option<Status>, Option<String>) {
    let methods = Methods::new(&[(HOSTS, Permission::ReadHosts)], &[]).unwrap();
    let seen = Arc::new(Mutex::new(None));
    let record = Arc::clone(&seen);
    let handler = service_fn(move |request: Request| {
        let peer = request.extensions().get::<AuthenticatedPeer>();
        let name = peer.map(|peer| peer.identity().to_string()).unwrap_or_default();
        *record.lock().unwrap() = Some(name);
        std::future::ready(Ok(Response::new(Body::empty())))
    });
    let service = AroundLayer(Authentication::new(Arc::new(methods))).layer(handler);
    let mut request = http::Request::builder().uri(path).body(Body::empty()).unwrap();
    if let Some(transport) = transport {
        request.extensions_mut().insert(transport);
    }
    let response = service.oneshot(request).await.unwrap_or_else(|never| match never {});
    let seen = seen.lock().unwrap().clone();
    (Status::from_header_map(response.headers()), seen)
}

fn reason(status: &Option<Status>) -> &str {
    let status = status.as_ref().unwrap();
    status.metadata().get("eyrie-reason").unwrap().to_str().unwrap()
}

/// Scenario: peers of all kinds call a method that asks for a permission. Guarantees: who has it reaches the handler as whom the
/// transport proved; nobody else reaches it, and each is told why.
#[tokio::test]
async fn only_who_may_reaches_the_handler() {
    let peer = |identity| Some(TransportPeer::new("10.0.0.1:5".into(), identity));
    for (identity, name) in [
        (Ok(Identity::Local), "local"),
        (Ok(Identity::Unauthenticated), "unauthenticated"),
        (certificate(&["spiffe://test/eyrie/operator"]), "spiffe://test/eyrie/operator"),
    ] {
        let (status, seen) = call(HOSTS, peer(identity)).await;
        assert!(status.is_none(), "{status:?}");
        assert_eq!(seen.as_deref(), Some(name));
    }
    let (status, seen) = call(HOSTS, peer(certificate(&["spiffe://test/eyrie/agent"]))).await;
    assert_eq!((reason(&status), seen), ("NOT_PERMITTED", None));
    let status = status.unwrap();
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    for part in ["10.0.0.1:5", "spiffe://test/eyrie/agent", "read hosts", HOSTS] {
        assert!(status.message().contains(part), "{}", status.message());
    }
    let (status, seen) = call(HOSTS, peer(certificate(&["urn:other"]))).await;
    assert_eq!((reason(&status), seen), ("NOT_IDENTIFIED", None));
    assert_eq!(status.unwrap().code(), tonic::Code::Unauthenticated);
}

/// Scenario: a peer without a role asks for health; any peer calls what there is not; a call comes around the listener. Guarantees:
/// health is answered, what there is not is said to be unknown, and without a connection's word nobody is let in.
#[tokio::test]
async fn what_is_free_and_what_is_not_there() {
    let nobody = || Some(TransportPeer::new("p".into(), certificate(&["urn:other"])));
    let local = || Some(TransportPeer::new("p".into(), Ok(Identity::Local)));
    let (status, seen) = call(HEALTH, nobody()).await;
    assert!(status.is_none());
    assert_eq!(seen.as_deref(), Some(""));
    for path in ["/eyrie.capture.v1.HostService/Invented", "/", "/eyrie.capture.v1.HostService/ListHosts/"] {
        let (status, seen) = call(path, local()).await;
        assert_eq!((reason(&status), seen), ("METHOD_UNKNOWN", None), "{path}");
        assert_eq!(status.unwrap().code(), tonic::Code::Unimplemented);
    }
    let (status, seen) = call(HOSTS, None).await;
    assert_eq!((reason(&status), seen), ("UNAUTHENTICATED", None));
}
