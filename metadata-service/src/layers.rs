//! What every call goes through before it reaches its service, the outermost first.
//!
//! 1. *Tracing* (`trace_fn`, see [`span`]): outermost, so that what is refused below is traced as well.
//! 2. *Time-out* (`Server::timeout`): around the limit, so that waiting counts. Only until the response begins: a watch
//!    lives on, with bounds of its own.
//! 3. *Load shedding*: directly around the limit, whose "not ready" it turns into an answer at once. Queued calls would
//!    hold their messages in memory, and be answered after their caller gave up.
//! 4. *Limit*: over all connections, since memory and the store are shared by them. Innermost, so that only work counts.
//!
//! Authentication belongs between tracing and the limit, as soon as there are certificates to tell a peer by.

use std::time::Duration;

use tonic::codegen::http::Request;
use tower::{
    ServiceBuilder,
    layer::util::{Identity, Stack},
    limit::GlobalConcurrencyLimitLayer,
    load_shed::LoadShedLayer,
};

/// Above the longest wait of a lookup and a slow disk's flush.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The layers of which the transport has none.
pub(crate) type Layers = Stack<GlobalConcurrencyLimitLayer, Stack<LoadShedLayer, Identity>>;

/// Load shedding around a limit of calls at a time.
pub(crate) fn layers(max_calls: usize) -> Layers {
    ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(GlobalConcurrencyLimitLayer::new(max_calls.max(1)))
        .into_inner()
}

/// The span of a call. `path` is of the contract's handful, or a peer's invention, which is cut.
pub(crate) fn span(request: &Request<()>) -> tracing::Span {
    let path = request.uri().path();
    let path = path.get(..path.len().min(80)).unwrap_or_default();
    tracing::debug_span!("call", path)
}
