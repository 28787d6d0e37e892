//! `PlanService`, and of `RuleService` what there is.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Instant,
};

use eyrie_proto::{
    capture::{
        ExplainRuleRequest, ExplainRuleResponse, ListPlansRequest, ListPlansResponse, RuleCall,
        plan_service_server::PlanService,
    },
    event::Origin,
    rules::{
        DeleteAssignmentRequest, DeleteAssignmentResponse, DeleteBundleRequest, DeleteBundleResponse,
        GetBundleRequest, GetBundleResponse, ListAssignmentsRequest, ListAssignmentsResponse,
        ListBundlesRequest, ListBundlesResponse, ListCoverageRequest, ListCoverageResponse,
        PutAssignmentRequest, PutAssignmentResponse, PutBundleRequest, PutBundleResponse,
        rule_service_server::RuleService,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    HostPlan,
    coverage::{Asked, HostCoverage},
};
use crate::{
    error::RpcError,
    evaluate::RuleFacts,
    host_status::is_called,
    intake::Intake,
    listener::{AuthenticatedPeer, Permission},
    origins::SharedStatus,
    subscriptions::matches,
};

/// Answers that wait for a slow reader: each up to some hundred KiB.
const WAITING_ANSWERS: usize = 4;
/// Entries in one list of a request, and bytes of each.
const MAX_ENTRIES: usize = 1_024;
const MAX_ENTRY_BYTES: usize = 1_024;

type Answers<T> = ReceiverStream<Result<T, Status>>;

/// Tells of plans.
#[derive(Clone)]
pub(crate) struct PlanServer(pub(crate) Arc<Intake>);

/// Tells of coverage.
#[derive(Clone)]
pub(crate) struct RuleServer(pub(crate) Arc<Intake>);

/// Which hosts are meant.
struct Wanted<'a> {
    hosts: &'a [String],
    origins: &'a [Origin],
    includes_disconnected: bool,
}

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
            let explained = rules.iter().map(|rule| Ok(explain(&intake, rule, &planned, None)));
            let (sender, receiver) = mpsc::channel(rules.len().max(1));
            for explained in explained {
                // There is room for all.
                let _ = sender.try_send(explained);
            }
            return Ok(Response::new(ReceiverStream::new(receiver)));
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
            uncaptured_reason: by_type.uncaptured(&call.event_type).unwrap_or_default().to_owned(),
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
    }
}

// === impl RuleServer ===

#[tonic::async_trait]
impl RuleService for RuleServer {
    type ListCoverageStream = Answers<ListCoverageResponse>;

    async fn list_coverage(
        &self,
        request: Request<ListCoverageRequest>,
    ) -> Result<Response<Self::ListCoverageStream>, Status> {
        let peer = AuthenticatedPeer::of(&request).map_err(RpcError::Call)?;
        let request = request.into_inner();
        let rules = if request.rules.is_empty() {
            self.0.evaluator.rules().to_vec()
        } else {
            rules_called(&self.0, &request.rules)?
        };
        let wanted = Wanted { hosts: &request.hosts, origins: &request.origins, includes_disconnected: true };
        let hosts = wanted.find(&self.0, &peer)?;
        let (calls, digest) = (self.0.plans.calls(), self.0.evaluator.rule_set_digest().to_owned());
        Ok(answer(&self.0, hosts, move |host| {
            let asked = Asked::new(&calls, &digest);
            let coverage = HostCoverage::new(host, &asked);
            rules.iter().map(|rule| coverage.of(rule)).collect()
        }))
    }

    async fn put_bundle(&self, _: Request<PutBundleRequest>) -> Result<Response<PutBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn get_bundle(&self, _: Request<GetBundleRequest>) -> Result<Response<GetBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn list_bundles(
        &self,
        _: Request<ListBundlesRequest>,
    ) -> Result<Response<ListBundlesResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn delete_bundle(
        &self,
        _: Request<DeleteBundleRequest>,
    ) -> Result<Response<DeleteBundleResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn put_assignment(
        &self,
        _: Request<PutAssignmentRequest>,
    ) -> Result<Response<PutAssignmentResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn list_assignments(
        &self,
        _: Request<ListAssignmentsRequest>,
    ) -> Result<Response<ListAssignmentsResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }

    async fn delete_assignment(
        &self,
        _: Request<DeleteAssignmentRequest>,
    ) -> Result<Response<DeleteAssignmentResponse>, Status> {
        Err(RpcError::RulesFromFiles.into())
    }
}

// === impl Wanted ===

impl Wanted<'_> {
    /// The hosts that the peer may see, by name. That a host which was named is not there is an error.
    fn find(&self, intake: &Intake, peer: &AuthenticatedPeer) -> Result<Vec<SharedStatus>, RpcError> {
        bounded("hosts", self.hosts)?;
        if self.origins.len() > MAX_ENTRIES {
            return Err(invalid(
                "origins",
                format!("{} entries, the limit is {MAX_ENTRIES}", self.origins.len()),
            ));
        }
        let found = intake.origins.statuses(|status| {
            let (origin, hostname) = (&status.origin, &status.agent.hostname);
            let is_called = |name: &String| is_called(Some(origin), hostname, name);
            (status.is_connected || self.includes_disconnected)
                && peer.may_in(Permission::ReadHosts, &origin.tenant)
                && (self.hosts.is_empty() || self.hosts.iter().any(is_called))
                && (self.origins.is_empty() || self.origins.contains(origin))
        });
        for name in self.hosts {
            let is_found = found.iter().any(|status| {
                let status = status.lock().unwrap_or_else(PoisonError::into_inner);
                is_called(Some(&status.origin), &status.agent.hostname, name)
            });
            if !is_found {
                return Err(RpcError::HostUnknown { host: name.clone() });
            }
        }
        Ok(found)
    }
}

/// The rules that one of the patterns fits. A name that fits none is an error.
fn rules_called(intake: &Intake, patterns: &[String]) -> Result<Vec<RuleFacts>, RpcError> {
    bounded("rules", patterns)?;
    let all = intake.evaluator.rules();
    for pattern in patterns {
        if !all.iter().any(|rule| matches(pattern, &rule.name)) {
            let names = all.iter().map(|rule| rule.name.as_str());
            let near = rule_language::closest(pattern, names).map(str::to_owned);
            return Err(RpcError::RuleUnknown { rule: pattern.clone(), near });
        }
    }
    let is_meant = |rule: &&RuleFacts| patterns.iter().any(|pattern| matches(pattern, &rule.name));
    Ok(all.iter().filter(is_meant).cloned().collect())
}

fn bounded(field: &'static str, entries: &[String]) -> Result<(), RpcError> {
    if entries.len() > MAX_ENTRIES {
        return Err(invalid(field, format!("{} entries, the limit is {MAX_ENTRIES}", entries.len())));
    }
    match entries.iter().find(|entry| entry.len() > MAX_ENTRY_BYTES) {
        Some(entry) => {
            Err(invalid(field, format!("an entry has {} bytes, the limit is {MAX_ENTRY_BYTES}", entry.len())))
        }
        None => Ok(()),
    }
}

fn invalid(field: &'static str, detail: String) -> RpcError {
    RpcError::PlanRequestInvalid { field, detail }
}

fn host_plan(status: &SharedStatus) -> HostPlan {
    status.lock().unwrap_or_else(PoisonError::into_inner).host_plan()
}

/// Answers host by host: no more than a few hosts' plans are in memory at a time.
fn answer<T: Send + 'static>(
    intake: &Arc<Intake>,
    hosts: Vec<SharedStatus>,
    make: impl Fn(&HostPlan) -> Vec<T> + Send + Sync + 'static,
) -> Response<Answers<T>> {
    answer_each(intake, hosts, move |status| make(&host_plan(&status)))
}

fn answer_each<I: Send + 'static, T: Send + 'static>(
    intake: &Arc<Intake>,
    items: Vec<I>,
    make: impl Fn(I) -> Vec<T> + Send + Sync + 'static,
) -> Response<Answers<T>> {
    let (sender, receiver) = mpsc::channel(WAITING_ANSWERS);
    let stop = intake.stop.clone();
    let make = Arc::new(make);
    intake.tasks.spawn(async move {
        let send_all = async {
            for item in items {
                let make = Arc::clone(&make);
                // Many rules take some milliseconds.
                let Ok(made) = tokio::task::spawn_blocking(move || make(item)).await else { return };
                for made in made {
                    if sender.send(Ok(made)).await.is_err() {
                        return;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {
                // Who does not read would hold up the engine's end.
                let _ = sender.try_send(Err(RpcError::ShuttingDown.into()));
            }
            () = send_all => {}
        }
    });
    Response::new(ReceiverStream::new(receiver))
}
