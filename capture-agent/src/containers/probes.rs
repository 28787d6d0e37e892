//! Commands that a runtime or the kubelet runs in a container on its own account.

use eyrie_proto::metadata::{ContainerProbe, ContainerProbeKind};
use serde::Deserialize;

use super::bundle::clipped;

/// The annotation of pods made by `kubectl apply`, which has the pod as it was written.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The label by which dockershim noted the same.
pub(super) const LAST_APPLIED_LABEL: &str = "io.kubernetes.container.last-applied-config";

/// Words of a command that are kept.
const MAX_WORDS: usize = 64;
/// Characters of one.
const MAX_WORD: usize = 1_024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pod {
    spec: Option<Spec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    containers: Option<Vec<PodContainer>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodContainer {
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

/// Of the container called `name` in a pod as it was applied.
pub(super) fn of_pod(applied: &str, name: &str) -> Vec<ContainerProbe> {
    let found = containers(applied).into_iter().find(|container| container.name == name);
    found.map(PodContainer::probes).unwrap_or_default()
}

/// Of the first container of a pod as dockershim noted it: like Falco, one probe, of what keeps the container alive before of what makes it ready.
pub(super) fn of_label(applied: &str) -> Vec<ContainerProbe> {
    let first = containers(applied).into_iter().next();
    first.map(PodContainer::probes).unwrap_or_default().into_iter().take(1).collect()
}

/// The command of a health check as docker notes it: `CMD` and its words, or `CMD-SHELL` and a line for a shell.
pub(super) fn health_check(test: &[String]) -> Option<ContainerProbe> {
    let command = match test.split_first()? {
        (form, words) if form == "CMD" && !words.is_empty() => words.to_vec(),
        (form, [line, ..]) if form == "CMD-SHELL" => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]
        }
        _ => return None,
    };
    Some(probe(ContainerProbeKind::Healthcheck, &command))
}

fn containers(applied: &str) -> Vec<PodContainer> {
    let pod: Pod = serde_json::from_str(applied).unwrap_or_default();
    pod.spec.and_then(|spec| spec.containers).unwrap_or_default()
}

fn probe(kind: ContainerProbeKind, command: &[String]) -> ContainerProbe {
    let command = command.iter().take(MAX_WORDS).map(|word| clipped(word, MAX_WORD)).collect();
    ContainerProbe { kind: kind.into(), command }
}

// === impl PodContainer ===

impl PodContainer {
    fn probes(self) -> Vec<ContainerProbe> {
        let kinds = [
            (ContainerProbeKind::Liveness, self.liveness_probe),
            (ContainerProbeKind::Readiness, self.readiness_probe),
        ];
        let command = |found: Option<Probe>| found?.exec?.command.filter(|command| !command.is_empty());
        kinds.into_iter().filter_map(|(kind, found)| Some(probe(kind, &command(found)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(probes: &[ContainerProbe]) -> Vec<(ContainerProbeKind, String)> {
        probes.iter().map(|probe| (probe.kind(), probe.command.join(" "))).collect()
    }

    /// Scenario: a pod with containers that have both probes, one, one by HTTP, an empty one, and none; and text that is no pod. Guarantees: the
    /// commands of the container that is asked for, in order; of the label the first container's first; nothing of what has no command.
    #[test]
    fn probes_are_those_of_the_container() {
        let pod = r#"{"kind":"Pod","spec":{"containers":[
            {"name":"both","livenessProbe":{"exec":{"command":["live","-v"]}},"readinessProbe":{"exec":{"command":["ready"]}}},
            {"name":"ready","readinessProbe":{"exec":{"command":["r"]}},"livenessProbe":{"httpGet":{"port":80}}},
            {"name":"empty","livenessProbe":{"exec":{"command":[]}},"readinessProbe":{"exec":null}},
            {"name":"none"}]}}"#;
        let (live, ready) = (ContainerProbeKind::Liveness, ContainerProbeKind::Readiness);
        assert_eq!(told(&of_pod(pod, "both")), [(live, "live -v".into()), (ready, "ready".into())]);
        assert_eq!(told(&of_pod(pod, "ready")), [(ready, "r".into())]);
        assert_eq!(told(&of_label(pod)), [(live, "live -v".into())]);
        for name in ["empty", "none", "another"] {
            assert_eq!(of_pod(pod, name), [], "{name}");
        }
        for text in [
            "",
            "{",
            "[]",
            "{\"spec\":null}",
            "{\"spec\":{\"containers\":null}}",
            "{\"spec\":{\"containers\":[]}}",
        ] {
            assert_eq!((of_pod(text, "both"), of_label(text)), (vec![], vec![]), "{text}");
        }
    }

    /// Scenario: health checks as docker writes them, and what is none. Guarantees: the command that is run.
    #[test]
    fn health_checks_are_commands() {
        let run = |test: &[&str]| {
            let test: Vec<_> = test.iter().map(|word| (*word).to_owned()).collect();
            health_check(&test).map(|probe| probe.command.join("|"))
        };
        assert_eq!(run(&["CMD", "curl", "-f"]).as_deref(), Some("curl|-f"));
        assert_eq!(run(&["CMD-SHELL", "curl x || exit 1"]).as_deref(), Some("/bin/sh|-c|curl x || exit 1"));
        for none in [&[][..], &["NONE"], &["CMD"], &["CMD-SHELL"], &["other", "x"]] {
            assert_eq!(run(none), None, "{none:?}");
        }
    }
}
