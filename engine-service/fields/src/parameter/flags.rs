//! Names for numbers, in Falco's own numbering and order (driver/ppm_events_public.h, flags_table.c), with the kernel's number
//! for each (ppm_flag_helpers.h says which is which).

/// Writes a table whose numbers are the kernel's own.
macro_rules! same {
    ($($name:ident $number:expr,)*) => { &[$((stringify!($name), $number, $number)),*] };
}

/// Writes a table of names, Falco's number and the kernel's.
macro_rules! renumbered {
    ($($name:ident $falco:expr, $kernel:expr;)*) => { &[$((stringify!($name), $falco, $kernel)),*] };
}

pub(super) mod files;
pub(super) mod kernel;
pub(super) mod memory;
pub(super) mod processes;
pub(super) mod sockets;

mod open;
mod signal;

pub(crate) use self::open::{CREATE, TEMPORARY, access};
pub(super) use self::open::{FILE_CREATED, LOWER_LAYER, UPPER_LAYER, open_flags};
pub(super) use self::signal::signal;

/// Each name with Falco's number and the kernel's.
pub(super) type Table = &'static [(&'static str, u64, u64)];

/// Falco's set of the kernel's set of bits. What no name stands for falls away.
pub(super) fn set_of_kernel(bits: u64, table: Table) -> u64 {
    let is_in = |kernel: u64| kernel != 0 && bits & kernel == kernel;
    table.iter().filter(|(_, _, kernel)| is_in(*kernel)).fold(0, |set, (_, falco, _)| set | falco)
}

/// Falco's number for one of the kernel's; `unknown` for those that it does not know.
pub(super) fn one_of_kernel(number: u64, table: Table, unknown: u64) -> u64 {
    table.iter().find(|(_, _, kernel)| *kernel == number).map_or(unknown, |(_, falco, _)| *falco)
}

/// `A|B|C`: the names in the table's order, where a name takes its bits away from those that follow. A name that stands for
/// the whole ends the search, and only so is the name of 0 found.
pub(super) fn names(set: u64, table: Table) -> String {
    let mut rest = set;
    let mut names = Vec::new();
    for (name, mask, _) in table {
        if *mask == set {
            names.push(*name);
            break;
        }
        if *mask != 0 && rest & mask == *mask {
            rest &= !mask;
            names.push(*name);
        }
    }
    names.join("|")
}

/// The names of exactly this number; `A|B` where it has several.
pub(super) fn names_of_one(number: u64, table: Table) -> String {
    let mut names: Vec<_> =
        table.iter().filter(|(_, falco, _)| *falco == number).map(|(name, ..)| *name).collect();
    // A name that a table has twice is one name.
    names.dedup();
    names.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: sets with overlapping names, none, and one that is a name of its own. Guarantees: a name takes its bits
    /// away; 0 has its name and is in no other set; a name for the whole ends the list.
    #[test]
    fn sets_are_named_as_falco_names_them() {
        const TABLE: Table = same![BOTH 3, ONE 1, NONE 0, FOUR 4, FIVE 5,];
        for (set, expected) in
            [(3, "BOTH"), (1, "ONE"), (0, "NONE"), (7, "BOTH|FOUR"), (2, ""), (5, "ONE|FOUR|FIVE")]
        {
            assert_eq!(names(set, TABLE), expected, "{set}");
        }
    }

    /// Scenario: numbers with one name, several, none. Guarantees: only exact numbers have names, and all that there are.
    #[test]
    fn numbers_are_named_exactly() {
        assert_eq!(names_of_one(17, sockets::FAMILIES), "AF_PACKET");
        assert_eq!(names_of_one(1, sockets::FAMILIES), "AF_LOCAL|AF_UNIX");
        assert_eq!(names_of_one(33, processes::CONTROLS), "PR_MCE_KILL");
        assert_eq!(names_of_one(999, sockets::FAMILIES), "");
    }
}
