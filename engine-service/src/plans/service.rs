//! `PlanService`.

use std::{collections::HashMap, sync::Arc, time::Instant};

use eyrie_proto::capture::{
    CallPlan, ExplainRuleRequest, ExplainRuleResponse, ListPlansRequest, ListPlansResponse, RuleCall,
    plan_service_server::PlanService,
};
use tonic::{Request, Response, Status};

use super::{
    HostPlan,
    answers::{Answers, answer, answer_each, host_plan},
    wanted::{Wanted, rules_called},
};
use crate::{error::RpcError, evaluate::RuleFacts, intake::Intake, listener::AuthenticatedPeer};

/// Tells of plans.
#[derive(Clone)]
pub(crate) struct PlanServer(pub(crate) Arc<Intake>);

// === impl PlanServer ===

#[tonic::async_trait]
impl PlanService for PlanServer {
    type ListPlansStream = Answers<ListPlansResponse>;
    type ExplainRuleStream = Answers<ExplainRuleResponse>;

    async fn list_plans(
        &self,
        request: Request<ListPlansRequest>,
    ) -> Result<Response<Self::ListPlansStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let wanted = Wanted {
            hosts: &request.hosts,
            origins: &[],
            includes_disconnected: request.include_disconnected,
        };
        let hosts = wanted.find(&self.0, &peer)?;
        let intake = Arc::clone(&self.0);
        let (calls, options) = (intake.plans.calls(), intake.plans.options());
        Ok(answer(&self.0, hosts, move |host| vec![host.to_response(&calls, options, Instant::now())]))
    }

    async fn explain_rule(
        &self,
        request: Request<ExplainRuleRequest>,
    ) -> Result<Response<Self::ExplainRuleStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let rules = rules_called(&self.0, std::slice::from_ref(&request.rule))?;
        let wanted = Wanted { hosts: &request.hosts, origins: &[], includes_disconnected: false };
        let hosts = wanted.find(&self.0, &peer)?;
        let (intake, planned) = (Arc::clone(&self.0), planned(&self.0));
        if hosts.is_empty() {
            let explained = move |rule| vec![explain(&intake, &rule, &planned, None)];
            return Ok(answer_each(&self.0, rules, explained));
        }
        let pairs: Vec<_> = rules
            .into_iter()
            .flat_map(|rule| hosts.iter().map(move |host| (rule.clone(), host.clone())))
            .collect();
        let answers = answer_each(&self.0, pairs, move |(rule, status)| {
            vec![explain(&intake, &rule, &planned, Some(&host_plan(&status)))]
        });
        Ok(answers)
    }
}

/// The places of rules among the plans, by name.
fn planned(intake: &Intake) -> HashMap<String, u32> {
    let plans = intake.evaluator.plans().rules();
    (0..).zip(plans).map(|(place, plan)| (plan.rule.clone(), place)).collect()
}

fn explain(
    intake: &Intake,
    rule: &RuleFacts,
    planned: &HashMap<String, u32>,
    host: Option<&HostPlan>,
) -> ExplainRuleResponse {
    let place = planned.get(&rule.name).copied();
    let plans = intake.evaluator.plans().rules();
    let plan = place.and_then(|place| plans.get(usize::try_from(place).ok()?));
    let calls = intake.plans.calls();
    let asked: HashMap<&str, &CallPlan> = calls.iter().map(|call| (call.event_type.as_str(), call)).collect();
    let (by_type, now) = (host.map(HostPlan::by_type).unwrap_or_default(), Instant::now());
    let call = |call: &evaluator::RuleCall| {
        let (forced_clause, forced_reason) =
            call.forced.clone().map(|forced| (forced.clause, forced.reason)).unwrap_or_default();
        RuleCall {
            event_type: call.event_type.clone(),
            any_of: call.any_of.clone(),
            forced_clause,
            forced_reason,
            effective: by_type.effective(&call.event_type).cloned(),
            uncaptured_reason: asked
                .get(call.event_type.as_str())
                .map_or_else(|| by_type.uncaptured(&call.event_type), |asked| by_type.gap(asked))
                .unwrap_or_default()
                .to_owned(),
            cost: host.map(|host| host.costs.of_type(&call.event_type, now)),
            admitted_share: host.and_then(|host| host.costs.admitted_share(place?, &call.event_type)),
        }
    };
    ExplainRuleResponse {
        rule: rule.name.clone(),
        is_enabled: rule.is_enabled,
        is_of_any_type: plan.is_some_and(|plan| plan.is_of_any_type),
        origin: host.map(|host| host.origin.clone()),
        hostname: host.map(|host| host.agent.hostname.clone()).unwrap_or_default(),
        calls: plan.iter().flat_map(|plan| &plan.calls).map(call).collect(),
        is_answer_cut: host.is_some_and(HostPlan::is_answer_cut),
    }
}
