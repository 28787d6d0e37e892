//! Which calls there is most of.

use eyrie_bpf::{CallSet, Config, Header};

use crate::plan::{CallAbi, CapturedCall};

/// Records of each call since the last look. The work for one differs by little compared with how many there are.
pub(super) struct CallCosts {
    native: [u64; CallSet::NUMBERS as usize],
    compat: [u64; CallSet::NUMBERS as usize],
}

// === impl CallCosts ===

impl CallCosts {
    /// Counts a record, if it is of a call.
    pub(super) fn count(&mut self, header: &Header) {
        let Some((number, _)) = header.call() else { return };
        let counts = self.counts_mut(CallAbi::of(header));
        let count = usize::try_from(number).ok().and_then(|number| counts.get_mut(number));
        if let Some(count) = count {
            *count += 1;
        }
    }

    /// The call with the most records of those that may be left out: captured, without state, and not left out already.
    pub(super) fn most(&self, settings: &Config) -> Option<CapturedCall> {
        let of = |abi| move |(count, number): (&u64, u32)| (*count, CapturedCall { abi, number });
        let native = self.native.iter().zip(0..).map(of(CallAbi::Native));
        let compat = self.compat.iter().zip(0..).map(of(CallAbi::Compat));
        let most = native.chain(compat).filter(|(count, call)| *count > 0 && call.may_be_shed(settings));
        most.max_by_key(|(count, _)| *count).map(|(_, call)| call)
    }

    fn counts_mut(&mut self, abi: CallAbi) -> &mut [u64] {
        match abi {
            CallAbi::Native => &mut self.native,
            CallAbi::Compat => &mut self.compat,
        }
    }
}

impl Default for CallCosts {
    fn default() -> Self {
        Self { native: [0; CallSet::NUMBERS as usize], compat: [0; CallSet::NUMBERS as usize] }
    }
}

#[cfg(test)]
mod tests {
    use eyrie_bpf::flag;

    use super::*;

    fn costs(calls: &[(u32, u32, usize)]) -> CallCosts {
        let mut costs = CallCosts::default();
        for (number, flags, times) in calls {
            let flags = flags | flag::HAS_CALL;
            let header = Header { call_number: *number, flags, ..Header::default() };
            (0..*times).for_each(|_| costs.count(&header));
        }
        costs
    }

    /// Scenario: records of calls with and without state, one that is left out already, and one that is captured no more.
    /// Guarantees: of the others the one with most records is found, 32-bit ones apart; where there is none, none.
    #[test]
    fn the_most_frequent_call_without_state_is_found() {
        let settings = Config {
            calls: [1, 2, 3, 4].into_iter().collect(),
            compat_calls: [4].into_iter().collect(),
            state_calls: [1].into_iter().collect(),
            shed_calls: [2].into_iter().collect(),
            ..Config::default()
        };
        let of = |abi, number| Some(CapturedCall { abi, number });
        let mut calls = vec![(1, 0, 50), (2, 0, 40), (3, 0, 20), (4, 0, 10), (9, 0, 90)];
        assert_eq!(costs(&calls).most(&settings), of(CallAbi::Native, 3));
        calls.push((4, flag::COMPAT32, 21));
        assert_eq!(costs(&calls).most(&settings), of(CallAbi::Compat, 4));
        assert_eq!(costs(&[(1, 0, 50), (u32::MAX, 0, 3)]).most(&settings), None);
    }
}
