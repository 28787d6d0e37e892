//! Which plan an origin's records are of.
//!
//! An agent carries out one plan at a time and numbers them in its epoch. A rule set is active on an origin from the first
//! record of the first plan that serves it, without a break since. To replace a rule set by another without a gap, a plan
//! for both is sent, the new one is switched on when records of that plan come, and then a plan for the new one alone
//! follows: this type says when each step is done.

use std::collections::{BTreeMap, VecDeque};

use eyrie_proto::capture::CapturePlan;

/// Plans that may be on their way; of more the oldest are forgotten, and the newer ones serve what they served.
const MAX_SENT: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanProgress {
    /// Ascending; those that no record has come of.
    sent: VecDeque<SentPlan>,
    running: Option<RunningPlan>,
    /// By the digest of a rule set that the running plan serves.
    active: BTreeMap<String, Activation>,
}

#[derive(Clone, Debug)]
struct SentPlan {
    generation: u64,
    digests: Vec<String>,
    /// The agent has said that it carries it out.
    is_accepted: bool,
}

/// The plan whose records came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunningPlan {
    pub(crate) generation: u64,
    /// When its first record was made, nanoseconds since the epoch.
    pub(crate) since_ns: u64,
}

/// Since when a rule set is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Activation {
    /// The plan that made it so.
    pub(crate) generation: u64,
    /// When its first record was made, nanoseconds since the epoch.
    pub(crate) since_ns: u64,
}

// === impl PlanProgress ===

impl PlanProgress {
    /// A session begins; its agent carries out the plan of this generation. What it serves is known only if that plan is
    /// ours.
    pub(crate) fn resume(&mut self, generation: u64) {
        let is_running = self.running.is_some_and(|running| running.generation == generation);
        // Another engine may have sent a plan of the same number, which the agent has not confirmed to us.
        self.sent.retain(|plan| plan.generation == generation && plan.is_accepted);
        if !is_running && self.sent.is_empty() {
            *self = Self::default();
        }
    }

    /// When a session has begun: the oldest plan from which on all that its agent carries out were made here for this rule
    /// set. `agents_generation` is the plan that it came with.
    pub(crate) fn first_of(&self, digest: &str, agents_generation: u64) -> u64 {
        let serves = |plan: &&SentPlan| plan.digests.iter().any(|served| served == digest);
        self.activation(digest)
            .map(|active| active.generation)
            .or_else(|| self.sent.iter().find(serves).map(|plan| plan.generation))
            .unwrap_or_else(|| agents_generation.saturating_add(1))
    }

    /// A plan is on its way.
    pub(crate) fn sent(&mut self, plan: &CapturePlan) {
        let sent = SentPlan {
            generation: plan.generation,
            digests: plan.rule_set_digests.clone(),
            is_accepted: false,
        };
        self.sent.push_back(sent);
        if self.sent.len() > MAX_SENT {
            self.sent.pop_front();
        }
    }

    /// The agent has answered to a plan. One that it refuses leaves the one before in place.
    pub(crate) fn answered(&mut self, generation: u64, is_accepted: bool) {
        if !is_accepted {
            self.sent.retain(|plan| plan.generation != generation);
        } else if let Some(plan) = self.sent.iter_mut().find(|plan| plan.generation == generation) {
            plan.is_accepted = true;
        }
    }

    /// Records from this generation on change something.
    pub(crate) fn awaits(&self) -> u64 {
        self.sent.front().map_or(u64::MAX, |plan| plan.generation)
    }

    /// A record of a generation was made at this time.
    pub(crate) fn seen(&mut self, generation: u64, at_ns: u64) {
        let mut newest = None;
        while let Some(plan) = self.sent.pop_front_if(|plan| plan.generation <= generation) {
            newest = Some(plan);
        }
        let Some(plan) = newest else { return };
        let generation = plan.generation;
        self.running = Some(RunningPlan { generation, since_ns: at_ns });
        self.active.retain(|digest, _| plan.digests.contains(digest));
        for digest in plan.digests {
            self.active.entry(digest).or_insert(Activation { generation, since_ns: at_ns });
        }
    }

    /// The newest plan that was sent in the session, or is known to run; 0 if there is none.
    pub(crate) fn sent_generation(&self) -> u64 {
        let running = self.running.map_or(0, |running| running.generation);
        self.sent.back().map_or(running, |plan| plan.generation)
    }

    pub(crate) fn running(&self) -> Option<RunningPlan> {
        self.running
    }

    /// The newest plan that no record has come of, and whether the agent has said that it carries it out.
    pub(crate) fn pending(&self) -> Option<(u64, bool)> {
        self.sent.back().map(|plan| (plan.generation, plan.is_accepted))
    }

    /// Since when a rule set is active; `None` if it is not.
    pub(crate) fn activation(&self, digest: &str) -> Option<Activation> {
        self.active.get(digest).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(generation: u64, digests: &[&str]) -> CapturePlan {
        let rule_set_digests = digests.iter().map(|digest| (*digest).to_owned()).collect();
        CapturePlan { generation, rule_set_digests, ..CapturePlan::default() }
    }

    fn since(progress: &PlanProgress, digest: &str) -> Option<(u64, u64)> {
        progress.activation(digest).map(|active| (active.generation, active.since_ns))
    }

    /// Scenario: a rule set is replaced by another: a plan for both, then one for the new one alone, with records of older
    /// plans between. Guarantees: the new one is active from the first record of the wide plan, the old one until the first
    /// record of the narrow one; neither has a gap, and an answer alone changes nothing.
    #[test]
    fn sets_are_active_from_record_to_record() {
        let mut progress = PlanProgress::default();
        progress.sent(&plan(1, &["old"]));
        progress.answered(1, true);
        assert_eq!((since(&progress, "old"), progress.pending()), (None, Some((1, true))));
        progress.seen(1, 10);
        assert_eq!((since(&progress, "old"), progress.awaits()), (Some((1, 10)), u64::MAX));
        progress.sent(&plan(2, &["old", "new"]));
        progress.answered(2, true);
        progress.seen(1, 15);
        assert_eq!((since(&progress, "new"), progress.awaits()), (None, 2));
        progress.seen(2, 20);
        assert_eq!((since(&progress, "old"), since(&progress, "new")), (Some((1, 10)), Some((2, 20))));
        progress.sent(&plan(3, &["new"]));
        progress.seen(3, 30);
        assert_eq!((since(&progress, "old"), since(&progress, "new")), (None, Some((2, 20))));
        assert_eq!(progress.running(), Some(RunningPlan { generation: 3, since_ns: 30 }));
    }

    /// Scenario: a plan is refused. Guarantees: the one before goes on; records that come are not taken for its.
    #[test]
    fn a_refused_plan_changes_nothing() {
        let mut progress = PlanProgress::default();
        progress.sent(&plan(1, &["old"]));
        progress.seen(1, 10);
        progress.sent(&plan(2, &["new"]));
        progress.answered(2, false);
        progress.seen(1, 20);
        assert_eq!((since(&progress, "old"), since(&progress, "new")), (Some((1, 10)), None));
        assert_eq!(progress.pending(), None);
    }

    /// Scenario: agents come back that carry out the plan that ran, one that they had accepted, one that was not confirmed,
    /// and one of another engine. Guarantees: what is certain to be ours counts on; of everything else nothing is active
    /// until records of a new plan come.
    #[test]
    fn a_returning_agent_is_taken_at_its_plan() {
        let at_two = || {
            let mut progress = PlanProgress::default();
            progress.sent(&plan(2, &["d"]));
            progress.seen(2, 10);
            progress
        };
        let mut same = at_two();
        same.resume(2);
        assert_eq!(since(&same, "d"), Some((2, 10)));
        assert_eq!((same.first_of("d", 2), same.first_of("other", 2)), (2, 3));
        let mut accepted = at_two();
        accepted.sent(&plan(3, &["d", "e"]));
        accepted.answered(3, true);
        accepted.resume(3);
        assert_eq!((accepted.first_of("d", 3), accepted.first_of("e", 3)), (2, 3));
        accepted.seen(3, 20);
        assert_eq!((since(&accepted, "d"), since(&accepted, "e")), (Some((2, 10)), Some((3, 20))));
        for unconfirmed in [3, 7] {
            let mut progress = at_two();
            progress.sent(&plan(3, &["d"]));
            progress.resume(unconfirmed);
            assert_eq!((since(&progress, "d"), progress.running()), (None, None), "{unconfirmed}");
            assert_eq!(progress.first_of("d", unconfirmed), unconfirmed + 1);
            progress.sent(&plan(unconfirmed + 1, &["d"]));
            progress.seen(unconfirmed, 30);
            assert_eq!(since(&progress, "d"), None, "{unconfirmed}");
            progress.seen(unconfirmed + 1, 40);
            assert_eq!(since(&progress, "d"), Some((unconfirmed + 1, 40)));
        }
    }
}
