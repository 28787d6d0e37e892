//! Which events are looked at to say what events cost.

use eyrie_proto::event::Event;
use prost::Message as _;

use crate::evaluate::{Evaluate, Occurrence};

/// Events of a session that are all looked at, so that quiet hosts are known as well.
const ALL_OF_FIRST: u32 = 1_024;
/// Of later events one in so many, on average.
const PERIOD: u32 = 64;
/// Of a message in a batch: its tag and its length.
const FRAME_BYTES: usize = 3;

/// Picks events. For those that it does not pick, it costs a decrement.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// Events to skip.
    skip: u32,
    /// Of the first ones, those that are left.
    first: u32,
    random: u32,
}

/// An event that was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) event_type: &'static str,
    /// As on the wire.
    pub(crate) bytes: u64,
    /// How many events it stands for.
    pub(crate) weight: u32,
    /// A filter would have dropped it.
    pub(crate) is_marked: bool,
    /// Places in [`evaluator::RulePlans::rules`] of rules whose own filters let it through.
    pub(crate) rules: Vec<u32>,
}

// === impl Sampler ===

impl Default for Sampler {
    fn default() -> Self {
        // xorshift needs a state that is not zero.
        Self { skip: 0, first: ALL_OF_FIRST, random: rand::random::<u32>() | 1 }
    }
}

impl Sampler {
    /// How many events the next one stands for, if it is picked.
    pub(crate) fn pick(&mut self) -> Option<u32> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.first > 0 {
            self.first -= 1;
            return Some(1);
        }
        // Gaps of 0 to 126 events: a load that repeats itself is not always met at the same step.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.skip = self.random % (2 * PERIOD - 1);
        Some(PERIOD)
    }
}

// === impl Sample ===

impl Sample {
    pub(crate) fn new(
        evaluator: &dyn Evaluate,
        occurrence: &Occurrence<'_>,
        event_type: &'static str,
        weight: u32,
    ) -> Self {
        let event: &Event = occurrence.event;
        let mut rules = Vec::new();
        evaluator.admitting(occurrence, &mut rules);
        let bytes = event.encoded_len().saturating_add(FRAME_BYTES);
        Self {
            event_type,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            weight,
            is_marked: event.is_filter_marked,
            rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a million events. Guarantees: what the picked ones stand for is near that, few are picked, and the first
    /// are all.
    #[test]
    fn picked_events_stand_for_all() {
        let mut sampler = Sampler::default();
        let picked: Vec<u32> = (0..1_000_000).filter_map(|_| sampler.pick()).collect();
        assert!(picked.iter().take(1_024).all(|weight| *weight == 1));
        let stands_for: u32 = picked.iter().sum();
        assert!((900_000..1_100_000).contains(&stands_for), "{stands_for}");
        assert!(picked.len() < 20_000, "{}", picked.len());
    }
}
