//! Fields that Falco's container plugin keeps so that old rules load. It has values of none; of probes we do.

use eyrie_proto::metadata::ContainerProbeKind as Probe;
use rule_language::{
    ArgumentKind::Key,
    FieldType::{Bool, CharBuf},
};

use super::probes;
use crate::{
    classes,
    declaration::{Declaration, Scope},
};

/// Missing in Falco too, so that no data will ever come.
macro_rules! empty {
    ($name:literal, $description:literal, $instead:literal) => {
        Declaration::absent(
            classes::CONTAINER,
            $name,
            CharBuf,
            concat!("Falco's container plugin has no values of it either; use ", $instead),
            $description,
        )
        .deprecated()
    };
}

/// The command of a probe.
macro_rules! probe {
    ($name:literal, $kind:expr, $description:literal) => {
        Declaration::new(
            classes::CONTAINER,
            $name,
            CharBuf,
            Scope::Container,
            |view, _| probes::command(view, $kind),
            $description,
        )
        .deprecated()
    };
}

/// Whether the process is a probe.
macro_rules! is_probe {
    ($name:literal, $kind:expr, $description:literal) => {
        Declaration::new(
            classes::CONTAINER,
            $name,
            Bool,
            Scope::Process,
            |view, _| probes::is_running(view, $kind),
            $description,
        )
        .deprecated()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    probe!("container.healthcheck", Probe::Healthcheck, "the command of the container's health check"),
    probe!("container.liveness_probe", Probe::Liveness, "the command of the container's liveness probe"),
    probe!("container.readiness_probe", Probe::Readiness, "the command of the container's readiness probe"),
    is_probe!("proc.is_container_healthcheck", Probe::Healthcheck, "whether the process, or one above it in the container, runs the command of the container's health check"),
    is_probe!("proc.is_container_liveness_probe", Probe::Liveness, "whether the process, or one above it in the container, runs the command of the container's liveness probe"),
    is_probe!("proc.is_container_readiness_probe", Probe::Readiness, "whether the process, or one above it in the container, runs the command of the container's readiness probe"),
    empty!("k8s.rc.name", "the name of the pod's replication controller", "k8smeta.rc.name"),
    empty!("k8s.rc.id", "the uid of the pod's replication controller", "k8smeta.rc.uid"),
    empty!("k8s.rc.label", "a label of the pod's replication controller", "k8smeta.rc.label").required(Key),
    empty!("k8s.rc.labels", "the labels of the pod's replication controller", "k8smeta.rc.labels"),
    empty!("k8s.svc.name", "the name of the pod's service", "k8smeta.svc.name"),
    empty!("k8s.svc.id", "the uid of the pod's service", "k8smeta.svc.uid"),
    empty!("k8s.svc.label", "a label of the pod's service", "k8smeta.svc.label").required(Key),
    empty!("k8s.svc.labels", "the labels of the pod's service", "k8smeta.svc.labels"),
    empty!("k8s.rs.name", "the name of the pod's replica set", "k8smeta.rs.name"),
    empty!("k8s.rs.id", "the uid of the pod's replica set", "k8smeta.rs.uid"),
    empty!("k8s.rs.label", "a label of the pod's replica set", "k8smeta.rs.label").required(Key),
    empty!("k8s.rs.labels", "the labels of the pod's replica set", "k8smeta.rs.labels"),
    empty!("k8s.deployment.name", "the name of the pod's deployment", "k8smeta.deployment.name"),
    empty!("k8s.deployment.id", "the uid of the pod's deployment", "k8smeta.deployment.uid"),
    empty!("k8s.deployment.label", "a label of the pod's deployment", "k8smeta.deployment.label").required(Key),
    empty!("k8s.deployment.labels", "the labels of the pod's deployment", "k8smeta.deployment.labels"),
    empty!("k8s.ns.id", "the uid of the pod's namespace", "k8smeta.ns.uid"),
    empty!("k8s.ns.label", "a label of the pod's namespace", "k8smeta.ns.label").required(Key),
    empty!("k8s.ns.labels", "the labels of the pod's namespace", "k8smeta.ns.labels"),
];
