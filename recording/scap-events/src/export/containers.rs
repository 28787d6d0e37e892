//! Containers, as Falco's container plugin tells of them: JSON in asynchronous events.

use eyrie_proto::metadata::{Container, ContainerProbeKind, LateFact, late_fact};
use scap::{EventDraft, value::Value};
use serde_json::{Map, json};

use super::{ExportError, set};
use crate::extension::{ASYNC_EVENT, NO_THREAD, STATE_ONLY};
use crate::flags::CONTAINER_TYPES;

/// How much of an id names a container (`container.id`).
const SHORT_ID: usize = 12;
const SECOND_NS: u64 = 1_000_000_000;
/// `type` of a container whose runtime has no number.
const UNKNOWN_TYPE: u64 = 0xffff;

/// The events that tell of what became known.
pub(super) fn drafts(facts: &[LateFact], time_ns: u64) -> Result<Vec<EventDraft>, ExportError> {
    let mut drafts = Vec::new();
    for fact in facts {
        let (name, object) = match &fact.kind {
            Some(late_fact::Kind::Container(container)) => ("container", object_of(container)),
            Some(late_fact::Kind::ContainerRemoval(removal)) => {
                let id = removal.key.as_ref().map_or("", |key| &key.runtime_id);
                ("container_removed", json!({ "id": short(id), "full_id": id }))
            }
            _ => continue,
        };
        drafts.push(draft(name, &json!({ "container": object }).to_string(), time_ns)?);
    }
    Ok(drafts)
}

fn draft(name: &'static str, json: &str, time_ns: u64) -> Result<EventDraft, ExportError> {
    let mut draft = EventDraft::new(ASYNC_EVENT, time_ns, NO_THREAD);
    draft.flags = STATE_ONLY;
    let data = [json.as_bytes(), &[0]].concat();
    for (parameter, value) in
        [("plugin_id", Value::Unsigned(0)), ("name", Value::Text(name.into())), ("data", Value::Bytes(data))]
    {
        set(&mut draft, name, parameter, &value)?;
    }
    Ok(draft)
}

fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// What is known of a container under the plugin's keys. What is not known has no key.
fn object_of(container: &Container) -> serde_json::Value {
    let id = container.key.as_ref().map_or("", |key| &key.runtime_id);
    let image = container.image.clone().unwrap_or_default();
    let number = CONTAINER_TYPES
        .iter()
        .find(|(_, name)| *name == container.runtime)
        .map_or(UNKNOWN_TYPE, |(number, _)| *number);
    let mut object = Map::new();
    let mut put = |key: &str, value: serde_json::Value| object.insert(key.to_owned(), value);
    put("id", short(id).into());
    put("full_id", id.into());
    put("type", number.into());
    for (key, text) in [
        ("name", &container.name),
        ("image", &image_name(&image.repository, &image.tag)),
        ("imageid", &image.id),
        ("imagerepo", &image.repository),
        ("imagetag", &image.tag),
        ("imagedigest", &image.digest),
        ("pod_sandbox_id", &container.pod_sandbox_id),
        ("cni_json", &container.cni_result),
        ("User", &container.user),
    ] {
        if !text.is_empty() {
            put(key, text.as_str().into());
        }
    }
    for (key, flag) in [
        ("privileged", container.is_privileged),
        ("host_pid", container.is_host_pid),
        ("host_network", container.is_host_network),
        ("host_ipc", container.is_host_ipc),
    ] {
        if let Some(flag) = flag {
            put(key, flag.into());
        }
    }
    if let Some(ip) = container.ips.first() {
        put("ip", ip.as_str().into());
    }
    // The plugin's time is when it was made; that is what `container.start_ts` shows, in seconds.
    let started_ns = if container.started_ns == 0 { container.created_ns } else { container.started_ns };
    if started_ns != 0 {
        put("created_time", (started_ns / SECOND_NS).into());
    }
    put("labels", json!(labels(container)));
    put("pod_sandbox_labels", json!(container.pod_labels));
    put("Mounts", mounts(container));
    probes(container, &mut object);
    object.into()
}

fn image_name(repository: &str, tag: &str) -> String {
    if tag.is_empty() { repository.to_owned() } else { format!("{repository}:{tag}") }
}

/// The container's own, with those by which Kubernetes names its pod, which is where readers look for it.
fn labels(container: &Container) -> std::collections::BTreeMap<&str, &str> {
    let pod = [
        ("io.kubernetes.pod.name", &container.pod_name),
        ("io.kubernetes.pod.namespace", &container.pod_namespace),
        ("io.kubernetes.pod.uid", &container.pod_uid),
    ];
    let told = container.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let pod =
        pod.into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (key, value.as_str()));
    told.chain(pod).collect()
}

fn mounts(container: &Container) -> serde_json::Value {
    let mounts = container.mounts.iter().map(|mount| {
        json!({
            "Source": mount.source,
            "Destination": mount.destination,
            "Mode": mount.mode,
            "RW": mount.is_writable,
            "Propagation": mount.propagation,
        })
    });
    mounts.collect::<Vec<_>>().into()
}

fn probes(container: &Container, object: &mut Map<String, serde_json::Value>) {
    for probe in &container.probes {
        let key = match probe.kind() {
            ContainerProbeKind::Healthcheck => "Healthcheck",
            ContainerProbeKind::Liveness => "LivenessProbe",
            ContainerProbeKind::Readiness => "ReadinessProbe",
            ContainerProbeKind::Unspecified => continue,
        };
        if let Some((exe, arguments)) = probe.command.split_first() {
            object.insert(key.to_owned(), json!({ "exe": exe, "args": arguments }));
        }
    }
}
