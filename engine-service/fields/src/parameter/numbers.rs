//! Between the kernel's numbers and Falco's, both ways, for who reads and writes what Falco's tools do.

use super::{
    flags::{self, Table},
    schema::{Shape, schema_of},
};
use crate::view::Architecture;

/// Bits of open's flags in Falco's numbering that say how a file may be used; the kernel has a number there, no bits.
const READ: u64 = 1;
const WRITE: u64 = 2;
/// O_WRONLY and O_RDWR of linux/fcntl.h.
const KERNEL_WRITE: u64 = 1;
const KERNEL_READ_WRITE: u64 = 2;

/// Falco's number for what the kernel calls `kernel` as this parameter of this event. A number that is no flags and no
/// enumeration is its own; what Falco has no bit for falls away.
pub fn falco_number(event: &str, parameter: &str, kernel: u64) -> u64 {
    match shape(event, parameter) {
        Some(Shape::Flags(table)) if is_of_open(table) => flags::open_flags(kernel, Architecture::X86_64),
        Some(Shape::Flags(table) | Shape::Mode(table)) => flags::set_of_kernel(kernel, table),
        Some(Shape::Enum(table, unknown)) => flags::one_of_kernel(kernel, table, unknown.unwrap_or(kernel)),
        _ => kernel,
    }
}

/// The kernel's number (x86-64's) for what Falco calls `falco` as this parameter of this event: the other way round.
/// What stands for a number that Falco does not know becomes `u64::MAX`, which [`falco_number`] does not know either.
pub fn kernel_number(event: &str, parameter: &str, falco: u64) -> u64 {
    match shape(event, parameter) {
        Some(Shape::Flags(table)) if is_of_open(table) => access_mode(falco) | kernel_set(falco, table),
        Some(Shape::Flags(table) | Shape::Mode(table)) => kernel_set(falco, table),
        Some(Shape::Enum(table, _)) => {
            table.iter().find(|(_, own, _)| *own == falco).map_or(falco, |(_, _, kernel)| *kernel)
        }
        _ => falco,
    }
}

fn shape(event: &str, parameter: &str) -> Option<Shape> {
    schema_of(event)?.columns.iter().find(|column| column.name == parameter).map(|column| column.shape)
}

/// The table of what open takes, not the one of calls that take two of its flags.
fn is_of_open(table: Table) -> bool {
    table.iter().any(|(name, _, kernel)| *name == "O_TMPFILE" && *kernel != 0)
}

fn access_mode(falco: u64) -> u64 {
    match (falco & READ != 0, falco & WRITE != 0) {
        (true, true) => KERNEL_READ_WRITE,
        (false, true) => KERNEL_WRITE,
        _ => 0,
    }
}

fn kernel_set(falco: u64, table: Table) -> u64 {
    let is_in = |own: u64| own != 0 && falco & own == own;
    table.iter().filter(|(_, own, _)| is_in(*own)).fold(0, |set, (_, _, kernel)| set | kernel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::schema::all;

    /// Scenario: flags and enumerations of several events, from the kernel's numbers and back. Guarantees: the numbers of
    /// ppm_events_public.h, and the kernel's again.
    #[test]
    fn numbers_of_the_kernel_and_of_falco_lead_to_each_other() {
        for (event, parameter, kernel, falco) in [
            ("openat", "flags", 0o2_000_000, 4097),
            ("open", "flags", 0o1_101, 0x106),
            ("openat2", "flags", 2, 3),
            ("openat2", "resolve", 8, 1),
            ("dup3", "flags", 0o2_000_000, 0x1000),
            ("clone", "flags", 0x1_0000, 0x2000),
            ("ptrace", "request", 16, 0xb),
            ("fcntl", "cmd", 1030, 0x1a),
            ("mmap", "flags", 0x22, 0xa),
            ("kill", "sig", 9, 9),
            ("setsockopt", "level", 6, 2),
        ] {
            assert_eq!(falco_number(event, parameter, kernel), falco, "{event} {parameter}");
            assert_eq!(kernel_number(event, parameter, falco), kernel, "{event} {parameter}");
        }
    }

    /// Scenario: every number of every table of every event, as Falco's. Guarantees: the kernel's number for it is
    /// Falco's number again, unless the kernel has none.
    #[test]
    fn every_number_that_the_kernel_has_comes_back() {
        for event in all() {
            for column in event.columns {
                let (Shape::Flags(table) | Shape::Mode(table) | Shape::Enum(table, _)) = column.shape else {
                    continue;
                };
                for (name, falco, _) in table.iter().filter(|(_, falco, kernel)| *kernel != 0 || *falco == 0)
                {
                    let back =
                        falco_number(event.name, column.name, kernel_number(event.name, column.name, *falco));
                    let without_access = if is_of_open(table) { back & !READ } else { back };
                    assert_eq!(without_access & falco, *falco, "{} {} {name}", event.name, column.name);
                }
            }
        }
    }
}
