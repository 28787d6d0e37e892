//! What processes have used.

use std::{fs, ops::Add};

use anyhow::Context as _;

/// Processor time and memory of some processes, and what an agent counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor seconds of the agent.
    pub(crate) agent_seconds: f64,
    /// Processor seconds of the engine.
    pub(crate) engine_seconds: f64,
    /// Resident bytes of the agent.
    pub(crate) agent_bytes: u64,
    /// Resident bytes of the engine.
    pub(crate) engine_bytes: u64,
    /// Events that the agent made of records.
    pub(crate) events: f64,
    /// Events that were lost, wherever.
    pub(crate) losses: f64,
}

// === impl Usage ===

impl Usage {
    /// What was used and counted since; memory as it is now.
    pub(crate) fn since(self, before: &Self) -> Self {
        Self {
            agent_seconds: self.agent_seconds - before.agent_seconds,
            engine_seconds: self.engine_seconds - before.engine_seconds,
            events: self.events - before.events,
            losses: self.losses - before.losses,
            ..self
        }
    }
}

/// Sums, except of memory, of which it is the most.
impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            agent_seconds: self.agent_seconds + other.agent_seconds,
            engine_seconds: self.engine_seconds + other.engine_seconds,
            agent_bytes: self.agent_bytes.max(other.agent_bytes),
            engine_bytes: self.engine_bytes.max(other.engine_bytes),
            events: self.events + other.events,
            losses: self.losses + other.losses,
        }
    }
}

/// Processor seconds of a process so far, in user and kernel mode, all threads that it has or had.
pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may have spaces in it; behind it, utime and stime are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')').context("a stat file without a name")?;
    let mut ticks = rest.split_whitespace().skip(11).map_while(|word| word.parse::<f64>().ok());
    let both = ticks.next().zip(ticks.next()).context("a stat file that is too short")?;
    #[expect(clippy::cast_precision_loss, reason = "it is 100")]
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok((both.0 + both.1) / per_second)
}

/// Resident bytes of a process.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("a status file without VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: this process, before and after some work. Guarantees: its time grows and is that of a process at work, its memory
    /// is above nothing and below the machine's.
    #[test]
    fn usage_is_read_of_the_right_places() {
        let pid = std::process::id();
        let before = cpu_seconds(pid).unwrap();
        let own = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        while own().tv_sec < 1 && own().tv_nsec < 200_000_000 {}
        let after = cpu_seconds(pid).unwrap();
        assert!(after > before && after < 60.0, "{before} {after}");
        assert!((1 << 20..1 << 34).contains(&resident_bytes(pid).unwrap()));
    }
}
