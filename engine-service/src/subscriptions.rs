//! Streams alerts out of the log to whoever subscribes.
//!
//! Every subscriber reads the log for itself, page by page, and has at most one page in memory: a slow one holds up
//! nobody and costs nothing.

mod filter;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use eyrie_proto::alert::{
    Alert, Gap, GapReason, Heartbeat, SubscribeRequest, SubscribeResponse,
    alert_service_server::AlertService, subscribe_request::Start, subscribe_response::Kind,
};
use telemetry::{KeyValue, PipelineTracer, SpanKind};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Request, Response, Status};

use self::filter::Filter;
pub use self::filter::matches;
use crate::{
    alert_log::{AlertLog, Cursor, LogBounds, PageLimit},
    batch_trace,
    error::RpcError,
    host_status::now_ns,
    listener::{AuthenticatedPeer, Permission},
};

/// What a subscriber has of the log in memory.
const PAGE: PageLimit = PageLimit { entries: 256, bytes: 1024 * 1024 };
/// Messages between a subscription and its connection.
const WAITING_MESSAGES: usize = 8;
/// How often a quiet subscription says that all is well, unless it asks for something else.
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(15);
/// What a subscription may ask for at the least: more would be a burden.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);
/// Alerts that are older are read up, and their traces have ended.
const TRACED_AGE_NS: u64 = 300_000_000_000;
/// How long a client may take to accept the status that ends its stream.
const STATUS_WAIT: Duration = Duration::from_secs(2);

/// `AlertService` over a log.
#[derive(Clone)]
pub(crate) struct Subscriptions {
    log: Arc<dyn AlertLog>,
    permits: Arc<Semaphore>,
    limit: usize,
    tracer: PipelineTracer,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// One subscriber.
struct Subscription {
    peer: AuthenticatedPeer,
    log: Arc<dyn AlertLog>,
    bounds: watch::Receiver<LogBounds>,
    filter: Filter,
    heartbeat: Duration,
    is_following: bool,
    /// Alerts that may still be sent.
    remaining: u64,
    /// Everything up to here was sent, or did not pass the filter.
    position: u64,
    messages: mpsc::Sender<Result<SubscribeResponse, Status>>,
    /// When something was told last.
    told: Instant,
    tracer: PipelineTracer,
    _permit: OwnedSemaphorePermit,
}

/// Why a subscription ends.
enum End {
    /// It has all that it asked for, or is gone.
    Done,
    Failed(RpcError),
}

// === impl Subscriptions ===

impl Subscriptions {
    pub(crate) fn new(
        log: Arc<dyn AlertLog>,
        limit: usize,
        tracer: PipelineTracer,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self { log, permits: Arc::new(Semaphore::new(limit)), limit, tracer, stop, tasks }
    }

    /// One for each subscription that may be.
    pub(crate) fn permits(&self) -> &Arc<Semaphore> {
        &self.permits
    }

    /// Where a subscription begins, and the gap that it has to be told of first.
    async fn start(&self, request: &SubscribeRequest) -> Result<(u64, Option<GapReason>), RpcError> {
        let bounds = *self.log.bounds().borrow();
        match &request.start {
            Some(Start::AfterCursor(text)) => {
                let cursor: Cursor = text.parse()?;
                // A position that this log never had: it was put back to an older state.
                if cursor.log != self.log.id() || cursor.position > bounds.last {
                    return Ok((bounds.trimmed_through, Some(GapReason::OtherLog)));
                }
                Ok((cursor.position, None))
            }
            Some(Start::SinceNs(since_ns)) => Ok((self.log.position_before_time(*since_ns).await?, None)),
            Some(Start::FromBeginning(true)) => Ok((bounds.trimmed_through, None)),
            Some(Start::FromBeginning(false)) | None if request.follow => Ok((bounds.last, None)),
            Some(Start::FromBeginning(false)) | None => Ok((bounds.trimmed_through, None)),
        }
    }
}

#[tonic::async_trait]
impl AlertService for Subscriptions {
    type SubscribeStream = ReceiverStream<Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let too_many = |_| RpcError::TooMany { limit: self.limit, what: "subscriptions" };
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(too_many)?;
        let (position, gap) = self.start(&request).await?;
        let (messages, receiver) = mpsc::channel(WAITING_MESSAGES);
        let heartbeat = match request.heartbeat_interval_ms {
            0 => DEFAULT_HEARTBEAT,
            milliseconds => Duration::from_millis(milliseconds.into()).max(SHORTEST_HEARTBEAT),
        };
        let subscription = Subscription {
            peer,
            log: Arc::clone(&self.log),
            bounds: self.log.bounds(),
            filter: Filter::new(request.filter.unwrap_or_default())?,
            heartbeat,
            is_following: request.follow,
            remaining: if request.limit == 0 { u64::MAX } else { request.limit },
            position,
            messages,
            told: Instant::now(),
            tracer: self.tracer.clone(),
            _permit: permit,
        };
        let stop = self.stop.clone();
        self.tasks.spawn(subscription.run(gap, stop));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

// === impl Subscription ===

impl Subscription {
    async fn run(mut self, gap: Option<GapReason>, stop: CancellationToken) {
        let messages = self.messages.clone();
        let end = tokio::select! {
            () = stop.cancelled() => End::Failed(RpcError::ShuttingDown),
            () = messages.closed() => End::Done,
            end = self.stream(gap) => end,
        };
        if let End::Failed(error) = end {
            let _ = tokio::time::timeout(STATUS_WAIT, messages.send(Err(error.into()))).await;
        }
    }

    async fn stream(&mut self, gap: Option<GapReason>) -> End {
        match self.try_stream(gap).await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn try_stream(&mut self, gap: Option<GapReason>) -> Result<End, End> {
        if let Some(reason) = gap {
            self.send(Kind::Gap(Gap { reason: reason.into(), lost_entries: None })).await?;
        }
        let mut has_caught_up = false;
        loop {
            // What comes while we read is news for the wait below.
            self.bounds.mark_unchanged();
            let is_end = self.send_page().await?;
            // Quiet is what the subscriber hears: much may come that it is not told of.
            if self.is_following && self.told.elapsed() >= self.heartbeat {
                self.send_heartbeat().await?;
            }
            if !is_end {
                continue;
            }
            if !self.is_following {
                return Ok(End::Done);
            }
            // A follower has a cursor from the start: if we are gone before the first alert, it misses none.
            if !std::mem::replace(&mut has_caught_up, true) {
                self.send_heartbeat().await?;
            }
            match tokio::time::timeout_at(self.told + self.heartbeat, self.bounds.changed()).await {
                Ok(Ok(())) => {}
                // The log is gone, and with it the engine.
                Ok(Err(_)) => return Err(End::Failed(RpcError::ShuttingDown)),
                Err(_) => self.send_heartbeat().await?,
            }
        }
    }

    /// Sends what passes of the next page; whether the log's end was reached.
    async fn send_page(&mut self) -> Result<bool, End> {
        let page =
            self.log.read(self.position, PAGE).await.map_err(|error| End::Failed(RpcError::Log(error)))?;
        if page.trimmed_entries > 0 {
            self.position += page.trimmed_entries;
            // How many of them were the peer's to see nobody knows any more.
            let lost_entries =
                self.peer.may_everywhere(Permission::ReadAlerts).then_some(page.trimmed_entries);
            self.send(Kind::Gap(Gap { reason: GapReason::Retention.into(), lost_entries })).await?;
        }
        let is_end = page.entries.is_empty();
        for entry in page.entries {
            self.position = entry.position;
            if self.may_see(&entry.alert) && self.filter.passes(&entry.alert) {
                self.deliver(entry.alert).await?;
                self.remaining -= 1;
                if self.remaining == 0 {
                    return Err(End::Done);
                }
            }
        }
        Ok(is_end)
    }

    /// Sends an alert; the trace of one that has just been raised ends with it.
    async fn deliver(&mut self, alert: Alert) -> Result<(), End> {
        let start = SystemTime::now();
        let is_recent = now_ns().saturating_sub(alert.time_ns) < TRACED_AGE_NS;
        let trace = alert.trace.clone().filter(|_| is_recent && self.tracer.is_exporting());
        let id = trace.is_some().then(|| alert.id.clone());
        self.send(Kind::Alert(alert)).await?;
        let attributes = id.map(|id| KeyValue::new("eyrie.alert_id", id));
        let span = batch_trace::child(trace.as_ref(), "alert.deliver", start, SpanKind::Producer, attributes);
        self.tracer.export_spans(span.into_iter().collect());
        Ok(())
    }

    /// Whatever was asked for: an operator of one tenant sees nothing of others.
    fn may_see(&self, alert: &Alert) -> bool {
        let tenant = alert.origin.as_ref().map_or("", |origin| &origin.tenant);
        self.peer.may_in(Permission::ReadAlerts, tenant)
    }

    async fn send_heartbeat(&mut self) -> Result<(), End> {
        self.send(Kind::Heartbeat(Heartbeat { time_ns: now_ns() })).await
    }

    async fn send(&mut self, kind: Kind) -> Result<(), End> {
        let cursor = Cursor { log: self.log.id(), position: self.position }.to_string();
        let message = SubscribeResponse { cursor, kind: Some(kind) };
        self.messages.send(Ok(message)).await.map_err(|_| End::Done)?;
        self.told = Instant::now();
        Ok(())
    }
}
