//! Containers as files tell of them: a JSON object in events of several forms.

use std::collections::{BTreeMap, HashMap};

use eyrie_proto::{
    event::Origin,
    metadata::{
        Completeness, Container, ContainerKey, ContainerMount, ContainerPart as Part, ContainerProbe,
        ContainerProbeKind, Image, Provenance, Validity,
    },
};
use prost::Message as _;
use serde_json::{Map, Value};

use super::cgroups::{Cgroups, shortened};
use crate::flags::CONTAINER_TYPES;

/// Containers whose whole id is not known yet, of some 4 KiB each and never more than `MAX_BYTES`.
const MAX_WAITING: usize = 256;
/// What is told of one container, as a message: as much as an agent may tell.
const MAX_BYTES: usize = 256 << 10;
const SECOND_NS: u64 = 1_000_000_000;
/// Labels by which a runtime knows a pod.
const POD_NAME_LABEL: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";
const POD_UID_LABEL: &str = "io.kubernetes.pod.uid";
/// Parts without which a rule may miss something.
const IMPORTANT: [Part; 5] = [Part::Name, Part::Image, Part::Labels, Part::Mounts, Part::Privileges];

/// Containers of which nobody knows yet which control group is theirs.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    waiting: HashMap<String, Container>,
    refused: u64,
}

/// What an event says of a container.
#[derive(Debug)]
pub(crate) struct Told {
    /// As much of its id as the event has.
    pub(crate) id: String,
    pub(crate) container: Container,
}

// === impl Containers ===

impl Containers {
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    /// The container under the id that its control group has. One whose control group is not known, and of which the event has only a part of the
    /// id, waits for it.
    pub(crate) fn identify(&mut self, told: Told, cgroups: &Cgroups, origin: &Origin) -> Option<Container> {
        let mut container = told.container;
        let is_whole = told.id.len() > shortened(&told.id).len();
        let known = cgroups.container(&told.id);
        if known.is_none() && !is_whole {
            if self.waiting.len() >= MAX_WAITING && !self.waiting.contains_key(&told.id) {
                self.refused += 1;
            } else {
                self.waiting.insert(told.id, container);
            }
            return None;
        }
        container.key = Some(key(&told.id, cgroups, origin));
        Some(container)
    }

    /// The container that waited for this id.
    pub(crate) fn found(&mut self, id: &str, cgroups: &Cgroups, origin: &Origin) -> Option<Container> {
        let mut container = self.waiting.remove(shortened(id))?;
        container.key = Some(key(id, cgroups, origin));
        Some(container)
    }

    /// It is gone.
    pub(crate) fn forget(&mut self, id: &str) {
        self.waiting.remove(shortened(id));
    }
}

/// By the whole id, where that is known.
pub(crate) fn key(id: &str, cgroups: &Cgroups, origin: &Origin) -> ContainerKey {
    let (runtime_id, cgroup) = match cgroups.container(id) {
        Some((whole, cgroup)) => (whole.clone(), Some(*cgroup)),
        None => (id.to_owned(), None),
    };
    ContainerKey { origin: Some(origin.clone()), cgroup, runtime_id }
}

/// Of the JSON text of an event; `None` if it is none, or names no container.
pub(crate) fn of_json(text: &[u8], source: &str, observed_ns: u64) -> Option<Told> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let object = value.get("container").unwrap_or(&value).as_object()?;
    let id = text_of(object, "full_id").filter(|id| !id.is_empty()).or_else(|| text_of(object, "id"))?;
    let mut container = describe(object);
    container.provenance =
        vec![Provenance { source: source.to_owned(), observed_ns, observer: String::new() }];
    (!id.is_empty() && container.encoded_len() <= MAX_BYTES).then_some(Told { id, container })
}

/// Of the oldest form of event, which has no JSON.
pub(crate) fn of_parts(id: &str, kind: u64, name: &str, image: &str, observed_ns: u64) -> Option<Told> {
    let object = serde_json::json!({ "id": id, "type": kind, "name": name, "image": image });
    of_json(object.to_string().as_bytes(), "scap", observed_ns)
}

fn describe(object: &Map<String, Value>) -> Container {
    let labels = texts(object, "labels");
    let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
    let kind = object.get("type").and_then(Value::as_u64);
    let created_ns = number(object, "created_time").saturating_mul(SECOND_NS);
    let mut container = Container {
        runtime: kind.map(runtime).unwrap_or_default().to_owned(),
        name: text_of(object, "name").unwrap_or_default(),
        image: image(object),
        mounts: mounts(object),
        is_privileged: flag(object, "privileged"),
        is_host_network: flag(object, "host_network"),
        is_host_pid: flag(object, "host_pid"),
        is_host_ipc: flag(object, "host_ipc"),
        created_ns,
        started_ns: created_ns,
        ips: text_of(object, "ip").filter(|ip| !ip.is_empty()).into_iter().collect(),
        pod_uid: label(POD_UID_LABEL),
        pod_name: label(POD_NAME_LABEL),
        pod_namespace: label(POD_NAMESPACE_LABEL),
        pod_sandbox_id: text_of(object, "pod_sandbox_id").unwrap_or_default(),
        pod_labels: texts(object, "pod_sandbox_labels").into_iter().collect(),
        cni_result: text_of(object, "cni_json").unwrap_or_default(),
        user: text_of(object, "User").unwrap_or_default(),
        probes: probes(object),
        validity: Some(Validity::default()),
        ..Container::default()
    };
    container.labels = labels.into_iter().collect();
    let missing = missing(object);
    let is_partial = missing.iter().any(|part| IMPORTANT.contains(part));
    let completeness = if is_partial { Completeness::FinalPartial } else { Completeness::Complete };
    container.set_completeness(completeness);
    if is_partial {
        container.reasons = vec!["the recording says no more".to_owned()];
    }
    container.missing = missing.into_iter().map(i32::from).collect();
    container
}

/// The parts of which the event has nothing.
fn missing(object: &Map<String, Value>) -> Vec<Part> {
    let parts: [(Part, &[&str]); 12] = [
        (Part::Name, &["name"]),
        (Part::Image, &["image"]),
        (Part::ImageDigest, &["imageid", "imagedigest"]),
        (Part::Labels, &["labels"]),
        (Part::Mounts, &["Mounts"]),
        (Part::Privileges, &["privileged"]),
        (Part::Namespaces, &["host_pid", "host_network", "host_ipc"]),
        (Part::Times, &["created_time"]),
        (Part::Addresses, &["ip"]),
        (Part::Probes, &["Healthcheck", "LivenessProbe", "ReadinessProbe"]),
        (Part::Pod, &["labels", "pod_sandbox_id"]),
        (Part::PodLabels, &["pod_sandbox_labels"]),
    ];
    let has = |name: &&str| object.contains_key(*name);
    parts.into_iter().filter(|(_, names)| !names.iter().any(has)).map(|(part, _)| part).collect()
}

fn runtime(kind: u64) -> &'static str {
    CONTAINER_TYPES.iter().find(|(number, _)| *number == kind).map_or("", |(_, name)| name)
}

fn image(object: &Map<String, Value>) -> Option<Image> {
    let text = |name: &str| text_of(object, name).unwrap_or_default();
    let whole = text_of(object, "image")?;
    let (mut repository, mut tag) = (text("imagerepo"), text("imagetag"));
    if repository.is_empty() {
        // A port of a registry has a colon as well, and a slash behind it.
        let split = whole.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        let (before, behind) = split.unwrap_or((&whole, ""));
        repository = before.split('@').next().unwrap_or_default().to_owned();
        if tag.is_empty() && !before.contains('@') {
            tag = behind.to_owned();
        }
    }
    Some(Image { id: text("imageid"), repository, tag, digest: text("imagedigest") })
}

fn mounts(object: &Map<String, Value>) -> Vec<ContainerMount> {
    let mounts = object.get("Mounts").and_then(Value::as_array).into_iter().flatten();
    mounts
        .filter_map(Value::as_object)
        .map(|mount| ContainerMount {
            source: text_of(mount, "Source").unwrap_or_default(),
            destination: text_of(mount, "Destination").unwrap_or_default(),
            mode: text_of(mount, "Mode").unwrap_or_default(),
            is_writable: flag(mount, "RW").unwrap_or(false),
            propagation: text_of(mount, "Propagation").unwrap_or_default(),
        })
        .collect()
}

fn probes(object: &Map<String, Value>) -> Vec<ContainerProbe> {
    let kinds = [
        ("Healthcheck", ContainerProbeKind::Healthcheck),
        ("LivenessProbe", ContainerProbeKind::Liveness),
        ("ReadinessProbe", ContainerProbeKind::Readiness),
    ];
    let probe = |(name, kind): (&str, ContainerProbeKind)| {
        let probe = object.get(name)?.as_object()?;
        let exe = text_of(probe, "exe").into_iter();
        let arguments = probe.get("args").and_then(Value::as_array).into_iter().flatten();
        let arguments = arguments.filter_map(Value::as_str).map(str::to_owned);
        Some(ContainerProbe { kind: kind.into(), command: exe.chain(arguments).collect() })
    };
    kinds.into_iter().filter_map(probe).filter(|probe| !probe.command.is_empty()).collect()
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().map(str::to_owned)
}

fn texts(object: &Map<String, Value>, name: &str) -> BTreeMap<String, String> {
    let entries = object.get(name).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn number(object: &Map<String, Value>, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn flag(object: &Map<String, Value>, name: &str) -> Option<bool> {
    object.get(name)?.as_bool()
}
