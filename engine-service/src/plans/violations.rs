//! Events that filters would have dropped and that rules needed.

use eyrie_proto::capture::FilterViolation;

/// Rules and event types that are told apart on one host; more are a fault that nobody reads to its end.
const MAX_KINDS: usize = 64;
/// Of one stretch of a batch; what is more is the same over and over.
const MAX_A_STRETCH: usize = 256;

/// What a marked event was needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violator {
    pub(crate) rule: String,
    pub(crate) is_certain: bool,
    /// Empty where the event has none that we know.
    pub(crate) event_type: &'static str,
    pub(crate) sequence: u64,
    pub(crate) generation: u64,
}

/// Those of a stretch of a batch.
#[derive(Debug, Default)]
pub(crate) struct Violators {
    pub(crate) found: Vec<Violator>,
}

/// Those of a host, by rule and event type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Violations(Vec<FilterViolation>);

// === impl Violators ===

impl Violators {
    pub(crate) fn push(&mut self, violator: Violator) {
        if self.found.len() < MAX_A_STRETCH {
            self.found.push(violator);
        }
    }
}

// === impl Violations ===

impl Violations {
    pub(crate) fn add(&mut self, violator: &Violator) {
        let is_same = |known: &&mut FilterViolation| {
            known.rule == violator.rule && known.event_type == violator.event_type
        };
        if let Some(known) = self.0.iter_mut().find(is_same) {
            known.count = known.count.saturating_add(1);
            known.last_sequence = violator.sequence;
            known.last_generation = violator.generation;
        } else if self.0.len() < MAX_KINDS {
            self.0.push(FilterViolation {
                rule: violator.rule.clone(),
                event_type: violator.event_type.to_owned(),
                count: 1,
                last_sequence: violator.sequence,
                last_generation: violator.generation,
            });
        }
    }

    pub(crate) fn all(&self) -> &[FilterViolation] {
        &self.0
    }

    pub(crate) fn of_rule<'a>(&'a self, rule: &'a str) -> impl Iterator<Item = &'a FilterViolation> {
        self.0.iter().filter(move |violation| violation.rule == rule)
    }
}
