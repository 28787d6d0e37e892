//! Which container a control group belongs to, by the names that runtimes give.
//!
//! The outermost container in a path is the one that counts: that name was given by a runtime of the host. Names further
//! in may have been made by the container itself, which could otherwise pass for another one.
//!
//! Nothing is looked up: the agent asks it of the paths of its host, and who reads recordings of the paths in them.
#![forbid(unsafe_code)]

use std::borrow::Cow;

/// Length of the ids of docker, podman, containerd's Kubernetes side and CRI-O.
const ID_LENGTH: usize = 64;
/// Longer than any uid of Kubernetes.
const MAX_POD_UID: usize = 64;

/// A container as its control group's path tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The whole id that the runtime gave.
    pub id: String,
    /// As `CgroupFact.runtime` has it.
    pub runtime: &'static str,
    /// The path is that of the container's first control group, not of one inside.
    pub is_outermost: bool,
    /// The path of that one.
    pub outermost: Vec<u8>,
    /// Of the pod that the kubelet runs it in.
    pub pod_uid: Option<String>,
}

/// The container of a control group; `None` for one of the host. `path` starts at the hierarchy's root.
pub fn container_of(path: &[u8]) -> Option<Named> {
    let text = String::from_utf8_lossy(path);
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    (0..parts.len()).find_map(|at| {
        let (above, rest) = parts.split_at(at);
        let (part, below) = rest.split_first()?;
        let (id, runtime) = by_prefix(part)
            .or_else(|| by_colons(part))
            .or_else(|| bare(part, above))
            .or_else(|| by_ecs(part, above))
            .or_else(|| by_lxc(part, above))
            .or_else(|| by_machine(part, above, below))?;
        let pod_uid = pod_uid(above).or_else(|| pod_uid(part.split(':').next().as_slice()));
        let outermost = parts.get(..=at)?.iter().flat_map(|part| [b"/", part.as_bytes()]).flatten().copied();
        Some(Named { id, runtime, is_outermost: below.is_empty(), outermost: outermost.collect(), pod_uid })
    })
}

/// `podUID` below `kubepods`, or `kubepods-burstable-podUID.slice` with the dashes of the uid as underscores, below whatever group the kubelet was
/// told to use. Those above the container are the host's, so that no container can pass for one of a pod.
fn pod_uid(above: &[&str]) -> Option<String> {
    let is_kubelets = above.iter().any(|part| part.contains("kubepods"));
    let uid = above.iter().rev().find_map(|part| {
        let of_systemd = part.strip_suffix(".slice").and_then(|slice| slice.rsplit_once("-pod"));
        of_systemd
            .map(|(_, uid)| uid.replace('_', "-"))
            .or_else(|| part.strip_prefix("pod").map(str::to_owned))
    })?;
    // Those of pods from files (static ones) are hashes without dashes.
    let is_uid = !uid.is_empty() && uid.len() <= MAX_POD_UID && uid.bytes().all(is_hex_or_dash);
    (is_kubelets && is_uid).then_some(uid)
}

fn is_hex_or_dash(byte: u8) -> bool {
    byte == b'-' || byte.is_ascii_hexdigit()
}

/// `docker-ID.scope` of the systemd drivers, `libpod-ID` and `crio-ID` of the cgroupfs ones.
fn by_prefix(part: &str) -> Option<(String, &'static str)> {
    const PREFIXES: [(&str, &str); 7] = [
        ("docker", "docker"),
        ("libpod", "podman"),
        // podman run --cgroups=split
        ("libpod-payload", "podman"),
        ("cri-containerd", "containerd"),
        ("nerdctl", "containerd"),
        ("containerd", "containerd"),
        ("crio", "cri-o"),
    ];
    // What monitors a container (libpod-conmon-ID, crio-conmon-ID) is a process of the host, and no prefix of these.
    let (prefix, id) = part.strip_suffix(".scope").unwrap_or(part).rsplit_once('-')?;
    let (_, runtime) = PREFIXES.iter().find(|(name, _)| *name == prefix)?;
    is_id(id).then(|| (id.to_owned(), *runtime))
}

/// `SLICE:PREFIX:ID`, which runc is told for the systemd driver and takes for a name where it uses cgroupfs.
fn by_colons(part: &str) -> Option<(String, &'static str)> {
    let (slice, id) = part.rsplit_once(':')?;
    let runtime = match slice.rsplit_once(':')?.1 {
        "docker" => "docker",
        "cri-containerd" | "nerdctl" => "containerd",
        "crio" => "cri-o",
        "libpod" => "podman",
        _ => return None,
    };
    is_id(id).then(|| (id.to_owned(), runtime))
}

/// An id alone: of docker, also below a parent of the operator's choice, and of Kubernetes with the cgroupfs driver.
fn bare(part: &str, above: &[&str]) -> Option<(String, &'static str)> {
    if !is_id(part) {
        return None;
    }
    let runtime = match above.last().copied() {
        // A pod, whose containers are below.
        Some("libpod_parent") => return None,
        Some("k8s.io" | "default") => "containerd",
        _ if above.iter().any(|part| part.starts_with("kubepods")) => "containerd",
        _ => "docker",
    };
    Some((part.to_owned(), runtime))
}

/// `/ecs/TASK/TASK-NUMBER` of Amazon's agent.
fn by_ecs(part: &str, above: &[&str]) -> Option<(String, &'static str)> {
    let (task, number) = part.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_it = above.contains(&"ecs") && task.len() == 32 && is_lower_hex(task) && is_number;
    is_it.then(|| (part.to_owned(), "docker"))
}

/// `/lxc/NAME`, `/lxc.payload/NAME` and `/lxc.payload.NAME`; what is below `lxc.monitor` belongs to the host.
fn by_lxc(part: &str, above: &[&str]) -> Option<(String, &'static str)> {
    let name = match above.last().copied() {
        Some("lxc" | "lxc.payload") => part,
        _ => part.strip_prefix("lxc.payload.")?,
    };
    (!name.is_empty()).then(|| (name.to_owned(), "lxc"))
}

/// Machines of systemd-machined: `machine-NAME.scope` or `systemd-nspawn@NAME.service`. Virtual machines are registered
/// there as well, and are no containers. Below, `supervisor` is nspawn's own.
fn by_machine(part: &str, above: &[&str], below: &[&str]) -> Option<(String, &'static str)> {
    if above.last().copied() != Some("machine.slice") || below.first().copied() == Some("supervisor") {
        return None;
    }
    let service = part.strip_prefix("systemd-nspawn@").and_then(|rest| rest.strip_suffix(".service"));
    let scope = part.strip_prefix("machine-").and_then(|rest| rest.strip_suffix(".scope"));
    let name = unescaped(service.or(scope)?);
    if name.is_empty() || name.starts_with("qemu-") {
        return None;
    }
    // libvirt: lxc-NUMBER-NAME.
    let libvirt = name.strip_prefix("lxc-").and_then(|rest| rest.split_once('-'));
    if let Some((number, name)) = libvirt
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some((name.to_owned(), "lxc"));
    }
    Some((name.into_owned(), "systemd-nspawn"))
}

/// Undoes systemd's `\xHH`; systemd-escape(1).
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains("\\x") {
        return Cow::Borrowed(name);
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = rest.strip_prefix(b"\\x").and_then(|rest| rest.get(..2));
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        (plain, rest) = match code {
            Some(byte) => (pushed(plain, byte), rest.get(4..).unwrap_or_default()),
            None => (pushed(plain, first), behind),
        };
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

fn pushed(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && is_lower_hex(text)
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
