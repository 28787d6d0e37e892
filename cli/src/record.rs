//! `eyrie record`: the agent in this process, with a recorder in the place of an engine.
//!
//! ```text
//!  agent ═ private socket ═▶ Session ── Kind ──▶ Recorder: filter, redaction, file
//!                               └── acks, credit, plan ──◀
//! ```
//!
//! What the agent sends is written as it came, and acked when it is; so losses are in the recording as they would be in an engine's
//! stream, and a disk that is slow makes the agent keep more, within its bounds.

mod filter;
mod plan;
mod progress;
mod recorder;
mod remote;
mod session;

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use capture_agent::Agent;
use eyrie_proto::{
    capture::{CapturePlan, capture_service_server::CaptureServiceServer},
    recording::RecordingEnd,
};
use grpc_transport::{
    AccessTable, ListenAddress, ListenSecurity, Listener, Permission, Server, ServerOptions, ServiceAddress,
    Serving,
};
use owo_colors::OwoColorize as _;
use recording::{CreateOptions, Redactor};
use service_runtime::{ExitStatus, Running as _};
use telemetry::{AdminListen, Instruments, ServiceIdentity, Telemetry, TelemetryConfig};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use self::{
    filter::Filter,
    progress::{Progress, Summary},
    recorder::{Limits, Recorder},
    session::{Ended, RecordService, Sessions},
};
use crate::{args::RecordArguments, diagnostics, up};

/// What telemetry calls this process.
const IDENTITY: ServiceIdentity = ServiceIdentity { name: "eyrie", version: env!("CARGO_PKG_VERSION") };
/// What is logged, unless the variable says otherwise.
const LOG_LEVEL: &str = "warn";
const LOG_VARIABLE: &str = "EYRIE_LOG";
/// What the socket's address leaves for its folder (sun_path of unix(7) has 108 bytes).
const MAX_FOLDER_BYTES: usize = 80;
/// What HTTP/2 lets the agent send ahead: a few batches.
const WINDOW_BYTES: u32 = 4 << 20;
/// How long what is still to be written may take at the end. Translating it to .scap on a busy machine takes its time.
const DRAIN_WAIT: Duration = Duration::from_secs(60);
/// For the agent to capture by the plan; it does within milliseconds of its start.
const PLAN_WAIT: Duration = Duration::from_secs(10);
/// What the one method asks of whoever calls it: over a Unix socket anybody who can open it may.
const ACCESS: AccessTable = &[("/eyrie.capture.v1.CaptureService/Capture", Permission::Capture)];

/// Carries out `eyrie record`.
pub(crate) async fn run(arguments: RecordArguments) -> anyhow::Result<ExitCode> {
    log()?;
    if let Some(host) = &arguments.remote.host {
        return remote::run(&arguments, host).await;
    }
    let Some(job) = Job::prepare(&arguments)? else { return Ok(ExitStatus::Usage.into()) };
    let figures = Arc::clone(&job.recorder.figures);
    let stopped_by = job.recorder.stopped.clone();
    let mut running = match Recording::start(job).await {
        Ok(running) => running,
        Err(error) => {
            // Nothing was recorded: what there is of a file would only be in the way of the next try.
            remove(&arguments.file);
            return up::refuse(error);
        }
    };
    let progress = Progress::start(&figures, &arguments.file);
    running.tell_missing();
    let planned = running.planned.clone();
    let (end, failure) = tokio::select! {
        end = wait(&arguments, &planned, &stopped_by) => (end?, None),
        error = running.failed() => (RecordingEnd::Stream, Some(error)),
    };
    let mut summary = running.finish(end).await?;
    summary.failure = summary.failure.or(failure);
    drop(progress);
    summary.tell(&arguments.file, arguments.json)?;
    // A file that is full has room for no more; otherwise what was captured is to be in it.
    let lacks_some = summary.unwritten > 0 && summary.end == RecordingEnd::Complete;
    let is_whole = summary.failure.is_none() && !lacks_some;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is to be done, checked before anything is started.
struct Job {
    recorder: Recorder,
    plan: CapturePlan,
}

/// The parts at work.
struct Recording {
    agent: capture_agent::Running,
    /// Gone if it ended by itself.
    serving: Option<Serving>,
    sessions: tokio::task::JoinHandle<anyhow::Result<Ended>>,
    /// Cancelled when the sessions have ended, however that was.
    ended: CancellationToken,
    stop: CancellationToken,
    /// Cancelled when what was asked for is captured.
    planned: CancellationToken,
    /// Of the socket; goes with it.
    _folder: TempDir,
}

// === impl Job ===

impl Job {
    /// `None` if a condition or rules are wrong, which is then explained.
    fn prepare(arguments: &RecordArguments) -> anyhow::Result<Option<Self>> {
        let redactor = Redactor::new(&arguments.redact.redactions())?;
        let filter = match arguments.filter.as_deref().map(Filter::new).transpose() {
            Ok(filter) => filter,
            Err(error) => return explain(&error),
        };
        let plan = match plan::plan(&arguments.rules, arguments.all, filter.as_ref()) {
            Ok(plan) => plan,
            Err(error) => return explain(&error),
        };
        // Last: what is wrong with the arguments makes no file.
        let options = CreateOptions { format: arguments.format(), is_replacing: arguments.force };
        let sink = recording::create(&arguments.file, &options)?;
        let limits = Limits { max_bytes: arguments.max_size.unwrap_or(u64::MAX) };
        let condition = arguments.filter.clone().unwrap_or_default();
        Ok(Some(Self {
            recorder: Recorder::new(sink, redactor, filter, condition, limits).following(),
            plan,
        }))
    }
}

/// Rules and conditions are explained with their lines.
fn explain(error: &engine_service::rules::RulesError) -> anyhow::Result<Option<Job>> {
    match error {
        engine_service::rules::RulesError::Invalid { diagnostics } => {
            diagnostics.iter().for_each(|it| anstream::eprintln!("{}", diagnostics::render(it, true)));
        }
        other => anstream::eprintln!("{} {other}", "error:".red()),
    }
    Ok(None)
}

// === impl Recording ===

impl Recording {
    async fn start(Job { recorder, plan }: Job) -> anyhow::Result<Self> {
        let folder = private_folder()?;
        let address = ListenAddress::Unix(folder.path().join("socket"));
        let listener = Listener::bind(address, ListenSecurity::LOCAL).await?;
        let stop = CancellationToken::new();
        let (service, incoming) = RecordService::new();
        let options = ServerOptions {
            stream_window_bytes: WINDOW_BYTES,
            connection_window_bytes: WINDOW_BYTES,
            ..ServerOptions::default()
        };
        let service =
            CaptureServiceServer::new(service).max_decoding_message_size(session::MAX_MESSAGE_BYTES);
        let serving = Server::new(options, ACCESS).add_service(service).serve(listener, stop.clone()).await?;
        let planned = CancellationToken::new();
        let sessions = Sessions::new(recorder, plan, planned.clone());
        let ended = CancellationToken::new();
        let (guard, run) = (ended.clone().drop_guard(), sessions.run(incoming, stop.clone()));
        let sessions = tokio::spawn(async move {
            let _ended = guard;
            run.await
        });
        let config = capture_agent::Config {
            engine: ServiceAddress::of_listener(serving.local_address(), false),
            drain_timeout: DRAIN_WAIT,
            ..capture_agent::Config::default()
        };
        let agent = Agent::start(config, Instruments::default()).await?;
        Ok(Self { agent, serving: Some(serving), sessions, ended, stop, planned, _folder: folder })
    }

    /// Resolves if a part ends that nobody told to: without it nothing more would be recorded.
    async fn failed(&mut self) -> anyhow::Error {
        let serving = async {
            match &mut self.serving {
                Some(serving) => serving.failed().await,
                None => std::future::pending().await,
            }
        };
        let error = tokio::select! {
            error = self.agent.failed() => return error.into(),
            () = self.ended.cancelled() => return anyhow::anyhow!("the recorder has ended by itself"),
            error = serving => error,
        };
        self.serving = None;
        error.into()
    }

    fn tell_missing(&self) {
        for missing in self.agent.status().missing_abilities {
            anstream::eprintln!(
                "{} {}: {} ({})",
                "not seen:".yellow(),
                missing.name,
                missing.consequence,
                missing.reason
            );
        }
    }

    /// The agent first: what it has is still written and acked.
    async fn finish(self, end: RecordingEnd) -> anyhow::Result<Summary> {
        let unwritten = self.agent.shutdown().await.unacked_events;
        self.stop.cancel();
        let Ended { recorder, failure } = self.sessions.await.context("the recorder has failed")??;
        if let Some(mut serving) = self.serving {
            serving.end().await;
        }
        let mut summary = tokio::task::spawn_blocking(move || recorder.finish(end, unwritten)).await?;
        summary.failure = summary.failure.or(failure);
        Ok(summary)
    }
}

/// What the agent has to say beside its stream goes to standard error, if it is grave.
fn log() -> anyhow::Result<()> {
    let admin = SocketAddr::from(([127, 0, 0, 1], 0));
    let level = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| LOG_LEVEL.to_owned());
    let config =
        TelemetryConfig { log_level: level, admin_listen: AdminListen::Off, ..TelemetryConfig::new(admin) };
    Telemetry::start(&config, IDENTITY)?.install();
    Ok(())
}

/// Waits for the end of the time, for a signal, or for the recorder to be unable or not willing to go on. The time begins when
/// what was asked for is captured, and that moment is told: what somebody does afterwards is in the file.
async fn wait(
    arguments: &RecordArguments,
    planned: &CancellationToken,
    stopped: &CancellationToken,
) -> anyhow::Result<RecordingEnd> {
    let is_over = async {
        // Whatever holds the agent up, a recording of a given length ends.
        if tokio::time::timeout(PLAN_WAIT, planned.cancelled()).await.is_ok() {
            anstream::eprintln!("{} to {}", "recording".green(), arguments.file.display());
        }
        match arguments.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    Ok(tokio::select! {
        () = is_over => RecordingEnd::Complete,
        told = told_to_end() => told.map(|()| RecordingEnd::Complete)?,
        () = stopped.cancelled() => RecordingEnd::Budget,
    })
}

/// Resolves when somebody wants an end: Ctrl-C, whoever manages services, or a terminal that is gone.
pub(crate) async fn told_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}

/// A folder that only this user can look into, with a path that is short enough for a socket's address.
fn private_folder() -> anyhow::Result<TempDir> {
    let of = |place: &Path| tempfile::Builder::new().prefix("eyrie-record-").tempdir_in(place);
    let wanted = std::env::temp_dir();
    let place = if wanted.as_os_str().len() <= MAX_FOLDER_BYTES { wanted } else { "/tmp".into() };
    of(&place).with_context(|| format!("cannot make a folder for the agent's socket in {}", place.display()))
}

fn remove(file: &Path) {
    if file != Path::new("-") {
        let _ = std::fs::remove_file(file);
    }
}
