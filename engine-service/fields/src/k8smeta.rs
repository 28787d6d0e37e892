//! `k8smeta.*`: the pod and what it belongs to, as the cluster knows them.
//!
//! They come with a container's metadata, once the cluster's API server has been asked. Until then they are unknown, and so are for good those of an
//! object that the cluster could not tell of. Absent is what the cluster knows not to be, and all of it where there is no cluster.

use eyrie_proto::metadata::{Completeness, ContainerPart, KubernetesContext, KubernetesObject};
use rule_language::{ArgumentKind::Key, FieldType::CharBuf};

use crate::{
    argument::Argument,
    classes,
    container::{is_settled, known},
    declaration::{Declaration, Extract, Scope},
    value::{Extracted, Value},
    view::{ContainerView, EventView},
};

/// What of the context a field is about.
type Part = for<'c> fn(&'c KubernetesContext) -> Option<&'c KubernetesObject>;

const POD: Part = |context| context.pod.as_ref();
const NAMESPACE: Part = |context| context.namespace.as_ref();
const DEPLOYMENT: Part = |context| context.deployment.as_ref();
const REPLICA_SET: Part = |context| context.replica_set.as_ref();
const REPLICATION_CONTROLLER: Part = |context| context.replication_controller.as_ref();

const fn field(name: &'static str, extract: Extract, description: &'static str) -> Declaration {
    Declaration::new(classes::K8SMETA, name, CharBuf, Scope::Container, extract, description)
}

/// Something of one object.
macro_rules! of {
    ($name:literal, $part:expr, $get:expr, $description:literal) => {
        field($name, |view, argument| context(view, $part, |object| $get(object, argument)), $description)
    };
}

/// Something of each service.
macro_rules! of_services {
    ($name:literal, $get:expr, $description:literal) => {
        field(
            $name,
            |view, argument| told(view, POD, |context| of_each_service(context, argument, $get)),
            $description,
        )
        .list()
    };
}

#[rustfmt::skip]
pub(crate) const FIELDS: &[Declaration] = &[
    of!("k8smeta.pod.name", POD, name, "the pod's name"),
    of!("k8smeta.pod.uid", POD, uid, "the pod's uid"),
    of!("k8smeta.pod.label", POD, label, "the pod's label of that name").required(Key),
    of!("k8smeta.pod.labels", POD, labels, "the pod's labels, as name:value").list(),
    of!("k8smeta.pod.ip", POD, ip, "the pod's address"),
    of!("k8smeta.ns.name", NAMESPACE, name, "the name of the pod's namespace"),
    of!("k8smeta.ns.uid", NAMESPACE, uid, "the uid of the pod's namespace"),
    of!("k8smeta.ns.label", NAMESPACE, label, "the label of that name of the pod's namespace").required(Key),
    of!("k8smeta.ns.labels", NAMESPACE, labels, "the labels of the pod's namespace, as name:value").list(),
    of!("k8smeta.deployment.name", DEPLOYMENT, name, "the name of the pod's deployment"),
    of!("k8smeta.deployment.uid", DEPLOYMENT, uid, "the uid of the pod's deployment"),
    of!("k8smeta.deployment.label", DEPLOYMENT, label, "the label of that name of the pod's deployment").required(Key),
    of!("k8smeta.deployment.labels", DEPLOYMENT, labels, "the labels of the pod's deployment, as name:value").list(),
    of_services!("k8smeta.svc.name", name, "the names of the services that select the pod"),
    of_services!("k8smeta.svc.uid", uid, "the uids of the services that select the pod"),
    of_services!("k8smeta.svc.label", label, "the labels of that name of the services that select the pod").required(Key),
    of_services!("k8smeta.svc.labels", labels, "the labels of the services that select the pod, as name:value"),
    of!("k8smeta.rs.name", REPLICA_SET, name, "the name of the pod's replica set"),
    of!("k8smeta.rs.uid", REPLICA_SET, uid, "the uid of the pod's replica set"),
    of!("k8smeta.rs.label", REPLICA_SET, label, "the label of that name of the pod's replica set").required(Key),
    of!("k8smeta.rs.labels", REPLICA_SET, labels, "the labels of the pod's replica set, as name:value").list(),
    of!("k8smeta.rc.name", REPLICATION_CONTROLLER, name, "the name of the pod's replication controller"),
    of!("k8smeta.rc.uid", REPLICATION_CONTROLLER, uid, "the uid of the pod's replication controller"),
    of!("k8smeta.rc.label", REPLICATION_CONTROLLER, label, "the label of that name of the pod's replication controller").required(Key),
    of!("k8smeta.rc.labels", REPLICATION_CONTROLLER, labels, "the labels of the pod's replication controller, as name:value").list(),
];

/// Something of one object of the pod's context.
fn context<'a>(
    view: &EventView<'a>,
    part: Part,
    get: impl FnOnce(&'a KubernetesObject) -> Option<Value<'a>>,
) -> Extracted<'a> {
    told(view, part, |context| get(part(context)?))
}

/// What the cluster has told of the pod; what it has not told, and may still tell or could not, is unknown. `part` is the object that it is of.
fn told<'a>(
    view: &EventView<'a>,
    part: Part,
    get: impl FnOnce(&'a KubernetesContext) -> Option<Value<'a>>,
) -> Extracted<'a> {
    let told = match view.container {
        ContainerView::Known(container) => container.kubernetes.as_deref(),
        _ => None,
    };
    match (known(view, ContainerPart::Pod, |_| told.and_then(get)), view.container) {
        (Extracted::Value(value), _) => Extracted::Value(value),
        // The container is known whole, and its cluster may not be; or the other way round.
        (_, ContainerView::Known(container)) if container.kubernetes.is_some() || is_settled(container) => {
            let is_known = told.is_none_or(|told| is_known(told, part));
            if is_known { Extracted::Absent } else { Extracted::Unknown }
        }
        (extracted, _) => extracted,
    }
}

/// Whether what the object does not have, or that there is none, is known.
fn is_known(context: &KubernetesContext, part: Part) -> bool {
    match context.completeness() {
        Completeness::Complete => true,
        Completeness::FinalPartial => part(context).is_some(),
        Completeness::Pending | Completeness::Unspecified => false,
    }
}

fn of_each_service<'a>(
    context: &'a KubernetesContext,
    argument: &Argument,
    get: fn(&'a KubernetesObject, &Argument) -> Option<Value<'a>>,
) -> Option<Value<'a>> {
    let mut values = Vec::new();
    for value in context.services.iter().filter_map(|service| get(service, argument)) {
        match value {
            Value::List(members) => values.extend(members),
            value => values.push(value),
        }
    }
    (!values.is_empty()).then_some(Value::List(values))
}

fn name<'a>(object: &'a KubernetesObject, _: &Argument) -> Option<Value<'a>> {
    Some(Value::bytes(object.name.as_bytes())).filter(|_| !object.name.is_empty())
}

fn uid<'a>(object: &'a KubernetesObject, _: &Argument) -> Option<Value<'a>> {
    let key = object.key.as_ref().filter(|key| !key.object_uid.is_empty())?;
    Some(Value::bytes(key.object_uid.as_bytes()))
}

fn label<'a>(object: &'a KubernetesObject, argument: &Argument) -> Option<Value<'a>> {
    let Argument::Key(key) = argument else { return None };
    object.labels.get(key).map(|value| Value::bytes(value.as_bytes()))
}

fn labels<'a>(object: &'a KubernetesObject, _: &Argument) -> Option<Value<'a>> {
    let texts =
        object.labels.iter().map(|(name, value)| Value::bytes(format!("{name}:{value}").into_bytes()));
    let texts: Vec<_> = texts.collect();
    (!texts.is_empty()).then_some(Value::List(texts))
}

fn ip<'a>(object: &'a KubernetesObject, _: &Argument) -> Option<Value<'a>> {
    object.ips.first().map(|ip| Value::bytes(ip.as_bytes()))
}
