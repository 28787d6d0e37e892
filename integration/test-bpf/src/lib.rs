//! What is loaded into the kernel's BPF, and who holds it, so that tests can tell whether anything was left behind.
//!
//! It reads only; whatever it finds is somebody's.
#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs, io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The kernel keeps this much of a program's name.
const NAME_BYTES: usize = 15;

/// Ids of what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Programs.
    pub programs: BTreeSet<u32>,
    /// Maps.
    pub maps: BTreeSet<u32>,
    /// Links, which keep programs attached.
    pub links: BTreeSet<u32>,
}

/// How often a program ran, and how long in all, while the kernel measured that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTime {
    /// Its name in the kernel.
    pub name: String,
    /// Times that it ran.
    pub count: u64,
    /// For so many nanoseconds.
    pub ns: u64,
}

/// The kernel measures how long programs run as long as there is one; it stops when this is dropped, and when this process ends.
#[derive(Debug)]
pub struct RunTimesMeasured(OwnedFd);

/// A program of ours that should be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its id.
    pub program: u32,
    /// Its name in the kernel.
    pub name: String,
    /// The process that holds it, with its executable; nothing if only the kernel does, by a pin say.
    pub holder: Option<(u32, PathBuf)>,
}

// === impl Ids ===

impl Ids {
    /// All that is loaded now.
    pub fn loaded() -> anyhow::Result<Self> {
        let (programs, links) = (aya::programs::loaded_programs(), aya::programs::loaded_links());
        Ok(Self {
            programs: known(programs, "programs")?.into_iter().map(|program| program.id()).collect(),
            maps: known(aya::maps::loaded_maps(), "maps")?.into_iter().map(|map| map.id()).collect(),
            links: known(links, "links")?.into_iter().map(|link| link.id()).collect(),
        })
    }

    /// What a process holds by its descriptors. What a map or a link holds in its turn is not told.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{pid}/fdinfo");
        let mut held = Self::default();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            // A descriptor may be gone again; it then names nothing.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            for (key, ids) in
                [("prog_id:", &mut held.programs), ("map_id:", &mut held.maps), ("link_id:", &mut held.links)]
            {
                let id = text.lines().find_map(|line| line.strip_prefix(key));
                ids.extend(id.and_then(|id| id.trim().parse::<u32>().ok()));
            }
        }
        Ok(held)
    }

    /// What is in both.
    pub fn common(&self, other: &Self) -> Self {
        let both = |one: &BTreeSet<u32>, other: &BTreeSet<u32>| one.intersection(other).copied().collect();
        Self {
            programs: both(&self.programs, &other.programs),
            maps: both(&self.maps, &other.maps),
            links: both(&self.links, &other.links),
        }
    }
}

// === impl RunTimesMeasured ===

impl RunTimesMeasured {
    /// Begins. It makes every run of every program on the machine some 20 ns dearer.
    pub fn begin() -> anyhow::Result<Self> {
        let held = aya::sys::enable_stats(aya::sys::Stats::RunTime);
        held.map(Self).context("the kernel does not measure BPF programs")
    }

    /// What has been measured so far of these programs, by their ids.
    pub fn read(&self, programs: &BTreeSet<u32>) -> anyhow::Result<BTreeMap<u32, RunTime>> {
        let Self(_held) = self;
        let loaded = known(aya::programs::loaded_programs(), "programs")?;
        let of_these = loaded.into_iter().filter(|program| programs.contains(&program.id()));
        let measured = of_these.map(|program| {
            let name = String::from_utf8_lossy(program.name()).into_owned();
            let ns = u64::try_from(program.run_time().as_nanos()).unwrap_or(u64::MAX);
            (program.id(), RunTime { name, count: program.run_count(), ns })
        });
        Ok(measured.collect())
    }
}

/// Whether the kernel measures it anyway (kernel.bpf_stats_enabled), because somebody has asked for it.
pub fn is_measured_anyway() -> bool {
    fs::read_to_string("/proc/sys/kernel/bpf_stats_enabled").is_ok_and(|text| text.trim() != "0")
}

/// The names below /sys/fs/bpf.
pub fn pinned() -> anyhow::Result<BTreeSet<String>> {
    match fs::read_dir("/sys/fs/bpf") {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error.into()),
    }
}

/// Programs with the names of ours that no process holds, or one whose executable is below `folder`: what is still there after
/// the tests that were built there have ended should not be. Agents of others are left alone.
pub fn left_behind(folder: &Path) -> anyhow::Result<Vec<Left>> {
    let names: BTreeSet<_> =
        eyrie_bpf::Object::Full.programs().map(|program| in_the_kernel(program.name)).collect();
    let loaded = known(aya::programs::loaded_programs(), "programs")?;
    let holders = holders()?;
    let mut left = Vec::new();
    for program in loaded {
        let name = String::from_utf8_lossy(program.name()).into_owned();
        if !names.contains(name.as_str()) {
            continue;
        }
        let program = program.id();
        match holders.get(&program).map(Vec::as_slice).unwrap_or_default() {
            [] => left.push(Left { program, name, holder: None }),
            all => {
                let ours = all.iter().find(|(_, executable)| executable.starts_with(folder));
                left.extend(ours.map(|holder| Left { program, name, holder: Some(holder.clone()) }));
            }
        }
    }
    Ok(left)
}

/// Processes by the programs that they hold. One that ends meanwhile is passed over.
fn holders() -> anyhow::Result<BTreeMap<u32, Vec<(u32, PathBuf)>>> {
    let mut holders: BTreeMap<u32, Vec<(u32, PathBuf)>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(held) = Ids::of(pid) else { continue };
        let executable = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        for program in held.programs {
            holders.entry(program).or_default().push((pid, executable.clone()));
        }
    }
    Ok(holders)
}

fn in_the_kernel(name: &str) -> &str {
    name.get(..NAME_BYTES).unwrap_or(name)
}

/// Without those that went away while they were listed, and links that are only being made (`EAGAIN`).
fn known<T, E: Error + Send + Sync + 'static>(
    listed: impl Iterator<Item = Result<T, E>>,
    what: &'static str,
) -> anyhow::Result<Vec<T>> {
    let present = listed.filter(|item| !item.as_ref().is_err_and(|error| is_absent(error)));
    present.collect::<Result<_, _>>().with_context(|| format!("cannot list BPF {what}"))
}

fn is_absent(error: &(dyn Error + 'static)) -> bool {
    let is_so =
        |error: &io::Error| matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::WouldBlock);
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(is_so) {
            return true;
        }
        cause = error.source();
    }
    false
}
