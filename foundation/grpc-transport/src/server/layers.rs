//! What every call goes through before it reaches its service, the outermost first.
//!
//! 1. *Observation* (span and metrics): outermost, so that what is refused below is traced and counted as well.
//! 2. *Panics*: within the observation, so that they are counted by their code; around everything else, so that no layer
//!    can break off a call without an answer.
//! 3. *Authentication*: before anything that a peer could use up. Who may not call gets no time and no permit.
//! 4. *Time-out*: around the limit, so that the time is that of the whole call. Only until the response begins: streams live
//!    on, with bounds of their own.
//! 5. *Limit*: over all connections, since memory and stores are shared by them. What is above it is refused at once; waiting
//!    calls would hold their messages in memory and be answered after their caller gave up. Innermost, so that only work
//!    counts.

use std::{sync::Arc, time::Duration};

use tower::{Layer, ServiceBuilder};

use super::{
    access::Methods,
    around::{AroundLayer, AroundService},
    authentication::Authentication,
    call_limit::CallLimit,
    deadline::Deadline,
    metrics::CallMetrics,
    observation::Observation,
    panics::Panics,
};

/// The stack.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    observation: Observation,
    authentication: Authentication,
    deadline: Deadline,
    limit: CallLimit,
}

/// What the stack makes of a service.
type Layered<S> = AroundService<
    Observation,
    AroundService<
        Panics,
        AroundService<Authentication, AroundService<Deadline, AroundService<CallLimit, S>>>,
    >,
>;

// === impl Layers ===

impl Layers {
    pub(super) fn new(methods: Methods, metrics: CallMetrics, timeout: Duration, max_calls: usize) -> Self {
        let methods = Arc::new(methods);
        Self {
            observation: Observation::new(Arc::clone(&methods), metrics),
            authentication: Authentication::new(methods),
            deadline: Deadline(timeout),
            limit: CallLimit::new(max_calls),
        }
    }
}

impl<S> Layer<S> for Layers {
    type Service = Layered<S>;

    fn layer(&self, service: S) -> Layered<S> {
        ServiceBuilder::new()
            .layer(AroundLayer(self.observation.clone()))
            .layer(AroundLayer(Panics))
            .layer(AroundLayer(self.authentication.clone()))
            .layer(AroundLayer(self.deadline.clone()))
            .layer(AroundLayer(self.limit.clone()))
            .service(service)
    }
}
