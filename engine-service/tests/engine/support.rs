//! An engine in this process, an agent to talk to it, and a log whose failures are made to order.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use engine_service::{
    Engine, EngineOptions, Running,
    alert_log::{
        AlertLog, AlertLogError, AppendBatch, Appended, LogBounds, LogId, OriginPosition, Page, PageLimit,
        ParkedEntry,
        sqlite::{SqliteLog, SqliteOptions},
    },
    evaluate::{Evaluate, Occurrence, RuleMatch, Violation},
    listener::{ListenAddress, ListenSecurity, Listener},
    outputs::LineOutput,
};
use evaluator::RulePlans;
use eyrie_proto::{
    alert::{Alert, Priority, SubscribeRequest, SubscribeResponse, alert_service_client::AlertServiceClient},
    capture::{
        Ack, AgentInfo, BaseState, Batch, CaptureRequest, CaptureResponse, ClockReading, Hello, Host,
        ListHostsRequest, Welcome, capture_request, capture_response,
        capture_service_client::CaptureServiceClient, host_service_client::HostServiceClient,
    },
    event::{Event, HostBoot, Origin, ProcessKey, Task, event::Kind, origin},
};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

/// Longer than anything here takes, so that a hang is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const EPOCH: u64 = 0xE90C;
pub(crate) const BAD: &[u8] = b"bad";

/// Matches every event of a thread called `bad`, by one rule.
pub(crate) struct BadThreads {
    pub(crate) event_types: BTreeSet<String>,
    pub(crate) host_names: BTreeSet<String>,
    pub(crate) plans: RulePlans,
}

impl Evaluate for BadThreads {
    fn rule_set_digest(&self) -> &str {
        "sha256:test"
    }

    fn event_types_needed(&self) -> &BTreeSet<String> {
        &self.event_types
    }

    fn host_names_needed(&self) -> &BTreeSet<String> {
        &self.host_names
    }

    fn plans(&self) -> &RulePlans {
        &self.plans
    }

    fn violations(&self, occurrence: &Occurrence<'_>) -> Vec<Violation> {
        let is_bad = occurrence.event.task.as_ref().is_some_and(|task| task.comm == BAD);
        is_bad.then(|| Violation { rule: "Bad thread".into(), is_certain: true }).into_iter().collect()
    }

    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>) {
        if occurrence.event.task.as_ref().is_some_and(|task| task.comm == BAD) {
            matches.push(RuleMatch {
                rule: "Bad thread".into(),
                priority: Priority::Warning,
                source: "syscall".into(),
                event_type: "openat".to_owned(),
                tags: vec!["test".into()],
                message: format!("bad thread at {}", occurrence.sequence),
                output_fields: BTreeMap::new(),
                is_certain: true,
                ..RuleMatch::default()
            });
        }
    }
}

pub(crate) fn evaluator() -> Arc<dyn Evaluate> {
    Arc::new(BadThreads {
        event_types: ["execve".to_owned(), "openat".to_owned()].into(),
        host_names: ["a.test".to_owned(), "b.test".to_owned()].into(),
        plans: RulePlans::default(),
    })
}

pub(crate) fn sqlite(directory: &Path) -> Arc<SqliteLog> {
    Arc::new(SqliteLog::open(directory, SqliteOptions::default()).unwrap())
}

/// Short waits, so that tests of them are quick.
pub(crate) fn options() -> EngineOptions {
    let mut options = EngineOptions { drain_wait: Duration::from_secs(5), ..EngineOptions::default() };
    options.session.first_append_retry = Duration::from_millis(5);
    options.session.last_append_retry = Duration::from_millis(20);
    options
}

pub(crate) async fn start(log: Arc<dyn AlertLog>) -> Running {
    start_with(log, options(), None).await
}

pub(crate) async fn start_with(
    log: Arc<dyn AlertLog>,
    options: EngineOptions,
    output: Option<LineOutput>,
) -> Running {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
    Engine { evaluator: evaluator(), log, listener, output, options, instruments: Default::default() }
        .start()
        .await
        .unwrap()
}

pub(crate) async fn channel(address: &ListenAddress) -> Channel {
    Endpoint::from_shared(address.uri()).unwrap().connect().await.unwrap()
}

pub(crate) async fn hosts(engine: &Running, include_disconnected: bool) -> Vec<Host> {
    let mut client = HostServiceClient::new(channel(engine.local_address()).await);
    client.list_hosts(ListHostsRequest { include_disconnected }).await.unwrap().into_inner().hosts
}

pub(crate) fn origin() -> Origin {
    let host = HostBoot {
        machine_id: "0123456789abcdef0123456789abcdef".into(),
        boot_id: "01234567-89ab-cdef-0123-456789abcdef".into(),
    };
    Origin { tenant: String::new(), kind: Some(origin::Kind::Host(host)) }
}

pub(crate) fn hello() -> Hello {
    Hello {
        origin: Some(origin()),
        epoch: EPOCH,
        first_sequence: 1,
        agent: Some(AgentInfo { hostname: "h1".into(), ..AgentInfo::default() }),
        protocol_versions: vec![1],
        clock: Some(ClockReading { boot_ns: 0, epoch_ns: 1_000_000_000_000 }),
        ..Hello::default()
    }
}

/// An event of a thread with this name; one second of boot time an event.
pub(crate) fn event(sequence: u64, comm: &[u8]) -> Event {
    let task = Task {
        process: Some(ProcessKey { pid: 100, start_boot_ns: 1 }),
        tid: 100,
        comm: comm.to_vec(),
        ..Task::default()
    };
    Event {
        boot_ns: sequence * 1_000_000_000,
        task: Some(task),
        kind: Some(Kind::GenericCall(Default::default())),
        ..Event::default()
    }
}

/// A batch of `count` events from `first` on, of which those in `bad` raise an alert.
pub(crate) fn batch(first: u64, count: u64, bad: &[u64]) -> Batch {
    let events = (first..first + count)
        .map(|sequence| event(sequence, if bad.contains(&sequence) { BAD } else { b"good" }))
        .collect();
    Batch { batch_id: first, epoch: EPOCH, first_sequence: first, events, ..Batch::default() }
}

/// One capture session, seen from the agent.
pub(crate) struct Agent {
    pub(crate) requests: mpsc::Sender<CaptureRequest>,
    pub(crate) responses: Streaming<CaptureResponse>,
}

impl Agent {
    /// Opens a stream and sends nothing.
    pub(crate) async fn open(engine: &Running) -> Self {
        Self::open_over(channel(engine.local_address()).await).await
    }

    /// The same over a connection that is there.
    pub(crate) async fn open_over(channel: Channel) -> Self {
        let mut client = CaptureServiceClient::new(channel).max_encoding_message_size(usize::MAX);
        let (requests, receiver) = mpsc::channel(1024);
        let responses = client.capture(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Self { requests, responses }
    }

    /// Says hello and takes the welcome.
    pub(crate) async fn greet(engine: &Running, hello: Hello) -> (Self, Welcome) {
        let mut agent = Self::open(engine).await;
        agent.send(capture_request::Kind::Hello(hello)).await;
        match agent.next().await.unwrap().unwrap() {
            capture_response::Kind::Welcome(welcome) => (agent, welcome),
            other => panic!("no welcome but {other:?}"),
        }
    }

    /// Says hello and sends an empty base state as of `as_of_sequence`.
    pub(crate) async fn begin(engine: &Running, hello: Hello, as_of_sequence: u64) -> Self {
        let (agent, welcome) = Self::greet(engine, hello).await;
        assert_eq!(welcome.held_through_sequence, None);
        let base = BaseState { as_of_sequence, is_last: true, ..BaseState::default() };
        agent.send(capture_request::Kind::BaseState(base)).await;
        agent
    }

    pub(crate) async fn send(&self, kind: capture_request::Kind) {
        // A session that has ended says so in its responses.
        let _ = self.requests.send(CaptureRequest { kind: Some(kind) }).await;
    }

    pub(crate) async fn send_batch(&self, batch: Batch) {
        self.send(capture_request::Kind::Batch(batch)).await;
    }

    /// The next response; `None` at the stream's end.
    pub(crate) async fn next(&mut self) -> Option<Result<capture_response::Kind, Status>> {
        let next =
            tokio::time::timeout(PATIENCE, self.responses.next()).await.expect("no response in time")?;
        Some(next.map(|response| response.kind.unwrap()))
    }

    /// The next ack, whatever comes before it.
    pub(crate) async fn ack(&mut self) -> Ack {
        loop {
            if let capture_response::Kind::Ack(ack) = self.next().await.unwrap().unwrap() {
                return ack;
            }
        }
    }

    /// Sends a batch and takes its ack.
    pub(crate) async fn deliver(&mut self, batch: Batch) -> Ack {
        self.send_batch(batch).await;
        self.ack().await
    }

    /// How the stream ends.
    pub(crate) async fn status(mut self) -> Status {
        loop {
            match self.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return status,
                None => panic!("the stream ended without a status"),
            }
        }
    }

    /// Ends the stream as an agent that stops, and waits for the engine's end.
    pub(crate) async fn leave(mut self) {
        drop(self.requests);
        let responses = &mut self.responses;
        while tokio::time::timeout(PATIENCE, responses.next()).await.expect("no end in time").is_some() {}
    }
}

impl Agent {
    /// Shuts the engine down and takes what it says at the end.
    pub(crate) async fn leave_at_the_engines_end(mut self, engine: Running) {
        let (_, _) = tokio::join!(engine.shutdown(), async { while let Some(Ok(_)) = self.next().await {} });
    }
}

/// The stable reason in a status.
pub(crate) fn reason(status: &Status) -> &str {
    status.metadata().get("eyrie-reason").map_or("none", |reason| reason.to_str().unwrap())
}

pub(crate) async fn subscribe(
    engine: &Running,
    request: SubscribeRequest,
) -> Result<Streaming<SubscribeResponse>, Status> {
    let mut client = AlertServiceClient::new(channel(engine.local_address()).await);
    client.subscribe(request).await.map(tonic::Response::into_inner)
}

/// All alerts in a log, in order.
pub(crate) async fn alerts(log: &dyn AlertLog) -> Vec<Alert> {
    let limit = PageLimit { entries: usize::MAX, bytes: usize::MAX };
    log.read(0, limit).await.unwrap().entries.into_iter().map(|entry| entry.alert).collect()
}

/// Their sequence numbers.
pub(crate) async fn alert_sequences(log: &dyn AlertLog) -> Vec<u64> {
    alerts(log).await.iter().map(|alert| alert.sequence).collect()
}

/// A real log whose appends fail, or do not answer, as a test wants it.
pub(crate) struct FaultyLog {
    pub(crate) inner: Arc<dyn AlertLog>,
    /// Appends that are still to fail.
    failures: AtomicU32,
    is_fault_retryable: bool,
    /// How many appends were tried.
    tries: watch::Sender<u32>,
    /// Appends that were written and may answer.
    answers: Semaphore,
}

impl FaultyLog {
    pub(crate) fn new(inner: Arc<dyn AlertLog>, failures: u32, is_fault_retryable: bool) -> Arc<Self> {
        let (failures, answers) = (AtomicU32::new(failures), Semaphore::new(Semaphore::MAX_PERMITS));
        let tries = watch::Sender::new(0);
        Arc::new(Self { inner, failures, is_fault_retryable, tries, answers })
    }

    /// Writes, and never answers.
    pub(crate) fn silent(inner: Arc<dyn AlertLog>) -> Arc<Self> {
        let tries = watch::Sender::new(0);
        let failures = AtomicU32::new(0);
        Arc::new(Self { inner, failures, is_fault_retryable: true, tries, answers: Semaphore::new(0) })
    }

    /// So many further failures.
    pub(crate) fn fail(&self, failures: u32) {
        self.failures.store(failures, Ordering::SeqCst);
    }

    /// No further failures.
    pub(crate) fn repair(&self) {
        self.failures.store(0, Ordering::SeqCst);
    }

    /// Waits until so many appends were tried (for a silent log: written).
    pub(crate) async fn tried(&self, count: u32) {
        let mut tries = self.tries.subscribe();
        tokio::time::timeout(PATIENCE, tries.wait_for(|tried| *tried >= count))
            .await
            .expect("not tried")
            .unwrap();
    }
}

#[tonic::async_trait]
impl AlertLog for FaultyLog {
    fn id(&self) -> LogId {
        self.inner.id()
    }

    fn bounds(&self) -> watch::Receiver<LogBounds> {
        self.inner.bounds()
    }

    async fn append(&self, batch: Arc<AppendBatch>) -> Result<Appended, AlertLogError> {
        let one_less = |left: u32| left.checked_sub(1);
        let result = match self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) if self.is_fault_retryable => {
                Err(AlertLogError::Full { path: "made/to/order".into(), detail: "by the test".into() })
            }
            Ok(_) => {
                Err(AlertLogError::Damaged { path: "made/to/order".into(), detail: "by the test".into() })
            }
            Err(_) => self.inner.append(batch).await,
        };
        self.tries.send_modify(|tries| *tries += 1);
        self.answers.acquire().await.unwrap().forget();
        result
    }

    async fn read(&self, from_position_exclusive: u64, limit: PageLimit) -> Result<Page, AlertLogError> {
        self.inner.read(from_position_exclusive, limit).await
    }

    async fn position_before_time(&self, since_ns: u64) -> Result<u64, AlertLogError> {
        self.inner.position_before_time(since_ns).await
    }

    async fn parked(&self) -> Result<Vec<ParkedEntry>, AlertLogError> {
        self.inner.parked().await
    }

    async fn origin_position(&self, origin: &str) -> Result<Option<OriginPosition>, AlertLogError> {
        self.inner.origin_position(origin).await
    }

    async fn reader_position(&self, reader: &str) -> Result<Option<u64>, AlertLogError> {
        self.inner.reader_position(reader).await
    }

    async fn store_reader_position(&self, reader: &str, position: u64) -> Result<(), AlertLogError> {
        self.inner.store_reader_position(reader, position).await
    }
}
