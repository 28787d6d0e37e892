//! Objects as the API server writes them, read no further than they are kept. What is of another shape than expected counts
//! as absent: one strange object must not stop a watch.

use std::collections::BTreeMap;

use eyrie_proto::metadata::{KubernetesKey, KubernetesObject, OwnerReference, Validity};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use crate::{cut::Cut, kind::Kind};

/// An object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Slim {
    pub(crate) metadata: SlimMeta,
    spec: Option<SlimSpec>,
    status: Option<SlimStatus>,
}

/// Of its metadata.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SlimMeta {
    name: String,
    namespace: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    #[serde(deserialize_with = "lenient")]
    creation_timestamp: String,
    #[serde(deserialize_with = "texts")]
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "lenient")]
    owner_references: Vec<SlimOwner>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SlimOwner {
    kind: String,
    name: String,
    uid: String,
    controller: bool,
}

/// Of specs of pods and services.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SlimSpec {
    #[serde(deserialize_with = "lenient")]
    node_name: String,
    #[serde(deserialize_with = "texts")]
    selector: BTreeMap<String, String>,
    #[serde(rename = "clusterIPs", deserialize_with = "lenient")]
    cluster_ips: Vec<String>,
}

/// Of the status of pods and nodes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SlimStatus {
    #[serde(deserialize_with = "lenient")]
    phase: String,
    #[serde(rename = "podIPs", deserialize_with = "lenient")]
    pod_ips: Vec<SlimIp>,
    #[serde(rename = "podIP", deserialize_with = "lenient")]
    pod_ip: String,
    #[serde(deserialize_with = "lenient")]
    addresses: Vec<SlimAddress>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SlimIp {
    ip: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SlimAddress {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

/// A page of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SlimList {
    pub(crate) metadata: SlimListMeta,
    /// Servers write none as null.
    pub(crate) items: Option<Vec<Slim>>,
}

/// Of a list's metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SlimListMeta {
    pub(crate) resource_version: String,
    /// There is more, to be had by this token.
    #[serde(rename = "continue")]
    pub(crate) continue_token: String,
}

// === impl Slim ===

impl Slim {
    /// What is kept of it, without the cluster's names, and whether something had to be cut; `None` without a uid, by which
    /// everything is known.
    pub(crate) fn into_object(self, kind: Kind) -> Option<(KubernetesObject, bool)> {
        let SlimMeta { name, namespace, uid, creation_timestamp, labels, owner_references, .. } =
            self.metadata;
        let mut cut = Cut::default();
        let object_uid = cut.name(uid);
        if object_uid.is_empty() {
            return None;
        }
        let owners = owners(&mut cut, owner_references);
        let (spec, status) = (self.spec.unwrap_or_default(), self.status.unwrap_or_default());
        let (ips, selector) = match kind {
            Kind::Pod => (pod_ips(status), BTreeMap::new()),
            Kind::Node => (node_ips(status), BTreeMap::new()),
            Kind::Service => (service_ips(spec.cluster_ips), spec.selector),
            _ => (Vec::new(), BTreeMap::new()),
        };
        let ips = ips.into_iter().map(|ip| cut.name(ip)).collect();
        let object = KubernetesObject {
            key: Some(KubernetesKey { cluster_uid: String::new(), object_uid }),
            kind: kind.name().to_owned(),
            namespace: cut.name(namespace),
            name: cut.name(name),
            labels: cut.labels(labels),
            owners,
            node_name: if kind == Kind::Pod { cut.name(spec.node_name) } else { String::new() },
            ips: cut.list(ips),
            selector: cut.labels(selector),
            validity: Some(Validity { from_ns: epoch_ns(&creation_timestamp), until_ns: 0 }),
            ..KubernetesObject::default()
        };
        Some((object, cut.is_cut))
    }
}

/// The one that manages it first, as whoever asks for *the* owner means that one.
fn owners(cut: &mut Cut, mut owners: Vec<SlimOwner>) -> Vec<OwnerReference> {
    owners.sort_by_key(|owner| !owner.controller);
    let owners = cut.list(owners).into_iter();
    owners
        .map(|owner| OwnerReference {
            kind: cut.name(owner.kind),
            name: cut.name(owner.name),
            uid: cut.name(owner.uid),
        })
        .collect()
}

/// One that has run to its end keeps its addresses in the API for as long as it is kept, while they are given to others.
fn pod_ips(status: SlimStatus) -> Vec<String> {
    if matches!(&*status.phase, "Succeeded" | "Failed") {
        return Vec::new();
    }
    match status.pod_ips.is_empty() {
        true => Some(status.pod_ip).into_iter().filter(|ip| !ip.is_empty()).collect(),
        false => status.pod_ips.into_iter().map(|one| one.ip).collect(),
    }
}

fn node_ips(status: SlimStatus) -> Vec<String> {
    let is_ip = |address: &SlimAddress| matches!(&*address.kind, "InternalIP" | "ExternalIP");
    status.addresses.into_iter().filter(is_ip).map(|address| address.address).collect()
}

/// A headless service has `None` for an address.
fn service_ips(cluster_ips: Vec<String>) -> Vec<String> {
    cluster_ips.into_iter().filter(|ip| ip != "None" && !ip.is_empty()).collect()
}

/// 0 for what is no time.
fn epoch_ns(text: &str) -> u64 {
    let nanoseconds = text.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_nanosecond);
    u64::try_from(nanoseconds).unwrap_or(0)
}

/// A value, or its default if it is null or of another shape.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(source: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape<T> {
        Expected(T),
        Other(IgnoredAny),
    }
    Ok(match Shape::deserialize(source)? {
        Shape::Expected(value) => value,
        Shape::Other(_) => T::default(),
    })
}

/// Texts by name; other values are left out. (The selector of a deployment has other fields than a service's.)
fn texts<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Text(String),
        Other(IgnoredAny),
    }
    let values: Option<BTreeMap<String, Value>> = lenient(source)?;
    let text = |(name, value)| match value {
        Value::Text(text) => Some((name, text)),
        Value::Other(_) => None,
    };
    Ok(values.unwrap_or_default().into_iter().filter_map(text).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(kind: Kind, object: serde_json::Value) -> KubernetesObject {
        serde_json::from_value::<Slim>(object).unwrap().into_object(kind).unwrap().0
    }

    /// Scenario: a pod, a node, a headless service and a deployment as API servers write them. Guarantees: just what
    /// rules ask is kept; the managing owner comes first; the selector of a deployment is none.
    #[test]
    fn what_rules_ask_is_kept() {
        let owner = |kind: &str, controller| json!({"kind": kind, "name": "n", "uid": kind, "controller": controller});
        let pod = kept(
            Kind::Pod,
            json!({
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "p1", "resourceVersion": "7", "labels": {"app": "web"},
                "creationTimestamp": "1970-01-01T00:00:02Z", "annotations": {"a": "b"}, "managedFields": [{"x": 1}],
                "ownerReferences": [owner("Thing", false), owner("ReplicaSet", true)]},
            "spec": {"nodeName": "n1", "containers": [{"name": "c"}]},
            "status": {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}}),
        );
        assert_eq!(
            (&*pod.kind, &*pod.name, &*pod.namespace, &*pod.node_name),
            ("Pod", "web-1", "shop", "n1")
        );
        assert_eq!(pod.ips, ["10.0.0.1", "fd00::1"]);
        assert_eq!(pod.validity.unwrap().from_ns, 2_000_000_000);
        assert_eq!(pod.owners.iter().map(|owner| &*owner.kind).collect::<Vec<_>>(), ["ReplicaSet", "Thing"]);
        assert!(pod.annotations.is_empty() && pod.labels["app"] == "web");
        let node = json!({"metadata": {"uid": "n"}, "status": {"addresses": [
            {"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.1.0.1"}]}});
        assert_eq!(kept(Kind::Node, node).ips, ["10.1.0.1"]);
        let service =
            json!({"metadata": {"uid": "s"}, "spec": {"clusterIPs": ["None"], "selector": {"app": "web"}}});
        let service = kept(Kind::Service, service);
        assert!(service.ips.is_empty() && service.selector["app"] == "web");
        let deployment =
            json!({"metadata": {"uid": "d"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}});
        assert!(kept(Kind::Deployment, deployment).selector.is_empty());
    }

    /// Scenario: a job's pod, at work and done. Guarantees: its address is its own no more.
    #[test]
    fn a_pod_that_is_done_has_no_address() {
        for (phase, ips) in [("Running", 1), ("Succeeded", 0), ("Failed", 0)] {
            let pod = json!({"metadata": {"uid": "p"}, "status": {"phase": phase, "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}});
            assert_eq!(kept(Kind::Pod, pod).ips.len(), ips, "{phase}");
        }
    }

    /// Scenario: an object whose parts are null or of other shapes, and one without a uid. Guarantees: the first is known by
    /// what is right of it, the other is none.
    #[test]
    fn strange_objects_are_read_as_far_as_they_go() {
        let strange = json!({"metadata": {"uid": "p", "name": "web", "labels": [1], "ownerReferences": null, "creationTimestamp": 5},
            "spec": {"nodeName": {}, "selector": {"app": "web", "n": 3}, "clusterIPs": "no"}, "status": {"podIPs": 1}});
        let object = kept(Kind::Service, strange);
        assert_eq!((&*object.name, object.labels.len(), object.ips.len()), ("web", 0, 0));
        assert_eq!(object.selector.into_keys().collect::<Vec<_>>(), ["app"]);
        let nameless = serde_json::from_value::<Slim>(json!({"metadata": {"name": "x"}})).unwrap();
        assert!(nameless.into_object(Kind::Pod).is_none());
    }
}
