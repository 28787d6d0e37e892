//! What agent and engine have used.

use std::{collections::BTreeMap, fs, ops::Add};

use anyhow::Context as _;

use super::processor_time::ProcessorTime;
use crate::pages::Metrics;

/// The agent's metric of calls that filters kept in the kernel.
pub const FILTERED: &str = "eyrie_agent_filtered_total";

/// Figures of agent and engine as they are at one time.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The agent's metrics.
    pub metrics: Metrics,
    agent: ProcessorTime,
    engine: ProcessorTime,
    agent_bytes: u64,
    engine_bytes: u64,
}

/// Processor time and memory of agent and engine, and what the agent counted, between two readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor seconds of the agent.
    pub agent_seconds: f64,
    /// Processor seconds of the engine.
    pub engine_seconds: f64,
    /// The same by names of threads, each with whose it is before it.
    pub threads: BTreeMap<String, f64>,
    /// Resident bytes of the agent.
    pub agent_bytes: u64,
    /// Resident bytes of the engine.
    pub engine_bytes: u64,
    /// Events that the agent made of records.
    pub events: f64,
    /// Calls that filters kept in the kernel.
    pub filtered: f64,
    /// Events that were lost, wherever.
    pub losses: f64,
    /// Bytes that the agent sent.
    pub sent_bytes: f64,
}

/// A process's memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Resident, of no file and not shared: its own.
    pub anonymous: u64,
    /// Resident in all, what is mapped of files and of the kernel's rings among it.
    pub resident: u64,
    /// The most that was resident so far.
    pub peak: u64,
}

// === impl Reading ===

impl Reading {
    /// Of these two processes; processor time first, as everything else costs some.
    pub fn of(
        agent: u32,
        engine: u32,
        metrics: impl FnOnce() -> anyhow::Result<Metrics>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            agent: ProcessorTime::of(agent)?,
            engine: ProcessorTime::of(engine)?,
            agent_bytes: Memory::of(agent)?.resident,
            engine_bytes: Memory::of(engine)?.resident,
            metrics: metrics()?,
        })
    }

    /// What was used and counted since; memory as it is now.
    pub fn since(&self, before: &Self) -> Usage {
        let agent = self.agent.since(&before.agent);
        let engine = self.engine.since(&before.engine);
        let counted = |name: &str, label: &str| {
            self.metrics.sum_where(name, label) - before.metrics.sum_where(name, label)
        };
        let named = |whose: &'static str, threads: &BTreeMap<String, f64>| {
            let name = move |(name, seconds): (&String, &f64)| (format!("{whose}: {name}"), *seconds);
            threads.iter().map(name).collect::<Vec<_>>()
        };
        Usage {
            agent_seconds: agent.values().sum(),
            engine_seconds: engine.values().sum(),
            threads: named("agent", &agent).into_iter().chain(named("engine", &engine)).collect(),
            agent_bytes: self.agent_bytes,
            engine_bytes: self.engine_bytes,
            events: counted("eyrie_agent_events_produced_total", ""),
            filtered: counted(FILTERED, ""),
            losses: counted("eyrie_agent_losses_total", ""),
            sent_bytes: counted("eyrie_agent_sent_bytes_total", ""),
        }
    }
}

// === impl Usage ===

/// Sums, except of memory, of which it is the most.
impl Add for Usage {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (name, seconds) in other.threads {
            *self.threads.entry(name).or_default() += seconds;
        }
        Self {
            agent_seconds: self.agent_seconds + other.agent_seconds,
            engine_seconds: self.engine_seconds + other.engine_seconds,
            threads: self.threads,
            agent_bytes: self.agent_bytes.max(other.agent_bytes),
            engine_bytes: self.engine_bytes.max(other.engine_bytes),
            events: self.events + other.events,
            filtered: self.filtered + other.filtered,
            losses: self.losses + other.losses,
            sent_bytes: self.sent_bytes + other.sent_bytes,
        }
    }
}

// === impl Memory ===

impl Memory {
    /// Of a process.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/status"))?)
    }

    fn parse(status: &str) -> anyhow::Result<Self> {
        let bytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1024).with_context(|| format!("a status file without {key}"))
        };
        Ok(Self { anonymous: bytes("RssAnon")?, resident: bytes("VmRSS")?, peak: bytes("VmHWM")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: this process; a status file as the kernel writes it, and one without the lines. Guarantees: each figure is that of its line, in bytes.
    #[test]
    fn memory_is_that_of_the_status_file() {
        let own = Memory::of(std::process::id()).unwrap();
        assert!(own.anonymous <= own.resident && own.resident <= own.peak, "{own:?}");
        assert!((1 << 20..1 << 34).contains(&own.resident), "{own:?}");
        let status = "Name:\tx\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\nRssAnon:\t    3 kB\nRssFile:\t 7 kB\n";
        let memory = Memory { anonymous: 3 << 10, resident: 10 << 10, peak: 12 << 10 };
        assert_eq!(Memory::parse(status).unwrap(), memory);
        Memory::parse("Name:\tx\n").unwrap_err();
    }

    /// Scenario: two usages of threads that one and both have. Guarantees: times and counts are sums, memory is the most.
    #[test]
    fn usages_add_up() {
        let of = |name: &str, seconds, agent_bytes| Usage {
            threads: [(name.to_owned(), seconds), ("both".to_owned(), 1.0)].into(),
            events: 3.0,
            agent_bytes,
            ..Usage::default()
        };
        let sum = of("one", 1.0, 5) + of("other", 2.0, 4);
        let threads = [("both".to_owned(), 2.0), ("one".to_owned(), 1.0), ("other".to_owned(), 2.0)].into();
        assert_eq!(sum, Usage { threads, events: 6.0, agent_bytes: 5, ..Usage::default() });
    }
}
