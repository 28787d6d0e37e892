//! What runtimes of Kubernetes, and nerdctl, note in a bundle's annotations.
//!
//! Keys as of containerd's `internal/cri/annotations`, CRI-O's `pkg/annotations` and nerdctl's `pkg/labels`. They are the runtimes' own, which those do not let users set. Another's runtime
//! lets them: podman takes what an image is annotated with.

use std::collections::BTreeMap;

use eyrie_proto::metadata::Container;
use serde::{Deserialize, de::DeserializeOwned};

use super::{bundle::clipped, images::image, labels, probes};

/// Characters of a name that are kept. Those of Kubernetes have 253 at most.
const MAX_NAME: usize = 256;
/// As many characters of a network's result as Falco shows.
const MAX_CNI_RESULT: usize = 4_096;
/// Addresses of a pod; two are usual.
const MAX_IPS: usize = 16;

/// Whose annotations count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Annotator {
    Containerd,
    CriO,
    /// Either of them, as whoever answers for Kubernetes.
    Cri,
    /// No runtime that notes anything of use here.
    None,
}

/// The annotations of one bundle.
pub(super) struct Annotations<'a>(pub(super) &'a BTreeMap<String, String>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
}

// === impl Annotator ===

impl Annotator {
    /// The runtime by the name that its control groups tell.
    pub(super) fn of(runtime: &str) -> Self {
        match runtime {
            "containerd" => Self::Containerd,
            "cri-o" => Self::CriO,
            _ => Self::None,
        }
    }
}

// === impl Annotations ===

impl Annotations<'_> {
    /// Puts into `container` what they tell.
    pub(super) fn describe(&self, id: &str, annotator: Annotator, container: &mut Container) {
        match annotator {
            Annotator::Containerd => self.containerd_or_nerdctl(id, container),
            Annotator::CriO => self.crio(id, container),
            Annotator::Cri => {
                self.containerd_or_nerdctl(id, container);
                self.crio(id, container);
            }
            Annotator::None => return,
        }
        let pod = [
            ("io.kubernetes.pod.name", &container.pod_name),
            ("io.kubernetes.pod.namespace", &container.pod_namespace),
            ("io.kubernetes.pod.uid", &container.pod_uid),
            ("io.kubernetes.sandbox.id", &container.pod_sandbox_id),
        ];
        if !container.pod_sandbox_id.is_empty() {
            // The kubelet sets these labels, and Falco has them for every container of a pod.
            let told = pod.map(|(name, value)| (name.to_owned(), value.clone()));
            container.labels.extend(told.into_iter().filter(|(_, value)| !value.is_empty()));
        }
    }

    fn containerd_or_nerdctl(&self, id: &str, container: &mut Container) {
        let Some(kind) = self.get("io.kubernetes.cri.container-type") else {
            return self.put("nerdctl/name", &mut container.name);
        };
        self.put("io.kubernetes.cri.sandbox-name", &mut container.pod_name);
        self.put("io.kubernetes.cri.sandbox-namespace", &mut container.pod_namespace);
        self.put("io.kubernetes.cri.sandbox-uid", &mut container.pod_uid);
        self.put("io.kubernetes.cri.sandbox-id", &mut container.pod_sandbox_id);
        self.put("io.kubernetes.cri.container-name", &mut container.name);
        let mut image_key = "io.kubernetes.cri.image-name";
        if kind == "sandbox" {
            id.clone_into(&mut container.pod_sandbox_id);
            // It has no name but the pod's.
            container.name.clone_from(&container.pod_name);
            image_key = "io.kubernetes.cri.podsandbox.image-name";
        }
        if let Some(name) = self.get(image_key).filter(|name| is_name(name)) {
            container.image = Some(image(name, ""));
        }
        self.probes(container);
    }

    fn crio(&self, id: &str, container: &mut Container) {
        let Some(kind) = self.get("io.kubernetes.cri-o.ContainerType") else { return };
        self.put("io.kubernetes.cri-o.Namespace", &mut container.pod_namespace);
        self.put("io.kubernetes.pod.name", &mut container.pod_name);
        self.put("io.kubernetes.pod.namespace", &mut container.pod_namespace);
        self.put("io.kubernetes.pod.uid", &mut container.pod_uid);
        self.put("io.kubernetes.cri-o.SandboxID", &mut container.pod_sandbox_id);
        let metadata: Named = self.json("io.kubernetes.cri-o.Metadata");
        if kind == "sandbox" {
            id.clone_into(&mut container.pod_sandbox_id);
            self.put("io.kubernetes.cri-o.KubeName", &mut container.pod_name);
            container.name.clone_from(&container.pod_name);
        } else if metadata.name.is_empty() {
            self.put("io.kubernetes.container.name", &mut container.name);
        } else {
            container.name = clipped(&metadata.name, MAX_NAME);
        }
        container.labels = labels::kept(self.json("io.kubernetes.cri-o.Labels"));
        let ips = |key: &&String| key.strip_prefix("io.kubernetes.cri-o.IP").is_some_and(is_index);
        let ips = self.0.keys().filter(ips).filter_map(|key| self.get(key));
        container.ips = ips
            .filter(|ip| ip.parse::<std::net::IpAddr>().is_ok())
            .take(MAX_IPS)
            .map(str::to_owned)
            .collect();
        if let Some(result) = self.get("io.kubernetes.cri-o.CNIResult") {
            container.cni_result = clipped(result, MAX_CNI_RESULT);
        }
        // The one that was asked for may be an id.
        let keys = ["io.kubernetes.cri-o.Image", "io.kubernetes.cri-o.ImageName"];
        if let Some(name) = keys.into_iter().filter_map(|key| self.get(key)).find(|name| is_name(name)) {
            let id = self.get("io.kubernetes.cri-o.ImageRef").filter(|reference| !reference.contains('@'));
            container.image = Some(image(name, id.unwrap_or_default()));
        }
        self.probes(container);
    }

    /// Of the pod's annotations, which CRI-O notes with its sandbox and containerd passes on where it is told to.
    fn probes(&self, container: &mut Container) {
        let of_pod: BTreeMap<String, String> = self.json("io.kubernetes.cri-o.Annotations");
        let applied =
            self.get(probes::LAST_APPLIED).or_else(|| of_pod.get(probes::LAST_APPLIED).map(String::as_str));
        if let Some(applied) = applied {
            container.probes = probes::of_pod(applied, &container.name);
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn put(&self, key: &str, into: &mut String) {
        if let Some(value) = self.get(key) {
            *into = clipped(value, MAX_NAME);
        }
    }

    /// JSON in an annotation; nothing if it is none, as what else there is still holds.
    fn json<T: DeserializeOwned + Default>(&self, key: &str) -> T {
        self.get(key).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// The whole key, or one of a counted list.
fn is_index(rest: &str) -> bool {
    rest.is_empty()
        || rest.strip_prefix('.').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether an image is called so, and not by its id.
fn is_name(text: &str) -> bool {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    !text.is_empty() && !text.starts_with("sha256:") && !is_id
}
