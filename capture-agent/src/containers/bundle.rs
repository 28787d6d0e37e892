//! The configuration that a runtime starts a container from: config.json of the OCI runtime specification.

use std::{collections::BTreeMap, path::Path};

use eyrie_proto::metadata::{Container, ContainerMount};
use serde::Deserialize;

use super::{
    annotations::{Annotations, Annotator},
    files::{FileError, read_json_of},
    privilege::{LinuxConfinement, ProcessConfinement, is_unconfined},
};

/// podman writes some 10 KiB, most of it the filter of system calls.
const MAX_BYTES: u64 = 1 << 20;
/// More than these are left out: what is kept of a bundle stays below 400 KiB.
pub(super) const MAX_MOUNTS: usize = 128;
const MAX_ENVIRONMENT: usize = 512;
const MAX_CAPABILITIES: usize = 64;
/// Characters of a path or name that are kept.
const MAX_TEXT: usize = 1_024;
const MAX_NAME: usize = 256;

/// config.json as far as it is read. Go writes `null` for what is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Bundle {
    process: Option<Process>,
    mounts: Option<Vec<Mount>>,
    annotations: Option<BTreeMap<String, String>>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Process {
    user: Option<User>,
    env: Option<Vec<String>>,
    capabilities: Option<Capabilities>,
    #[serde(flatten)]
    confinement: ProcessConfinement,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct User {
    uid: u32,
    gid: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mount {
    destination: String,
    r#type: String,
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    #[serde(flatten)]
    confinement: LinuxConfinement,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    r#type: String,
}

// === impl Bundle ===

impl Bundle {
    /// Reads it from the bundle's folder; if there is an `owner`, only what is his.
    pub(super) fn read(folder: &Path, owner: Option<u32>) -> Result<Self, FileError> {
        read_json_of(&folder.join("config.json"), MAX_BYTES, owner)
    }

    /// Puts into `container` what the bundle of the container `id` tells of it, whose annotations were made by `annotator`.
    pub(super) fn describe(&self, id: &str, annotator: Annotator, container: &mut Container) {
        if let Some(process) = &self.process {
            let user = process.user.as_ref().map(|user| format!("{}:{}", user.uid, user.gid));
            container.user = user.unwrap_or_default();
            container.environment_names = environment_names(process.env.as_deref().unwrap_or_default());
            let bounding = process.capabilities.as_ref().and_then(|sets| sets.bounding.as_deref());
            let bounding = bounding.unwrap_or_default().iter().take(MAX_CAPABILITIES);
            container.capabilities = bounding.map(|name| clipped(name, MAX_NAME)).collect();
        }
        let told = |mount: &Mount| mount.told(id);
        container.mounts = self.mounts.iter().flatten().filter_map(told).take(MAX_MOUNTS).collect();
        container.is_privileged = self.is_noted_privileged().or_else(|| self.is_unconfined());
        if let Some(namespaces) = self.linux.as_ref().and_then(|linux| linux.namespaces.as_ref()) {
            // A namespace that is not named is the runtime's own, which is the host's.
            let is_host = |name: &str| Some(namespaces.iter().all(|namespace| namespace.r#type != name));
            container.is_host_network = is_host("network");
            container.is_host_pid = is_host("pid");
            container.is_host_ipc = is_host("ipc");
        }
        if let Some(annotations) = &self.annotations {
            Annotations(annotations).describe(id, annotator, container);
        }
    }

    /// As podman notes it.
    fn is_noted_privileged(&self) -> Option<bool> {
        let noted = self.annotations.as_ref()?.get("io.podman.annotations.privileged")?;
        Some(noted.eq_ignore_ascii_case("true"))
    }

    fn is_unconfined(&self) -> Option<bool> {
        let (process, linux) = (self.process.as_ref()?, self.linux.as_ref()?);
        let mounts = self.mounts.iter().flatten();
        let mounts =
            mounts.map(|mount| (mount.r#type.as_str(), mount.options.as_deref().unwrap_or_default()));
        Some(is_unconfined(&process.confinement, &linux.confinement, mounts))
    }
}

// === impl Mount ===

impl Mount {
    /// What is mounted from the host; not the file systems that every container has, nor the files that runtimes make for each.
    fn told(&self, id: &str) -> Option<ContainerMount> {
        let options = self.options.as_deref().unwrap_or_default();
        let has = |option: &str| options.iter().any(|have| have == option);
        let is_bind = self.r#type == "bind" || has("bind") || has("rbind");
        if !is_bind || self.is_of_runtime(id) {
            return None;
        }
        let propagation = ["shared", "rshared", "slave", "rslave", "private", "rprivate"];
        let propagation = propagation.into_iter().find(|option| has(option)).unwrap_or_default();
        let is_other = |option: &&String| option.as_str() != propagation && !option.ends_with("bind");
        let mode: Vec<_> = options.iter().filter(is_other).map(String::as_str).collect();
        Some(ContainerMount {
            source: clipped(&self.source, MAX_TEXT),
            destination: clipped(&self.destination, MAX_TEXT),
            mode: clipped(&mode.join(","), MAX_NAME),
            is_writable: !has("ro"),
            propagation: propagation.to_owned(),
        })
    }

    /// The container's own hosts, hostname, resolv.conf, shared memory and secrets, where podman and CRI-O, containerd, docker and nerdctl put them.
    fn is_of_runtime(&self, id: &str) -> bool {
        let source = &self.source;
        let is_dockers = || source.contains("/containers/") && source.contains(id);
        is_in_storage(source) || source.contains("/io.containerd.grpc.v1.cri/sandboxes/") || is_dockers()
    }
}

/// Whether a path is in the part of a storage of podman or CRI-O that is a container's or sandbox's own: `…/overlay-containers/ID/userdata/…`.
fn is_in_storage(path: &str) -> bool {
    let below = path.split_once("-containers/").and_then(|(_, below)| below.split_once("/userdata/"));
    below.is_some_and(|(id, _)| id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Names only: values are where secrets are.
pub(super) fn environment_names(environment: &[String]) -> Vec<String> {
    let names = environment.iter().filter_map(|variable| Some(variable.split_once('=')?.0));
    names.filter(|name| !name.is_empty()).take(MAX_ENVIRONMENT).map(|name| clipped(name, MAX_NAME)).collect()
}

pub(super) fn clipped(text: &str, max_characters: usize) -> String {
    text.chars().take(max_characters).collect()
}

#[cfg(test)]
mod tests {
    use super::is_in_storage;

    /// Scenario: files of podman's storages, and folders of the host that are called alike. Guarantees: only the former are a runtime's own, so that
    /// nobody hides a mount by the name of its folder.
    #[test]
    fn a_folder_called_userdata_is_no_storage() {
        let id = "ab".repeat(32);
        for storage in ["/run/containers/storage/overlay-containers", "/tmp/r/vfs-containers"] {
            assert!(is_in_storage(&format!("{storage}/{id}/userdata/resolv.conf")));
        }
        for path in [
            "/etc/userdata/",
            "/srv/userdata/shadow",
            "/srv/x-containers/web/userdata/shadow",
            "/x-containers/userdata/",
        ] {
            assert!(!is_in_storage(path), "{path}");
        }
    }
}
