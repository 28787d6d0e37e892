//! Fields that Falco's container plugin keeps so that old rules load: most are always empty, the others go with a later
//! version.

use rule_language::{
    ArgumentKind::Key,
    FieldType::{Bool, CharBuf},
};

use crate::{
    classes,
    declaration::{Declaration, Scope},
    value::Extracted,
};

/// Missing in Falco too, so that no data will ever come.
macro_rules! empty {
    ($name:literal, $description:literal) => {
        Declaration::new(
            classes::CONTAINER,
            $name,
            CharBuf,
            Scope::Container,
            |_, _| Extracted::Absent,
            $description,
        )
        .deprecated()
    };
}

/// To be removed in Falco, and not extracted here.
macro_rules! probe {
    ($name:literal, $type:expr, $scope:expr, $description:literal) => {
        Declaration::without_data(classes::CONTAINER, $name, $type, $scope, $description).deprecated()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    probe!("container.healthcheck", CharBuf, Scope::Container, "the command of the container's health check, NONE if it was switched off"),
    probe!("container.liveness_probe", CharBuf, Scope::Container, "the command of the container's liveness probe"),
    probe!("container.readiness_probe", CharBuf, Scope::Container, "the command of the container's readiness probe"),
    probe!("proc.is_container_healthcheck", Bool, Scope::Process, "whether the process belongs to the container's health check"),
    probe!("proc.is_container_liveness_probe", Bool, Scope::Process, "whether the process belongs to the container's liveness probe"),
    probe!("proc.is_container_readiness_probe", Bool, Scope::Process, "whether the process belongs to the container's readiness probe"),
    empty!("k8s.rc.name", "the name of the pod's replication controller: always missing; k8smeta.rc.name has it"),
    empty!("k8s.rc.id", "the uid of the pod's replication controller: always missing; k8smeta.rc.uid has it"),
    empty!("k8s.rc.label", "a label of the pod's replication controller: always missing; k8smeta.rc.label has it").required(Key),
    empty!("k8s.rc.labels", "the labels of the pod's replication controller: always missing; k8smeta.rc.labels has them"),
    empty!("k8s.svc.name", "the name of the pod's service: always missing; k8smeta.svc.name has it"),
    empty!("k8s.svc.id", "the uid of the pod's service: always missing; k8smeta.svc.uid has it"),
    empty!("k8s.svc.label", "a label of the pod's service: always missing; k8smeta.svc.label has it").required(Key),
    empty!("k8s.svc.labels", "the labels of the pod's service: always missing; k8smeta.svc.labels has them"),
    empty!("k8s.rs.name", "the name of the pod's replica set: always missing; k8smeta.rs.name has it"),
    empty!("k8s.rs.id", "the uid of the pod's replica set: always missing; k8smeta.rs.uid has it"),
    empty!("k8s.rs.label", "a label of the pod's replica set: always missing; k8smeta.rs.label has it").required(Key),
    empty!("k8s.rs.labels", "the labels of the pod's replica set: always missing; k8smeta.rs.labels has them"),
    empty!("k8s.deployment.name", "the name of the pod's deployment: always missing; k8smeta.deployment.name has it"),
    empty!("k8s.deployment.id", "the uid of the pod's deployment: always missing; k8smeta.deployment.uid has it"),
    empty!("k8s.deployment.label", "a label of the pod's deployment: always missing; k8smeta.deployment.label has it").required(Key),
    empty!("k8s.deployment.labels", "the labels of the pod's deployment: always missing; k8smeta.deployment.labels has them"),
    empty!("k8s.ns.id", "the uid of the pod's namespace: always missing; k8smeta.ns.uid has it"),
    empty!("k8s.ns.label", "a label of the pod's namespace: always missing; k8smeta.ns.label has it").required(Key),
    empty!("k8s.ns.labels", "the labels of the pod's namespace: always missing; k8smeta.ns.labels has them"),
];
