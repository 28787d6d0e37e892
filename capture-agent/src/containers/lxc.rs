//! LXC's configuration of a container: `NAME/config` below its folder; lxc.container.conf(5).

use std::path::Path;

use eyrie_proto::metadata::{Container, ContainerMount};

use super::{
    bundle::{MAX_MOUNTS, clipped},
    files::{FileError, read_text},
};

/// A few KiB are usual.
const MAX_BYTES: u64 = 256 << 10;
const MAX_TEXT: usize = 1_024;
const MAX_IPS: usize = 16;

/// Puts what the file says into `container`: mounts, addresses and whether namespaces are the host's. Its name is its id. Whether it is privileged is left open: what
/// LXC calls so, a container without a user namespace, most containers of docker are.
pub(super) fn describe(folder: &Path, name: &str, container: &mut Container) -> Result<(), FileError> {
    if name.contains('/') || name == ".." {
        return Err(FileError::NoFile { path: name.to_owned() });
    }
    let text = read_text(&folder.join(name).join("config"), MAX_BYTES)?;
    let entries =
        text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.trim(), value.trim()));
    let mut kept_namespaces = String::new();
    for (key, value) in entries.filter(|(key, _)| !key.starts_with('#')) {
        match key {
            "lxc.mount.entry" if container.mounts.len() < MAX_MOUNTS => container.mounts.extend(mount(value)),
            "lxc.namespace.keep" => value.clone_into(&mut kept_namespaces),
            _ if is_address(key) && container.ips.len() < MAX_IPS => container.ips.extend(ip(value)),
            _ => {}
        }
    }
    let is_kept = |namespace: &str| Some(kept_namespaces.split_whitespace().any(|kept| kept == namespace));
    container.is_host_network = is_kept("net");
    container.is_host_pid = is_kept("pid");
    container.is_host_ipc = is_kept("ipc");
    Ok(())
}

/// `lxc.net.0.ipv4.address`
fn is_address(key: &str) -> bool {
    key.starts_with("lxc.net.") && (key.ends_with(".ipv4.address") || key.ends_with(".ipv6.address"))
}

/// The address of `ADDRESS/PREFIX` or `ADDRESS/PREFIX BROADCAST`.
fn ip(value: &str) -> Option<String> {
    let ip = value.split(['/', ' ']).next()?;
    ip.parse::<std::net::IpAddr>().ok().map(|ip| ip.to_string())
}

/// A line as of fstab, with a destination within the container's root. Only what is mounted from the host.
fn mount(entry: &str) -> Option<ContainerMount> {
    let mut words = entry.split_whitespace();
    let (source, destination, _kind, options) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let options: Vec<_> = options.split(',').collect();
    if !options.iter().any(|option| matches!(*option, "bind" | "rbind")) {
        return None;
    }
    let is_mode =
        |option: &&&str| !matches!(**option, "bind" | "rbind" | "optional") && !option.starts_with("create=");
    let mode: Vec<_> = options.iter().filter(is_mode).copied().collect();
    Some(ContainerMount {
        source: clipped(source, MAX_TEXT),
        destination: clipped(&format!("/{}", destination.trim_start_matches('/')), MAX_TEXT),
        mode: clipped(&mode.join(","), MAX_TEXT),
        is_writable: !options.contains(&"ro"),
        propagation: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a configuration as lxc-create and Proxmox write them, with comments, mounts of and not of the host, and lines of no form; and names that lead elsewhere.
    /// Guarantees: mounts, addresses and namespaces are told; nothing else is read.
    #[test]
    fn a_configuration_is_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("web")).unwrap();
        let text = "# lxc.mount.entry = /commented x none bind 0 0\nlxc.uts.name = web\nnonsense\n\
            lxc.mount.entry = /srv/data srv/data none bind,ro,create=dir,optional 0 0\n\
            lxc.mount.entry=/dev/sda dev/sda ext4 rw 0 0\nlxc.mount.entry = short\n\
            lxc.net.0.ipv4.address = 192.0.2.7/24 192.0.2.255\nlxc.net.0.ipv6.address = nonsense\n\
            lxc.namespace.keep = net ipc\n";
        std::fs::write(folder.path().join("web/config"), text).unwrap();
        let mut container = Container::default();
        describe(folder.path(), "web", &mut container).unwrap();
        let mount = ContainerMount {
            source: "/srv/data".into(),
            destination: "/srv/data".into(),
            mode: "ro".into(),
            is_writable: false,
            propagation: String::new(),
        };
        assert_eq!((container.mounts, container.ips), (vec![mount], vec!["192.0.2.7".to_owned()]));
        assert_eq!(
            (container.is_host_network, container.is_host_pid, container.is_host_ipc),
            (Some(true), Some(false), Some(true))
        );
        for name in ["..", "a/b", "missing"] {
            assert!(describe(folder.path(), name, &mut Container::default()).is_err(), "{name}");
        }
    }
}
