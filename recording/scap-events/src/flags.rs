//! Numbers that files have in Falco's own numbering (`ppm_events_public.h`), between them and the kernel's.
//!
//! Parameters of events go both ways through [`falco_number`] and [`kernel_number`], whose tables `fields` shows them by.
//! Here is besides what is a parameter of no event, and what Falco adds to flags that the kernel has not.

pub use fields::{falco_number, kernel_number};

/// In the flags of opens: the call made the file.
pub const O_F_CREATED: u64 = 0x4000;
/// In the flags of opens: the file lies in the upper layer of an overlay.
pub const FD_UPPER_LAYER: u64 = 0x8000;
/// In the flags of opens: in a lower layer.
pub const FD_LOWER_LAYER: u64 = 0x1_0000;
/// `creat_flags` of creat: upper layer.
pub const FD_UPPER_LAYER_CREAT: u64 = 1;
/// `creat_flags` of creat: lower layer.
pub const FD_LOWER_LAYER_CREAT: u64 = 2;

/// `flags` of execve: who executed the file could have written to it.
pub const EXE_WRITABLE: u64 = 1;
/// `flags` of execve: the file lies in the upper layer of an overlay.
pub const EXE_UPPER_LAYER: u64 = 2;
/// `flags` of execve: it is an anonymous memory file.
pub const EXE_FROM_MEMFD: u64 = 4;
/// `flags` of execve: in a lower layer.
pub const EXE_LOWER_LAYER: u64 = 8;

/// In flags of threads and of clone: descriptors are shared.
pub const CLONE_FILES: u32 = 1;
/// In flags of threads and of clone: it is a thread of its parent's process.
pub const CLONE_THREAD: u32 = 0x2000;
/// In flags of clone: the child is in a pid namespace that is not the host's.
pub const CLONE_CHILD_IN_PIDNS: u32 = 1 << 29;

/// `SCAP_L4_UNKNOWN`
pub const L4_UNKNOWN: u8 = 0;
/// `SCAP_L4_NA`: no socket of the internet's.
pub const L4_NOT_INTERNET: u8 = 1;
/// `SCAP_L4_TCP`
pub const L4_TCP: u8 = 2;
/// `SCAP_L4_UDP`
pub const L4_UDP: u8 = 3;
/// `SCAP_L4_ICMP`
pub const L4_ICMP: u8 = 4;
/// `SCAP_L4_RAW`
pub const L4_RAW: u8 = 5;

/// Types of descriptors with only a name (`scap_fd_type`), as `fd.type` calls them and by their numbers.
pub const DESCRIPTOR_TYPES: [(&str, u8); 14] = [
    ("file", 1),
    ("directory", 2),
    ("pipe", 7),
    ("event", 9),
    ("signalfd", 11),
    ("eventpoll", 12),
    ("inotify", 13),
    ("timerfd", 14),
    ("netlink", 15),
    ("bpf", 17),
    ("userfaultfd", 18),
    ("io_uring", 19),
    ("memfd", 20),
    ("pidfd", 21),
];

/// The number of a type of descriptors that have only a name.
pub fn descriptor_type(name: &str) -> Option<u8> {
    DESCRIPTOR_TYPES.iter().find(|(own, _)| *own == name).map(|(_, number)| *number)
}

/// The name of a type of descriptors that have only a name.
pub fn descriptor_type_name(number: u8) -> Option<&'static str> {
    DESCRIPTOR_TYPES.iter().find(|(_, own)| *own == number).map(|(name, _)| *name)
}

/// The set of PPM_CL_* bits of the kernel's CLONE_* flags.
pub fn clone_flags(kernel: u64) -> u32 {
    u32::try_from(falco_number("clone", "flags", kernel)).unwrap_or(0)
}

/// Types of containers by their number (`sinsp_container_type`) and by the runtime's name here.
pub(crate) const CONTAINER_TYPES: [(u64, &str); 11] = [
    (0, "docker"),
    (1, "lxc"),
    (2, "libvirt-lxc"),
    (3, "mesos"),
    (4, "rkt"),
    (6, "cri"),
    (7, "containerd"),
    (8, "cri-o"),
    (9, "bpm"),
    (10, "static"),
    (11, "podman"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the table of container types is read both ways. Guarantees: no number and no name is there twice, so that what is written comes back.
    #[test]
    fn container_types_are_each_others() {
        let numbers: std::collections::BTreeSet<_> =
            CONTAINER_TYPES.iter().map(|(number, _)| number).collect();
        let names: std::collections::BTreeSet<_> = CONTAINER_TYPES.iter().map(|(_, name)| name).collect();
        assert_eq!((numbers.len(), names.len()), (CONTAINER_TYPES.len(), CONTAINER_TYPES.len()));
    }

    /// Scenario: every type by its name and back; the flags of a thread as the C library makes one. Guarantees: names and
    /// numbers are each other's; the flags are those of a file that sysdig recorded.
    #[test]
    fn names_and_numbers_are_each_others() {
        for (name, number) in DESCRIPTOR_TYPES {
            assert_eq!((descriptor_type(name), descriptor_type_name(number)), (Some(number), Some(name)));
        }
        assert_eq!((descriptor_type("ipv4"), descriptor_type_name(3)), (None, None));
        assert_eq!(clone_flags(0x3d_0f00), 47_619 | 0x80_0000 | 0x200_0000);
    }
}
