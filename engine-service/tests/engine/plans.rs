//! Plans that hosts are sent, what is told of them, and filters that keep back too much.

mod judged;

use std::{collections::BTreeSet, sync::Arc};

use engine_service::{
    Engine, EngineOptions, PlanOptions, RuleEvaluator, RuleOptions, Running,
    evaluate::{Evaluate, Occurrence, RuleFacts, RuleMatch, Violation},
    listener::{ListenSecurity, Listener},
};
use evaluator::RulePlans;
use eyrie_proto::{
    capture::{
        BaseState, Batch, CallFilter, CallPlan, CapturePlan, ExplainRuleRequest, ExplainRuleResponse, Hello,
        ListPlansRequest, ListPlansResponse, PathFilter, PlanAnswer, UncapturedCall, capture_request,
        capture_response, path_filter, plan_service_client::PlanServiceClient,
    },
    event::{Event, Open, PathArgument, PlanSwitch, SystemCall, event::Kind},
    rules::{
        ListBundlesRequest, ListCoverageRequest, ListCoverageResponse, rule_service_client::RuleServiceClient,
    },
};
use telemetry::{Instruments, Metrics};
use tonic::Code;

use crate::support::*;

const RULES: &str = "
- rule: Reads the secret
  desc: a file is read
  condition: evt.type = openat and fd.name = /secret
  output: read %fd.name
  priority: WARNING
- rule: Sleeping
  desc: switched off
  condition: evt.type = bind
  output: o
  priority: WARNING
  enabled: false
";
const ALLOWED: &str = "/allowed";

/// Rules whose plan lets through less than they need: a fault that is made to order.
struct Narrow(RuleEvaluator);

impl Evaluate for Narrow {
    fn rule_set_digest(&self) -> &str {
        self.0.rule_set_digest()
    }

    fn event_types_needed(&self) -> &BTreeSet<String> {
        self.0.event_types_needed()
    }

    fn state_event_types(&self) -> &BTreeSet<String> {
        self.0.state_event_types()
    }

    fn plans(&self) -> &RulePlans {
        self.0.plans()
    }

    fn calls(&self) -> Vec<CallPlan> {
        let exact = path_filter::Kind::Exact(ALLOWED.into());
        let path = PathFilter { kind: Some(exact), ..PathFilter::default() };
        let filter = CallFilter { paths: vec![path], ..CallFilter::default() };
        vec![CallPlan { event_type: "openat".into(), any_of: vec![filter], ..CallPlan::default() }]
    }

    fn rules(&self) -> &[RuleFacts] {
        self.0.rules()
    }

    fn violations(&self, occurrence: &Occurrence<'_>) -> Vec<Violation> {
        self.0.violations(occurrence)
    }

    fn admitting(&self, occurrence: &Occurrence<'_>, rules: &mut Vec<u32>) {
        if let Some(Kind::Open(open)) = &occurrence.event.kind
            && open.path.as_ref().is_some_and(|path| path.requested == ALLOWED.as_bytes())
        {
            rules.push(0);
        }
    }

    fn host_names_needed(&self) -> &BTreeSet<String> {
        self.0.host_names_needed()
    }

    fn evaluate(&self, occurrence: &Occurrence<'_>, matches: &mut Vec<RuleMatch>) {
        self.0.evaluate(occurrence, matches);
    }
}

async fn start_narrow(directory: &std::path::Path, plans: PlanOptions) -> (Running, Metrics) {
    let source = rule_language::Source { name: "r.yaml".into(), text: RULES.into() };
    let rules = RuleEvaluator::compile(&[source], &RuleOptions::default()).unwrap().evaluator;
    start(directory, Arc::new(Narrow(rules)), plans).await
}

async fn start(
    directory: &std::path::Path,
    evaluator: Arc<dyn Evaluate>,
    plans: PlanOptions,
) -> (Running, Metrics) {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), ListenSecurity::LOCAL).await.unwrap();
    let metrics = Metrics::local().unwrap();
    let instruments = Instruments { meter: metrics.meter(), ..Instruments::default() };
    let options = EngineOptions { plans, ..options() };
    let log = sqlite(directory);
    let engine = Engine { evaluator, log, listener, output: None, options, instruments };
    (engine.start().await.unwrap(), metrics)
}

fn greeting() -> Hello {
    let mut first = hello();
    first.agent.as_mut().unwrap().architecture = "x86_64".into();
    first
}

/// A session whose agent has sent its base, with the plan that it was told.
async fn begin(engine: &Running, hello: Hello) -> (Agent, CapturePlan) {
    let through = hello.acked_through_sequence;
    let (mut agent, welcome) = Agent::greet(engine, hello).await;
    let plan = next_plan(&mut agent).await;
    if welcome.held_through_sequence.is_none() {
        let base = BaseState { as_of_sequence: through, is_last: true, ..BaseState::default() };
        agent.send(capture_request::Kind::BaseState(base)).await;
    }
    (agent, plan)
}

/// The next plan, whatever comes before it.
async fn next_plan(agent: &mut Agent) -> CapturePlan {
    loop {
        if let capture_response::Kind::CapturePlan(plan) = agent.next().await.unwrap().unwrap() {
            return plan;
        }
    }
}

fn open(sequence: u64, path: &str, plan_generation: u64, is_filter_marked: bool) -> Event {
    let path = Some(PathArgument { requested: path.into(), ..PathArgument::default() });
    let mut event = event(sequence, b"cat");
    event.call = Some(SystemCall { number: 257, result: 3, ..SystemCall::default() });
    event.kind = Some(Kind::Open(Open { path, ..Open::default() }));
    Event { plan_generation, is_filter_marked, ..event }
}

fn switch(sequence: u64, plan_generation: u64) -> Event {
    let kind = Some(Kind::PlanSwitch(PlanSwitch { plan_generation }));
    Event { boot_ns: sequence * 1_000_000_000, plan_generation, kind, ..Event::default() }
}

async fn deliver(agent: &mut Agent, first: u64, events: Vec<Event>) {
    let plan_generation = events.iter().map(|event| event.plan_generation).max().unwrap_or_default();
    agent.deliver(Batch { events, plan_generation, ..batch(first, 0, &[]) }).await;
}

async fn answer(agent: &Agent, plan: &CapturePlan) {
    let effective = Some(plan.clone());
    let answer = PlanAnswer { generation: plan.generation, effective, ..PlanAnswer::default() };
    agent.send(capture_request::Kind::PlanAnswer(answer)).await;
}

async fn coverage(engine: &Running, rules: &[&str]) -> Result<Vec<ListCoverageResponse>, tonic::Status> {
    let mut client = RuleServiceClient::new(channel(engine.local_address()).await);
    let rules = rules.iter().map(|name| (*name).to_owned()).collect();
    let request = ListCoverageRequest { rules, ..ListCoverageRequest::default() };
    let mut stream = client.list_coverage(request).await?.into_inner();
    let mut rows = Vec::new();
    while let Some(row) = stream.message().await? {
        rows.push(row);
    }
    Ok(rows)
}

/// The rule that is on, until it is as it should be: a session's parts tell of it one after the other.
async fn covered(engine: &Running, is_so: impl Fn(&ListCoverageResponse) -> bool) -> ListCoverageResponse {
    let wait = async {
        loop {
            let rows = coverage(engine, &["Reads*"]).await.unwrap();
            if let Some(row) = rows.into_iter().find(|row| is_so(row)) {
                return row;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("coverage does not become so")
}

async fn plans(engine: &Running) -> Vec<ListPlansResponse> {
    let mut client = PlanServiceClient::new(channel(engine.local_address()).await);
    let mut stream = client.list_plans(ListPlansRequest::default()).await.unwrap().into_inner();
    let mut plans = Vec::new();
    while let Some(plan) = stream.message().await.unwrap() {
        plans.push(plan);
    }
    plans
}

async fn explain(engine: &Running, rule: &str) -> Result<Vec<ExplainRuleResponse>, tonic::Status> {
    let mut client = PlanServiceClient::new(channel(engine.local_address()).await);
    let request = ExplainRuleRequest { rule: rule.to_owned(), ..ExplainRuleRequest::default() };
    let mut stream = client.explain_rule(request).await?.into_inner();
    let mut explained = Vec::new();
    while let Some(rule) = stream.message().await? {
        explained.push(rule);
    }
    Ok(explained)
}

fn call<'a>(plan: &'a CapturePlan, event_type: &str) -> &'a CallPlan {
    plan.calls.iter().find(|call| call.event_type == event_type).unwrap()
}

/// Scenario: engines with the default settings, with everything to be verified, and without filters. Guarantees: the plan
/// says so; without filters every call of each type is asked for; what only the model needs is asked for whole at any rate.
#[tokio::test]
async fn a_plan_is_as_narrow_as_the_settings_say() {
    let default = PlanOptions::default();
    let verify = PlanOptions { is_verify_mode: true, verify_sample_ppm: 0, ..default };
    let whole = PlanOptions { has_filters: false, ..default };
    for (options, is_filtered) in [(default, true), (verify, true), (whole, false)] {
        let directory = tempfile::tempdir().unwrap();
        let (engine, _metrics) = start_narrow(directory.path(), options).await;
        let (_agent, plan) = begin(&engine, greeting()).await;
        assert_eq!(plan.is_verify_mode, options.is_verify_mode);
        assert_eq!(plan.verify_sample_ppm, options.verify_sample_ppm);
        assert_eq!(!call(&plan, "openat").any_of.is_empty(), is_filtered);
        assert!(call(&plan, "setuid").any_of.is_empty());
        let listed = plans(&engine).await.remove(0);
        assert_eq!((listed.sent_generation, listed.running_generation), (1, 0));
        assert_eq!(listed.verify_sample_ppm, options.verify_sample_ppm);
        engine.shutdown().await;
    }
    assert!(default.verify_sample_ppm > 0 && default.verify_sample_ppm <= 1_000);
}

/// Scenario: a filter would have dropped an event that a rule matches, seen because it was marked; besides, a marked event
/// that no rule needs, and one that only carries a recording's state. Guarantees: there is no alert, the fault is counted
/// once, told in coverage and in the host's plan, and every host is asked for the whole type from then on; the other two are
/// nothing.
#[tokio::test]
async fn a_filter_that_keeps_back_too_much_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let (mut agent, plan) = begin(&engine, greeting()).await;
    answer(&agent, &plan).await;
    let harmless = vec![switch(1, 1), open(2, "/other", 1, true), open(3, "/secret", 0, true)];
    deliver(&mut agent, 1, harmless).await;
    let row = covered(&engine, |row| row.is_active).await;
    assert!(row.reasons.is_empty(), "{row:?}");
    deliver(&mut agent, 4, vec![open(4, "/secret", 1, true)]).await;
    let wider = next_plan(&mut agent).await;
    assert_eq!(wider.generation, 2);
    let opened = call(&wider, "openat");
    assert!(opened.any_of.is_empty() && opened.forced_by_rule == "Reads the secret", "{opened:?}");
    let row = covered(&engine, |row| !row.reasons.is_empty()).await;
    assert!(row.is_active && row.reasons[0].contains("openat"), "{row:?}");
    assert_eq!(row.notes, ["plan 2 is on its way"]);
    let listed = plans(&engine).await.remove(0);
    let violation = listed.violations.first().unwrap();
    assert_eq!((&*violation.rule, violation.count), ("Reads the secret", 1));
    assert_eq!((violation.last_sequence, violation.last_generation), (4, 1));
    let text = metrics.text().unwrap();
    let line = "eyrie_engine_filter_violations_total{reason=\"match\"} 1";
    assert!(text.lines().any(|found| found == line), "{text}");
    agent.leave().await;
    // For whoever comes later as well.
    let returning = Hello { plan_generation: 1, first_sequence: 5, acked_through_sequence: 4, ..greeting() };
    let (agent, plan) = begin(&engine, returning).await;
    assert!(call(&plan, "openat").any_of.is_empty());
    drop(agent);
    engine.shutdown().await;
    assert_eq!(alerts(&*sqlite(directory.path())).await.len(), 0);
}

/// Scenario: an agent takes its plan, leaves, comes back with the same plan, and with that of another engine. Guarantees: a
/// rule is active from the first record of the plan, still so after the return, and not while the agent carries out a
/// foreign plan; each time it is said why not.
#[tokio::test]
async fn a_rule_is_active_from_the_first_record_of_its_plan() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, _metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let (mut agent, plan) = begin(&engine, greeting()).await;
    let because = |reason: &'static str| {
        move |row: &ListCoverageResponse| {
            !row.is_active && row.reasons.iter().any(|found| found.contains(reason))
        }
    };
    covered(&engine, because("has not answered plan 1")).await;
    deliver(&mut agent, 1, vec![open(1, "/other", 0, false)]).await;
    answer(&agent, &plan).await;
    covered(&engine, because("no record of plan 1")).await;
    deliver(&mut agent, 2, vec![open(2, "/other", 0, false), switch(3, 1), open(4, "/other", 1, false)])
        .await;
    let row = covered(&engine, |row| row.is_active).await;
    assert_eq!((row.active_since_ns, row.plan_generation), (1_003_000_000_000, 1));
    assert_eq!((row.hostname.as_str(), row.notes.len()), ("h1", 0));
    agent.leave().await;
    covered(&engine, because("not connected")).await;
    let returning = |plan_generation| Hello {
        plan_generation,
        first_sequence: 5,
        acked_through_sequence: 4,
        ..greeting()
    };
    let (agent, _) = begin(&engine, returning(1)).await;
    let row = covered(&engine, |row| row.is_active).await;
    assert_eq!((row.active_since_ns, row.plan_generation), (1_003_000_000_000, 1));
    agent.leave().await;
    let (mut agent, plan) = begin(&engine, returning(6)).await;
    assert_eq!(plan.generation, 7);
    covered(&engine, because("has not answered plan 7")).await;
    deliver(&mut agent, 5, vec![open(5, "/other", 6, false)]).await;
    covered(&engine, because("has not answered plan 7")).await;
    answer(&agent, &plan).await;
    deliver(&mut agent, 6, vec![open(6, "/other", 7, false)]).await;
    let row = covered(&engine, |row| row.is_active).await;
    assert_eq!((row.active_since_ns, row.plan_generation), (1_006_000_000_000, 7));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: the agent cannot record the rule's only event type; the plan is refused. Guarantees: the rule is not active,
/// for that reason.
#[tokio::test]
async fn what_a_host_cannot_do_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, _metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let (mut agent, plan) = begin(&engine, greeting()).await;
    let uncaptured = vec![UncapturedCall { event_type: "openat".into(), reason: "too costly".into() }];
    let told = PlanAnswer { generation: plan.generation, uncaptured, ..PlanAnswer::default() };
    agent.send(capture_request::Kind::PlanAnswer(told)).await;
    deliver(&mut agent, 1, vec![switch(1, 1)]).await;
    let row = covered(&engine, |row| !row.is_active && row.reasons == ["openat: too costly"]).await;
    assert_eq!(row.plan_generation, 0);
    let failure = PlanAnswer { generation: plan.generation, failure: "no".into(), ..PlanAnswer::default() };
    agent.send(capture_request::Kind::PlanAnswer(failure)).await;
    covered(&engine, |row| row.reasons.iter().any(|reason| reason == "the agent refused plan 1: no")).await;
    let off = coverage(&engine, &["Sleeping"]).await.unwrap().remove(0);
    assert_eq!((off.is_active, &*off.reasons[0]), (false, "the rule is switched off"));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: three opens, of which a rule's own filters let one through, and one more that was marked. Guarantees: events,
/// bytes and the rule's share of what was not marked are told by type and by rule; without a host, what the rule needs is told all the same.
#[tokio::test]
async fn costs_are_told_by_type_and_rule() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, _metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let alone = explain(&engine, "Reads*").await.unwrap();
    assert_eq!((alone.len(), &alone[0].origin, &*alone[0].calls[0].event_type), (1, &None, "openat"));
    let (mut agent, plan) = begin(&engine, greeting()).await;
    answer(&agent, &plan).await;
    let mut events: Vec<Event> = [ALLOWED, "/a", "/b"]
        .iter()
        .zip(1..)
        .map(|(path, sequence)| open(sequence, path, 1, false))
        .collect();
    events.push(open(4, "/c", 1, true));
    let bytes: usize = events.iter().map(prost::Message::encoded_len).sum();
    deliver(&mut agent, 1, events).await;
    covered(&engine, |row| row.is_active).await;
    let explained = explain(&engine, "Reads*").await.unwrap().remove(0);
    let told = &explained.calls[0];
    let cost = told.cost.unwrap();
    assert_eq!((explained.hostname.as_str(), cost.events, cost.marked_events), ("h1", 4, 1));
    let framed = cost.bytes - u64::try_from(bytes).unwrap();
    assert!((4..=4 * 4).contains(&framed) && cost.events_per_second > 0.0, "{cost:?}, {bytes} bytes");
    assert_eq!(told.admitted_share, Some(1.0 / 3.0));
    assert!(!told.effective.as_ref().unwrap().any_of.is_empty());
    let listed = plans(&engine).await.remove(0);
    let status = listed.calls.iter().find(|call| call.event_type == "openat").unwrap();
    assert_eq!((status.cost.unwrap().events, status.asked.is_some()), (4, true));
    agent.leave_at_the_engines_end(engine).await;
}

/// Scenario: rules and hosts that are not there, and what this engine does not do with rules. Guarantees: each is refused by
/// a sentence that says what to do.
#[tokio::test]
async fn what_cannot_be_told_is_refused_helpfully() {
    let directory = tempfile::tempdir().unwrap();
    let (engine, _metrics) = start_narrow(directory.path(), PlanOptions::default()).await;
    let unknown = explain(&engine, "Reads the sekret").await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown)), (Code::NotFound, "RULE_UNKNOWN"));
    assert!(unknown.message().contains("did you mean \"Reads the secret\"?"), "{unknown}");
    let mut client = RuleServiceClient::new(channel(engine.local_address()).await);
    let hosts = vec!["nobody".to_owned()];
    let nobody = client.list_coverage(ListCoverageRequest { hosts, ..Default::default() }).await.unwrap_err();
    assert_eq!((nobody.code(), reason(&nobody)), (Code::NotFound, "HOST_UNKNOWN"));
    let bundles = client.list_bundles(ListBundlesRequest::default()).await.unwrap_err();
    assert_eq!((bundles.code(), reason(&bundles)), (Code::Unimplemented, "RULES_FROM_FILES"));
    assert!(bundles.message().contains("--rules"), "{bundles}");
    engine.shutdown().await;
}
