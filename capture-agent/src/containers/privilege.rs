//! Whether a container is privileged, where nothing says so: read off what it is started from.

use serde::Deserialize;

/// What `process` of config.json says about it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ProcessConfinement {
    apparmor_profile: String,
    selinux_label: String,
}

/// What `linux` of config.json says about it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LinuxConfinement {
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    seccomp: Option<serde::de::IgnoredAny>,
}

/// The rule that containerd has for itself and that Falco's plugin follows: privileged is a container that nothing of what a runtime confines by default confines. No paths of
/// `/proc` are masked or read-only, it has no label of SELinux, no profile of AppArmor and no filter of system calls, and may write to sysfs and control groups.
///
/// `mounts` are the types and options of its mounts.
pub(super) fn is_unconfined<'a>(
    process: &ProcessConfinement,
    linux: &LinuxConfinement,
    mounts: impl IntoIterator<Item = (&'a str, &'a [String])>,
) -> bool {
    let is_none = |paths: &Option<Vec<String>>| paths.as_ref().is_none_or(Vec::is_empty);
    let is_read_only = |(kind, options): (&str, &[String])| {
        matches!(kind, "sysfs" | "cgroup") && options.iter().any(|option| option == "ro")
    };
    is_none(&linux.masked_paths)
        && is_none(&linux.readonly_paths)
        && linux.seccomp.is_none()
        && process.selinux_label.is_empty()
        && matches!(process.apparmor_profile.as_str(), "" | "unconfined")
        && !mounts.into_iter().any(is_read_only)
}
