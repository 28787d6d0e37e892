//! Commands that the kubelet runs in a container, as far as the pod's annotations have them: `kubectl apply` notes there what it
//! applied.

use std::collections::BTreeMap;

use eyrie_proto::metadata::{ContainerProbe, ContainerProbeKind};
use serde::Deserialize;

use crate::containers::{api::MAX_TEXT, bundle::clipped};

/// Where kubectl notes it.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Words of a command that are kept: at most 32 KiB.
const MAX_WORDS: usize = 32;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pod {
    spec: Option<Spec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    containers: Option<Vec<Applied>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Applied {
    name: String,
    liveness_probe: Option<Probe>,
    readiness_probe: Option<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Probe {
    exec: Option<Exec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Exec {
    command: Option<Vec<String>>,
}

/// The probes of the container that is called `name` in its pod.
pub(super) fn of_pod(annotations: &BTreeMap<String, String>, name: &str) -> Vec<ContainerProbe> {
    let applied = annotations.get(APPLIED).and_then(|json| serde_json::from_str::<Pod>(json).ok());
    let containers = applied.and_then(|pod| pod.spec?.containers).unwrap_or_default();
    let Some(container) = containers.into_iter().find(|container| container.name == name) else {
        return Vec::new();
    };
    let kinds = [
        (container.liveness_probe, ContainerProbeKind::Liveness),
        (container.readiness_probe, ContainerProbeKind::Readiness),
    ];
    kinds.into_iter().filter_map(|(probe, kind)| told(probe?, kind)).collect()
}

fn told(probe: Probe, kind: ContainerProbeKind) -> Option<ContainerProbe> {
    let command = probe.exec?.command.filter(|command| !command.is_empty())?;
    let command = command.iter().take(MAX_WORDS).map(|word| clipped(word, MAX_TEXT)).collect();
    Some(ContainerProbe { kind: kind.into(), command })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a pod with probes of several kinds, one without, and notes that are none. Guarantees: commands are told of the container
    /// that has them; probes without a command, and nonsense, are none.
    #[test]
    fn probes_are_read_from_what_was_applied() {
        let applied = r#"{"kind":"Pod","spec":{"containers":[
            {"name":"web","livenessProbe":{"exec":{"command":["cat","/ok"]},"periodSeconds":1},
             "readinessProbe":{"httpGet":{"port":80}}},
            {"name":"side","readinessProbe":{"exec":{"command":["true"]}},"livenessProbe":{"exec":{"command":[]}}}]}}"#;
        let of = |json: &str, name: &str| {
            let probes = of_pod(&BTreeMap::from([(APPLIED.to_owned(), json.to_owned())]), name);
            probes.iter().map(|probe| (probe.kind(), probe.command.join(" "))).collect::<Vec<_>>()
        };
        assert_eq!(of(applied, "web"), [(ContainerProbeKind::Liveness, "cat /ok".to_owned())]);
        assert_eq!(of(applied, "side"), [(ContainerProbeKind::Readiness, "true".to_owned())]);
        let nested = "[".repeat(100_000);
        for json in ["", "{}", "[]", r#"{"spec":null}"#, r#"{"spec":{"containers":7}}"#, &nested] {
            assert_eq!(of(json, "web"), [], "{json}");
        }
        assert_eq!(of(applied, "other"), []);
    }
}
