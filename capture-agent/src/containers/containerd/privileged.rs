//! Whether a container runs without any of what confines others. containerd does not note that it was asked to; as in
//! Falco it is read off the specification.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    process: Option<Process>,
    mounts: Option<Vec<Mount>>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Process {
    selinux_label: String,
    apparmor_profile: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Mount {
    r#type: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linux {
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    seccomp: Option<serde::de::IgnoredAny>,
}

/// `None` if the specification does not tell.
pub(super) fn is_privileged(spec: &[u8]) -> Option<bool> {
    let spec: Spec = serde_json::from_slice(spec).ok()?;
    let (process, linux) = (spec.process?, spec.linux?);
    let is_read_only = |mount: &Mount| {
        let is_of_kernel = matches!(mount.r#type.as_str(), "sysfs" | "cgroup");
        is_of_kernel && mount.options.iter().flatten().any(|option| option == "ro")
    };
    let is_confined = linux.masked_paths.is_some()
        || linux.readonly_paths.is_some()
        || linux.seccomp.is_some()
        || !process.selinux_label.is_empty()
        || !matches!(process.apparmor_profile.as_str(), "" | "unconfined")
        || spec.mounts.iter().flatten().any(is_read_only);
    Some(!is_confined)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a specification without confinement, the same with each part of it, and nonsense. Guarantees: only the first is privileged;
    /// of what tells nothing nothing is said.
    #[test]
    fn any_confinement_is_no_privilege() {
        let free = r#"{"process":{"apparmorProfile":"unconfined"},"mounts":[{"type":"sysfs","options":["rw"]}],
            "linux":{"seccomp":null}}"#;
        assert_eq!(is_privileged(free.as_bytes()), Some(true));
        for (free_part, confined) in [
            ("\"seccomp\":null", "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\"}"),
            ("\"seccomp\":null", "\"maskedPaths\":[\"/proc/kcore\"]"),
            ("\"seccomp\":null", "\"readonlyPaths\":[\"/proc/sys\"]"),
            ("unconfined", "cri-containerd.apparmor.d"),
            ("\"apparmorProfile\":\"unconfined\"", "\"selinuxLabel\":\"a:b:c\""),
            ("\"rw\"", "\"nosuid\",\"ro\""),
        ] {
            let spec = free.replace(free_part, confined);
            assert_eq!(is_privileged(spec.as_bytes()), Some(false), "{spec}");
        }
        for nothing in ["", "{}", "[]", "{\"linux\":{}}", "{\"process\":{},\"linux\":7}"] {
            assert_eq!(is_privileged(nothing.as_bytes()), None, "{nothing}");
        }
    }
}
