//! The JSON that runtimes send beside a status. containerd's has `config` and `runtimeSpec`, CRI-O's `privileged` and
//! `runtimeSpec`; that of a sandbox has the result of the network's plugins.

use std::collections::BTreeMap;

use eyrie_proto::metadata::Container;
use serde::Deserialize;
use serde_json::Value;

use crate::containers::{
    annotations::Annotator,
    bundle::{Bundle, clipped},
};

/// Characters of the network's result that are kept, as in Falco.
const MAX_CNI: usize = 4_096;

/// What both kinds of runtimes may send. Go writes `null` for what is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    #[serde(rename = "sandboxID")]
    pub(super) sandbox_id: Option<String>,
    /// The image of a sandbox.
    pub(super) image: Option<String>,
    privileged: Option<bool>,
    config: Option<Config>,
    #[serde(rename = "runtimeSpec")]
    spec: Option<Spec>,
    #[serde(rename = "cniResult")]
    cni_result: Option<CniResult>,
    /// `runtimeSpec` once more, as a bundle has it: it may be of another shape than expected when the rest is not.
    #[serde(skip)]
    bundle: Option<Bundle>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WithBundle {
    #[serde(rename = "runtimeSpec")]
    bundle: Option<Bundle>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    image: Option<ConfigImage>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfigImage {
    image: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    security_context: Option<SecurityContext>,
}

/// Go leaves `privileged` out where it is false.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SecurityContext {
    privileged: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CniResult {
    #[serde(rename = "Interfaces", alias = "interfaces")]
    interfaces: Option<BTreeMap<String, Value>>,
}

// === impl Info ===

impl Info {
    /// What is told, and why the rest is not.
    pub(super) fn read(info: &BTreeMap<String, String>) -> (Self, Vec<String>) {
        let Some(json) = info.get("info") else {
            let reason =
                "capabilities, environment, user, privileged: the runtime tells nothing beside the status";
            return (Self::default(), vec![reason.to_owned()]);
        };
        let mut reasons = Vec::new();
        let mut read: Self = serde_json::from_str(json).unwrap_or_else(|error| {
            reasons.push(format!(
                "privileged: what the runtime tells beside the status is not understood: {error}"
            ));
            Self::default()
        });
        match serde_json::from_str(json) {
            Ok(WithBundle { bundle: Some(bundle) }) => read.bundle = Some(bundle),
            Ok(WithBundle { bundle: None }) => {
                reasons
                    .push("capabilities, environment, user: the runtime tells no specification".to_owned());
            }
            Err(error) => reasons.push(format!(
                "capabilities, environment, user: the runtime's specification is not understood: {error}"
            )),
        }
        (read, reasons)
    }

    /// What is told of the container `id` by the specification that it was started from, and whether it is privileged.
    pub(super) fn describe(&self, id: &str) -> Container {
        let mut container = Container::default();
        if let Some(bundle) = &self.bundle {
            bundle.describe(id, Annotator::Cri, &mut container);
        }
        // Of a sandbox runtimes do not say it, only whether there may be privileged containers in it.
        if self.sandbox_id.is_some() {
            container.is_privileged = self.is_privileged().or(container.is_privileged);
        }
        container
    }

    /// In the order in which Falco looks.
    fn is_privileged(&self) -> Option<bool> {
        let of = |linux: Option<&Linux>| Some(linux?.security_context.as_ref()?.privileged);
        of(self.spec.as_ref().and_then(|spec| spec.linux.as_ref()))
            .or_else(|| of(self.config.as_ref().and_then(|config| config.linux.as_ref())))
            .or(self.privileged)
    }

    /// The image that a container was configured with: an id, or a name.
    pub(super) fn configured_image(&self) -> Option<&str> {
        self.config.as_ref()?.image.as_ref()?.image.as_deref()
    }

    /// The interfaces that the network's plugins made, as Falco shows them: without those of the host's end, and without what
    /// identifies nobody. CRI-O notes the whole result with its specification.
    pub(super) fn cni_result(&self, id: &str) -> String {
        let Some(interfaces) = self.cni_result.as_ref().and_then(|result| result.interfaces.clone()) else {
            return self.describe(id).cni_result;
        };
        let is_kept = |name: &str| name != "lo" && !name.starts_with("veth");
        let kept = interfaces.into_iter().filter(|(name, _)| is_kept(name)).map(|(name, mut interface)| {
            if let Value::Object(fields) = &mut interface {
                fields.remove("Mac");
                fields.remove("Sandbox");
            }
            (name, interface)
        });
        clipped(&Value::Object(kept.collect()).to_string(), MAX_CNI)
    }
}
