//! What all capture sessions share, and the service that begins them.

use std::{sync::Arc, time::Duration};

use eyrie_proto::capture::{
    CaptureRequest, CaptureResponse, ListHostsRequest, ListHostsResponse,
    capture_service_server::CaptureService, host_service_server::HostService,
};
use telemetry::PipelineTracer;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    alert::AlertContext,
    alert_log::AlertLog,
    error::RpcError,
    evaluate::{Evaluate, HostFacts},
    listener::{AuthenticatedPeer, Permission},
    log_limit::LogLimit,
    metadata::Metadata,
    metrics::Metrics,
    origins::Origins,
    plans::{Plans, Violators},
    recordings::Recordings,
    session::{self, BatchPacking},
};

static FILTERS_VIOLATED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Answers that wait for a slow agent: some tens of bytes each, plans and state requests some KiB.
const WAITING_RESPONSES: usize = 64;

/// What a session may take, and for how long it is waited for.
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// Sessions at a time.
    pub max_sessions: usize,
    /// Bytes of batches that an agent may have on their way. Of these at most some MiB are in our memory decoded.
    pub initial_credit_bytes: u64,
    /// Bytes of one message.
    pub max_message_bytes: usize,
    /// Bytes of a base state in all.
    pub max_base_state_bytes: usize,
    /// Until Hello has come.
    pub hello_wait: Duration,
    /// Between the parts of a base state.
    pub base_state_wait: Duration,
    /// Before the second try of an append; doubles with each.
    pub first_append_retry: Duration,
    /// The longest time between two tries.
    pub last_append_retry: Duration,
    /// How agents are asked to pack the events of batches.
    pub batch_packing: BatchPacking,
}

/// Shared by all sessions.
pub(crate) struct Intake {
    pub(crate) evaluator: Arc<dyn Evaluate>,
    pub(crate) plans: Arc<Plans>,
    pub(crate) log: Arc<dyn AlertLog>,
    pub(crate) origins: Origins,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) recordings: Arc<Recordings>,
    pub(crate) tracer: PipelineTracer,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: SessionLimits,
    /// Evaluations at a time: as many as there are processors.
    pub(crate) evaluation_slots: Arc<Semaphore>,
    pub(crate) engine_id: String,
    /// No new work; what is queued is finished.
    pub(crate) stop: CancellationToken,
    /// Whatever is not finished is given up.
    pub(crate) abort: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) session_permits: Arc<Semaphore>,
}

/// `CaptureService` and `HostService`.
#[derive(Clone)]
pub(crate) struct IntakeService(pub(crate) Arc<Intake>);

// === impl SessionLimits ===

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            max_sessions: 1_024,
            initial_credit_bytes: 16 * 1024 * 1024,
            max_message_bytes: 1024 * 1024,
            max_base_state_bytes: 256 * 1024 * 1024,
            hello_wait: Duration::from_secs(10),
            base_state_wait: Duration::from_secs(30),
            first_append_retry: Duration::from_millis(100),
            last_append_retry: Duration::from_secs(5),
            batch_packing: BatchPacking::default(),
        }
    }
}

// === impl Intake ===

impl Intake {
    /// Filters kept back what rules needed: that is told, and the event types are asked for whole from now on, of all hosts.
    pub(crate) fn told_violations(&self, violators: &Violators, alerts: &AlertContext, host: &HostFacts) {
        for violator in &violators.found {
            self.metrics.count_violation(violator.is_certain);
            if let Some(suppressed) = FILTERS_VIOLATED.pass() {
                tracing::error!(
                    rule = violator.rule,
                    event_type = violator.event_type,
                    hostname = host.hostname,
                    origin = alerts.origin_name,
                    generation = violator.generation,
                    sequence = violator.sequence,
                    suppressed,
                    "a filter of the capture plan would have dropped an event that a rule needed: please report it"
                );
            }
            if self.plans.widen(violator.event_type, &violator.rule) {
                tracing::warn!(
                    event_type = violator.event_type,
                    rule = violator.rule,
                    "every event of this type is asked for from now on, of all hosts, as its filters cannot be trusted"
                );
            }
        }
    }
}

// === impl IntakeService ===

#[tonic::async_trait]
impl CaptureService for IntakeService {
    type CaptureStream = ReceiverStream<Result<CaptureResponse, Status>>;

    async fn capture(
        &self,
        request: Request<Streaming<CaptureRequest>>,
    ) -> Result<Response<Self::CaptureStream>, Status> {
        let intake = Arc::clone(&self.0);
        if intake.stop.is_cancelled() {
            return Err(RpcError::ShuttingDown.into());
        }
        let limit = intake.limits.max_sessions;
        let permit = Arc::clone(&intake.session_permits)
            .try_acquire_owned()
            .map_err(|_| RpcError::TooMany { limit, what: "capture sessions" })?;
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let (sender, receiver) = mpsc::channel(WAITING_RESPONSES);
        let stream = request.into_inner();
        self.0.tasks.spawn(async move {
            session::run(intake, peer, stream, sender).await;
            drop(permit);
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

#[tonic::async_trait]
impl HostService for IntakeService {
    async fn list_hosts(
        &self,
        request: Request<ListHostsRequest>,
    ) -> Result<Response<ListHostsResponse>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let mut hosts = self.0.origins.hosts(request.into_inner().include_disconnected);
        hosts.retain(|host| {
            let tenant = host.origin.as_ref().map_or("", |origin| &origin.tenant);
            peer.may_in(Permission::ReadHosts, tenant)
        });
        Ok(Response::new(ListHostsResponse { hosts }))
    }
}
