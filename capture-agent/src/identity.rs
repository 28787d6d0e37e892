//! What this host is called.

use eyrie_proto::{
    capture::{AgentInfo, ClockReading, MissingAbility},
    event::{HostBoot, HostIdentityFact, Origin, origin},
    metadata::{Completeness, Host, HostKey, Provenance},
};
use thiserror::Error;

use crate::{clock, config::Config};

/// Where a machine id is written, the usual place first; machine-id(5).
const MACHINE_ID_FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];

/// Why the host has no identity.
#[derive(Debug, Error)]
#[error("cannot tell one boot of this host from another: {path}: {problem}")]
pub struct IdentityError {
    /// The file that should tell.
    pub path: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// The origin of this host's events.
pub(crate) fn origin(config: &Config) -> Result<Origin, IdentityError> {
    const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
    let error = |problem: String| IdentityError { path: BOOT_ID, problem };
    let boot_id =
        std::fs::read_to_string(BOOT_ID).map_err(|cause| error(cause.to_string()))?.trim().to_owned();
    if boot_id.is_empty() {
        return Err(error("it is empty".to_owned()));
    }
    let machine_id = config.machine_id.clone().or_else(machine_id).unwrap_or_else(|| {
        tracing::warn!(
            "no machine id in {}: this host will look like a new one after each boot; \
            systemd-machine-id-setup writes one",
            MACHINE_ID_FILES.join(" or ")
        );
        boot_id.replace('-', "")
    });
    let host = HostBoot { machine_id, boot_id };
    Ok(Origin { tenant: config.tenant.clone(), kind: Some(origin::Kind::Host(host)) })
}

/// What is told of the agent in Hello.
pub(crate) fn agent_info(config: &Config, missing_abilities: Vec<MissingAbility>) -> AgentInfo {
    let names = rustix::system::uname();
    AgentInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hostname: names.nodename().to_string_lossy().into_owned(),
        kernel_release: names.release().to_string_lossy().into_owned(),
        architecture: std::env::consts::ARCH.to_owned(),
        labels: config.labels.clone(),
        missing_abilities,
    }
}

/// The host's identity as a fact.
pub(crate) fn identity_fact(config: &Config) -> HostIdentityFact {
    let info = agent_info(config, Vec::new());
    HostIdentityFact {
        hostname: info.hostname,
        kernel_release: info.kernel_release,
        operating_system: operating_system(),
        page_size: u32::try_from(rustix::param::page_size()).unwrap_or(0),
        cpu_count: online_cpus(),
        labels: info.labels,
    }
}

/// The host as metadata knows it, without its interfaces.
pub(crate) fn host(config: &Config, origin: &Origin) -> Host {
    let identity = identity_fact(config);
    let ClockReading { boot_ns, epoch_ns: observed_ns } = clock::read();
    let provenance = ["uname", "os-release", "configuration"].map(|source| Provenance {
        source: source.to_owned(),
        observed_ns,
        observer: "capture-agent".to_owned(),
    });
    let completeness = if config.cloud.is_asked() { Completeness::Pending } else { Completeness::Complete };
    Host {
        key: Some(HostKey { origin: Some(origin.clone()) }),
        hostname: identity.hostname,
        kernel_release: identity.kernel_release,
        operating_system: identity.operating_system,
        architecture: std::env::consts::ARCH.to_owned(),
        labels: identity.labels,
        completeness: completeness.into(),
        provenance: provenance.into(),
        booted_epoch_ns: observed_ns.saturating_sub(boot_ns),
        ..Host::default()
    }
}

fn machine_id() -> Option<String> {
    MACHINE_ID_FILES.into_iter().find_map(|path| {
        let id = std::fs::read_to_string(path).ok()?.trim().to_owned();
        (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    })
}

fn operating_system() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or_default().trim_matches('"').to_owned()
}

/// Processors of the host, not those that the agent's own affinity or quota allows.
fn online_cpus() -> u32 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_cpu = |line: &&str| {
        line.strip_prefix("cpu")
            .and_then(|rest| rest.bytes().next())
            .is_some_and(|byte| byte.is_ascii_digit())
    };
    u32::try_from(stat.lines().filter(is_cpu).count()).unwrap_or(0)
}
