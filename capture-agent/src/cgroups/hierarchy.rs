//! Which hierarchy of control groups tells the host's containers apart.

use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

use eyrie_bpf::CgroupController;

/// Where every runtime looks for the hierarchies: what is mounted there decides which of them it uses.
const MOUNT_ROOT: &str = "/sys/fs/cgroup";
/// The initial cgroup namespace; include/linux/proc_ns.h.
const INITIAL_NAMESPACE: &str = "cgroup:[4026531835]";

/// A hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    /// 0 for the default (v2) one, otherwise as in `/proc/cgroups`.
    pub(crate) number: u32,
    /// A controller that is bound to it; none for the default one.
    pub(crate) controller: Option<CgroupController>,
    /// Where all of it can be seen, if anywhere.
    pub(crate) mount: Option<PathBuf>,
}

// === impl Hierarchy ===

impl Hierarchy {
    /// The one that this host's runtimes use.
    pub(crate) fn of_host() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let controllers = fs::read_to_string("/proc/cgroups").unwrap_or_default();
        let mut hierarchy = Self::choose(&mounts, &controllers);
        let namespace = fs::read_link("/proc/self/ns/cgroup");
        if namespace.is_ok_and(|name| name.as_os_str() != INITIAL_NAMESPACE) {
            // Of the others only a part is visible, under other paths.
            hierarchy.mount = None;
        }
        hierarchy
    }

    /// As runtimes decide: v2 if that is what is mounted at the usual place, else v1. There containers are in all hierarchies
    /// of controllers, and in the default one only if the runtime cares to.
    fn choose(mounts: &str, controllers: &str) -> Self {
        let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
        // The last mount at a place covers those before.
        let at_root = mounts.iter().rev().find(|mount| mount.point.as_os_str() == MOUNT_ROOT);
        if at_root.is_none_or(|mount| mount.kind != "cgroup2") {
            for controller in CgroupController::ALL {
                let Some(number) = number_of(controllers, controller.name()) else { continue };
                let is_its = |mount: &&Mount<'_>| {
                    mount.kind == "cgroup" && mount.options.split(',').any(|name| name == controller.name())
                };
                let mount = mounts.iter().find(is_its).map(|mount| mount.point.clone());
                return Self { number, controller: Some(controller), mount };
            }
        }
        let mount = mounts.iter().find(|mount| mount.kind == "cgroup2").map(|mount| mount.point.clone());
        Self { number: 0, controller: None, mount }
    }

    /// The control group of a process, read from `/proc`; 0 where that cannot be told.
    pub(crate) fn cgroup_of(&self, pid: u32) -> u64 {
        let read = || {
            let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
            let text = String::from_utf8(text).ok()?;
            let prefix = format!("{}:", self.number);
            let line = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
            let (_, path) = line.split_once(':')?;
            let folder = self.mount.as_ref()?.join(path.trim_start_matches('/'));
            Some(fs::metadata(folder).ok()?.ino())
        };
        read().unwrap_or(0)
    }
}

/// A line of mountinfo; proc_pid_mountinfo(5).
struct Mount<'text> {
    point: PathBuf,
    kind: &'text str,
    options: &'text str,
}

// === impl Mount ===

impl<'text> Mount<'text> {
    /// `None` for what is no line, and for a mount of only a part of its file system.
    fn parse(line: &'text str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let kind = after.next()?;
        let options = after.nth(1).unwrap_or_default();
        // Spaces and the like are written in octal: no such place is usual, and it is only left out.
        (root == "/" && !point.contains('\\')).then(|| Self { point: point.into(), kind, options })
    }
}

/// The number of the v1 hierarchy that a controller is bound to.
fn number_of(controllers: &str, name: &str) -> Option<u32> {
    let mut fields = controllers
        .lines()
        .map(|line| line.split_whitespace())
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    fields.next()?.parse().ok().filter(|&number| number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    const HYBRID: &str = "\
        30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - tmpfs tmpfs ro,mode=755\n\
        31 30 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
        32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
        33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        34 30 0:30 /docker/x /sys/fs/cgroup/part rw - cgroup cgroup rw,memory\n\
        35 30 0:30 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n";
    const NUMBERS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n\
        cpuset\t0\t1\t1\ncpu\t3\t1\t1\ncpuacct\t3\t1\t1\nmemory\t4\t9\t1\n";
    const NO_NUMBERS: &str =
        "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t90\t1\nmemory\t0\t90\t1\n";

    fn chosen(mounts: &str, controllers: &str) -> (u32, Option<CgroupController>, Option<String>) {
        let Hierarchy { number, controller, mount } = Hierarchy::choose(mounts, controllers);
        (number, controller, mount.map(|mount| mount.display().to_string()))
    }

    /// Scenario: hosts with v2 alone, with both, with v1 without memory, with v2 and a stray v1 mount, and with nothing
    /// mounted. Guarantees: the hierarchy that runtimes there put containers in, and a mount that shows all of it.
    #[test]
    fn the_hierarchy_is_the_one_that_runtimes_use() {
        let at = |path: &str| Some(path.to_owned());
        assert_eq!(chosen(V2, NO_NUMBERS), (0, None, at("/sys/fs/cgroup")));
        let memory = Some(CgroupController::Memory);
        assert_eq!(chosen(HYBRID, NUMBERS), (4, memory, at("/sys/fs/cgroup/memory")));
        let without = NUMBERS.replace("memory\t4", "memory\t0");
        let cpu = Some(CgroupController::Cpu);
        assert_eq!(chosen(HYBRID, &without), (3, cpu, at("/sys/fs/cgroup/cpu,cpuacct")));
        let stray = format!("{V2}40 24 0:40 / /run/net_cls rw - cgroup cgroup rw,net_cls\n");
        assert_eq!(chosen(&stray, "net_cls\t1\t1\t1\nmemory\t0\t9\t1\n"), (0, None, at("/sys/fs/cgroup")));
        assert_eq!(chosen("", NUMBERS), (4, memory, None));
        assert_eq!(chosen("nonsense - \n", ""), (0, None, None));
    }

    /// Scenario: this process, on the machine that the test runs on. Guarantees: its control group can be told from `/proc`
    /// wherever the hierarchy is mounted.
    #[test]
    fn a_process_has_a_control_group() {
        let hierarchy = Hierarchy::of_host();
        if hierarchy.mount.is_some() {
            assert_ne!(hierarchy.cgroup_of(std::process::id()), 0, "{hierarchy:?}");
        }
        assert_eq!(hierarchy.cgroup_of(0x7fff_fff0), 0);
    }
}
