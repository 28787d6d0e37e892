//! `container.*` and `k8s.*`: the container that an event happened in, and its pod.
//!
//! Which container a control group belongs to is told by ordered facts, so that the id is known as soon as the event is.
//! A control group of which no fact has come is unknown: the fact may still come. But as long as an origin has told
//! of no control group at all, nothing will ever answer, and these fields are absent: a rule with
//! `container.id != host` must not wait for what does not come. Init's control group is the sign: it is there before
//! any container, so that an agent that tells of control groups has told of it.
//!
//! Names and images come from metadata, and are unknown until they are joined.

use host_model::ContainerId;
use rule_language::{
    ArgumentKind::{IndexOrKey, Key},
    FieldType::{AbsTime, Bool, CharBuf},
};

use crate::{
    declaration::{Declaration, Scope},
    value::{Extracted, Value},
    view::EventView,
};

/// How much of an id Falco shows.
const SHORT_ID: usize = 12;
/// What Falco calls the container of those that are in none.
const HOST: &str = "host";
/// The pid of init.
const INIT: u32 = 1;

macro_rules! field {
    ($name:literal, $description:literal, $extract:expr) => {
        field!($name, CharBuf, $description, $extract)
    };
    ($name:literal, $type:expr, $description:literal, $extract:expr) => {
        Declaration::new($name, $type, Scope::Container, $extract, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("container.id", "the first 12 characters of the container's id; 'host' for a process of the host", |view, _| id(view, |id| id.get(..SHORT_ID).unwrap_or(id))),
    field!("container.full_id", "the container's whole id; 'host' for a process of the host", |view, _| id(view, |id| id)),
    field!("container.type", "the runtime: docker, podman, containerd, cri-o…; 'host' for a process of the host", |view, _| runtime(view)),
    field!("container.name", "the container's name; 'host' for a process of the host", |view, _| metadata(view, Value::text(HOST).into())),
    field!("container.image", "the image with its tag, as the runtime names it", |view, _| metadata(view, Extracted::Absent)),
    field!("container.image.repository", "the image without its tag", |view, _| metadata(view, Extracted::Absent)),
    field!("container.image.tag", "the tag of the image", |view, _| metadata(view, Extracted::Absent)),
    field!("container.image.digest", "the digest of the image", |view, _| metadata(view, Extracted::Absent)),
    field!("container.image.id", "the id of the image", |view, _| metadata(view, Extracted::Absent)),
    field!("container.privileged", Bool, "whether the container runs privileged", |view, _| metadata(view, Extracted::Absent)),
    field!("container.start_ts", AbsTime, "when the container started, nanoseconds since the epoch", |view, _| metadata(view, Extracted::Absent)),
    field!("container.label", "the container's label of that name", |view, _| metadata(view, Extracted::Absent)).required(Key),
    field!("container.mounts", "the container's mounts", |view, _| metadata(view, Extracted::Absent)),
    field!("container.mount", "the mount of that number or source", |view, _| metadata(view, Extracted::Absent)).required(IndexOrKey),
    field!("container.mount.source", "the source of the mount of that number or destination", |view, _| metadata(view, Extracted::Absent)).required(IndexOrKey),
    field!("container.mount.dest", "the destination of the mount of that number or source", |view, _| metadata(view, Extracted::Absent)).required(IndexOrKey),
    field!("container.mount.mode", "the mode of the mount of that number or source", |view, _| metadata(view, Extracted::Absent)).required(IndexOrKey),
    field!("container.mount.rdwr", "whether the mount of that number or source can be written to", |view, _| metadata(view, Extracted::Absent)).required(IndexOrKey),
    field!("k8s.pod.name", "the pod's name", |view, _| metadata(view, Extracted::Absent)),
    field!("k8s.pod.uid", "the pod's uid", |view, _| metadata(view, Extracted::Absent)),
    field!("k8s.pod.label", "the pod's label of that name", |view, _| metadata(view, Extracted::Absent)).required(Key),
    field!("k8s.ns.name", "the name of the pod's namespace", |view, _| metadata(view, Extracted::Absent)),
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

fn metadata<'a>(view: &EventView<'a>, on_host: Extracted<'a>) -> Extracted<'a> {
    match view.container_id() {
        ContainerId::Container(_) => Extracted::Unknown,
        ContainerId::Host => on_host,
        ContainerId::Unknown => without_fact(view),
    }
}

/// Whether a fact can still come; see the module's documentation.
fn without_fact<'a>(view: &EventView<'a>) -> Extracted<'a> {
    let init = view.host.process(INIT).map(|init| view.host.container_id(init));
    match init {
        Some(ContainerId::Host | ContainerId::Container(_)) if view.process().is_some() => Extracted::Unknown,
        _ => Extracted::Absent,
    }
}
