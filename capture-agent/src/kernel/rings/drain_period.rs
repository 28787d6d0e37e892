//! How long to wait between two looks at the rings.

use std::time::Duration;

/// As late as an event may be seen where there are few. What each look and each batch costs is paid so many times a second
/// the less: half of the agent's and engine's time on a host with some thousand events a second.
const LONGEST: Duration = Duration::from_millis(40);
/// A look more often would find little more than its own cost.
const SHORTEST: Duration = Duration::from_millis(1);
/// From here on twice as often: the programs wake us at 25.
const FULL_PERCENT: u64 = 12;
/// Below, somewhat more rarely.
const EMPTY_PERCENT: u64 = 3;
const STEP: Duration = Duration::from_millis(1);

/// The time between two looks, by how full rings were found.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrainPeriod(Duration);

// === impl DrainPeriod ===

impl DrainPeriod {
    /// The time until the next look, after one that found the fullest ring so full.
    pub(super) fn after(&mut self, fill_percent: u64) -> Duration {
        self.0 = match fill_percent {
            FULL_PERCENT.. => (self.0 / 2).max(SHORTEST),
            0..EMPTY_PERCENT => (self.0 + STEP).min(LONGEST),
            _ => self.0,
        };
        self.0
    }
}

impl Default for DrainPeriod {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: nothing comes, then a flood, then a trickle that fills a ring by some percent. Guarantees: the time grows to its upper
    /// bound, falls fast to its lower one, and stays as it is.
    #[test]
    fn the_period_follows_the_fill() {
        let mut period = DrainPeriod::default();
        let quiet: Vec<_> = (0..42).map(|_| period.after(0).as_millis()).collect();
        assert_eq!(quiet, (2..=40).chain([40; 3]).collect::<Vec<_>>());
        let flood: Vec<_> = (0..6).map(|_| period.after(60).as_micros()).collect();
        assert_eq!(flood, [20_000, 10_000, 5_000, 2_500, 1_250, 1_000]);
        assert_eq!([period.after(5), period.after(11)], [SHORTEST; 2]);
        assert_eq!(period.after(2), SHORTEST + STEP);
    }
}
