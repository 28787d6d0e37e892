//! Names of system calls by number.

use eyrie_proto::{
    SPELLINGS_OF_32_BITS,
    event::{SystemCall, SystemCallAbi},
};
use syscalls::{aarch64, arm, x86, x86_64};

use crate::view::Architecture;

/// No table has a number as large as this.
const MAX_CALLS: u32 = 1024;

/// What the kernel calls a system call; `None` for a number that no table has.
pub(crate) fn native_name(call: &SystemCall, architecture: Architecture) -> Option<&'static str> {
    let number = usize::try_from(call.number).ok()?;
    let name = match (architecture, call.abi()) {
        (Architecture::X86_64, SystemCallAbi::Unspecified) => x86_64::Sysno::new(number)?.name(),
        (Architecture::Aarch64, SystemCallAbi::Unspecified) => aarch64::Sysno::new(number)?.name(),
        (Architecture::X86_64, SystemCallAbi::Compat32) => native_spelling(x86::Sysno::new(number)?.name()),
        (Architecture::Aarch64, SystemCallAbi::Compat32) => native_spelling(arm::Sysno::new(number)?.name()),
    };
    Some(name)
}

/// Every call of an architecture with its name: the native ones first, then the 32-bit ones.
pub(crate) fn numbers(architecture: Architecture) -> impl Iterator<Item = (SystemCall, &'static str)> {
    let of_abi = move |abi: SystemCallAbi| {
        (0..MAX_CALLS).filter_map(move |number| {
            let call = SystemCall { number, abi: abi.into(), ..SystemCall::default() };
            Some((call, native_name(&call, architecture)?))
        })
    };
    of_abi(SystemCallAbi::Unspecified).chain(of_abi(SystemCallAbi::Compat32))
}

/// Every system call's name on any architecture; may repeat names.
pub(crate) fn all_native_names() -> impl Iterator<Item = &'static str> {
    let wide =
        x86_64::Sysno::iter().map(|call| call.name()).chain(aarch64::Sysno::iter().map(|call| call.name()));
    wide.chain(x86::Sysno::iter().map(|call| native_spelling(call.name())))
}

fn native_spelling(name: &'static str) -> &'static str {
    SPELLINGS_OF_32_BITS
        .binary_search_by_key(&name, |(narrow, _)| narrow)
        .ok()
        .and_then(|place| SPELLINGS_OF_32_BITS.get(place))
        .map_or(name, |(_, wide)| wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the table that binary search runs over. Guarantees: it is sorted, so that every entry is found.
    #[test]
    fn spellings_of_32_bits_are_sorted() {
        assert!(SPELLINGS_OF_32_BITS.is_sorted());
    }

    /// Scenario: the same call by the numbers of four tables. Guarantees: one name.
    #[test]
    fn a_call_has_one_name_on_every_architecture() {
        let name = |number, abi: SystemCallAbi, architecture| {
            native_name(&SystemCall { number, abi: abi.into(), ..SystemCall::default() }, architecture)
        };
        assert_eq!(name(257, SystemCallAbi::Unspecified, Architecture::X86_64), Some("openat"));
        assert_eq!(name(56, SystemCallAbi::Unspecified, Architecture::Aarch64), Some("openat"));
        assert_eq!(name(295, SystemCallAbi::Compat32, Architecture::X86_64), Some("openat"));
        assert_eq!(name(322, SystemCallAbi::Compat32, Architecture::Aarch64), Some("openat"));
        assert_eq!(name(213, SystemCallAbi::Compat32, Architecture::X86_64), Some("setuid"));
        assert_eq!(name(u32::MAX, SystemCallAbi::Unspecified, Architecture::X86_64), None);
    }
}
