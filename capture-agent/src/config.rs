//! What an operator can set.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    session::{AddressError, EngineAddress},
    stream::Limits,
};

/// What the agent runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the engine listens.
    pub engine: EngineAddress,
    /// Plain text may leave this machine.
    pub is_insecure_allowed: bool,
    /// Whose host this is; empty for the default tenant.
    pub tenant: String,
    /// Instead of the one in `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// Told to engines and usable in rules and assignments.
    pub labels: BTreeMap<String, String>,
    /// Bounds of the queue of events that are not acked.
    pub limits: Limits,
    /// Size of the ring between kernel and agent, a power of two.
    pub ring_bytes: u32,
    /// How long to wait for acks at the end.
    pub drain_timeout: Duration,
    /// Capture this process's own events too. They are left out otherwise, as sending an event would make more.
    pub is_self_captured: bool,
    /// Where passwd and group are.
    pub etc: PathBuf,
    /// Storages of podman for the whole host; those of users are found by their containers.
    pub podman_storage: Vec<PathBuf>,
}

/// Captures what happens on this host and streams it to an engine.
///
/// Needs root, or the capabilities CAP_BPF and CAP_PERFMON (to attach), CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (to read
/// other users' processes at the start).
///
/// Exit codes: 0 ended as asked, 1 failed, 64 wrong usage, 77 the privileges or the kernel do not allow capture.
#[derive(Clone, Debug, Parser)]
#[command(name = "capture-agent", version)]
pub struct Arguments {
    /// Where the engine listens: http://HOST:PORT or unix:/PATH.
    #[arg(long, env = "EYRIE_AGENT_ENGINE", default_value = "http://127.0.0.1:7443")]
    engine: String,
    /// Allow plain text to an engine on another machine.
    #[arg(long, env = "EYRIE_AGENT_INSECURE")]
    insecure: bool,
    /// Whose host this is.
    #[arg(long, env = "EYRIE_AGENT_TENANT", default_value = "")]
    tenant: String,
    /// 32 hexadecimal digits instead of those in /etc/machine-id.
    #[arg(long, env = "EYRIE_AGENT_MACHINE_ID", value_parser = machine_id)]
    machine_id: Option<String>,
    /// A label of this host, NAME=VALUE; may be repeated, or separated by commas.
    #[arg(long = "label", env = "EYRIE_AGENT_LABELS", value_delimiter = ',', value_parser = label)]
    labels: Vec<(String, String)>,
    /// Bytes of events that may wait while the engine is away; a quarter more is kept for events that carry state.
    #[arg(long, env = "EYRIE_AGENT_QUEUE_BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u32).range(1 << 20..))]
    queue_bytes: u32,
    /// Bytes of the ring between kernel and agent; rounded up to a power of two.
    #[arg(long, env = "EYRIE_AGENT_RING_BYTES", default_value_t = 8 << 20, value_parser = clap::value_parser!(u32).range(64 << 10..=1 << 30))]
    ring_bytes: u32,
    /// Seconds to wait for the engine's acks at the end.
    #[arg(long, env = "EYRIE_AGENT_DRAIN_SECONDS", default_value_t = 10)]
    drain_seconds: u32,
    /// Where podman keeps containers and images (graphroot in storage.conf); may be repeated, or separated by commas.
    #[arg(
        long,
        env = "EYRIE_AGENT_PODMAN_STORAGE",
        default_value = "/var/lib/containers/storage",
        value_delimiter = ','
    )]
    podman_storage: Vec<PathBuf>,
    /// Capture the agent's own events too.
    #[arg(long, env = "EYRIE_AGENT_CAPTURE_SELF")]
    capture_self: bool,
}

// === impl Config ===

impl Config {
    /// The default configuration for an engine at `engine`.
    pub fn new(engine: &str, is_insecure_allowed: bool) -> Result<Self, AddressError> {
        Ok(Self {
            engine: engine.parse::<EngineAddress>()?.check(is_insecure_allowed)?,
            is_insecure_allowed,
            tenant: String::new(),
            machine_id: None,
            labels: BTreeMap::new(),
            limits: Limits::default(),
            ring_bytes: 8 << 20,
            drain_timeout: Duration::from_secs(10),
            is_self_captured: false,
            etc: PathBuf::from("/etc"),
            podman_storage: vec![PathBuf::from("/var/lib/containers/storage")],
        })
    }
}

impl TryFrom<Arguments> for Config {
    type Error = AddressError;

    fn try_from(arguments: Arguments) -> Result<Self, AddressError> {
        Ok(Self {
            tenant: arguments.tenant,
            machine_id: arguments.machine_id,
            labels: arguments.labels.into_iter().collect(),
            limits: Limits::with_queue_bytes(arguments.queue_bytes as usize),
            ring_bytes: arguments.ring_bytes.next_power_of_two(),
            drain_timeout: Duration::from_secs(arguments.drain_seconds.into()),
            is_self_captured: arguments.capture_self,
            podman_storage: arguments.podman_storage,
            ..Self::new(&arguments.engine, arguments.insecure)?
        })
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

fn machine_id(text: &str) -> Result<String, String> {
    if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("write 32 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Config, String> {
        let arguments = Arguments::try_parse_from([&["capture-agent"], arguments].concat());
        let arguments = arguments.map_err(|error| error.to_string())?;
        arguments.try_into().map_err(|error: AddressError| error.to_string())
    }

    /// Scenario: flags as an operator gives them. Guarantees: they arrive, sizes are made fit, and wrong ones are named.
    #[test]
    fn flags_arrive() {
        let config =
            parse(&["--label", "env=prod,site=a", "--ring-bytes", "100000", "--queue-bytes", "2097152"]);
        let config = config.unwrap();
        assert_eq!(config.labels["site"], "a");
        assert_eq!(config.ring_bytes, 131_072);
        assert_eq!(config.limits.queue_bytes, 2 << 20);
        assert!(parse(&["--engine", "http://192.0.2.1:7443"]).unwrap_err().contains("--insecure"));
        assert!(parse(&["--engine", "http://192.0.2.1:7443", "--insecure"]).is_ok());
        assert!(parse(&["--label", "nonsense"]).unwrap_err().contains("NAME=VALUE"));
        assert!(parse(&["--queue-bytes", "1"]).is_err());
        assert!(parse(&["--machine-id", "short"]).is_err());
    }
}
