//! What is loaded into the kernel's BPF.

use std::collections::BTreeSet;

use anyhow::Context as _;

/// The ids of all BPF programs that are loaded now.
pub fn loaded_programs() -> anyhow::Result<BTreeSet<u32>> {
    aya::programs::loaded_programs()
        .map(|program| Ok(program.context("cannot list BPF programs")?.id()))
        .collect()
}

/// The names below /sys/fs/bpf.
pub fn pinned() -> anyhow::Result<BTreeSet<String>> {
    match std::fs::read_dir("/sys/fs/bpf") {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error.into()),
    }
}

/// The ids of the BPF programs that a process holds by its descriptors.
pub fn programs_of(pid: u32) -> anyhow::Result<BTreeSet<u32>> {
    let folder = format!("/proc/{pid}/fdinfo");
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        // A descriptor may be gone again; it then names no program.
        let text = std::fs::read_to_string(entry?.path()).unwrap_or_default();
        let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
        ids.extend(id.and_then(|id| id.trim().parse::<u32>().ok()));
    }
    Ok(ids)
}
