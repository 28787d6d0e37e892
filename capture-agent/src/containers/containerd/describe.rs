//! What containerd's record of a container tells.

use eyrie_proto::metadata::Container;

use super::event::timestamp_ns;
use crate::containers::{
    annotations::Annotator,
    api::{MAX_TEXT, containerd::containers},
    bundle::{Bundle, clipped},
    images::image,
    labels,
};

/// docker's namespace. It names containers itself, and tells nobody but who asks it.
const DOCKER: &str = "moby";
/// How names and pods are noted, by nerdctl and by containerd's part for Kubernetes.
const NERDCTL_NAME: &str = "nerdctl/name";
const KUBERNETES_NAME: &str = "io.kubernetes.container.name";
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";
/// Characters of an id that is shown as a name, as in Falco.
const SHORT_ID: usize = 12;

/// `digest` is what the image's name stands for now.
pub(super) fn describe(namespace: &str, record: containers::Container, digest: Option<String>) -> Container {
    let mut container = Container::default();
    match record.spec.as_ref().map(|spec| serde_json::from_slice::<Bundle>(&spec.value)) {
        Some(Ok(bundle)) => {
            let annotator = if namespace == DOCKER { Annotator::None } else { Annotator::Containerd };
            bundle.describe(&record.id, annotator, &mut container);
        }
        Some(Err(error)) => container.reasons.push(format!(
            "mounts, capabilities, namespaces: containerd's specification is not understood: {error}"
        )),
        None => {
            container.reasons.push("mounts, capabilities, namespaces: containerd has none noted".to_owned());
        }
    }
    let pod = [
        (POD_NAME, &mut container.pod_name),
        (POD_NAMESPACE, &mut container.pod_namespace),
        (POD_UID, &mut container.pod_uid),
    ];
    for (label, part) in pod {
        if let Some(value) = record.labels.get(label) {
            *part = clipped(value, MAX_TEXT);
        }
    }
    if !record.sandbox.is_empty() {
        container.pod_sandbox_id = clipped(&record.sandbox, MAX_TEXT);
    }
    let name = name(namespace, &record);
    if container.name.is_empty() || record.labels.contains_key(NERDCTL_NAME) {
        container.name = name;
    }
    container.created_ns = record.created_at.as_ref().map_or(0, timestamp_ns);
    if namespace != DOCKER {
        container.runtime = "containerd".to_owned();
    }
    if !record.image.is_empty() {
        let mut image = image(&record.image, "");
        if image.digest.is_empty() {
            image.digest = clipped(&digest.unwrap_or_default(), MAX_TEXT);
        }
        container.image = Some(image);
    }
    container.labels.extend(labels::kept(record.labels));
    container
}

/// As whoever made it calls it; otherwise by its id.
fn name(namespace: &str, record: &containers::Container) -> String {
    let noted = [NERDCTL_NAME, KUBERNETES_NAME].into_iter().find_map(|label| record.labels.get(label));
    match noted {
        Some(noted) => clipped(noted, MAX_TEXT),
        None if namespace == DOCKER => String::new(),
        None => clipped(&record.id, SHORT_ID),
    }
}
