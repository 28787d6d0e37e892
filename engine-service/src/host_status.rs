//! What operators see of an origin: counted by its session, read by `HostService`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use eyrie_proto::{
    capture::{AgentInfo, Host, LossTotal},
    event::{Origin, origin},
};

use crate::plans::{Costs, HostPlan, KeptAnswer, PlanProgress, Violations};

/// Seconds over which the event rate is taken.
const RATE_SECONDS: usize = 10;

/// An origin's figures since its epoch began.
#[derive(Debug)]
pub(crate) struct HostStatus {
    pub(crate) origin: Origin,
    pub(crate) agent: AgentInfo,
    pub(crate) epoch: u64,
    pub(crate) is_connected: bool,
    pub(crate) peer: String,
    pub(crate) connected_since_ns: u64,
    pub(crate) last_event_ns: u64,
    pub(crate) received_events: u64,
    pub(crate) rate: EventRate,
    pub(crate) alerts: u64,
    pub(crate) received_through: u64,
    pub(crate) acked_through: u64,
    pub(crate) process_count: u64,
    pub(crate) losses: Vec<LossTotal>,
    pub(crate) rule_set_digest: String,
    /// What the agent said to the plan of this session that it answered last.
    pub(crate) plan: Option<Arc<KeptAnswer>>,
    pub(crate) progress: PlanProgress,
    pub(crate) violations: Violations,
    pub(crate) costs: Costs,
}

/// Events per second over the last whole seconds.
#[derive(Debug)]
pub(crate) struct EventRate {
    start: Instant,
    /// The second that each count belongs to, and the count.
    seconds: [(u64, u64); RATE_SECONDS + 1],
}

// === impl HostStatus ===

impl HostStatus {
    /// An origin that was not seen before.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            agent: AgentInfo::default(),
            epoch: 0,
            is_connected: false,
            peer: String::new(),
            connected_since_ns: 0,
            last_event_ns: 0,
            received_events: 0,
            rate: EventRate::new(Instant::now()),
            alerts: 0,
            received_through: 0,
            acked_through: 0,
            process_count: 0,
            losses: Vec::new(),
            rule_set_digest: String::new(),
            plan: None,
            progress: PlanProgress::default(),
            violations: Violations::default(),
            costs: Costs::default(),
        }
    }

    /// A session begins, with the plan of this generation in force. Another epoch counts from nothing.
    pub(crate) fn connect(
        &mut self,
        agent: AgentInfo,
        (epoch, plan_generation): (u64, u64),
        peer: String,
        now_ns: u64,
    ) {
        if self.epoch != epoch {
            *self = Self::new(self.origin.clone());
        }
        self.progress.resume(plan_generation);
        self.agent = agent;
        self.epoch = epoch;
        self.is_connected = true;
        self.peer = peer;
        self.connected_since_ns = now_ns;
        self.plan = None;
    }

    /// By host name; hosts of one name always in the same order.
    pub(crate) fn name(&self) -> (String, String) {
        (self.agent.hostname.clone(), self.origin.to_string())
    }

    /// What there is to say of its plan.
    pub(crate) fn host_plan(&self) -> HostPlan {
        HostPlan {
            origin: self.origin.clone(),
            agent: self.agent.clone(),
            is_connected: self.is_connected,
            connected_since_ns: self.connected_since_ns,
            answer: self.plan.clone(),
            progress: self.progress.clone(),
            violations: self.violations.clone(),
            costs: self.costs.clone(),
        }
    }

    /// As the contract has it.
    pub(crate) fn to_host(&self, now: Instant) -> Host {
        Host {
            origin: Some(self.origin.clone()),
            agent: Some(self.agent.clone()),
            is_connected: self.is_connected,
            peer: self.peer.clone(),
            connected_since_ns: self.connected_since_ns,
            last_event_ns: self.last_event_ns,
            received_events: self.received_events,
            events_per_second: self.rate.per_second(now),
            alerts: self.alerts,
            received_through_sequence: self.received_through,
            acked_through_sequence: self.acked_through,
            process_count: self.process_count,
            losses: self.losses.clone(),
            rule_set_digest: self.rule_set_digest.clone(),
            plan: self.plan.as_ref().map(|kept| kept.without_effective()),
            epoch: self.epoch,
        }
    }
}

// === impl EventRate ===

impl EventRate {
    fn new(start: Instant) -> Self {
        Self { start, seconds: [(0, 0); RATE_SECONDS + 1] }
    }

    /// Counts events that came at `now`.
    pub(crate) fn add(&mut self, now: Instant, count: u64) {
        let second = self.second(now);
        let slot = usize::try_from(second).unwrap_or(0) % self.seconds.len();
        if let Some(entry) = self.seconds.get_mut(slot) {
            if entry.0 != second {
                *entry = (second, 0);
            }
            entry.1 = entry.1.saturating_add(count);
        }
    }

    /// Over the last ten whole seconds; the running one does not count.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(crate) fn per_second(&self, now: Instant) -> f64 {
        let current = self.second(now);
        let oldest = current.saturating_sub(RATE_SECONDS as u64);
        let sum: u64 = self
            .seconds
            .iter()
            .filter(|(second, _)| (oldest..current).contains(second))
            .map(|(_, count)| count)
            .sum();
        sum as f64 / (current - oldest).max(1) as f64
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs()
    }
}

/// Whether a host has this name, machine id or boot id.
pub(crate) fn is_called(origin: Option<&Origin>, hostname: &str, name: &str) -> bool {
    let boot = match origin.and_then(|origin| origin.kind.as_ref()) {
        Some(origin::Kind::Host(boot)) => Some(boot),
        _ => None,
    };
    hostname == name || boot.is_some_and(|boot| boot.machine_id == name || boot.boot_id == name)
}

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: 100 events a second for a minute, then silence. Guarantees: the rate is 100 while they come and falls to
    /// nothing within ten seconds.
    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds() {
        let start = Instant::now();
        let mut rate = EventRate::new(start);
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        for tenth in 0..600 {
            rate.add(at(tenth * 100), 10);
        }
        assert!((rate.per_second(at(60_000)) - 100.0).abs() < f64::EPSILON);
        assert!((rate.per_second(at(65_000)) - 50.0).abs() < f64::EPSILON);
        assert!(rate.per_second(at(70_000)).abs() < f64::EPSILON);
        assert!(rate.per_second(at(7_000_000)).abs() < f64::EPSILON);
    }
}
