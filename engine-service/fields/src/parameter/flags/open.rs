//! Flags of open, three of which are numbered by the architecture.

use super::files::OPEN;
use crate::view::Architecture;

pub(crate) const FILE_CREATED: u64 = 1 << 14;
pub(crate) const UPPER_LAYER: u64 = 1 << 15;
pub(crate) const LOWER_LAYER: u64 = 1 << 16;
const READ: u64 = 1 << 0;
const WRITE: u64 = 1 << 1;

/// O_ACCMODE of linux/fcntl.h.
const ACCESS_MODE: u64 = 0o3;
/// O_CREAT
pub(crate) const CREATE: u64 = 0o100;
/// __O_TMPFILE, without the O_DIRECTORY that belongs to it.
pub(crate) const TEMPORARY: u64 = 0o20_000_000;

/// Those that arm64 numbers differently (arch/arm64/include/uapi/asm/fcntl.h), each with asm-generic's number, which x86 has.
const ARM: [(u64, u64); 3] = [
    // O_DIRECTORY
    (0o40_000, 0o200_000),
    // O_DIRECT
    (0o200_000, 0o40_000),
    // O_LARGEFILE
    (0o400_000, 0o100_000),
];

/// Flags of open in Falco's numbering.
pub(crate) fn open_flags(flags: u64, architecture: Architecture) -> u64 {
    let access = match flags & ACCESS_MODE {
        0 => READ,
        1 => WRITE,
        _ => READ | WRITE,
    };
    access | super::set_of_kernel(as_generic(flags, architecture), OPEN)
}

fn as_generic(flags: u64, architecture: Architecture) -> u64 {
    if architecture == Architecture::X86_64 {
        return flags;
    }
    let own = ARM.iter().fold(0, |all, (arm, _)| all | arm);
    ARM.iter().filter(|(arm, _)| flags & arm != 0).fold(flags & !own, |all, (_, generic)| all | generic)
}

/// Whether an open with these flags may read, and whether it may write.
pub(crate) fn access(flags: u64) -> (bool, bool) {
    let set = open_flags(flags, Architecture::X86_64);
    (set & READ != 0, set & WRITE != 0)
}

#[cfg(test)]
mod tests {
    use super::{super::names, *};

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

    /// Scenario: each flag alone. Guarantees: its number is the one of ppm_events_public.h.
    #[test]
    fn open_flags_have_falcos_numbers() {
        let pairs = [
            (0o100, 1 << 2),
            (0o2_000, 1 << 3),
            (0o10_000, 1 << 4),
            (0o200, 1 << 5),
            (0o4_000, 1 << 6),
            (0o1_000, 1 << 8),
            (0o40_000, 1 << 9),
            (0o200_000, 1 << 10),
            (0o100_000, 1 << 11),
            (0o2_000_000, 1 << 12),
            (0o20_000_000, 1 << 13),
        ];
        for (kernel, falco) in pairs {
            assert_eq!(open_flags(kernel, Architecture::X86_64), READ | falco, "{kernel:o}");
        }
        // O_SYNC contains O_DSYNC.
        assert_eq!(open_flags(0o4_010_000, Architecture::X86_64), READ | 1 << 4 | 1 << 7);
    }
}
