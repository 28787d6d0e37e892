//! The machine while it is measured: what else it did.

use std::{collections::BTreeMap, fs, time::SystemTime};

use anyhow::Context as _;
use integration::bpf;

/// What is told of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) kernel: String,
    pub(crate) processors: String,
    /// Programs at work in the last minute, on average.
    pub(crate) load: f64,
    /// BPF programs that are loaded.
    pub(crate) programs: usize,
    /// The kernel measures BPF programs all the time, because somebody has told it to, and they are dearer for it.
    pub(crate) is_measured_anyway: bool,
    pub(crate) epoch_seconds: u64,
}

// === impl Machine ===

impl Machine {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let file = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let load = file("/proc/loadavg")?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(Self {
            kernel: file("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            processors: processors(&file("/proc/cpuinfo")?),
            load: load.split_whitespace().next().context("an empty loadavg")?.parse()?,
            programs: bpf::Ids::loaded()?.programs.len(),
            is_measured_anyway: bpf::is_measured_anyway(),
            epoch_seconds: now.as_secs(),
        })
    }
}

/// Models of processors, with how many there are of each.
fn processors(cpuinfo: &str) -> String {
    let mut models = BTreeMap::<&str, usize>::new();
    for line in cpuinfo.lines() {
        if let Some((key, model)) = line.split_once(':')
            && key.trim() == "model name"
        {
            *models.entry(model.trim()).or_default() += 1;
        }
    }
    let told: Vec<_> = models.into_iter().map(|(model, count)| format!("{count} × {model}")).collect();
    if told.is_empty() { "of a model that is not told".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: files of two equal processors, and of one that has no such line. Guarantees: they are counted by model.
    #[test]
    fn processors_are_counted() {
        let two = "processor\t: 0\nmodel name\t: Some CPU\n\nprocessor\t: 1\nmodel name\t: Some CPU\n";
        assert_eq!(processors(two), "2 × Some CPU");
        assert_eq!(processors("processor : 0\n"), "of a model that is not told");
    }
}
