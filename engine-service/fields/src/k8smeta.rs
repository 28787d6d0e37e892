//! `k8smeta.*`: the pod and what it belongs to, as the cluster knows them.
//!
//! None is extracted yet: they come with the metadata of Kubernetes.

use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{
    classes,
    declaration::{Declaration, Scope},
};

macro_rules! field {
    ($name:literal, $description:literal) => {
        Declaration::without_data(classes::K8SMETA, $name, CharBuf, Scope::Container, $description)
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    field!("k8smeta.pod.name", "the pod's name"),
    field!("k8smeta.pod.uid", "the pod's uid"),
    field!("k8smeta.pod.label", "the pod's label of that name").required(Key),
    field!("k8smeta.pod.labels", "the pod's labels, as name:value").list(),
    field!("k8smeta.pod.ip", "the pod's address"),
    field!("k8smeta.ns.name", "the name of the pod's namespace"),
    field!("k8smeta.ns.uid", "the uid of the pod's namespace"),
    field!("k8smeta.ns.label", "the label of that name of the pod's namespace").required(Key),
    field!("k8smeta.ns.labels", "the labels of the pod's namespace, as name:value").list(),
    field!("k8smeta.deployment.name", "the name of the pod's deployment"),
    field!("k8smeta.deployment.uid", "the uid of the pod's deployment"),
    field!("k8smeta.deployment.label", "the label of that name of the pod's deployment").required(Key),
    field!("k8smeta.deployment.labels", "the labels of the pod's deployment, as name:value").list(),
    field!("k8smeta.svc.name", "the names of the services that select the pod").list(),
    field!("k8smeta.svc.uid", "the uids of the services that select the pod").list(),
    field!("k8smeta.svc.label", "the labels of that name of the services that select the pod").list().required(Key),
    field!("k8smeta.svc.labels", "the labels of the services that select the pod, as name:value").list(),
    field!("k8smeta.rs.name", "the name of the pod's replica set"),
    field!("k8smeta.rs.uid", "the uid of the pod's replica set"),
    field!("k8smeta.rs.label", "the label of that name of the pod's replica set").required(Key),
    field!("k8smeta.rs.labels", "the labels of the pod's replica set, as name:value").list(),
    field!("k8smeta.rc.name", "the name of the pod's replication controller"),
    field!("k8smeta.rc.uid", "the uid of the pod's replication controller"),
    field!("k8smeta.rc.label", "the label of that name of the pod's replication controller").required(Key),
    field!("k8smeta.rc.labels", "the labels of the pod's replication controller, as name:value").list(),
];
