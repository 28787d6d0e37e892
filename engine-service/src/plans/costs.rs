//! What events cost a host's stream, by type, and which rules' filters let them through.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use eyrie_proto::capture::CallCost;

use super::Sample;
use crate::rule_evaluator::MAX_TESTED_RULES;

/// Rules and event types whose events are counted: 50 bytes each, of every origin.
const MAX_RULE_COUNTS: usize = 2_048;
/// Over how long a rate is taken: what is older counts for less and less.
const RATE_TIME: Duration = Duration::from_secs(10);

/// Of one origin since its epoch began; estimated from samples. Event types are as many as there are names of calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    types: BTreeMap<&'static str, TypeCost>,
    /// Events by rule (its place among the plans) and type.
    admitted: HashMap<(u32, &'static str), u64>,
}

#[derive(Clone, Debug, Default)]
struct TypeCost {
    events: u64,
    bytes: u64,
    marked: u64,
    event_rate: Rate,
    byte_rate: Rate,
}

/// Something per second, lately.
#[derive(Clone, Debug, Default)]
struct Rate {
    /// Of what came, the sum, each part smaller by its age.
    decayed: f64,
    at: Option<Instant>,
    since: Option<Instant>,
}

// === impl Costs ===

impl Costs {
    pub(crate) fn add(&mut self, samples: &[Sample], now: Instant) {
        for sample in samples {
            let weight = u64::from(sample.weight);
            let bytes = sample.bytes.saturating_mul(weight);
            let cost = self.types.entry(sample.event_type).or_default();
            cost.events = cost.events.saturating_add(weight);
            cost.bytes = cost.bytes.saturating_add(bytes);
            cost.event_rate.add(weight, now);
            cost.byte_rate.add(bytes, now);
            if sample.is_marked {
                cost.marked = cost.marked.saturating_add(weight);
            }
            // What is marked would not have come; in verify mode that is most of all.
            for rule in sample.rules.iter().filter(|_| !sample.is_marked) {
                let key = (*rule, sample.event_type);
                if self.admitted.len() < MAX_RULE_COUNTS || self.admitted.contains_key(&key) {
                    let count = self.admitted.entry(key).or_default();
                    *count = count.saturating_add(weight);
                }
            }
        }
    }

    /// Types that events came of, ascending.
    pub(crate) fn event_types(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(|name| -> &str { name })
    }

    /// What the events of a type cost.
    pub(crate) fn of_type(&self, event_type: &str, now: Instant) -> CallCost {
        self.types.get(event_type).map_or_else(CallCost::default, |cost| CallCost {
            events: cost.events,
            bytes: cost.bytes,
            events_per_second: cost.event_rate.per_second(now),
            bytes_per_second: cost.byte_rate.per_second(now),
            marked_events: cost.marked,
        })
    }

    /// Of the events of a type that were not marked, the share that a rule's own filters let through; `None` if there were none, or if it was not counted.
    #[allow(clippy::cast_precision_loss, reason = "a share for people")]
    pub(crate) fn admitted_share(&self, rule: u32, event_type: &str) -> Option<f64> {
        let (name, cost) = self.types.get_key_value(event_type)?;
        let is_tested = usize::try_from(rule).is_ok_and(|rule| rule < MAX_TESTED_RULES);
        let admitted = match self.admitted.get(&(rule, *name)) {
            Some(admitted) => *admitted,
            None if is_tested && self.admitted.len() < MAX_RULE_COUNTS => 0,
            None => return None,
        };
        let unmarked = cost.events.saturating_sub(cost.marked);
        (unmarked > 0).then(|| admitted as f64 / unmarked as f64)
    }
}

// === impl Rate ===

impl Rate {
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    fn add(&mut self, count: u64, now: Instant) {
        self.decayed = self.decayed_at(now) + count as f64;
        self.at = Some(now);
        self.since.get_or_insert(now);
    }

    fn decayed_at(&self, now: Instant) -> f64 {
        let age = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.decayed * (-age.as_secs_f64() / RATE_TIME.as_secs_f64()).exp()
    }

    /// What is counted for less than [`RATE_TIME`] is divided by what such a time would weigh.
    fn per_second(&self, now: Instant) -> f64 {
        let Some(since) = self.since else { return 0.0 };
        let lasted = now.saturating_duration_since(since).max(Duration::from_secs(1)).as_secs_f64();
        let time = RATE_TIME.as_secs_f64();
        self.decayed_at(now) / (time * (1.0 - (-lasted / time).exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(event_type: &'static str, weight: u32, rules: &[u32], is_marked: bool) -> Sample {
        Sample { event_type, bytes: 100, weight, is_marked, rules: rules.to_vec() }
    }

    /// Scenario: a hundred events a second for a minute, half of them marked, of which one rule's filters let a quarter through (none of the marked ones), then
    /// silence. Guarantees: totals and rate are those, and the rate falls to nothing; the share is of what was not marked.
    #[test]
    fn costs_follow_what_comes() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut costs = Costs::default();
        for tenth in 0..600_u64 {
            let rules: &[u32] = if tenth % 4 == 1 { &[3] } else { &[] };
            costs.add(&[sample("openat", 10, rules, tenth % 2 == 0)], at(tenth * 100));
        }
        let cost = costs.of_type("openat", at(60_000));
        assert_eq!((cost.events, cost.bytes, cost.marked_events), (6_000, 600_000, 3_000));
        assert!((90.0..110.0).contains(&cost.events_per_second), "{cost:?}");
        assert!((9_000.0..11_000.0).contains(&cost.bytes_per_second), "{cost:?}");
        assert_eq!(costs.admitted_share(3, "openat"), Some(0.5));
        assert_eq!((costs.admitted_share(4, "openat"), costs.admitted_share(3, "read")), (Some(0.0), None));
        assert!(costs.of_type("openat", at(180_000)).events_per_second < 0.01);
        assert_eq!(costs.event_types().collect::<Vec<_>>(), ["openat"]);
    }

    /// Scenario: the first second of a host. Guarantees: its rate is what came in it, not a tenth of that.
    #[test]
    fn a_young_rate_is_not_too_low() {
        let start = Instant::now();
        let mut costs = Costs::default();
        for tenth in 0..10 {
            costs.add(&[sample("read", 100, &[], false)], start + Duration::from_millis(tenth * 100));
        }
        let rate = costs.of_type("read", start + Duration::from_secs(1)).events_per_second;
        assert!((900.0..1_100.0).contains(&rate), "{rate}");
    }

    /// Scenario: more rules than are counted. Guarantees: memory stays bounded, what is counted goes on, and of the others no
    /// share is told.
    #[test]
    fn memory_is_bounded() {
        let mut costs = Costs::default();
        let rules: Vec<u32> = (0..20_000).collect();
        for _ in 0..2 {
            costs.add(&[sample("read", 1, &rules, false)], Instant::now());
        }
        assert_eq!(costs.admitted.len(), MAX_RULE_COUNTS);
        assert_eq!(costs.admitted_share(0, "read"), Some(1.0));
        assert_eq!(costs.admitted_share(19_999, "read"), None);
    }
}
