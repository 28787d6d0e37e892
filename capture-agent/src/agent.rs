//! The agent, put together.

use std::{future, path::Path, sync::Arc, thread, time::Duration};

use eyrie_proto::{capture::MissingAbility, event::Origin};
use grpc_transport::{ConnectError, ServiceEndpoint};
use rand::Rng as _;
use telemetry::{Checks, Instruments};
use thiserror::Error;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    capture::{Capture, LateSources},
    cgroups::Hierarchy,
    cloud::{self, CloudNews},
    config::Config,
    containers::{Containers, Places},
    facts::FactReader,
    identity::{self, IdentityError},
    kernel::{Kernel, KernelError},
    late_facts::LateFacts,
    metrics::{Metrics, Shown},
    names::{self, Names},
    privileges::{self, PrivilegeError},
    replay::{self, ReplayError, Replaying},
    session::{ConnectionStatus, Introduction, Requests, Session, SharedStatus, Stop},
    source::EventSource,
    stream::{Base, Outbox, Stream, Totals},
};

/// For the session to close its stream once it is told to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Starts agents.
#[derive(Debug)]
pub struct Agent;

/// An agent at work. Dropping it stops capture, without waiting for acks.
#[derive(Debug)]
pub struct Running {
    stream: Arc<Stream>,
    late_facts: Arc<LateFacts>,
    status: Arc<SharedStatus>,
    requests: Arc<Requests>,
    origin: Origin,
    missing_abilities: Vec<MissingAbility>,
    stop_capture: CancellationToken,
    /// Cancelled when the capture thread has ended, by itself or not.
    capture_ended: CancellationToken,
    stop_session: Stop,
    capture: Option<thread::JoinHandle<()>>,
    session: Option<JoinHandle<()>>,
    drain_timeout: Duration,
}

/// Why an agent cannot start, or ended by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// The kernel or the privileges.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// They could not be given up.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The host cannot be named.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The engine cannot be spoken to in the way that is configured.
    #[error(transparent)]
    Engine(#[from] ConnectError),
    /// The recording that is to be sent in place of this host's events.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// No thread to capture or to read files on.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The runtime ended while the agent was starting.
    #[error("the start was interrupted")]
    Interrupted,
    /// An agent that has started captures no more.
    #[error(
        "the capture thread has failed; start the agent again, and report the lines above if it happens again"
    )]
    CaptureEnded,
}

/// What an agent is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whose events it sends.
    pub origin: Origin,
    /// Random per start.
    pub epoch: u64,
    /// The connection to the engine.
    pub connection: ConnectionStatus,
    /// Counters of the stream.
    pub totals: Totals,
    /// Facts about containers and the host that were given up, because too many waited for an engine.
    pub dropped_late_facts: u64,
    /// The capture plan that is carried out; 0 for none.
    pub plan_generation: u64,
    /// What cannot be captured on this host.
    pub missing_abilities: Vec<MissingAbility>,
}

/// How an agent ended.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Events that no engine acked, and that are lost now.
    pub unacked_events: u64,
    /// Counters of the stream.
    pub totals: Totals,
}

// === impl Agent ===

impl Agent {
    /// Loads and attaches the BPF programs, takes a snapshot of the host, and begins to capture and stream.
    pub async fn start(config: Config, instruments: Instruments) -> Result<Running, StartError> {
        let kernel_config = config.clone();
        let kernel = tokio::task::spawn_blocking(move || Kernel::start(&kernel_config));
        let kernel = kernel.await.map_err(|_| StartError::Interrupted)??;
        // Who may not capture is told that alone.
        privileges::log();
        Self::start_with(config, Box::new(kernel), instruments).await
    }

    /// Sends a recording in place of this host's events.
    pub async fn replay(
        config: Config,
        recording: &Path,
        instruments: Instruments,
    ) -> Result<Replaying, StartError> {
        replay::start(config, recording, instruments).await
    }

    /// Like [`Agent::start`], with events from `source`.
    pub async fn start_with(
        config: Config,
        mut source: Box<dyn EventSource>,
        instruments: Instruments,
    ) -> Result<Running, StartError> {
        let origin = identity::origin(&config)?;
        let engine = ServiceEndpoint::new(config.engine.clone(), &config.security)?;
        source.show(&instruments.meter);
        let missing_abilities = source.missing_abilities();
        let (requests, answers) = Requests::new();
        let requests = Arc::new(requests);
        let status = Arc::new(SharedStatus::default());
        let outbox = Outbox::new(rand::rng().random_range(1..=u64::MAX), config.limits);
        // The source captures already, so nothing falls between the snapshot and the first event; an event from
        // before a process was read does not change that process.
        let opening = tokio::task::spawn_blocking(move || {
            let processes = source.snapshot(&[]).unwrap_or_default();
            info!(processes = processes.len(), "took a snapshot of the host");
            (source, Arc::new(Stream::new(outbox, Base::new(processes))))
        });
        let (source, stream) = opening.await.map_err(|_| StartError::Interrupted)?;
        let facts = FactReader::new(identity::identity_fact(&config), config.etc.clone());
        let late_facts = Arc::new(LateFacts::default());
        let places = {
            let (storages, docker) = (config.podman_storage.clone(), config.docker_root.clone());
            Places::new(storages, docker, Hierarchy::of_host().mount)
        };
        let cloud = Arc::new(CloudNews::default());
        let containers = Containers::start(origin.clone(), places, &config.sockets, Arc::clone(&late_facts));
        let containers = containers.map_err(StartError::Thread)?;
        containers.left_out().show(&instruments.meter);
        let late = LateSources {
            containers,
            host: identity::host(&config, &origin),
            facts: Arc::clone(&late_facts),
            cloud: Arc::clone(&cloud),
        };
        let names = Arc::new(Names::default());
        let capture =
            Capture::new(source, facts, late, Arc::clone(&names), Arc::clone(&stream), Arc::clone(&requests));
        let stop_capture = CancellationToken::new();
        let thread_stop = stop_capture.clone();
        let capture_ended = CancellationToken::new();
        let ended = capture_ended.clone().drop_guard();
        let capture = thread::Builder::new().name("capture".to_owned()).spawn(move || {
            // Also where capture panics.
            let _ended = ended;
            capture.run(&thread_stop);
        });
        // Nobody waits for its end: a name server may take its time.
        tokio::spawn(names::run(Arc::clone(&names), stop_capture.clone()));
        let (cloud_config, cloud_stop) = (config.cloud.clone(), stop_capture.clone());
        tokio::spawn(async move { cloud::run(&cloud_config, &cloud, cloud_stop).await });
        let stop_session = Stop::default();
        let shown = Shown {
            stream: &stream,
            late_facts: &late_facts,
            names: &names,
            status: &status,
            requests: &requests,
        };
        let metrics = Metrics::new(&instruments.meter, &shown);
        let session = Session {
            engine,
            security: config.security.clone(),
            introduction: Introduction {
                origin: origin.clone(),
                agent: identity::agent_info(&config, missing_abilities.clone()),
                clock: None,
            },
            stream: Arc::clone(&stream),
            late_facts: Arc::clone(&late_facts),
            requests: Arc::clone(&requests),
            answers,
            status: Arc::clone(&status),
            tracer: instruments.tracer,
            metrics,
            stop: stop_session.clone(),
        };
        let capture = Some(capture.map_err(StartError::Thread)?);
        Ok(Running {
            stream,
            late_facts,
            status,
            requests,
            origin,
            missing_abilities,
            stop_capture,
            capture_ended,
            stop_session,
            capture,
            session: Some(tokio::spawn(session.run())),
            drain_timeout: config.drain_timeout,
        })
    }
}

// === impl StartError ===

impl StartError {
    /// The privileges or the kernel do not allow capture.
    pub fn is_privilege(&self) -> bool {
        matches!(self, Self::Kernel(error) if error.is_privilege())
    }
}

// === impl Running ===

impl Running {
    /// What the agent is doing now.
    pub fn status(&self) -> Status {
        let outbox = self.stream.outbox();
        let (epoch, totals) = (outbox.epoch(), outbox.totals());
        drop(outbox);
        Status {
            origin: self.origin.clone(),
            epoch,
            connection: self.status.read(),
            totals,
            dropped_late_facts: self.late_facts.dropped(),
            plan_generation: self.requests.generation(),
            missing_abilities: self.missing_abilities.clone(),
        }
    }

    /// Whether the capture thread still runs. It ends only by [`Running::shutdown`] or by a bug.
    pub fn is_capturing(&self) -> bool {
        !self.capture_ended.is_cancelled()
    }

    /// Stops capture, sends what is left, waits for its acks as long as configured, and ends.
    pub async fn shutdown(mut self) -> Summary {
        self.stop_capture.cancel();
        if let Some(capture) = self.capture.take() {
            let joined = tokio::task::spawn_blocking(move || capture.join().is_ok());
            if !joined.await.unwrap_or(false) {
                warn!("the capture thread has failed");
            }
        }
        self.stop_session.finish.cancel();
        if let Some(mut session) = self.session.take()
            && timeout(self.drain_timeout, &mut session).await.is_err()
        {
            self.stop_session.abort.cancel();
            if timeout(CLOSE_TIMEOUT, &mut session).await.is_err() {
                session.abort();
            }
        }
        let totals = self.stream.outbox().totals();
        if totals.unacked_events > 0 {
            warn!(
                unacked_events = totals.unacked_events,
                "ended before everything was acked: these events are lost"
            );
        } else {
            info!(acked_events = totals.acked_events, "ended, everything is acked");
        }
        Summary { unacked_events: totals.unacked_events, totals }
    }
}

impl service_runtime::Running for Running {
    type Error = StartError;

    fn name(&self) -> &'static str {
        "capture-agent"
    }

    /// It captures, and an engine takes what it captures.
    fn checks(&self) -> Checks {
        let ended = self.capture_ended.clone();
        let status = Arc::clone(&self.status);
        Checks::default()
            .with("capture", move || {
                let is_over = ended.is_cancelled();
                future::ready(if is_over { Err("it has ended".to_owned()) } else { Ok(()) })
            })
            .with("engine", move || {
                let status = status.read();
                let not_yet = || status.last_error.unwrap_or_else(|| "it has not answered yet".to_owned());
                future::ready(if status.is_connected { Ok(()) } else { Err(not_yet()) })
            })
    }

    async fn failed(&mut self) -> StartError {
        self.capture_ended.cancelled().await;
        StartError::CaptureEnded
    }

    async fn shutdown(self) {
        Running::shutdown(self).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_capture.cancel();
        self.stop_session.abort.cancel();
    }
}
