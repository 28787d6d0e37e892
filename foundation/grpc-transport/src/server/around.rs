//! A tower layer made of one asynchronous function around the next service.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use tonic::body::Body;
use tower::{Layer, Service};

/// A call as it comes in.
pub(super) type Request = http::Request<Body>;
/// What it is answered with. A refusal is an answer too: below the transport there are no errors.
pub(super) type Response = http::Response<Body>;

/// What a layer of ours wraps.
pub(super) trait Handle:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Handle for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// What a layer does around the next service.
pub(super) trait Around: Clone + Send + Sync + 'static {
    /// Answers a call, by `next` or by itself.
    fn around<S: Handle>(self, request: Request, next: Next<S>) -> impl Future<Output = Response> + Send;
}

/// The next service, ready for one call.
pub(super) struct Next<S>(S);

/// The layer.
#[derive(Clone, Debug)]
pub(super) struct AroundLayer<A>(pub(super) A);

/// The service that the layer makes.
#[derive(Clone, Debug)]
pub(super) struct AroundService<A, S> {
    around: A,
    next: S,
}

// === impl Next ===

impl<S: Handle> Next<S> {
    pub(super) async fn run(mut self, request: Request) -> Response {
        match self.0.call(request).await {
            Ok(response) => response,
        }
    }
}

// === impl AroundLayer ===

impl<A: Around, S> Layer<S> for AroundLayer<A> {
    type Service = AroundService<A, S>;

    fn layer(&self, next: S) -> Self::Service {
        AroundService { around: self.0.clone(), next }
    }
}

// === impl AroundService ===

impl<A: Around, S: Handle> Service<Request> for AroundService<A, S> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.next.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that was polled until it was ready goes; its clone stays for the next call.
        let clone = self.next.clone();
        let next = Next(std::mem::replace(&mut self.next, clone));
        let around = self.around.clone();
        Box::pin(async move { Ok(around.around(request, next).await) })
    }
}
