//! How long something unknown has been asked for: what comes late is pending at first, and absent in the end.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::store::Sought;

/// Unknown things that are remembered, of some 300 bytes each. Whatever is pushed out begins as pending again.
const MAX_REMEMBERED: usize = 16_384;

/// Since when each unknown thing is asked for.
#[derive(Debug)]
pub(crate) struct Negatives {
    patience: Duration,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    since: HashMap<Sought, Instant>,
    order: VecDeque<(Instant, Sought)>,
}

// === impl Negatives ===

impl Negatives {
    /// Something that is unknown for `patience` counts as absent.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, remembered: Mutex::default() }
    }

    /// Notes that something is asked for and unknown; whether it has been for long enough.
    pub(crate) fn is_absent(&self, sought: &Sought, now: Instant) -> bool {
        let key = sought.without_time();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.forget(now, self.patience.saturating_mul(8));
        if let Some(since) = remembered.since.get(&key) {
            return now.saturating_duration_since(*since) >= self.patience;
        }
        remembered.since.insert(key.clone(), now);
        remembered.order.push_back((now, key));
        self.patience.is_zero()
    }
}

// === impl Remembered ===

impl Remembered {
    fn forget(&mut self, now: Instant, after: Duration) {
        while let Some((since, _)) = self.order.front()
            && (self.order.len() >= MAX_REMEMBERED || now.saturating_duration_since(*since) > after)
        {
            if let Some((_, key)) = self.order.pop_front() {
                self.since.remove(&key);
            }
        }
    }
}

// === impl Sought ===

impl Sought {
    /// The same for every moment.
    fn without_time(&self) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Container { as_of_ns, .. } | Self::Host { as_of_ns, .. } => *as_of_ns = 0,
            Self::Kubernetes { .. } => {}
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u64, as_of_ns: u64) -> Sought {
        Sought::Host { origin: number.to_string(), as_of_ns }
    }

    /// Scenario: something is asked for again and again, at different moments. Guarantees: it is absent only after the
    /// patience, and is pending afresh once it was forgotten.
    #[test]
    fn absence_takes_its_time() {
        let negatives = Negatives::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!negatives.is_absent(&host(1, 0), at(0)));
        assert!(!negatives.is_absent(&host(1, 5), at(9)));
        assert!(negatives.is_absent(&host(1, 7), at(10)));
        assert!(!negatives.is_absent(&host(2, 7), at(10)));
        assert!(!negatives.is_absent(&host(1, 0), at(100)));
    }

    /// Scenario: more unknown things than are remembered. Guarantees: memory is bounded.
    #[test]
    fn memory_is_bounded() {
        let negatives = Negatives::new(Duration::from_secs(10));
        let now = Instant::now();
        for number in 0..2 * MAX_REMEMBERED as u64 {
            negatives.is_absent(&host(number, 0), now);
        }
        let remembered = negatives.remembered.lock().unwrap();
        assert!(remembered.since.len() <= MAX_REMEMBERED);
        assert_eq!(remembered.since.len(), remembered.order.len());
    }
}
