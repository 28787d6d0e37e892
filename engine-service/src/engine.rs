//! Puts the parts together, runs them, and lets them end in order.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use eyrie_proto::{
    alert::alert_service_server::AlertServiceServer,
    capture::{
        capture_service_server::CaptureServiceServer, host_service_server::HostServiceServer,
        plan_service_server::PlanServiceServer,
    },
    recording::recording_service_server::RecordingServiceServer,
    rules::rule_service_server::RuleServiceServer,
};
use telemetry::{Checks, Instruments};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    alert_log::{AlertLog, AlertLogError, PageLimit},
    evaluate::Evaluate,
    intake::{Intake, IntakeService, SessionLimits},
    listener::{
        AccessTable, ConnectError, ListenAddress, ListenError, Listener, Permission, Server, ServerError,
        ServerOptions, Serving,
    },
    metadata::{Metadata, MetadataCounters, MetadataOptions},
    metrics::Metrics,
    origins::{OriginLimits, Origins},
    outputs::{self, LineOutput},
    parking::Worker,
    plans::{PlanOptions, PlanServer, Plans, RuleServer},
    recordings::{RecordingOptions, RecordingServer, Recordings, StoreError},
    rules::RulesError,
    subscriptions::Subscriptions,
};

/// What HTTP/2 lets a client send ahead: for a batch of some hundred KiB a smaller window would stall.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// The same for all streams of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Above the limit that agents are told, so that a batch a little too large is refused instead of ending its session.
const MESSAGE_SLACK_BYTES: usize = 64 * 1024;
/// Between two looks for states and origins that have waited long enough.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What the methods ask of whoever calls them. Which origins and tenants that holds for is the handlers' business.
const ACCESS: AccessTable = &[
    ("/eyrie.capture.v1.CaptureService/Capture", Permission::Capture),
    ("/eyrie.capture.v1.HostService/ListHosts", Permission::ReadHosts),
    ("/eyrie.capture.v1.PlanService/ListPlans", Permission::ReadHosts),
    ("/eyrie.capture.v1.PlanService/ExplainRule", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/ListCoverage", Permission::ReadHosts),
    // These change nothing: they say where rules come from.
    ("/eyrie.rules.v1.RuleService/PutBundle", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/GetBundle", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/ListBundles", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/DeleteBundle", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/PutAssignment", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/ListAssignments", Permission::ReadHosts),
    ("/eyrie.rules.v1.RuleService/DeleteAssignment", Permission::ReadHosts),
    ("/eyrie.alert.v1.AlertService/Subscribe", Permission::ReadAlerts),
    ("/eyrie.recording.v1.RecordingService/ListRecordings", Permission::ReadRecordings),
    ("/eyrie.recording.v1.RecordingService/FetchRecording", Permission::ReadRecordings),
    ("/eyrie.recording.v1.RecordingService/DeleteRecording", Permission::DeleteRecordings),
    ("/eyrie.recording.v1.RecordingService/RecordHost", Permission::ReadRecordings),
];

/// Bounds of a whole engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Of each capture session.
    pub session: SessionLimits,
    /// Connections at a time.
    pub max_connections: usize,
    /// Calls at a time whose response has not begun; sessions and subscriptions that have begun have bounds of their own.
    pub max_calls: usize,
    /// Subscriptions at a time.
    pub max_subscriptions: usize,
    /// Evaluations at a time.
    pub evaluation_threads: usize,
    /// Origins that are known at a time, connected or not.
    pub max_origins: usize,
    /// States of disconnected origins that are held for their return.
    pub max_held_states: usize,
    /// How long they are.
    pub hold_state_for: Duration,
    /// How long everything may take to finish at the end.
    pub drain_wait: Duration,
    /// How names of containers are had, and how long matches wait for them.
    pub metadata: MetadataOptions,
    /// What is recorded when alerts come.
    pub recordings: RecordingOptions,
    /// What agents are asked for.
    pub plans: PlanOptions,
}

/// What an engine is made of.
pub struct Engine {
    /// The rules.
    pub evaluator: Arc<dyn Evaluate>,
    /// Where alerts are kept.
    pub log: Arc<dyn AlertLog>,
    /// Where clients come in.
    pub listener: Listener,
    /// Where alerts are printed.
    pub output: Option<LineOutput>,
    /// Bounds.
    pub options: EngineOptions,
    /// What it measures and traces with.
    pub instruments: Instruments,
}

/// An engine at work. Dropping it ends it at once, without harm to what it has acked; [`Running::shutdown`] is kinder.
#[derive(Debug)]
pub struct Running {
    log: Weak<dyn AlertLog>,
    metadata: Arc<Metadata>,
    stop: CancellationToken,
    abort: CancellationToken,
    stop_output: CancellationToken,
    stop_parking: CancellationToken,
    tasks: TaskTracker,
    parking: JoinHandle<()>,
    serving: Serving,
    output: Option<JoinHandle<()>>,
    drain_wait: Duration,
}

/// Why an engine does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The rules.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The log.
    #[error(transparent)]
    Log(#[from] AlertLogError),
    /// The folder of recordings.
    #[error(transparent)]
    Recordings(#[from] StoreError),
    /// The address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The way to the metadata service.
    #[error("the metadata service: {0}")]
    MetadataService(#[source] ConnectError),
    /// The gRPC server.
    #[error(transparent)]
    Serve(#[from] ServerError),
    /// The start was interrupted.
    #[error("the engine cannot start: {detail}")]
    Interrupted {
        /// What it says.
        detail: String,
    },
}

// === impl EngineOptions ===

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            session: SessionLimits::default(),
            max_connections: 4_096,
            max_calls: 512,
            max_subscriptions: 256,
            evaluation_threads: std::thread::available_parallelism().map_or(2, usize::from),
            max_origins: 8_192,
            max_held_states: 256,
            hold_state_for: Duration::from_secs(300),
            drain_wait: Duration::from_secs(10),
            metadata: MetadataOptions::default(),
            recordings: RecordingOptions::default(),
            plans: PlanOptions::default(),
        }
    }
}

impl EngineOptions {
    fn server(&self) -> ServerOptions {
        ServerOptions {
            max_connections: self.max_connections,
            max_calls: self.max_calls,
            stream_window_bytes: STREAM_WINDOW_BYTES,
            connection_window_bytes: CONNECTION_WINDOW_BYTES,
            ..ServerOptions::default()
        }
    }

    fn origins(&self) -> OriginLimits {
        OriginLimits {
            max_origins: self.max_origins,
            max_held_states: self.max_held_states,
            hold_state_for: self.hold_state_for,
            list_for: Duration::from_secs(3_600),
            wait_for_predecessor: Duration::from_secs(10),
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Starts everything. From then on clients are served.
    pub async fn start(self) -> Result<Running, EngineError> {
        let Self { evaluator, log, listener, output, options, instruments } = self;
        let (tracer, evaluations) = (instruments.tracer, options.evaluation_threads.max(1));
        let server = Server::new(options.server(), ACCESS);
        let (stop, abort) = (CancellationToken::new(), CancellationToken::new());
        let (stop_output, tasks) = (CancellationToken::new(), TaskTracker::new());
        let metadata = Metadata::start(&options.metadata, tracer.clone(), &stop, &tasks);
        let (settings, ends) = (options.recordings.clone(), (stop.clone(), tasks.clone()));
        let opened = tokio::task::spawn_blocking(move || Recordings::open(settings, ends.0, ends.1)).await;
        let recordings = opened.map_err(|error| EngineError::Interrupted { detail: error.to_string() })??;
        recordings.show(&instruments.meter);
        let intake = Arc::new(Intake {
            plans: Arc::new(Plans::new(&*evaluator, options.plans, options.session.max_message_bytes)),
            evaluator: Arc::clone(&evaluator),
            recordings: Arc::clone(&recordings),
            metadata: Arc::clone(&metadata),
            tracer: tracer.clone(),
            metrics: Metrics::new(&instruments.meter),
            log: Arc::clone(&log),
            origins: Origins::new(options.origins()),
            evaluation_slots: Arc::new(Semaphore::new(evaluations)),
            engine_id: format!("{:016x}", rand::random::<u64>()),
            stop: stop.clone(),
            abort: abort.clone(),
            tasks: tasks.clone(),
            session_permits: Arc::new(Semaphore::new(options.session.max_sessions)),
            limits: options.session,
        });
        let parking = Worker {
            table: Arc::clone(&metadata.parked),
            metadata: Arc::clone(&metadata),
            log: Arc::clone(&log),
            tracer: tracer.clone(),
            told: Box::new(move |alerts| recordings.triggered_late(&*evaluator, alerts)),
        };
        // Before anything can be appended: a printer that is new begins here.
        let output = match output {
            None => None,
            Some(output) => {
                let position = outputs::first_position(&*log).await?;
                let printing = outputs::print(Arc::clone(&log), output, position, stop_output.clone());
                Some(tokio::spawn(async move {
                    if let Err(error) = printing.await {
                        tracing::error!("stopped printing alerts: {error}");
                    }
                }))
            }
        };
        parking.restore().await?;
        let stop_parking = CancellationToken::new();
        let parking = tokio::spawn(parking.run(stop_parking.clone()));
        tasks.spawn(sweep(Arc::clone(&intake)));
        let to_check = Arc::downgrade(&log);
        let subscriptions =
            Subscriptions::new(log, options.max_subscriptions, tracer, stop.clone(), tasks.clone());
        let permits = (subscriptions.permits(), options.max_subscriptions);
        intake.metrics.show(&instruments.meter, &intake, permits, evaluations);
        let max_message = intake.limits.max_message_bytes + MESSAGE_SLACK_BYTES;
        let recording = RecordingServer(Arc::clone(&intake));
        let (plans, rules) = (PlanServer(Arc::clone(&intake)), RuleServer(Arc::clone(&intake)));
        let service = IntakeService(intake);
        let serving = server
            .add_service(CaptureServiceServer::new(service.clone()).max_decoding_message_size(max_message))
            .add_service(HostServiceServer::new(service))
            .add_service(PlanServiceServer::new(plans))
            .add_service(RuleServiceServer::new(rules))
            .add_service(RecordingServiceServer::new(recording))
            .add_service(AlertServiceServer::new(subscriptions))
            .serve(listener, stop.clone())
            .await?;
        tracing::info!(address = %serving.local_address(), "the engine takes connections");
        Ok(Running {
            log: to_check,
            metadata,
            stop,
            abort,
            stop_output,
            stop_parking,
            tasks,
            parking,
            serving,
            output,
            drain_wait: options.drain_wait,
        })
    }
}

// === impl Running ===

impl Running {
    /// Where clients come in, with the port that was taken.
    pub fn local_address(&self) -> &ListenAddress {
        self.serving.local_address()
    }

    /// What metadata did to matches so far.
    pub fn metadata_counters(&self) -> MetadataCounters {
        self.metadata.counters()
    }

    /// Ends in order: probes are told, no new work, what is queued is evaluated, written and acked, what is written is printed, and all
    /// streams are closed with a status. What takes too long is given up; agents send it again.
    pub async fn shutdown(mut self) {
        self.serving.set_not_serving().await;
        self.stop.cancel();
        self.tasks.close();
        let deadline = tokio::time::Instant::now() + self.drain_wait;
        if tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!(waited = ?self.drain_wait, "sessions did not end in time: giving them up");
            self.abort.cancel();
            let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
        }
        // What still waits for metadata is told now, marked, and so is printed.
        self.stop_parking.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), &mut self.parking).await;
        self.stop_output.cancel();
        if let Some(output) = &mut self.output {
            let _ = tokio::time::timeout(Duration::from_secs(2), output).await;
        }
        self.serving.end().await;
    }
}

impl service_runtime::Running for Running {
    type Error = EngineError;

    fn name(&self) -> &'static str {
        "engine-service"
    }

    /// The rules are loaded before anything starts, so what is left is whether the log can be read.
    fn checks(&self) -> Checks {
        let log = Weak::clone(&self.log);
        Checks::default().with("alert log", move || {
            let log = Weak::upgrade(&log);
            async move {
                let log = log.ok_or("it is closed")?;
                let last = log.bounds().borrow().last;
                let newest = PageLimit { entries: 1, bytes: 1 };
                let read = log.read(last.saturating_sub(1), newest).await;
                read.map(drop).map_err(|error| error.to_string())
            }
        })
    }

    async fn failed(&mut self) -> EngineError {
        self.serving.failed().await.into()
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
        self.stop_output.cancel();
        self.parking.abort();
        if let Some(output) = &self.output {
            output.abort();
        }
    }
}

async fn sweep(intake: Arc<Intake>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            () = intake.stop.cancelled() => return,
            _ = interval.tick() => {
                intake.origins.sweep(std::time::Instant::now());
                intake.metadata.sweep();
            }
        }
    }
}
