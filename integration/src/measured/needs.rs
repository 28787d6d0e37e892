//! Where measurements find what they need.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::thread::{CpuSet, sched_setaffinity};

/// Where the load runs.
pub const LOAD_CPU: usize = 0;
/// Where agent, engine and the program that measures run.
pub const OBSERVER_CPU: usize = 1;

/// The files of a measurement: those given, or those beside the project.
#[derive(Clone, Debug)]
pub struct Needs {
    /// The source of the workloads.
    pub load: PathBuf,
    /// The folder with the stock rules.
    pub rules: PathBuf,
}

// === impl Needs ===

impl Needs {
    /// Those given, and the others beside the project.
    pub fn new(load: Option<&Path>, rules: Option<&Path>) -> Self {
        let beside = |path: &str| Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
        Self {
            load: load.map_or_else(|| beside("tools/syscall-load.c"), Path::to_owned),
            rules: rules.map_or_else(|| beside("data/falco-rules"), Path::to_owned),
        }
    }

    /// What is missing to measure at all.
    pub fn missing(&self) -> Option<String> {
        let is_missing = |path: &Path| !path.exists();
        if !rustix::process::geteuid().is_root() {
            Some("root".to_owned())
        } else if is_missing(Path::new("/sys/kernel/btf/vmlinux")) {
            Some("a kernel with BTF".to_owned())
        } else if std::thread::available_parallelism().is_ok_and(|count| count.get() <= OBSERVER_CPU) {
            Some("a second processor".to_owned())
        } else {
            [&self.load, &self.rules]
                .into_iter()
                .find(|path| is_missing(path))
                .map(|path| path.display().to_string())
        }
    }
}

/// Makes this program run on these processors alone, and what it starts from now on.
pub fn pin_to(processors: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    processors.iter().for_each(|processor| set.set(*processor));
    sched_setaffinity(None, &set).context("cannot pin this program to a processor")
}
