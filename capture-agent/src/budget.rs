//! How much of a processor the agent may use, and what it leaves out to stay below.
//!
//! Decisions only: readings of the clocks are passed in, and the caller carries out what comes of them. Above the budget the call
//! that costs most is left out, one for each window; well below it for long enough, the last one left out comes back.
//! What is left out is the caller's to count and to tell.

use std::time::Duration;

use crate::plan::CapturedCall;

/// Below this share of the budget there is room to take a call back. A call that comes back at once would go at once.
const CALM_PERCENT_OF_BUDGET: u64 = 60;

/// How much the agent may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuBudget {
    /// Percent of one processor, by all of the process's threads together; 0 for no bound.
    pub percent: u32,
    /// Over how long use is measured.
    pub window: Duration,
    /// For how long use has to be low before a call is captured again.
    pub calm: Duration,
}

/// The clocks at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Since any fixed time.
    pub(crate) at: Duration,
    /// Processor time that the process has used.
    pub(crate) used: Duration,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// This call is left out from now on.
    Shed(CapturedCall),
    /// This one is captured again.
    TakeBack(CapturedCall),
    /// Use is above the budget, and nothing is left that could be left out.
    Helpless,
}

/// Keeps the agent within its budget.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: CpuBudget,
    window_began: Reading,
    used_percent: u64,
    /// In the order in which they were left out.
    shed: Vec<CapturedCall>,
    calm_since: Option<Duration>,
    is_helpless: bool,
}

// === impl CpuBudget ===

impl Default for CpuBudget {
    /// No bound: whoever floods a host would otherwise choose what is not seen. Shedding is for those who would rather lose that than the
    /// processor.
    fn default() -> Self {
        Self { percent: 0, window: Duration::from_secs(3), calm: Duration::from_secs(30) }
    }
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limits: CpuBudget, now: Reading) -> Self {
        Self {
            limits,
            window_began: now,
            used_percent: 0,
            shed: Vec::new(),
            calm_since: None,
            is_helpless: false,
        }
    }

    pub(crate) fn limits(&self) -> &CpuBudget {
        &self.limits
    }

    /// Percent of a processor that was used in the last window.
    pub(crate) fn used_percent(&self) -> u64 {
        self.used_percent
    }

    /// What is left out.
    pub(crate) fn shed(&self) -> &[CapturedCall] {
        &self.shed
    }

    /// Forgets calls that are not captured any more.
    pub(crate) fn retain(&mut self, is_captured: impl FnMut(&CapturedCall) -> bool) {
        self.shed.retain(is_captured);
    }

    /// Whether a window has ended, so that it can be weighed.
    pub(crate) fn is_due(&self, now: Reading) -> bool {
        now.at.saturating_sub(self.window_began.at) >= self.limits.window
    }

    /// Weighs the window that ends now. `most_costly` is the call that cost most in it, of those that may be left out.
    pub(crate) fn weigh(&mut self, now: Reading, most_costly: Option<CapturedCall>) -> Option<Change> {
        let began = std::mem::replace(&mut self.window_began, now);
        let wall = now.at.saturating_sub(began.at).as_micros().max(1);
        let used = now.used.saturating_sub(began.used).as_micros();
        self.used_percent = u64::try_from(used.saturating_mul(100) / wall).unwrap_or(u64::MAX);
        let limit = u64::from(self.limits.percent);
        if limit == 0 {
            return None;
        }
        if self.used_percent > limit {
            self.calm_since = None;
            return self.relieve(most_costly);
        }
        self.is_helpless = false;
        if self.used_percent * 100 >= limit * CALM_PERCENT_OF_BUDGET {
            self.calm_since = None;
            return None;
        }
        let calm_since = *self.calm_since.get_or_insert(began.at);
        if now.at.saturating_sub(calm_since) < self.limits.calm {
            return None;
        }
        let call = self.shed.pop()?;
        self.calm_since = Some(now.at);
        Some(Change::TakeBack(call))
    }

    fn relieve(&mut self, most_costly: Option<CapturedCall>) -> Option<Change> {
        match most_costly {
            Some(call) => {
                self.shed.push(call);
                Some(Change::Shed(call))
            }
            // Told once.
            None => (!std::mem::replace(&mut self.is_helpless, true)).then_some(Change::Helpless),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CallAbi;

    /// A budget under a clock of the test's.
    struct Bench {
        budget: Budget,
        now: Reading,
    }

    fn call(number: u32) -> CapturedCall {
        CapturedCall { abi: CallAbi::Native, number }
    }

    impl Bench {
        fn new(percent: u32) -> Self {
            let now = Reading { at: Duration::from_secs(1_000), used: Duration::from_secs(7) };
            Self { budget: Budget::new(CpuBudget { percent, ..CpuBudget::default() }, now), now }
        }

        /// Three seconds in which so much of a processor was used.
        fn window(&mut self, used_percent: u32, most_costly: Option<u32>) -> Option<Change> {
            let half = Duration::from_millis(1_500);
            self.now.at += half;
            assert!(!self.budget.is_due(self.now), "half a window");
            self.now.at += half;
            self.now.used += 2 * half * used_percent / 100;
            assert!(self.budget.is_due(self.now));
            let change = self.budget.weigh(self.now, most_costly.map(call));
            assert_eq!(self.budget.used_percent(), u64::from(used_percent));
            change
        }
    }

    /// Scenario: use is above the budget for some windows, then somewhat below it, then far below. Guarantees: a call a window is left out,
    /// the costliest; somewhat below nothing changes, however long; far below, one comes back each half minute, the last
    /// first.
    #[test]
    fn calls_go_one_by_one_and_come_back_one_by_one() {
        let mut bench = Bench::new(20);
        assert_eq!(bench.window(20, Some(1)), None);
        assert_eq!(bench.window(95, Some(1)), Some(Change::Shed(call(1))));
        assert_eq!(bench.window(21, Some(2)), Some(Change::Shed(call(2))));
        assert_eq!(bench.budget.shed(), [call(1), call(2)]);
        assert!((0..30).all(|_| bench.window(12, Some(3)).is_none()));
        let calm: Vec<_> = (0..30).map(|_| bench.window(11, Some(3))).collect();
        let changes: Vec<_> =
            calm.iter().zip(1..).filter_map(|(change, at)| Some((at, (*change)?))).collect();
        assert_eq!(changes, [(10, Change::TakeBack(call(2))), (20, Change::TakeBack(call(1)))]);
        assert!(bench.budget.shed().is_empty());
    }

    /// Scenario: calm is broken by one busier window, and by one above the budget. Guarantees: the half minute begins anew.
    #[test]
    fn calm_has_to_last() {
        let mut bench = Bench::new(50);
        assert_eq!(bench.window(60, Some(1)), Some(Change::Shed(call(1))));
        assert!((0..9).all(|_| bench.window(5, None).is_none()));
        assert_eq!(bench.window(40, None), None);
        assert!((0..9).all(|_| bench.window(5, None).is_none()));
        assert_eq!(bench.window(5, None), Some(Change::TakeBack(call(1))));
    }

    /// Scenario: use is above the budget and nothing can be left out, twice; without a budget; a call is left out that a new plan does not
    /// have. Guarantees: helplessness is told once each time; no budget is never exceeded; what is not captured is not taken
    /// back.
    #[test]
    fn what_cannot_be_helped_is_told_once() {
        let mut bench = Bench::new(10);
        assert_eq!(bench.window(30, None), Some(Change::Helpless));
        assert_eq!(bench.window(30, None), None);
        assert_eq!(bench.window(7, None), None);
        assert_eq!(bench.window(30, None), Some(Change::Helpless));
        assert_eq!(bench.window(30, Some(4)), Some(Change::Shed(call(4))));
        bench.budget.retain(|captured| *captured != call(4));
        assert!((0..30).all(|_| bench.window(0, None).is_none()));
        assert_eq!(Bench::new(0).window(180, Some(1)), None);
    }
}
