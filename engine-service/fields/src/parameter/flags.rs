//! Sets of bits by name, in Falco's own numbering and order (driver/ppm_events_public.h, flags_table.c).

use crate::view::Architecture;

type Table = &'static [(&'static str, u64)];

/// Flags of open.
pub(super) const OPEN: Table = &[
    ("O_LARGEFILE", 1 << 11),
    ("O_DIRECTORY", 1 << 10),
    ("O_DIRECT", 1 << 9),
    ("O_TRUNC", 1 << 7),
    ("O_SYNC", 1 << 6),
    ("O_NONBLOCK", 1 << 8),
    ("O_EXCL", 1 << 5),
    ("O_DSYNC", 1 << 4),
    ("O_APPEND", 1 << 3),
    ("O_CREAT", 1 << 2),
    ("O_RDWR", READ | WRITE),
    ("O_WRONLY", WRITE),
    ("O_RDONLY", READ),
    ("O_CLOEXEC", 1 << 12),
    ("O_NONE", 1 << 13),
    ("O_TMPFILE", 1 << 14),
    ("O_F_CREATED", 1 << 15),
    ("FD_UPPER_LAYER", 1 << 16),
    ("FD_LOWER_LAYER", 1 << 17),
];
pub(super) const FILE_CREATED: u64 = 1 << 15;
pub(super) const UPPER_LAYER: u64 = 1 << 16;
pub(super) const LOWER_LAYER: u64 = 1 << 17;
pub(super) const READ: u64 = 1 << 0;
pub(super) const WRITE: u64 = 1 << 1;

/// Flags of execve.
pub(super) const EXECUTABLE: Table = &[
    ("EXE_WRITABLE", 1 << 0),
    ("EXE_UPPER_LAYER", 1 << 1),
    ("EXE_FROM_MEMFD", 1 << 2),
    ("EXE_LOWER_LAYER", 1 << 3),
];

/// Flags of clone.
pub(super) const CLONE: Table = &[
    ("CLONE_FILES", 1 << 0),
    ("CLONE_FS", 1 << 1),
    ("CLONE_IO", 1 << 2),
    ("CLONE_NEWIPC", 1 << 3),
    ("CLONE_NEWNET", 1 << 4),
    ("CLONE_NEWNS", 1 << 5),
    ("CLONE_NEWPID", 1 << 6),
    ("CLONE_NEWUTS", 1 << 7),
    ("CLONE_PARENT", 1 << 8),
    ("CLONE_PARENT_SETTID", 1 << 9),
    ("CLONE_PTRACE", 1 << 10),
    ("CLONE_SIGHAND", 1 << 11),
    ("CLONE_SYSVSEM", 1 << 12),
    ("CLONE_THREAD", 1 << 13),
    ("CLONE_UNTRACED", 1 << 14),
    ("CLONE_VM", 1 << 15),
    ("CLONE_NEWUSER", 1 << 20),
    ("CLONE_CHILD_CLEARTID", 1 << 23),
    ("CLONE_CHILD_SETTID", 1 << 24),
    ("CLONE_SETTLS", 1 << 25),
    ("CLONE_VFORK", 1 << 27),
    ("CLONE_NEWCGROUP", 1 << 28),
];

/// CLONE_* of linux/sched.h, for each name that Falco has.
const KERNEL_CLONE: Table = &[
    ("CLONE_VM", 0x100),
    ("CLONE_FS", 0x200),
    ("CLONE_FILES", 0x400),
    ("CLONE_SIGHAND", 0x800),
    ("CLONE_PTRACE", 0x2000),
    ("CLONE_VFORK", 0x4000),
    ("CLONE_PARENT", 0x8000),
    ("CLONE_THREAD", 0x1_0000),
    ("CLONE_NEWNS", 0x2_0000),
    ("CLONE_SYSVSEM", 0x4_0000),
    ("CLONE_SETTLS", 0x8_0000),
    ("CLONE_PARENT_SETTID", 0x10_0000),
    ("CLONE_CHILD_CLEARTID", 0x20_0000),
    ("CLONE_UNTRACED", 0x80_0000),
    ("CLONE_CHILD_SETTID", 0x100_0000),
    ("CLONE_NEWCGROUP", 0x200_0000),
    ("CLONE_NEWUTS", 0x400_0000),
    ("CLONE_NEWIPC", 0x800_0000),
    ("CLONE_NEWUSER", 0x1000_0000),
    ("CLONE_NEWPID", 0x2000_0000),
    ("CLONE_NEWNET", 0x4000_0000),
    ("CLONE_IO", 0x8000_0000),
];

/// Permissions; each name is a bit of st_mode.
pub(super) const MODE: Table = &[
    ("S_IXOTH", 0o1),
    ("S_IWOTH", 0o2),
    ("S_IROTH", 0o4),
    ("S_IXGRP", 0o10),
    ("S_IWGRP", 0o20),
    ("S_IRGRP", 0o40),
    ("S_IXUSR", 0o100),
    ("S_IWUSR", 0o200),
    ("S_IRUSR", 0o400),
    ("S_ISVTX", 0o1000),
    ("S_ISGID", 0o2000),
    ("S_ISUID", 0o4000),
];

/// Signals 1 to 31 of asm-generic/signal.h.
const SIGNALS: [&str; 32] = [
    "",
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

pub(super) fn signal(number: u32) -> Option<&'static str> {
    SIGNALS.get(usize::try_from(number).ok()?).copied().filter(|name| !name.is_empty())
}

/// `A|B|C`: the names in the table's order, where a name takes its bits away from those that follow.
pub(super) fn names(mut bits: u64, table: Table) -> String {
    let mut text = String::new();
    for (name, mask) in table {
        if bits & mask == *mask {
            bits &= !mask;
            if !text.is_empty() {
                text.push('|');
            }
            text.push_str(name);
        }
    }
    text
}

/// O_* of open as the kernel has them. These four are numbered by the architecture.
struct KernelOpenFlags {
    direct: u64,
    directory: u64,
    large_file: u64,
}

/// asm-generic/fcntl.h, which x86 follows.
const GENERIC: KernelOpenFlags =
    KernelOpenFlags { direct: 0o40_000, directory: 0o200_000, large_file: 0o100_000 };
/// arch/arm64/include/uapi/asm/fcntl.h
const ARM: KernelOpenFlags =
    KernelOpenFlags { direct: 0o200_000, directory: 0o40_000, large_file: 0o400_000 };

/// O_ACCMODE.
const ACCESS_MODE: u64 = 0o3;
/// O_CREAT
pub(crate) const CREATE: u64 = 0o100;
/// __O_TMPFILE, without the O_DIRECTORY that belongs to it.
pub(crate) const TEMPORARY: u64 = 0o20_000_000;

/// Flags of open in Falco's numbering.
pub(super) fn open_flags(flags: u64, architecture: Architecture) -> u64 {
    let kernel = match architecture {
        Architecture::X86_64 => GENERIC,
        Architecture::Aarch64 => ARM,
    };
    let access = match flags & ACCESS_MODE {
        0 => READ,
        1 => WRITE,
        _ => READ | WRITE,
    };
    let pairs = [
        (CREATE, 1 << 2),
        (0o2_000, 1 << 3),
        (0o10_000, 1 << 4),
        (0o200, 1 << 5),
        (0o4_000, 1 << 8),
        // O_SYNC contains O_DSYNC and needs both.
        (0o4_010_000, 1 << 6),
        (0o1_000, 1 << 7),
        (kernel.direct, 1 << 9),
        (kernel.directory, 1 << 10),
        (kernel.large_file, 1 << 11),
        (0o2_000_000, 1 << 12),
        (TEMPORARY, 1 << 14),
    ];
    pairs.iter().filter(|(mask, _)| flags & mask == *mask).fold(access, |set, (_, bit)| set | bit)
}

/// Flags of clone in Falco's numbering.
pub(super) fn clone_flags(flags: u64) -> u64 {
    let bit = |name| CLONE.iter().find(|(known, _)| known == name).map_or(0, |(_, bit)| *bit);
    KERNEL_CLONE.iter().filter(|(_, mask)| flags & mask != 0).fold(0, |set, (name, _)| set | bit(name))
}

/// Whether an open with these flags may read, and whether it may write.
pub(crate) fn access(flags: u64) -> (bool, bool) {
    let set = open_flags(flags, Architecture::X86_64);
    (set & READ != 0, set & WRITE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: flags whose bits overlap. Guarantees: O_RDWR hides O_RDONLY and O_WRONLY; the order is Falco's.
    #[test]
    fn open_flags_have_falcos_names_and_order() {
        let text = |flags| names(open_flags(flags, Architecture::X86_64), OPEN);
        assert_eq!(open_flags(0o2_000_000, Architecture::X86_64), 4097);
        assert_eq!(text(0o2_000_000), "O_RDONLY|O_CLOEXEC");
        assert_eq!(text(0o1_101), "O_TRUNC|O_CREAT|O_WRONLY");
        assert_eq!(text(0o102), "O_CREAT|O_RDWR");
        assert_eq!(text(0o200_000), "O_DIRECTORY|O_RDONLY");
        assert_eq!(names(open_flags(0o40_000, Architecture::Aarch64), OPEN), "O_DIRECTORY|O_RDONLY");
    }

    /// Scenario: every clone flag of the kernel's table. Guarantees: each has a place in Falco's.
    #[test]
    fn clone_flags_have_falcos_names() {
        for (name, mask) in KERNEL_CLONE {
            assert_eq!(names(clone_flags(*mask), CLONE), *name);
        }
    }
}
