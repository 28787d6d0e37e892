//! `eyrie up`: agent, engine and metadata service in this process, joined by gRPC as they would be over a network.

use std::{
    net::SocketAddr,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use capture_agent::{Agent, StartError};
use grpc_transport::{ClientSecurity, ListenAddress, ServiceAddress};
use indicatif::ProgressBar;
use metadata_service::MetadataService;
use owo_colors::OwoColorize as _;
use service_runtime::{ExitStatus, Settings as _, Shell};
use telemetry::{Checks, Instruments, ServiceIdentity};

use crate::{args::UpArguments, diagnostics, rules::Checked};

/// What fits into a socket's address (sun_path of unix(7), with its terminating zero).
const MAX_SOCKET_PATH: usize = 107;

/// Of the metadata service within the data directory.
const METADATA_FOLDER: &str = "metadata";
/// Why TLS is refused: the engine has one listener, and it would ask the agent for a certificate.
const TLS_NOT_HERE: &str = "tls-cert is set, and eyrie up joins its agent to its engine in plain text on this machine; run \
    engine-service and capture-agent by themselves for TLS";
/// What telemetry calls this process, in which all services are.
const IDENTITY: ServiceIdentity = ServiceIdentity { name: "eyrie", version: env!("CARGO_PKG_VERSION") };
/// What is logged unless something else is said: the terminal is for alerts.
const LOG_LEVEL: &str = "warn";

/// Carries out `eyrie up`.
pub(crate) async fn run(arguments: UpArguments) -> anyhow::Result<ExitCode> {
    let mut settings = arguments.engine;
    settings.telemetry.log_level.get_or_insert_with(|| LOG_LEVEL.to_owned());
    let config = match settings.resolve() {
        Ok(config) => config,
        Err(error) => {
            anstream::eprintln!("{} {error}", "error:".red());
            return Ok(ExitStatus::Usage.into());
        }
    };
    if config.security.tls.is_some() {
        anstream::eprintln!("{} {TLS_NOT_HERE}", "error:".red());
        return Ok(ExitStatus::Usage.into());
    }
    let Some(rule_count) = check_rules(&config)? else { return Ok(ExitCode::FAILURE) };
    let shell = Shell::start(&config.telemetry, IDENTITY).await?;
    let instruments = shell.instruments();
    match shell.serve(Watch::start(config, rule_count, instruments)).await {
        Ok(end) => Ok(ExitStatus::from(end).into()),
        Err(error) => refuse(error),
    }
}

/// The services at work.
struct Watch {
    /// None if the configuration names one that runs elsewhere.
    metadata: Option<metadata_service::Running>,
    engine: engine_service::Running,
    agent: capture_agent::Running,
}

// === impl Watch ===

impl Watch {
    async fn start(
        config: engine_service::Config,
        rule_count: usize,
        instruments: Instruments,
    ) -> anyhow::Result<Self> {
        let progress = Progress::start();
        let (metadata, config) = with_metadata(config, &instruments).await?;
        let is_insecure_allowed = config.security.is_insecure_allowed;
        let metadata_address = config.metadata.clone();
        let engine = config.start(instruments.clone()).await?;
        progress.say("loading the programs into the kernel");
        let address = ServiceAddress::of_listener(engine.local_address(), false);
        let agent = match start_agent(address.clone(), is_insecure_allowed, instruments).await {
            Ok(agent) => agent,
            Err(error) => {
                engine.shutdown().await;
                if let Some(metadata) = metadata {
                    metadata.shutdown().await;
                }
                return Err(error);
            }
        };
        drop(progress);
        announce(&agent, &address, metadata_address.as_ref(), rule_count);
        Ok(Self { metadata, engine, agent })
    }
}

impl service_runtime::Running for Watch {
    type Error = anyhow::Error;

    fn name(&self) -> &'static str {
        "eyrie"
    }

    fn checks(&self) -> Checks {
        let checks = self.agent.checks().and(self.engine.checks());
        match &self.metadata {
            Some(metadata) => checks.and(metadata.checks()),
            None => checks,
        }
    }

    async fn failed(&mut self) -> anyhow::Error {
        let metadata = async {
            match &mut self.metadata {
                Some(metadata) => metadata.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.engine.failed() => error.into(),
            error = self.agent.failed() => error.into(),
            error = metadata => error.into(),
        }
    }

    /// The agent first: the engine still takes and acks what the agent has, and the metadata service what it learned.
    async fn shutdown(self) {
        let summary = self.agent.shutdown().await;
        self.engine.shutdown().await;
        if let Some(metadata) = self.metadata {
            metadata.shutdown().await;
        }
        if summary.unacked_events > 0 {
            eprintln!("eyrie: ended before {} events were evaluated", summary.unacked_events);
        }
    }
}

/// Where the metadata service listens of an `eyrie up` with this data directory.
pub(crate) fn metadata_socket(data_dir: &Path) -> PathBuf {
    data_dir.join(METADATA_FOLDER).join("socket")
}

/// A metadata service of our own, unless another one is configured; nobody but this process's user can reach it.
async fn with_metadata(
    config: engine_service::Config,
    instruments: &Instruments,
) -> anyhow::Result<(Option<metadata_service::Running>, engine_service::Config)> {
    if config.metadata.is_some() {
        return Ok((None, config));
    }
    let data_dir = config.data_dir.join(METADATA_FOLDER);
    // For the socket, before the store makes it; for this user alone, as the store would.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&data_dir)
        .with_context(|| format!("cannot make {}", data_dir.display()))?;
    let socket = metadata_socket(&config.data_dir);
    let listen = if socket.as_os_str().len() <= MAX_SOCKET_PATH {
        ListenAddress::Unix(socket)
    } else {
        ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
    };
    let settings = metadata_service::Config { listen, data_dir, ..metadata_service::Config::default() };
    let metadata = MetadataService::start(settings, &instruments.meter).await?;
    let address = Some(ServiceAddress::of_listener(metadata.local_address(), false));
    Ok((Some(metadata), engine_service::Config { metadata: address, ..config }))
}

/// A line that shows that something goes on; only on terminals, and gone when dropped.
struct Progress(ProgressBar);

// === impl Progress ===

impl Progress {
    fn start() -> Self {
        let bar = ProgressBar::new_spinner().with_message("opening the log");
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    fn say(&self, message: &'static str) {
        self.0.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// How many rules there are; nothing if they cannot be used, which is then explained.
fn check_rules(config: &engine_service::Config) -> anyhow::Result<Option<usize>> {
    let mut checked = Checked::of_files(&config.rules, &config.rule_options.fields)?;
    if let Some(loaded) = &mut checked.loaded {
        let options = &config.rule_options;
        loaded.rule_set.select(&options.selections, options.min_priority);
        return Ok(Some(loaded.rule_set.rules.iter().filter(|rule| rule.enabled).count()));
    }
    for diagnostic in &checked.diagnostics {
        anstream::eprintln!("{}", diagnostics::render(diagnostic, true));
    }
    anstream::eprintln!("{} the rules cannot be used; nothing was started", "error:".red());
    Ok(None)
}

/// The agent joins by loopback even if the engine listens on every address.
async fn start_agent(
    engine: ServiceAddress,
    is_insecure_allowed: bool,
    instruments: Instruments,
) -> anyhow::Result<capture_agent::Running> {
    let security = ClientSecurity { is_insecure_allowed, ..ClientSecurity::default() };
    let config = capture_agent::Config { engine, security, ..capture_agent::Config::default() };
    Ok(Agent::start(config, instruments).await?)
}

/// Missing privileges are a sentence and an exit code of their own.
pub(crate) fn refuse(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    match error.downcast_ref::<StartError>() {
        Some(start) if start.is_privilege() => {
            anstream::eprintln!("{} {start}", "error:".red());
            Ok(ExitStatus::NotPermitted.into())
        }
        _ => Err(error),
    }
}

fn announce(
    agent: &capture_agent::Running,
    engine: &ServiceAddress,
    metadata: Option<&ServiceAddress>,
    rule_count: usize,
) {
    anstream::eprintln!(
        "{} {rule_count} rules on this host; the engine listens at {engine}. In another terminal:",
        "watching with".green(),
    );
    anstream::eprintln!("  eyrie alerts --follow --engine {engine}");
    if let Some(metadata) = metadata {
        anstream::eprintln!("  eyrie containers --metadata {metadata}");
    }
    for missing in agent.status().missing_abilities {
        anstream::eprintln!(
            "{} {}: {} ({})",
            "not seen:".yellow(),
            missing.name,
            missing.consequence,
            missing.reason
        );
    }
}
