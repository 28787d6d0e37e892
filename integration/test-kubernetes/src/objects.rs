//! Objects as API servers write them, with what is of no use to who reads them besides.

use serde_json::{Value, json};

/// A namespace; `kube-system`'s uid is its cluster's.
pub fn namespace(name: &str, uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata("", name, uid, &[])})
}

/// A pod without an owner.
pub fn pod(namespace: &str, name: &str, uid: &str, labels: &[(&str, &str)]) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(namespace, name, uid, labels),
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "example.org/web:1", "env": [{"name": "A", "value": "secret"}]}]},
        "status": {"phase": "Running", "podIP": "10.0.0.7", "podIPs": [{"ip": "10.0.0.7"}]}})
}

/// A service that selects pods by labels.
pub fn service(namespace: &str, name: &str, uid: &str, selector: &[(&str, &str)]) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata(namespace, name, uid, &[("tier", "front")]),
        "spec": {"selector": texts(selector), "clusterIPs": ["10.96.0.9"], "ports": [{"port": 80}]}})
}

/// A node.
pub fn node(name: &str, uid: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata("", name, uid, &[]),
        "status": {"addresses": [{"type": "InternalIP", "address": "10.1.0.1"}], "images": [{"names": ["x"]}]}})
}

/// An object of a kind of which nothing but metadata matters.
pub fn workload(kind: &str, namespace: &str, name: &str, uid: &str, labels: &[(&str, &str)]) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata(namespace, name, uid, labels),
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": [{"name": "main"}]}}}})
}

/// The same object with an owner that manages it.
pub fn owned_by(mut object: Value, kind: &str, name: &str, uid: &str) -> Value {
    object["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    object
}

fn metadata(namespace: &str, name: &str, uid: &str, labels: &[(&str, &str)]) -> Value {
    let mut metadata = json!({"name": name, "uid": uid, "labels": texts(labels),
        "creationTimestamp": "2026-01-02T03:04:05Z", "annotations": {"example.org/note": "of no use here"},
        "managedFields": [{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {}}}]});
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn texts(pairs: &[(&str, &str)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
