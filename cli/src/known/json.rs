//! What is known, for programs. What is not known is null, or empty where there may be several.

use eyrie_proto::metadata::{
    CloudInstance, Completeness, Container, ContainerMount, FieldSource, Host, KubernetesContext,
    KubernetesObject, ListedEntity, Provenance,
};
use serde_json::{Value, json};

use super::{KnownContainer, host_of};
use crate::{describe::probe_kind, moment};

/// All of a container.
pub(crate) fn container_json(known: &KnownContainer) -> Value {
    let (container, listed) = (&known.container, &known.listed);
    let image = container.image.as_ref().map(|image| {
        json!({
            "id": text(&image.id),
            "repository": text(&image.repository),
            "tag": text(&image.tag),
            "digest": text(&image.digest),
        })
    });
    let probes = container.probes.iter();
    let probes = probes.map(|probe| json!({ "kind": probe_kind(probe.kind()), "command": probe.command }));
    let mut object = json!({
        "host": known.host(),
        "origin": known.origin(),
        "id": text(known.id()),
        "name": text(&container.name),
        "runtime": text(&container.runtime),
        "image": image,
        "pod": pod(container),
        "kubernetes": container.kubernetes.as_deref().map(kubernetes),
        "running": !known.has_ended(),
        "from": moment::known(listed.from_epoch_ns),
        "until": moment::known(listed.until_epoch_ns),
        "created": moment::known(container.created_ns),
        "started": moment::known(container.started_ns),
        "privileged": container.is_privileged,
        "capabilities": container.capabilities,
        "host_network": container.is_host_network,
        "host_pid": container.is_host_pid,
        "host_ipc": container.is_host_ipc,
        "user": text(&container.user),
        "environment_names": container.environment_names,
        "ips": container.ips,
        "labels": container.labels,
        "mounts": container.mounts.iter().map(mount).collect::<Vec<_>>(),
        "probes": probes.collect::<Vec<_>>(),
        "cni_result": text(&container.cni_result),
        "version": known.version(),
        "known": completeness(container.completeness()),
        "missing": container.reasons,
    });
    if let Some(object) = object.as_object_mut() {
        object.insert("provenance".to_owned(), provenance(&container.provenance));
        object.insert("field_sources".to_owned(), field_sources(&listed.field_sources));
        let cgroup = container.key.as_ref().and_then(|key| key.cgroup);
        let cgroup = cgroup.map(|cgroup| json!({ "hierarchy": cgroup.hierarchy, "id": cgroup.cgroup_id }));
        object.insert("cgroup".to_owned(), cgroup.unwrap_or_default());
    }
    object
}

/// What of a host its agent and its cloud told; null if there is nothing.
pub(crate) fn host_json(listed: &ListedEntity) -> Value {
    let Some(host) = host_of(listed) else { return Value::Null };
    let Host { hostname, kernel_release, operating_system, architecture, labels, cloud, .. } = host;
    let interfaces: Vec<&str> = host.interfaces.iter().map(|interface| &*interface.name).collect();
    json!({
        "hostname": text(hostname),
        "operating_system": text(operating_system),
        "kernel_release": text(kernel_release),
        "architecture": text(architecture),
        "booted": moment::known(host.booted_epoch_ns),
        "labels": labels,
        "interfaces": interfaces,
        "cloud": cloud.as_ref().map(cloud_json),
        "version": listed.entity.as_ref().map(|entity| entity.version),
        "provenance": provenance(&host.provenance),
        "field_sources": field_sources(&listed.field_sources),
    })
}

/// How much is known, in one word.
pub(crate) fn completeness(completeness: Completeness) -> &'static str {
    match completeness {
        Completeness::Unspecified | Completeness::Pending => "pending",
        Completeness::Complete => "complete",
        Completeness::FinalPartial => "partial",
    }
}

fn cloud_json(cloud: &CloudInstance) -> Value {
    json!({
        "provider": text(&cloud.provider),
        "account": text(&cloud.account),
        "region": text(&cloud.region),
        "zone": text(&cloud.zone),
        "instance_id": text(&cloud.instance_id),
        "instance_type": text(&cloud.instance_type),
        "image_id": text(&cloud.image_id),
        "tags": cloud.tags,
    })
}

fn pod(container: &Container) -> Value {
    let parts =
        [&container.pod_uid, &container.pod_name, &container.pod_namespace, &container.pod_sandbox_id];
    if parts.iter().all(|part| part.is_empty()) {
        return Value::Null;
    }
    json!({
        "uid": text(&container.pod_uid),
        "name": text(&container.pod_name),
        "namespace": text(&container.pod_namespace),
        "sandbox_id": text(&container.pod_sandbox_id),
        "labels": container.pod_labels,
    })
}

fn kubernetes(context: &KubernetesContext) -> Value {
    json!({
        "known": completeness(context.completeness()),
        "pod": context.pod.as_ref().map(object),
        "namespace": context.namespace.as_ref().map(object),
        "deployment": context.deployment.as_ref().map(object),
        "replica_set": context.replica_set.as_ref().map(object),
        "replication_controller": context.replication_controller.as_ref().map(object),
        "services": context.services.iter().map(object).collect::<Vec<_>>(),
    })
}

fn object(object: &KubernetesObject) -> Value {
    let owners = object.owners.iter();
    let owners = owners.map(|owner| json!({ "kind": owner.kind, "name": owner.name, "uid": owner.uid }));
    json!({
        "kind": text(&object.kind),
        "namespace": text(&object.namespace),
        "name": text(&object.name),
        "uid": object.key.as_ref().and_then(|key| text(&key.object_uid)),
        "labels": object.labels,
        "owners": owners.collect::<Vec<_>>(),
        "node_name": text(&object.node_name),
        "ips": object.ips,
        "cluster": text(&object.cluster_name),
    })
}

fn mount(mount: &ContainerMount) -> Value {
    json!({
        "source": mount.source,
        "destination": mount.destination,
        "mode": mount.mode,
        "writable": mount.is_writable,
        "propagation": mount.propagation,
    })
}

fn provenance(provenance: &[Provenance]) -> Value {
    let one = |one: &Provenance| {
        json!({
            "source": one.source,
            "observed": moment::known(one.observed_ns),
            "observer": text(&one.observer),
        })
    };
    provenance.iter().map(one).collect()
}

fn field_sources(sources: &[FieldSource]) -> Value {
    let one = |one: &FieldSource| json!({ "source": one.source, "observed": moment::known(one.observed_ns), "fields": one.fields });
    sources.iter().map(one).collect()
}

fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
