//! `container.*` and `k8s.*`: the container that an event happened in, and its pod.
//!
//! Which container a control group belongs to is told by ordered facts, so that the id is known as soon as the event is.
//! A control group of which no fact has come is unknown: the fact may still come. But as long as an origin has told
//! of no control group at all, nothing will ever answer, and these fields are absent: a rule with
//! `container.id != host` must not wait for what does not come.
//!
//! Names and images come from metadata, and are unknown until they are joined. What a container that is known whole does
//! not have is absent; what one that is known in part does not have may still come, or could not be read and never will be known: that is
//! not absent either, and a rule that asks for it does not just not match.

pub(crate) mod labels;
mod mounts;
mod no_more;
mod probes;

use std::net::Ipv4Addr;

use eyrie_proto::metadata::{Completeness, Container, ContainerPart as Part};
use host_model::ContainerId;
use rule_language::{
    ArgumentKind::{IndexOrKey, Key},
    FieldType::{AbsTime, Bool, CharBuf, RelTime},
};

pub(crate) use self::no_more::FIELDS as NO_MORE;
use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::{ContainerView, EventView},
};

/// How much of an id Falco shows.
const SHORT_ID: usize = 12;
/// What Falco calls the container of those that are in none.
const HOST: &str = "host";
/// Labels by which a container runtime knows a pod, where nobody has told of it by itself.
const POD_NAME_LABEL: &str = "io.kubernetes.pod.name";
const POD_UID_LABEL: &str = "io.kubernetes.pod.uid";
const POD_NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";

macro_rules! field {
    ($name:literal, $description:literal, $extract:expr) => {
        field!($name, CharBuf, $description, $extract)
    };
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new(classes::CONTAINER, $name, $type, Scope::Container, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("container.id", "the first 12 characters of the container's id; 'host' for a process of the host", |view, _| id(view, shortened)).suggested_output(),
    field!("container.full_id", "the container's whole id; 'host' for a process of the host", |view, _| id(view, |id| id)),
    field!("container.type", "the runtime: docker, podman, containerd, cri-o…; 'host' for a process of the host", |view, _| runtime(view)),
    field!("container.name", "the container's name; 'host' for a process of the host", |view, _| text(view, Value::text(HOST).into(), |container| &container.name)).suggested_output(),
    field!("container.image", "the image with its tag, as the runtime names it", |view, _| known_or_empty(view, Part::Image, image)),
    field!("container.image.repository", "the image without its tag", |view, _| known_or_empty(view, Part::Image, |container| bytes(&container.image.as_ref()?.repository))).suggested_output(),
    field!("container.image.tag", "the tag of the image", |view, _| known_or_empty(view, Part::Image, |container| bytes(&container.image.as_ref()?.tag))).suggested_output(),
    field!("container.image.digest", "the digest of the image", |view, _| known_or_empty(view, Part::ImageDigest, |container| bytes(&container.image.as_ref()?.digest))),
    field!("container.image.id", "the id of the image", |view, _| known_or_empty(view, Part::ImageDigest, |container| bytes(&container.image.as_ref()?.id))),
    field!("container.privileged", Bool, "whether the container runs privileged", |view, _| known_or_false(view, Part::Privileges, |container| container.is_privileged.map(Value::Bool))),
    field!("container.start_ts", AbsTime, "when the container started, nanoseconds since the epoch", |view, _| known(view, Part::Times, |container| (container.started_ns != 0).then_some(Value::Uint(container.started_ns)))),
    field!("container.duration", RelTime, "for how many nanoseconds the container has been running", |view, _| known(view, Part::Times, |container| (container.started_ns != 0).then(|| Value::Uint(view.epoch_ns().saturating_sub(container.started_ns))))),
    field!("container.ip", "the container's first IPv4 address", |view, _| known_or_empty(view, Part::Addresses, address)),
    field!("container.cni.json", "what the network plugin of the pod gave back, a JSON document with the addresses of every interface", |view, _| known_or_empty(view, Part::Addresses, |container| bytes(&container.cni_result))),
    field!("container.host_pid", Bool, "whether the container shares the host's pid namespace", |view, _| known_or_false(view, Part::Namespaces, |container| container.is_host_pid.map(Value::Bool))),
    field!("container.host_network", Bool, "whether the container shares the host's network namespace", |view, _| known_or_false(view, Part::Namespaces, |container| container.is_host_network.map(Value::Bool))),
    field!("container.host_ipc", Bool, "whether the container shares the host's IPC namespace", |view, _| known_or_false(view, Part::Namespaces, |container| container.is_host_ipc.map(Value::Bool))),
    field!("container.labels", "the container's labels as name:value with commas between, those apart that Kubernetes gives of itself", |view, _| known_or_empty(view, Part::Labels, |container| labels::all(&container.labels))),
    field!("container.label", "the container's label of that name", |view, argument| known(view, Part::Labels, |container| labels::one(&container.labels, argument))).required(Key),
    field!("container.mounts", "the container's mounts", |view, _| known_or_empty(view, Part::Mounts, mounts::all)),
    field!("container.mount", "the mount of that number or source", |view, argument| mounts::one(view, argument, |mount| &mount.source, |mount| Some(mounts::text(mount)))).required(IndexOrKey),
    field!("container.mount.source", "the source of the mount of that number or destination", |view, argument| mounts::one(view, argument, |mount| &mount.destination, |mount| bytes(&mount.source))).required(IndexOrKey),
    field!("container.mount.dest", "the destination of the mount of that number or source", |view, argument| mounts::one(view, argument, |mount| &mount.source, |mount| bytes(&mount.destination))).required(IndexOrKey),
    field!("container.mount.mode", "the mode of the mount of that number or source", |view, argument| mounts::one(view, argument, |mount| &mount.source, |mount| bytes(&mount.mode))).required(IndexOrKey),
    field!("container.mount.rdwr", "whether the mount of that number or source can be written to", |view, argument| mounts::one(view, argument, |mount| &mount.source, |mount| Some(Value::text(mounts::is_writable(mount))))).required(IndexOrKey),
    field!("container.mount.propagation", "the propagation of the mount of that number or source", |view, argument| mounts::one(view, argument, |mount| &mount.source, |mount| bytes(&mount.propagation))).required(IndexOrKey),
    field!("k8s.pod.name", "the pod's name", |view, _| known(view, Part::Pod, |container| of_pod(container, &container.pod_name, POD_NAME_LABEL))).suggested_output(),
    field!("k8s.pod.uid", "the pod's uid", |view, _| known(view, Part::Pod, |container| of_pod(container, &container.pod_uid, POD_UID_LABEL))),
    field!("k8s.pod.id", "the same as k8s.pod.uid, by its older name", |view, _| known(view, Part::Pod, |container| of_pod(container, &container.pod_uid, POD_UID_LABEL))),
    field!("k8s.pod.sandbox_id", "the first 12 characters of the id of the pod's sandbox", |view, _| known_or_empty(view, Part::Pod, |container| bytes(shortened(&container.pod_sandbox_id)))),
    field!("k8s.pod.full_sandbox_id", "the whole id of the pod's sandbox", |view, _| known_or_empty(view, Part::Pod, |container| bytes(&container.pod_sandbox_id))),
    field!("k8s.pod.ip", "the first IPv4 address of the container, whose network is the pod's", |view, _| known(view, Part::Addresses, |container| of_a_pod(container).then(|| address(container))?)),
    field!("k8s.pod.cni.json", "the same as container.cni.json, of containers of pods", |view, _| known(view, Part::Addresses, |container| of_a_pod(container).then(|| bytes(&container.cni_result))?)),
    field!("k8s.pod.label", "the pod's label of that name", |view, argument| known(view, Part::PodLabels, |container| labels::one(&container.pod_labels, argument))).required(Key),
    field!("k8s.pod.labels", "the pod's labels as name:value with commas between, those apart that Kubernetes gives of itself", |view, _| known_or_empty(view, Part::PodLabels, |container| labels::all(&container.pod_labels))),
    field!("k8s.ns.name", "the name of the pod's namespace", |view, _| known(view, Part::Pod, |container| of_pod(container, &container.pod_namespace, POD_NAMESPACE_LABEL))).suggested_output(),
];

fn id<'a>(view: &EventView<'a>, shorten: for<'i> fn(&'i str) -> &'i str) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Container(id) => Extracted::bytes(shorten(id).as_bytes()),
        ContainerId::Host => Value::text(HOST).into(),
        ContainerId::Unknown => without_fact(view),
    }
}

fn runtime<'a>(view: &EventView<'a>) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Container(_) => {
            let fact = view.process().and_then(|process| view.host.cgroup(process));
            fact.map_or(Extracted::Absent, |fact| Extracted::bytes_unless_empty(fact.runtime.as_bytes()))
        }
        ContainerId::Host => Value::text(HOST).into(),
        ContainerId::Unknown => without_fact(view),
    }
}

/// A text of the container's, with what stands for it where the event happened in none.
fn text<'a>(
    view: &EventView<'a>,
    on_host: Extracted<'a>,
    get: impl FnOnce(&'a Container) -> &'a String,
) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Host => on_host,
        _ => known(view, Part::Name, |container| bytes(get(container))),
    }
}

/// What the container has. Where the event happened in none it is an empty text: Falco has a container `host` there, of which
/// it knows the name alone.
fn known_or_empty<'a>(
    view: &EventView<'a>,
    part: Part,
    get: impl FnOnce(&'a Container) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Host => Value::text("").into(),
        _ => known(view, part, get),
    }
}

/// The same for what is so or not so, and is not so on the host.
fn known_or_false<'a>(
    view: &EventView<'a>,
    part: Part,
    get: impl FnOnce(&'a Container) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Host => Value::Bool(false).into(),
        _ => known(view, part, get),
    }
}

/// What the container has, of a part that may be missing; absent where the event happened in none.
pub(crate) fn known<'a>(
    view: &EventView<'a>,
    part: Part,
    get: impl FnOnce(&'a Container) -> Option<Value<'a>>,
) -> Extracted<'a> {
    match (view.container_id(), view.container) {
        (ContainerId::Host, _) => Extracted::Absent,
        (ContainerId::Unknown, _) => without_fact(view),
        (ContainerId::Container(_), ContainerView::Known(container)) => {
            get(container).map_or_else(|| without_value(container, part), Extracted::Value)
        }
        (ContainerId::Container(_), ContainerView::Absent) => Extracted::Absent,
        (ContainerId::Container(_), ContainerView::Unknown | ContainerView::NotAsked) => Extracted::Unknown,
    }
}

/// Whether a value that a container does not have is known not to be.
fn without_value<'a>(container: &Container, part: Part) -> Extracted<'a> {
    if is_known(container, part) { Extracted::Absent } else { Extracted::Unknown }
}

/// Whether what a container does not have of a part is known not to be. What nobody could read is not, for good. An agent that does not say which
/// parts those are means any.
fn is_known(container: &Container, part: Part) -> bool {
    let missing = &container.missing;
    match container.completeness() {
        Completeness::Complete => !missing.contains(&part.into()),
        Completeness::FinalPartial => !missing.is_empty() && !missing.contains(&part.into()),
        Completeness::Pending | Completeness::Unspecified => false,
    }
}

/// Whether nothing more will come.
pub(crate) fn is_settled(container: &Container) -> bool {
    match container.completeness() {
        Completeness::Complete | Completeness::FinalPartial => true,
        Completeness::Pending | Completeness::Unspecified => false,
    }
}

pub(crate) fn bytes(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then(|| Value::bytes(text.as_bytes()))
}

/// Repository and tag, or the digest where there is no tag.
fn image(container: &Container) -> Option<Value<'_>> {
    let image = container.image.as_ref().filter(|image| !image.repository.is_empty())?;
    let (separator, version) = if image.tag.is_empty() { ("@", &image.digest) } else { (":", &image.tag) };
    Some(if version.is_empty() {
        Value::bytes(image.repository.as_bytes())
    } else {
        Value::bytes(format!("{}{separator}{version}", image.repository).into_bytes())
    })
}

/// The first characters of an id.
pub(crate) fn shortened(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// Falco tracks IPv4 alone; where there are others only, the first of them is better than nothing.
fn address(container: &Container) -> Option<Value<'_>> {
    let is_ip4 = |ip: &&String| ip.parse::<Ipv4Addr>().is_ok();
    bytes(container.ips.iter().find(is_ip4).or(container.ips.first())?)
}

/// Whether the container belongs to a pod.
fn of_a_pod(container: &Container) -> bool {
    !container.pod_sandbox_id.is_empty() || of_pod(container, &container.pod_uid, POD_UID_LABEL).is_some()
}

fn of_pod<'a>(container: &'a Container, told: &'a str, label: &str) -> Option<Value<'a>> {
    bytes(told).or_else(|| bytes(container.labels.get(label)?))
}

/// Whether a fact can still come; see the module's documentation.
pub(crate) fn without_fact<'a>(view: &EventView<'a>) -> Extracted<'a> {
    if view.host.has_cgroups() && view.process().is_some() { Extracted::Unknown } else { Extracted::Absent }
}
