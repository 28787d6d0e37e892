//! What the agent of a session is told to capture.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use eyrie_proto::capture::CapturePlan;
use tokio::sync::watch;

use crate::{
    host_status::HostStatus,
    intake::Intake,
    plans::{Calls, Plans},
};

/// The plans of one session.
#[derive(Debug)]
pub(super) struct SessionPlan {
    plans: Arc<Plans>,
    calls: watch::Receiver<Calls>,
    status: Arc<Mutex<HostStatus>>,
    /// Of the plan that was made last, or that the agent came with.
    generation: u64,
    first_generation: u64,
}

// === impl SessionPlan ===

impl SessionPlan {
    /// For an agent that carries out the plan of this generation.
    pub(super) fn new(intake: &Intake, status: &Arc<Mutex<HostStatus>>, agents_generation: u64) -> Self {
        let progress = |status: &HostStatus| {
            status.progress.first_of(intake.evaluator.rule_set_digest(), agents_generation)
        };
        Self {
            first_generation: progress(&status.lock().unwrap_or_else(PoisonError::into_inner)),
            plans: Arc::clone(&intake.plans),
            calls: intake.plans.subscribe(),
            status: Arc::clone(status),
            generation: agents_generation,
        }
    }

    /// The plans of this rule set that this engine has sent the agent. What older plans keep back was right by the rules that
    /// they were made for.
    pub(super) fn own_generations(&self) -> RangeInclusive<u64> {
        self.first_generation..=self.generation
    }

    /// Resolves when the agent should be asked for something else than in the last plan.
    pub(super) async fn changed(&mut self) {
        if self.calls.changed().await.is_err() {
            // The engine is ending, and says so to the session.
            std::future::pending::<()>().await;
        }
    }

    /// A plan with what is asked for now.
    pub(super) fn next(&mut self) -> CapturePlan {
        let calls = Arc::clone(&self.calls.borrow_and_update());
        self.generation = self.generation.saturating_add(1);
        let plan = self.plans.plan(&calls, self.generation);
        self.status.lock().unwrap_or_else(PoisonError::into_inner).progress.sent(&plan);
        plan
    }
}
