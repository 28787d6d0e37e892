//! A Kubernetes API server for tests: real HTTP/1 on a port of this machine, list and watch, objects and faults by script.
//!
//! ```no_run
//! # async fn a_test() {
//! use test_kubernetes::{ApiServer, objects};
//!
//! let server = ApiServer::start().await;
//! server.put("namespaces", objects::namespace("kube-system", "cluster-1"));
//! server.put("pods", objects::pod("shop", "web-1", "uid-1", &[("app", "web")]));
//! // ... whoever is tested lists and watches server.uri() ...
//! server.drop_watches();
//! server.delete("pods", "shop", "web-1");
//! # }
//! ```
//!
//! **Speaks** `GET` on the collections of all namespaces: lists with `limit` and `continue` (pages of one state),
//! `resourceVersion`s that grow over all kinds, `PartialObjectMetadata` for who asks for it; watches from a
//! resource version, with bookmarks for who allows them, `timeoutSeconds`, and 410 Gone as a status or as an `ERROR` event.
//!
//! **Faults**: history that is forgotten ([`ApiServer::forget_history`]), pages that expire, watches that are cut off, a
//! server that is away ([`ApiServer::go_away`]), kinds that are forbidden.
//!
//! **Is not** an API server: no TLS, no authentication, no selectors, no single namespaces, no writes by HTTP, no `resourceVersion`
//! for lists, no streaming lists, no protobuf. `docs/testing.md` says what that leaves unproven.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a crate of tests: whatever goes wrong is a panic, and JSON is indexed by name"
)]

mod answer;
pub mod objects;
mod state;
mod watch;

use std::{net::SocketAddr, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::state::State;

/// A server at work; dropping it ends it.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    state: Arc<State>,
    _stop: DropGuard,
}

// === impl ApiServer ===

impl ApiServer {
    /// Without objects.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port of this machine");
        let address = listener.local_addr().expect("the port that was taken");
        let (state, stop) = (Arc::new(State::default()), CancellationToken::new());
        tokio::spawn(accept(listener, Arc::clone(&state), stop.clone()));
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig that names it.
    pub fn kubeconfig(&self) -> String {
        let server = self.uri();
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: \"{server}\"}}}}]\n\
             users: [{{name: test, user: {{}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n"
        )
    }

    /// Makes an object, or changes the one of its name; gives its resource version.
    pub fn put(&self, plural: &str, object: Value) -> u64 {
        self.state.put(plural, object)
    }

    /// Deletes an object; the namespace of one that has none is "".
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.state.delete(plural, namespace, name);
    }

    /// Forgets all changes until now: who watches from before gets 410 Gone, as an `ERROR` event or as a status.
    pub fn forget_history(&self, as_event: bool) {
        self.state.forget_history(as_event);
    }

    /// Forgets the pages that were begun: whoever goes on with one gets 410 Gone.
    pub fn expire_pages(&self) {
        self.state.expire_pages();
    }

    /// Cuts all watches off, in the middle of what they say.
    pub fn drop_watches(&self) {
        self.state.drop_watches();
    }

    /// Ends all connections, and takes none.
    pub fn go_away(&self) {
        self.state.set_away(true);
    }

    /// Takes connections again.
    pub fn come_back(&self) {
        self.state.set_away(false);
    }

    /// Answers 403 for a kind, or does so no more.
    pub fn forbid(&self, plural: &str, is_forbidden: bool) {
        self.state.forbid(plural, is_forbidden);
    }

    /// How many requests there were whose path and query contain a text.
    pub fn requests(&self, containing: &str) -> usize {
        self.state.requests(containing)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = stream else { continue };
        let Some(here) = state.here() else { continue };
        let (state, stop) = (Arc::clone(&state), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer::answer(Arc::clone(&state), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stop.cancelled() => {}
                () = here.cancelled() => {}
                _ = connection => {}
            }
        });
    }
}
