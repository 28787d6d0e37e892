//! Leaves calls out while the agent uses more of the processor than it may.

use std::{sync::LazyLock, time::Instant};

use eyrie_bpf::Config;
use eyrie_proto::capture::PlanAnswer;
use telemetry::{
    Meter,
    observe::{Level, Name},
};
use tracing::{info, warn};

use super::call_costs::CallCosts;
use crate::{
    budget::{Budget, Change, CpuBudget, Reading},
    clock,
    plan::{answer_without, settings_without},
};

/// The budget, and what an engine was told of the plan that runs.
pub(super) struct Shedding {
    budget: Budget,
    /// The answer to the running plan as it would be with nothing left out; `None` before there is a plan.
    answer: Option<PlanAnswer>,
    shed: Level,
    used_percent: Level,
}

// === impl Shedding ===

impl Shedding {
    pub(super) fn new(limits: CpuBudget) -> Self {
        Self {
            budget: Budget::new(limits, read_clocks()),
            answer: None,
            shed: Level::default(),
            used_percent: Level::default(),
        }
    }

    /// Weighs the budget if it is time, and tells in the log what follows. True if other calls are left out now.
    pub(super) fn weigh(&mut self, settings: &Config, costs: &mut CallCosts) -> bool {
        let now = read_clocks();
        if !self.budget.is_due(now) {
            return false;
        }
        let most_costly = costs.most(settings);
        *costs = CallCosts::default();
        let change = self.budget.weigh(now, most_costly);
        self.used_percent.set(self.budget.used_percent());
        self.shed.set(self.budget.shed().len() as u64);
        let (used_percent, budget_percent) = (self.budget.used_percent(), self.budget.limits().percent);
        match change {
            None => return false,
            Some(Change::Shed(call)) => warn!(
                used_percent, budget_percent, call = call.name(), abi = ?call.abi,
                "the agent uses more of a processor than its budget: this call is not captured for now, and counted as lost"
            ),
            Some(Change::TakeBack(call)) => {
                info!(used_percent, budget_percent, call = call.name(), abi = ?call.abi, "this call is captured again");
            }
            Some(Change::Helpless) => {
                warn!(
                    used_percent,
                    budget_percent,
                    "the agent uses more of a processor than its budget, and nothing is left that can do without"
                );
                return false;
            }
        }
        true
    }

    /// These settings with what is left out, of which calls that they do not capture are no part.
    pub(super) fn without(&mut self, settings: Config) -> Config {
        self.budget.retain(|call| call.is_in(&settings));
        self.shed.set(self.budget.shed().len() as u64);
        settings_without(&settings, self.budget.shed())
    }

    /// Takes the answer to a plan that runs from now on, and says what of it is left out.
    pub(super) fn answer(&mut self, answer: PlanAnswer) -> PlanAnswer {
        let told = answer_without(&answer, self.budget.shed(), self.budget.limits().percent);
        self.answer = Some(answer);
        told
    }

    /// The answer to the plan that runs, as it is now.
    pub(super) fn running_answer(&self) -> Option<PlanAnswer> {
        let answer = self.answer.as_ref()?;
        Some(answer_without(answer, self.budget.shed(), self.budget.limits().percent))
    }

    pub(super) fn show(&self, meter: &Meter) {
        let name = "eyrie.agent.calls.shed";
        self.shed
            .show(meter, Name { name, description: "Calls that are left out to stay within the CPU budget" });
        let name = "eyrie.agent.cpu.used_percent";
        let description = "Percent of one processor that the process used in the last window";
        self.used_percent.show(meter, Name { name, description });
    }
}

fn read_clocks() -> Reading {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    Reading { at: START.elapsed(), used: clock::processor_time() }
}
