//! What this kernel and these privileges allow, told before anything is tried.

use std::path::Path;

use aya::{
    programs::ProgramType,
    sys::{BpfHelper, is_helper_supported},
};
use eyrie_bpf::Object;
use thiserror::Error;

/// Where the kernel describes its own types.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Numbers in linux/capability.h.
const CAP_SYS_ADMIN: u32 = 21;
const CAPABILITIES: [(&str, u32); 2] = [("CAP_BPF", 39), ("CAP_PERFMON", 38)];

/// Why capture is not possible at all.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProbeError {
    /// The process may not load or attach programs.
    #[error(
        "capturing needs root, or the capabilities CAP_BPF and CAP_PERFMON; this process lacks {missing}"
    )]
    Privileges {
        /// The capabilities that it lacks.
        missing: String,
    },
    /// The kernel does not describe its types.
    #[error(
        "the kernel has no BTF at {BTF}: the programs need a kernel of 5.8 or newer with CONFIG_DEBUG_INFO_BTF"
    )]
    NoBtf,
    /// The process cannot tell what it may.
    #[error("cannot read this process's capabilities from /proc/self/status; is /proc mounted?")]
    NoProc,
}

/// Checks what can be checked without side effects.
pub(crate) fn check() -> Result<(), ProbeError> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|_| ProbeError::NoProc)?;
    privileges(&status)?;
    if Path::new(BTF).exists() { Ok(()) } else { Err(ProbeError::NoBtf) }
}

/// The object that this kernel can take.
pub(crate) fn object() -> Object {
    // Programs on tracepoints cannot be probed for by themselves; raw ones have the same helpers.
    let helper = BpfHelper::BPF_FUNC_get_current_task_btf;
    match is_helper_supported(ProgramType::RawTracePoint, helper) {
        Ok(false) => Object::Baseline,
        // Where probing fails, loading will tell better why.
        Ok(true) | Err(_) => Object::Full,
    }
}

/// Checks the effective capabilities in a `status` file.
fn privileges(status: &str) -> Result<(), ProbeError> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective =
        line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).ok_or(ProbeError::NoProc)?;
    let has = |bit: u32| effective >> bit & 1 == 1;
    // The kernel takes CAP_SYS_ADMIN for either.
    let missing: Vec<_> = CAPABILITIES
        .into_iter()
        .filter(|(_, bit)| !has(*bit) && !has(CAP_SYS_ADMIN))
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(ProbeError::Privileges { missing: missing.join(" and ") }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(bits: &str) -> Option<String> {
        match privileges(&format!("Name:\tx\nCapEff:\t{bits}\n")) {
            Err(ProbeError::Privileges { missing }) => Some(missing),
            Err(error) => panic!("{error}"),
            Ok(()) => None,
        }
    }

    /// Scenario: root, nobody, the two capabilities, one of them, and the old way. Guarantees: exactly what is missing is named.
    #[test]
    fn missing_privileges_are_named() {
        assert_eq!(lacks("000001ffffffffff"), None);
        assert_eq!(lacks("000000c000000000"), None);
        assert_eq!(lacks("0000000000200000"), None);
        assert_eq!(lacks("0000008000000000").as_deref(), Some("CAP_PERFMON"));
        assert_eq!(lacks("0000000000000000").as_deref(), Some("CAP_BPF and CAP_PERFMON"));
        assert_eq!(privileges("Name:\tx\n"), Err(ProbeError::NoProc));
    }
}
